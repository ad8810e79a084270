"""Where the C++ of DeepSpeed is compiled at its first use (two minutes on two cores), and by whom."""

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
    """Within, what is compiled lies in a folder of this environment and machine, and one process at a time compiles.

    torch keeps others off by a file that says nothing of its maker: when that process is killed the file stays, and every
    training after it waits for ever, without a word. The lock around it here is the operating system's and ends with its
    process, so any such file found while holding it was left behind, and goes.
    """
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "in-use").open("w") as lock, _environment(TORCH_EXTENSIONS_DIR=str(folder), PATH=_search_path()):
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_behind in folder.glob("*/lock"):
            left_behind.unlink()
        yield


def _folder() -> Path:
    """Compiled code is good for one processor (-march=native), one set of versions, and headers at one place."""
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
