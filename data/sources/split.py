"""Large files cut into parts that tasks read side by side. No document, id or count depends on where the cuts are."""

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from data.sources.config import SourceConfig
from data.sources.listing import SourceFile, file_name
from data.sources.record import DamagedStream, raise_if_no_damage
from data.sources.streams.byte_stream import compression_of
from data.sources.streams.storage import has_ranges, is_url, open_file
from data.sources.streams.zstd import frame_offsets


class Part(NamedTuple):
    """What one task reads of a file; `start` and `stop` in units of its format (see `Input`)."""

    file: SourceFile
    start: int
    stop: int | None
    bytes: int  # approximate size in the stored file


class Unit(NamedTuple):
    """A place at which a part can begin."""

    number: int  # in the units of the format, such as row groups
    offset: int  # stored bytes before it


def split(file: SourceFile, source: SourceConfig, part_bytes: int) -> list[Part]:
    """The parts of `file`, of about `part_bytes` each: a single one where its format is known at its beginning only.

    JSON Lines, lines of text and Wikipedia dumps are cut anywhere when they are plain, between blocks when they are bzip2, and
    between frames when they are zstd on a local disk (behind a URL, to find those would be to read it all); Parquet is cut
    between row groups, Arrow between record batches.
    """
    kind = _kind(file, source)
    if file.bytes <= part_bytes or kind is None or (is_url(file.absolute) and not has_ranges(file.absolute)):
        return [Part(file, 0, None, file.bytes)]
    if kind == "bytes":
        count = -(-file.bytes // part_bytes)
        cuts = [file.bytes * number // count for number in range(count)]
        return _cut(file, [Unit(cut, cut) for cut in cuts], 0)
    return _cut(file, {"zstd": _frames, "parquet": _row_groups, "arrow": _record_batches}[kind](file), part_bytes)


def _kind(file: SourceFile, source: SourceConfig) -> str | None:
    """The kind of units that the file consists of; None when it cannot be cut."""
    if file.format in ("parquet", "arrow"):
        return file.format
    if file.format in ("jsonl", "wikipedia") or (file.format == "text" and source.text.documents == "line"):
        compression = compression_of(file_name(file.path))
        if compression in (None, "bzip2"):
            return "bytes"
        if compression == "zstd" and not is_url(file.absolute):
            return "zstd"
    return None


def _cut(file: SourceFile, units: Iterable[Unit], part_bytes: int) -> list[Part]:
    """Parts of `part_bytes` or up to a unit more; the last part has what is left."""
    parts = []
    start = Unit(0, 0)
    for unit in units:
        if unit.offset > start.offset and unit.offset - start.offset >= part_bytes:
            parts.append(Part(file, start.number, unit.number, unit.offset - start.offset))
            start = unit
    return [*parts, Part(file, start.number, None, file.bytes - start.offset)]


def _frames(file: SourceFile) -> Iterator[Unit]:

    with open_file(file.absolute) as stored:
        try:
            for offset in frame_offsets(stored):
                yield Unit(offset, offset)
        except DamagedStream:
            return  # the task that reads the last part will report the damage


def _row_groups(file: SourceFile) -> Iterator[Unit]:

    try:
        with open_file(file.absolute) as stored:
            metadata = pq.read_metadata(stored)
    except (pa.ArrowException, OSError) as problem:
        raise_if_no_damage(problem)
        return  # the task that reads the file will say what is wrong
    sizes = [metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)]
    *begins, total = accumulate(sizes, initial=0)
    for number, begin in enumerate(begins):
        yield Unit(number, file.bytes * begin // max(1, total))


def _record_batches(file: SourceFile) -> Iterator[Unit]:

    try:
        with open_file(file.absolute) as stored, pa.ipc.open_file(stored) as reader:
            count = reader.num_record_batches
    except (pa.ArrowException, OSError) as problem:
        raise_if_no_damage(problem)
        return  # an Arrow stream has no index; a damaged file is reported by the task that reads it
    for number in range(count):
        yield Unit(number, file.bytes * number // count)  # only the batches themselves tell how large each is
