"""Token shards on disk: the Megatron indexed-dataset format. Ours have one document a sequence, those of others may have more.

`<prefix>.bin` is the tokens of all documents, one after the other, little-endian. `<prefix>.idx` says where each begins:

| bytes | what |
| --- | --- |
| 9 | magic `MMIDIDX\\0\\0` |
| 8 | version, uint64, 1 |
| 1 | code of the token dtype (1 uint8, 2 int8, 3 int16, 4 int32, 5 int64, 6 float64, 7 float32, 8 uint16) |
| 8 | number of sequences S, uint64 |
| 8 | number of document indices, uint64: documents + 1 (Megatron counts the leading 0) |
| 4 S | tokens in each sequence, int32 |
| 8 S | byte offset of each sequence in the .bin, int64 |
| 8 (D + 1) | sequence numbers at which documents begin and, last, S, int64; in our files 0, 1, ..., S |

Reference: Megatron-LM `megatron/core/datasets/indexed_dataset.py`.
"""

import struct
from array import array
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
HEADER = struct.Struct("<9sQBQQ")  # magic, version, dtype code, sequences, document indices
DTYPE_CODES = {
    "uint8": 1,
    "int8": 2,
    "int16": 3,
    "int32": 4,
    "int64": 5,
    "uint16": 8,
}  # Tokens are integers; Megatron's codes of floats are left out.
DTYPES = {code: np.dtype(name).newbyteorder("<") for name, code in DTYPE_CODES.items()}
SPLITS = ("train", "validation", "test")
LARGEST_DOCUMENT = 2**31 - 1  # tokens, as the index stores lengths as int32


def token_dtype(vocab_size: int) -> np.dtype:
    """The dtype that holds ids below `vocab_size`: uint16 below 65,536 ids, else int32."""
    return np.dtype("<u2") if vocab_size < 65_536 else np.dtype("<i4")


class TokenShardWriter:
    """Writes `<prefix>.bin` as documents come and `<prefix>.idx` on leaving the `with` block without an error.

    Memory: 4 bytes a document; the tokens go straight to the file.
    """

    def __init__(self, prefix: Path, dtype: np.dtype | str) -> None:
        self.prefix = prefix
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.lengths = array("i")
        self._bin: BinaryIO

    def append(self, tokens: np.ndarray) -> None:
        """Add one document; `tokens` (n,) of any integer dtype whose values fit the shard's dtype."""
        assert tokens.ndim == 1 and len(tokens) <= LARGEST_DOCUMENT, tokens.shape
        bounds = np.iinfo(self.dtype)
        assert not len(tokens) or (tokens.min() >= bounds.min and tokens.max() <= bounds.max), "id outside the dtype"
        self._bin.write(tokens.astype(self.dtype, copy=False).tobytes())
        self.lengths.append(len(tokens))

    def __enter__(self) -> Self:
        self._bin = Path(f"{self.prefix}.bin").open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bin.close()
        if error is None:
            _write_index(Path(f"{self.prefix}.idx"), np.asarray(self.lengths, dtype="<i4"), self.dtype)


def _write_index(path: Path, lengths: np.ndarray, dtype: np.dtype) -> None:
    count = len(lengths)
    pointers = np.zeros(count, dtype="<i8")
    np.cumsum(lengths[:-1], dtype=np.int64, out=pointers[1:])
    with path.open("wb") as file:
        file.write(HEADER.pack(MAGIC, VERSION, DTYPE_CODES[dtype.name], count, count + 1))
        file.write(lengths.tobytes())
        file.write((pointers * dtype.itemsize).tobytes())
        file.write(np.arange(count + 1, dtype="<i8").tobytes())


