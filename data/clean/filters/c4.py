"""C4's rules (Raffel et al. 2020, arXiv:1910.10683), as datatrove reads them: most drop lines, some the document.

The TensorFlow original asks for 5 words a line and 3 sentences, and `'` is not among its end marks.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator

from pydantic import Field

from data.clean.filters.family import Cut, Family
from data.clean.filters.rejection import Rejection, Rule, below
from data.section import Section
from data.text.words import count_sentences, has_unspaced, split_words

_CITATION = re.compile(r"\[\d*+\]|\[edit\]|\[citation needed\]")
_END_MARKS = (".", "?", "!", '"', "'")
_PHRASES = {
    "lorem_ipsum": ("lorem ipsum",),
    "javascript": ("javascript",),
    "curly_bracket": ("{",),
    "policy": ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"),
}  # The phrases are in lower case, the rules in datatrove's order.


class C4Config(Section):
    """Rules and limits, with the end-mark rule off as in FineWeb. Null switches a limit off. Source: datatrove, after C4
    (Raffel et al. 2020)."""

    max_word_length: int | None = Field(default=1000, gt=0)
    """Rule `word_length`: a line with a longer word is dropped. Unit: characters."""
    remove_citations: bool = True
    """Rule `citations`: `[12]`, `[edit]` and `[citation needed]` are cut out of the text."""
    require_end_mark: bool = False
    """Rule `end_mark`: lines are dropped that end in an ellipsis or without one of . ? ! " ' at their end."""
    min_words_per_line: int | None = Field(default=3, ge=0)
    """Rule `words_per_line`: a line with fewer words is dropped. Unit: words."""
    drop_javascript_lines: bool = True
    """Rule `javascript`: lines that have the word are dropped."""
    drop_policy_lines: bool = True
    """Rule `policy`: lines about terms of use, privacy policy or cookies are dropped."""
    reject_lorem_ipsum: bool = True
    """Rule `lorem_ipsum`: a document with this phrase is rejected."""
    reject_curly_bracket: bool = True
    """Rule `curly_bracket`: a document with a `{` is rejected, because it is likely code."""
    min_sentences: int | None = Field(default=5, ge=0)
    """Rule `sentences`: a document is rejected when the lines that are left have fewer sentences. Unit: sentences."""


RULES = {
    "word_length": Rule(most="max_word_length"),
    "citations": Rule(switch="remove_citations"),
    "end_mark": Rule(switch="require_end_mark"),
    "words_per_line": Rule(least="min_words_per_line"),
    "lorem_ipsum": Rule(switch="reject_lorem_ipsum"),
    "javascript": Rule(switch="drop_javascript_lines"),
    "curly_bracket": Rule(switch="reject_curly_bracket"),
    "policy": Rule(switch="drop_policy_lines"),
    "sentences": Rule(least="min_sentences"),
}  # The rules are in the order in which a line meets them.


def check(text: str, config: C4Config) -> tuple[str, Rejection | None, Counter[str]]:
    """The text that is left, the rule that rejects the document if any, and the lines dropped by rule, without empty ones.

    A line that is dropped rejects nothing, and its words are counted with its citations.
    """
    lines = list(map(str.strip, text.splitlines()))
    dropped: Counter[str] = Counter()
    for rule, stay in _line_rules(text, config):
        kept = stay(lines)
        if len(kept) < len(lines):
            dropped[rule] += len(lines) - lines.count("") - len(kept) + kept.count("")
        lines = kept
    if phrases := _phrases("\n".join(lines), config):  # citations are gone by now, as one may stand within a phrase
        kept = []
        for line in lines:
            broken = _broken(line, phrases)
            if broken in ("lorem_ipsum", "curly_bracket"):
                return text, Rejection(broken, _excerpt(line, broken)), +dropped
            if broken:
                dropped[broken] += 1
            else:
                kept.append(line)
        lines = kept
    sentences, wanted = 0, config.min_sentences or 0
    for line in lines:
        if sentences >= wanted:
            break
        sentences += max(1, count_sentences(line, wanted - sentences))  # datatrove counts one in a line without any
    if sentences < wanted:
        found = below("sentences", sentences, wanted)
        return text, found._replace(detail=found.detail + _listed(+dropped)), +dropped
    return "\n".join(lines).strip(), None, +dropped


