"""Mistakes that are found when a recipe is planned have their line in its file, as those have that are found when it is read."""

from pathlib import Path

import pytest

from orchestration.store import Store
from pipeline.recipe.reading import load_recipe
from pipeline.runs.plan import make_plan
from pipeline.runs.sweep import make_trials

SOURCES = "name: r\ncollect:\n  sources:\n    - {name: s, path: a.txt}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: r\ncollect:\n  sources:\n    - name: s\n      path: b/*.txt\n", "r.yaml:5: source s: path 'b/"),
        (SOURCES + "clean:\n  block_lists:\n    words: [w.txt]\n", "r.yaml:7: .*w.txt: there is no such file"),
        (SOURCES + "dedup:\n  contamination:\n    files: [q.jsonl]\n", "r.yaml:7: .*q.jsonl: there is no such file"),
        (SOURCES + "vocab: null\n", "r.yaml:5: tokenize: it takes a vocabulary"),
        (SOURCES + "tokenize: null\npretrain: {}\n", "r.yaml:6: pretrain: it takes tokens"),
        (SOURCES + "evaluate:\n  - name: one\n", "r.yaml:6: one: it takes a network"),
        (SOURCES + "pretrain: {}\nevaluate:\n  tasks:\n    - {name: t, path: t.jsonl}\n", "r.yaml:8: .*t.jsonl: there"),
    ],
)
def test_what_a_plan_misses_has_its_line(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "r.yaml").write_text(text)
    recipe = load_recipe(tmp_path / "r.yaml")
    with pytest.raises(ValueError, match=expected):
        make_plan(recipe, tmp_path, Store(tmp_path / "store"), tmp_path / "runs" / "r")


def test_mistakes_of_a_trial_have_the_line_of_its_values(tmp_path: Path) -> None:
    sweep = "sweep:\n  values:\n    vocab.min_frequency: [2, 3]\n    vocab.size: [512, 1]\n"
    (tmp_path / "r.yaml").write_text(SOURCES + sweep)
    with pytest.raises(ValueError, match=r"r.yaml:8 \(trial 2\): vocab: size: 1 is too small"):
        make_trials(load_recipe(tmp_path / "r.yaml"))


def test_an_override_is_the_place_of_what_it_sets(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(SOURCES)
    recipe = load_recipe(tmp_path / "r.yaml", ["collect.sources.s.path=c.txt"])
    with pytest.raises(ValueError, match=r"'collect.sources.s.path=c.txt': source s: path 'c.txt' matches no file"):
        make_plan(recipe, tmp_path, Store(tmp_path / "store"), tmp_path / "runs" / "r")