@dataclass(frozen=True)
class TokenShard:
    """An open shard; arrays are views of memory-mapped files, read as they are touched."""

    prefix: Path
    tokens: np.ndarray  # (total tokens,) uint16 or int32: every document, in order
    lengths: np.ndarray  # (documents,) int32 or int64: tokens of each document, its separator included
    starts: np.ndarray  # (documents,) int64: number of the first token of each document

    @classmethod
    def open(cls, prefix: Path) -> "TokenShard":
        """Map the shard `<prefix>.bin` / `.idx`, whoever wrote it. The sequences of a document are one after the other in it.

        Raises ValueError, naming the file, when it is absent, damaged, or of another kind.
        """
        index_path, bin_path = Path(f"{prefix}.idx"), Path(f"{prefix}.bin")
        for path in (index_path, bin_path):
            if not path.is_file():
                raise ValueError(
                    f"{path}: no such token shard file; a shard is a .bin and an .idx with the same prefix"
                )
        dtype, lengths, pointers = _read_index(index_path)
        if bin_path.stat().st_size != int(lengths.sum(dtype=np.int64)) * dtype.itemsize:
            raise ValueError(f"{bin_path}: {bin_path.stat().st_size:,} bytes do not match its index; it is damaged")
        tokens = _map(bin_path, dtype, int(lengths.sum(dtype=np.int64)), offset=0)
        return cls(prefix, tokens, lengths, pointers // dtype.itemsize)

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.lengths)

    def document(self, number: int) -> np.ndarray:
        """Tokens (n,) of one document, separator included, as a view."""
        return self.tokens[self.starts[number] : self.starts[number] + self.lengths[number]]


@dataclass(frozen=True)
class TokenShardEntry:
    """A token shard found in a folder; `prefix` plus `.bin`, `.idx` and `.parquet` are its files."""

    source: str
    split: str
    prefix: Path
    tokens: int
    documents: int


def list_token_shards(folder: Path) -> list[TokenShardEntry]:
    """All token shards below `folder`, sorted by path. Raises ValueError naming a file that is damaged or out of place."""
    entries = []
    for path in sorted(folder.rglob("*.idx")):
        source, _, split = path.stem.rpartition("-")
        if not source or split not in SPLITS:
            raise ValueError(f"{path}: not named <source>-<split>.idx with a split out of {', '.join(SPLITS)}")
        shard = TokenShard.open(path.with_suffix(""))
        entries.append(TokenShardEntry(source, split, shard.prefix, len(shard.tokens), len(shard)))
    return entries


def _read_index(path: Path) -> tuple[np.dtype, np.ndarray, np.ndarray]:
    """The token dtype, and of each document its length in tokens and byte offset, from an .idx file that has no faults."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER.size)
    if len(head) < HEADER.size or not head.startswith(MAGIC):
        raise ValueError(f"{path}: not a Megatron index (it does not begin with MMIDIDX)")
    _, version, code, count, indices = HEADER.unpack(head)
    if version != VERSION or code not in DTYPES:
        raise ValueError(f"{path}: version {version} with dtype code {code} cannot be read (version 1, integers can)")
    if size != HEADER.size + count * 12 + indices * 8:
        raise ValueError(f"{path}: {size:,} bytes do not match its header; it is damaged")
    lengths = _map(path, np.dtype("<i4"), count, offset=HEADER.size)
    pointers = _map(path, np.dtype("<i8"), count, offset=HEADER.size + 4 * count)
    ends = np.cumsum(lengths, dtype=np.int64) * DTYPES[code].itemsize
    if count and (lengths.min() < 0 or pointers[0] != 0 or not np.array_equal(pointers[1:], ends[:-1])):
        raise ValueError(f"{path}: lengths and offsets contradict one another; it is damaged")
    begins = _map(path, np.dtype("<i8"), indices, offset=HEADER.size + 12 * count)
    if not len(begins) or begins[0] != 0 or begins[-1] != count or (np.diff(begins) < 0).any():
        raise ValueError(f"{path}: its documents do not cover its sequences; it is damaged")
    if indices == count + 1 and (np.diff(begins) == 1).all():
        return DTYPES[code], lengths, pointers
    bounds = np.concatenate([[0], ends // DTYPES[code].itemsize])[begins]
    return DTYPES[code], np.diff(bounds), bounds[:-1] * DTYPES[code].itemsize


def _map(path: Path, dtype: np.dtype, count: int, offset: int) -> np.ndarray:
    if count == 0:  # an empty file cannot be mapped
        return np.empty(0, dtype)
    # A plain ndarray over the map: slicing np.memmap itself costs several times more.
    return np.asarray(np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=(count,)))
