"""The ways through the network that only CUDA takes, each beside the CPU's own way in float32: values and gradients."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.network.attention import attend
from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.masks import FlexMask, make_mask
from model.network.network import Network
from model.network.norm import RMSNorm, make_norm
from model.network.positions import document_positions, rope_tables, rotate
from model.training import loss as loss_module
from model.training.compiled_ops import missing_tool
from model.training.loss import CrossEntropy, NextTokenLoss
from tests.gpu.case import Case, Check, Figures, Skipped, compare, has_old_torch, needed_torch

TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 4e-2}  # as shares of the largest number
HEADS: dict[str, Any] = {"vocab_size": 509, "d_model": 128, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2}
MASKS: dict[str, dict[str, Any]] = {
    "window": {"sliding_window": 50},
    "documents": {},
    "alibi": {"positions": "alibi"},
    "softcap": {"attention_softcap": 2.0},
    "window, documents, softcap": {"sliding_window": 50, "attention_softcap": 2.0},
}
NETWORKS: dict[str, dict[str, Any]] = {
    "gpt2": {
        "positions": "learned",
        "norm": "layernorm",
        "feed_forward": "gelu",
        "bias": True,
        "tied_embeddings": True,
        "n_kv_heads": 4,
    },
    "llama": {},
    "gemma2": {
        "norm_position": "both",
        "feed_forward": "geglu",
        "embedding_scale": True,
        "attention_softcap": 2.0,
        "logit_softcap": 5.0,
        "sliding_window": 50,
        "attention_pattern": ("local", "global"),
    },
    "alibi": {"positions": "alibi", "norm_position": "after", "feed_forward": "squared_relu"},
    "qk_norm": {"qk_norm": True, "sliding_window": 50},
}


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Normal float32 numbers on the CPU, the same at every call."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def with_gradients(function: Callable[..., Tensor], inputs: Sequence[Tensor], backward: bool = True) -> list[Tensor]:
    """What `function` makes of the inputs, and the gradients of a weighted sum of it."""
    inputs = [tensor.detach().requires_grad_(backward) for tensor in inputs]
    result = function(*inputs)
    if not backward:
        return [result]
    weights = numbers(*result.shape, seed=1).to(result)
    return [result, *torch.autograd.grad((result * weights).sum(), inputs)]


def compare_all(
    figures: Figures, name: str, function: Callable[..., Tensor], inputs: Sequence[Tensor], expected: Sequence[Tensor]
) -> None:
    """Compare `function` on inputs of a device with what the CPU found; gradients are compared if the CPU found any."""
    tolerance = TOLERANCES[inputs[0].dtype]
    found = with_gradients(function, inputs, backward=len(expected) > 1)
    for part, ours, theirs in zip(("value", *"abcdef"), found, expected, strict=False):
        label = f"{name}, {part}" if part == "value" else f"{name}, gradient {part}"
        compare(figures, label, ours, theirs, tolerance)


def attention(case: Case, figures: Figures) -> None:
    """FlexAttention under each mask beside attention with the mask held whole, in float32 and bfloat16.

    A CPU has FlexAttention's values alone. On CUDA it is compiled, and a second mask of the kind must compile nothing anew.
    """
    on_gpu, length = case.device.type == "cuda", case.sized(500, 150)
    shapes = [(2, heads, length, 32) for heads in (4, 2, 2)]
    inputs = [numbers(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    for kind, fields in MASKS.items():
        config = ModelConfig(max_sequence_length=length, **HEADS | fields)
        documents = (torch.arange(length) // 60).expand(2, length) if "documents" in kind else None
        whole = make_mask(config, config.sliding_window, length, inputs[0], documents)
        plain = partial(attend, mask=whole, softcap=config.attention_softcap)
        expected = with_gradients(plain, inputs, backward=on_gpu)
        torch._dynamo.reset()
        for dtype in TOLERANCES:
            there = [tensor.to(case.device, dtype) for tensor in inputs]
            packed = None if documents is None else documents.to(case.device)
            made = partial(make_mask, config, config.sliding_window, length, there[0], packed, flex=True)
            assert isinstance(made(), FlexMask)
            fused = lambda q, k, v, made=made, cap=config.attention_softcap: attend(q, k, v, made(), softcap=cap)  # noqa: E731
            compare_all(figures, f"{kind}, {str(dtype).removeprefix('torch.')}", fused, there, expected)
            before = compilations()
            with_gradients(fused, there, backward=on_gpu)
            again = compilations() - before
            assert again == 0, f"{kind}: the second mask of this kind was compiled anew ({again} graphs)"


def compilations() -> int:
    """Graphs that torch has compiled in this process."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


