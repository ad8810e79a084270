import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from data.clean.clean import clean_shard, clean_text
from data.clean.config import CleanConfig
from data.documents import REJECTED_SCHEMA, SCHEMA, document_id
from data.tables import read_table, write_table
from data.text.words import split_words

PROSE = """The committee met in the spring of that year to look at the state of the roads and bridges of the county.
Its members went from town to town, and they spoke with farmers who have used the old road since they were young.
Most of them said that the bridge over the river had to be repaired before the winter, or it would be lost.
The engineer was asked what such a repair would cost, and he answered that it could be done for a small sum.
In the end a report was written, and it was read to the council by the oldest member on the first of June."""
GERMAN = "Der Ausschuss trat im Frühjahr zusammen, um den Zustand der Straßen und Brücken zu prüfen. " * 10
SHORT = "\n".join(PROSE.splitlines()[:2])


def rule_of(text: str, **fields: Any) -> str | None:
    rejection = clean_text(text, CleanConfig(**fields)).rejection
    return rejection.rule if rejection else None


def test_good_prose_passes_unchanged() -> None:
    cleaned = clean_text(PROSE, CleanConfig())
    assert (cleaned.rejection, cleaned.text, cleaned.language) == (None, PROSE, "en")
    assert cleaned.language_score is not None and cleaned.language_score > 0.9


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        (GERMAN, "language"),
        (f"{PROSE}\n\n{PROSE}\n\n{PROSE}", "gopher_repetition.duplicate_paragraphs"),
        (SHORT, "gopher_quality.word_count"),
        (PROSE + "\nLorem ipsum dolor sit amet.", "c4.lorem_ipsum"),
        (PROSE.replace(".", ""), "fineweb.line_punctuation"),
    ],
)
def test_each_family_names_its_rule(text: str, rule: str) -> None:
    assert rule_of(text) == rule


def test_the_first_family_in_order_rejects() -> None:
    # Broken for repetition, quality (length) and C4 alike.
    text = "the road and the road lorem ipsum\n" * 4
    assert rule_of(text, language=None).startswith("gopher_repetition.")
    assert rule_of(text, language=None, gopher_repetition=None) == "gopher_quality.word_count"
    assert rule_of(text, language=None, gopher_repetition=None, gopher_quality=None) == "c4.lorem_ipsum"
    rest = {"language": None, "gopher_repetition": None, "gopher_quality": None, "c4": None}
    assert rule_of(text, **rest) == "fineweb.line_punctuation"
    assert rule_of(text, **rest, fineweb=None) is None


def test_a_threshold_is_overridden_without_naming_the_others() -> None:
    assert rule_of(PROSE, gopher_quality={"min_words": 500}) == "gopher_quality.word_count"
    assert rule_of(PROSE, gopher_quality={}) is None


def test_a_misspelt_rule_is_refused() -> None:
    with pytest.raises(ValidationError, match="min_word"):
        CleanConfig(gopher_quality={"min_word": 5})


def test_language_score_and_allowed_set() -> None:
    assert rule_of(PROSE, language={"threshold": 1.0}) == "language"
    assert rule_of(GERMAN, language={"allowed": ["en", "de"]}) != "language"
    assert clean_text(GERMAN, CleanConfig(language={"allowed": []})).language == "de"
    assert rule_of(GERMAN, language={"allowed": []}) != "language"


def test_lines_that_c4_drops_are_counted_and_later_rules_see_what_is_left() -> None:
    cleaned = clean_text(PROSE + "\nPlease enable JavaScript to read on.", CleanConfig())
    assert (cleaned.text, cleaned.rejection, cleaned.lines_dropped) == (PROSE, None, {"c4.javascript": 1})


def test_fineweb_judges_the_lines_that_c4_leaves() -> None:
    text = PROSE + "".join(f"\nscript {i} needs javascript" for i in range(60))  # 5 of 65 lines have an end mark
    assert rule_of(text, gopher_repetition=None) is None
    assert rule_of(text, gopher_repetition=None, c4=None) == "fineweb.line_punctuation"


def test_the_word_splitter_is_a_named_choice() -> None:
    marks = PROSE.replace(" and ", " , , ; - & ")
    assert rule_of(marks, words="whitespace", gopher_quality={"min_alphabetic_words": 0.8}) is None
    assert rule_of(PROSE, gopher_quality={"min_alphabetic_words": 0.95}) is None
    assert rule_of(PROSE, words="punctuation", gopher_quality={"min_alphabetic_words": 0.95}) == (
        "gopher_quality.alphabetic_words"
    )


