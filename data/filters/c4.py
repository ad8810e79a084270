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
_PHRASES = {
    "lorem_ipsum": ("lorem ipsum",),
    "javascript": ("javascript",),
    "curly_bracket": ("{",),
    "policy": ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"),
}  # in lower case, in datatrove's order


class C4Config(BaseModel):
    """Rules and limits; the defaults are datatrove's, with the end-mark rule off as in FineWeb. Null switches a limit off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_word_length: int | None = Field(default=1000, gt=0)  # a line with a longer word is dropped
    remove_citations: bool = True  # `[12]`, `[edit]`, `[citation needed]` are cut out
    require_end_mark: bool = False  # C4 itself: true, drops lines that do not end in . ? ! " ' or that end in ...
    min_words_per_line: int | None = Field(default=3, ge=0)  # a line with fewer words is dropped
    drop_javascript_lines: bool = True
    drop_policy_lines: bool = True  # terms of use, privacy policy, cookies
    reject_lorem_ipsum: bool = True  # rule `lorem_ipsum`: the document is rejected
    reject_curly_bracket: bool = True  # rule `curly_bracket`: the document is rejected
    min_sentences: int | None = Field(default=5, ge=0)  # rule `sentences`: in the lines that are left


RULES = {
    "word_length": "max_word_length",
    "citations": "remove_citations",
    "end_mark": "require_end_mark",
    "words_per_line": "min_words_per_line",
    "lorem_ipsum": "reject_lorem_ipsum",
    "javascript": "drop_javascript_lines",
    "curly_bracket": "reject_curly_bracket",
    "policy": "drop_policy_lines",
    "sentences": "min_sentences",
}  # in the order in which a line meets them


def check(text: str, config: C4Config) -> tuple[str, Rejection | None, Counter[str]]:
    """The text that is left, the rule that rejects the document if any, and the lines dropped by rule.

    A line meets the rules in datatrove's order, and one that is dropped rejects nothing. Its words are counted with its
    citations.
    """
    kept: list[str] = []
    dropped: Counter[str] = Counter()
    sentences, wanted = 0, config.min_sentences or 0
    phrases = _phrases(text.lower(), config)
    citations = config.remove_citations and "[" in text
    longest, fewest = config.max_word_length or len(text), config.min_words_per_line or 0
    for whole in map(str.strip, text.splitlines()):
        line = _CITATION.sub("", whole) if citations and "[" in whole else whole
        rule: str | None
        if len(whole) > longest and max(map(len, whole.split())) > longest:
            rule = "word_length"
        elif config.require_end_mark and (not line.endswith(_END_MARKS) or line.endswith("...")):
            rule = "end_mark"
        elif fewest and len(whole.split(None, fewest - 1)) < fewest:
            rule = "words_per_line"
        else:
            rule = _phrase_rule(line, phrases) if phrases else None
        if rule in ("lorem_ipsum", "curly_bracket"):
            return text, Rejection(rule, _excerpt(line, rule)), dropped
        if rule:
            dropped[rule] += 1
            continue
        if sentences < wanted:  # as datatrove, which counts one in a line without any
            sentences += max(1, count_sentences(line, wanted - sentences))
        kept.append(line)
    if sentences < wanted:
        found = below("sentences", sentences, wanted)
        return text, found._replace(detail=found.detail + _listed(dropped)), dropped
    return "\n".join(kept).strip(), None, dropped


def _phrases(lower: str, config: C4Config) -> dict[str, tuple[str, ...]]:
    """By rule the phrases that are to be looked for in the lines: those that a rule asks for and the text has at all."""
    asked = {
        "lorem_ipsum": config.reject_lorem_ipsum,
        "javascript": config.drop_javascript_lines,
        "curly_bracket": config.reject_curly_bracket,
        "policy": config.drop_policy_lines,
    }
    present = {rule: tuple(phrase for phrase in _PHRASES[rule] if phrase in lower) for rule, on in asked.items() if on}
    return {rule: phrases for rule, phrases in present.items() if phrases}


def _phrase_rule(line: str, phrases: dict[str, tuple[str, ...]]) -> str | None:
    lower = line.lower()
    return next((rule for rule, found in phrases.items() if any(phrase in lower for phrase in found)), None)


def _excerpt(line: str, rule: str) -> str:
    """Where in the line the phrase stands that rejected the document."""
    place = line.lower().find(_PHRASES[rule][0])
    return line[max(0, place - 30) : place + 30]


def _listed(dropped: Counter[str]) -> str:
    """The dropped lines by rule, for the detail of a document that has too little left."""
    return " without lines of " + ", ".join(sorted(dropped)) if dropped else ""
