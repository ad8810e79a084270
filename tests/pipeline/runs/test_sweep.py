"""Sweeps: which trials there are, what they share, how many fit, and what is said of their results."""

import copy
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.recipe.reading import check_recipe, load_recipe
from pipeline.recipe.written import RecipeError
from pipeline.reporting.sweep_tables import print_sweep, print_sweep_plan
from pipeline.runs.sweep import (
    Trial,
    alike_stages,
    best,
    make_trials,
    plan_sweep,
    plan_trial,
    room,
    run_sweep,
    said_since,
    shared_stages,
    size_of,
    trial_facts,
    whereabouts,
    with_threads,
)

RATE, SIZE = "pretrain.training.learning_rate", "vocab.size"
RECIPE: dict[str, Any] = {
    "name": "s",
    "collect": {"sources": [{"name": "a", "path": "a.jsonl"}]},
    "tokenize": {"test": 0.2},
    "pretrain": {"training": {"ranks": 2}},
}


def swept(values: dict[str, list[Any]], **changes: Any) -> Any:
    return check_recipe({**copy.deepcopy(RECIPE), "sweep": {"values": values}, **changes}, "test")


def test_every_combination_is_a_trial_with_its_values() -> None:
    trials = make_trials(swept({RATE: [0.1, 0.2], SIZE: [300, 400, 500]}))
    assert [trial.name for trial in trials] == [f"s.{number}" for number in range(1, 7)]
    assert [tuple(trial.values.values()) for trial in trials] == [(r, s) for r in (0.1, 0.2) for s in (300, 400, 500)]
    for trial in trials:
        assert trial.recipe.sweep is None
        assert (trial.recipe.pretrain.training.learning_rate, trial.recipe.vocab.size) == tuple(trial.values.values())


@pytest.mark.parametrize(
    ("field", "values", "expected"),
    [
        ("clean.preset", ["web", "none"], {"notes": [50, None], "pages": [50, None]}),
        ("clean.sources.pages.preset", ["wiki", "none"], {"notes": [None, None], "pages": [25, None]}),
        ("clean.gopher_quality.min_words", [10, 20], {"notes": [10, 20], "pages": [10, 20]}),
    ],
)
def test_trials_change_presets_and_rules_of_sources_that_differ(
    field: str, values: list[Any], expected: dict[str, list[int | None]]
) -> None:
    sources = [{"name": "notes", "path": "*.txt"}, {"name": "pages", "path": "*.html"}]
    trials = make_trials(swept({field: values}, format=2, collect={"sources": sources}))
    for source, least in expected.items():
        rules = [trial.recipe.clean.rules_of(source).gopher_quality for trial in trials]
        assert [each and each.min_words for each in rules] == least


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"pretrain.training.learning_rat": [0.1]}, "did you mean learning_rate?"),
        ({RATE: [0.1, -1]}, r"sweep \(trial 2\): pretrain.training.learning_rate: .*greater than 0"),
        ({RATE: []}, "has no values to try"),
        ({"name": ["a"]}, "name is nothing that trials can differ in"),
        ({RATE: [0.1] * 40, SIZE: [300] * 40}, "more than 1000 combinations"),
        ({}, "sweep.values"),
    ],
)
def test_wrong_sweeps_are_refused(values: dict[str, list[Any]], expected: str) -> None:
    with pytest.raises(RecipeError, match=expected):
        make_trials(swept(values))


