"""What is wrong with the YAML of a recipe, in words for someone who does not know how YAML is parsed."""

import re

import yaml

# What the parser was at and what it then met, what to tell instead, and whether that began at the earlier of its two lines.
TROUBLES: tuple[tuple[str, str, bool], ...] = (
    (r"found character '\\t'", "a tab stands where only spaces are allowed; indent with spaces", False),
    (r"found character '(.)'", r"a value cannot begin with {0}; put it in quotes", False),
    (r"scanning an? (alias|anchor)", "a value that begins with * or & must be in quotes, as in '*.jsonl'", True),
    (r"undefined alias|duplicate anchor", "a value that begins with * or & must be in quotes, as in '*.jsonl'", False),
    (r"simple key.*expected ':'", "after the name of a field a colon and a space are missing", True),
    (r"quoted scalar.*unexpected", "the quote that begins here is not closed", True),
    (r"unknown escape|escape sequence", "in double quotes \\ begins an escape; use single quotes", False),
    (r"flow sequence|flow node", "the bracket [ that begins here is not closed, or a comma is missing in it", True),
    (r"flow mapping", "the bracket {{ that begins here is not closed, or a comma or colon is missing in it", True),
    (r"found ('[]}},]')", "{0} stands alone; take it away, or put the text in quotes", False),
    (r"block (mapping|collection).*'<scalar>'", "text follows after a closing quote; put the whole value in quotes", False),
    (r"block mapping.*'-'", "an item of a list (-) stands among the fields of a section", False),
    (r"block collection.*'\?'", "a field stands among the items of a list; begin it with `- `, or indent it otherwise", False),
    (r"block (mapping|collection)", "the line is indented unlike the others of its section", False),
    (r"block scalar", "after | or > the text begins in the next line", False),
    (r"another document|document start|directive", "a recipe is one document: no line begins with --- or ... or %", False),
    (r"a tag\b|the tag", "tags (!name) are not read; write the plain value, or put it in quotes", False),
)  # fmt: skip


def explain(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """The number of the line of `text`, from 1, in which YAML's `error` lies, and a sentence that says what to do about it."""
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position) + 1, "there is a control character; take it out"
    assert isinstance(error, yaml.MarkedYAMLError) and error.problem_mark, "PyYAML raises no other errors"
    line = error.problem_mark.line
    if "mapping values" in (error.problem or ""):
        return line + 1, _explain_colon(text.splitlines()[line])
    said = f"{error.context or ''}: {error.problem}"
    for pattern, words, earlier in TROUBLES:
        if found := re.search(pattern, said):
            mark = error.context_mark if earlier and error.context_mark else error.problem_mark
            return mark.line + 1, words.format(*found.groups())
    return line + 1, "this is not YAML; look at this line and the one above"


def _explain_colon(line: str) -> str:
    if len(re.findall(r":(?:\s|$)", line)) > 1:
        return "a second colon stands in the line; put the text that has it in quotes, or begin a new line"
    return "the line is indented deeper than the one above allows, or that one lacks a space after its colon"
