"""What is installed: a built wheel has all that a run needs and nothing else, and the path finds an editable installation."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("data", "model", "orchestration", "pipeline")
MODULES = ("gristmill.py", "gristmill_start.py")


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", *map(str, arguments), "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what a clone has for building, called `gristmill` as a clone is."""
    folder = tmp_path / "above" / "gristmill"
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*MODULES, "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, folder)
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment without Gristmill that borrows the libraries of this one; gives its site-packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True, timeout=120)
    (packages,) = (tmp_path / "env").glob("lib/python*/site-packages")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    # The .pth files in these folders, one of which may lead to this clone, are not read.
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    return packages


@pytest.mark.long
def test_a_wheel_runs_a_recipe(clone: Path, environment: Path, line: Any, tools: Any, tmp_path: Path) -> None:
    pip("wheel", clone, "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path / "dist")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    files = {path.relative_to(clone) for package in PACKAGES for path in (clone / package).rglob("*") if path.is_file()}
    wanted = {str(path) for path in files if not path.is_relative_to("data/samples")} | set(MODULES)
    assert {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name} == wanted
    python = tmp_path / "env" / "bin" / "python"
    pip("--python", python, "install", "--no-deps", "--no-index", wheel)
    shutil.rmtree(clone.parent)

    def gristmill(*arguments: str) -> str:
        command = [str(python.with_name("gristmill")), *arguments]
        ended = subprocess.run(
            command, cwd=tmp_path, env=line.environment(), capture_output=True, text=True, timeout=500
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert "From raw text to a released language model" in gristmill("--help")
    printed = gristmill("run", str(line.folder / "recipe.yaml"), "pretrain.training.steps=12")
    assert "exported" in printed
    assert tuple(tools.read_manifests(tmp_path / "work")) == tools.STAGES
    where = subprocess.run(
        [python, "-c", "import gristmill; print(gristmill.__file__)"], cwd=tmp_path, capture_output=True, text=True
    )
    assert where.stdout.strip() == str(environment / "gristmill.py"), where.stderr


@pytest.mark.long
def test_an_editable_installation_works_from_the_folder_above_the_clone(
    clone: Path, environment: Path, tmp_path: Path
) -> None:
    python = tmp_path / "env" / "bin" / "python"
    pip("--python", python, "install", "--no-deps", "--no-build-isolation", "--editable", clone)
    for command in (
        [python, "-m", "gristmill", "--help"],
        [python.with_name("gristmill"), "--help"],
        [python, "-c", "import gristmill; print('From raw text', gristmill.load)"],
    ):
        ended = subprocess.run(command, cwd=clone.parent, capture_output=True, text=True, timeout=100)
        assert "From raw text" in ended.stdout, ended.stderr