def test_trials_share_the_stages_before_the_first_difference(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')

    def shared(values: dict[str, list[Any]]) -> list[str]:
        return shared_stages([plan_trial(trial, tmp_path, tmp_path) for trial in make_trials(swept(values))])

    data = ["collect", "clean", "dedup"]
    assert shared({RATE: [0.1, 0.2]}) == [*data, "vocab", "tokenize"]
    assert shared({RATE: [0.1, 0.2], SIZE: [300, 400]}) == data
    assert shared({"collect.normalise": ["ftfy", "nfc"]}) == []
    assert shared({RATE: [0.1]}) == [*data, "vocab", "tokenize", "pretrain"]


def test_as_many_run_at_a_time_as_there_is_room_for() -> None:
    trials = make_trials(swept({"pretrain.training.ranks": [1, 2]}))
    assert room(trials, {"CPU": 5}) == 2
    assert room(trials, {"CPU": 64, "GPU": 8}) == 4
    assert room(trials, {"CPU": 1}) == 1


def test_trials_on_cpus_share_their_threads() -> None:
    [trial] = make_trials(swept({RATE: [0.1]}))
    ranks = trial.recipe.pretrain.training.ranks
    assert ranks == 2

    def threads(trial: Trial, at_once: int, cluster: dict[str, float]) -> int:
        return with_threads(trial, at_once, {"node_CPU": cluster["CPU"], **cluster}).recipe.pretrain.training.threads

    assert threads(trial, 2, {"CPU": 17}) == 4
    assert threads(trial, 1, {"CPU": 32, "node_CPU": 8}) == 8
    assert threads(trial, 8, {"CPU": 2}) == 1
    assert threads(trial, 2, {"CPU": 17, "GPU": 4}) == 0
    [chosen] = make_trials(swept({RATE: [0.1]}, pretrain={"training": {"ranks": 2, "threads": 3}}))
    assert threads(chosen, 2, {"CPU": 17}) == 3


def test_a_recipe_can_extend_another_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(json.dumps({**RECIPE, "vocab": {"size": 300, "min_frequency": 5}}))
    above = tmp_path / "above.yaml"
    above.write_text("extends: base.yaml\nname: above\nvocab: {size: 400}\npretrain: null\n")
    recipe = load_recipe(above, ["vocab.sample_mb=1.5"])
    assert (recipe.name, recipe.vocab.size, recipe.vocab.min_frequency) == ("above", 400, 5)
    assert recipe.pretrain is None and recipe.vocab.sample_mb == 1.5 and recipe.tokenize.test == 0.2
    for text, expected in (
        ("extends: ../base.yaml", "name a recipe in the same folder"),
        ("extends: [base.yaml]", "name a recipe in the same folder"),
        ("extends: above.yaml", "extends another one itself"),
        ("extends: none.yaml", "none.yaml: cannot be read"),
    ):
        (tmp_path / "wrong.yaml").write_text(f"{text}\nname: wrong\n")
        with pytest.raises(RecipeError, match=expected):
            load_recipe(tmp_path / "wrong.yaml")


def test_the_whereabouts_is_read_from_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    assert whereabouts(log) == ("", 0)
    reached = {"time": 1.0, "event": "training_reached", "stage": "pretrain", "note": "x" * 50}
    events: list[dict[str, Any]] = [{**reached, "step": number} for number in range(500)]
    events.append({"time": 1.0, "event": "shard_started", "stage": "evaluate", "step": "network"})
    log.write_text("".join(json.dumps(event) + "\n" for event in events) + '{"event": "traini')
    assert whereabouts(log) == ("evaluate", 499)
    with log.open("a") as file:
        file.write('\n{"time": 1, "event": "run_started"}\n')
    assert whereabouts(log) == ("", 0)


RESULTS: list[dict[str, Any]] = [
    {"trial": "s.1", "values": {RATE: 0.1}, "state": "finished", "loss": 4.0, "validation_loss": 4.5},
    {"trial": "s.2", "values": {RATE: 0.2}, "state": "failed", "error": "pretrain: the loss is not finite"},
    {"trial": "s.3", "values": {RATE: 0.3}, "state": "finished", "loss": 4.2, "validation_loss": 4.4},
]


def test_the_best_trial_is_the_one_with_the_least_of_what_all_have() -> None:
    texts, tokens = ["collect", "clean", "dedup"], ["collect", "clean", "dedup", "vocab", "tokenize"]
    scored = [{**RESULTS[0], "bits_per_byte": 2.0}, {**RESULTS[2], "bits_per_byte": 2.1}]
    assert best(RESULTS, tokens) == "s.3"
    assert best(RESULTS, texts) is None, "losses of other tokens do not compare"
    assert best(scored, tokens) == best(scored, texts) == "s.1"
    assert best(scored, ["collect"]) is None, "nor do scores of other texts"
    others = [{**result, "values": {"tokenize.test": result["values"][RATE]}} for result in scored]
    assert best(others, texts) is None, "nor do those of other test splits"
    for field in ("pretrain.training.sequence_length", "pretrain.training.validation_samples", "pretrain.training"):
        windows = [{**result, "values": {field: 1}} for result in scored]
        assert best(windows, tokens) == "s.1", "the same documents"
        for result in windows:
            del result["bits_per_byte"]
        assert best(windows, tokens) is None, "losses of other tokens"
    assert best([{**RESULTS[0], "validation_loss": None}, RESULTS[2]], tokens) is None
    assert best([RESULTS[1]], tokens) is None


def test_a_trial_counts_by_how_its_process_ended(tmp_path: Path) -> None:
    """Its view may be that of an earlier sweep, which finished."""
    [trial] = make_trials(swept({RATE: [0.1]}))
    view, log = tmp_path / "s.1", tmp_path / "s.1.log"
    (view / "pretrain").mkdir(parents=True)
    counts = {"steps": 4, "loss": 2.5, "validation_loss": None}
    (view / "pretrain" / "manifest.json").write_text(json.dumps({"format": 1, "counts": counts}))
    log.write_text("gristmill: an earlier attempt\n")
    earlier = size_of(log)
    log.write_text(log.read_text() + "collect reused\ngristmill: no room on this disk\nand a hint\n\n")
    said = said_since(earlier, log)
    assert trial_facts(trial, view, said, 0) == {"trial": "s.1", "values": {RATE: 0.1}, "state": "finished", **counts}
    failed = trial_facts(trial, view, said, 2)
    assert (failed["state"], failed["error"]) == ("failed", "gristmill: no room on this disk")
    assert "loss" not in failed
    assert trial_facts(trial, view, said_since(size_of(log), log), -9)["error"] == "ended with -9"
    assert size_of(tmp_path / "none.log") == 0


def test_code_in_a_trial_needs_leave(tmp_path: Path) -> None:
    recipe = swept({"clean.custom": [[], [{"function": "evil:run"}]]})
    with pytest.raises(RecipeError, match=r"evil:run.*--allow-code"):
        run_sweep(recipe, tmp_path, tmp_path, Console(file=StringIO()))
    assert list(tmp_path.iterdir()) == []


def test_the_plan_of_a_sweep(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    planned = plan_sweep(swept({RATE: [0.1, 0.2]}), tmp_path, tmp_path, verify=False)
    assert [entry["stage"] for entry in planned["shared"]] == ["collect", "clean", "dedup", "vocab", "tokenize"]
    assert [[entry["stage"] for entry in trial["stages"]] for trial in planned["trials"]] == [["pretrain"]] * 2
    assert planned["trials"][0]["cost"]["flops"] > 0
    text = StringIO()
    print_sweep_plan("s", planned, Console(file=text, width=160))
    assert "shared by all" in text.getvalue() and "s.2: learning_rate 0.2" in text.getvalue()


def test_the_table_has_every_trial_and_what_went_wrong(tmp_path: Path) -> None:
    text = StringIO()
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "sweep.json").write_text(json.dumps({"trials": RESULTS, "best": "s.3"}))
    print_sweep(tmp_path / "s", Console(file=text, width=160))
    lines = [line.split() for line in text.getvalue().splitlines()]
    assert ["trial", "learning_rate", "loss", "validation", "loss"] in lines
    assert ["s.1", "0.1", "4.0000", "4.5000"] in lines and ["s.2", "0.2", "failed"] in lines
    assert "s.2: pretrain: the loss is not finite" in text.getvalue() and "best: s.3" in text.getvalue()


def test_what_came_out_alike_compares_although_it_was_made_of_something_else(tmp_path: Path) -> None:
    """Both values of a cleaning rule let the same documents through: dedup is one artifact for both trials."""
    views = [tmp_path / "s.1", tmp_path / "s.2"]
    for number, view in enumerate(views):
        view.mkdir()
        plan = [{"stage": "clean", "fingerprint": f"c{number}"}, {"stage": "dedup", "fingerprint": "d"}]
        (view / "plan.json").write_text(json.dumps(plan))
    assert alike_stages(views) == ["dedup"]
    assert alike_stages([]) == []
