"""Hugging Face folders of the families that express our network (`model.formats.hf_config`), written and read.

The table of names is `model.formats.hf_layout`'s, which both directions read. Nothing is fetched, no remote code runs and only
safetensors are read: files of the folder itself, never more than its config says.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer

from model.formats.hf_config import architecture, hf_config
from model.formats.hf_layout import Entry, Weights, layout, to_ours, to_theirs
from model.formats.import_config import import_config
from model.formats.reading import read_json
from model.formats.tensors import check_finite
from model.network.config import ModelConfig, parameters
from model.network.shapes import shapes

SHARD_BYTES = 5 * 10**9  # larger models are spread over files of at most this size
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
INDEX_BYTES = 2**26  # largest index that is read; that of a model of 10,000 layers has 20 MB
# Buffers that older transformers versions stored: causal masks and rotary frequencies, both functions of the config.
STORED_BUFFERS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def export_hf(
    weights: Weights,
    config: ModelConfig,
    folder: Path,
    tokenizer: Path,
    end_id: int,
    pad_id: int | None = None,
    start_id: int | None = None,
    dtype: torch.dtype = torch.float32,
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Write weights (a network's `state_dict()`) and tokenizer as a folder for AutoModelForCausalLM and AutoTokenizer.

    `end_id` ends a text, `start_id` begins one (None: the end of the one before). The same weights give the same bytes.
    Raises ValueError when no family expresses the network, or an id is not in the tokenizer.
    """
    from transformers import GenerationConfig  # it takes seconds, which ranks that only read a folder are spared

    start_id = end_id if start_id is None else start_id
    settings = hf_config(config, start_id, end_id, pad_id, str(dtype).removeprefix("torch."))
    folder.mkdir(parents=True, exist_ok=True)
    settings.save_pretrained(folder)
    GenerationConfig(bos_token_id=start_id, eos_token_id=end_id, pad_token_id=pad_id).save_pretrained(folder)
    write_tokenizer(folder, tokenizer, (start_id, end_id, pad_id), config.max_sequence_length)
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
        name = WEIGHTS if whole else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file({e.theirs: to_theirs(e, weights).to(dtype) for e in entries}, folder / name, {"format": "pt"})
        index.update({entry.theirs: name for entry in entries})
    if not whole:
        contents = {"metadata": {"total_size": total}, "weight_map": index}
        write_json(folder / INDEX, contents)


def write_tokenizer(folder: Path, tokenizer: Path, ids: Sequence[int | None], max_length: int) -> None:
    """`tokenizer.json` as it is, and beside it what transformers needs to know of it: `ids` of start, end and padding."""
    contents = tokenizer.read_bytes()
    loaded = Tokenizer.from_str(contents.decode())
    names = [None if number is None else loaded.id_to_token(number) for number in ids]
    for number, name in zip(ids, names, strict=True):
        if number is not None and name is None:
            raise ValueError(f"{tokenizer}: has no token with id {number}")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **dict(zip(("bos_token", "eos_token", "pad_token"), names, strict=True)),
        "model_max_length": max_length,
        "clean_up_tokenization_spaces": False,  # decoding gives the text back, byte for byte
    }
    (folder / "tokenizer.json").write_bytes(contents)
    write_json(folder / "tokenizer_config.json", {name: value for name, value in settings.items() if value is not None})


def write_json(path: Path, contents: Mapping[str, Any]) -> None:
    """Write an object with sorted keys, so that equal contents give equal bytes."""
    path.write_text(json.dumps(contents, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def import_hf(folder: Path) -> tuple[ModelConfig, dict[str, torch.Tensor]]:
    """Config and float32 weights by our names of a Hugging Face folder.

    Raises ValueError in one line for what our network cannot express and for weights that are missing, unknown, not finite,
    or of another shape or type than the config says.
    """
    config = import_config(folder)
    files = weight_files(folder)
    size = sum((folder / name).stat().st_size for name in files)
    if parameters(config) > size:  # checked before anything as large as the config says is made
        raise ValueError(
            f"{folder}: config.json speaks of {parameters(config)} weights, but its safetensors files have {size} bytes"
        )
    stored = {name: tensor for file, names in files.items() for name, tensor in read_tensors(folder / file, names)}
    for name in sorted(stored):
        check_finite(folder, name, stored[name])
    if (
        architecture(config) == "gpt2" and "wte.weight" in stored
    ):  # it was saved from the bare model, as OpenAI's GPT-2 is
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
        try:
            weights |= to_ours(entry, stored.pop(entry.theirs).float())
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from None
    if unknown := sorted(stored):
        raise ValueError(f"{folder}: {len(unknown)} weights that our network does not have, among them {unknown[0]}")
    check_shapes(folder, config, weights)
    return config, weights


def weight_files(folder: Path) -> dict[str, list[str] | None]:
    """Names of the folder's weight files, and of the tensors to read from each (None: all)."""
    if (folder / INDEX).is_file():
        index = read_json(folder / INDEX, INDEX_BYTES).get("weight_map")
        if not isinstance(index, dict) or not all(isinstance(file, str) for file in index.values()):
            raise ValueError(f"{folder / INDEX}: has no weight_map from tensors to files")
        files: dict[str, list[str] | None] = {
            file: [name for name, place in index.items() if place == file] for file in sorted(set(index.values()))
        }
    else:
        files = {WEIGHTS: None}
    for file in files:
        if Path(file).name != file or not file.endswith(".safetensors"):
            raise ValueError(f"{folder / INDEX}: {file!r} is no safetensors file of this folder; no other is read")
        if not (folder / file).is_file():
            raise ValueError(
                f"{folder}: no {file} in it (pickled weights such as pytorch_model.bin are not read: "
                "save them as safetensors)"
            )
    return files


def read_tensors(path: Path, wanted: list[str] | None) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of one file that are weights, all or those `wanted`."""
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            if missing := sorted(set(wanted or ()) - names):
                raise ValueError(f"{path}: has no {missing[0]}, which the index says is in it")
            for name in sorted(names if wanted is None else wanted):
                if name.endswith(STORED_BUFFERS):
                    continue
                tensor = file.get_tensor(name)
                if tensor.dtype not in DTYPES:
                    raise ValueError(f"{path}: {name} is {tensor.dtype}; float32, float16 and bfloat16 are read")
                yield name, tensor
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole safetensors file ({error})") from None


def check_shapes(folder: Path, config: ModelConfig, weights: Weights) -> None:
    """Raise ValueError for the first weight whose shape is not that of the config's network."""
    expected = shapes(config)
    for name, tensor in weights.items():
        if tuple(tensor.shape) != expected[name]:
            raise ValueError(
                f"{folder}: {name} has shape {tuple(tensor.shape)}, but its configuration says {expected[name]}"
            )
