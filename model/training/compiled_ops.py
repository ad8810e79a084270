"""DeepSpeed's C++ is compiled at its first use (two minutes on two cores): into which folder, and by one process at a time."""

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path


def missing_tool(*tools: str) -> str | None:
    """The first of these programs that this machine lacks; ninja comes with DeepSpeed and lies beside the interpreter."""
    return next((tool for tool in tools if shutil.which(tool, path=_search_path()) is None), None)


@contextlib.contextmanager
def compiled_ops() -> Iterator[None]:
    """Inside, compiled code lies in a folder of this environment and machine, and one process at a time compiles.

    torch locks a build by a file that does not say which process made it. When that process is killed the file stays, and
    every later training waits for ever, without a word. The lock here is the operating system's and ends with its process,
    so a file of torch's that is found while holding it was left behind, and is removed.
    """
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "in-use").open("w") as lock, _environment(TORCH_EXTENSIONS_DIR=str(folder), PATH=_search_path()):
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_behind in folder.glob("*/lock"):
            left_behind.unlink()
        yield


def _folder() -> Path:
    """The folder of compiled code: it is good for one processor (-march=native), one set of versions, one place of headers."""
    from torch.utils import cpp_extension  # it brings setuptools along, which only those who compile need

    root = os.environ.get("TORCH_EXTENSIONS_DIR") or cpp_extension.get_default_build_root()
    what = (platform.node(), sys.prefix, sys.version, version("torch"), version("deepspeed"))
    return Path(root) / f"gristmill-{hashlib.sha256(repr(what).encode()).hexdigest()[:16]}"


def _search_path() -> str:
    return os.pathsep.join((os.environ.get("PATH", os.defpath), sysconfig.get_path("scripts")))


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
