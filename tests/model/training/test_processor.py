"""Who trains in bfloat16 on a processor that cannot multiply it is told so."""

from pathlib import Path

import pytest
import torch

from model.training.processor import slow_bfloat16
from model.training.train_config import TrainConfig


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("flags", "settings", "fields"),
    [
        ("flags\t: fma avx2 avx512f", {"dtype": "bfloat16"}, "set dtype to float32"),
        ("flags\t: fma avx2", {"optimizer": "muon"}, "set muon_dtype to float32"),
        ("flags\t: fma avx2", {"optimizer": "muon", "dtype": "bfloat16"}, "set dtype and muon_dtype to float32"),
        ("flags\t: fma avx2", {"optimizer": "muon", "muon_dtype": "float32"}, None),
        ("flags\t: fma avx2", {}, None),
        ("flags\t: avx512_bf16", {"dtype": "bfloat16"}, None),
        ("Features\t: asimd bf16 i8mm", {"dtype": "bfloat16"}, None),
    ],
)
def test_by_the_flags_of_the_processor(tmp_path: Path, flags: str, settings: dict, fields: str | None) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}\n")
    said = slow_bfloat16(TrainConfig(**settings), tmp_path / "cpuinfo")
    assert said is None if fields is None else said is not None and said.endswith(fields)


def test_a_machine_that_does_not_say(tmp_path: Path) -> None:
    assert slow_bfloat16(TrainConfig(dtype="bfloat16"), tmp_path / "none") is None
