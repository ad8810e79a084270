"""Large files in parts: the same records at the same places, however they are cut."""

import bz2
import io
import json
import os
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data.sources.config import SourceConfig, TextConfig
from data.sources.formats import lines
from data.sources.listing import SourceFile
from data.sources.readers import reader
from data.sources.record import Record, Unreadable
from data.sources.split import Part, split
from data.sources.streams import placed_bytes
from data.sources.streams.bzip2 import Mark, Window, blocks_between, find_marks
from data.sources.streams.input import FileInput, Input, ReadLimits
from data.sources.streams.placed_bytes import PlacedBytes
from data.sources.streams.zstd import frame_offsets

LIMITS = ReadLimits(record_bytes=100)
LINES = SourceConfig(name="s", path="*", text=TextConfig(documents="line"), encoding="utf-8")

# Lines of all lengths, blank ones and one that is longer than a record may be.
CONTENTS = st.builds(
    lambda lines, end, bom, last: (b"\xef\xbb\xbf" if bom else b"") + end.join(lines) + (end if last else b""),
    st.lists(
        st.one_of(st.binary(max_size=6), st.integers(0, 90).map(lambda n: b"x" * n), st.just(b"y" * 130)), max_size=12
    ),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
    st.booleans(),
)


def parts_of(path: Path, size: int, source: SourceConfig = LINES, format: str = "text") -> list[Part]:
    return split(SourceFile("s", path.name, str(path), path.stat().st_size, format), source, size)


def read(part: Part, source: SourceConfig = LINES, limits: ReadLimits = LIMITS) -> list[Record | Unreadable]:
    input = FileInput(part.file.path, part.file.absolute, limits.file_bytes, part.start, part.stop)
    return list(reader(part.file.format)(input, source, limits))


def read_all(parts: list[Part], source: SourceConfig = LINES) -> list[Record | Unreadable]:
    assert parts[0].start == 0 and parts[-1].stop is None
    assert all(one.stop == next.start for one, next in pairwise(parts))
    assert sum(part.bytes for part in parts) == parts[0].file.bytes
    return [record for part in parts for record in read(part, source)]


SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(CONTENTS, st.integers(1, 400), st.sampled_from([1, 3, 16, 1 << 20]))
@example(b"", 1, 1)
@example(b"one\ntwo", 4, 16)
@example(b"z" * 500 + b"\nend", 10, 16)
def test_lines_do_not_depend_on_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, size: int, chunk: int
) -> None:
    monkeypatch.setattr(placed_bytes, "CHUNK_BYTES", chunk)
    (tmp_path / "a.txt").write_bytes(content)
    whole = read(Part(SourceFile("s", "a.txt", str(tmp_path / "a.txt"), len(content), "text"), 0, None, 0))
    assert read_all(parts_of(tmp_path / "a.txt", size)) == whole
    offsets = [int(record.place) for record in whole]
    for offset, record in zip(offsets, whole, strict=True):
        assert offset == 0 or content[offset - 1 : offset] == b"\n"
        assert content[offset : offset + record.bytes + 1].rstrip(b"\n") == content[offset:].partition(b"\n")[0]
    assert len(whole) == sum(bool(line.strip()) for line in content.split(b"\n"))


@SETTINGS
@given(st.lists(st.binary(max_size=40), max_size=8), st.booleans(), st.integers(1, 300))
def test_json_lines_in_zstd_frames_do_not_depend_on_cuts(
    tmp_path: Path, frames: list[bytes], checksum: bool, size: int
) -> None:
    """Frames end anywhere in a line; some are empty, some hold no frame but what other tools keep there."""
    content = b"".join(json.dumps({"text": frame.hex()}).encode() + b"\n" for frame in frames)
    compress = zstandard.ZstdCompressor(write_checksum=checksum).compress
    cuts = sorted(random.Random(size).choices(range(len(content) + 1), k=4))
    skippable = b"\x53\x2a\x4d\x18\x05\0\0\0other"
    pieces = [compress(content[begin:end]) for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(skippable.join(pieces))
    whole = read_all(parts_of(path, 1 << 30, format="jsonl"))
    assert [record.fields["text"] for record in whole] == [frame.hex() for frame in frames]
    assert read_all(parts_of(path, size, format="jsonl")) == whole
    with path.open("rb") as file:
        offsets = list(frame_offsets(file))
    assert len(offsets) == 5
    for record in whole:
        frame, offset = map(int, record.place.split("+"))
        assert zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()[frame:])[offset:][:1] == b"{"


def noise(seed: int, count: int) -> bytes:
    numbers = random.Random(seed)
    return b"".join(b"%d %s\n" % (n, numbers.randbytes(numbers.randrange(45)).hex().encode()) for n in range(count))


