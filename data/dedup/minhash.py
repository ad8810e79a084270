"""MinHash signatures and their bands (Broder 1997; Leskovec et al., Mining of Massive Datasets, chapter 3).

Shingles, hashes and bands follow datatrove's 64-bit profile, which made FineWeb: a pair of documents of Jaccard
similarity s shares a band with probability 1 - (1 - s^rows)^bands.
"""

from functools import cache

import numpy as np
import xxhash

from data.dedup.config import MinHashConfig
from data.text.words import normalized_words

MERSENNE_PRIME = 2**61 - 1
_BLOCK = 256  # Shingles are hashed in blocks: with 112 hash functions the values of one block fit a core's cache.


def shingles(text: str, config: MinHashConfig) -> np.ndarray:
    """Distinct 64-bit hashes of the shingles of `text`, sorted, uint64; none when it is shorter than a shingle."""
    words = [word.encode() for word in normalized_words(text, config.numbers)]
    ends = np.cumsum([len(word) + 1 for word in words])
    joined = b" ".join(words)
    first = config.shingle_words - 1
    starts = [0, *ends.tolist()]
    hashes = [
        xxhash.xxh64_intdigest(joined[start : end - 1])
        for start, end in zip(starts, ends[first:].tolist(), strict=False)
    ]
    return np.unique(np.array(hashes if joined else [], np.uint64))


def signature(shingle_hashes: np.ndarray, config: MinHashConfig) -> np.ndarray:
    """The least value of each hash function over the shingles, shape (bands, rows), uint64.

    A function is `((h * a + b) mod 2^64) mod (2^61 - 1)`: products wrap at 64 bits first, as in datatrove.
    Raises ValueError without shingles: such documents have no signature, and would all be alike.
    """
    if not len(shingle_hashes):
        raise ValueError("a document without shingles has no signature")
    a, b = (numbers[:, None] for numbers in _functions(config))
    prime, bits = np.uint64(MERSENNE_PRIME), np.uint64(61)
    least = np.full(len(a), np.iinfo(np.uint64).max)
    buffers = np.empty((2, len(a), min(_BLOCK, len(shingle_hashes))), np.uint64)
    for start in range(0, len(shingle_hashes), _BLOCK):
        block = shingle_hashes[start : start + _BLOCK]
        values, other = buffers[:, :, : len(block)]
        np.multiply(a, block, out=values)
        values += b
        np.right_shift(values, bits, out=other)
        values &= prime
        values += other  # now below 2^61 + 7, and unchanged modulo the prime
        np.subtract(values, prime, out=other)  # values below the prime wrap to large ones, which are never the minimum
        np.minimum(values, other, out=values)
        np.minimum(least, values.min(axis=1), out=least)
    return least.reshape(config.bands, config.rows)


def band_keys(text: str, config: MinHashConfig) -> list[int]:
    """One 64-bit key a band, equal in a band for documents that agree in all its rows; none for a short document."""
    hashes = shingles(text, config)
    if not len(hashes):
        return []
    return [xxhash.xxh64_intdigest(rows.astype("<u8").tobytes()) for rows in signature(hashes, config)]


@cache
def _functions(config: MinHashConfig) -> tuple[np.ndarray, np.ndarray]:
    """The factors and summands of the hash functions, (bands * rows,) uint64 each, drawn as datatrove draws them."""
    random = np.random.RandomState(config.seed)
    count = config.bands * config.rows
    a = random.randint(1, MERSENNE_PRIME, dtype=np.uint64, size=count)
    return a, random.randint(0, MERSENNE_PRIME, dtype=np.uint64, size=count)
