"""The chain of steps that a document goes through: each lets it pass, cuts something out of it, or turns it away."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from data.clean import block_lists, language, not_text, pii
from data.clean.annotate_config import AnnotateConfig
from data.clean.block_lists import BlockLists
from data.clean.boilerplate import Boilerplate
from data.clean.config import CustomConfig, LanguageConfig, Rules, ScoreConfig
from data.clean.custom import document_of, load_function
from data.clean.filters.families import FAMILIES
from data.clean.filters.family import Family
from data.clean.filters.rejection import Limits, Rejection, first_broken, limits_of
from data.section import Section
from data.text.paragraphs import Lines, lines_as
from data.text.word_arrays import WordArrays, Words, words_of
from data.text.words import WordSplitter

SHARED_CHARACTERS = 1 << 17  # Texts of about so many characters share word arrays; of 2^14 to 2^18 this was fastest.
DETAIL_CHARACTERS = 300  # A longer reason from a user's function is cut.
Step = Callable[["Draft"], Rejection | None]


@dataclass(frozen=True)
class ChainInputs:
    """What the chain of a shard needs and its config does not hold."""

    base: Path | None = None  # the recipe's folder, in which the files of lists and functions lie
    repeated: Sequence[Path] = ()  # the tables of boilerplate lines
    annotate: AnnotateConfig | None = None  # the config of the documents' scores, if they have any


@dataclass
class Draft:
    """A document on its way through the chain."""

    row: Mapping[str, Any]  # the document as it came
    splitter: WordSplitter = "whitespace"
    scores: Mapping[str, Any] = field(default_factory=dict)  # measured by the stage `annotate` before any step
    rejection: Rejection | None = None
    language: str | None = None
    language_score: float | None = None
    pii: dict[str, int] = field(default_factory=dict)  # replacements by kind
    lines_dropped: Counter[str] = field(default_factory=Counter)  # by rule

    def __post_init__(self) -> None:
        self.text: str = self.row["text"]
        self.shared: SharedWords | None = None  # the words of the text before any step, cut for several drafts at once

    @cached_property
    def words(self) -> Words:
        """The words of the present text."""
        if self.shared and self.is_as_it_came:
            return self.shared.words_of(self)
        return words_of(self.text, self.splitter)

    def forget_words(self) -> None:
        """Free the words, which take many times the memory of the text."""
        self.__dict__.pop("words", None)
        self.shared = None

    @property
    def is_as_it_came(self) -> bool:
        """Whether no step has changed the text."""
        return self.text == self.row["text"]

    def cut(self, text: str, dropped: Mapping[str, int]) -> None:
        """Take `text` as the document's text from here on; `dropped` are the lines that the step dropped, by rule."""
        if text != self.text:
            self.text = text
            self.forget_words()
        self.lines_dropped.update(dropped)


class SharedWords:
    """The words of several drafts before any step; they are cut when the first draft asks for its own."""

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self._drafts = drafts

    @cached_property
    def _arrays(self) -> WordArrays:

        return WordArrays([draft.row["text"] for draft in self._drafts], self._drafts[0].splitter)

    def words_of(self, draft: Draft) -> Words:
        """The words of one of the drafts."""
        number = next(number for number, each in enumerate(self._drafts) if each is draft)
        return Words(self._arrays, number)


@dataclass(frozen=True)
class Chain:
    """The steps that documents with the same rules go through."""

    rules: Rules
    steps: Sequence[tuple[str, Step]]


def run_all(drafts: Sequence[Draft], chain: Chain) -> None:
    """Take each of `drafts` through `chain`."""
    begin, size = 0, 0
    for end, draft in enumerate(drafts, start=1):
        size += len(draft.text)
        if size >= SHARED_CHARACTERS or end == len(drafts):
            with_words = [each for each in drafts[begin:end] if each.text and not each.text.isspace()]
            shared = SharedWords(with_words)
            for each in with_words:
                each.shared = shared
            for each in drafts[begin:end]:
                run_chain(each, chain)
            begin, size = end, 0


def make_chain(rules: Rules, inputs: ChainInputs) -> Chain:
    """The steps of `rules` in their order, with their names; a section that is null or empty has none.

    Raises ValueError when a function of the user's cannot be had, and when scores were computed in another way than asked for.
    """
    if inputs.annotate:
        inputs.annotate.check_fits(rules)
    return Chain(rules, [(entry, step) for entry in rules.chain for step in _steps(entry, rules, inputs)])


def run_chain(draft: Draft, chain: Chain) -> None:
    """Take `draft` through `chain` up to the first step that turns it away; personal data is masked in what passes."""
    if not draft.text.strip():
        draft.rejection = Rejection("empty", "no text")
    elif chain.rules.not_text:
        draft.rejection = not_text.check(draft.text, chain.rules.not_text)
    for name, step in chain.steps:
        if draft.rejection is None:
            draft.rejection = step(draft)
        if draft.rejection is None and not draft.text:
            draft.rejection = Rejection("empty", f"nothing left after {name}")
    if draft.rejection is None and chain.rules.pii:
        draft.text, draft.pii = pii.mask(draft.text, chain.rules.pii)
    draft.forget_words()


