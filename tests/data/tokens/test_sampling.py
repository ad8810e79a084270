"""The order of samples: bijections, whole epochs, purity in the cursor, mixture weights, constants."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.tokens.config import SamplingConfig
from data.tokens.sampling import ERA_SAMPLES, Samples, permute, validation_windows
from data.tokens.token_shards import TokenShardWriter

LENGTH = 8
GOLDEN_PERMUTATION = [8, 4, 0, 9, 1, 3, 6, 5, 2, 7]
GOLDEN_PLACES = [
    (0, 13),
    (1, 0),
    (0, 28),
    (0, 23),
    (0, 7),
    (0, 21),
    (1, 0),
    (0, 5),
    (0, 2),
    (0, 27),
]  # (source, window)
GOLDEN_WEIGHTED = [(1, 2), (1, 4), (1, 0), (0, 42), (1, 4)]


def write_shards(folder: Path, source: str, sizes: list[int], first: int = 0) -> list[Path]:
    """Shards that hold the numbers `first`, `first` + 1, ... so that a sample tells where it comes from."""
    prefixes = []
    for number, size in enumerate(sizes):
        prefixes.append(folder / f"{number:05d}-{source}-train")
        with TokenShardWriter(prefixes[-1], "int32") as writer:
            for part in np.array_split(np.arange(first, first + size), 3):
                writer.append(part)
        first += size
    return prefixes


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    folder = tmp_path_factory.mktemp("shards")
    return {
        "large": write_shards(folder, "large", [101, 3, 0, 250, 1], first=0),  # 355 tokens, 44 windows, 2 left over
        "small": write_shards(folder, "small", [41], first=10_000),  # 5 windows, none left over
    }


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 3000), key=st.integers(0, 2**64 - 1))
def test_permute_is_a_bijection(size: int, key: int) -> None:
    image = permute(np.arange(size, dtype=np.uint64), np.full(size, size, np.uint64), np.full(size, key, np.uint64))
    assert np.array_equal(np.sort(image), np.arange(size))


@pytest.mark.parametrize("size", [2**31, 10**12 + 1, 2**50 + 3])
def test_permute_stays_inside_large_domains(size: int) -> None:
    index = np.linspace(0, size - 1, 1000).astype(np.uint64)
    image = permute(index, np.full(1000, size, np.uint64), np.full(1000, 7, np.uint64))
    assert image.max() < size and len(np.unique(image)) == 1000
    assert abs(image.mean() / size - 0.5) < 0.05


def test_permutations_of_small_domains_are_about_uniform() -> None:
    """All 24 orders of 4 numbers, over 4,800 keys: chi-square with 23 degrees of freedom, far below its 1e-6 quantile of 73."""
    orders = [
        tuple(permute(np.arange(4, dtype=np.uint64), np.full(4, 4, np.uint64), np.full(4, key, np.uint64)).tolist())
        for key in range(4800)
    ]
    counts = np.array([orders.count(order) for order in sorted(set(orders))])
    assert len(counts) == 24
    assert ((counts - 200) ** 2 / 200).sum() < 73


def test_golden_values(shards: dict[str, list[Path]]) -> None:
    """A change of these constants changes the order of every run: resuming an older checkpoint would repeat and skip data."""
    image = permute(np.arange(10, dtype=np.uint64), np.full(10, 10, np.uint64), np.full(10, 1, np.uint64))
    assert image.tolist() == GOLDEN_PERMUTATION
    source, window = Samples(shards, LENGTH, SamplingConfig(seed=3)).places(45, 10)
    assert list(zip(source.tolist(), window.tolist(), strict=True)) == GOLDEN_PLACES
    config = SamplingConfig(seed=3, weights={"large": 1, "small": 2})
    source, window = Samples(shards, LENGTH, config).places(9_998, 5)
    assert list(zip(source.tolist(), window.tolist(), strict=True)) == GOLDEN_WEIGHTED


def test_a_sample_is_a_run_of_tokens_across_shards(shards: dict[str, list[Path]]) -> None:
    samples = Samples(shards, LENGTH, SamplingConfig())
    batch = samples.batch(0, 49)
    assert batch.shape == (49, LENGTH + 1) and batch.dtype == np.int64
    assert (np.diff(batch, axis=1) == 1).all()
    firsts = {*range(0, 44 * LENGTH, LENGTH), *range(10_000, 10_000 + 5 * LENGTH, LENGTH)}
    assert set(batch[:, 0].tolist()) == firsts  # each window exactly once
    assert samples.windows == samples.per_era == {"large": 44, "small": 5}
    assert samples.lost_tokens == {"large": 2, "small": 0}


def test_every_era_covers_every_window_once_in_another_order(shards: dict[str, list[Path]]) -> None:
    samples = Samples(shards, LENGTH, SamplingConfig(seed=5))
    eras = [samples.batch(era * 49, 49)[:, 0].tolist() for era in range(4)]
    assert all(sorted(era) == sorted(eras[0]) for era in eras)
    assert len({tuple(era) for era in eras}) == 4
    small = [tuple(first for first in era if first >= 10_000) for era in eras]
    assert len(set(small)) > 1  # and so within one source


@settings(max_examples=40, deadline=None)
@given(cursor=st.integers(0, 300), cuts=st.lists(st.integers(0, 20), min_size=1, max_size=6), weighted=st.booleans())
def test_batches_do_not_depend_on_how_the_range_is_cut(shards, cursor: int, cuts: list[int], weighted: bool) -> None:
    config = SamplingConfig(weights={"large": 0.3, "small": 0.7} if weighted else None)
    parts, place = [], cursor
    for count in cuts:
        parts.append(Samples(shards, LENGTH, config).batch(place, count))
        place += count
    samples = Samples(shards, LENGTH, config)
    whole = samples.batch(cursor, place - cursor)
    assert np.array_equal(np.concatenate(parts), whole)
    assert all(np.array_equal(samples.batch(cursor + n, 1)[0], row) for n, row in enumerate(whole[:5]))


def test_order_of_shards_and_sources_in_the_arguments_has_no_influence(shards: dict[str, list[Path]]) -> None:
    turned = {source: list(reversed(shards[source])) for source in reversed(shards)}
    config = SamplingConfig(weights={"small": 1, "large": 1})
    assert np.array_equal(Samples(turned, LENGTH, config).batch(0, 99), Samples(shards, LENGTH, config).batch(0, 99))


def test_seeds_give_other_orders(shards: dict[str, list[Path]]) -> None:
    one, two = (Samples(shards, LENGTH, SamplingConfig(seed=seed)).batch(0, 49) for seed in (1, 2))
    assert not np.array_equal(one, two)


def test_weights_are_kept_in_every_era_and_sources_repeat_whole_epochs(shards: dict[str, list[Path]]) -> None:
    samples = Samples(shards, LENGTH, SamplingConfig(weights={"large": 2, "small": 1}))
    assert samples.per_era == {"large": 6667, "small": 3333}
    for era in range(2):
        source, _ = samples.places(era * ERA_SAMPLES, ERA_SAMPLES)
        assert np.bincount(source).tolist() == [6667, 3333]
    source, window = samples.places(0, 2 * ERA_SAMPLES)
    times = np.bincount(window[source == 1])  # 6,666 samples of 5 windows: 1,333 epochs and one more
    assert times.sum() == 6666 and times.min() == 1333 and times.max() == 1334
    assert abs(np.mean(source[:1000]) - 1 / 3) < 0.06  # spread over the era, not one source after the other


def test_a_weight_of_zero_leaves_a_source_out(shards: dict[str, list[Path]]) -> None:
    source, _ = Samples(shards, LENGTH, SamplingConfig(weights={"large": 0, "small": 3})).places(0, 500)
    assert set(source.tolist()) == {1}


def test_largest_remainders_sum_to_the_era(tmp_path: Path) -> None:
    shards = {name: write_shards(tmp_path, name, [20]) for name in "abc"}
    assert Samples(shards, LENGTH, SamplingConfig(weights=dict.fromkeys("abc", 1.0))).per_era == {
        "a": 3334,
        "b": 3333,
        "c": 3333,
    }


def test_user_mistakes_are_named(shards: dict[str, list[Path]], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="weights name small; the sources are large, small"):
        Samples(shards, LENGTH, SamplingConfig(weights={"small": 1}))
    with pytest.raises(ValueError, match="'small' is below one sample in 10,000"):
        Samples(shards, LENGTH, SamplingConfig(weights={"small": 1e-9, "large": 1}))
    with pytest.raises(ValueError, match=r"'tiny' has 8 training tokens, fewer than sequence_length \+ 1 = 9"):
        Samples({"tiny": write_shards(tmp_path, "tiny", [8])}, LENGTH, SamplingConfig())
    for weights in ({"a": -1.0}, {"a": float("nan")}, {"a": 0.0}, {}):
        with pytest.raises(ValueError, match="weight"):
            SamplingConfig(weights=weights)


def test_validation_windows_are_spread_in_order(shards: dict[str, list[Path]], tmp_path: Path) -> None:
    everything = validation_windows(shards["large"], LENGTH, 1000)
    assert everything[:, 0].tolist() == list(range(0, 44 * LENGTH, LENGTH))
    assert (np.diff(everything, axis=1) == 1).all()
    some = validation_windows(shards["large"], LENGTH, 4)
    assert (some[:, 0] // LENGTH).tolist() == [0, 11, 22, 33]
    assert validation_windows(write_shards(tmp_path, "tiny", [8]), LENGTH, 4).shape == (0, LENGTH + 1)
    assert validation_windows([], LENGTH, 4).shape == (0, LENGTH + 1)