def _line_rules(text: str, config: C4Config) -> Iterator[tuple[str, Callable[[list[str]], list[str]]]]:
    """The rules that look at one line after the other, each with what leaves the lines that may stay."""
    if (longest := config.max_word_length) and len(text) > longest:
        yield "word_length", lambda lines: [line for line in lines if len(line) <= longest or _longest(line) <= longest]
    if fewest := config.min_words_per_line:
        yield (
            "words_per_line",
            lambda lines: [
                line
                for line in lines
                if len(line.split(None, fewest - 1)) >= fewest or (not line.isascii() and _has_words(line, fewest))
            ],
        )
    if config.remove_citations and "[" in text:
        yield "citations", lambda lines: [_CITATION.sub("", line) if "[" in line else line for line in lines]
    if config.require_end_mark:
        yield "end_mark", lambda lines: [line for line in lines if line.endswith(_END_MARKS) and line[-3:] != "..."]


def _has_words(line: str, fewest: int) -> bool:
    """Whether a line has so many words although it has fewer between spaces."""
    return has_unspaced(line) and len(split_words(line)) >= fewest


def _longest(line: str) -> int:
    return max(map(len, split_words(line)), default=0)


def _phrases(text: str, config: C4Config) -> dict[str, tuple[str, ...]]:
    """By rule the phrases that are to be looked for in the lines: those that a rule asks for and the text has at all."""
    asked = {
        "lorem_ipsum": config.reject_lorem_ipsum,
        "javascript": config.drop_javascript_lines,
        "curly_bracket": config.reject_curly_bracket,
        "policy": config.drop_policy_lines,
    }
    lower = text.lower()
    present = {rule: tuple(phrase for phrase in _PHRASES[rule] if phrase in lower) for rule, on in asked.items() if on}
    return {rule: phrases for rule, phrases in present.items() if phrases}


def _broken(line: str, phrases: dict[str, tuple[str, ...]]) -> str | None:
    """The first rule on phrases, in datatrove's order, that the line breaks."""
    lower = line.lower()
    return next((rule for rule, found in phrases.items() if any(phrase in lower for phrase in found)), None)


def _excerpt(line: str, rule: str) -> str:
    """Where in the line the phrase stands that rejected the document."""
    place = line.lower().find(_PHRASES[rule][0])
    return line[max(0, place - 30) : place + 30]


def _listed(dropped: Counter[str]) -> str:
    """The dropped lines by rule, for the detail of a document that has too little left."""
    return " without lines of " + ", ".join(sorted(dropped)) if dropped else ""


def cutter(config: C4Config, rule: str = "") -> Cut:
    """A function that cuts a text by all rules, or by the one that is named.

    All rules, and the one on citations, leave a text as C4 does, with bare lines, even where no line is dropped.
    """
    rewrites = rule in ("", "citations")
    applied = _only(config, rule) if rule else config

    def cut(text: str) -> tuple[str, Rejection | None, Counter[str]]:
        left, rejection, dropped = check(text, applied)
        return left if rewrites or dropped else text, rejection, dropped

    return cut


def _only(config: C4Config, rule: str) -> C4Config:
    """`config` with all rules off but one."""
    others = [field for name, fields in RULES.items() if name != rule for field in fields if field]
    off = {field: False if isinstance(getattr(config, field), bool) else None for field in others}
    return config.model_copy(update=off)


FAMILY = Family("c4", "C4's rules", C4Config, RULES, cutter=cutter)
