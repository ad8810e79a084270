"""The door for programs: the page docs/python.md, which is one program, on a run that is finished."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gristmill

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_page_runs_as_it_stands(line: Any, finished: Any, tools: Any, tmp_path: Path) -> None:
    for path in line.folder.iterdir():
        if path.name != "finished":
            (tmp_path / path.name).symlink_to(path)
    tools.copy_of(finished, tmp_path / "work")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 7
    (tmp_path / "page.py").write_text("\n".join(blocks), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "page.py"], cwd=tmp_path, env=line.environment(), capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count(" reuse ") == len(tools.STAGES)
    assert "finished 48" in ended.stdout


def test_what_a_run_does_not_have_is_said(finished: Any) -> None:
    run = gristmill.open_run("small", finished.workdir)
    with pytest.raises(ValueError, match="run small has no documents of vocab; it has those of collect, clean, dedup"):
        run.documents("vocab")
    with pytest.raises(ValueError, match="no validation tokens of 'nobody'; it has those of"):
        run.tokens("validation", "nobody")
    with pytest.raises(ValueError, match="has no run called 'other'; it has small"):
        gristmill.open_run("other", finished.workdir)


def test_a_run_that_is_not_finished(line: Any, finished: Any, tools: Any, tmp_path: Path) -> None:
    tools.copy_of(finished, tmp_path)
    recipe = gristmill.load(line.folder / "recipe.yaml")
    run = gristmill.run(recipe, tmp_path, until="dedup", quiet=True)
    assert list(run.artifacts()) == ["collect", "clean", "dedup"]
    assert {document["source"] for document in run.documents()} <= recipe.recipe.source_names
    with pytest.raises(
        ValueError, match="run small has no network: no finished stage of it gives any; finished are collect"
    ):
        run.network()


def test_a_recipe_as_a_mapping_and_its_mistakes(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("To be, or not to be.\n")
    values = {"name": "mine", "collect": {"sources": [{"name": "s", "path": "text.txt"}]}}
    plan = gristmill.plan(gristmill.load(values, base=tmp_path), tmp_path / "work")
    assert [stage.action for stage in plan] == ["build"] * len(plan) and plan[1].inputs == ("collect",)
    with pytest.raises(ValueError, match="colect"):
        gristmill.load({"name": "mine", "colect": {}})
    with pytest.raises(ValueError, match=r"nothing\.txt"):
        values["collect"]["sources"][0]["path"] = "nothing.txt"  # type: ignore[index]
        gristmill.plan(gristmill.load(values, base=tmp_path), tmp_path / "work")


def test_importing_it_is_light() -> None:
    code = "import sys, gristmill; print([n for n in ('torch', 'ray', 'pyarrow', 'numpy') if n in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "[]\n"
