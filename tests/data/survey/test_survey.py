"""A look at folders of real files: what is there, of which kind it is, and what rules leave of it."""

import json
from pathlib import Path

import pytest

from data.survey.fields import Fields, fields_of
from data.survey.files import NO_BYTES, NO_SUFFIX, Group, find_files
from data.survey.texts import Look, kept_by, look_at
from data.survey.vocabulary import filled

SENTENCE = "The river rose in spring and the mill turned all day long, while grain came by cart. "
LINES = [
    "The river rose in spring and the mill",
    "turned all day long, while grain came",
    "by cart and flour left by boat",
    "again.",
]


def write(folder: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def rows(**fields: object) -> str:
    return "".join(json.dumps({"n": number, **fields}) + "\n" for number in range(20))


def test_files_are_grouped_by_kind(tmp_path: Path) -> None:
    files = {
        "a.txt": "t",
        "b.md": "t",
        "c.rst": "t",
        "d.py": "x = 1",
        "deep/e.C": "int x;",
        "f.html": "<p>t</p>",
        "g.png": b"\x89",
    }
    files |= {"README": "t", "nothing.txt": "", ".hidden/h.txt": "t", ".h.txt": "t"}
    found = find_files(write(tmp_path, **files))
    assert {group.source.name: (group.preset, group.files) for group in found.groups} == {
        "code": ("code", ("d.py", "deep/e.C")),
        "web": ("web", ("f.html",)),
        "text": ("none", ("a.txt", "b.md", "c.rst")),
    }
    assert found.files == 6
    assert found.unread == {".png": 1, NO_SUFFIX: 1, NO_BYTES: 1}


def test_sources_read_the_files_of_their_groups(tmp_path: Path) -> None:
    write(tmp_path, **{"[a] b.TXT.gz": b"", "c.txt": SENTENCE, "deep/d[1].txt": SENTENCE * 2})
    (group,) = find_files(tmp_path).groups
    assert group.source.path == ["**/*.txt"]
    assert look_at(group, tmp_path).documents == 2


def test_records_of_several_shapes_are_sources_of_their_own(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "a.jsonl": rows(text=SENTENCE),
            "b.jsonl": rows(text=SENTENCE, url="http://x/"),
            "c.jsonl": rows(body=SENTENCE),
        },
    )
    named = {group.source.path[0]: group.source for group in find_files(tmp_path).groups}
    assert sorted(named) == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert named["c.jsonl"].text_field == "body" and named["b.jsonl"].uri_field == "url"


def test_records_of_one_shape_are_named_by_their_suffix_so_that_new_files_are_read(tmp_path: Path) -> None:
    write(tmp_path, **{"a.jsonl": rows(text=SENTENCE), "b.jsonl": rows(text=SENTENCE)})
    assert [group.source.path for group in find_files(tmp_path).groups] == [["**/*.jsonl"]]
    write(tmp_path, **{"c.jsonl": rows(number=3)})  # It would be quarantined.
    found = find_files(tmp_path)
    assert [group.source.path for group in found.groups] == [["a.jsonl", "b.jsonl"]]
    assert found.unread == {".jsonl": 1}


@pytest.mark.parametrize(
    ("name", "content", "fields"),
    [
        ("a.csv", f'id,text\n1,"{SENTENCE}"\n2,"{SENTENCE}"\n', None),
        ("a.csv", f"title;text\na;{SENTENCE}\n", Fields("text", delimiter=";")),
        ("a.csv", f"title|story\na|{SENTENCE}\n", Fields("story", delimiter="|")),
        ("a.tsv", f"title\ttext\na\t{SENTENCE}\n", Fields("text")),
        ("a.csv", f"text\n{SENTENCE.replace(',', '')}\n", Fields("text")),
        ("a.jsonl", rows(text="<p>word</p>"), Fields("text", html=True)),
        ("a.jsonl", rows(long=SENTENCE), Fields("long")),
        ("a.jsonl", rows(name="x", version="1.0"), None),
        ("a.jsonl", rows(), None),
        ("a.jsonl", "no JSON", None),
        ("a.csv", b"\x00\xff\xfe\x81", None),
        ("a.parquet", b"PAR1", None),
        ("a.arrow", b"junk", None),
    ],
)
def test_the_field_with_the_text(tmp_path: Path, name: str, content: str | bytes, fields: Fields | None) -> None:
    write(tmp_path, **{name: content})
    found = fields_of(tmp_path / name, {"tsv": "csv"}.get(name[2:], name[2:]))
    assert found == (fields or (Fields("text", id="id") if name == "a.csv" and "id," in str(content) else None))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "put texts into it"),
        ({"a.png": b"x", "b.png": b"x"}, "only 2 .png"),
        ({"a.pdf": b"x"}, "pdftotext"),
        ({"a.jsonl": rows()}, "no field has text"),
        ({"README": "words"}, "rename them"),
    ],
)
def test_a_folder_without_text_says_what_it_has(tmp_path: Path, files: dict[str, str | bytes], words: str) -> None:
    with pytest.raises(ValueError, match="there is no file that can be read") as problem:
        find_files(write(tmp_path, **files))
    assert words in str(problem.value) and "\n" not in str(problem.value)


