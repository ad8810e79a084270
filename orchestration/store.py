"""The artifact store: `store/<stage>/<fingerprint>/`, each folder whole, never overwritten, described by its manifest."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.files import checksum, commit_folder, describe_files, read_json, remove_leftovers, write_json
from orchestration.lease import hold, holder

FORMAT = 1
# What a run leaves in an artifact about how it went, as opposed to what came out: not part of the manifest.
VOLATILE = frozenset({"manifest.json", "build.json", "metrics.jsonl"})


@dataclass(frozen=True)
class Identity:
    """What an artifact is made of; its fingerprint is its name."""

    stage: str
    fingerprint: str
    version: int
    inputs: Mapping[str, str]  # names of input stages and source files, to fingerprints and content hashes
    config: Mapping[str, Any]  # the fields that change the output, as JSON
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class Artifact:
    """A finished folder of the store."""

    path: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest as it was written; raises ValueError when it is damaged."""
        return read_json(self.path / "manifest.json")

    @property
    def build(self) -> dict[str, Any]:
        """When, where and how it was built."""
        return read_json(self.path / "build.json")

    def damage(self, checksums: bool = False) -> list[str]:
        """What differs from the manifest: missing files, wrong sizes and, when asked for, wrong checksums."""
        faults = []
        for entry in self.manifest["files"]:
            path = self.path / entry["path"]
            if not path.is_file():
                faults.append(f"{entry['path']} is missing")
            elif path.stat().st_size != entry["bytes"]:
                faults.append(f"{entry['path']} has {path.stat().st_size} bytes instead of {entry['bytes']}")
            elif checksums and checksum(path) != entry["checksum"]:
                faults.append(f"{entry['path']} has another checksum than when it was made")
        return faults


class CountsDoNotAddUp(RuntimeError):
    """A stage's account of its documents has a hole in it."""


def check_counts(stage: str, counts: Mapping[str, Any]) -> None:
    """Assert the account of a stage that takes documents: in = out + dropped + quarantined.

    Raises CountsDoNotAddUp with the figures otherwise.
    """
    taken = counts["documents_in"]
    given = counts["documents_out"] + sum(counts["dropped"].values()) + counts["quarantined"]
    if taken != given:
        raise CountsDoNotAddUp(
            f"{stage}: {taken} documents came in, but {counts['documents_out']} went out, "
            f"{sum(counts['dropped'].values())} were dropped and {counts['quarantined']} quarantined: "
            f"{taken - given} are unaccounted for"
        )


class Store:
    """Artifacts below one folder; `open` before use."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self) -> None:
        """Create the store if there is none; raises ValueError when it was made by a newer Gristmill."""
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / "format.json"
        if not path.exists():
            write_json(path, {"format": FORMAT})
        found = read_json(path).get("format")
        if found != FORMAT:
            raise ValueError(
                f"{self.root} has store format {found}, this Gristmill reads format {FORMAT}: "
                "use the version that made it, or another --workdir"
            )

    def folder(self, stage: str, fingerprint: str) -> Path:
        """Where an artifact lies, or would."""
        return self.root / stage / fingerprint

    def building(self, stage: str, fingerprint: str) -> Path:
        """Where it is put together before it is whole."""
        return self.root / stage / f"{fingerprint}.building"

    def find(self, stage: str, fingerprint: str) -> Artifact | None:
        """The artifact of that name, if it is there; raises ValueError when only a part of it is."""
        path = self.folder(stage, fingerprint)
        if path.is_dir() and not (path / "manifest.json").is_file():
            raise ValueError(
                f"{path}: something removed a part of it (manifest.json); remove this folder and run again"
            )
        return Artifact(path) if path.is_dir() else None

    def artifacts(self) -> Iterator[Artifact]:
        """All finished artifacts, by stage and fingerprint."""
        for manifest in sorted(self.root.glob("*/*/manifest.json")):
            if not manifest.parent.name.startswith(".") and not manifest.parent.name.endswith(".building"):
                yield Artifact(manifest.parent)

    def abandoned(self) -> Iterator[Path]:
        """Folders under construction that nobody works on."""
        for path in sorted(self.root.glob("*/*.building")):
            if holder(path) is None:
                yield path

    @contextmanager
    def claim(
        self, identity: Identity, waiting: Callable[[str], None], should_stop: Callable[[], bool]
    ) -> Iterator["Building | None"]:
        """Claim the building of an artifact; gives None when somebody else finished it while we waited."""
        folder = self.building(identity.stage, identity.fingerprint)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with hold(folder, waiting, should_stop) as check:
            if self.find(identity.stage, identity.fingerprint):
                yield None
                return
            folder.mkdir(exist_ok=True)
            yield Building(identity, folder, self.folder(identity.stage, identity.fingerprint), check)


@dataclass(frozen=True)
class Building:
    """An artifact under construction, ours to finish. What an earlier attempt left in its folder is there to go on from."""

    identity: Identity
    folder: Path
    final: Path
    check_lease: Callable[[], None]

    def finish(self, counts: Mapping[str, Any], layout: Mapping[str, Any], started: float) -> Artifact:
        """Write manifest and build record, give the folder its name. `started` is a Unix time in seconds.

        Raises CountsDoNotAddUp when the stage took documents and cannot say where each went, LeaseLost when another run
        took over.
        """
        if "documents_in" in counts:
            check_counts(self.identity.stage, counts)
        remove_leftovers(self.folder)
        write_json(self.folder / "manifest.json", self._manifest(counts))
        write_json(
            self.folder / "build.json",
            {
                "started": round(started, 3),
                "seconds": round(time.time() - started, 3),
                "host": socket.gethostname(),
                "cores": os.cpu_count(),
                "layout": dict(layout),
            },
        )
        self.check_lease()
        commit_folder(self.folder, self.final)
        return Artifact(self.final)

    def _manifest(self, counts: Mapping[str, Any]) -> dict[str, Any]:
        identity = self.identity
        return {
            "format": FORMAT,
            "stage": identity.stage,
            "version": identity.version,
            "fingerprint": identity.fingerprint,
            "inputs": dict(identity.inputs),
            "config": dict(identity.config),
            "versions": dict(identity.libraries),
            "files": describe_files(self.folder, leave_out=VOLATILE),
            "counts": dict(counts),
        }
