"""What a golden is compared by: contents of tables, of counts and of files, as short strings.

Contents do not depend on how rows are cut into files, nor on the version of a file format's library. Messages are left out:
they often quote what a library said.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.content import ContentHasher
from data.documents import SCHEMA, document_files, documents_content
from data.tables import read_table, write_table
from pipeline.stages.stage import add_up

REJECTED = ("id", "rule")  # the columns of rejected rows that are compared
QUARANTINED = ("source", "locator")  # the columns of quarantined rows that are compared
Values = dict[str, "str | list[float]"]  # contents and numbers by name
Golden = Callable[[Path], Values]  # makes the parts of one golden in an empty folder


def rows_content(tables: Iterable[Path], columns: Sequence[str]) -> str:
    """The content of the rows of Parquet files, one after the other, in these columns of strings."""
    hasher = ContentHasher()
    for path in tables:
        for row in read_table(path, list(columns)).to_pylist():
            hasher.add(b"", (row[name] for name in columns))
    return str(hasher.content)


def value_content(value: Any) -> str:
    """The content of a JSON value."""
    hasher = ContentHasher()
    hasher.add(json.dumps(value, sort_keys=True, ensure_ascii=False).encode())
    return str(hasher.content)


def counts_content(counts: Sequence[Mapping[str, Any]]) -> str:
    """The content of the counts of shards, added up."""
    return value_content(add_up(counts))


def file_content(path: Path) -> str:
    """The content of a file as a whole."""
    hasher = ContentHasher()
    hasher.add(path.read_bytes())
    return str(hasher.content)


def make_each(goldens: Mapping[str, Golden], folder: Path) -> Values:
    """The parts of several goldens, as `<golden>/<part>`, each made in a folder of its own below `folder`."""
    made: Values = {}
    for name, make in goldens.items():
        (folder / name).mkdir(parents=True)
        made |= {f"{name}/{part}": value for part, value in make(folder / name).items()}
    return made


def shards_made(folders: Sequence[Path], counts: Sequence[Mapping[str, Any]]) -> Values:
    """The contents of shards that a data stage wrote into `folders`: documents, rejected and quarantined rows, and counts."""
    documents = [path for folder in folders for path in document_files(folder)]
    made: Values = {"documents": documents_content(documents)}
    for kind, columns in (("rejected", REJECTED), ("quarantine", QUARANTINED)):
        tables = [path for folder in folders if (path := folder / f"{kind}.parquet").is_file()]
        if tables:
            made[kind] = rows_content(tables, columns)
    return made | {"counts": counts_content(counts)}


def write_documents(
    path: Path, texts: Mapping[str, str], uri: str = "https://example.org/page", source: str = "golden"
) -> Path:
    """Write a table of documents, one for each text; its name is the document's id."""
    fixed = {"source": source, "uri": uri, "license": "CC0-1.0", "meta": "{}"}
    write_table(path, [{"id": name, "text": text, **fixed} for name, text in texts.items()], SCHEMA)
    return path
