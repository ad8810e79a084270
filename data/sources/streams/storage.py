"""Files behind URLs (s3, gs, http, https) through fsspec, and files on a local disk as they are.

Credentials come from where s3fs and gcsfs look for them: the environment and the files that it names. A URL never holds any.
"""

import errno
import io
import os
import re
import time
from collections.abc import Callable
from functools import cache
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

PACKAGES = {"s3": "s3fs", "gs": "gcsfs"}
PROTOCOLS = (*PACKAGES, "http", "https")
BLOCK_BYTES = 8 << 20  # One request asks for so much.
CONNECT_SECONDS, READ_SECONDS = 20, 60  # A request without an answer fails after so long.
PAUSES = (0.5, 2.0, 8.0)  # Seconds to wait before each further attempt.
SECRET_PARAMETER = re.compile(
    "signature|token|secret|passw|credential|access|api.?key|(^|[-_])(sig|key|auth|pwd)([-_]|$)", re.IGNORECASE
)
# Values that change when a file does, the best first. Not every server gives an ETag, and Google's changes with permissions, too.
VERSIONS = ("ETag", "generation", "etag", "Content-MD5", "md5Hash", "Last-Modified", "LastModified", "updated")

T = TypeVar("T")


class Stored(NamedTuple):
    """A file behind a URL as its server describes it."""

    url: str
    bytes: int
    identity: str


def is_url(path: str) -> bool:
    """Whether `path` is a URL and no local path."""
    return re.match("[A-Za-z][A-Za-z0-9+.-]*://", path) is not None


def check_url(url: str) -> None:
    """Raise ValueError for a URL that cannot be read, or that holds a secret: it would be written into every manifest."""
    parts = urlsplit(url)
    protocol, host = url.partition("://")[0], parts.netloc.rpartition("@")[2]
    if protocol not in PROTOCOLS:
        raise ValueError(f"cannot read {protocol}://, only {', '.join(f'{name}://' for name in PROTOCOLS)}")
    shown = f"{protocol}://{host}{parts.path}"
    if host != parts.netloc:
        raise ValueError(f"{shown}: the URL holds a user or a password: give credentials in the environment")
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if SECRET_PARAMETER.search(name):
            raise ValueError(f"{shown}: the URL's parameter {name} looks like a secret: name the file without it")


def list_url(url: str) -> list[Stored]:
    """The files that `url` means: itself, those below a folder, or those that match a glob; hidden ones are left out as locally.

    Raises ValueError, in one line, when the server cannot be reached, refuses, or does not tell what identifies a file.
    """
    try:
        return _with_patience(url, lambda: _listed(url))
    except OSError as problem:
        raise ValueError(problem.strerror) from problem


def _listed(url: str) -> list[Stored]:
    fs, path = _filesystem(url)
    protocol = url.partition("://")[0]
    pattern = re.search("[*?[]" if protocol in PACKAGES else "[*[]", path)  # in a web address a ? begins the query
    if pattern:
        folder = path[: pattern.start()].rpartition("/")[0]
        found = fs.glob(path, detail=True)
    elif path.endswith("/") if protocol not in PACKAGES else fs.isdir(path):
        folder = path
        found = fs.find(path, detail=True)
    else:
        return [_stored(fs, protocol, path, fs.info(path))]
    files = {name: info for name, info in sorted(found.items()) if info["type"] == "file"}
    with_hidden = "/." in path[len(folder) :]  # the pattern names a hidden file or folder
    return [
        _stored(fs, protocol, name, info)
        for name, info in files.items()
        if not _is_no_file(protocol, name) and (with_hidden or "/." not in f"/{name[len(folder) :]}")
    ]


def _is_no_file(protocol: str, name: str) -> bool:
    """Whether what is listed stands for a folder: an object that marks one, or a web page of one in another order (?C=M;O=A)."""
    return name.endswith("/") if protocol in PACKAGES else "?" in name


def _stored(fs: Any, protocol: str, name: str, info: dict[str, Any]) -> Stored:
    url = f"{protocol}://{name}" if protocol in PACKAGES else name
    if info["size"] is None:  # a web server lists names only
        info = fs.info(name)
    version = next((f"{key} {info[key]}" for key in VERSIONS if info.get(key)), None)
    if info["size"] is None or version is None:
        missing = "its size" if info["size"] is None else "an ETag or a date of change"
        raise ValueError(
            f"{url}: the server does not tell {missing}, so a change could not be noticed: download the file"
        )
    return Stored(url, int(info["size"]), f"{info['size']} bytes, {version}")


def open_file(location: str) -> BinaryIO:
    """The stored bytes of a file, seekable. Of a large one behind a URL only what is read is transferred.

    Raises OSError, in one line and also while reading, when all attempts fail or give too few bytes.
    """
    if not is_url(location):
        return open(location, "rb")  # noqa: PTH123 (a Path each takes as long as opening: there may be 100,000)
    fs, path = _filesystem(location)
    size = int(_with_patience(location, lambda: fs.info(path))["size"])
    if size <= BLOCK_BYTES:
        return io.BytesIO(_fetch(location, 0, size))
    if has_ranges(location):
        return io.BufferedReader(_RemoteFile(location, size), BLOCK_BYTES)
    return _with_patience(location, lambda: _downloaded(location, size))


