"""The view of a run: links that follow the plan."""

from pathlib import Path

import pytest

from orchestration.identity import Identity
from orchestration.store import Artifact, Store
from pipeline.recipe.reading import check_recipe
from pipeline.recipe.recipe import Recipe
from pipeline.runs.plan import Action, Step
from pipeline.runs.view import (
    ORDER,
    link,
    manifests,
    open_view,
    plan_facts,
    plan_or_links,
    read_plan,
    record_artifact,
    runs_folder,
)
from pipeline.stages.line import STAGES
from tests.artifacts import finish


def finished(store: Store, stage: str, name: str) -> Artifact:
    return finish(store, Identity(stage, 1, {"name": name}, {}), {}, {"made": name})


def step(stage: str, name: str, artifact: Artifact | None = None) -> Step:
    value = next(each for each in STAGES if each.name == stage)
    identity = Identity(stage, 1, {"name": name}, {})
    action: Action = "reuse" if artifact else "build"
    return Step(stage, value, RECIPE, f"key of {name}", (), {}, {}, 0, action, "because", artifact, identity)


RECIPE: Recipe = check_recipe({"name": "r", "collect": {"sources": [{"name": "s", "path": "x"}]}}, "test")


def test_links_lead_to_artifacts_and_move_with_the_workdir(tmp_path: Path) -> None:
    store, view = Store(tmp_path / "work" / "store"), runs_folder(tmp_path / "work") / "r"
    store.open()
    first, second = finished(store, "collect", "first"), finished(store, "collect", "second")
    open_view(view, RECIPE, tmp_path, [step("collect", "second"), step("clean", "third")])
    link(view, first.stage, store, first)
    assert (view / "collect").resolve() == first.path
    link(view, second.stage, store, second)
    assert (view / "collect").resolve() == second.path
    assert sorted(path.name for path in view.iterdir()) == ["collect", "plan.json", "recipe.yaml"]
    (tmp_path / "work").rename(tmp_path / "moved")
    assert manifests(runs_folder(tmp_path / "moved") / "r")["collect"]["counts"] == {"made": "second"}


def test_a_link_stays_until_its_successor_is_whole_and_is_not_taken_for_it(tmp_path: Path) -> None:
    store, view = Store(tmp_path / "store"), tmp_path / "runs" / "r"
    store.open()
    open_view(view, RECIPE, tmp_path, [step(stage, "first") for stage in ("collect", "clean", "export")])
    made = {stage: finished(store, stage, "first") for stage in ("collect", "clean", "export")}
    for artifact in made.values():
        link(view, artifact.stage, store, artifact)
    open_view(view, RECIPE, tmp_path, [step("collect", "first"), step("clean", "second")])
    assert list(manifests(view)) == ["collect"]
    assert {stage: (view / stage).resolve() for stage in made} == {s: artifact.path for s, artifact in made.items()}
    second = finished(store, "clean", "second")
    record_artifact(view, "clean", second.name)
    link(view, second.stage, store, second)
    assert {stage: manifest["counts"]["made"] for stage, manifest in manifests(view).items()} == {
        "collect": "first", "clean": "second"
    }  # fmt: skip


def test_a_plan_of_format_1_is_read(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('[{"stage": "collect", "fingerprint": "a", "inputs": [], "origin": "o"}]')
    stage = {"stage": "collect", "key": "", "artifact": "a", "origin": "o"}
    assert read_plan(tmp_path) == {"base": None, "stages": [stage]}


@pytest.mark.parametrize(
    "text", ["{}", "7", '{"stages": 7}', '[{"stage": 7}]', '{"base": "/", "stages": [7]}', "[", ""]
)
def test_a_damaged_plan_is_one_line_that_names_it(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(ValueError, match=r"plan\.json: torn or damaged; run the recipe again") as error:
        read_plan(tmp_path)
    assert "\n" not in str(error.value)
    (tmp_path / "collect").mkdir()
    assert [entry["stage"] for entry in plan_or_links(tmp_path)] == ["collect"]
    assert "until then its stages are those that it has links to" in capsys.readouterr().err


def test_the_plan_for_programs(tmp_path: Path) -> None:
    artifact, clean = Artifact(tmp_path / "1"), step("clean", "second")
    assert clean.identity
    assert plan_facts([step("collect", "first", artifact), clean]) == [
        {
            "stage": "collect", "action": "reuse", "reason": "because", "key": "key of first", "artifact": "1",
            "inputs": [],
        },
        {
            "stage": "clean", "action": "build", "reason": "because", "key": "key of second",
            "artifact": clean.identity.name, "inputs": [],
        },
    ]  # fmt: skip
    assert ORDER == (
        "collect",
        "documents",
        "annotate",
        "clean",
        "dedup",
        "vocab",
        "tokenize",
        "tokens",
        "network",
        "pretrain",
        "evaluate",
        "finetune",
        "export",
    )
