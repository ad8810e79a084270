"""`gristmill new` and `gristmill run FOLDER`: a recipe is written once, is valid, and is taken as it stands from then on."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipeline.new.folder import name_of, recipe_for, write_recipe
from pipeline.new.header import Header, read_header
from pipeline.new.prompts import prompts
from pipeline.recipe.reading import load_recipe
from pipeline.runs.machine import Machine
from tests.pipeline.tiny_releases import gristmill

CPUS = Machine(2, 0, "", 50e9)
SENTENCE = "The river rose in spring and the mill turned all day long, while grain number {} came by cart. "


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of texts beside the current one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return fill(tmp_path / "texts")


def fill(folder: Path, files: int = 12) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        (folder / f"{number}.txt").write_text("".join(SENTENCE.format(number * 100 + n) for n in range(20)))
    return folder


def take(folder: Path, renew: bool = False) -> tuple[Path, str]:
    console = Console(record=True, width=200, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    return recipe_for(folder, renew, console), console.export_text()


def test_a_recipe_is_written_once_and_taken_from_then_on(texts: Path) -> None:
    path, said = take(texts)
    assert path == Path("texts.yaml") and "wrote texts.yaml" in said
    path.write_text(path.read_text().replace("minhash: {}", "minhash: null"))
    changed = path.read_text()
    path, said = take(texts)
    assert path.read_text() == changed and "taking texts.yaml" in said and "--renew" not in said


def test_new_files_are_told_and_renew_looks_again(texts: Path) -> None:
    path, _ = take(texts)
    fill(texts, 15)
    before = path.read_text()
    _, said = take(texts)
    assert "has 15 files" in said and "when it had 12" in said and path.read_text() == before
    _, said = take(texts, renew=True)
    assert "wrote" in said and read_header(path) == Header("../texts", 15)


def test_a_recipe_of_the_user_is_left_alone(texts: Path) -> None:
    Path("texts.yaml").write_text("name: mine\n")
    for renew in (False, True):
        with pytest.raises(ValueError, match="no recipe that was written for"):
            take(texts, renew)
    assert Path("texts.yaml").read_text() == "name: mine\n"


def test_a_recipe_of_another_folder_of_the_same_name_is_left_alone(texts: Path) -> None:
    take(texts)
    with pytest.raises(ValueError, match="no recipe that was written for"):
        take(fill(texts.parent / "other" / "texts"))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("a b", "a-b"), ("[x] (3 files). y", "x-3-files-.-y"), ("Übung", "Ubung"), ("文", "mine"), ("no", "no"), ("123", "123"),
        ("1.5", "1.5"), ("data", "data"), ("#x: {y}", "x-y"), ("it's \"q\"", "it-s-q"), ("a" * 200, "a" * 60), ("*?", "mine"),
    ],
)  # fmt: skip
def test_folders_of_every_name_give_a_recipe_that_loads(texts: Path, folder: str, name: str) -> None:
    strange = fill(texts.parent / folder)
    path, _ = take(strange)
    read = load_recipe(path, [])
    assert read.name == name == name_of(strange)
    assert gristmill("plan", path)[0] == 0
    assert take(strange)[0] == path  # It knows its own.


def test_a_folder_from_inside_and_by_links(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take(texts)
    Path("link").symlink_to(texts)
    assert "taking" in take(Path("link"))[1]
    assert "taking" in take(texts.resolve())[1]
    monkeypatch.chdir(texts)
    assert take(Path())[0] == Path("texts.yaml")
    assert gristmill("plan", "texts.yaml")[0] == 0


def test_a_recipe_elsewhere_reads_the_same_files(texts: Path) -> None:
    out = texts.parent / "deep" / "er" / "mine.yaml"
    out.parent.mkdir(parents=True)
    assert gristmill("new", texts, "--out", out)[0] == 0
    assert gristmill("plan", out)[0] == 0
    code, _, err = gristmill("new", texts, "--out", out)
    assert code == 2 and "--renew" in err
    assert gristmill("new", texts, "--out", out, "--renew", "--budget", "2h")[0] == 0


def test_the_recipe_says_what_was_seen(texts: Path) -> None:
    (texts / "a.py").write_text("def mill(grain: int) -> int:\n    return 2 * grain\n" * 20)
    (texts / "b.pdf").write_bytes(b"%PDF")
    said: list[str] = []
    write_recipe(texts, Path("r.yaml"), machine=CPUS, say=said.append)
    text = Path("r.yaml").read_text()
    assert yaml.safe_load(text)["clean"]["sources"] == {"code": {"preset": "code"}, "text": {"preset": "none"}}
    assert "# text: 12 files" in text and "# rules `code`: by the format" in text
    assert any("not read: 1 .pdf" in line for line in said)
    assert re.search(
        r"network of [\d,]+ parameters, [\d,]+ steps, about 3\.\d epochs, limited by text", "\n".join(said)
    )


MISTAKES = {
    ("new", "nowhere"): "it is not there",
    ("new", "../texts/0.txt"): "it is a file",
    ("new", "../empty"): "put texts into it",
    ("new", "../pictures"): "only 1 .png",
    ("new", "../blank"): "no text that can be read",
    ("new", "../little"): "add text",
    ("new", "../texts", "--budget", "soon"): "--budget soon: write a time as 30m",
    ("new", "../texts", "--budget", "24gpuh"): "there is no GPU here",
    ("new", "../texts", "--out", "no/r.yaml"): "there is no folder no",
    ("new", "../texts", "--out", ".."): "it is a folder",
    ("new", "../new\nline"): "rename the folder",
    ("run", "../empty"): "put texts into it",
    ("run", "nowhere"): "nowhere: cannot be read",
    ("run", "r.yaml", "--renew"): "name the folder",
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_line(texts: Path, arguments: tuple[str, ...]) -> None:
    for name, content in {"pictures/a.png": b"\x89", "blank/a.txt": b" \n", "little/a.txt": b"Hello."}.items():
        path = texts.parent / name
        path.parent.mkdir()
        path.write_bytes(content)
    (texts.parent / "empty").mkdir()
    fill(texts.parent / "new\nline")
    Path("r.yaml").write_text("name: r\n")
    code, _, err = gristmill(*arguments)
    assert code == 2 and MISTAKES[arguments] in err and err.count("\n") == 1, err


@given(st.text(st.characters(blacklist_categories=("Cs",)), min_size=1), st.integers(0, 10**9))
def test_a_header_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, folder: str, files: int) -> None:
    header = Header(folder, files)
    path = tmp_path_factory.getbasetemp() / "header.yaml"
    path.write_text(f"{header.line()}\nname: x\n", encoding="utf-8")
    assert read_header(path) == header
    assert len(header.line().splitlines()) == 1


@given(st.lists(st.text()))
def test_prompts_of_any_text(texts: list[str]) -> None:
    found = prompts(texts)
    assert 1 <= len(found) <= 3 and all(found)


def test_prompts_are_beginnings_of_sentences() -> None:
    english = [
        "Heading\n\nsmall letters begin this line, which is no beginning\nThe mill turned all day long and all night.\n"
    ]
    assert prompts(english) == ["The mill turned all"]
    assert prompts(["标题\n\n请时刻留心您所写的内容它会被成百上千的人阅读。\n"]) == ["请时刻留心您所写"]
    assert prompts([]) == ["The"]