def has_ranges(url: str) -> bool:
    """Whether parts of a file can be read without the rest: some web servers send nothing but whole files."""
    fs, path = _filesystem(url)

    def probe() -> bool:
        try:
            with fs.open(path, "rb", block_size=1, cache_type="none") as file:
                file.seek(1)
                return len(file.read(1)) == 1
        except ValueError:  # fsspec raises it for such a server
            return False

    return url.partition("://")[0] in PACKAGES or _with_patience(url, probe)


class _RemoteFile(io.RawIOBase):
    """A file that is read by ranges."""

    def __init__(self, url: str, size: int):
        self._url, self._size, self._position = url, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = max(0, offset + (0, self._position, self._size)[whence])
        return self._position

    def readinto(self, buffer: Any) -> int:
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        data = _fetch(self._url, self._position, end)
        buffer[: len(data)] = data
        self._position = end
        return len(data)


def _fetch(url: str, begin: int, end: int) -> bytes:
    """The bytes of the file from `begin` to `end`, all of them."""
    fs, path = _filesystem(url)

    def fetch() -> bytes:
        data: bytes = fs.cat_file(path, start=begin, end=end) if end > begin else b""
        return _whole(data, len(data), end - begin)

    return _with_patience(url, fetch)


def _downloaded(url: str, size: int) -> BinaryIO:
    fs, path = _filesystem(url)
    file = TemporaryFile()  # noqa: SIM115 (the caller closes it)
    fs.get_file(path, file)
    file = _whole(file, file.tell(), size)
    file.seek(0)
    return file


def _whole(data: T, found: int, expected: int) -> T:
    if found != expected:
        raise OSError(f"{found} bytes came instead of {expected}")
    return data


def _with_patience(url: str, action: Callable[[], T]) -> T:
    """The result of `action`, which is tried again when it fails; raises OSError, in one line, when no attempt succeeds."""
    for pause in (*PAUSES, None):
        try:
            return action()
        except ValueError:
            raise
        except Exception as problem:  # each protocol's package raises errors of its own
            status = _status(problem)
            hopeless = isinstance(problem, FileNotFoundError | PermissionError)
            if status is not None:
                hopeless = 400 <= status < 500 and status not in (408, 429)
            if pause is None or hopeless:
                # The number says that it is the transfer that failed: a damaged file is none of the system's errors.
                raise OSError(errno.EIO, f"{url}: {_reason(problem, status)}") from problem
        time.sleep(pause)
    raise AssertionError


def _status(problem: BaseException) -> int | None:
    """The status of a web server's answer that led to `problem`: of HTTP, S3 or GCS."""
    response = getattr(problem, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        status = getattr(problem, "code" if type(problem).__module__.startswith("gcsfs") else "status", None)
    if isinstance(status, int):
        return status
    return _status(problem.__cause__) if problem.__cause__ else None


def _reason(problem: Exception, status: int | None) -> str:
    if isinstance(problem, PermissionError) or status in (401, 403) or "Credentials" in type(problem).__name__:
        return "access is refused; credentials come from the environment, as the tools of the storage take them"
    if status is not None and status != 404:
        return f"the server answers with status {status}"
    if status == 404 or (isinstance(problem, FileNotFoundError) and problem.__cause__ is None):
        return "there is no such file, folder or bucket"
    if isinstance(problem, TimeoutError):
        return f"no answer from the server in {READ_SECONDS} seconds"
    cause = problem.__cause__ if isinstance(problem, FileNotFoundError) else problem
    return (str(cause).splitlines() or [""])[0] or type(cause).__name__


@cache
def _filesystem_of(protocol: str) -> Any:
    import fsspec

    if protocol in PACKAGES:
        options: dict[str, Any] = {}
        if protocol == "s3":
            limits = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
            options["config_kwargs"] = {**limits, "retries": {"total_max_attempts": 1}}
        else:  # otherwise gcsfs asks for the type of the bucket before each request, and warns each time that it may not know it
            os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    else:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        options = {
            "client_kwargs": {"timeout": timeout, "trust_env": True},
            "headers": {
                "Accept-Encoding": "identity"
            },  # otherwise a server might compress, and sizes would mean nothing
            "simple_links": False,
        }
    try:
        fs = fsspec.filesystem(protocol, use_listings_cache=False, skip_instance_cache=True, **options)
        fs.retries = 1  # s3fs need not try again: `_with_patience` does
        return fs
    except ImportError:
        raise ValueError(
            f"{protocol}:// needs a package that is not installed: pip install {PACKAGES[protocol]}"
        ) from None


def _filesystem(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    fs = _filesystem_of(url.partition("://")[0])
    return fs, fs._strip_protocol(url)
