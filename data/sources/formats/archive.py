"""Zip and tar archives of files in the other formats, read member by member; nothing is unpacked under a member's name."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from stat import S_ISLNK
from tempfile import TemporaryDirectory
from typing import BinaryIO, NamedTuple
from zipfile import ZipFile

import xxhash

from data.sources.config import SourceConfig, format_of
from data.sources.formats.tar_file import FILES, Lost, TarMember, tar_members
from data.sources.formats.zip_file import open_zip, read_member
from data.sources.readers import reader
from data.sources.record import DamagedStream, Record, Unreadable, first_line, rest_unreadable
from data.sources.streams.input import BytesInput, FileInput, Input, ReadLimits

MEMORY_BYTES = 1 << 24  # A member of up to so many bytes is in memory, a larger one in a temporary file.
TAR_TYPES = {
    tarfile.LNKTYPE: "a link",
    tarfile.SYMTYPE: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


class Member(NamedTuple):
    """A file in an archive, or what is there instead."""

    name: str
    size: int  # bytes
    problem: str  # why the member is not read; empty when it is
    content: Iterator[bytes]  # raises DamagedStream
    last: bool = False  # when this member is damaged, those that follow cannot be read either


def read_archive(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The records of all members, in the archive's order; `place` is the member's name, "#", and the place in the member.

    A member that is not read is one unreadable record: of a format that its name does not tell, hidden, an archive itself,
    encrypted, damaged, a link or device, or named as if it stood outside the archive. All members together may give
    `limits.file_bytes`.
    """
    try:
        if input.name.lower().endswith(".zip"):
            with input.open() as file, open_zip(file, limits.members) as archive:
                yield from _read_members(_zip_members(archive), source, limits)
        else:
            yield from _read_members(_tar_members(tar_members(input.chunks())), source, limits)
    except DamagedStream as problem:
        yield rest_unreadable("0", problem)


def _read_members(members: Iterator[Member], source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    left = limits.file_bytes
    label, labels = "0", set[bytes]()
    try:
        for number, member in enumerate(members):
            label = _label(member.name, number, labels)
            if number == limits.members:
                raise DamagedStream(f"the archive has more than the {number} members that max_members allows")
            if problem := member.problem or _problem(member.name) or _too_large(member, left):
                yield Unreadable(label, problem, "", member.size)
                continue
            taken = 0
            for found in _read_member(member, source, replace(limits, file_bytes=left)):
                taken += found.bytes
                yield found._replace(place=f"{label}#{found.place}")
            left = max(0, left - max(taken, member.size))
    except DamagedStream as problem:
        yield rest_unreadable(label, problem)
    else:
        if not labels:
            yield Unreadable("0", "there are no files in the archive", "", 0)


def _read_member(member: Member, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    format = format_of(member.name)
    assert format is not None  # otherwise `problem` would say so
    with ExitStack() as stack:
        try:
            input = stack.enter_context(_stored(member, limits.file_bytes))
        except DamagedStream as problem:
            if member.last:
                raise
            yield Unreadable("0", first_line(problem), "", member.size)
            return
        yield from reader(format)(input, source, limits)


@contextmanager
def _stored(member: Member, limit: int) -> Iterator[Input]:
    """The member's bytes, a large one's in a temporary file. Raises DamagedStream."""
    content, size = io.BytesIO(), 0
    with ExitStack() as stack:
        input: Input | None = None
        file: BinaryIO = content
        for piece in member.content:
            size += len(piece)
            if size > MEMORY_BYTES and input is None:
                path = Path(stack.enter_context(TemporaryDirectory())) / "member"
                file = stack.enter_context(path.open("wb", buffering=0))
                file.write(content.getbuffer())
                input = FileInput(member.name, str(path), limit)
            file.write(piece)
        yield input or BytesInput(member.name, content.getvalue(), limit)


def _zip_members(archive: ZipFile) -> Iterator[Member]:
    for info in archive.infolist():
        if not info.is_dir():
            link = S_ISLNK(info.external_attr >> 16)
            yield Member(info.filename, info.file_size, "a link" if link else "", read_member(archive, info))


def _tar_members(found: Iterator[TarMember | Lost]) -> Iterator[Member]:
    for member in found:
        if isinstance(member, Lost):
            yield Member(f"byte {member.offset}", member.size, "no tar header begins here", iter(()))
        elif member.type != tarfile.DIRTYPE:
            known = "" if member.type in FILES else TAR_TYPES.get(member.type, "of a type that tar does not know")
            yield Member(member.name, member.size, known, member.content, last=True)


def _too_large(member: Member, left: int) -> str:
    if member.size <= left:
        return ""
    return f"the member has {member.size} bytes, more than the {left} that are left to the archive of max_file_gb"


def _label(name: str, number: int, labels: set[bytes]) -> str:
    """The member's name, with its number where an earlier one has the same; `labels` has their hashes, as names may be long."""
    label = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    while (hash := xxhash.xxh3_128_digest(label.encode())) in labels:
        label = f"{label}@{number}"
    labels.add(hash)
    return label


def _problem(name: str) -> str:
    """Why a file of this name is not read."""
    path = PurePosixPath(name.replace("\\", "/"))
    format = format_of(path.name)
    if path.is_absolute() or ".." in path.parts or (path.parts[:1] and path.parts[0].endswith(":")):
        return "the name leads out of the archive"
    if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
        return "a hidden file: left out, as in a folder"
    if format == "archive":
        return "an archive in an archive: unpack it first"
    return "" if format else "cannot tell the format by the name"
