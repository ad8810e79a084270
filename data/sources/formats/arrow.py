"""Arrow IPC files (Feather among them) and streams: one record a row."""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from data.sources.config import SourceConfig
from data.sources.formats.columns import records_of, unusable
from data.sources.record import Record, Unreadable, first_line, raise_if_no_damage, rest_unreadable
from data.sources.streams.input import Input, ReadLimits

MAGIC = b"ARROW1"  # A file begins with it, a stream does not.


def read_arrow(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The rows of the part's record batches with those of the source's columns that they have.

    `place` is "<number of the record batch>+<row in it>": how many rows stand before it cannot be known without reading them.
    A row whose text has more than `record_bytes`, and one that cannot be decoded, is unreadable; so is a damaged record batch
    of a file, and what follows one of a stream, as one record.
    """
    number = input.start
    try:
        with input.open() as stored:
            for batch in _batches(stored, input):
                if isinstance(batch, Unreadable):
                    yield batch
                elif problem := unusable("0+0", source, batch.schema.names, "record batches"):
                    if input.start == 0:
                        yield problem
                    return
                else:
                    yield from records_of(batch, source, limits.record_bytes, f"{number}+", 0)
                number += 1
    except (pa.ArrowException, OSError) as error:
        raise_if_no_damage(error)
        if input.start == 0:
            yield rest_unreadable(f"{number}+0", error)


def _batches(stored: BinaryIO, input: Input) -> Iterator[pa.RecordBatch | Unreadable]:
    beginning = stored.read(len(MAGIC))
    stored.seek(0)
    if beginning != MAGIC:
        yield from pa.ipc.open_stream(stored)
        return
    with pa.ipc.open_file(stored) as reader:
        for number in range(input.start, reader.num_record_batches if input.stop is None else input.stop):
            try:
                yield reader.get_batch(number)
            except (pa.ArrowException, OSError) as problem:
                raise_if_no_damage(problem)
                error = f"record batch {number} cannot be read: {first_line(problem)}"
                yield Unreadable(f"{number}+0", error, "", 0)
