"""Comparing whole artifacts by tasks: damage is found whenever it came, and what is known to be whole is not read again."""

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from orchestration.events import EventLog
from orchestration.identity import Identity
from orchestration.progress import Display
from orchestration.store import Artifact, Store
from orchestration.tracking import Trackers
from pipeline.runs.checksums import is_verified, verify_artifacts
from pipeline.stages.stage import Context
from tests.artifacts import finish

pytestmark = pytest.mark.usefixtures("local_ray")


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    """An artifact of more files than a task compares."""
    store = Store(tmp_path / "store")
    store.open()
    return finish(store, Identity("tokenize", 1, {}, {}), {f"shards/{n:05d}.bin": f"tokens {n}" for n in range(70)})


def verify(artifact: Artifact, folder: Path) -> None:
    """As a stage begins, in a folder under construction that an earlier attempt may have left."""
    console = Console(file=io.StringIO())
    events = EventLog(folder / "events.jsonl")
    building = folder / "building"
    building.mkdir(exist_ok=True)
    context = Context(
        "pretrain", folder, {"CPU": 2, "node_CPU": 2}, None, events, Display(console), Trackers([]), lambda: False
    )
    verify_artifacts(context, [artifact], building)
    assert list(building.iterdir()) == [], "what was compared is no part of what is made of it"


def flip(path: Path, keep_time: bool) -> None:
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_damage_is_named_with_the_remedy(artifact: Artifact, tmp_path: Path) -> None:
    flip(artifact.path / "shards" / "00069.bin", keep_time=True)
    with pytest.raises(ValueError, match=r"shards/00069\.bin has another checksum.*gristmill verify --repair"):
        verify(artifact, tmp_path)
    assert not is_verified(artifact)


def test_what_was_compared_before_a_kill_says_nothing_about_now(artifact: Artifact, tmp_path: Path) -> None:
    """The tasks of an attempt that was killed had found all as it was made, and their results lie there; then a bit flipped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.runs.checksums.write_sealed", _killed)
        patch.setattr("shutil.rmtree", lambda *arguments, **options: None)
        with pytest.raises(KeyboardInterrupt):
            verify(artifact, tmp_path)
    assert len(list((tmp_path / "building" / "verify tokenize").glob("0*"))) == 2
    flip(artifact.path / "shards" / "00003.bin", keep_time=True)
    with pytest.raises(ValueError, match="00003"):
        verify(artifact, tmp_path)


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_is_known_to_be_whole_is_compared_again_once_it_was_written_to(artifact: Artifact, tmp_path: Path) -> None:
    verify(artifact, tmp_path)
    assert is_verified(artifact)
    flip(artifact.path / "shards" / "00005.bin", keep_time=False)
    assert not is_verified(artifact)
    with pytest.raises(ValueError, match="00005"):
        verify(artifact, tmp_path)
