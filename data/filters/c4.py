"""C4's rules (Raffel et al. 2020, arXiv:1910.10683), as datatrove reads them: most drop lines, some the document.

The TensorFlow original asks for 5 words a line and 3 sentences, and `'` is not among its end marks.
"""

import re
from collections import Counter

from pydantic import BaseModel, ConfigDict, Field

from data.filters.rejection import Rejection, below
from data.words import count_sentences

_CITATION = re.compile(r"\[\d*+\]|\[edit\]|\[citation needed\]")
_END_MARKS = (".", "?", "!", '"', "'")
_POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


class C4Config(BaseModel):
    """Rules and thresholds; the defaults are datatrove's, with the end-mark rule off as in FineWeb."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_word_length: int = Field(default=1000, gt=0)  # a line with a longer word is dropped
    remove_citations: bool = True  # `[12]`, `[edit]`, `[citation needed]` are cut out
    require_end_mark: bool = False  # C4 itself: true, drops lines that do not end in . ? ! " ' or that end in ...
    min_words_per_line: int = Field(default=3, ge=0)  # a line with fewer words is dropped
    drop_javascript_lines: bool = True
    drop_policy_lines: bool = True  # terms of use, privacy policy, cookies
    reject_lorem_ipsum: bool = True  # rule `lorem_ipsum`: the document is rejected
    reject_curly_bracket: bool = True  # rule `curly_bracket`: the document is rejected
    min_sentences: int = Field(default=5, ge=0)  # rule `sentences`: in the lines that are left


def check(text: str, config: C4Config) -> tuple[str, Rejection | None, Counter[str]]:
    """The text that is left, the rule that rejects the document if any, and the lines dropped by rule."""
    kept: list[str] = []
    dropped: Counter[str] = Counter()
    sentences = 0
    for line in map(str.strip, text.splitlines()):
        words = line.split()
        if config.remove_citations and "[" in line:
            line = _CITATION.sub("", line)
        lower = line.lower()
        if rule := _line_rule(line, lower, words, config):
            if rule in ("lorem_ipsum", "curly_bracket"):
                return text, Rejection(rule, _excerpt(line, lower, rule)), dropped
            dropped[rule] += 1
            continue
        sentences += count_sentences(line)
        kept.append(line)
    if sentences < config.min_sentences:
        found = below("sentences", sentences, config.min_sentences)
        return text, found._replace(detail=found.detail + _listed(dropped)), dropped
    return "\n".join(kept).strip(), None, dropped


def _line_rule(line: str, lower: str, words: list[str], config: C4Config) -> str | None:
    """The first rule that drops the line or the document, in datatrove's order: a dropped line rejects nothing."""
    if len(line) > config.max_word_length and max(map(len, words), default=0) > config.max_word_length:
        return "word_length"
    if config.require_end_mark and (not line.endswith(_END_MARKS) or line.endswith("...")):
        return "end_mark"
    if len(words) < config.min_words_per_line:
        return "words_per_line"
    if config.reject_lorem_ipsum and "lorem ipsum" in lower:
        return "lorem_ipsum"
    if config.drop_javascript_lines and "javascript" in lower:
        return "javascript"
    if config.reject_curly_bracket and "{" in line:
        return "curly_bracket"
    if config.drop_policy_lines and any(phrase in lower for phrase in _POLICY):
        return "policy"
    return None


def _excerpt(line: str, lower: str, rule: str) -> str:
    """Where in the line the phrase stands that rejected the document."""
    place = line.find("{") if rule == "curly_bracket" else lower.find("lorem ipsum")
    return line[max(0, place - 30) : place + 30]


def _listed(dropped: Counter[str]) -> str:
    """The dropped lines by rule, for the detail of a document that has too little left."""
    return " without lines of " + ", ".join(sorted(dropped)) if dropped else ""