def norms(case: Case, figures: Figures) -> None:
    """torch's kernels of RMSNorm and LayerNorm beside the CPU's own function."""
    rows, width = case.sized((4096, 2048), (64, 128))
    for kind in ("rmsnorm", "layernorm"):
        config = ModelConfig(vocab_size=1, norm=kind, bias=kind == "layernorm")
        norm = make_norm(config, width)
        gain, x = 1 + 0.1 * numbers(width, seed=2), numbers(rows, width)
        run = partial(call_norm, norm)
        expected = with_gradients(run, (x, gain))
        way = torch_norm if kind == "rmsnorm" and case.device.type == "cpu" else call_norm
        for dtype in TOLERANCES:
            there = [tensor.to(case.device, dtype) for tensor in (x, gain)]
            compare_all(figures, f"{kind}, {dtype}", partial(way, norm), there, expected)


def call_norm(norm: nn.Module, x: Tensor, gain: Tensor) -> Tensor:
    """The norm with another gain."""
    others = {name: p.to(x) for name, p in norm.named_parameters() if name != "weight"}
    return torch.func.functional_call(norm, {"weight": gain, **others}, (x,))


def torch_norm(norm: RMSNorm, x: Tensor, gain: Tensor) -> Tensor:
    """The way of RMSNorm that a GPU takes, on any device."""
    return F.rms_norm(x, norm.normalized_shape, gain, norm.eps)


