"""A full disk is recognised in whatever error it ends."""

import errno
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from orchestration.disk import DiskFull, disk_full, find_full_disk

FULL = Path("/dev/full")  # every write to it ends as on a full disk
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")


def caught(write: object) -> BaseException:
    with pytest.raises(BaseException) as found:
        write()  # type: ignore[operator]
    return found.value


def test_it_is_found_in_what_python_and_libraries_raise() -> None:
    assert find_full_disk(caught(lambda: FULL.write_text("x" * 100_000)))
    assert find_full_disk(OSError(errno.EDQUOT, "Disk quota exceeded"))
    assert find_full_disk(RuntimeError("I/O error: No space left on device (os error 28)"))
    assert not find_full_disk(caught(lambda: Path("/dev/null/x").write_text("x")))
    assert not find_full_disk(caught(lambda: save_file({"a": torch.zeros(3)}, "/absent/x.safetensors")))


def test_it_is_found_behind_other_errors_and_what_was_told_of_it_comes_first() -> None:
    try:
        try:
            FULL.write_text("x" * 100_000)
        except OSError as error:
            raise RuntimeError("stage failed") from error
    except RuntimeError as error:
        outer = error
    assert isinstance(find_full_disk(outer), OSError)
    told = disk_full(Path("/"), 5_000_000)
    outer.__context__ = told
    assert find_full_disk(outer) is told


def test_the_message_names_path_need_and_remedy(tmp_path: Path) -> None:
    told = str(disk_full(tmp_path / "not" / "there", 5 * 10**15))
    assert told.startswith(f"disk full: {tmp_path}/not/there: needs about 5,000,000.0 GB more, ")
    assert told.endswith(" free; free space or choose another --workdir")
    assert "needs more than it has" in str(disk_full(tmp_path, option="--to"))
    assert isinstance(disk_full(tmp_path), DiskFull)
