"""Trainings on the device, by torchrun and in this process, beside a training on the CPU in float32; and resuming one."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from model.formats.checkpoint import checkpoint_folders, newest_checkpoint
from model.training.compiled_ops import missing_tool
from model.training.distributed import device, init_distributed
from tests.gpu.case import Case, Check, Figures, Skipped, compare, kill
from tests.gpu.trainings import REPOSITORY, by_torchrun, records, said, start, train_here

KILLED_AFTER, RESUMED = 4, {"steps": 24, "checkpoint_every": 4, "validate_every": 0, "dtype": "bfloat16"}
UNWANTED = ("ray", "pyarrow", "data.sources.formats", "data.extraction", "data.collect.collect")
IMPORTED = "import json, sys, pipeline.pretrain, model.training.train; print(json.dumps(sorted(sys.modules)))"
VARIANTS: dict[str, tuple[Mapping[str, Any], float]] = {  # fields of the training, and the tolerance of its losses
    "float32, stage 0": ({"zero_stage": 0}, 1e-3),
    "float32, stage 1, activation checkpointing": ({"activation_checkpointing": 1}, 1e-3),
    "bfloat16, stage 1": ({"dtype": "bfloat16"}, 2e-2),
    "bfloat16, stage 2": ({"dtype": "bfloat16", "zero_stage": 2}, 2e-2),
    "bfloat16, stage 3": ({"dtype": "bfloat16", "zero_stage": 3}, 2e-2),
    "bfloat16, packed texts": ({"dtype": "bfloat16", "mask_documents": True}, 2e-2),
    "bfloat16, Muon": ({"dtype": "bfloat16", "optimizer": "muon"}, 5e-2),
    "float16": ({"dtype": "float16", "loss_scale": {"initial_power": 8}}, 2e-2),
    "bfloat16, compiled": ({"dtype": "bfloat16", "compile": True}, 2e-2),
    "offloaded optimizer": ({"dtype": "bfloat16", "zero_stage": 2, "offload_optimizer": True}, 2e-2),
    "offloaded weights": (
        {"dtype": "bfloat16", "zero_stage": 3, "offload_optimizer": True, "offload_parameters": True},
        2e-2,
    ),
}
DECISIVE = ("mask_documents", "optimizer")  # with another of these, the CPU's training is another one


def imports(case: Case, figures: Figures) -> None:
    """What a training imports, in a process of its own: neither Ray nor pyarrow nor what reads sources."""
    process = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    modules = json.loads(process.stdout.splitlines()[-1])
    found = [
        name for name in modules if any(name == unwanted or name.startswith(f"{unwanted}.") for unwanted in UNWANTED)
    ]
    figures["modules of data"] = [name for name in modules if name.startswith("data.")]
    assert not found, f"a training imports {', '.join(found)}"


def collectives(case: Case, figures: Figures) -> None:
    """The ranks speak by NCCL on a GPU and by gloo on a CPU, and a sum over one rank is the number itself."""
    init_distributed()
    figures["backend"] = dist.get_backend()
    assert figures["backend"] == ("nccl" if case.device.type == "cuda" else "gloo")
    assert device().type == case.device.type
    number = torch.full((1000,), 3.0, device=device(), dtype=torch.bfloat16)
    dist.all_reduce(number)
    compare(figures, "sum", number, torch.full((1000,), 3.0), 0.0)


def torchrun(case: Case, figures: Figures) -> None:
    """A training by `torchrun -m pipeline.pretrain` in bfloat16 learns: its loss falls, and it leaves a whole checkpoint."""
    folder = case.folder / "torchrun"
    found = by_torchrun(case, folder, {"steps": 30, "dtype": "bfloat16"})
    figures["losses"] = list(found.values())
    figures["validation"] = [record["validation"] for record in records(folder) if "validation" in record]
    assert found[30] < 0.8 * found[1], f"the loss went from {found[1]:.3f} to {found[30]:.3f}"
    checkpoint, damaged = newest_checkpoint(folder / "checkpoints")
    assert checkpoint is not None and checkpoint.progress.step == 30 and not damaged


def variant(case: Case, figures: Figures, name: str) -> None:
    """The losses of ten steps on the device beside those of the same training on the CPU in float32, by torchrun."""
    fields, tolerance = VARIANTS[name]
    if fields.get("dtype") == "float16" and case.device.type == "cpu":
        raise Skipped("DeepSpeed has no float16 on a CPU")
    needed = [tool for field, tool in (("offload_optimizer", "ninja"), ("compile", "g++")) if field in fields]
    if missing := missing_tool("g++", *needed) if needed else None:
        raise Skipped(f"code is built for this machine with {missing}, which is not installed here")
    expected = on_the_cpu(case, {field: fields[field] for field in DECISIVE if field in fields})
    found = train_here(case, case.folder / name.replace(" ", "-"), fields)
    figures["losses"], figures["on the CPU"] = list(found.values()), list(expected.values())
    compare(figures, "difference", torch.tensor(list(found.values())), torch.tensor(list(expected.values())), tolerance)


def on_the_cpu(case: Case, fields: Mapping[str, Any]) -> dict[int, float]:
    """The losses of the training on the CPU in float32; those of a decisive set of fields are made once."""
    path = case.folder / f"cpu-{'-'.join(fields) or 'plain'}.json"
    if not path.exists():
        path.write_text(json.dumps(by_torchrun(case, path.with_suffix(""), fields, on_cpu=True)))
    return {int(step): loss for step, loss in json.loads(path.read_text()).items()}


def resume(case: Case, figures: Figures) -> None:
    """A training that is killed after a checkpoint and started again ends bit for bit as one that nobody killed."""
    whole, killed = case.folder / "whole", case.folder / "killed"
    by_torchrun(case, whole, RESUMED)
    process = start(case, killed, RESUMED)
    while process.poll() is None and not has_checkpoint(killed, KILLED_AFTER):
        time.sleep(0.01)
    assert process.poll() is None, f"it ended before it could be killed: {said(killed)}"
    kill(process)
    by_torchrun(case, killed, RESUMED)
    events = [record for record in records(killed) if record.get("event") == "resumed"]
    assert len(events) == 1 and 0 < events[0]["step"] < RESUMED["steps"], f"it was not resumed: {events}"
    figures["resumed from step"] = events[0]["step"]
    different = differing(whole, killed)
    if not different:
        return
    again = case.folder / "whole-again"
    by_torchrun(case, again, RESUMED)
    also = "so do two that nobody killed" if differing(whole, again) else "two that nobody killed do not"
    raise AssertionError(f"the last checkpoints differ in {', '.join(different)}; {also}")


def has_checkpoint(folder: Path, step: int) -> bool:
    return any(path.name.endswith(str(step)) for path in checkpoint_folders(folder / "checkpoints"))


def differing(left: Path, right: Path) -> list[str]:
    """The files in which the newest checkpoints of two trainings differ."""
    ours, theirs = newest_checkpoint(left / "checkpoints")[0], newest_checkpoint(right / "checkpoints")[0]
    assert ours is not None and theirs is not None and ours.progress.step == theirs.progress.step
    return [name for name in sorted(ours.files) if ours.files[name] != theirs.files.get(name)]


CHECKS = (
    Check("imports", 60, imports),
    Check("collectives", 60, collectives),
    Check("torchrun", 120, torchrun),
    Check("resume", 180, resume),
    *(Check(name, 180, partial(variant, name=name)) for name in VARIANTS),
)
