"""The plan: what is reused and what is built, with the reason in words."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.files import read_json
from orchestration.store import Artifact, Store
from pipeline.recipe.reading import check_recipe
from pipeline.runs.plan import Step, make_plan
from pipeline.runs.reasons import flatten
from pipeline.runs.view import open_view
from pipeline.stages.source_hashes import SourceHashes
from tests.artifacts import finish_run

RECIPE: dict[str, Any] = {
    "name": "r",
    "collect": {"sources": [{"name": "s", "path": "text/*.txt"}]},
    "dedup": {"contamination": {"files": ["tasks.jsonl"]}},
    "vocab": {"size": 512},
}


class Work:
    """A recipe's folder with a store, where stages can be pretended to have been built."""

    def __init__(self, base: Path) -> None:
        self.base, self.store, self.view = base, Store(base / "store"), base / "runs" / "r"
        self.store.open()
        (base / "text").mkdir()
        for name in ("a", "b"):
            (base / "text" / f"{name}.txt").write_text(f"text {name}")
        (base / "tasks.jsonl").write_text("{}")

    def plan(self, verify: bool = False, **sections: Any) -> dict[str, Step]:
        recipe = check_recipe({**RECIPE, **sections}, "test")
        return {step.stage.name: step for step in make_plan(recipe, self.base, self.store, self.view, verify)}

    def build(self, content: Callable[[Step], str] | None = None, **sections: Any) -> list[str]:
        """Finish every stage with a small file in it, as a run would; gives the names of those that were built.

        Unless `content` says otherwise, what is made of something else comes out as something else.
        """
        recipe = check_recipe({**RECIPE, **sections}, "test")
        open_view(self.view, recipe, self.base, list(self.plan(**sections).values()))

        def own(step: Step) -> str:
            assert step.identity
            return step.identity.name

        return finish_run(lambda: list(self.plan(**sections).values()), self.store, self.view, content or own)

    def artifact(self, stage: str) -> Artifact:
        return Artifact((self.view / stage).resolve())


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


def test_first_everything_is_built_and_then_everything_reused(work: Work) -> None:
    steps = work.plan()
    assert list(steps) == ["collect", "clean", "dedup", "vocab", "tokenize"]
    assert {step.action for step in steps.values()} == {"build"}
    assert {step.reason for step in steps.values()} == {"not built yet"}
    assert steps["tokenize"].givers == ("dedup", "vocab")
    work.build()
    again = work.plan()
    assert {step.action for step in again.values()} == {"reuse"}
    assert {name: step.key for name, step in again.items()} == {name: step.key for name, step in steps.items()}
    assert work.build() == []


def test_a_changed_field_is_named_with_old_and_new_value(work: Work) -> None:
    work.build()
    steps = work.plan(vocab={"size": 1000, "special_tokens": ["<|x|>"]}, tokenize={"dtype": "int32"})
    assert {name: step.action for name, step in steps.items()} == {
        "collect": "reuse", "clean": "reuse", "dedup": "reuse", "vocab": "build", "tokenize": "build",
    }  # fmt: skip
    assert steps["vocab"].reason == "vocab.size: 512 -> 1000; vocab.special_tokens.0: null -> <|x|>"
    assert steps["tokenize"].reason == "tokenize.dtype: auto -> int32"


def test_many_changes_are_shortened(work: Work) -> None:
    work.build()
    config = {
        "size": 1000,
        "special_tokens": ["<|" + "x" * 60 + "|>"],
        "min_frequency": 3,
        "sample_mb": 1,
        "pre_tokenizer": "gpt2",
    }
    reason = work.plan(vocab=config)["vocab"].reason
    assert reason.endswith("and 2 more")
    assert len(reason) < 300


def test_changed_new_and_absent_source_files_are_named(work: Work) -> None:
    work.build()
    (work.base / "text" / "a.txt").write_text("changed")
    steps = work.plan()
    assert steps["collect"].reason == "file s:text/a.txt has changed"
    assert (steps["clean"].action, steps["clean"].reason) == ("depends", "built only if collect comes out otherwise")
    (work.base / "text" / "a.txt").unlink()
    (work.base / "text" / "c.txt").write_text("new")
    assert work.plan()["collect"].reason == "file s:text/a.txt is gone; file s:text/c.txt is new"


