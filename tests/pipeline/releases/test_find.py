"""What a user may mean by CHECKPOINT, and what is said when it is nothing."""

from pathlib import Path

import pytest

from pipeline.releases.find import find_release


def checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "checkpoint.json").write_text("{}")
    return folder


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    """A run `r` with two checkpoints and a tokenizer, and a run `young` that has not trained yet."""
    artifact = tmp_path / "store" / "pretrain" / "ab"
    for step in (10, 20):
        checkpoint(artifact / "checkpoints" / f"step-{step:08d}")
    (artifact / "tokenizer.json").write_text("{}")
    (tmp_path / "runs" / "r").mkdir(parents=True)
    (tmp_path / "runs" / "r" / "pretrain").symlink_to("../../store/pretrain/ab")
    (tmp_path / "runs" / "young").mkdir()
    return tmp_path


def test_a_run_an_artifact_and_a_checkpoint_lead_to_the_same(workdir: Path) -> None:
    artifact = workdir / "store" / "pretrain" / "ab"
    newest = artifact / "checkpoints" / "step-00000020"
    for name in (
        "r",
        str(workdir / "runs" / "r"),
        str(artifact),
        str(artifact / "checkpoints"),
        str(newest),
        str(workdir / "runs" / "r" / "pretrain"),
    ):
        release = find_release(name, workdir / "runs")
        assert release.network.resolve() == newest
        assert release.tokenizer.resolve() == artifact / "tokenizer.json"


def test_an_older_checkpoint_can_be_asked_for(workdir: Path) -> None:
    older = workdir / "store" / "pretrain" / "ab" / "checkpoints" / "step-00000010"
    assert find_release(str(older), workdir / "runs").network == older


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("young", "run 'young' has no pretrained checkpoint yet: `gristmill status young`"),
        ("nobody", "nobody: neither a folder nor the name of a run in"),
        ("../r", "neither a folder nor the name of a run"),
    ],
)
def test_what_is_not_there(workdir: Path, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")) as error:
        find_release(name, workdir / "runs")
    assert "\n" not in str(error.value)


def test_a_checkpoint_without_its_tokenizer(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "alone")
    with pytest.raises(ValueError, match=r"alone: no tokenizer\.json beside the checkpoint"):
        find_release(str(folder), tmp_path)


def test_a_folder_without_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty"):
        find_release(str(tmp_path / "empty"), tmp_path)


def test_a_folder_of_the_name_of_a_run_is_taken_only_if_it_holds_a_network(
    workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "r").mkdir()
    (here / "r" / "letter.txt").write_text("Dear")
    assert find_release("r", workdir / "runs").network.resolve().is_relative_to(workdir / "store")
    with pytest.raises(ValueError, match=r"^r: neither a checkpoint"):
        find_release("./r", workdir / "runs")
    checkpoint(here / "r" / "step-00000003")
    (here / "r" / "tokenizer.json").write_text("{}")
    assert find_release("r", workdir / "runs").network == Path("r/step-00000003")
    for name in (".", ".."):
        with pytest.raises(ValueError, match="neither a checkpoint nor"):
            find_release(name, workdir / "runs")
