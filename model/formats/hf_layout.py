"""Names and layouts of the weights in Hugging Face's families: one table each, which both directions read.

- Rotary positions have transformers' half-rotation layout here too, so queries and keys are not permuted.
- GPT-2 stores its linear weights transposed (`Conv1D`), and query, key and value as one.
- Gemma stores the gains of its norms less 1.
- A tied unembedding is not stored: transformers 5 does not tie weights when `lm_head.weight` is in the file
  (transformers #42612).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from model.formats.hf_config import Family, architecture
from model.network.config import ModelConfig

Weights = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Entry:
    """One tensor of theirs: `ours` joined along the outputs, transposed if they keep (inputs, outputs), less `offset`."""

    theirs: str
    ours: tuple[str, ...]
    transposed: bool = False
    offset: float = 0.0


@dataclass(frozen=True)
class Layout:
    """Our names of the modules and theirs; several of ours are joined to one of theirs."""

    outside: dict[str, str]
    blocks: str
    block: dict[str, str]
    transposed: bool = False
    norm_offset: float = 0.0


OUTSIDE = {"embedding": "model.embed_tokens", "final_norm": "model.norm", "unembedding": "lm_head"}
LLAMA_BLOCK = {
    "attention_norm": "input_layernorm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "feed_forward_norm": "post_attention_layernorm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
}
QWEN3_BLOCK = LLAMA_BLOCK | {
    "attention.query_norm": "self_attn.q_norm",
    "attention.key_norm": "self_attn.k_norm",
}
GEMMA2_BLOCK = LLAMA_BLOCK | {
    "attention_post_norm": "post_attention_layernorm",
    "feed_forward_norm": "pre_feedforward_layernorm",
    "feed_forward_post_norm": "post_feedforward_layernorm",
}
GPT2_OUTSIDE = {
    "embedding": "transformer.wte",
    "positions": "transformer.wpe",
    "final_norm": "transformer.ln_f",
    "unembedding": "lm_head",
}
GPT2_BLOCK = {
    "attention_norm": "ln_1",
    "attention.query attention.key attention.value": "attn.c_attn",
    "attention.output": "attn.c_proj",
    "feed_forward_norm": "ln_2",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
LAYOUTS: dict[Family, Layout] = {
    "gpt2": Layout(GPT2_OUTSIDE, "transformer.h", GPT2_BLOCK, transposed=True),
    "llama": Layout(OUTSIDE, "model.layers", LLAMA_BLOCK),
    "mistral": Layout(OUTSIDE, "model.layers", LLAMA_BLOCK),
    "qwen3": Layout(OUTSIDE, "model.layers", QWEN3_BLOCK),
    "gemma2": Layout(OUTSIDE, "model.layers", GEMMA2_BLOCK, norm_offset=1.0),
}


def layout(config: ModelConfig) -> Iterator[Entry]:
    """Every tensor of the Hugging Face model and what it is made of, block by block."""
    table = LAYOUTS[architecture(config)]
    for ours, theirs in table.outside.items():
        if not (ours == "unembedding" and config.tied_embeddings):
            yield from entries(config, table, "", ours, theirs)
    for layer in range(config.n_layers):
        for ours, theirs in table.block.items():
            yield from entries(config, table, f"blocks.{layer}.", ours, f"{table.blocks}.{layer}.{theirs}")


def entries(config: ModelConfig, table: Layout, prefix: str, ours: str, theirs: str) -> Iterator[Entry]:
    """Weight and bias of one module of theirs, made of the modules `ours`, whose names begin with `prefix`."""
    norm = ours.endswith("_norm")
    linear = prefix != "" and not norm  # what is outside the blocks are tables and a norm
    offset = table.norm_offset if norm else 0.0
    for kind in ["weight", "bias"] if (norm or linear) and has_bias(config, norm) else ["weight"]:
        names = tuple(f"{prefix}{part}.{kind}" for part in ours.split())
        yield Entry(f"{theirs}.{kind}", names, table.transposed and linear, offset)


def has_bias(config: ModelConfig, norm: bool) -> bool:
    """Whether their layer has a bias: GPT-2's always do, written as zeros where ours has none."""
    return architecture(config) == "gpt2" or (config.bias and not norm)


def to_theirs(entry: Entry, weights: Weights) -> torch.Tensor:
    """The one tensor of theirs that our several make, contiguous and on the CPU."""
    joined = torch.cat([weight_or_no_bias(name, weights).detach().cpu() for name in entry.ours])
    if entry.offset:
        joined = joined - entry.offset
    return (joined.T if entry.transposed and joined.dim() == 2 else joined).contiguous()


def weight_or_no_bias(name: str, weights: Weights) -> torch.Tensor:
    """The weight, or where ours has no bias zeros, one for each output (the first dimension of the layer's weight)."""
    if name in weights or not name.endswith(".bias"):
        return weights[name]
    weight = weights[name.removesuffix("bias") + "weight"]
    return weight.new_zeros(len(weight))


def to_ours(entry: Entry, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """Our tensors of equal size that make one of theirs: the inverse of `to_theirs`. Raises ValueError for another shape."""
    joined = tensor.T if entry.transposed and tensor.dim() == 2 else tensor
    if tensor.dim() == 0 or len(joined) % len(entry.ours):
        raise ValueError(f"{entry.theirs} has shape {tuple(tensor.shape)}, which is not {len(entry.ours)} equal parts")
    if entry.offset:
        joined = joined + entry.offset
    parts = joined.split(len(joined) // len(entry.ours))
    return {name: part.contiguous() for name, part in zip(entry.ours, parts, strict=True)}
