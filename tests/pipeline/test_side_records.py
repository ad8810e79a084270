"""Caches and side records of a store, damaged in every way: commands say so, go on, and plan what they planned before."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from orchestration.build_record import read_build
from orchestration.store import FORMAT, Store
from pipeline.cli import app
from pipeline.reporting.report import write_report
from pipeline.reporting.summary import print_status
from pipeline.runs.prune import prune_store
from pipeline.runs.status import run_status
from pipeline.stages.source_hashes import SourceHashes

DAMAGES = {
    "missing": lambda content: None,
    "empty": lambda content: b"",
    "torn": lambda content: content[: len(content) // 2],
    "not UTF-8": lambda content: content.replace(b'"', b'"\xff', 1),
    "a list": lambda content: b"[1]",
    "a number": lambda content: b"17",
    "deep": lambda content: b"[" * 100_000,
}
OTHERS: tuple[Any, ...] = (None, 17, -0.5, "x", [], {}, [{}], True)
# Who reads a record: the command, and the record in the workdir.
READERS = [
    ("plan whole.yaml", "store/sources.json"),
    ("plan half.yaml", "store/pretrain/af8bcc0a04d6860cd1e2bc2a308c98b4/build.json"),
    ("plan whole.yaml", "runs/whole/plan.json"),
    ("status", "runs/half/events.jsonl"),
    ("status whole", "runs/whole/plan.json"),
    ("inspect whole", "runs/whole/plan.json"),
]


def gristmill(folder: Path, command: str) -> tuple[dict[str, Any], str]:
    """What a command prints for programs, and what it says on the error stream, after it has ended well."""
    name, *arguments = command.split()
    arguments = [str(folder / argument) if argument.endswith(".yaml") else argument for argument in arguments]
    result = CliRunner().invoke(app, [name, *arguments, "--json", "--workdir", str(folder / "work")])
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout), result.stderr


@pytest.mark.parametrize(("command", "record"), READERS)
def test_a_damaged_record_ends_no_command_and_changes_no_plan(format_1: Path, command: str, record: str) -> None:
    path = format_1 / "work" / record
    before, content = gristmill(format_1, command)[0], path.read_bytes()
    for damage, spoil in DAMAGES.items():
        spoilt = spoil(content)
        if spoilt is None and record == "runs/whole/plan.json":
            continue  # a run without a plan is none
        path.unlink() if spoilt is None else path.write_bytes(spoilt)
        found, said = gristmill(format_1, command)
        if command.startswith("plan"):
            assert found["stages"] == before["stages"], damage
        assert said.count("\n") <= 1, "a word, and no more"
        path.write_bytes(content)
        assert gristmill(format_1, command) == (before, ""), f"the next one after {damage}"


@pytest.mark.parametrize(
    ("command", "record"), [("plan whole.yaml", "store/sources.json"), ("status whole", "runs/whole/plan.json")]
)
def test_the_word_names_the_record(format_1: Path, command: str, record: str) -> None:
    path = format_1 / "work" / record
    path.write_bytes(path.read_bytes()[:-30])
    assert gristmill(format_1, command)[1].startswith(f"gristmill: {path}: torn or damaged; ")


def test_a_changed_digit_among_remembered_hashes_is_noticed(format_1: Path) -> None:
    """It would be another source, of which everything is built anew."""
    before = gristmill(format_1, "plan whole.yaml")[0]
    path = format_1 / "work" / "store" / "sources.json"
    remembered = json.loads(path.read_text())
    names, name = remembered["files"][str(format_1)], "addresses-0.jsonl"
    right = names[name]
    names[name] = right[:-1] + ("0" if right[-1] != "0" else "1")
    path.write_text(json.dumps(remembered))
    assert gristmill(format_1, "plan whole.yaml")[0]["stages"] == before["stages"]
    names[name] = right[:-1]
    path.write_text(json.dumps(remembered["files"]))  # as stores of format 1 have it
    assert gristmill(format_1, "plan whole.yaml")[0]["stages"] == before["stages"]


def mutants(value: Any) -> Iterator[Any]:
    """The value with each of its parts, at any depth, replaced by other types or left out."""
    yield from OTHERS
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        for other in mutants(part):
            copy = value.copy()
            copy[key] = other
            yield copy
        if isinstance(value, dict):
            yield {name: each for name, each in value.items() if name != key}


def test_no_type_at_any_depth_ends_a_reader(format_1: Path) -> None:
    work = format_1 / "work"
    gristmill(format_1, "plan whole.yaml")  # remembers the sources of this folder
    plan, remembered = work / "runs/half/plan.json", work / "store/sources.json"
    build = next(work.glob("store/collect/*/build.json"))
    for mutant in mutants(json.loads(plan.read_text())[:2]):
        plan.write_text(json.dumps(mutant))
        print_status([run_status(plan.parent)], Console(quiet=True))
    for mutant in mutants(json.loads(build.read_text())):
        build.write_text(json.dumps(mutant))
        found = read_build(build.parent)
        assert found is None or found["started"] + found["seconds"]
    source = format_1 / "cloze.jsonl"
    right = SourceHashes(work / "none", verify=True).of(source)
    sealed = json.loads(remembered.read_text())
    for whole in (sealed, sealed["files"]):  # a store of format 1 may have the files alone
        for mutant in mutants(whole):
            remembered.write_text(json.dumps(mutant))
            assert SourceHashes(remembered, verify=False).of(source) == right


def test_logs_full_of_damaged_lines_still_make_a_status_and_a_report(format_1: Path) -> None:
    view = format_1 / "work" / "runs" / "whole"
    for log in (view / "events.jsonl", view / "pretrain" / "metrics.jsonl"):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        damaged = [json.dumps(mutant) for line in lines for mutant in mutants(line)]
        log.write_text("\n".join([*damaged, *map(json.dumps, lines), '{"event": "run_']))
    status = run_status(view)
    print_status([status], Console(quiet=True))
    assert (status["state"], status["stages"]["export"]["state"]) == ("finished", "finished")
    assert "addresses" in write_report(view).read_text()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_report_is_written_without_the_records_of_how_it_went(format_1: Path, damage: str) -> None:
    view = format_1 / "work" / "runs" / "whole"
    for path in (view / "pretrain" / "metrics.jsonl", view / "collect" / "build.json"):
        spoilt = DAMAGES[damage](path.read_bytes())
        path.unlink() if spoilt is None else path.write_bytes(spoilt)
    assert "not known" in write_report(view).read_text()


@pytest.mark.parametrize("damage", sorted(DAMAGES.keys() - {"missing"}))
def test_a_damaged_format_of_the_store_is_written_again(format_1: Path, damage: str) -> None:
    store = Store(format_1 / "work" / "store")
    path = store.root / "format.json"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    store.open()
    assert json.loads(path.read_text()) == {"format": FORMAT}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_prune_keeps_what_a_run_with_a_damaged_plan_links_to(format_1: Path, damage: str) -> None:
    work = format_1 / "work"
    before = sorted(work.glob("store/*/*/manifest.json"))
    plan = work / "runs" / "deeper" / "plan.json"
    spoilt = DAMAGES[damage](plan.read_bytes())
    plan.unlink() if spoilt is None else plan.write_bytes(spoilt)
    with contextlib.suppress(ValueError):  # it may refuse
        prune_store(work, True, Console(quiet=True))
    assert sorted(work.glob("store/*/*/manifest.json")) == before
