"""Every decision of the families and of their chain, with its reason and the text that is left, equals datatrove's.

datatrove runs beside ours, on the same words and sentences: it is given our splitters. The documents are real: pieces of the
addresses in data/samples, and of the code, tables and licences that lie in installed packages, which are dirty in every way.
Beside them stand documents made from these so that every rule fires.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.utils.word_tokenizers import WordTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from data.clean.chain import ChainInputs, Draft, make_chain, run_chain
from data.clean.config import CleanConfig
from data.clean.filters.families import FAMILIES
from data.text.words import WordSplitter, count_sentences, split_words
from tests.benchmarks.sample import addresses

FAMILY_NAMES = ("gopher_repetition", "gopher_quality", "c4", "fineweb")
OURS = {
    "dup_para_frac": "duplicate_paragraphs",
    "dup_para_char_frac": "duplicate_paragraph_characters",
    "dup_line_frac": "duplicate_lines",
    "dup_line_char_frac": "duplicate_line_characters",
    **{f"top_{n}_gram": f"top_{n}_gram" for n in range(2, 5)},
    **{f"duplicated_{n}_n_grams": f"duplicate_{n}_gram" for n in range(5, 11)},
    "gopher_short_doc": "word_count",
    "gopher_long_doc": "word_count",
    "gopher_below_avg_threshold": "mean_word_length",
    "gopher_above_avg_threshold": "mean_word_length",
    "gopher_too_many_hashes": "hashes",
    "gopher_too_many_ellipsis": "ellipses",
    "gopher_too_many_bullets": "bullet_lines",
    "gopher_too_many_end_ellipsis": "ellipsis_lines",
    "gopher_below_alpha_threshold": "alphabetic_words",
    "gopher_enough_stop_words": "stop_words",
    "lorem_ipsum": "lorem_ipsum",
    "curly_bracket": "curly_bracket",
    "too_few_sentences": "sentences",
    "line_punct_ratio": "line_punctuation",
    "short_line_ratio": "short_lines",
    "char_dup_ratio": "duplicate_line_characters",
    "list_ratio": "newlines",
}  # datatrove's reasons under our names


class OurSplitter(WordTokenizer):
    """Our words and sentences, as datatrove asks for them."""

    def __init__(self, splitter: WordSplitter) -> None:
        super().__init__(None)
        self.splitter = splitter

    def word_tokenize(self, text: str) -> list[str]:
        return split_words(text, self.splitter)

    def sent_tokenize(self, text: str) -> list[str]:
        raise NotImplementedError  # the filters ask for spans

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [(0, 0)] * count_sentences(text)


@cache
def references(splitter: WordSplitter, end_marks: bool = False) -> dict[str, Any]:
    language = OurSplitter(splitter)
    return {
        "gopher_repetition": GopherRepetitionFilter(language=language),
        "gopher_quality": GopherQualityFilter(language=language),
        "c4": C4QualityFilter(language=language, filter_no_terminal_punct=end_marks),
        "fineweb": FineWebQualityFilter(language=language),
    }


def theirs(text: str, families: tuple[str, ...], splitter: WordSplitter, end_marks: bool = False) -> tuple[str, str]:
    """datatrove's reason, under our name (`kept`: none), and the text that it leaves."""
    left = text
    for family in families:
        reason, left = filtered(left, family, splitter, end_marks)
        if reason:
            return "empty" if reason == "empty" else f"{family}.{OURS[reason]}", text
    return "kept", left


@cache
def filtered(text: str, family: str, splitter: WordSplitter, end_marks: bool) -> tuple[str, str]:
    document = Document(text=text, id="")
    result = references(splitter, end_marks)[family].filter(document)
    return "" if result is True else result[1], document.text


@cache
def our_chain(families: tuple[str, ...], splitter: WordSplitter, end_marks: bool = False) -> Any:
    config = CleanConfig(words=splitter, chain=families, c4={"require_end_mark": end_marks}, pii=None)
    return make_chain(config, ChainInputs())


