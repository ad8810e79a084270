"""Functions of the user's own, as rules: found beside the recipe, checked, and named in what goes wrong."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data.clean.chain import ChainInputs, Draft, make_chain, run_chain
from data.clean.clean import clean_shard
from data.clean.config import CleanConfig
from data.clean.custom import code_files, load_function
from data.documents import SCHEMA
from data.tables import read_table, write_table

PAGE = Path(__file__).parents[3] / "docs" / "custom_rules.md"
DOCUMENT = {"id": "d1", "text": "some text", "source": "s", "uri": "u", "license": "CC0", "meta": '{"year": 1901}'}


def run(folder: Path, code: str, rule: dict[str, Any] | None = None, text: str = "some text") -> Draft:
    (folder / "rules.py").write_text(code)
    config = CleanConfig(chain=["custom"], custom=[{"function": "rules:check", **(rule or {})}], pii=None)
    draft = Draft(DOCUMENT | {"text": text})
    run_chain(draft, make_chain(config, ChainInputs(folder)))
    return draft


def test_a_reason_turns_the_document_away_and_none_lets_it_pass(tmp_path: Path) -> None:
    code = "def check(text, document):\n    return 'a shout' if text.isupper() else None\n"
    assert run(tmp_path, code).rejection is None
    assert run(tmp_path, code, text="SHOUT").rejection == ("custom.check", "a shout")


def test_a_number_is_held_against_the_limits(tmp_path: Path) -> None:
    code = "def check(text, document):\n    return len(text)\n"
    assert run(tmp_path, code, {"min": 9, "max": 9}).rejection is None
    assert run(tmp_path, code, {"min": 10}).rejection == ("custom.check", "9 < 10")
    assert run(tmp_path, code, {"max": 8.5}).rejection == ("custom.check", "9 > 8.5")
    with pytest.raises(ValueError, match=r"rules:check gave a number for document d1, and .* neither min nor max"):
        run(tmp_path, code)


def test_the_function_is_told_about_the_document_and_cannot_change_it(tmp_path: Path) -> None:
    code = (
        "def check(text, document):\n    said = sorted(document.items())\n    document.clear()\n    return repr(said)\n"
    )
    draft = run(tmp_path, code)
    assert draft.rejection is not None
    told = {"id": "d1", "source": "s", "uri": "u", "license": "CC0", "meta": {"year": 1901}}
    assert draft.rejection.detail == repr(sorted((told | {"language": None, "language_score": None}).items()))
    assert draft.row["id"] == "d1"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def check(text, document):\n    return 1 / 0\n", "rules:check failed on document d1: ZeroDivisionError: division"),
        ("def check(text, document):\n    raise KeyError('two\\nlines')\n", "rules:check failed on document d1: KeyError"),
        ("def check(text):\n    return None\n", "rules:check failed on document d1: TypeError"),
        ("def check(text, document):\n    return True\n", "rules:check returned bool for document d1; allowed are None"),
        ("def check(text, document):\n    return [1]\n", "rules:check returned list for document d1"),
        ("def check(text, document):\n    return float('nan')\n", "rules:check returned nan for document d1"),
        ("def chekc(text, document):\n    return None\n", r"rules:check: rules\.py has no function check"),
        ("check = 3\n", r"rules:check: rules\.py has no function check"),
        ("import nothing_of_this_name\n", r"rules:check: rules\.py cannot be imported: ModuleNotFoundError"),
        ("def check(text, document:\n", r"rules:check: rules\.py cannot be imported: SyntaxError"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_the_function(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        run(tmp_path, code, {"min": 0})
    assert len(str(error.value).splitlines()) == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"rules:check: there is no file {re.escape(str(tmp_path))}/rules\.py"):
        load_function("rules:check", tmp_path)


def test_a_module_is_the_file_beside_the_recipe_and_nothing_else(tmp_path: Path) -> None:
    # `data.text.words` and `os` are modules of ours and of Python's: neither is meant, and neither is replaced.
    (tmp_path / "data" / "text").mkdir(parents=True)
    (tmp_path / "data" / "text" / "words.py").write_text("def check(text, document):\n    return 'theirs'\n")
    (tmp_path / "os.py").write_text("def check(text, document):\n    return 'os of theirs'\n")
    assert load_function("data.text.words:check", tmp_path)("", DOCUMENT) == "theirs"
    assert load_function("os:check", tmp_path)("", DOCUMENT) == "os of theirs"
    import data.text.words

    assert Path(data.text.words.__file__).parent != tmp_path / "data" / "text"
    assert os.path.join("a", "b") == "a/b"  # noqa: PTH118 - the module is what is looked at
    with pytest.raises(ValueError, match="there is no file"):
        load_function("data.clean.pii:mask", tmp_path)


def test_a_file_that_changed_is_run_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for number in (1, 2):  # files of the same size and second
        (tmp_path / "rules.py").write_text(f"def check(text, document):\n    return {number}\n")
        os.utime(tmp_path / "rules.py", (1e9, 1e9))
        assert load_function("rules:check", tmp_path)("", DOCUMENT) == number
    assert [path.name for path in tmp_path.iterdir()] == ["rules.py"]


def test_a_module_may_have_dataclasses(tmp_path: Path) -> None:
    code = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Seen:\n    words: int\n\n"
        "def check(text, document):\n    return Seen(len(text.split())).words\n"
    )
    assert run(tmp_path, code, {"min": 3}).rejection == ("custom.check", "2 < 3")


@pytest.mark.parametrize(
    "name", ["rules", "rules:", ":check", "../rules:check", "a/b:check", "a..b:check", "a:b.c", ".a:b"]
)
def test_a_name_that_is_no_module_and_function_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        CleanConfig(custom=[{"function": name}])


def test_two_functions_of_the_same_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two functions have the same name"):
        CleanConfig(custom=[{"function": "a:check"}, {"function": "b:check"}])


def test_the_files_and_functions_that_are_named(tmp_path: Path) -> None:
    config = CleanConfig(custom=[{"function": "b.c:one"}, {"function": "a:two"}, {"function": "a:three"}])
    assert config.functions == ["b.c:one", "a:two", "a:three"]
    assert code_files(config.functions, tmp_path) == {"code:a": tmp_path / "a.py", "code:b.c": tmp_path / "b" / "c.py"}
    assert CleanConfig().functions == []


def test_the_example_of_the_documentation_runs(tmp_path: Path) -> None:
    code, recipe = re.findall(r"```(?:python|yaml)\n(.*?)```", PAGE.read_text(), re.DOTALL)[:2]
    (tmp_path / "rules.py").write_text(code)
    import yaml

    config = CleanConfig(**yaml.safe_load(recipe)["clean"] | {"language": None, "chain": ["custom"]})
    texts = {
        "good": "A report was written in the end, and it was read to the council.",
        "ad": "Buy now! This is an advertisement. Click here to buy now.",
        "links": "see http://a http://b http://c",
    }
    rows = [DOCUMENT | {"id": name, "text": text} for name, text in texts.items()]
    write_table(tmp_path / "in.parquet", rows, SCHEMA)
    counts = clean_shard(tmp_path, tmp_path / "in.parquet", config, ChainInputs(tmp_path))
    assert read_table(tmp_path / "documents-00000.parquet")["id"].to_pylist() == ["good"]
    assert counts["dropped"] == {"custom.advertisement": 1, "custom.links_per_word": 1}
