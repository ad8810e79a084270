"""Looking at a run's documents: nothing lost, nothing cut, nothing from a document obeyed, nothing read that is not shown."""

import io
import json
import os
import re
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from rich.console import Console
from typer.testing import CliRunner

from data.documents import QUARANTINE_SCHEMA, REJECTED_SCHEMA, SCHEMA
from data.profile import Profile
from data.tables import ROW_GROUP_ROWS, write_table
from pipeline.cli import app
from pipeline.inspect.corpus import corpus
from pipeline.inspect.funnel import (
    SHOWN,
    find,
    funnel,
    funnel_rows,
    left_out_lines,
    print_document,
    print_funnel,
    print_records,
    select,
)
from pipeline.inspect.records import FILES, records, scan
from pipeline.inspect.terminal import size, visible

HOSTILE = "\x1b[31mred\x1b]0;title\x07 \x9b2J [bold]markup[/bold] :smile: \u202eesrever\u2066 \x00\r\x08 a\u200bb"
LONG = "gopher_repetition.duplicate_paragraph_characters"  # the longest name of a rule
PROSE = " ".join(f"The mill turns and the grain of year {year} becomes flour." for year in range(1900, 1925))


def document(number: int, text: str = PROSE, **fields: Any) -> dict[str, Any]:
    place = {"id": f"{number:032x}", "uri": f"a.jsonl#{number}", "meta": json.dumps({"id": f"own-{number}"})}
    return {**place, "text": text, "source": "books", "license": "CC0-1.0", **fields}


IN_ENGLISH = {"language": "en", "language_score": 0.95}
MASKED = PROSE.replace("grain", "mail@example.org grain", 1), PROSE.replace("grain", "<EMAIL> grain", 1)
COLLECTED = [
    document(0xA1),
    document(0xA2, "Skip to content\n" + MASKED[0] + "\nAccept all cookies"),
    document(0xB3, "Trop court."),
    document(0xB4, HOSTILE * 20, uri=f"u{HOSTILE}", license=HOSTILE, source="web", meta=json.dumps({"id": 17})),
    document(0xB5, PROSE.replace("flour", "bread", 1), source="web", license="[/x] licence"),
]
CLEANED = [
    COLLECTED[0] | IN_ENGLISH,
    COLLECTED[1] | IN_ENGLISH | {"text": MASKED[1]},
    COLLECTED[4] | IN_ENGLISH,
]
REJECTED = [
    COLLECTED[2] | {"language": "fr", "language_score": 0.8, "rule": "language", "detail": "fr (0.80)"},
    COLLECTED[3] | IN_ENGLISH | {"rule": LONG, "detail": HOSTILE},
]
DUPLICATE = CLEANED[2] | {"rule": "near_duplicate", "detail": COLLECTED[0]["id"]}
EMPTY = document(0xC6, "", rule="empty", detail="no text")
UNREADABLE = {"source": "web", "locator": "a.jsonl#99", "error": "invalid JSON: line 1", "excerpt": '{"text"' + HOSTILE}


def profile(kept: list[dict[str, Any]], rejected: list[dict[str, Any]]) -> dict[str, Any]:
    counts = Profile()
    counts.keep(pa.Table.from_pylist(kept, schema=SCHEMA))
    counts.drop(pa.Table.from_pylist(rejected, schema=REJECTED_SCHEMA))
    return counts.counts()


