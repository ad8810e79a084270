"""Token shards: bytes against a hand-made file, round trips, damage."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.tokens.token_shards import TokenShard, TokenShardWriter, token_dtype


def write(prefix: Path, documents: list[list[int]], dtype: str = "uint16") -> Path:
    with TokenShardWriter(prefix, dtype) as writer:
        for document in documents:
            writer.append(np.array(document, dtype=np.int64))
    return prefix


@pytest.mark.parametrize(("dtype", "code", "letter"), [("uint16", 8, "H"), ("int32", 4, "i")])
def test_bytes_are_those_of_the_format(tmp_path: Path, dtype: str, code: int, letter: str) -> None:
    prefix = write(tmp_path / "a", [[5, 6, 0], [0], [65535 if code == 8 else 70000, 0]], dtype)
    size = struct.calcsize(letter)
    index = b"MMIDIDX\x00\x00" + struct.pack("<Q", 1) + struct.pack("<B", code) + struct.pack("<QQ", 3, 4)
    index += struct.pack("<3i", 3, 1, 2) + struct.pack("<3q", 0, 3 * size, 4 * size) + struct.pack("<4q", 0, 1, 2, 3)
    assert Path(f"{prefix}.idx").read_bytes() == index
    tokens = [5, 6, 0, 0, 65535 if code == 8 else 70000, 0]
    assert Path(f"{prefix}.bin").read_bytes() == struct.pack(f"<6{letter}", *tokens)


@settings(max_examples=30, deadline=None)
@given(documents=st.lists(st.lists(st.integers(0, 65_535), max_size=20), max_size=10))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, documents: list[list[int]]) -> None:
    shard = TokenShard.open(write(tmp_path_factory.mktemp("shard") / "x.y-train", documents))
    assert len(shard) == len(documents)
    assert [shard.document(number).tolist() for number in range(len(shard))] == documents
    assert shard.tokens.tolist() == [token for document in documents for token in document]
    assert shard.lengths.tolist() == [len(document) for document in documents]


def test_dtype_by_vocabulary() -> None:
    assert token_dtype(65_535) == np.uint16
    assert token_dtype(65_536) == np.int32


def test_ids_outside_the_dtype_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="outside"), TokenShardWriter(tmp_path / "a", "uint16") as writer:
        writer.append(np.array([65_536]))
    assert not (tmp_path / "a.idx").exists()  # an interrupted shard has no index


def test_missing_file_is_named(tmp_path: Path) -> None:
    prefix = write(tmp_path / "a", [[1, 0]])
    (tmp_path / "a.bin").unlink()
    with pytest.raises(ValueError, match=r"a\.bin: no such"):
        TokenShard.open(prefix)


@pytest.mark.parametrize(
    ("suffix", "change", "message"),
    [
        ("bin", lambda b: b[:-1], r"a\.bin: .* do not match"),
        ("bin", lambda b: b + b"\0\0", r"a\.bin: .* do not match"),
        ("idx", lambda b: b[:-1], r"a\.idx: .* do not match its header"),
        ("idx", lambda b: b[:20], r"a\.idx: not a Megatron"),
        ("idx", lambda b: b"TNTIDX\0\0\0" + b[9:], r"a\.idx: not a Megatron"),
        ("idx", lambda b: b[:9] + struct.pack("<Q", 2) + b[17:], r"a\.idx: version 2"),
        ("idx", lambda b: b[:17] + b"\x07" + b[18:], r"a\.idx: .*dtype code 7"),
        ("idx", lambda b: b[:26] + struct.pack("<Q", 2) + b[34:], r"a\.idx: .* do not match its header"),
        ("idx", lambda b: b[:-8] + struct.pack("<q", 9), r"a\.idx: its documents do not cover its sequences"),
        ("idx", lambda b: b[:18] + struct.pack("<QQ", 2**60, 2**60 + 1) + b[34:], "do not match its header"),
        ("idx", lambda b: b[:34] + struct.pack("<2i", 1, 3) + b[42:], "contradict"),
        ("idx", lambda b: b[:34] + struct.pack("<2i", 5, -1) + b[42:], "contradict"),
        ("idx", lambda b: b[:42] + struct.pack("<2q", 2, 4) + b[58:], "contradict"),
    ],
)
def test_damage_is_found_on_opening(tmp_path: Path, suffix: str, change, message: str) -> None:
    prefix = write(tmp_path / "a", [[1, 0], [2, 0]])
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        TokenShard.open(prefix)
