"""CSV: what the csv module writes is read back; a damaged row costs no other one."""

import bz2
import csv
import gzip
import io

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from data.sources.config import SourceConfig
from data.sources.formats.csv import read_csv
from data.sources.record import Record, Unreadable
from data.sources.streams.input import BytesInput, ReadLimits


def read(content: bytes, name: str = "a.csv", limit: int = 1 << 20, **source: object) -> list[Record | Unreadable]:
    return list(read_csv(BytesInput(name, content), SourceConfig(name="s", path="x", **source), ReadLimits(limit)))


def texts(found: list[Record | Unreadable]) -> list[object]:
    return [record.fields["text"] for record in found if isinstance(record, Record)]


COMPRESS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".zst": zstandard.compress}
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), max_size=8),
    delimiter=st.sampled_from([",", "\t", ";", "|"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_rows_that_the_csv_module_wrote_are_read_back(rows: list, delimiter: str, newline: str, quoting: int) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    writer.writerows([("text", "other"), *rows])
    found = read(file.getvalue().encode(), delimiter=delimiter)
    assert [dict(record.fields) for record in found] == [{"text": a, "other": b} for a, b in rows]
    assert [record.place for record in found] == [str(number) for number in range(len(rows))]


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", b","), ("a.tsv", b"\t"), ("a.tsv.gz", b"\t")])
def test_the_suffix_tells_the_delimiter_and_the_compression(name: str, delimiter: bytes) -> None:
    content = b"\xef\xbb\xbf" + delimiter.join([b"text", b"b"]) + b"\n" + delimiter.join([b'"two\nlines"', b"1"])
    (record,) = read(gzip.compress(content) if name.endswith(".gz") else content, name)
    assert record == Record("0", {"text": "two\nlines", "b": "1"}, 14)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_byte_order_mark_is_no_part_of_the_first_name(suffix: str) -> None:
    content = COMPRESS[suffix](b"\xef\xbb\xbftext,n\n\xef\xbb\xbfone,1\n")
    assert texts(read(content, f"a.csv{suffix}")) == ["\ufeffone"]


def test_each_bad_row_is_unreadable_alone_and_keeps_its_number() -> None:
    found = read(b"text,n\none,1\n\ntwo\nthree,3,3\n\xff\xfe,4\nfive,5\nnul\0,6\nlone\rreturn,7\neight,8")
    assert [(record.place, record.error) for record in found if isinstance(record, Unreadable)] == [
        ("1", "the row has 1 fields, the header 2"),
        ("2", "the row has 3 fields, the header 2"),
        ("3", "invalid UTF-8: invalid start byte at byte 0 of the line"),
        ("6", "invalid CSV: new-line character seen in unquoted field"),
    ]
    assert texts(found) == ["one", "five", "nul\0", "eight"]
    assert found[2].excerpt == "three,3,3"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "the header row: there is none"),
        (b"\xff,b\n1,2", "the header row: invalid UTF-8: invalid start byte at byte 0 of the line"),
        (b"a,b\n1,2", "no column 'text', which text_field names, only a, b"),
        (b"text,text\n1,2", "more than one column is called 'text'"),
        (b"a,a,text\n1,2,x", "more than one column is called 'a'"),
    ],
)
def test_a_file_without_one_text_column_is_one_unreadable_record(content: bytes, error: str) -> None:
    (found,) = read(content, meta_fields=["a"])
    assert isinstance(found, Unreadable) and found.error == f"the rest of the file cannot be read: {error}"


def test_a_row_over_the_limit_is_passed_over_to_its_own_end() -> None:
    long = b'"' + b"a,b\n" * 100 + b'he said ""no""",0\n'
    found = read(b"text,n\none,1\n" + long + b"two,2\n" + b"x" * 500 + b",3\nthree,3\n", limit=200)
    assert [record.error[:24] for record in found if isinstance(record, Unreadable)] == [
        f"the record has {len(long)} bytes",
        "the record has 503 bytes",
    ]
    assert texts(found) == ["one", "two", "three"]


@pytest.mark.parametrize("before", [b'"begin\n', b'"begin\n' + b"more\n" * 50, b'0,"say ""no""\n'])
@pytest.mark.parametrize("behind", [b"", b'",2', b"\nmiddle, second half\nthe tail", b'\na ""quote""\n, 7\nend'])
def test_no_half_of_a_row_with_a_long_line_is_taken_for_a_row(before: bytes, behind: bytes) -> None:
    end = b"" if b'",' in behind else b'",2'
    long = before + b"x" * 300 + behind + end + b"\n"
    found = read(b"text,n\none,1\n" + long + b'"two\nlines",2\nthree,3\n', limit=200)
    assert texts(found) == ["one", "two\nlines", "three"]
    assert [record.bytes for record in found if isinstance(record, Unreadable)] == [len(long)]


@pytest.mark.parametrize("suffix", [".zst", ".bz2"])
def test_behind_a_damaged_frame_no_half_row_is_taken_for_a_whole_one(suffix: str) -> None:
    parts = [b'text,n\n"one",1\n"begin of cell\n', b"in it\n" * 50, b'end of cell",2\nthree,3\n']
    frames = [COMPRESS[suffix](part) for part in parts]
    frames[1] = frames[1][:12] + b"\xff" * 6 + frames[1][18:]
    one, lost = read(b"".join(frames), f"a.csv{suffix}")
    assert isinstance(one, Record) and isinstance(lost, Unreadable)
    assert lost.error.startswith("the rest of the file cannot be read: corrupt ") and lost.place == "1"
    assert lost.excerpt.startswith('"begin of cell')


def test_a_long_line_with_a_quote_in_it_costs_no_other_row() -> None:
    found = read(b'text,n\none,1\n5" disk ' + b"x" * 300 + b',2\n"two\nlines, 7",2\nthree,3\n', limit=200)
    assert texts(found) == ["one", "two\nlines, 7", "three"]


def test_the_error_of_a_row_that_never_ends_names_the_quote() -> None:
    (_, lost) = read(b'text,n\none,1\n"two,2\n' + b"three,3\n" * 100, limit=200)
    assert isinstance(lost, Unreadable) and "more than the 200" in lost.error and "a quote is opened" in lost.error


def test_a_quote_that_is_never_closed_costs_one_line() -> None:
    found = read(b'text,n\none,1\n"two,2\nthree,3\nfour,4\n')
    assert [record.place for record in found] == ["0", "1", "2", "3"]
    assert isinstance(found[1], Unreadable) and found[1].excerpt == '"two,2' and "not closed" in found[1].error
    assert texts(found) == ["one", "three", "four"]


def test_lines_are_not_read_again_without_end() -> None:
    found = read(b"text,n\n" + b'a"b,"c\n' * 20_000, limit=1 << 22)  # each line leaves a quote open, in one or not
    assert 1 < len(found) < 10 and all(isinstance(record, Unreadable) for record in found)


def test_behind_damage_no_half_row_is_taken_for_a_whole_one() -> None:
    content = b'text,n\n"one",1\n' + b'"' + b"".join(b"%d\n" % number for number in range(50_000)) + b'",2\n'
    found = read(gzip.compress(content)[:-2000], "a.csv.gz")
    assert texts(found) == ["one"]
    (lost,) = found[1:]
    assert isinstance(lost, Unreadable) and lost.error == "the rest of the file cannot be read: truncated gzip"
