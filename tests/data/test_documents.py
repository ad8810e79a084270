"""The documents' identity."""

import xxhash

from data.documents import content_hash, document_id


def test_identifiers_are_those_of_the_reference_hash() -> None:
    assert document_id("sotu", "a.jsonl#12") == xxhash.xxh3_128(b"sotu\x00a.jsonl#12").hexdigest()
    assert content_hash("naïve") == xxhash.xxh3_128("naïve".encode()).hexdigest()
    assert document_id("a", "b#1") != document_id("ab", "#1")  # the border between name and locator counts
