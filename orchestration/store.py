"""The artifact store: `store/<stage>/<name>/`, each folder whole, never overwritten, described by its manifest."""

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
IDENTITY = "identity.json"  # what a folder under construction is to become
CONTENT = "content.json"  # the content of an artifact of format 1, whose manifest does not have it
VERDICTS = "verdicts.json"  # whether other versions of its libraries would have made the same
VERIFIED = "verified.json"  # since which start of which machine its files are known to be as they were made
DAMAGED = ".damaged"  # in the name of an artifact that was set aside, before a number
# What lies in an artifact about how it went, or was found out later: it is not part of the manifest.
VOLATILE = frozenset({"manifest.json", "build.json", "metrics.jsonl", IDENTITY, CONTENT, VERDICTS, VERIFIED})


@dataclass(frozen=True)
class Provenance:
    """What a manifest tells beside the identity, and what does not enter the name."""

    key: str
    """The recipe key."""
    config: Mapping[str, Any]
    """All fields that affect the output, those that do not enter the name among them."""
    libraries: Mapping[str, str]
    """Versions of the libraries that the stage works with."""
    artifacts: Mapping[str, str]
    """Input stages to the names of the artifacts that were read."""


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
        """The manifest as it was written; raises ValueError when it is damaged."""
        path = self.path / "manifest.json"
        try:
            manifest = read_json(path)
            if not isinstance(manifest, dict) or manifest.get("format") != 1 or "checksum" in manifest:
                return read_sealed(path)
            # Format 1 had no checksum of its own: the manifest's was written down when the store was opened first.
            if self.found_out().get("manifest") not in (None, digest(manifest)):
                raise ValueError(f"{path}: changed since the store was brought to format {FORMAT}")
            return manifest
        except OSError as error:
            raise ValueError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from None
        except (ValueError, TypeError) as error:
            raise ValueError(f"{error}; {REMEDY}") from None

    def found_out(self) -> dict[str, Any]:
        """What was found out about an artifact of format 1: its content, that of its inputs, its manifest's checksum."""
        try:
            return read_sealed(self.path / CONTENT)
        except (OSError, ValueError):
            return {}

    @property
    def checksums(self) -> dict[str, str]:
        """Checksums of the files by their absolute paths."""
        return {str(self.path / entry["path"]): entry["checksum"] for entry in self.manifest["files"]}

    def damage(self, checksums: bool = False) -> list[str]:
        """What differs from the manifest: missing files, wrong sizes and, when asked for, wrong checksums."""
        return [fault for entry in self.manifest["files"] if (fault := file_fault(self.path, entry, checksums))]


REMEDY = "`gristmill verify --repair` sets what is damaged aside and builds it again"


def file_fault(folder: Path, entry: Mapping[str, Any], checksums: bool) -> str | None:
    """How a file differs from its entry in the manifest, None when it does not."""
    path = folder / entry["path"]
    if not path.is_file():
        return f"{entry['path']} is missing"
    if path.stat().st_size != entry["bytes"]:
        return f"{entry['path']} has {path.stat().st_size} bytes instead of {entry['bytes']}"
    if checksums and checksum(path) != entry["checksum"]:
        return f"{entry['path']} has another checksum than when it was made"
    return None


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
        if self.format() != FORMAT:
            write_json(self.root / "format.json", {"format": FORMAT})

    def format(self) -> int | None:
        """The format of a store that is there, None when there is none or its record is torn.

        Raises ValueError when it was made by a newer Gristmill.
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
        """Where an artifact lies, or would."""
        return self.root / stage / name

    def building(self, stage: str, name: str) -> Path:
        """Where it is put together before it is whole."""
        return self.root / stage / f"{name}.building"

    def find(self, stage: str, name: str) -> Artifact | None:
        """The artifact of that name, if it is there; raises ValueError when only a part of it is."""
        path = self.folder(stage, name)
        if path.is_dir() and not (path / "manifest.json").is_file():
            raise ValueError(f"{path}: something removed a part of it (manifest.json); {REMEDY}")
        return Artifact(path) if path.is_dir() else None

    def artifacts(self, stage: str = "*") -> Iterator[Artifact]:
        """All finished artifacts, of one stage or of all, by stage and name."""
        for manifest in sorted(self.root.glob(f"{stage}/*/manifest.json")):
            name = manifest.parent.name
            if not name.startswith(".") and not name.endswith(".building") and DAMAGED not in name:
                yield Artifact(manifest.parent)

    def abandoned(self) -> Iterator[Path]:
        """Folders under construction that nobody works on, and damaged ones that were set aside."""
        yield from sorted(self.root.glob(f"*/*{DAMAGED}*"))
        for path in sorted(self.root.glob("*/*.building")):
            if holder(path) is None:
                yield path

    def begun(self, stage: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Folders of a stage under construction, each with what it is to become as far as that is on record."""
        for path in sorted(self.root.glob(f"{stage}/*.building")):
            if wanted := _begun(path):
                yield path, wanted

    def record(self, stage: str, key: str) -> dict[str, Any]:
        """What the store knows of a recipe key: the `artifact` that it led to, and `again`; empty when it knows nothing."""
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
        """Claim the building of an artifact; gives None when somebody else finished it while we waited.

        `goes_on(begun)` says whether what an earlier attempt left may be gone on from, `begun` being what is on record of it.
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
    """What a folder under construction is to become; empty where that is not on record."""
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
    """An artifact under construction, ours to finish. What an earlier attempt left in its folder is there to go on from."""

    identity: Identity
    provenance: Provenance
    folder: Path
    final: Path
    check_lease: Callable[[], None]

    def finish(self, counts: Mapping[str, Any], content: str, layout: Mapping[str, Any], started: float) -> Artifact:
        """Write manifest and build record, give the folder its name. `started` is a Unix time in seconds.

        `content` is the hash of what the artifact gives by its role. Raises CountsDoNotAddUp when the stage took documents
        and cannot say where each went, LeaseLost when another run took over.
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
        (self.folder / IDENTITY).unlink(missing_ok=True)  # as late as can be: an attempt is found again by it
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
    """What tasks reported of the files that they wrote below a folder under construction, by path in it.

    The driver does not read those files itself.
    """
    known: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob(f"{step}/*/{RESULT}")):
        shard = path.parent.relative_to(folder).as_posix()
        known |= {f"{shard}/{entry['path']}": entry for entry in read_sealed(path)["files"]}
    return known
