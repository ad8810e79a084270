"""Whether this machine's processor multiplies bfloat16 itself, or makes do with float32 and takes many times longer."""

import re
from pathlib import Path

import torch

from model.training.train_config import TrainConfig

CPUINFO = Path("/proc/cpuinfo")  # Only Linux has it.
INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}  # the last is what ARM calls them


def slow_bfloat16(config: TrainConfig, cpuinfo: Path = CPUINFO) -> str | None:
    """What the log says of a training that computes in bfloat16 on a CPU without instructions for it; None of others."""
    fields = [name for name in ("dtype", "muon_dtype") if _takes_bfloat16(config, name)]
    if torch.cuda.is_available() or not fields or not cpuinfo.is_file():
        return None
    if INSTRUCTIONS & set(re.findall(r"\w+", cpuinfo.read_text(encoding="utf-8", errors="replace"))):
        return None
    slow = "this processor has no instructions for bfloat16, which is many times slower here"
    return f"{slow}; set {' and '.join(fields)} to float32"


def _takes_bfloat16(config: TrainConfig, field: str) -> bool:
    return getattr(config, field) == "bfloat16" and (field == "dtype" or config.optimizer == "muon")