def test_a_task_file_belongs_to_the_stage_that_reads_it(work: Work) -> None:
    work.build()
    (work.base / "tasks.jsonl").write_text('{"a": 1}')
    steps = work.plan()
    assert {name: step.action for name, step in steps.items()} == {
        "collect": "reuse", "clean": "reuse", "dedup": "build", "vocab": "depends", "tokenize": "depends"
    }  # fmt: skip
    assert steps["dedup"].reason == "file contamination:tasks.jsonl has changed"


def test_the_same_content_written_again_is_no_change(work: Work) -> None:
    work.build()
    path = work.base / "text" / "a.txt"
    os.utime(path, (1, 1))
    assert work.plan()["collect"].action == "reuse"
    path.write_text("text a")
    assert work.plan()["collect"].action == "reuse"


def test_verify_notices_a_source_changed_behind_size_and_time(work: Work) -> None:
    work.build()
    path = work.base / "text" / "a.txt"
    before = path.stat()
    path.write_text("TEXT a")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert work.plan()["collect"].action == "reuse"
    assert work.plan(verify=True)["collect"].reason == "file s:text/a.txt has changed"
    assert work.plan()["collect"].action == "build", "what was found is remembered"


def test_going_back_to_an_earlier_value_reuses_the_earlier_artifact(work: Work) -> None:
    work.build()
    work.build(vocab={"size": 600})
    assert {step.action for step in work.plan().values()} == {"reuse"}
    assert work.plan(vocab={"size": 700})["vocab"].reason == "vocab.size: 600 -> 700", "compared with the last run"


def test_an_attempt_that_was_broken_off_is_gone_on_from(work: Work) -> None:
    step = work.plan()["collect"]
    assert step.identity
    work.store.building("collect", step.identity.name).mkdir(parents=True)
    assert work.plan()["collect"].reason == "not built yet; goes on where an earlier attempt stopped"


def test_a_missing_source_is_one_line_that_names_it(work: Work) -> None:
    (work.base / "tasks.jsonl").unlink()
    with pytest.raises(ValueError, match=r"tasks\.jsonl: there is no such file") as error:
        work.plan()
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"s.*no/\*\.txt") as error:
        work.plan(collect={"sources": [{"name": "s", "path": "no/*.txt"}]})
    assert "\n" not in str(error.value)


def test_a_damaged_artifact_is_refused_with_the_remedy(work: Work) -> None:
    work.build()
    artifact = work.artifact("clean")
    (artifact.path / "out.txt").write_text("CLEAN")
    work.plan()
    with pytest.raises(ValueError, match=r"out\.txt has another checksum.*gristmill verify --repair"):
        work.plan(verify=True)
    (artifact.path / "out.txt").unlink()
    with pytest.raises(ValueError, match=r"clean/\w+: out\.txt is missing; .*gristmill verify --repair"):
        work.plan()


def test_an_artifact_without_its_manifest_is_damaged(work: Work) -> None:
    work.build()
    (work.artifact("clean").path / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"clean/\w+: .*manifest\.json.*gristmill verify --repair"):
        work.plan()


def test_planning_alone_makes_no_store(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    recipe = check_recipe({"name": "r", "collect": {"sources": [{"name": "s", "path": "a.txt"}]}}, "test")
    make_plan(recipe, tmp_path, Store(tmp_path / "work" / "store"), tmp_path / "work" / "runs" / "r")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_hashes_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "x").write_text("1")
    (tmp_path / "d" / "y").write_text("2")
    cache = tmp_path / "sources.json"
    hashes = SourceHashes(cache, verify=False)
    folder = hashes.of(tmp_path / "d")
    hashes.save()
    assert len(read_json(cache)) == 2
    (tmp_path / "d" / "y").rename(tmp_path / "d" / "z")
    assert SourceHashes(cache, verify=False).of(tmp_path / "d") != folder, "names count"


def test_flattening() -> None:
    assert flatten({"a": {"b": [1, {"c": None}]}, "d": {}, "e": 2}) == {"a.b.0": 1, "a.b.1.c": None, "e": 2}