def add_stage(
    view: Path, stage: str, taken: dict[str, Any], kept: list[Any], rejected: list[Any], **counts: Any
) -> None:
    """An artifact of two shards, and its manifest."""
    for number, rows in enumerate((kept[:1], kept[1:])):
        folder = view / stage / "shards" / f"{number:05d}"
        folder.mkdir(parents=True)
        write_table(folder / "documents-00000.parquet", rows, SCHEMA)
    if rejected:
        write_table(folder / "rejected.parquet", rejected, REJECTED_SCHEMA)
    manifest = {"format": 1, "counts": {"quarantined": 0, **taken, **profile(kept, rejected), **counts}, "config": {}}
    (view / stage / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def view(tmp_path: Path) -> Path:
    """A run through dedup and tokenize."""
    view = tmp_path / "runs" / "r"
    collected, cleaned = profile(COLLECTED, []), profile(CLEANED, [])
    add_stage(view, "collect", {"documents_in": 7, "bytes_in": 12_345}, COLLECTED, [EMPTY], quarantined=1)
    write_table(view / "collect" / "shards" / "00000" / "quarantine.parquet", [UNREADABLE], QUARANTINE_SCHEMA)
    taken = {"documents_in": 5, "bytes_in": collected["bytes_out"]}
    add_stage(view, "clean", taken, CLEANED, REJECTED, pii={"email": 1}, lines_dropped={"policy": 2})
    taken = {"documents_in": 3, "bytes_in": cleaned["bytes_out"]}
    add_stage(view, "dedup", taken, CLEANED[:2], [DUPLICATE])
    duplicates = view / "dedup" / "duplicates" / "all"
    duplicates.mkdir(parents=True)
    row = {"id": DUPLICATE["id"], "reason": "near_duplicate", "kept": COLLECTED[0]["id"]}
    write_table(duplicates / "duplicates.parquet", [row], pa.schema([(name, pa.string()) for name in row]))
    tokens = view / "tokenize" / "shards" / "00001"
    tokens.mkdir(parents=True)
    annotations = view / "annotate" / "shards" / "00000"
    annotations.mkdir(parents=True)
    row = {"id": COLLECTED[0]["id"], "language": "en", "fineweb.newlines": 0.25}
    write_table(annotations / "annotations.parquet", [row], pa.Table.from_pylist([row]).schema)
    row = {"document": 4, "id": COLLECTED[0]["id"], "tokens": 1234}
    write_table(tokens / "old-books-test.parquet", [row], pa.Table.from_pylist([row]).schema)
    return view


def printed(function: Any, *arguments: Any, width: int = 80, **settings: Any) -> str:
    output = io.StringIO()
    function(*arguments, Console(file=output, width=width, **settings))
    return output.getvalue()


def line_of(output: str, beginning: str) -> list[str]:
    return next(line.split() for line in output.splitlines() if line.strip().startswith(beginning))


def test_the_funnel_accounts_for_every_document_and_byte(view: Path) -> None:
    facts = funnel(view)
    assert list(facts) == ["collect", "clean", "dedup"]
    for lines in facts.values():
        documents = {line["what"]: line["documents"] or 0 for line in lines}
        assert 2 * documents["in"] == sum(documents.values())
    for stage in ("clean", "dedup"):
        sizes = {line["what"]: line["bytes"] for line in facts[stage]}
        assert 2 * sizes["in"] == sum(sizes.values())
    assert {line["what"]: line["bytes"] for line in facts["clean"]} == {
        "in": sum(len(row["text"].encode()) for row in COLLECTED),
        LONG: len(COLLECTED[3]["text"].encode()),
        "language": len("Trop court."),
        "cut or masked in what is kept": len(COLLECTED[1]["text"]) - len(CLEANED[1]["text"]),
        "out": sum(len(row["text"].encode()) for row in CLEANED),
    }
    rows = list(funnel_rows("collect", json.loads((view / "collect" / "manifest.json").read_text())["counts"]))
    assert rows == [
        ("collect", "in", "7", "100.0%"), ("", "empty", "1", "14.3%"),
        ("", "quarantined", "1", "14.3%"), ("", "out", "5", "71.4%"),
    ]  # fmt: skip


def test_what_the_extraction_left_out_is_a_line_a_source() -> None:
    left_out = {"web: navigation": 1200, "web: lists of links": 30_000, "wiki: tables": 5}
    assert list(left_out_lines({"collect": {"counts": {"left_out": left_out}}, "clean": {"counts": {}}})) == [
        "characters of web that the extraction left out: lists of links 30,000, navigation 1,200",
        "characters of wiki that the extraction left out: tables 5",
    ]
    assert not list(left_out_lines({"collect": {"counts": {}}}))


@pytest.mark.parametrize("terminal", [False, True])
def test_the_funnel_fits_eighty_columns(
    view: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setenv("PAGER", f"tee {tmp_path / 'seen'}")
    output = printed(print_funnel, view, force_terminal=terminal)
    plain = re.sub("\x1b\\[[0-9;]*m", "", (tmp_path / "seen").read_text() if terminal else output)
    assert max(map(len, plain.splitlines())) <= 80
    assert line_of(plain, LONG)[1:3] == ["1", "20.0%"]
    assert line_of(plain, "clean out") == [
        "clean",
        "out",
        "3",
        "60.0%",
        *size(sum(len(r["text"]) for r in CLEANED)).split(),
    ]


def test_numbers_are_never_cut_where_no_terminal_sets_the_width(view: Path) -> None:
    manifest = json.loads((view / "clean" / "manifest.json").read_text())
    manifest["counts"]["documents_in"] = manifest["counts"]["dropped"][LONG] = 123_456_789_012_345
    manifest["counts"]["bytes_dropped"][LONG] = manifest["counts"]["bytes_in"] = 987_654_321_987_654_321
    (view / "clean" / "manifest.json").write_text(json.dumps(manifest))
    output = printed(print_funnel, view, width=40)
    assert line_of(output, LONG) == [LONG, "123,456,789,012,345", "100.0%", "987,654.32", "TB"]
    assert "…" not in output.replace(visible(HOSTILE)[:20], "").split("licences")[0]


def test_what_the_documents_are_like_before_and_after(view: Path) -> None:
    facts = corpus(view, ["collect", "clean", "dedup"])
    tables = facts["tables"]
    assert tables["sources"] == {
        "collect": {"books": 3, "web": 2}, "clean": {"books": 2, "web": 1}, "dedup": {"books": 2},
    }  # fmt: skip
    assert tables["licences"]["collect"] == {"CC0-1.0": 3, "[/x] licence": 1, HOSTILE: 1}
    assert tables["characters"]["clean"] == {"1024": 3}
    assert tables["languages"] == {"collect": {"en": 4, "fr": 1}, "clean": {"en": 3}, "dedup": {"en": 2}}
    assert tables["language scores"]["collect"] == {"0.8": 1, "0.9": 4}
    assert facts["masked"] == {"email": 1}
    assert facts["lines_dropped"] == {"policy": 2}
    assert facts["estimated"] == {}
    assert facts["sampled"] == {"collect": 5, "clean": 3, "dedup": 2}
    assert facts["measures"]["dedup"]["gopher_quality.stop_words"] == [3, 3, 3]
    assert json.loads(json.dumps(facts)) == facts
    output = printed(print_funnel, view)
    assert line_of(output, "en") == ["en", "4", "80.0%", "3", "100.0%", "2", "100.0%"]
    assert line_of(output, "1,024 to") == ["1,024", "to", "2,047", "4", "80.0%", "3", "100.0%", "2", "100.0%"]
    assert line_of(output, "[/x]")[:2] == ["[/x]", "licence"], "a document's own words are no markup"
    assert line_of(output, "email") == ["email", "1"]
    assert "█" not in output
    assert "█" in printed(print_funnel, view, width=120)


def test_manifests_of_before_these_counts(view: Path) -> None:
    for stage in ("collect", "clean", "dedup"):
        path = view / stage / "manifest.json"
        manifest = json.loads(path.read_text())
        for name in ("bytes_dropped", "lengths_out", "languages_out", "language_scores_out", "language_scores"):
            del manifest["counts"][name]
        path.write_text(json.dumps(manifest))
    output = printed(print_funnel, view)
    assert line_of(output, "language  ") == ["language", "1", "20.0%", "-"]
    assert "cut or masked" not in output
    assert line_of(output, "1,024 to") == ["1,024", "to", "2,047", "4", "80.0%", "3", "100.0%", "2", "100.0%"]
    assert "clean did not count characters, languages, language scores: these are of 3" in output


def test_a_run_that_has_not_come_far(tmp_path: Path, view: Path) -> None:
    (tmp_path / "runs" / "empty").mkdir()
    assert "Documents of run empty" in printed(print_funnel, tmp_path / "runs" / "empty")
    for stage in ("clean", "dedup"):
        (view / stage / "manifest.json").unlink()
    output = printed(print_funnel, view)
    assert line_of(output, "collect out")[2] == "5"
    assert "clean" not in output


def test_a_run_in_which_nothing_comes_through(tmp_path: Path) -> None:
    view = tmp_path / "runs" / "nothing"
    add_stage(view, "collect", {"documents_in": 1, "bytes_in": 9}, [], [EMPTY])
    path = view / "collect" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["counts"]["documents_by_source"] = {"books": 0}  # as collect counts
    path.write_text(json.dumps(manifest))
    for stage in ("clean", "dedup"):
        add_stage(view, stage, {"documents_in": 0, "bytes_in": 0}, [], [])
    for width in (80, 120):
        output = printed(print_funnel, view, width=width)
        assert line_of(output, "empty")[1:3] == ["1", "100.0%"]
        assert line_of(output, "books") == ["books", "-", "-", "-"]
        assert "of 0 and 0 documents" in output, "the page is whole"


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.parametrize(
    "chosen", [("--source", "nope"), ("--rule", "zzz"), ("--stage", "bogus"), ("--stage", "clean", "--rule", "c4")]
)
def test_the_funnel_is_not_chosen_from(view: Path, chosen: tuple[str, ...], as_json: tuple[str, ...]) -> None:
    stages = ("collect", "clean", "dedup")
    (view / "plan.json").write_text(json.dumps([{"stage": stage, "fingerprint": stage} for stage in stages]))
    command = ["inspect", "r", "--workdir", str(view.parents[1])]
    result = CliRunner().invoke(app, [*command, *chosen, *as_json])
    assert (result.exit_code, result.stdout) == (2, "")
    message = "the funnel is of all documents; add --show rejected (or documents, quarantine)"
    assert result.stderr == f"gristmill: {' '.join(chosen)}: {message}\n"
    assert CliRunner().invoke(app, [*command, *as_json]).exit_code == 0


def test_records_by_rule_source_and_error(view: Path) -> None:
    rejected = view / "clean"
    assert [row["rule"] for row in records(rejected, "rejected")] == ["language", LONG]
    assert [row["rule"] for row in records(rejected, "rejected", rule="gopher_repetition")] == [LONG]
    assert [row["rule"] for row in records(rejected, "rejected", source="books")] == ["language"]
    assert list(records(rejected, "rejected", rule="language", source="web")) == []
    assert [row["id"][-2:] for row in records(view / "collect", "documents", source="web")] == ["b4", "b5"]
    assert [row["locator"] for row in records(view / "collect", "quarantine", rule="invalid json")] == ["a.jsonl#99"]
    assert list(records(view / "collect", "quarantine", rule="truncated")) == []


@pytest.mark.parametrize(
    ("stage", "what", "rule", "source", "answer"),
    [
        ("vocab", "documents", None, None, "--stage vocab: documents are in collect, documents, clean, dedup"),
        ("clean", "everything", None, None, "--show everything: there are funnel, documents, rejected, quarantine"),
        ("clean", "rejected", "langage", None, "--rule langage: clean rejected nothing by it; did you mean language?"),
        ("clean", "rejected", "xyz", None, f"--rule xyz: clean rejected nothing by it; there are {LONG}, language"),
        ("clean", "documents", "language", None, "--rule goes with --show rejected or --show quarantine"),
        ("dedup", "documents", None, "bocks", "--source bocks: dedup passed on nothing of it; did you mean books?"),
        ("dedup", "rejected", None, "nope", "--source nope: the run has no such source; there are books, web"),
        ("collect", "quarantine", None, "bocks", "--source bocks: the run has no such source; did you mean books?"),
    ],
)
def test_mistakes_are_answered(
    view: Path, stage: str, what: str, rule: str | None, source: str | None, answer: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(answer)):
        select(view, stage, what, rule, source)


def test_rows_are_numbered_through_batches_and_row_groups(tmp_path: Path) -> None:
    folder = tmp_path / "shards" / "00000"
    folder.mkdir(parents=True)
    rows = [document(number, "short", source="rare" if number in (70, ROW_GROUP_ROWS + 65) else "s")
            for number in range(ROW_GROUP_ROWS + 100)]  # fmt: skip
    write_table(folder / "documents-00000.parquet", rows, SCHEMA)
    found = list(scan(tmp_path, FILES["documents"], ["source"], lambda table: pc.equal(table["source"], "rare")))
    assert [each.row for each in found] == [70, ROW_GROUP_ROWS + 65]
    assert [each.record["id"] for each in found] == [rows[each.row]["id"] for each in found]
    assert [each.row for each in scan(tmp_path, FILES["documents"])] == list(range(len(rows)))


def test_without_a_stage_all_that_was_lost_or_what_came_through(view: Path) -> None:
    found = [(row["stage"], row["rule"]) for row in select(view, None, "rejected", None, None)]
    assert found == [("collect", "empty"), ("clean", "language"), ("clean", LONG), ("dedup", "near_duplicate")]
    assert [row["stage"] for row in select(view, None, "quarantine", None, None)] == ["collect"]
    assert {row["stage"] for row in select(view, None, "documents", None, None)} == {"dedup"}
    assert [row["rule"] for row in select(view, None, "rejected", "near", None)] == ["near_duplicate"]
    with pytest.raises(ValueError, match="collect and clean and dedup rejected nothing by it"):
        select(view, None, "rejected", "bar", None)


def test_stages_that_are_not_there(view: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="run empty has no clean yet"):
        select(tmp_path / "runs" / "empty", "clean", "documents", None, None)
    with pytest.raises(ValueError, match="run empty has no documents yet"):
        find(tmp_path / "runs" / "empty", "a1")


def test_limits_excerpts_and_whole_texts(view: Path) -> None:
    two = printed(print_records, view, "collect", "documents", None, None, 2, False)
    assert two.count("source ") == 2
    assert "There are more" in two
    assert f"{len(PROSE) - 600:,} more characters" in two
    everything = printed(print_records, view, "collect", "documents", None, None, 5, True)
    assert everything.count("source ") == 5
    assert "There are more" not in everything
    assert "more characters" not in everything
    assert printed(print_records, view, "dedup", "quarantine", None, None, None, False) == "None.\n"


def test_nothing_from_a_document_reaches_the_terminal_raw(view: Path) -> None:
    shown = [
        printed(print_funnel, view),
        *(
            printed(print_records, view, stage, what, None, None, 9, True, width=10_000)
            for stage, what in (("collect", "documents"), ("clean", "rejected"), ("collect", "quarantine"))
        ),
        *(printed(print_document, view, name, True, width=10_000) for name in ("17", "a.jsonl#99")),
    ]
    for output in shown:
        hidden = {character for character in output if unicodedata.category(character) in ("Cc", "Cf", "Cs")}
        assert hidden <= {"\n"}
    for output in shown[1:]:
        assert "[bold]markup[/bold] :smile:" in output, "markup is text"
        assert "<U+001B>[31mred<U+001B>]0;title<U+0007>" in output
        assert "<U+202E>esrever<U+2066>" in output


def test_a_document_is_found_by_each_of_its_names(view: Path) -> None:
    for name in ("000000000000000000000000000000a1", "a.jsonl#161", "own-161"):
        assert find(view, name)["id"].endswith("a1")
    assert find(view, "17")["id"].endswith("b4"), "a number as its id in the source"
    assert find(view, f"{0xB3:032x}")["source"] == "books"
    assert find(view, "a.jsonl#99")["error"] == "invalid JSON: line 1"
    with pytest.raises(ValueError, match="--id f00: run r has no document"):
        find(view, "f00")
    with pytest.raises(ValueError, match=f"--id 000000: more than one document has this name: {0xA1:032x}, "):
        find(view, "000000")


def test_a_name_that_is_whole_goes_before_the_beginning_of_another(view: Path) -> None:
    another = view / "collect" / "shards" / "00002"
    another.mkdir()
    hashes = ["42" * 16, "4010000" + "ab" * 12 + "c", "1700000" + "ab" * 12 + "c"]
    rows = [document(0) | {"id": own, "uri": own[::-1], "meta": json.dumps({"id": number})}
            for own, number in zip(hashes, (7, 42, 4242424), strict=True)]  # fmt: skip
    write_table(another / "documents-00000.parquet", rows, SCHEMA)
    assert find(view, "42")["id"] == hashes[1], "no document whose id begins so"
    assert find(view, "17")["id"].endswith("b4")
    assert find(view, "4242424")["id"] == hashes[2]
    assert find(view, "424242")["id"] == hashes[0]
    assert find(view, "4010000AB")["id"] == hashes[1]
    with pytest.raises(ValueError, match=re.escape("--id 401: run r has no document of this name")) as error:
        find(view, "401")
    assert "6 characters or more" in str(error.value)


def outcomes(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(step["stage"], step["outcome"]) for step in found["stages"]]


def test_the_way_of_a_document_that_is_kept(view: Path) -> None:
    found = find(view, "own-161")
    kept = [(stage, "kept") for stage in ("collect", "clean", "dedup")]
    assert outcomes(found) == [*kept, ("tokenize", "test")]
    assert [step["file"] for step in found["stages"]] == [
        *(f"{stage}/shards/00000/documents-00000.parquet" for stage, _ in kept),
        "tokenize/shards/00001/old-books-test.parquet",
    ]
    assert (found["stages"][3]["document"], found["stages"][3]["tokens"]) == (4, 1234)
    assert found["scores"] == {"language": "en", "fineweb.newlines": 0.25}
    assert found["duplicates"] == [{"id": DUPLICATE["id"], "reason": "near_duplicate"}]
    assert not any("changes" in step for step in found["stages"])
    output = printed(print_document, view, "own-161", False)
    assert "1,234 tokens, document 4 of old-books-test" in " ".join(output.split())
    assert DUPLICATE["id"] in output
    assert "test" in line_of(output, "tokenize")
    assert line_of(output, "fineweb.newlines") == ["fineweb.newlines", "0.25"]


def test_the_way_of_a_document_that_cleaning_changed(
    view: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find(view, "own-162")
    changed = found["stages"][1]["changes"]
    assert [(change["line"], [p[1] for p in change["pieces"] if p[0] != "="]) for change in changed] == [
        (1, ["Skip to content", "mail@example.org", "<EMAIL>"]),
        (3, ["Accept all cookies"]),
    ]
    assert found["stages"][1]["row"] == 0
    assert found["stages"][1]["file"] == "clean/shards/00001/documents-00000.parquet"
    assert found["text"] == MASKED[1]
    plain = " ".join(printed(print_document, view, "own-162", False).split())
    assert "[-Skip to content-]" in plain
    assert "turns and the [-mail@example.org-] {+<EMAIL>+} grain of" in plain
    monkeypatch.setenv("PAGER", f"tee {tmp_path / 'seen'}")
    printed(print_document, view, "own-162", False, force_terminal=True)
    assert "[-" not in (tmp_path / "seen").read_text()
    assert "\x1b[32m<EMAIL>" in (tmp_path / "seen").read_text()


def test_the_way_of_a_document_that_is_dropped(view: Path) -> None:
    found = find(view, "own-179")
    assert outcomes(found) == [("collect", "kept"), ("clean", "rejected")]
    assert (found["stages"][1]["rule"], found["stages"][1]["detail"]) == ("language", "fr (0.80)")
    assert "language: fr (0.80)" in printed(print_document, view, "own-179", False)
    found = find(view, "own-181")
    assert outcomes(found)[2] == ("dedup", "rejected")
    kept = found["stages"][2]["kept"]
    assert kept["id"] == COLLECTED[0]["id"]
    assert [p[1] for change in kept["changes"] for p in change["pieces"] if p[0] != "="] == ["flour.", "bread."]
    assert "near_duplicate of" in printed(print_document, view, "own-181", False)
    assert outcomes(find(view, "own-198")) == [("collect", "rejected")]
    assert outcomes(find(view, "a.jsonl#99")) == [("collect", "quarantined")]


def test_on_a_terminal_all_records_are_paged(view: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    monkeypatch.setenv("PAGER", f"tee {seen}")
    monkeypatch.setenv("TERM", "xterm")
    another = view / "collect" / "shards" / "00002"
    another.mkdir()
    write_table(another / "documents-00000.parquet", [document(number) for number in range(SHOWN)], SCHEMA)
    for limit, number in ((None, 5 + SHOWN), (2, 2)):
        print_records(view, "collect", "documents", None, None, limit, False, Console(force_terminal=True, width=80))
        assert len(re.findall(r"^\x1b.*source", seen.read_text(), re.MULTILINE)) == number
    print_document(view, "own-161", False, Console(force_terminal=True, width=80))
    assert "own-161" in seen.read_text()
    assert os.environ.get("LESS") is None