def _steps(entry: str, rules: Rules, inputs: ChainInputs) -> Iterator[Step]:
    name, _, rule = entry.partition(".")
    section = getattr(rules, name)
    by_language = rules.language.of_languages(name, section) if rules.language and name in FAMILIES else {}
    if section is None and not by_language:
        return
    annotated = inputs.annotate is not None and name in inputs.annotate.families
    if name == "block_lists":
        assert inputs.base is not None, "a recipe that names files lies in a folder"
        yield _block_lists(BlockLists.load(section, block_lists.files(section, inputs.base)))
    elif name == "language":
        yield _language(section, annotated)
    elif name == "boilerplate":
        yield _boilerplate(Boilerplate.load(list(inputs.repeated), section))
    elif name == "scores":
        yield from map(_score, section)
    elif name == "custom":
        yield from (_custom(each, inputs.base) for each in section)
    else:
        step = _of_family(FAMILIES[name], rule, section, rules.lines, annotated)
        others = {
            language: _of_family(FAMILIES[name], rule, own, rules.lines, annotated)
            for language, own in by_language.items()
        }
        yield _by_language(step, others) if others else step


def _block_lists(lists: BlockLists) -> Step:
    def step(draft: Draft) -> Rejection | None:
        found = lists.check_uri(draft.row["uri"]) or lists.check_text(draft.text)
        return _named("block_lists", found) if found else None

    return step


def _language(config: LanguageConfig, annotated: bool) -> Step:
    def step(draft: Draft) -> Rejection | None:
        if annotated and draft.is_as_it_came:
            draft.language, draft.language_score = draft.scores["language"], draft.scores["language_score"]
            return language.judge(draft.scores["language"], draft.scores["language_score"], config)
        found = language.check(draft.text, config)
        draft.language, draft.language_score = found.language, found.score
        draft.cut(found.text, found.dropped)
        return found.rejection

    return step


def _boilerplate(repeated: Boilerplate) -> Step:
    def step(draft: Draft) -> None:
        text, lines = repeated.strip(draft.text, draft.row["source"])
        draft.cut(text, {"boilerplate": lines} if lines else {})

    return step


def _of_family(family: Family, rule: str, config: Section | None, lines: Lines, annotated: bool) -> Step:
    if config is None:
        return lambda draft: None
    return _cutting(family, rule, config) if family.cutter else _measuring(family, rule, config, lines, annotated)


def _by_language(step: Step, others: Mapping[str, Step]) -> Step:
    """The step of a document's language if it has one of its own, or else `step`."""
    return lambda draft: others.get(draft.language or "", step)(draft)


def _cutting(family: Family, rule: str, config: Section) -> Step:
    assert family.cutter is not None
    cut = family.cutter(config, rule)

    def step(draft: Draft) -> Rejection | None:
        text, found, dropped = cut(draft.text)
        if found:
            return _named(family.name, found)
        draft.cut(text, {f"{family.name}.{rule}": lines for rule, lines in dropped.items()})
        return None

    return step


def _measuring(family: Family, rule: str, config: Section, lines: Lines, annotated: bool) -> Step:
    limits: Limits = limits_of(family.rules, config)
    if rule:
        limits = {rule: limits[rule]} if rule in limits else {}

    plain = family.config()
    english = {rule for rule, field in family.english.items() if getattr(config, field) == getattr(plain, field)}
    of_any_language = {name: both for name, both in limits.items() if name not in english}

    def step(draft: Draft) -> Rejection | None:
        own = limits if draft.language in (None, "und", "en") else of_any_language
        if annotated and draft.is_as_it_came:
            scores = ((each, draft.scores[f"{family.name}.{each}"]) for each in own)
            measures: Iterator[tuple[str, float]] = ((each, value) for each, value in scores if value is not None)
        else:
            assert family.measures is not None
            measures = family.measures(lines_as(lines, draft.text), draft.words, config, own)
        found = first_broken(measures, own)
        return _named(family.name, found) if found else None

    return step


def _score(config: ScoreConfig) -> Step:
    def step(draft: Draft) -> Rejection | None:
        if config.name not in draft.scores:
            known = ", ".join(draft.scores) or "none, for the recipe has no section annotate"
            raise ValueError(f"clean.scores: there is no score called {config.name}; there are {known}")
        value = draft.scores[config.name]
        return None if value is None else _outside(f"scores.{config.name}", value, config.min, config.max)

    return step


def _custom(config: CustomConfig, base: Path | None) -> Step:
    assert base is not None, "a recipe that names functions lies in a folder"
    function = load_function(config.function, base)
    rule = f"custom.{config.function.partition(':')[2]}"

    def step(draft: Draft) -> Rejection | None:
        identified = {"language": draft.language, "language_score": draft.language_score}
        found = function(draft.text, document_of(draft.row, **identified))
        if found is None or isinstance(found, str):
            return None if found is None else Rejection(rule, found[:DETAIL_CHARACTERS])
        if config.min is None and config.max is None:
            raise ValueError(
                f"clean.custom: {config.function} gave a number for document {draft.row['id']}, and the recipe has neither "
                "min nor max for it"
            )
        return _outside(rule, found, config.min, config.max)

    return step


def _outside(rule: str, value: float, least: float | None, most: float | None) -> Rejection | None:
    return first_broken([(rule, value)], {rule: (least, most)})


def _named(family: str, found: Rejection) -> Rejection:
    return Rejection(f"{family}.{found.rule}", found.detail)
