"""The artifact store: each folder `store/<stage>/<name>/` is whole, is never overwritten, and is described by its manifest."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestration.files import (
    checksum,
    commit_folder,
    describe_files,
    read_json,
    read_sealed,
    remove_leftovers,
    write_json,
    write_sealed,
)
from orchestration.identity import Identity, digest
from orchestration.lease import hold, holder
from orchestration.shards import RESULT

FORMAT = 2
READABLE = (1, FORMAT)  # format 1 named an artifact by its inputs' names and by the versions of libraries
IDENTITY = "identity.json"  # the identity that a folder under construction is to have
CONTENT = "content.json"  # the content of an artifact of format 1, whose manifest does not have it
VERDICTS = "verdicts.json"  # says whether other versions of its libraries would have made the same artifact
VERIFIED = "verified.json"  # names the boot of the machine since which its files are known to be undamaged
DAMAGED = ".damaged"  # The name of an artifact that was set aside ends in this and a number.
# Files of an artifact that say how its building went or that were written later. The manifest does not list them.
VOLATILE = frozenset({"manifest.json", "build.json", "metrics.jsonl", IDENTITY, CONTENT, VERDICTS, VERIFIED})


@dataclass(frozen=True)
class Provenance:
    """What a manifest says besides the identity. None of it enters the artifact's name."""

    key: str
    """The recipe key."""
    config: Mapping[str, Any]
    """All fields of the recipe that affect the output, also those that do not enter the name."""
    libraries: Mapping[str, str]
    """The versions of the libraries that the stage works with, by their names."""
    artifacts: Mapping[str, str]
    """Each input with the artifact that was read, as `stage/name`."""


