"""The view of a run: links that follow the plan."""

import time
from pathlib import Path

from orchestration.store import Artifact, Identity, Store
from pipeline.recipe.reading import check_recipe
from pipeline.recipe.recipe import Recipe
from pipeline.runs.plan import STAGES, Step
from pipeline.runs.view import ORDER, link, manifests, open_view, plan_facts, runs_folder


def finished(store: Store, stage: str, name: str) -> Artifact:
    identity = Identity(stage, name, 1, {}, {}, {})
    with store.claim(identity, lambda _: None, lambda: False) as building:
        assert building
        return building.finish({"made": name}, {}, time.time())


def step(stage: str, name: str, artifact: Artifact | None = None) -> Step:
    value = next(each for each in STAGES if each.name == stage)
    return Step(value, RECIPE, Identity(stage, name, 1, {}, {}, {}), (), artifact, "because")


RECIPE: Recipe = check_recipe({"name": "r", "collect": {"sources": [{"name": "s", "path": "x"}]}}, "test")


def test_links_lead_to_artifacts_and_move_with_the_workdir(tmp_path: Path) -> None:
    store, view = Store(tmp_path / "work" / "store"), runs_folder(tmp_path / "work") / "r"
    store.open()
    first, second = finished(store, "collect", "1" * 32), finished(store, "collect", "2" * 32)
    open_view(view, RECIPE, [step("collect", "1" * 32), step("clean", "3" * 32)])
    link(view, store, first)
    assert (view / "collect").resolve() == first.path
    link(view, store, second)
    assert (view / "collect").resolve() == second.path
    assert sorted(path.name for path in view.iterdir()) == ["collect", "plan.json", "recipe.yaml"]
    (tmp_path / "work").rename(tmp_path / "moved")
    assert manifests(runs_folder(tmp_path / "moved") / "r")["collect"]["counts"] == {"made": "2" * 32}


def test_opening_takes_away_links_that_the_recipe_no_longer_leads_to(tmp_path: Path) -> None:
    store, view = Store(tmp_path / "store"), tmp_path / "runs" / "r"
    store.open()
    view.mkdir(parents=True)
    for stage in ("collect", "clean", "export"):
        link(view, store, finished(store, stage, "1" * 32))
    open_view(view, RECIPE, [step("collect", "1" * 32), step("clean", "2" * 32)])
    assert list(manifests(view)) == ["collect"]
    assert not (view / "clean").is_symlink()
    assert not (view / "export").is_symlink()


def test_the_plan_for_programs(tmp_path: Path) -> None:
    artifact = Artifact(tmp_path)
    assert plan_facts([step("collect", "1" * 32, artifact), step("clean", "2" * 32)]) == [
        {"stage": "collect", "action": "reuse", "reason": "because", "fingerprint": "1" * 32, "inputs": []},
        {"stage": "clean", "action": "build", "reason": "because", "fingerprint": "2" * 32, "inputs": []},
    ]
    assert ORDER == (
        "collect",
        "annotate",
        "clean",
        "dedup",
        "vocab",
        "tokenize",
        "pretrain",
        "evaluate",
        "finetune",
        "export",
    )