def rotation(case: Case, figures: Figures) -> None:
    """The rotation of queries and keys, with the positions of one text and of packed ones, beside the paper's on the CPU."""
    length = case.sized(2048, 64)
    x, tables = numbers(2, 4, length, 64), rope_tables(length, 64, 10_000.0)
    documents = (torch.arange(length) // 60).expand(2, length)
    at = {"one text": torch.arange(length), "packed texts": document_positions(documents)}
    for name, positions in at.items():
        angles = [table[positions] if positions.ndim == 1 else table[positions][:, None] for table in tables]
        expected = with_gradients(lambda x, angles=angles: rotated(x, *angles), [x])
        assert torch.equal(document_positions(documents.to(case.device)).cpu(), at["packed texts"])
        for dtype in TOLERANCES:
            there = [table.to(case.device, dtype) for table in angles]
            turned = lambda x, there=there: rotate(x, *there)  # noqa: E731
            compare_all(figures, f"{name}, {dtype}", turned, [x.to(case.device, dtype)], expected)


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """`rotate` as transformers writes it, with a gradient by autograd."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


def losses(case: Case, figures: Figures) -> None:
    """Cross-entropy some rows at a time, and with logits in chunks, beside torch's of all logits in float32 on the CPU."""
    vocabulary = case.sized(50_304, 512)
    count = 2 * loss_module.IN_FLOAT32[case.device.type] // vocabulary + 5  # three groups of rows
    logits = 3 * numbers(count, vocabulary)
    targets = torch.arange(count) * 7 % vocabulary
    expected = with_gradients(lambda x: F.cross_entropy(x, targets, reduction="none"), [logits])
    there = targets.to(case.device)
    for dtype in TOLERANCES:
        ours = lambda x: CrossEntropy.apply(x, there)[0]  # noqa: E731
        compare_all(figures, f"rows, {dtype}", ours, [logits.to(case.device, dtype)], expected)
    config = ModelConfig(max_sequence_length=64, **HEADS)
    expected_loss, expected_gradient = loss_of(config, torch.device("cpu"), torch.float32)
    with logits_bytes(config.vocab_size * 4 * 50):
        loss, gradient = loss_of(config, case.device, torch.float32)
    compare(figures, "chunks, value", loss, expected_loss, 1e-4)
    compare(figures, "chunks, gradient", gradient, expected_gradient, 1e-3)


@contextmanager
def logits_bytes(size: int) -> Iterator[None]:
    """Inside, no more bytes of logits are held at once."""
    before, loss_module.LOGITS_BYTES = loss_module.LOGITS_BYTES, size
    try:
        yield
    finally:
        loss_module.LOGITS_BYTES = before


def loss_of(
    config: ModelConfig,
    device: torch.device,
    dtype: torch.dtype,
    checkpoint_every: int = 0,
    packed: bool = False,
    compiled: bool = False,
) -> tuple[Tensor, Tensor]:
    """The loss () of a network with the first weights on a fixed batch, and its whole gradient, flat."""
    network = Network(config)
    initialize(network, seed=0)
    for parameter in network.parameters():
        parameter.data.mul_(2.0)  # so that attention and gates are far from linear
    network.checkpoint_every = checkpoint_every
    module = NextTokenLoss(network).to(device, dtype)
    if compiled:
        for block in network.blocks:
            block.compile()
    length = config.max_sequence_length
    tokens = (torch.arange(2)[:, None] * 31 + torch.arange(length + 1) * 7) % config.vocab_size
    documents = (torch.arange(length) // 60).expand(2, length).to(device) if packed else None
    loss = module(tokens.to(device), documents=documents)
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    return loss, torch.cat([gradient.float().flatten() for gradient in gradients])


def whole_networks(case: Case, figures: Figures) -> None:
    """Loss and gradient of whole networks on the device beside the CPU's in float32: same weights, same batch."""
    for name, fields in NETWORKS.items():
        config = ModelConfig(max_sequence_length=case.sized(500, 130), **HEADS | fields)
        for packed in (False, True):
            what = f"{name}{', packed' if packed else ''}"
            expected = loss_of(config, torch.device("cpu"), torch.float32, packed=packed)
            for dtype, of_loss, of_gradient in ((torch.float32, 1e-4, 1e-3), (torch.bfloat16, 1e-2, 1e-1)):
                if dtype == torch.float32 and case.device.type == "cpu":
                    continue
                found = loss_of(config, case.device, dtype, packed=packed)
                compare(figures, f"{what}, {dtype}, loss", found[0], expected[0], of_loss)
                compare(figures, f"{what}, {dtype}, gradient", found[1], expected[1], of_gradient)
        torch._dynamo.reset()


def activation_checkpointing(case: Case, figures: Figures) -> None:
    """Loss and gradient with activations computed again, beside those with activations kept; and the memory of both."""
    fields = NETWORKS["gemma2"] if case.device.type == "cuda" else NETWORKS["llama"]
    config = ModelConfig(max_sequence_length=case.sized(2048, 64), **HEADS | fields | {"n_layers": 8})
    found, memory = {}, {}
    for every in (0, 1):
        if case.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        found[every] = loss_of(config, case.device, torch.float32, checkpoint_every=every)
        if case.device.type == "cuda":
            memory[every] = torch.cuda.max_memory_allocated()
    compare(figures, "loss", found[1][0], found[0][0], 1e-6)
    compare(figures, "gradient", found[1][1], found[0][1], 1e-5)
    if memory:
        figures["memory_gb"] = {"kept": memory[0] / 1e9, "computed again": memory[1] / 1e9}
        assert memory[1] < memory[0], "activations that are computed again took no less memory"


def compiled_blocks(case: Case, figures: Figures) -> None:
    """Loss and gradient of compiled blocks beside those of the same blocks as they are, on the device in float32."""
    if missing := missing_tool("g++"):
        raise Skipped(f"blocks are compiled with {missing}, which is not installed here")
    if case.device.type == "cpu" and has_old_torch():  # seen with torch 2.11: the norms' gradient came out as 0
        raise Skipped(
            f"needs torch {needed_torch()}: an older one loses gradients in float32 that it compiles for a CPU"
        )
    for name in ("llama",) if case.device.type == "cpu" else ("gpt2", "llama", "gemma2"):
        config = ModelConfig(max_sequence_length=case.sized(500, 32), **HEADS | NETWORKS[name])
        expected = loss_of(config, case.device, torch.float32)
        found = loss_of(config, case.device, torch.float32, compiled=True)
        compare(figures, f"{name}, loss", found[0], expected[0], 1e-4)
        compare(figures, f"{name}, gradient", found[1], expected[1], 1e-3)


CHECKS = (
    Check("norms", 30, norms),
    Check("rotation", 30, rotation),
    Check("losses", 60, losses),
    Check("attention", 120, attention),
    Check("whole networks", 120, whole_networks),
    Check("activation checkpointing", 60, activation_checkpointing),
    Check("compiled blocks", 120, compiled_blocks),
)
