"""Files that are not UTF-8 come through: whole ones, and those of lines in every compression and however they are cut."""

import gzip
import json
from pathlib import Path

import pytest

from data.sources.config import AUTO, SourceConfig, TextConfig
from data.sources.encodings import decode, detect
from data.sources.formats.json_file import _pieces_of_items
from data.sources.listing import SourceFile
from data.sources.readers import reader
from data.sources.record import Record, Unreadable
from data.sources.split import split
from data.sources.streams.input import BytesInput, FileInput, ReadLimits

LIMITS = ReadLimits(1 << 20)
TEXTS = {
    "gb18030": "这是一个关于磨坊的故事。从前有一个磨坊主，他有三个儿子，磨坊和一只猫。他死后，儿子们分了遗产。",
    "big5": "這是一個關於磨坊的故事。從前有一個磨坊主，他有三個兒子，磨坊和一隻貓。",
    "shift_jis": "これは水車小屋の話です。昔々、粉屋に三人の息子がいました。",
    "euc_kr": "이것은 방앗간에 관한 이야기입니다. 옛날에 방앗간 주인에게 세 아들이 있었습니다.",
    "cp1251": "Это рассказ о мельнице. Жил-был мельник, у которого было три сына, мельница и кот.",
    "cp1253": "Αυτή είναι μια ιστορία για έναν μύλο. Ήταν κάποτε ένας μυλωνάς.",
    "cp1252": "Es war einmal ein Müller, der hatte drei Söhne; die Söhne mußten mahlen, und der Esel trug das Getreide.",
    "utf-16": "The miller’s café was “closed”.",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_the_encoding_of_a_whole_file_is_found(encoding: str) -> None:
    text = TEXTS[encoding]
    assert decode(text.encode(encoding), AUTO)[0] == text
    assert decode(text.encode(encoding), encoding)[0] == text


def test_utf8_with_some_broken_bytes_is_no_other_encoding() -> None:
    broken = "schöne Grüße aus Köln".encode() + b"\xff"
    assert detect(broken) is None
    with pytest.raises(UnicodeDecodeError):
        decode(broken, AUTO)


def test_a_sound_text_is_utf8_whatever_is_in_it() -> None:
    text = "\ufffd\ufffd é \ufffd"
    assert decode(text.encode(), AUTO) == (text, "utf-8")


def read(name: str, content: bytes, **options: object) -> list[Record | Unreadable]:
    source = SourceConfig(name="s", path="*", **options)  # type: ignore[arg-type]
    return list(
        reader("csv" if ".csv" in name else "jsonl" if ".json" in name else "text")(
            BytesInput(name, content), source, LIMITS
        )
    )


@pytest.mark.parametrize("encoding", ["cp1251", "gb18030", "shift_jis", "utf-16"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.jsonl.gz", "a.txt"])
def test_lines_in_another_encoding_are_read(encoding: str, name: str) -> None:
    text = TEXTS[encoding]
    lines = {
        "csv": "text\n" + f'"{text}"\n' * 5,
        "jsonl": (json.dumps({"text": text}, ensure_ascii=False) + "\n") * 5,
        "txt": f"{text}\n" * 5,
    }[name.split(".")[1]]
    content = lines.encode(encoding)
    found = read(name, gzip.compress(content) if name.endswith(".gz") else content, text=TextConfig(documents="line"))
    assert [record.fields["text"] for record in found if isinstance(record, Record)] == [text] * 5
    found_in = {"shift_jis": "cp932"}.get(encoding, encoding)  # The second has the first in it.
    assert {record.encoding for record in found if isinstance(record, Record)} == {found_in}


def test_a_cut_file_in_another_encoding_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes((TEXTS["cp1251"] + "\n").encode("cp1251") * 50)
    source = SourceConfig(name="s", path="a.txt", text=TextConfig(documents="line"))
    parts = split(SourceFile("s", "a.txt", str(path), path.stat().st_size, "text"), source, 500)
    assert len(parts) > 2
    inputs = [FileInput("a.txt", str(path), start=part.start, stop=part.stop) for part in parts]
    assert [len(list(reader("text")(input, source, LIMITS))) for input in inputs] == [50] + [0] * (len(parts) - 1)


def test_what_cannot_be_decoded_is_unreadable_line_by_line() -> None:
    content = b"ok\n" * 2 + b"\xff\xff\n" + "да\n".encode()
    found = read("a.txt", content, text=TextConfig(documents="line"), encoding="utf-8")
    assert [isinstance(record, Record) for record in found] == [True, True, False, True]


def test_an_encoding_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="Python knows no encoding 'utf-9'"):
        SourceConfig(name="s", path="*", encoding="utf-9")


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.json", b'[{"text": "a"}, {"text": "b"}]', ["a", "b"]),
        ("a.json.gz", b'\xef\xbb\xbf\n [\n {"text": "a"},\n {"text": "b"}\n]\n', ["a", "b"]),
        ("a.json", b'{\n  "text": "a",\n  "more": [1, 2]\n}\n', ["a"]),
        ("a.json", b'{"text": "a"}\n{"text": "b"}\n', ["a", "b"]),
        ("a.json", b'{"text": "a"}', ["a"]),
        ("a.json", b'{\n  "text": "\\ud800",\n  "n": NaN\n}\n', ["\ud800"]),
        ("a.json", b'{"text": "broken\n{"text": "b"}\n', ["b"]),
    ],
)
def test_a_json_file_is_lines_or_an_array_or_one_object(name: str, content: bytes, texts: list[str]) -> None:
    found = read(name, gzip.compress(content) if name.endswith(".gz") else content)
    assert [record.fields["text"] for record in found if isinstance(record, Record)] == texts


