"""Compiling at the first use, by processes at once, and after one that was killed at it."""

import multiprocessing
import os
import shutil
import signal
import time
from multiprocessing.queues import Queue
from pathlib import Path

import pytest
from torch.utils.file_baton import FileBaton

from model.training.compiled_ops import compiled_ops, missing_tool

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))


def _compile(said: Queue, seconds: float) -> None:
    """What torch does for an op: take its lock, or wait until that is gone."""
    with compiled_ops():
        folder = Path(os.environ["TORCH_EXTENSIONS_DIR"]) / "some_op"
        folder.mkdir(exist_ok=True)
        baton = FileBaton(str(folder / "lock"))
        said.put(("began", baton.try_acquire()))
        time.sleep(seconds)
        said.put(("ended", True))
        baton.release()


def test_a_process_that_was_killed_while_it_compiled_keeps_nobody_waiting(tmp_path: Path) -> None:
    said = SPAWN.Queue()
    killed = SPAWN.Process(target=_compile, args=(said, 3600), daemon=True)
    killed.start()
    assert said.get(timeout=60) == ("began", True)
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    assert list(tmp_path.glob("*/some_op/lock")), "torch's own lock outlives its process"

    said = SPAWN.Queue()  # the killed one may have kept the other's lock too
    other = SPAWN.Process(target=_compile, args=(said, 0), daemon=True)
    other.start()
    assert said.get(timeout=60) == ("began", True)
    other.join()
    assert not list(tmp_path.glob("*/some_op/lock"))


def test_one_process_at_a_time_compiles() -> None:
    said = SPAWN.Queue()
    processes = [SPAWN.Process(target=_compile, args=(said, 0.2), daemon=True) for _ in range(4)]
    for process in processes:
        process.start()
    events = [said.get(timeout=60) for _ in range(8)]
    for process in processes:
        process.join()
    assert events == [("began", True), ("ended", True)] * 4


def test_the_environment_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(os.environ)
    with compiled_ops():
        assert Path(os.environ["TORCH_EXTENSIONS_DIR"]).parent == tmp_path
    assert dict(os.environ) == before

    monkeypatch.delenv("TORCH_EXTENSIONS_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with compiled_ops():
        assert Path(os.environ["TORCH_EXTENSIONS_DIR"]).parent == tmp_path / "cache" / "torch_extensions"
    assert "TORCH_EXTENSIONS_DIR" not in os.environ


def test_ninja_is_found_beside_the_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is a requirement of DeepSpeed's, and an environment that is not activated is on no PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("ninja") is None
    assert missing_tool("ninja") is None
    assert missing_tool("ninja", "no-such-compiler") == "no-such-compiler"
    with compiled_ops():
        assert shutil.which("ninja") is not None
