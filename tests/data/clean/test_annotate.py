"""Scores are computed once; what `clean` decides from them is what it decides from the texts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data.clean.annotate import FILE, annotate_shard, score_schema, scores_of
from data.clean.annotate_config import AnnotateConfig
from data.clean.chain import ChainInputs
from data.clean.clean import clean_shard
from data.clean.config import CleanConfig
from data.clean.filters.families import FAMILIES
from data.documents import SCHEMA, document_id
from data.tables import ROW_GROUP_ROWS, read_table, write_table
from tests.benchmarks.sample import addresses

CODE = """
def shouting(text, document):
    return sum(map(str.isupper, text)) / len(text) if text else None
"""


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """300 pieces of addresses, among them some that break rules, and one that is empty."""
    texts = [text[start : start + 1500] for text in addresses()[:50] for start in range(0, 9000, 1500)]
    texts[::10] = [text.upper() for text in texts[::10]]
    texts[1::10] = [" ".join(text.split()[:90] * 2) for text in texts[1::10]]
    texts[2::10] = [text.replace(". ", ".\nsee\n") for text in texts[2::10]]
    texts[3::20] = [text[:150] for text in texts[3::20]]
    texts[77] = ""
    rows = [
        {"id": document_id("s", f"{n}"), "text": text, "source": "s", "uri": "", "license": "", "meta": "{}"}
        for n, text in enumerate(texts)
    ]
    write_table(tmp_path / "in.parquet", rows, SCHEMA)
    (tmp_path / "rules.py").write_text(CODE)
    return tmp_path / "in.parquet"


def clean(documents: Path, config: CleanConfig, annotate: AnnotateConfig | None = None) -> list[dict[str, Any]]:
    """Kept and rejected documents, from scores when `annotate` says what they were computed with."""
    out = documents.parent / "out"
    out.mkdir(exist_ok=True)
    inputs = ChainInputs(documents.parent, annotate=annotate)
    clean_shard(out, documents, config, inputs, documents.parent / FILE if annotate else None)
    return read_table(out / "documents-00000.parquet").to_pylist() + read_table(out / "rejected.parquet").to_pylist()


def annotated(documents: Path, **fields: Any) -> AnnotateConfig:
    config = AnnotateConfig(**fields)
    counts = annotate_shard(documents.parent, documents, config, documents.parent)
    assert counts.pop("content").startswith("300:")
    assert counts == {"documents_in": 300, "documents_out": 300, "dropped": {}, "quarantined": 0}
    return config


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"chain": ["fineweb", "gopher_quality", "gopher_repetition", "language"]},
        {"chain": ["c4", "fineweb", "gopher_quality.mean_word_length"]},
        {"gopher_quality": {"min_words": 240, "max_mean_word_length": 4.6}, "language": {"threshold": 0.93}},
        {"gopher_repetition": {"top_2_gram": 0.04, "duplicate_5_gram": 0.02}, "fineweb": {"max_short_lines": None}},
    ],
)
def test_decisions_from_scores_are_those_from_the_texts(documents: Path, fields: dict[str, Any]) -> None:
    config = CleanConfig(**fields)
    expected = clean(documents, config)
    assert len({row.get("rule") for row in expected}) > 3
    assert clean(documents, config, annotated(documents)) == expected


def test_a_text_that_is_as_it_came_is_not_measured_again(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    annotate = annotated(documents)

    def measured(*_: Any) -> Any:
        raise AssertionError("measured again")

    for family in ("gopher_repetition", "gopher_quality", "fineweb"):
        monkeypatch.setitem(FAMILIES, family, replace(FAMILIES[family], measures=measured))
    monkeypatch.setattr("data.clean.language.identify", measured)
    config = CleanConfig(chain=["language", "gopher_repetition", "gopher_quality", "fineweb"])
    assert len(clean(documents, config, annotate)) == 300
    with pytest.raises(AssertionError, match="measured again"):
        clean(documents, config.model_copy(update={"chain": ("c4", "fineweb")}), annotate)


def test_limits_on_scores_of_a_function_and_of_a_family(documents: Path) -> None:
    annotate = annotated(documents, custom=["rules:shouting"])
    scores = [
        {"name": "shouting", "max": 0.5},
        {"name": "gopher_quality.word_count", "min": 100},
        {"name": "language_score", "min": 0.5},
    ]
    rows = clean(documents, CleanConfig(chain=["scores"], scores=scores), annotate)
    rules = {row["id"]: row.get("rule") for row in rows}
    texts = {row["id"]: row["text"] for row in read_table(documents).to_pylist()}
    for name, text in texts.items():
        if not text:
            assert rules[name] == "empty"
        elif text.isupper():
            assert rules[name] == "scores.shouting"
        else:
            assert rules[name] in (None, "scores.gopher_quality.word_count", "scores.language_score")
    assert "scores.gopher_quality.word_count" in rules.values()


def test_a_score_that_nobody_computed_is_named(documents: Path) -> None:
    config = CleanConfig(chain=["scores"], scores=[{"name": "shout", "max": 0.5}])
    with pytest.raises(
        ValueError, match=r"there is no score called shout; there are language, language_score, .*shouting"
    ):
        clean(documents, config, annotated(documents, custom=["rules:shouting"]))
    with pytest.raises(ValueError, match="there are none, for the recipe has no section annotate"):
        clean(documents, config)


def test_a_score_has_a_limit() -> None:
    with pytest.raises(ValidationError, match="shouting has neither min nor max"):
        CleanConfig(scores=[{"name": "shouting"}])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"words": "punctuation"}, "words"),
        ({"language": {"unit": "paragraph"}}, r"language\.unit"),
        ({"language": {"characters": 100}}, r"language\.characters"),
        ({"language": {"model": "py3langid"}}, r"language\.model"),
        (
            {"language": {"rules": {"de": {"gopher_quality": {"stop_words": ["der"]}}}}},
            r"language\.rules\.de\.gopher_quality\.stop_words",
        ),
        ({"gopher_quality": {"stop_words": ["der"]}}, r"gopher_quality\.stop_words"),
        ({"fineweb": {"end_marks": "fineweb"}}, r"fineweb\.end_marks"),
        ({"fineweb": {"short_line_length": 20}}, r"fineweb\.short_line_length"),
    ],
)
def test_measures_that_were_taken_in_another_way_are_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(
        ValueError, match=rf"clean\.{field} is .* and annotate has measured with .*; make them the same"
    ):
        AnnotateConfig().check_fits(CleanConfig(**fields))
    AnnotateConfig(families=[], words=fields.get("words", "whitespace")).check_fits(CleanConfig(**fields))


def test_a_function_that_gives_text_has_no_score(documents: Path) -> None:
    (documents.parent / "rules.py").write_text("def shouting(text, document):\n    return 'loud'\n")
    with pytest.raises(ValueError, match=r"annotate\.custom: shouting gave text for document [0-9a-f]{32}"):
        annotated(documents, custom=["rules:shouting"])


def test_scores_that_would_share_a_column_are_refused() -> None:
    for custom in (["a:f", "b:f"], ["a:language"], ["a:id"]):
        with pytest.raises(ValidationError, match="two scores have the same name"):
            AnnotateConfig(custom=custom)


def test_columns_are_what_is_measured() -> None:
    config = AnnotateConfig(families=["gopher_quality"], custom=["rules:f"])
    scores = scores_of({"id": "x", "text": "the cat and the dog"}, config)
    assert [*scores, "f"] == score_schema(config).names
    assert (scores["gopher_quality.word_count"], scores["gopher_quality.stop_words"]) == (5, 2)


def test_row_groups_are_those_of_the_documents(tmp_path: Path) -> None:
    rows = [
        {"id": f"{n}", "text": f"the text {n}", "source": "s", "uri": "", "license": "", "meta": "{}"}
        for n in range(ROW_GROUP_ROWS + 5)
    ]
    write_table(tmp_path / "in.parquet", rows, SCHEMA)
    annotate = AnnotateConfig(families=["gopher_quality"])
    annotate_shard(tmp_path, tmp_path / "in.parquet", annotate, tmp_path)
    config = CleanConfig(chain=["scores"], scores=[{"name": "gopher_quality.word_count", "min": 3}], pii=None)
    counts = clean_shard(tmp_path, tmp_path / "in.parquet", config, ChainInputs(annotate=annotate), tmp_path / FILE)
    assert counts["documents_out"] == len(rows)
