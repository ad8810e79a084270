"""Names and layouts to and from Hugging Face folders of the Llama and GPT-2 families, and the proof that nothing was lost.

- `layout` is the one table of names; both directions read it. Rotary positions have transformers' half-rotation layout
  here too, so Llama's queries and keys are not permuted; GPT-2 stores its linear weights transposed (`Conv1D`) and query,
  key and value as one.
- A tied unembedding is not stored: transformers 5 does not tie weights when `lm_head.weight` is in the file
  (transformers #42612).
- Nothing is fetched, no remote code runs and only safetensors are read.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from model.config import ModelConfig
from model.hf_config import architecture, hf_config, import_config

SHARD_BYTES = 5 * 10**9  # larger models are spread over files of at most this size

Weights = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Entry:
    """One tensor of theirs: `ours` joined along the outputs, transposed if they keep (inputs, outputs)."""

    theirs: str
    ours: tuple[str, ...]
    transposed: bool = False


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
GPT2_BLOCK = {
    "attention_norm": "ln_1",
    "attention.query attention.key attention.value": "attn.c_attn",
    "attention.output": "attn.c_proj",
    "feed_forward_norm": "ln_2",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
# Buffers that older transformers versions stored: causal masks and rotary frequencies, both functions of the config.
STORED_BUFFERS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")


def layout(config: ModelConfig) -> Iterator[Entry]:
    """Every tensor of the Hugging Face model, in the order in which data meets them, and what it is made of."""
    llama = architecture(config) == "llama"
    block, blocks = (LLAMA_BLOCK, "model.layers") if llama else (GPT2_BLOCK, "transformer.h")
    yield Entry("model.embed_tokens.weight" if llama else "transformer.wte.weight", ("embedding.weight",))
    if not llama:
        yield Entry("transformer.wpe.weight", ("positions.weight",))
    for layer in range(config.n_layers):
        for ours, theirs in block.items():
            norm = ours.endswith("_norm")
            for kind in ["weight", "bias"] if has_bias(config, norm) else ["weight"]:
                names = tuple(f"blocks.{layer}.{part}.{kind}" for part in ours.split())
                yield Entry(f"{blocks}.{layer}.{theirs}.{kind}", names, not llama and not norm)
    for kind in ["weight", "bias"] if has_bias(config, norm=True) else ["weight"]:
        yield Entry(f"model.norm.{kind}" if llama else f"transformer.ln_f.{kind}", (f"final_norm.{kind}",))
    if not config.tied_embeddings:
        yield Entry("lm_head.weight", ("unembedding.weight",))


def has_bias(config: ModelConfig, norm: bool) -> bool:
    """Whether their layer has a bias: GPT-2's always do, written as zeros where ours has none."""
    return architecture(config) == "gpt2" or (config.bias and not norm)


def to_theirs(entry: Entry, weights: Weights) -> torch.Tensor:
    """Our tensors as their one, contiguous and on the CPU."""
    joined = torch.cat([weight_or_no_bias(name, weights).detach().cpu() for name in entry.ours])
    return (joined.T if entry.transposed and joined.dim() == 2 else joined).contiguous()


def weight_or_no_bias(name: str, weights: Weights) -> torch.Tensor:
    """The weight, or where ours has no bias zeros, one for each output (the first dimension of the layer's weight)."""
    if name in weights or not name.endswith(".bias"):
        return weights[name]
    weight = weights[name.removesuffix("bias") + "weight"]
    return weight.new_zeros(len(weight))