@dataclass(frozen=True)
class Artifact:
    """A finished folder of the store."""

    path: Path

    @property
    def stage(self) -> str:
        return self.path.parent.name

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest as it was written; raises ValueError when it is missing or damaged."""
        path = self.path / "manifest.json"
        try:
            manifest = read_json(path)
            if not isinstance(manifest, dict) or manifest.get("format") != 1 or "checksum" in manifest:
                return read_sealed(path)
            # A manifest of format 1 has no checksum in it. CONTENT has one, from when this release first opened the store.
            if self.found_out().get("manifest") not in (None, digest(manifest)):
                raise ValueError(f"{path}: changed since the store was brought to format {FORMAT}")
            return manifest
        except OSError as error:
            raise ValueError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from None
        except (ValueError, TypeError) as error:
            raise ValueError(f"{error}; {REMEDY}") from None

    def found_out(self) -> dict[str, Any]:
        """What CONTENT says of an artifact of format 1: its content, its inputs by content, the checksum of its manifest.

        It is empty where that file is missing or damaged.
        """
        try:
            return read_sealed(self.path / CONTENT)
        except (OSError, ValueError):
            return {}

    @property
    def checksums(self) -> dict[str, str]:
        """The checksum of each file by its absolute path; raises ValueError when the manifest is damaged."""
        return {str(self.path / entry["path"]): entry["checksum"] for entry in self.manifest["files"]}

    def damage(self, checksums: bool = False) -> list[str]:
        """A line for each file that differs from the manifest: it is missing, has another size or, if asked, another checksum.

        Raises ValueError when the manifest itself is damaged.
        """
        return [fault for entry in self.manifest["files"] if (fault := file_fault(self.path, entry, checksums))]


REMEDY = "`gristmill verify --repair` sets what is damaged aside and builds it again"


def file_fault(folder: Path, entry: Mapping[str, Any], checksums: bool) -> str | None:
    """How a file differs from its entry in the manifest, in words; None when it does not."""
    path = folder / entry["path"]
    if not path.is_file():
        return f"{entry['path']} is missing"
    if path.stat().st_size != entry["bytes"]:
        return f"{entry['path']} has {path.stat().st_size} bytes instead of {entry['bytes']}"
    if checksums and checksum(path) != entry["checksum"]:
        return f"{entry['path']} has another checksum than when it was made"
    return None


class CountsDoNotAddUp(RuntimeError):
    """The counts of a stage do not say of every document where it went."""


def check_counts(stage: str, counts: Mapping[str, Any]) -> None:
    """Check the counts of a stage that takes documents: in + added = out + dropped + quarantined.

    Raises CountsDoNotAddUp with the numbers when they are not equal.
    """
    taken = counts["documents_in"] + counts.get("documents_added", 0)
    given = counts["documents_out"] + sum(counts["dropped"].values()) + counts["quarantined"]
    if taken != given:
        raise CountsDoNotAddUp(
            f"{stage}: {taken} documents came in, but {counts['documents_out']} went out, "
            f"{sum(counts['dropped'].values())} were dropped and {counts['quarantined']} quarantined: "
            f"{taken - given} are unaccounted for"
        )


class Store:
    """The artifacts below one folder. A command that writes into the store calls `open` first."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self) -> None:
        """Create the store if there is none; raises ValueError when it was made by a newer Gristmill."""
        self.root.mkdir(parents=True, exist_ok=True)
        if self.format() != FORMAT:
            write_json(self.root / "format.json", {"format": FORMAT})

    def format(self) -> int | None:
        """The format of the store; None when there is no store, or its record is torn.

        Raises ValueError when the store was made by a newer Gristmill.
        """
        try:
            record = read_json(self.root / "format.json")
            found = record["format"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if found not in READABLE:
            raise ValueError(
                f"{self.root} has store format {found}, this Gristmill reads formats {' and '.join(map(str, READABLE))}: "
                "use the version that made it, or another --workdir"
            )
        return int(found)

    def folder(self, stage: str, name: str) -> Path:
        """The path of an artifact, which need not be there."""
        return self.root / stage / name

    def building(self, stage: str, name: str) -> Path:
        """The path of an artifact under construction."""
        return self.root / stage / f"{name}.building"

    def find(self, stage: str, name: str) -> Artifact | None:
        """The artifact of that name, None when it is not there; raises ValueError when its manifest is missing."""
        path = self.folder(stage, name)
        if path.is_dir() and not (path / "manifest.json").is_file():
            raise ValueError(f"{path}: something removed a part of it (manifest.json); {REMEDY}")
        return Artifact(path) if path.is_dir() else None

    def artifacts(self, stage: str = "*") -> Iterator[Artifact]:
        """Yield all finished artifacts, of one stage or of all, in the order of stage and name."""
        for manifest in sorted(self.root.glob(f"{stage}/*/manifest.json")):
            name = manifest.parent.name
            if not name.startswith(".") and not name.endswith(".building") and DAMAGED not in name:
                yield Artifact(manifest.parent)

    def abandoned(self) -> Iterator[Path]:
        """Yield the folders under construction that no process works on, and damaged artifacts that were set aside."""
        yield from sorted(self.root.glob(f"*/*{DAMAGED}*"))
        for path in sorted(self.root.glob("*/*.building")):
            if holder(path) is None:
                yield path

    def begun(self, stage: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield the folders of a stage under construction, each with its identity as JSON values, where that is on record."""
        for path in sorted(self.root.glob(f"{stage}/*.building")):
            if wanted := _begun(path):
                yield path, wanted

    def record(self, stage: str, key: str) -> dict[str, Any]:
        """The record of a recipe key: the `artifact` that it led to, and `again`. It is empty when there is no record."""
        try:
            record = read_json(self._record(stage, key))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def write_record(self, stage: str, key: str, record: Mapping[str, Any]) -> None:
        """Remember to which artifact a recipe key leads."""
        path = self._record(stage, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, dict(record))

    def _record(self, stage: str, key: str) -> Path:
        return self.root / ".records" / stage / f"{key}.json"

    @contextmanager
    def claim(
        self,
        identity: Identity,
        provenance: Provenance,
        waiting: Callable[[str], None],
        should_stop: Callable[[], bool],
        goes_on: Callable[[Mapping[str, Any]], bool] = lambda begun: True,
    ) -> Iterator["Building | None"]:
        """Hold the lease on the building of an artifact; gives None when another run finished the artifact meanwhile.

        `goes_on(begun)` says whether this run may go on from the building that an earlier attempt left; `begun` is the identity
        that is on record there. If not, that building is removed. Raises Stopped as `lease.hold` does.
        """
        folder = self.building(identity.stage, identity.name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with hold(folder, waiting, should_stop) as check:
            if self.find(identity.stage, identity.name):
                yield None
                return
            if folder.is_dir() and not goes_on(_begun(folder)):
                shutil.rmtree(folder)
            folder.mkdir(exist_ok=True)
            write_json(folder / IDENTITY, {**identity_facts(identity), "versions": dict(provenance.libraries)})
            yield Building(identity, provenance, folder, self.folder(identity.stage, identity.name), check)


def _begun(folder: Path) -> dict[str, Any]:
    """The identity of a folder under construction, as JSON values; empty where it is not on record."""
    try:
        facts = read_json(folder / IDENTITY)
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def identity_facts(identity: Identity) -> dict[str, Any]:
    """An identity as JSON values."""
    return {
        "stage": identity.stage,
        "version": identity.version,
        "inputs": dict(identity.inputs),
        "config": dict(identity.config),
        "extra": dict(identity.extra),
    }


@dataclass(frozen=True)
class Building:
    """An artifact under construction that this run works on. Its folder may hold what an earlier attempt made."""

    identity: Identity
    provenance: Provenance
    folder: Path
    final: Path
    check_lease: Callable[[], None]

    def finish(self, counts: Mapping[str, Any], content: str, layout: Mapping[str, Any], started: float) -> Artifact:
        """Write manifest and build record, and give the folder its name; gives the finished artifact.

        `content` is the artifact's content, a hash. `started` is when the building began, in Unix seconds. Raises
        CountsDoNotAddUp when the stage took documents and does not say where each went, LeaseLost when another run took over.
        """
        if "documents_in" in counts:
            check_counts(self.identity.stage, counts)
        remove_leftovers(self.folder)
        write_sealed(self.folder / "manifest.json", self._manifest(counts, content))
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
        (self.folder / IDENTITY).unlink(missing_ok=True)  # removed last, since a killed attempt is found again by it
        commit_folder(self.folder, self.final)
        return Artifact(self.final)

    def _manifest(self, counts: Mapping[str, Any], content: str) -> dict[str, Any]:
        identity, provenance = self.identity, self.provenance
        return {
            "format": FORMAT,
            "stage": identity.stage,
            "version": identity.version,
            "fingerprint": identity.name,
            "key": provenance.key,
            "inputs": dict(identity.inputs),
            "artifacts": dict(provenance.artifacts),
            "config": dict(provenance.config),
            "extra": dict(identity.extra),
            "versions": dict(provenance.libraries),
            "files": describe_files(self.folder, leave_out=VOLATILE, known=hashed_by_tasks(self.folder)),
            "counts": dict(counts),
            "content": content,
        }


def hashed_by_tasks(folder: Path, step: str = "*") -> dict[str, dict[str, Any]]:
    """The entries that tasks wrote of their own files, by path in `folder`, which is under construction.

    The driver therefore does not hash those files again. `step` limits this to the files of one step.
    """
    known: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob(f"{step}/*/{RESULT}")):
        shard = path.parent.relative_to(folder).as_posix()
        known |= {f"{shard}/{entry['path']}": entry for entry in read_sealed(path)["files"]}
    return known
