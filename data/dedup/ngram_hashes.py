"""Hashes of the n-grams of a list of words, by which texts are compared with evaluation items."""

import numpy as np
import xxhash

# Powers of an odd 64-bit constant weigh the places within an n-gram (2^64 divided by the golden ratio).
_WEIGHT = 0x9E3779B97F4A7C15


def hash_words(words: list[str]) -> np.ndarray:
    """64-bit hashes of `words`, shape (words,), uint64; each distinct word is hashed once."""
    hashes = {word: xxhash.xxh3_64_intdigest(word.encode()) for word in set(words)}
    return np.fromiter(map(hashes.__getitem__, words), np.uint64, len(words))


def ngram_hashes(words: list[str], n: int) -> np.ndarray:
    """64-bit hashes of the n-grams, shape (words - n + 1,), uint64; empty when there are fewer than `n` words."""
    hashes = word_hashes = hash_words(words)
    for size in range(1, n):
        weight = np.uint64(pow(_WEIGHT, size, 2**64))
        hashes = hashes[:-1] + word_hashes[size:] * weight  # the sum wraps at 2^64 on purpose
    return hashes
