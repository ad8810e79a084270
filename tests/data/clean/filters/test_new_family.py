"""A new family is a file and an entry in the list: recipe, chain, annotations and `inspect` know of it from there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SHOUTING = """
from pydantic import Field

from data.clean.filters.family import Family
from data.clean.filters.rejection import Rule
from data.section import Section


class ShoutingConfig(Section):
    max_capitals: float | None = Field(default=0.5, ge=0, le=1)
    capitals: str = Field(default="ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_length=1)


RULES = {"capitals": Rule(most="max_capitals")}


def measures(text, words, config, limits=None):
    yield "capitals", sum(character in config.capitals for character in text) / len(text)


FAMILY = Family("shouting", "Rules on capitals", ShoutingConfig, RULES, measures, deciding=("capitals",))
"""
SCRIPT = """
import json
import pickle

import shouting

from data.clean.filters.families import FAMILIES

FAMILIES["shouting"] = shouting.FAMILY

import pyarrow as pa

from data.clean.annotate import scores_of
from data.clean.annotate_config import AnnotateConfig
from data.clean.clean import clean_text
from data.clean.config import CHAIN, CleanConfig
from pipeline.inspect.sample import measure


def mistake(function, *arguments, **fields):
    try:
        function(*arguments, **fields)
    except ValueError as error:
        return str(error)


clean, annotate = CleanConfig(chain=("shouting.capitals",)), AnnotateConfig()
assert pickle.loads(pickle.dumps((clean, annotate))) == (clean, annotate)
draft = clean_text("SHOUTING", clean)
print(json.dumps({
    "chain": CHAIN,
    "section": clean.shouting.model_dump(),
    "rejection": [draft.rejection.rule, draft.rejection.detail],
    "scores": annotate.scores,
    "score": scores_of({"id": "a", "text": "Shouting"}, annotate)["shouting.capitals"],
    "only O": scores_of({"id": "a", "text": "Shouting"}, AnnotateConfig(capitals="o"))["shouting.capitals"],
    "measured": measure(pa.table({"text": ["SHOUTING"]}), "whitespace")["shouting.capitals"],
    "does not fit": mistake(AnnotateConfig(capitals="E").check_fits, clean),
    "no capitals": mistake(AnnotateConfig, capitals=""),
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process says that has one more family in its list."""
    folder: Path = tmp_path_factory.mktemp("family")
    (folder / "shouting.py").write_text(SHOUTING)
    (folder / "script.py").write_text(SCRIPT)
    run = subprocess.run([sys.executable, folder / "script.py"], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def test_the_recipe_and_the_chain_have_it(found: dict[str, Any]) -> None:
    assert found["chain"][-3:] == ["shouting", "scores", "custom"]
    assert found["section"] == {"max_capitals": 0.5, "capitals": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    assert found["rejection"] == ["shouting.capitals", "1 > 0.5"]


def test_annotate_scores_it_and_asks_for_what_decides_about_its_measure(found: dict[str, Any]) -> None:
    assert found["scores"][-1] == "shouting.capitals"
    assert (found["score"], found["only O"]) == (1 / 8, 1 / 8)
    assert "clean.shouting.capitals is 'ABC" in found["does not fit"]
    assert (
        "at least 1 character" in found["no capitals"]
    )  # a field of annotate has the bounds that it has in its family


def test_inspect_measures_it(found: dict[str, Any]) -> None:
    assert found["measured"] == [1, 1, 1]
