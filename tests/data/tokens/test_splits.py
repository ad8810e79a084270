"""No split comes out empty while another has documents to give, whichever way the documents are cut into shards."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.documents import SCHEMA, document_id
from data.tables import write_table
from data.tokens.config import TokenizeConfig
from data.tokens.splits import FILE, SPLITS, list_splits, moved_documents, place_of, split_of


def moved(ids: list[str], config: TokenizeConfig, shards: int = 1) -> dict[str, str]:
    with TemporaryDirectory() as name:
        paths = []
        for number in range(shards):
            out = Path(name) / f"{number:05d}"
            out.mkdir()
            rows = [{"id": id, "text": "", "source": "s"} for id in ids[number::shards]]
            write_table(out / "in.parquet", rows, SCHEMA)
            list_splits(out, out / "in.parquet", config)
            paths.append(out / FILE)
        return dict(moved_documents(paths, config))


def numbers(ids: list[str], config: TokenizeConfig, to: dict[str, str]) -> Counter[str]:
    return Counter(to.get(id) or split_of(id, config) for id in ids)


IDS = [document_id("s", str(n)) for n in range(1000)]


@pytest.mark.parametrize(
    ("count", "test", "validation", "expected"),
    [
        (1, 0.005, 0.005, {"train": 1}),
        (2, 0.005, 0.005, {"train": 1, "test": 1}),
        (3, 0.005, 0.005, {"train": 1, "test": 1, "validation": 1}),
        (20, 0.0, 0.005, {"train": 19, "validation": 1}),
        (20, 0.0, 0.0, {"train": 20}),
        (0, 0.1, 0.1, {}),
    ],
)
def test_an_empty_split_gets_documents(count: int, test: float, validation: float, expected: dict[str, int]) -> None:
    ids = sorted(IDS, key=place_of)[-count:] if count else []  # By their hashes all of these are trained on.
    config = TokenizeConfig(test=test, validation=validation)
    assert numbers(ids, config, moved(ids, config)) == expected


def test_they_are_those_with_the_smallest_hashes_and_the_share_of_the_split() -> None:
    ids = [id for id in IDS if place_of(id) > 0.02]
    config = TokenizeConfig(test=0.005, validation=0.01)
    first = sorted(ids, key=place_of)
    wanted = round(0.005 * len(ids)), round(0.01 * len(ids))
    assert moved(ids, config) == {
        **dict.fromkeys(first[: wanted[0]], "test"),
        **dict.fromkeys(first[wanted[0] : sum(wanted)], "validation"),
    }


def test_where_no_split_is_empty_the_hash_decides() -> None:
    assert moved(IDS, TokenizeConfig(test=0.1, validation=0.1)) == {}


def test_a_split_for_training_is_never_empty_either() -> None:
    ids = [id for id in IDS if place_of(id) < 0.4][:10]
    config = TokenizeConfig(test=0.4, validation=0.3)
    assert numbers(ids, config, moved(ids, config)) == {"test": 4, "train": 3, "validation": 3}


@given(st.sets(st.sampled_from(IDS), max_size=40), st.integers(1, 4), st.sampled_from([0.0, 0.005, 0.3]))
def test_the_shards_do_not_matter(ids: set[str], shards: int, share: float) -> None:
    config = TokenizeConfig(test=share, validation=0.005)
    once = moved(sorted(ids), config)
    assert moved(sorted(ids), config, shards) == once
    wanted = [split for split in SPLITS if split != "test" or share]
    assert set(numbers(sorted(ids), config, once)) == set(wanted) or len(ids) < 3
