"""Engines for which code is compiled at their first use, minutes of it: offload, and compiled blocks."""

from pathlib import Path

import pytest

from tests.model.ranks import (
    LLAMA,
    assert_fourth_step_left_out,
    assert_same_state,
    interrupted_jobs,
    job,
    launch,
    losses,
    result,
)

pytestmark = pytest.mark.long
OFFLOADED = {
    "offload": {"zero_stage": 2, "offload_optimizer": True},
    "offload-zero3": {"zero_stage": 3, "offload_optimizer": True, "offload_parameters": True},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All runs of this file, by folder name."""
    root = tmp_path_factory.mktemp("compiled")
    first = [job(root / "plain", LLAMA)]
    for name, fields in OFFLOADED.items():
        first += interrupted_jobs(root, name, fields)
    launch(first, ranks=2, path=root / "first.json")
    launch(
        [job(root / f"stopped-{name}", LLAMA, **fields) for name, fields in OFFLOADED.items()],
        ranks=2,
        path=root / "again.json",
    )
    launch([job(root / "compiled", LLAMA, ranks=1, compile=True)], ranks=1, path=root / "alone.json")
    return root


@pytest.mark.parametrize("name", OFFLOADED)
def test_a_resume_is_exact(root: Path, name: str) -> None:
    assert result(root / f"stopped-{name}")["resumed_from"] == 3
    assert_same_state(root / name, root / f"stopped-{name}")


@pytest.mark.parametrize("kind", ["huge", "nan"])
@pytest.mark.parametrize("name", OFFLOADED)
def test_a_step_that_is_left_out_changes_nothing(root: Path, name: str, kind: str) -> None:
    assert_fourth_step_left_out(root / f"{kind}-{name}")


@pytest.mark.parametrize("name", [*OFFLOADED, "compiled"])
def test_the_losses_are_those_of_the_plain_engine(root: Path, name: str) -> None:
    assert losses(root / name) == pytest.approx(losses(root / "plain"), rel=1e-5)
