"""Text from outside on a terminal, and the pager that long output goes through."""

import io
import itertools
import unicodedata
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.inspect.terminal import paged, size, visible


def test_every_character_that_acts_or_hides_is_written_out() -> None:
    for code in range(0x110000):
        character = chr(code)
        acts = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        turns = unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        if (acts or turns) and character not in "\n\t":
            assert visible(character) == f"<U+{code:04X}>"
    for text in ("naïve Ωμέγα नमस्ते می‌خواهم 👩‍🔬 ٣ tab\tnew\nline", "<U+001B>"):
        assert visible(text) == text


def test_the_pager_gets_records_as_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pager that is left after three lines ends the reading of a corpus without end, and is no error."""
    seen = tmp_path / "seen"
    script = tmp_path / "pager"
    script.write_text(f"#!/bin/sh\nhead -n 3 > {seen}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PAGER", str(script))
    printed_lines = 0
    with paged(Console(file=io.StringIO(), force_terminal=True, width=80)) as page:
        for number in itertools.count():
            page.print(f"record {number}")
            printed_lines = number
    assert seen.read_text().count("record") == 3
    assert printed_lines < 100_000


def test_without_a_terminal_there_is_no_pager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "false")
    console = Console(file=io.StringIO())
    with paged(console) as page:
        assert page is console
    with pytest.raises(BrokenPipeError), paged(console):
        raise BrokenPipeError  # our own output's reader has gone: the command line's to answer


def test_bytes_in_units() -> None:
    expected = {0: "0 B", 999: "999 B", 1000: "1.00 kB", 999_994: "999.99 kB", 999_996: "1.00 MB", 10_852_850: "10.85 MB",
                3 * 10**15: "3,000.00 TB", -2048: "-2.05 kB"}  # fmt: skip
    assert {number: size(number) for number in expected} == expected
