from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.clean.boilerplate import Boilerplate, count_lines, repeated_lines
from data.clean.config import BoilerplateConfig, CleanConfig
from data.documents import SCHEMA, document_id
from data.tables import read_table, write_table
from data.text.words import normalize

Document = tuple[str, str]  # source and text
FOOTER = "Printed for the Society, page 12 of 340"


def find(
    folder: Path, documents: list[Document], config: BoilerplateConfig, shards: int = 1, partitions: int = 1
) -> Boilerplate:
    """Both steps over `documents` dealt out to `shards`, then what they found."""
    counts = []
    for shard in range(shards):
        out = folder / f"{shards}-{partitions}-{shard}"
        out.mkdir()
        rows = [
            {"id": document_id(source, str(n)), "text": text, "source": source}
            for n, (source, text) in enumerate(documents)
            if n % shards == shard
        ]
        write_table(out / "in.parquet", rows, SCHEMA)
        count_lines(out, out / "in.parquet", CleanConfig(boilerplate=config), partitions)
        counts.append(out / "counts.parquet")
    found = []
    for partition in range(partitions):
        out = folder / f"{shards}-{partitions}-repeated-{partition}"
        out.mkdir()
        repeated_lines(out, counts, partition, CleanConfig(boilerplate=config))
        found.append(out / "repeated.parquet")
    return Boilerplate.load(found, config)


def naive(documents: list[Document], config: BoilerplateConfig) -> list[tuple[str, int]]:
    """The same by its definition: count every line in every document."""

    def comparable(line: str) -> str | None:
        line = normalize(line)
        return line if sum(character not in "0 " for character in line) >= config.min_characters else None

    sizes = Counter(source for source, _ in documents)
    seen = Counter(
        (source, line)
        for source, text in documents
        for line in {comparable(line) for line in text.split("\n")} - {None}
    )
    result = []
    for source, text in documents:
        least = max(config.min_documents, config.min_fraction * sizes[source])
        lines = text.split("\n")
        kept = [line for line in lines if seen[source, comparable(line)] < least]
        result.append(("\n".join(kept).strip() if len(kept) < len(lines) else text, len(lines) - len(kept)))
    return result


def story(n: int) -> str:
    return f"The tale of the {['red', 'green', 'blue', 'white', 'black'][n % 5]} house number {n}\nIt was {'x' * n}."


def test_lines_of_many_documents_of_a_source_are_dropped(tmp_path: Path) -> None:
    header = "The Journal of Local History"
    journal = [("journal", f"{header}\n\n{story(n)}\n{FOOTER.replace('12', str(n))}") for n in range(5)]
    letters = [("letters", f"{header}\n{story(5)}")]
    boilerplate = find(tmp_path, journal + letters, BoilerplateConfig(min_documents=5))
    for n, (source, text) in enumerate(journal):
        assert boilerplate.strip(text, source) == (story(n), 2)
        assert boilerplate.strip(text, "letters") == (text, 0)
    assert boilerplate.strip(letters[0][1], "letters") == (letters[0][1], 0)
    assert boilerplate.strip("Before\nTHE JOURNAL -- of local   history!\nafter", "journal") == ("Before\nafter", 1)
    assert boilerplate.strip(header, "journal") == ("", 1)


@pytest.mark.parametrize(("limits", "dropped"), [({"min_documents": 4}, 1), ({"min_documents": 5}, 0)])
def test_both_limits_count_documents(tmp_path: Path, limits: dict[str, int], dropped: int) -> None:
    documents = [("s", f"{FOOTER}\n{FOOTER}\n{'ab' * n}") for n in range(4)] + [("s", "nothing else")] * 4
    fraction = find(tmp_path, documents, BoilerplateConfig(min_documents=2, min_fraction=limits["min_documents"] / 8))
    assert fraction.strip(FOOTER, "s")[1] == dropped
    assert find(tmp_path, documents, BoilerplateConfig(**limits), shards=2).strip(FOOTER, "s")[1] == dropped


