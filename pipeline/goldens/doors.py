"""The goldens of documents, tokens and network: what others made is taken over."""

import json
from pathlib import Path

import numpy as np
import torch

from data.collect.given import plan_given, take_documents
from data.collect.given_config import DocumentsConfig, GivenSource
from data.tokens.config import TokensConfig, TokenSource
from data.tokens.taken import plan_parts, take_part
from data.tokens.token_shards import DTYPE_CODES, HEADER, MAGIC, VERSION
from data.tokens.tokenize import list_token_shards, provenance, tokens_content
from data.tokens.vocabulary import load_vocabulary
from model.formats.convert_hf import export_hf
from pipeline.goldens.content import Golden, Values, counts_content, shards_made, value_content
from pipeline.goldens.networks import FAMILIES, network_of
from pipeline.goldens.tokens import TRAINED
from pipeline.stages.network import copy_network

RECORDS = [
    {
        "key": "A1",
        "body": "  A text that is  not\u00a0normalised.\r\n",
        "licence": "MIT",
        "url": "https://example.org/1",
        "n": 1,
    },
    {"key": 2, "body": "Its id is a number.", "licence": "", "n": 2},
    {"key": "empty", "body": ""},
    {"body": "It has no id."},
    {"key": True, "body": "Its id is no id."},
    {"key": "no text"},
]
SOURCE = GivenSource(
    name="given",
    path="records.jsonl",
    text_field="body",
    id_field="key",
    uri_field="url",
    license_field="licence",
    license="CC0-1.0",
    meta_fields=["n"],
)


def _documents(folder: Path) -> Values:
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    config = DocumentsConfig(sources=[SOURCE])
    (shard,) = plan_given(config, folder)
    return shards_made([folder], [take_documents(folder, shard, config)])


def _tokens(split: str, folder: Path) -> Values:
    """Documents of one and of several sequences, with an end and without, and an empty one."""
    end = load_vocabulary(TRAINED).end_id
    sequences = [[40, 50, 60, end], [70, 71], [72, end], [80, 81, 82], [], [90 + n for n in range(20)]]
    _write_shard(folder / "theirs", sequences, begins=[0, 1, 3, 4, 5, 6])
    config = TokensConfig(
        sources=[TokenSource(name="given", path="theirs.idx", split=split, license="MIT")], validation=0.3, test=0.3
    )
    (part,) = plan_parts(config, folder)
    out = folder / "out"
    out.mkdir()
    made: Values = {"counts": counts_content([take_part(out, part, TRAINED, config)])}
    for entry in list_token_shards(out):
        table = [provenance(entry.prefix, number) for number in range(entry.documents)]
        made[f"{entry.split} provenance"] = value_content(table)
    return made | tokens_content(out)


def _write_shard(prefix: Path, sequences: list[list[int]], begins: list[int]) -> None:
    """A token shard whose documents begin at the sequences `begins`, the last of which is their number."""
    lengths = np.array([len(sequence) for sequence in sequences], "<i4")
    offsets = (np.cumsum(lengths, dtype="<i8") - lengths) * 4
    prefix.with_suffix(".bin").write_bytes(b"".join(np.array(sequence, "<i4").tobytes() for sequence in sequences))
    head = HEADER.pack(MAGIC, VERSION, DTYPE_CODES["int32"], len(sequences), len(begins))
    prefix.with_suffix(".idx").write_bytes(
        head + lengths.tobytes() + offsets.tobytes() + np.array(begins, "<i8").tobytes()
    )


def _network(folder: Path) -> Values:
    network, theirs = network_of(next(iter(FAMILIES.values()))), folder / "theirs"
    for parameter in network.parameters():  # Random numbers differ from processor to processor, these do not.
        parameter.data = torch.arange(parameter.numel(), dtype=torch.float32).reshape(parameter.shape) / 1024
    export_hf(network.state_dict(), network.config, theirs, TRAINED, end_id=0, pad_id=1)
    out = folder / "out"
    out.mkdir()
    files = {name: theirs / name for name in ("config.json", "model.safetensors")}
    made = copy_network(out, files, TRAINED)
    return {"content": made["content"], "files": value_content(sorted(path.name for path in out.rglob("*")))}


DOCUMENT_GOLDENS: dict[str, Golden] = {"records": _documents}
TOKEN_GOLDENS: dict[str, Golden] = {
    "split by hash": lambda folder: _tokens("auto", folder),
    "one split": lambda folder: _tokens("test", folder),
}
NETWORK_GOLDENS: dict[str, Golden] = {"hugging face": _network}
