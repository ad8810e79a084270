"""JSON Lines files from outside: bounded, and every mistake named by file and line."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LINE_BYTES = 2**24  # longest record
TOTAL_BYTES = 2**32  # most that is read of one file, uncompressed: its records are held in memory


def read_json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records of a file (`.gz` is decompressed), each with its place `path:line`; blank lines are passed over.

    Raises ValueError in one line for a record that is not a JSON object, and for a file that is too large or damaged.
    """
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        number = total = 0
        try:
            while line := lines.readline(LINE_BYTES + 1):
                number, total = number + 1, total + len(line)
                if len(line) > LINE_BYTES or total > TOTAL_BYTES:
                    raise ValueError(
                        f"{path}:{number}: the limits are {LINE_BYTES // 2**20} MiB a line, {TOTAL_BYTES // 2**30} GiB a file"
                    )
                if line.strip():
                    yield f"{path}:{number}", parse(line, f"{path}:{number}")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path}: not a whole gzip file after line {number} ({error})") from None


def parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not valid JSON ({error})") from None
    if not isinstance(record, dict):
        raise ValueError(f"{where}: not a JSON object")
    return record