def ours(text: str, families: tuple[str, ...], splitter: WordSplitter, end_marks: bool = False) -> tuple[str, str]:
    draft = Draft({"text": text}, splitter)
    run_chain(draft, our_chain(families, splitter, end_marks))
    return (draft.rejection.rule, text) if draft.rejection else ("kept", draft.text)


def of_packages() -> Iterator[str]:
    """Texts of some files in installed packages, from their beginning."""
    for package in ("torch", "transformers", "scipy", "numpy", "datasets", "matplotlib"):
        named = sorted(files(package) or [], key=str)
        texts = [file for file in named if file.suffix in (".py", ".md", ".txt", ".rst", ".h", ".json", ".svg", "")]
        for file in random.Random(package).sample(texts, min(200, len(texts))):
            yield Path(str(file.locate())).read_text(encoding="utf-8", errors="replace")[:6000]


@cache
def real_documents() -> list[str]:
    """Pieces of 1,500 characters; the addresses and the files in about equal parts."""
    texts = [*addresses()[::3], *of_packages()]
    cut = [text[start : start + 1500] for text in texts for start in range(0, len(text), 1500)]
    return [text for text in cut if text.strip()]


Chance = random.Random


def lines_again(text: str, chance: Chance) -> str:
    return "\n".join(line for line in text.split("\n") for _ in range(chance.choice([1, 1, 2, 5])))


def paragraphs_again(text: str, chance: Chance) -> str:
    return "\n\n".join([text[: chance.randint(20, 900)]] * chance.randint(2, 4) + [text])


def bullets(text: str, chance: Chance) -> str:
    marks = chance.choice(["•-", "• -", "-a"])
    return "\n".join(f"{chance.choice(marks)} {line}" for line in text.split(" the"))


def ellipses(text: str, chance: Chance) -> str:
    return text.replace(".", chance.choice(["...", "…", " ... ... "])).replace(", ", "…\n")


def digits(text: str, chance: Chance) -> str:
    return "".join(chance.choice("0123456789") if chance.random() < 0.4 else character for character in text)


def long_words(text: str, chance: Chance) -> str:
    return text.replace(" ", "", chance.randint(0, 250)) + "\n" + "x" * chance.randint(900, 1100) + " y z"


def odd_spaces(text: str, chance: Chance) -> str:
    return text.replace(" ", chance.choice(["\u00a0", "\t ", "\u2028", "\x0b", "\x1c", "\n \n", "\n\n\n"]), 40)


def other_script(text: str, chance: Chance) -> str:
    return text.translate({ord("a"): "ä", ord("e"): "ж", ord("."): chance.choice("。؟"), ord("o"): "\u0301"})


def citations(text: str, chance: Chance) -> str:
    return text.replace(". ", chance.choice(["[12]. ", "[edit] ", "\n[1] [2] [3]\n", "[1a]\n"]))


def phrases(text: str, chance: Chance) -> str:
    said = ["please enable JavaScript", "our Cookie Policy says", "if (x) { return }", "some Lorem Ipsum text"]
    return text.replace(". ", f".\n{chance.choice(said)}\n")


def cited_phrases(text: str, chance: Chance) -> str:
    """`text` with phrases that are such only once the citations in them are cut out."""
    said = [
        "please enable Java[1]Script",
        "our cookie[edit] policy",
        "lorem[citation needed] ipsum {",
        "us[12]e cookies",
    ]
    return text.replace(". ", f".\n{chance.choice(said)} as said\n", 3)


