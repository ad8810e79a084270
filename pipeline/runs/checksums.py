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

FILES = 64  # that one task compares


def verify_artifacts(context: Context, artifacts: Sequence[Artifact], building: Path) -> None:
    """Compare every file of the artifacts with its checksum, in tasks on the cluster that write below `building`.

    An artifact is compared once in each boot of this machine. Raises ValueError that names the first damaged file and the remedy,
    ShardFailed when a task fails, and Stopped when the run is asked to stop.
    """
    for artifact in artifacts:
        if is_verified(artifact):
            continue
        entries, state = artifact.manifest["files"], _state(artifact)
        parts = [entries[begin : begin + FILES] for begin in range(0, len(entries), FILES)]
        step = f"verify {artifact.stage}"
        shutil.rmtree(building / step, ignore_errors=True)  # results from before a kill may be outdated
        shards = [Shard(f"{n:05d}", {"folder": artifact.path, "entries": part}) for n, part in enumerate(parts)]
        results = context.map(compare_files, shards, building, step)
        shutil.rmtree(building / step)  # the comparison is no part of the artifact
        faults = [fault for result in results for fault in result["faults"]]
        if faults:
            raise ValueError(f"{artifact.path}: {faults[0]}; {REMEDY}")
        write_sealed(artifact.path / VERIFIED, state)


def compare_files(out: Path, folder: Path, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Compare files of an artifact with their entries in its manifest; gives `faults`, a line for each file that differs."""
    return {"faults": [fault for entry in entries if (fault := file_fault(folder, entry, checksums=True))]}


def is_verified(artifact: Artifact) -> bool:
    """Whether all files were compared in this boot of the machine, and none was written to after that."""
    try:
        return read_sealed(artifact.path / VERIFIED) == _state(artifact)
    except (OSError, ValueError):
        return False


def _state(artifact: Artifact) -> dict[str, str]:
    """The boot of the machine, and a hash of the times at which the files were last written to."""
    paths = [artifact.path / entry["path"] for entry in artifact.manifest["files"]]
    times = [path.stat().st_mtime_ns if path.exists() else None for path in paths]
    return {"since": start_of_machine(), "files": digest(times)}