def test_links_and_workdirs(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "texts", **{"a.txt": SENTENCE, "work/.gristmill-workdir": "", "work/runs/x/report.html": "<p>t</p>"}
    )
    for name, target in (("up", ".."), ("b.txt", "a.txt"), ("c.txt", "nowhere")):
        (folder / name).symlink_to(target)
    (group,) = find_files(folder).groups
    assert group.files == ("a.txt", "b.txt")
    assert look_at(group, folder).documents == 2


def look(folder: Path, *texts: str) -> tuple[Group, Look]:
    write(folder, **{f"{number:03}.txt": text for number, text in enumerate(texts)})
    (group,) = find_files(folder).groups
    return group, look_at(group, folder)


def test_what_is_seen_of_texts(tmp_path: Path) -> None:
    _, seen = look(
        tmp_path, *[SENTENCE * 20] * 3, "请时刻留心您所写的内容，它会被成百上千的人阅读。" * 40, " \n", SENTENCE * 19
    )
    assert (seen.documents, seen.empty, seen.unreadable, seen.kind) == (5, 1, 0, "none")
    assert seen.bytes - seen.unique_bytes == 2 * len((SENTENCE * 20).strip())
    assert seen.duplicates == pytest.approx(2 / 5)
    assert seen.main_languages[:2] == ["en", "zh"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("\n".join(LINES) * 3, "none"),
        ("\n\n".join("\n".join(LINES * 4) for _ in range(60)), "books"),
        ("\n\n".join(SENTENCE * 5 for _ in range(200)), "books"),
        ("\n\n".join(SENTENCE * 5 for _ in range(40)), "none"),
        ("".join(f"{'AB'[n % 2]}nna: where were you on day {n}?\n" for n in range(40)), "chat"),
    ],
)
def test_the_kind_of_texts(tmp_path: Path, text: str, kind: str) -> None:
    assert look(tmp_path, text)[1].kind == kind


def test_a_large_source_is_estimated_from_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.survey.texts.SAMPLE_FILES", 10)
    _, seen = look(tmp_path, *(f"{number} {SENTENCE * 10}" for number in range(95)))
    assert 10 <= len(seen.texts) <= 20
    assert seen.documents == pytest.approx(95, rel=0.02)
    assert seen.bytes == pytest.approx(95 * len(SENTENCE * 10), rel=0.05)


def test_what_rules_leave_of_a_sample(tmp_path: Path) -> None:
    group, seen = look(tmp_path, SENTENCE * 20, "lorem ipsum { } " * 200)
    web = kept_by(seen, group.source, "web", ["en"])
    assert web.share < 0.5 and sum(web.dropped.values()) == pytest.approx(1 - web.share, abs=0.01)
    assert kept_by(seen, group.source, "none").share == pytest.approx(1, abs=0.001)


def test_a_vocabulary_is_no_larger_than_the_text_fills() -> None:
    texts = [f"{SENTENCE}{number}" for number in range(500)]
    assert filled(texts, 300).size == 300
    assert 300 < filled(texts, 4096).size < 1000
    assert filled(texts, 300).bytes_per_token < filled(texts, 4096).bytes_per_token
    assert filled(["短"], 512).bytes_per_token == 1