def repeat_phrase(text: str, chance: Chance) -> str:
    """`text` with a phrase of some words put in again and again, and words cut in two, which datatrove's n-grams do not see."""
    words = text.split()[: chance.randint(60, 400)]
    size = chance.randint(2, 14)
    phrase = [word for word in words[:size] for word in chance.choice([[word], [word[:2], word[2:] or "x"]])]
    for _ in range(int(len(words) * chance.uniform(0.02, 0.2) / size) + 1):
        place = chance.randrange(len(words))
        words[place:place] = phrase if chance.random() < 0.5 else words[:size]
    return " ".join(words)


CHANGES: tuple[Callable[[str, Chance], str], ...] = (
    lines_again, paragraphs_again, bullets, ellipses, digits, long_words, odd_spaces, other_script, citations, phrases,
    cited_phrases, repeat_phrase, repeat_phrase, repeat_phrase,
    lambda text, chance: " ".join(text.split()),
    lambda text, chance: "\n".join(text.split(" ")[:: chance.choice([1, 2])]),
    lambda text, chance: text.replace(" ", " #", chance.randint(10, 200)),
    lambda text, chance: text.upper(),
    lambda text, chance: text[:200],
    lambda text, chance: " ".join(text.split()[::-1]),
)  # fmt: skip


@cache
def made_documents() -> list[str]:
    chance = random.Random(7)
    chosen = chance.sample(real_documents(), 60)
    long = chosen[0] * 500  # more than 100,000 words
    four = "One is here. Two is here! Three is here? Four is here."
    return [
        long,
        f"{four}\n[1] [2] [3]",
        f"{four}\n[1] [2]",
        *(change(text, chance) for change in CHANGES for text in chosen),
    ]


def differences(texts: list[str], families: tuple[str, ...], *choices: Any) -> tuple[list[Any], Counter[str]]:
    found, reasons = [], Counter[str]()
    for text in texts:
        expected = theirs(text, families, *choices)
        reasons[expected[0]] += 1
        if (got := ours(text, families, *choices)) != expected:
            found.append((expected[0], got[0], text[:200]))
    return found[:3], reasons


def test_there_are_five_thousand_real_documents() -> None:
    assert len(set(real_documents())) >= 5000


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_each_family_decides_as_datatrove_and_for_the_same_reason(family: str) -> None:
    found, reasons = differences(real_documents() + made_documents(), (family,), "whitespace")
    assert not found
    lines = {"word_length", "citations", "end_mark", "words_per_line", "javascript", "policy"}  # these reject nothing
    assert {f"{family}.{rule}" for rule in FAMILIES[family].rules if rule not in lines} <= {*reasons}


def test_the_chain_decides_as_datatrove_and_leaves_the_same_text() -> None:
    found, reasons = differences(real_documents() + made_documents(), FAMILY_NAMES, "whitespace")
    assert not found
    assert reasons["kept"] > 500


def test_marks_as_words_and_c4_with_its_own_end_marks() -> None:
    texts = real_documents()[::20] + made_documents()[::4]
    assert not differences(texts, FAMILY_NAMES, "punctuation", True)[0]
    assert not differences(texts, ("c4", "fineweb"), "whitespace", True)[0]


FRAGMENTS = st.sampled_from([
    "the", "a", "ab", "b", "c", "bc", "-", "•", "#", "...", "…", ".", "。", "?", "{", "[1]", "12", "é", "ж", "\u0301", "_", "of",
    *[" "] * 8, "\n", "\n", "\n\n", "\n\n\n", "\t", "\r", "\x0c", "\u2028", "javascript", "lorem ipsum", "use cookies",
    "java", "script", "lorem", "ipsum", "x" * 400,
])  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=60), st.integers(1, 6), st.sampled_from(["whitespace", "punctuation"]))
@settings(max_examples=400, deadline=None)
def test_any_text_is_decided_as_by_datatrove(fragments: list[str], times: int, splitter: WordSplitter) -> None:
    text = "".join(fragments) * times
    if text.strip():  # a text without words is empty for us, whatever the family
        for family in FAMILY_NAMES:
            assert ours(text, (family,), splitter) == theirs(text, (family,), splitter)