@pytest.mark.parametrize("streams", [1, 3])
def test_bzip2_blocks_do_not_depend_on_cuts(tmp_path: Path, streams: int) -> None:
    content = noise(streams, 11000)
    third = len(content) // streams + 1
    path = tmp_path / "a.txt.bz2"
    path.write_bytes(b"".join(bz2.compress(content[n * third : (n + 1) * third], 1) for n in range(streams)))
    whole = read_all(parts_of(path, 1 << 30))
    assert [record.fields["text"].encode() for record in whole] == content.splitlines()
    assert len({record.place.split("+")[0] for record in whole}) >= 5  # blocks
    for size in (1000, 12_345, 70_000):
        parts = parts_of(path, size)
        assert len(parts) > 2
        assert read_all(parts) == whole


@pytest.mark.parametrize("count", [1, 512, 300_000])
def test_zeros_between_bzip2_streams_are_no_damage(tmp_path: Path, count: int) -> None:
    path = tmp_path / "a.txt.bz2"
    streams = [bz2.compress(b"one\ntwo\n"), bz2.compress(b""), bz2.compress(b"three\nfour\n")]
    path.write_bytes(bytes(count).join([*streams, b""]))
    whole = read_all(parts_of(path, 1 << 30))
    assert [record.fields["text"] for record in whole] == ["one", "two", "three", "four"]
    for size in (20, len(streams[0]) + 1, 1000):
        assert read_all(parts_of(path, max(size, count // 20))) == whole
    path.write_bytes(streams[0] + bytes(count) + b"?" + streams[2])
    assert any(isinstance(record, Unreadable) for record in read_all(parts_of(path, 1 << 30)))


def test_a_damaged_block_costs_its_lines_and_no_others(tmp_path: Path) -> None:
    content = noise(5, 11000)
    packed = bytearray(bz2.compress(content, 1))
    marks = list(find_marks(Window(io.BytesIO(packed), 0)))
    assert len(marks) == 7 and marks[-1].is_end
    packed[marks[2].bit // 8 + 1000] ^= 255
    path = tmp_path / "a.txt.bz2"
    path.write_bytes(packed)
    whole = read_all(parts_of(path, 1 << 30))
    (lost,) = [record for record in whole if isinstance(record, Unreadable)]
    assert "to the next whole line: corrupt bzip2 block" in lost.error
    texts = [record.fields["text"].encode() for record in whole if isinstance(record, Record)]
    lines = content.splitlines()
    begin = whole.index(lost)
    assert texts == lines[:begin] + lines[begin - len(texts) :] and 0.7 * len(lines) < len(texts) < 0.9 * len(lines)
    assert lines[begin].startswith(lost.excerpt.encode())
    for size in (marks[2].bit // 8, 5000, 33_333):  # the first cuts just before the damaged block
        assert read_all(parts_of(path, size)) == whole


def test_a_damaged_frame_costs_its_lines_and_no_others(tmp_path: Path) -> None:
    lines = noise(6, 400).splitlines(keepends=True)
    compress = zstandard.ZstdCompressor(write_checksum=True).compress  # as the zstd tool does
    frames = [compress(b"".join(lines[n : n + 100])) for n in range(0, 400, 100)]
    frames[1] = frames[1][:14] + b"\xff" * 20 + frames[1][34:]
    path = tmp_path / "a.txt.zst"
    path.write_bytes(b"".join(frames))
    whole = read_all(parts_of(path, 1 << 30))
    (lost,) = [record for record in whole if isinstance(record, Unreadable)]
    assert "to the next whole line: corrupt zstd frame" in lost.error and lost.place.startswith(f"{len(frames[0])}+")
    texts = [record.fields["text"].encode() + b"\n" for record in whole if isinstance(record, Record)]
    assert texts == lines[:100] + lines[201:]  # the line across the damage's end is lost, too
    for size in (1, len(frames[0]), 2000):
        assert read_all(parts_of(path, size)) == whole


def test_a_frame_with_a_large_window_ends_the_file_however_it_is_cut(tmp_path: Path) -> None:
    lines = noise(8, 300).splitlines(keepends=True)
    frames = [zstandard.compress(b"".join(lines[n : n + 100])) for n in range(0, 300, 100)]
    long = zstandard.ZstdCompressionParameters.from_level(1, window_log=31, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=long).compressobj()  # that does not know how little comes
    frames[1] = compressor.compress(b"".join(lines[100:200])) + compressor.flush()
    path = tmp_path / "a.txt.zst"
    path.write_bytes(b"".join(frames))
    *texts, lost = read_all(parts_of(path, 1 << 30))
    assert len(texts) == 100 and isinstance(lost, Unreadable) and "needs a window of 2048 MB" in lost.error
    for size in (1, 2000):
        assert read_all(parts_of(path, size)) == [*texts, lost]


def test_a_skippable_frame_that_is_longer_than_the_file_is_no_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.zst"
    path.write_bytes(zstandard.compress(b"one\n") + b"\x50\x2a\x4d\x18\xff\xff\0\0" + zstandard.compress(b"two\n"))
    first, lost = read_all(parts_of(path, 1 << 30))
    assert isinstance(first, Record) and isinstance(lost, Unreadable) and "truncated zstd" in lost.error


def test_what_looks_like_a_mark_in_a_block_is_none() -> None:
    content = noise(7, 4000)
    packed = bz2.compress(content, 1)
    marks = list(find_marks(Window(io.BytesIO(packed), 0)))
    false = Mark(marks[1].bit + 4321, is_end=False)
    window = Window(io.BytesIO(packed), 0)
    while window.extend():
        pass
    blocks = list(blocks_between(window, iter([*marks[:2], false, *marks[2:]])))
    assert b"".join(block.data or b"?" for block in blocks) == content


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 4000), st.integers(0, 2**32), st.integers(300, 5000))
def test_marks_are_found_at_every_bit_and_across_reads(lines: int, seed: int, read_bytes: int) -> None:
    content = noise(seed, lines)
    packed = bz2.compress(content, 1)
    file = io.BytesIO(packed)
    window = Window(file, 0)
    window.file = type("Small", (), {"read": lambda self, size: file.read(read_bytes)})()  # type: ignore[assignment]
    blocks = list(blocks_between(window, find_marks(window)))
    assert b"".join(block.data or b"?" for block in blocks) == content


def table(rows: int) -> pa.Table:
    return pa.table({"text": [f"row {n} " + "x" * (n % 50) for n in range(rows)], "n": list(range(rows))})


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_row_groups_and_record_batches_do_not_depend_on_cuts(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(table(2000), path, row_group_size=90, compression="none", use_dictionary=False)
    else:
        with pa.ipc.new_file(path, table(1).schema) as writer:
            writer.write_table(table(2000), max_chunksize=90)
    source = SourceConfig(name="s", path="*", meta_fields=["n"])
    whole = read_all(parts_of(path, 1 << 30, source, kind), source)
    assert [record.fields["n"] for record in whole] == list(range(2000))
    assert [str(record.fields["text"]) for record in whole] == table(2000)["text"].to_pylist()
    places = [str(n) if kind == "parquet" else f"{n // 90}+{n % 90}" for n in range(2000)]
    assert [record.place for record in whole] == places
    for size in (1, 10_000, 50_000):
        parts = parts_of(path, size, source, kind)
        assert len(parts) > 1
        assert read_all(parts, source) == whole


def test_what_cannot_be_cut_is_read_whole(tmp_path: Path) -> None:
    for name, format in (("a.csv", "csv"), ("a.jsonl.gz", "jsonl"), ("a.jsonl.xz", "jsonl"), ("a.parquet", "parquet")):
        path = tmp_path / name
        path.write_bytes(os.urandom(5000))
        assert [(part.start, part.stop) for part in parts_of(path, 100, format=format)] == [(0, None)], name
    for name, format in (("c.parquet", "parquet"), ("c.arrow", "arrow")):
        with (tmp_path / name).open("wb") as file:
            if format == "parquet":
                pq.write_table(pa.table({"text": ["x"] * 1000}), file)
            else:
                with pa.ipc.new_file(file, pa.schema({"text": pa.string()})) as writer:
                    writer.write_table(pa.table({"text": ["x"] * 1000}))
        content = bytearray((tmp_path / name).read_bytes())
        content[-60:-10] = bytes(50)  # of the footer
        (tmp_path / name).write_bytes(content)
        parts = parts_of(tmp_path / name, 100, format=format)
        assert [(part.start, part.stop) for part in parts] == [(0, None)], name
    (tmp_path / "b.txt").write_bytes(b"one\ndocument\n" * 100)
    assert len(parts_of(tmp_path / "b.txt", 100, SourceConfig(name="s", path="*"))) == 1  # a document a file


def test_a_part_within_a_giant_line_reads_no_further_than_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * (8 << 20))
    taken: list[int] = []

    def watched(input: Input, limit: int) -> Iterator[PlacedBytes]:
        for piece in placed_bytes.placed_bytes(input, limit):
            taken.append(piece.stored_at)
            yield piece

    monkeypatch.setattr(lines, "placed_bytes", watched)
    for part in parts_of(tmp_path / "a.txt", 1 << 20)[1:]:
        taken.clear()
        assert read(part) == []
        assert len(taken) <= 2, "a piece of the part, and one behind it"


def test_parts_are_about_as_large_as_asked(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(noise(1, 3000))
    size = (tmp_path / "a.txt").stat().st_size
    parts = parts_of(tmp_path / "a.txt", 10_000)
    assert len(parts) == -(-size // 10_000) and all(9000 < part.bytes <= 10_000 for part in parts)