def test_short_lines_and_rows_of_numbers_stay(tmp_path: Path) -> None:
    lines = ["Amen, Amen", "1 234 567.5 890 123 456 789", "* * * * * * * * * * * *", "", "Amen, Amen, Amen"]
    documents = [("s", "\n".join(lines))] * 3
    boilerplate = find(tmp_path, documents, BoilerplateConfig(min_documents=3))
    assert boilerplate.strip(documents[0][1], "s") == ("\n".join(lines[:-1]).strip(), 1)
    every = find(tmp_path, documents, BoilerplateConfig(min_documents=3, min_characters=1), partitions=2)
    assert every.strip(documents[0][1], "s") == ("\n".join(lines[1:4]).strip(), 2)


def test_files_are_deterministic_and_hold_each_line_once(tmp_path: Path) -> None:
    documents = [(source, f"{story(n)}\n{FOOTER}") for n in range(40) for source in ("b", "a")]
    documents += [
        ("A" if n % 3 == 2 else "c", f"{story(n % 5)}\n{FOOTER}") for n in range(90)
    ]  # of three shards one has A
    config = BoilerplateConfig(min_documents=10)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        find(tmp_path / name, documents, config, shards=3, partitions=2)
    files = sorted(path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*.parquet"))
    assert len(files) == 3 * 3 + 2
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    (tmp_path / "whole").mkdir()
    find(tmp_path / "whole", documents, config, partitions=2)
    for partition in range(2):
        whole, cut = (
            tmp_path / name / f"{n}-2-repeated-{partition}" / "repeated.parquet"
            for name, n in (("whole", 1), ("first", 3))
        )
        assert whole.read_bytes() == cut.read_bytes()
    found = [read_table(path).to_pylist() for path in sorted((tmp_path / "first").rglob("repeated.parquet"))]
    lines = Counter((row["source"], row["documents"]) for rows in found for row in rows)
    assert {line: n for line, n in lines.items() if line[0] in "ab"} == {("a", 40): 1, ("b", 40): 1}


def test_counts_account_for_documents_and_lines(tmp_path: Path) -> None:
    rows = [{"id": str(n), "source": "s", "text": f"{FOOTER}\n{story(n)}\nshort"} for n in range(3)]
    write_table(tmp_path / "in.parquet", rows, SCHEMA)
    config = CleanConfig(boilerplate={"min_documents": 2})
    # The footer, and the first line of each story: the others are too short.
    assert count_lines(tmp_path, tmp_path / "in.parquet", config, 1) == {"documents": 3, "lines": 4}
    assert repeated_lines(tmp_path, [tmp_path / "counts.parquet"], 0, config) == {"lines": 4, "repeated": 1}


@pytest.mark.parametrize("documents", [[], [("s", "")]])
def test_nothing_to_count(tmp_path: Path, documents: list[Document]) -> None:
    config = BoilerplateConfig()
    boilerplate = find(tmp_path, documents, config, shards=2)
    assert boilerplate.strip("a line of text", "s") == ("a line of text", 0)
    assert repeated_lines(tmp_path, [], 0, CleanConfig(boilerplate=config)) == {"lines": 0, "repeated": 0}


LINES = st.sampled_from(
    [
        "Contact us",
        "contact  US!",
        "About the project",
        "Page 1 of 9",
        "Page 12 of 90",
        "née à Paris",
        "NEE A PARIS",
        "ok",
        "",
        "7 8 9",
    ]
)
DOCUMENTS = st.lists(
    st.tuples(st.sampled_from(["one", "two"]), st.lists(LINES, max_size=5).map("\n".join)), max_size=12
)


@settings(max_examples=30, deadline=None)
@given(
    DOCUMENTS,
    st.integers(2, 4),
    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    st.integers(1, 9),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_equals_the_definition_however_the_work_is_cut(
    documents: list[Document], least: int, fraction: float, characters: int, shards: int, partitions: int
) -> None:
    config = BoilerplateConfig(min_documents=least, min_fraction=fraction, min_characters=characters)
    with TemporaryDirectory() as folder:
        boilerplate = find(Path(folder), documents, config, shards, partitions)
    assert [boilerplate.strip(text, source) for source, text in documents] == naive(documents, config)
