"""Comparing the files of artifacts with the checksums that were taken when they were made."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestration.files import read_sealed, write_sealed
from orchestration.identity import digest
from orchestration.liveness import start_of_machine
from orchestration.shards import Shard
from orchestration.store import REMEDY, VERIFIED, Artifact, file_fault
from pipeline.stages.stage import Context

FILES = 64  # that a task compares


def verify_artifacts(context: Context, artifacts: Sequence[Artifact], building: Path) -> None:
    """Compare every file of the artifacts, by tasks; each once since the start of this machine.

    Raises ValueError that names the first file that is not as it was made, and the remedy.
    """
    for artifact in artifacts:
        if is_verified(artifact):
            continue
        entries, state = artifact.manifest["files"], _state(artifact)
        parts = [entries[begin : begin + FILES] for begin in range(0, len(entries), FILES)]
        step = f"verify {artifact.stage}"
        shutil.rmtree(building / step, ignore_errors=True)  # what was found before a kill says nothing about now
        shards = [Shard(f"{n:05d}", {"folder": artifact.path, "entries": part}) for n, part in enumerate(parts)]
        results = context.map(compare_files, shards, building, step)
        shutil.rmtree(building / step)  # what was verified is no part of what is made of it
        faults = [fault for result in results for fault in result["faults"]]
        if faults:
            raise ValueError(f"{artifact.path}: {faults[0]}; {REMEDY}")
        write_sealed(artifact.path / VERIFIED, state)


def compare_files(out: Path, folder: Path, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`faults`: how each of these files of an artifact differs from its entry in the manifest."""
    return {"faults": [fault for entry in entries if (fault := file_fault(folder, entry, checksums=True))]}


def is_verified(artifact: Artifact) -> bool:
    """Whether all files were compared since this machine was started, and none was written to after that."""
    try:
        return read_sealed(artifact.path / VERIFIED) == _state(artifact)
    except (OSError, ValueError):
        return False


def _state(artifact: Artifact) -> dict[str, str]:
    """This start of the machine, and when each file was last written to."""
    paths = [artifact.path / entry["path"] for entry in artifact.manifest["files"]]
    times = [path.stat().st_mtime_ns if path.exists() else None for path in paths]
    return {"since": start_of_machine(), "files": digest(times)}