def to_ours(entry: Entry, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """Their tensor as our several of equal size, the inverse of `to_theirs`. Raises ValueError when it cannot be cut so."""
    joined = tensor.T if entry.transposed and tensor.dim() == 2 else tensor
    if tensor.dim() == 0 or len(joined) % len(entry.ours):
        raise ValueError(f"{entry.theirs} has shape {tuple(tensor.shape)}, which is not {len(entry.ours)} equal parts")
    parts = joined.split(len(joined) // len(entry.ours))
    return {name: part.contiguous() for name, part in zip(entry.ours, parts, strict=True)}


def export_hf(
    weights: Weights,
    config: ModelConfig,
    folder: Path,
    tokenizer: Path,
    end_id: int,
    pad_id: int | None = None,
    dtype: torch.dtype = torch.float32,
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Write weights (a network's `state_dict()`) and tokenizer as a folder for AutoModelForCausalLM and AutoTokenizer.

    The same weights give the same bytes. Raises ValueError when neither family expresses the network, or an id is not in
    the tokenizer.
    """
    from transformers import GenerationConfig

    settings = hf_config(config, end_id, pad_id, str(dtype).removeprefix("torch."))
    folder.mkdir(parents=True, exist_ok=True)
    settings.save_pretrained(folder)
    GenerationConfig(bos_token_id=end_id, eos_token_id=end_id, pad_token_id=pad_id).save_pretrained(folder)
    write_tokenizer(folder, tokenizer, end_id, pad_id, config.max_sequence_length)
    write_weights(folder, weights, config, dtype, shard_bytes)


def write_weights(folder: Path, weights: Weights, config: ModelConfig, dtype: torch.dtype, shard_bytes: int) -> None:
    """`model.safetensors`, or several files and an index when it would be larger than `shard_bytes`."""
    shards: list[list[Entry]] = [[]]
    room, total = shard_bytes, 0
    for entry in layout(config):
        size = sum(weights[name].numel() for name in entry.ours if name in weights) * dtype.itemsize
        if size > room and shards[-1]:
            shards.append([])
            room = shard_bytes
        shards[-1].append(entry)
        room, total = room - size, total + size
    whole = len(shards) == 1
    index = {}
    for number, entries in enumerate(shards, 1):
        name = "model.safetensors" if whole else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file({e.theirs: to_theirs(e, weights).to(dtype) for e in entries}, folder / name, {"format": "pt"})
        index.update({entry.theirs: name for entry in entries})
    if not whole:
        contents = {"metadata": {"total_size": total}, "weight_map": index}
        write_json(folder / "model.safetensors.index.json", contents)


def write_tokenizer(folder: Path, tokenizer: Path, end_id: int, pad_id: int | None, max_length: int) -> None:
    """`tokenizer.json` as it is, and beside it what transformers needs to know of it."""
    from tokenizers import Tokenizer

    contents = tokenizer.read_bytes()
    loaded = Tokenizer.from_str(contents.decode())
    end = loaded.id_to_token(end_id)
    pad = None if pad_id is None else loaded.id_to_token(pad_id)
    if end is None or (pad_id is not None and pad is None):
        raise ValueError(f"{tokenizer}: has no token with id {end_id if end is None else pad_id}")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": end,
        "eos_token": end,
        "pad_token": pad,
        "model_max_length": max_length,
        "clean_up_tokenization_spaces": False,  # decoding gives the text back, byte for byte
    }
    (folder / "tokenizer.json").write_bytes(contents)
    write_json(folder / "tokenizer_config.json", {name: value for name, value in settings.items() if value is not None})


def write_json(path: Path, contents: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(contents, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def import_hf(folder: Path) -> tuple[ModelConfig, dict[str, torch.Tensor]]:
    """Config and float32 weights by our names of a Hugging Face folder. Raises ValueError for what ours cannot express."""
    config = import_config(folder)
    stored = read_weights(folder)
    if architecture(config) == "gpt2" and "wte.weight" in stored:  # saved from the bare model, as OpenAI's GPT-2 is
        stored = {f"transformer.{name}": tensor for name, tensor in stored.items()}
    head = stored.get("lm_head.weight")
    if config.tied_embeddings and head is not None:
        if not torch.equal(head, stored[next(layout(config)).theirs]):
            raise ValueError(
                f"{folder}: tie_word_embeddings is true, but lm_head.weight is stored and is another matrix"
            )
        del stored["lm_head.weight"]
    weights: dict[str, torch.Tensor] = {}
    for entry in layout(config):
        if entry.theirs not in stored:
            raise ValueError(f"{folder}: {entry.theirs} is missing from its safetensors files")
        weights |= to_ours(entry, stored.pop(entry.theirs).float())
    if unknown := sorted(stored):
        raise ValueError(f"{folder}: {len(unknown)} weights that our network does not have, among them {unknown[0]}")
    return config, weights


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """All the tensors of the folder's `model*.safetensors`."""
    paths = sorted(folder.glob("model*.safetensors"))
    if not paths:
        raise ValueError(
            f"{folder}: no model*.safetensors in it (pickled weights such as pytorch_model.bin are not read)"
        )
    tensors = {}
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:
                names = [name for name in file.keys() if not name.endswith(STORED_BUFFERS)]  # noqa: SIM118 (not a dict)
                tensors.update({name: file.get_tensor(name) for name in names})
        except SafetensorError as error:
            raise ValueError(f"{path}: not a whole safetensors file ({error})") from None
    return tensors
