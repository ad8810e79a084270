"""The profile of documents: what plain Python counts one text at a time, whatever the batches."""

import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.documents import REJECTED_SCHEMA, SCHEMA
from data.profile import Profile, count_lengths, count_scores, text_bytes

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.text(max_size=40) | st.integers(0, 3000).map("é".__mul__),
            "source": st.sampled_from(["a", "b"]),
            "license": st.sampled_from(["CC0-1.0", "MIT"]),
            "language": st.none() | st.sampled_from(["en", "de"]),
            "language_score": st.none() | st.floats(0, 1, width=32),
            "rule": st.sampled_from(["empty", "c4.sentences"]),
        }
    ),
    max_size=12,
)


def names(rows: list[dict[str, Any]], column: str) -> dict[str, int]:
    return dict(sorted(Counter(row[column] for row in rows if row[column] is not None).items()))


def sizes(rows: list[dict[str, Any]], column: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row[column]] += len(row["text"].encode())
    return dict(sorted(found.items()))


@settings(deadline=None, max_examples=60)
@given(kept=ROWS, dropped=ROWS, cut=st.integers(0, 12))
def test_counts_are_those_of_plain_python_and_do_not_depend_on_batches(
    kept: list[dict[str, Any]], dropped: list[dict[str, Any]], cut: int
) -> None:
    whole, batched = Profile(), Profile()
    documents = pa.Table.from_pylist(kept, schema=SCHEMA)
    rejected = pa.Table.from_pylist(dropped, schema=REJECTED_SCHEMA)
    whole.keep(documents)
    whole.drop(rejected)
    for part in (documents[:cut], documents[cut:]):
        for batch in part.to_batches(3):
            batched.keep(batch)
    batched.drop(rejected[:cut])
    batched.drop(rejected[cut:])
    counts = whole.counts()
    assert batched.counts() == counts
    assert counts["documents_out"] == len(kept)
    assert counts["bytes_out"] == sum(len(row["text"].encode()) for row in kept)
    assert counts["characters_out"] == sum(len(row["text"]) for row in kept)
    assert counts["documents_by_source"] == names(kept, "source")
    assert counts["bytes_by_source"] == sizes(kept, "source")
    assert counts["licenses"] == names(kept, "license")
    assert counts["languages_out"] == names(kept, "language")
    assert counts["languages"] == names(kept + dropped, "language")
    assert counts["dropped"] == names(dropped, "rule")
    assert counts["bytes_dropped"] == sizes(dropped, "rule")
    assert sum(counts["lengths_out"].values()) == len(kept)
    scores = [row["language_score"] for row in kept if row["language_score"] is not None]
    assert sum(counts["language_scores_out"].values()) == len(scores)
    assert json.loads(json.dumps(counts)) == counts, "numbers of Python, not of numpy"


@pytest.mark.parametrize(
    ("characters", "label"),
    [(0, "0"), (1, "1"), (2, "2"), (3, "2"), (4, "4"), (1023, "512"), (1024, "1024"), (2047, "1024"), (2048, "2048")],
)
def test_lengths_are_counted_in_characters_from_powers_of_two(characters: int, label: str) -> None:
    assert count_lengths(pa.array(["ü" * characters, None])) == {label: 1}


@pytest.mark.parametrize(
    ("score", "label"), [(0.0, "0.0"), (0.099, "0.0"), (0.65, "0.6"), (0.9999, "0.9"), (1.0, "0.9")]
)
def test_scores_are_counted_by_tenths(score: float, label: str) -> None:
    assert count_scores(pa.array([score, None], pa.float32())) == {label: 1}


@pytest.mark.parametrize("tenth", range(10))
def test_a_score_at_a_border_belongs_to_the_tenth_that_it_begins(tenth: int) -> None:
    assert count_scores(pa.array([tenth / 10], pa.float32())) == {f"{tenth / 10:.1f}": 1}


def test_nothing_at_all() -> None:
    assert text_bytes(pa.array([], pa.string())) == 0
    profile = Profile()
    profile.keep(SCHEMA.empty_table())
    counts = profile.counts()
    assert counts["documents_out"] == counts["bytes_out"] == 0
    assert counts["lengths_out"] == counts["dropped"] == counts["bytes_dropped"] == counts["licenses"] == {}
    assert Profile().counts().keys() == counts.keys(), "a shard without documents counts the same things"
