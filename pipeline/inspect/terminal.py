"""Showing text from outside on a terminal: nothing in it can move the cursor or stay hidden, and a pager shows long output."""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

# These are control characters except newline and tab (escape sequences begin with one), lone surrogates, separators that end a
# line, and characters that are invisible or turn the direction of writing (Unicode category Cf) except the joiners that some
# scripts need.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """`text`, in which characters that a terminal would obey or hide are written out, such as <U+001B> for ESC."""
    return _UNSAFE.sub(lambda match: f"<U+{ord(match[0]):04X}>", text)


def visible_line(text: str) -> str:
    """`visible(text)` on one line: each run of white space becomes a space."""
    return " ".join(visible(text).split())


def excerpt(text: str, characters: int) -> str:
    """The first `characters` characters of `text`, made visible, and the number of those that are left out, if any."""
    left = len(text) - characters
    return visible(text) if left <= 0 else f"{visible(text[:characters])} … {left:,} more characters"


class _Page(Console):
    """A console whose output goes to the pager."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError, which `paged` handles, when the reader has left the pager; Rich would end the program here."""
        raise BrokenPipeError


@contextlib.contextmanager
def paged(console: Console) -> Iterator[Console]:
    """Give the block a console whose output goes through the pager; where there is no terminal or pager, `console` itself.

    When the reader leaves the pager early or presses Ctrl-C, the block ends without an error.
    """
    command = shlex.split(os.environ.get("PAGER") or "less")
    if not console.is_terminal or not command or not shutil.which(command[0]):
        yield console
        return
    # As git does, let `less` show colours, and end at once when the output fits on a screen.
    environment = {"LESS": "FRX", "LESSCHARSET": "utf-8", **os.environ}
    pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, text=True, encoding="utf-8")
    try:
        yield _Page(file=pager.stdin, force_terminal=True, width=console.width, no_color=console.no_color)
    except (BrokenPipeError, KeyboardInterrupt):
        pass
    finally:
        _close(pager)


def _close(pager: subprocess.Popen[str]) -> None:
    """Wait while the pager shows its text, until the user leaves it."""
    assert pager.stdin
    with contextlib.suppress(BrokenPipeError):
        pager.stdin.close()
    while pager.poll() is None:
        with contextlib.suppress(KeyboardInterrupt):  # The pager handles Ctrl-C itself.
            pager.wait()


def print_wide(table: Table, console: Console) -> None:
    """Print a table. Where there is no terminal, which sets the width, it is as wide as it needs to be."""
    if not console.is_terminal:
        width = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
        console = Console(file=console.file, width=max(width, console.width))
    console.print(table, highlight=False)


def size(number: int) -> str:
    """A number of bytes as text, in a fitting unit."""
    if abs(number) < 1000:
        return f"{number} B"
    value, units = number / 1000, ["kB", "MB", "GB", "TB"]
    while abs(value) >= 999.995 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:,.2f} {units[0]}"
