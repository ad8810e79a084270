"""Text from outside on a terminal: nothing in it can move the cursor or hide, and long output goes through a pager."""

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

# Control characters but newline and tab (escape sequences begin with one), lone surrogates, separators that end a line, and
# what is invisible or turns the direction of writing (Unicode category Cf) but the joiners that some scripts need.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """`text` with characters that a terminal would obey or hide written out, such as <U+001B> for ESC."""
    return _UNSAFE.sub(lambda match: f"<U+{ord(match[0]):04X}>", text)


def visible_line(text: str) -> str:
    """`visible(text)` on one line."""
    return " ".join(visible(text).split())


def excerpt(text: str, characters: int) -> str:
    """The beginning of `text`, and how much of it is not shown."""
    left = len(text) - characters
    return visible(text) if left <= 0 else f"{visible(text[:characters])} … {left:,} more characters"


class _Page(Console):
    """What the pager shows."""

    def on_broken_pipe(self) -> None:
        """Rich would end the program here: that the reader has left the pager is for `paged` to see."""
        raise BrokenPipeError


@contextlib.contextmanager
def paged(console: Console) -> Iterator[Console]:
    """On a terminal a console that writes to the pager as it is printed to; elsewhere `console` itself.

    Leaving the pager early, or Ctrl-C, ends the block without an error.
    """
    command = shlex.split(os.environ.get("PAGER") or "less")
    if not console.is_terminal or not command or not shutil.which(command[0]):
        yield console
        return
    # As git has it: colours, and no pager for what fits on a screen.
    environment = {"LESS": "FRX", "LESSCHARSET": "utf-8", **os.environ}
    pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, text=True, encoding="utf-8")
    try:
        yield _Page(file=pager.stdin, force_terminal=True, width=console.width, no_color=console.no_color)
    except (BrokenPipeError, KeyboardInterrupt):
        pass
    finally:
        _close(pager)


def _close(pager: subprocess.Popen[str]) -> None:
    """Let the pager show what it has until the user leaves it."""
    assert pager.stdin
    with contextlib.suppress(BrokenPipeError):
        pager.stdin.close()
    while pager.poll() is None:
        with contextlib.suppress(KeyboardInterrupt):  # the pager's to answer
            pager.wait()


def print_wide(table: Table, console: Console) -> None:
    """Print a table; where no terminal sets the width, as wide as it needs to be."""
    if not console.is_terminal:
        width = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
        console = Console(file=console.file, width=max(width, console.width))
    console.print(table, highlight=False)


def size(number: int) -> str:
    """Bytes in a unit that suits them."""
    if abs(number) < 1000:
        return f"{number} B"
    value, units = number / 1000, ["kB", "MB", "GB", "TB"]
    while abs(value) >= 999.995 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:,.2f} {units[0]}"
