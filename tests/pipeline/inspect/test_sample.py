"""The sample that quality is measured on: bounded, in proportion, always the same, measured by the rules' own measures."""

from pathlib import Path

import pyarrow as pa
import pytest

from data.documents import SCHEMA
from data.tables import write_table
from pipeline.inspect.sample import CHARACTERS, DOCUMENTS, SPREAD, measure, sample

ROW = {"id": "a", "text": "Some text.", "source": "s", "license": "CC0-1.0", "meta": "{}"}


def test_the_sample_is_bounded_and_in_proportion(tmp_path: Path) -> None:
    files = []
    for number in range(2 * SPREAD):
        rows = 40 if number % 4 == 0 else 4
        path = tmp_path / f"{number:03d}.parquet"
        write_table(path, [ROW | {"uri": f"a#{1000 * number + n}"} for n in range(rows)], SCHEMA)
        files.append(path)
    taken = sample(files)
    assert DOCUMENTS <= len(taken) <= DOCUMENTS + SPREAD
    assert sample(files).equals(taken)
    opened = sorted({int(uri.split("#")[1]) // 1000 for uri in taken["uri"].to_pylist()})
    assert len(opened) == SPREAD
    assert opened[-1] >= len(files) - 2, "spread over all"
    assert len(sample(files[:4])) == 52, "all of a small corpus"
    assert len(sample([])) == 0
    assert measure(sample([]), "whitespace") == {}


def test_percentiles_are_of_the_rules_measures_of_the_beginning() -> None:
    texts = [f"{'word ' * number}end".ljust(CHARACTERS) + " not seen" for number in range(1, 12)]
    documents = pa.Table.from_pylist([ROW | {"text": text} for text in [*texts, " "]], schema=SCHEMA)
    found = measure(documents, "whitespace")
    assert found["gopher_quality.word_count"] == [3, 7, 11], "2 to 12 words; a text without words measures nothing"
    assert found["gopher_quality.mean_word_length"] == pytest.approx([11 / 3, 27 / 7, 43 / 11])
    assert found["fineweb.line_punctuation"] == [0, 0, 0]
    assert len({rule.partition(".")[0] for rule in found}) == 3
