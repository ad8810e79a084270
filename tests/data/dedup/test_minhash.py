import random

import numpy as np
import pytest
import xxhash

from data.dedup.config import MinHashConfig
from data.dedup.minhash import band_keys, shingles, signature
from data.text.words import normalize

CONFIG = MinHashConfig()
PRIME = 2**61 - 1


def plain_signature(shingle_hashes: list[int], config: MinHashConfig) -> list[list[int]]:
    """The definition in Python's integers, with products wrapped at 64 bits first."""
    draws = np.random.RandomState(config.seed)
    count = config.bands * config.rows
    a = draws.randint(1, PRIME, dtype=np.uint64, size=count).tolist()
    b = draws.randint(0, PRIME, dtype=np.uint64, size=count).tolist()
    least = [min((h * x + y) % 2**64 % PRIME for h in shingle_hashes) for x, y in zip(a, b, strict=True)]
    return [least[band * config.rows : (band + 1) * config.rows] for band in range(config.bands)]


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 700])
def test_signatures_equal_the_plain_definition(count: int) -> None:
    draws = random.Random(count)
    hashes = [2**64 - 1, *(draws.getrandbits(64) for _ in range(count - 1))]
    assert signature(np.array(hashes, np.uint64), CONFIG).tolist() == plain_signature(hashes, CONFIG)


def test_exact_arithmetic_would_give_other_signatures() -> None:
    hashes = [2**63 + 12345]
    draws = np.random.RandomState(CONFIG.seed)
    a = draws.randint(1, PRIME, dtype=np.uint64, size=112).tolist()
    b = draws.randint(0, PRIME, dtype=np.uint64, size=112).tolist()
    exact = [(hashes[0] * x + y) % PRIME for x, y in zip(a, b, strict=True)]
    assert signature(np.array(hashes, np.uint64), CONFIG).ravel().tolist() != exact


def test_values_at_the_prime_are_reduced() -> None:
    # Solve h * a + b = prime (mod 2^64) for the first function whose factor is odd: its value must be 0.
    draws = np.random.RandomState(CONFIG.seed)
    a = draws.randint(1, PRIME, dtype=np.uint64, size=112).tolist()
    b = draws.randint(0, PRIME, dtype=np.uint64, size=112).tolist()
    place = next(i for i in range(112) if a[i] % 2)
    for target in (PRIME, 2 * PRIME, 8 * PRIME + 7, 0):
        h = (target - b[place]) * pow(a[place], -1, 2**64) % 2**64
        assert signature(np.array([h], np.uint64), CONFIG).ravel()[place] == target % PRIME


def test_shingles_are_five_normalised_words_under_xxhash() -> None:
    text = "Élan,  the 3.14th TIME\nagain! (and again)"
    assert normalize(text) == "elan the 0th time again and again"
    words = normalize(text).split()
    expected = {xxhash.xxh64_intdigest(" ".join(words[i : i + 5]).encode()) for i in range(3)}
    assert shingles(text, CONFIG).tolist() == sorted(expected)


@pytest.mark.parametrize("text", ["", "   ", "...", "one two three four", "one, two! three? four."])
def test_a_document_shorter_than_a_shingle_has_no_signature(text: str) -> None:
    assert band_keys(text, CONFIG) == []


def test_no_words_make_no_shingle_of_any_length() -> None:
    assert band_keys("...", MinHashConfig(shingle_words=1)) == []
    assert len(shingles("one", MinHashConfig(shingle_words=1))) == 1


def test_five_words_are_one_shingle() -> None:
    assert len(shingles("one two three four five", CONFIG)) == 1
    assert len(band_keys("one two three four five", CONFIG)) == 14


@pytest.mark.parametrize(("similarity", "tolerance"), [(0.5, 0.04), (0.7, 0.04), (0.8, 0.03), (0.9, 0.01)])
def test_pairs_are_caught_with_the_probability_of_the_formula(similarity: float, tolerance: float) -> None:
    draws = np.random.default_rng(7)
    pairs, size = 600, 360
    shared = round(2 * size * similarity / (1 + similarity))  # two sets of `size` elements
    own = size - shared
    caught = 0
    for _ in range(pairs):
        hashes = draws.integers(0, 2**64, size=shared + 2 * own, dtype=np.uint64)
        first, second = (signature(h, CONFIG) for h in (hashes[: shared + own], np.delete(hashes, np.s_[shared:size])))
        caught += bool((first == second).all(axis=1).any())
    expected = 1 - (1 - similarity**CONFIG.rows) ** CONFIG.bands
    if similarity == 0.8:
        assert expected == pytest.approx(0.924, abs=0.001)
    assert caught / pairs == pytest.approx(expected, abs=tolerance)


def test_keys_differ_between_bands_and_seeds() -> None:
    text = "the quick brown fox jumps over the lazy dog"
    keys = band_keys(text, CONFIG)
    assert len(set(keys)) == 14
    assert not set(keys) & set(band_keys(text, MinHashConfig(seed=2)))


def test_a_document_without_shingles_is_refused() -> None:
    with pytest.raises(ValueError, match="no signature"):
        signature(np.empty(0, np.uint64), CONFIG)
