"""The order of the training samples: a pure function of the token shards, sequence length, weights, seed and a cursor.

The cursor is the number of samples taken since the start. Nothing else is remembered: a batch is the same after any resume, for
any number of ranks that share it, and however the range of cursors is cut.

- The train shards of a source, in order, are one stream of tokens, cut into windows of `sequence_length` inputs and one more
  token for the last target; neighbours overlap by that token, and only the last, incomplete window is left out.
- Samples come in eras. In an era source s appears m_s times: once through all windows of every source when there are no
  weights, else weight times ERA_SAMPLES. A keyed permutation spreads the sources over the era.
- The n-th sample of a source with W windows is window permutation(n mod W) of its epoch n // W, every epoch in another order.

The permutation is a Feistel network, computed for single numbers: no shuffled list exists at any time.
"""

from pathlib import Path

import numpy as np
import xxhash

from data.tokens.config import SamplingConfig
from data.tokens.token_shards import TokenShard

ERA_SAMPLES = 10_000  # A weighted mixture keeps its weights, to one sample in so many, in each era anew.
ROUNDS = 8  # Rounds of the Feistel network; for large domains 4 are strong already (Luby and Rackoff 1988).
GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, odd


class Samples:
    """Training samples by cursor.

    Attributes, by source: `windows` (number of windows), `per_era` (samples in an era), `lost_tokens` (tokens at its end
    that fill no window).
    """

    def __init__(self, shards: dict[str, list[Path]], sequence_length: int, config: SamplingConfig) -> None:
        """`shards` maps a source to the prefixes of its token shards; their order in the list has no influence.

        Raises ValueError for a source with less than one window, or weights that do not name the sources.
        """
        self.sequence_length = sequence_length
        self._streams = [TokenStream(shards[source]) for source in sorted(shards)]
        self.windows = dict(zip(sorted(shards), (s.windows(sequence_length) for s in self._streams), strict=True))
        for source, stream in zip(self.windows, self._streams, strict=True):
            if self.windows[source] == 0 and (config.weights is None or config.weights.get(source)):
                wanted = f"sequence_length + 1 = {sequence_length + 1:,}"
                raise ValueError(f"source {source!r} has {stream.size:,} training tokens, fewer than {wanted}")
        self.lost_tokens = {
            source: stream.size - (self.windows[source] * sequence_length + 1)
            for source, stream in zip(self.windows, self._streams, strict=True)
        }
        self.per_era = _per_era(self.windows, config.weights)
        self._sizes = np.array(list(self.windows.values()), dtype=np.uint64)
        self._counts = np.array(list(self.per_era.values()), dtype=np.uint64)
        self._ends = np.cumsum(self._counts)
        self._era_key = np.uint64(xxhash.xxh3_64_intdigest(f"era\0{config.seed}".encode()))
        keys = [xxhash.xxh3_64_intdigest(f"source\0{config.seed}\0{source}".encode()) for source in self.windows]
        self._source_keys = np.array(keys, dtype=np.uint64)

    def batch(self, cursor: int, count: int) -> np.ndarray:
        """Samples `cursor` to `cursor + count - 1`, (count, sequence_length + 1) int64: inputs and, shifted by one, targets."""
        out = np.empty((count, self.sequence_length + 1), dtype=np.int64)
        for row, source, window in zip(out, *self.places(cursor, count), strict=True):
            self._streams[source].read(int(window) * self.sequence_length, row)
        return out

    def places(self, cursor: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the samples lie: number of the source among the sorted sources, and of the window in it, both (count,)."""
        assert cursor >= 0 and count >= 0
        numbers = np.arange(cursor, cursor + count, dtype=np.uint64)
        era, place = np.divmod(numbers, self._ends[-1])
        place = permute(place, np.broadcast_to(self._ends[-1], place.shape), _mix(self._era_key ^ _mix(era)))
        source = np.searchsorted(self._ends, place, side="right")
        number = era * self._counts[source] + place - (self._ends - self._counts)[source]
        epoch, window = np.divmod(number, self._sizes[source])
        return source, permute(window, self._sizes[source], _mix(self._source_keys[source] ^ _mix(epoch)))


class TokenStream:
    """The tokens of several shards, in the order of their paths, as one sequence."""

    def __init__(self, prefixes: list[Path]) -> None:
        self._tokens = [TokenShard.open(prefix).tokens for prefix in sorted(prefixes)]
        self._ends = np.cumsum([len(tokens) for tokens in self._tokens], dtype=np.int64)
        self.size = int(self._ends[-1]) if self._tokens else 0

    def windows(self, sequence_length: int) -> int:
        """Number of complete windows of `sequence_length` inputs and their targets."""
        return max(0, self.size - 1) // sequence_length

    def read(self, start: int, out: np.ndarray) -> None:
        """Fill `out` (n,) with the tokens from number `start` on, across shards where need be."""
        shard = int(np.searchsorted(self._ends, start, side="right"))
        start -= int(self._ends[shard]) - len(self._tokens[shard])
        filled = 0
        while filled < len(out):
            part = self._tokens[shard][start : start + len(out) - filled]
            out[filled : filled + len(part)] = part
            filled, shard, start = filled + len(part), shard + 1, 0


def validation_windows(prefixes: list[Path], sequence_length: int, limit: int) -> np.ndarray:
    """At most `limit` windows of a split, (n, sequence_length + 1) int64, in order and evenly spread over it.

    n is 0 when the split is shorter than one window.
    """
    stream = TokenStream(prefixes)
    available = stream.windows(sequence_length)
    number = min(limit, available)
    out = np.empty((number, sequence_length + 1), dtype=np.int64)
    for place, row in enumerate(out):
        stream.read(place * available // number * sequence_length, row)
    return out


def permute(index: np.ndarray, size: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Image of each `index` < `size` under the permutation of 0 .. size - 1 that `key` chooses; all (n,) uint64.

    A generalised Feistel network on pairs (left < a, right < b) with a b just above size, as in Black and Rogaway, "Ciphers with
    arbitrary finite domains" (2002); images outside are permuted again until they fall inside (cycle walking).
    """
    a = np.ceil(np.sqrt(size.astype(np.float64))).astype(np.uint64)
    b = (size + a - np.uint64(1)) // a
    image = _feistel(index, a, b, key)
    while (outside := image >= size).any():
        image[outside] = _feistel(image[outside], a[outside], b[outside], key[outside])
    return image


def _feistel(index: np.ndarray, a: np.ndarray, b: np.ndarray, key: np.ndarray) -> np.ndarray:
    left, right = np.divmod(index, b)
    for round_number in range(ROUNDS):
        round_key = key + np.uint64(GOLDEN * (round_number + 1) % 2**64)
        if round_number % 2 == 0:
            left = (left + _mix(round_key ^ _mix(right)) % a) % a
        else:
            right = (right + _mix(round_key ^ _mix(left)) % b) % b
    return left * b + right


def _mix(x: np.ndarray) -> np.ndarray:
    """A bijection of 64 bits that spreads every bit over all: the finaliser of SplitMix64 (Steele et al. 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _per_era(windows: dict[str, int], weights: dict[str, float] | None) -> dict[str, int]:
    """Samples of each source in an era; weights are rounded by largest remainder, so that the sum is exact."""
    if weights is None:
        return dict(windows)
    if set(weights) != set(windows):
        raise ValueError(f"weights name {', '.join(sorted(weights))}; the sources are {', '.join(windows)}")
    total = sum(weights.values())
    shares = {source: weights[source] / total * ERA_SAMPLES for source in windows}
    counts = {source: int(share) for source, share in shares.items()}
    by_remainder = sorted(shares, key=lambda source: (counts[source] - shares[source], source))
    for source in by_remainder[: ERA_SAMPLES - sum(counts.values())]:
        counts[source] += 1
    for source, count in counts.items():
        if count == 0 and weights[source] > 0:
            raise ValueError(f"weight of {source!r} is below one sample in {ERA_SAMPLES:,}; raise it or set it to 0")
    return counts