def test_a_broken_array_gives_what_stands_before_the_damage() -> None:
    found = read("a.json", b'[{"text": "a"}, 7, {"text": "b"}, {"te')
    assert [isinstance(record, Record) for record in found] == [True, False, True, False]
    assert isinstance(found[1], Unreadable) and found[1].error == "not a JSON object but int"
    assert isinstance(found[3], Unreadable) and "the rest of the file cannot be read" in found[3].error


def test_one_bad_item_of_an_array_is_all_that_is_lost() -> None:
    items = [
        b'{"text": "a", "n": 18446744073709551616}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"text": "long ' + b"x" * 2**20 + b'"}',
        b'{"text": "\\ud800"}',
        b"9" * 5000,
        b'{"text": "\xff"}',
        b'{"text": NaN}',
        b'{"text": "b ]},\\\\\\"[{"}',
    ]
    found = read("a.json", b" [ " + b", ".join(items) + b" ] ", meta_fields=["n"])
    assert [isinstance(record, Record) for record in found] == [True, False, False, True, False, False, True, True]
    assert [record.place for record in found] == list("01234567")
    assert isinstance(found[0], Record) and found[0].fields["n"] == 2**64
    assert isinstance(found[7], Record) and found[7].fields["text"] == 'b ]},\\"[{'


@pytest.mark.parametrize("size", range(1, 12))
def test_items_are_the_same_however_the_file_is_cut(size: int) -> None:
    items = [b'{"a\\\\": "\\"]"}', b"[1, [2]]", b'""', b' {"b": {"c": ["}"]}} ']
    content = b"\n[" + b",".join(items) + b"]\n"
    pieces = iter([content[at : at + size] for at in range(0, len(content), size)])
    joined = b"".join(piece + b"|" * ends for piece, ends in _pieces_of_items(pieces))
    assert joined.lstrip() == b"|".join(items) + b"|"


def test_what_follows_an_array_is_told() -> None:
    found = read("a.json", b'[{"text": "a"}]\n[{"text": "b"}]')
    assert isinstance(found[0], Record) and isinstance(found[1], Unreadable)
    assert "something follows the array" in found[1].error


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7", "idna"])
def test_lines_that_cannot_be_in_the_encoding_are_unreadable(encoding: str) -> None:
    found = read("a.jsonl", b'{"text": "+2AA-"}\n', encoding=encoding)
    assert [isinstance(record, Unreadable) for record in found] == [True]
