"""A user's own files that are called as our packages are: no command takes them for ours, and no worker of Ray's does.

Where Gristmill is imported by a program, the program's path stays as it is, and one line says what stands in the way.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
GRISTMILL = [str(Path(PYTHON).with_name("gristmill"))]
MODULE = [PYTHON, "-m", "gristmill"]
TORCHRUN = [PYTHON, "-m", "torch.distributed.run"]
NAMES = ("data", "model", "orchestration", "pipeline")


def shadow(folder: Path, as_folders: bool, names: tuple[str, ...] = NAMES) -> None:
    """Put a user's own modules into a folder."""
    for name in names:
        path = folder / name / "__init__.py" if as_folders else folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"raise RuntimeError('the {name} of the user was imported')\n")


def started(command: list[str], folder: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with PYTHONPATH set to `path`."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize("as_folders", [False, True], ids=["files", "folders"])
@pytest.mark.parametrize(
    ("command", "path"),
    [
        (GRISTMILL, ""),
        (GRISTMILL, "."),
        (MODULE, ""),
        (MODULE, "."),
        ([*TORCHRUN, "-m", "gristmill", "train"], "."),
    ],
    ids=["gristmill", "gristmill, PYTHONPATH", "-m gristmill", "-m gristmill, PYTHONPATH", "torchrun -m gristmill"],
)
def test_a_command_takes_its_own_packages(tmp_path: Path, command: list[str], path: str, as_folders: bool) -> None:
    shadow(tmp_path, as_folders)
    ended = started([*command, "--help"], tmp_path, path)
    assert ended.returncode == 0, ended.stderr
    assert "Pretrain on token shards" in ended.stdout


@pytest.mark.parametrize("module", ["pipeline.cli", "pipeline.pretrain"])
def test_the_older_ways_to_start_do_so_too(tmp_path: Path, module: str) -> None:
    """Python looks for `pipeline` itself in the current folder here, so that name cannot be a user's."""
    shadow(tmp_path, False, ("data", "model", "orchestration"))
    ended = started([PYTHON, "-m", module, "--help"], tmp_path, ".")
    assert ended.returncode == 0, ended.stderr
    assert "Pretrain on token shards" in ended.stdout


def test_the_workers_of_ray_take_our_packages(tmp_path: Path) -> None:
    shadow(tmp_path, False)
    (tmp_path / "text.txt").write_text("To be, or not to be, that is the question.\n")
    recipe = {"name": "shadow", "collect": {"sources": [{"name": "s", "path": "text.txt"}]}, "resources": {"cpus": 1},
              "tracking": {"wandb": "off"}}  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    ended = started([*GRISTMILL, "run", "recipe.yaml", "--until", "collect"], tmp_path, str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    counts = json.loads((tmp_path / "work/runs/shadow/collect/manifest.json").read_text())["counts"]
    assert counts["documents_out"] == 1


@pytest.mark.parametrize("as_folders", [False, True], ids=["files", "folders"])
@pytest.mark.parametrize("name", NAMES)
def test_an_import_names_the_file_that_comes_first(tmp_path: Path, name: str, as_folders: bool) -> None:
    shadow(tmp_path, as_folders, (name,))
    theirs = tmp_path / name / "__init__.py" if as_folders else tmp_path / f"{name}.py"
    ended = started([PYTHON, "-c", "import gristmill"], tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"ImportError: gristmill: {theirs} would be imported in place of {REPOSITORY / name}; rename it, or take its folder "
        "off sys.path"
    )


def test_an_import_names_what_is_imported_already(tmp_path: Path) -> None:
    (tmp_path / "model.py").touch()
    code = "import sys, model; sys.path.remove(''); import gristmill"
    ended = started([PYTHON, "-c", code], tmp_path)
    assert ended.stderr.splitlines()[-1].startswith(
        f"ImportError: gristmill: {tmp_path / 'model.py'} is imported already in"
    )


def test_an_import_leaves_the_path_alone(tmp_path: Path) -> None:
    code = "import sys; path = list(sys.path); import gristmill; print(sys.path == path, gristmill.load.__module__)"
    assert started([PYTHON, "-c", code], tmp_path).stdout == "True pipeline.api\n"


@pytest.mark.parametrize(
    "command", [[*MODULE, "--help"], [*GRISTMILL, "--help"], [PYTHON, "-c", "import gristmill; print(gristmill.load)"]]
)
def test_above_a_clone_that_is_called_gristmill(tmp_path: Path, command: list[str]) -> None:
    """Python would take a folder `gristmill` for a package without files, if it found no gristmill.py on its path."""
    (tmp_path / "gristmill").symlink_to(REPOSITORY)
    ended = started(command, tmp_path)
    assert ended.returncode == 0, ended.stderr
