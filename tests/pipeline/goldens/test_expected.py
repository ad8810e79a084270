"""What each stage makes of the goldens' inputs is what is expected."""

from pathlib import Path

import pytest

from pipeline.goldens.make import GOLDENS, compare, make_golden


@pytest.mark.parametrize("stage", GOLDENS)
def test_goldens_are_as_expected(stage: str, tmp_path: Path) -> None:
    assert compare(stage, make_golden(stage, tmp_path)) == []