def test_marks_are_part_of_the_letters_that_they_stand_on() -> None:
    assert split_words("हिन्दी में, น้ำดี", "punctuation") == ["हिन्दी", "में", ",", "น้", "ำ", "ดี"]
    assert split_words("é e\u0301 \u0301", "punctuation") == ["é", "e\u0301", "\u0301"]


def document(name: str, text: str, source: str = "test") -> dict[str, Any]:
    values = {"id": document_id(source, name), "text": text, "source": source, "uri": name, "license": "CC0"}
    return values | {"language": None, "language_score": None, "meta": '{"n": 1}'}


def test_a_shard_accounts_for_every_document(tmp_path: Path) -> None:
    rows = [
        document("good", PROSE),
        document("mail", PROSE + " Write to him at jane@town.org or 8.8.8.8.", "other"),
        document("german", GERMAN),
        document("empty", ""),
        document("short", SHORT),
    ]
    write_table(tmp_path / "in.parquet", rows, SCHEMA)
    counts = clean_shard(tmp_path, tmp_path / "in.parquet", CleanConfig())

    kept = read_table(tmp_path / "documents-00000.parquet")
    assert kept.schema.equals(SCHEMA)
    assert kept["uri"].to_pylist() == ["good", "mail"]
    assert kept["language"].to_pylist() == ["en", "en"]
    assert kept["text"][1].as_py().endswith("Write to him at <EMAIL> or <IP_ADDRESS>.")
    rejected = read_table(tmp_path / "rejected.parquet")
    assert rejected.schema.equals(REJECTED_SCHEMA)
    assert {r["uri"]: r["rule"] for r in rejected.to_pylist()} == {
        "german": "language",
        "empty": "empty",
        "short": "gopher_quality.word_count",
    }
    assert rejected["text"][0].as_py() == GERMAN
    assert rejected["detail"][2].as_py() == "44 < 50"

    assert counts["documents_in"] == 5
    assert counts["documents_out"] == 2
    assert counts["quarantined"] == 0
    assert counts["dropped"] == {"empty": 1, "gopher_quality.word_count": 1, "language": 1}
    assert counts["pii"] == {"email": 1, "ipv4": 1}
    assert counts["languages"] == {"de": 1, "en": 3}
    assert counts["documents_by_source"] == {"other": 1, "test": 1}
    assert counts["bytes_in"] == sum(len(r["text"].encode()) for r in rows)
    assert counts["bytes_out"] == sum(len(text.encode()) for text in kept["text"].to_pylist())


def test_equal_inputs_give_equal_bytes_and_an_empty_shard_is_one(tmp_path: Path) -> None:
    write_table(tmp_path / "in.parquet", [document("good", PROSE), document("empty", "")], SCHEMA)
    write_table(tmp_path / "none.parquet", [], SCHEMA)
    for name in ("first", "second", "none"):
        (tmp_path / name).mkdir()
        source = "none" if name == "none" else "in"
        counts = clean_shard(tmp_path / name, tmp_path / f"{source}.parquet", CleanConfig())
    assert (counts["documents_in"], counts["documents_out"], counts["dropped"]) == (0, 0, {})
    assert not (tmp_path / "none" / "rejected.parquet").exists()
    for file in ("documents-00000.parquet", "rejected.parquet"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_bytes_are_counted_by_rule(tmp_path: Path) -> None:
    write_table(tmp_path / "in.parquet", [document("good", PROSE), document("é", "é" * 10)], SCHEMA)
    counts = clean_shard(tmp_path, tmp_path / "in.parquet", CleanConfig(language=None))
    assert counts["bytes_dropped"] == {"gopher_quality.word_count": 20}
    assert counts["bytes_in"] == counts["bytes_out"] + 20


@pytest.mark.long
def test_memory_does_not_grow_with_the_shard(tmp_path: Path) -> None:
    # Row groups of 8 MB, of which 4 and 16 are cleaned in a process of their own each: after the first few the allocators
    # have what they need.
    script = (
        "import resource, sys; from pathlib import Path; from data.clean.clean import CleanConfig, clean_shard\n"
        "clean_shard(Path(sys.argv[1]), Path(sys.argv[2]), CleanConfig(chain=['c4.citations'], pii=None))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    used = {}
    for groups in (4, 16):
        with pq.ParquetWriter(tmp_path / "in.parquet", SCHEMA, compression="zstd", store_schema=False) as writer:
            for group in range(groups):
                rows = [document(f"{group} {n}", f"{group} {n} " + "the old road " * 1250) for n in range(500)]
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
        command = [sys.executable, "-c", script, str(tmp_path), str(tmp_path / "in.parquet")]
        used[groups] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert used[16] < used[4] * 1.2
