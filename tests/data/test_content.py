"""Content: the same however rows are cut into files and shards, another one when anything of the rows is."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.clean.annotate import annotate_shard, annotations_content
from data.clean.annotate_config import AnnotateConfig
from data.clean.clean import clean_shard
from data.clean.config import CleanConfig
from data.collect.collect import collect_shard, plan_shards
from data.collect.config import CollectConfig
from data.content import Content, ContentHasher, joined, joined_by_key
from data.dedup.config import DedupConfig
from data.dedup.dedup import dedup_shard, resolve_duplicates, sign_shard
from data.documents import SCHEMA, document_files, documents_content
from data.sources.config import SourceConfig
from data.tables import TableWriter, read_table, write_table
from data.tokens.bpe import train_tokenizer
from data.tokens.config import TokenizeConfig, VocabConfig
from data.tokens.token_shards import TokenShardWriter
from data.tokens.tokenize import tokenize_shard, tokens_content

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
FEW = settings(max_examples=30, deadline=None)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scores = st.none() | st.floats(0, 1, width=32)
documents = st.fixed_dictionaries(
    dict.fromkeys(SCHEMA.names, texts) | {"language": st.none() | texts, "language_score": scores}
)
cuts = st.lists(st.integers(0, 9), max_size=4).map(sorted)


def pieces(rows: list[Any], cuts: list[int]) -> list[list[Any]]:
    return [rows[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)]


def content_of(rows: list[dict[str, Any]], files: list[int] | None = None, groups: list[int] | None = None) -> str:
    """The content of `rows` written into files that end at `files`, each in row groups that end at `groups`."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, part in enumerate(pieces(rows, files or [])):
            paths.append(Path(folder) / f"{number}.parquet")
            with TableWriter(paths[-1], SCHEMA, even_empty=True) as file:
                for group in pieces(part, groups or []):
                    file.write(pa.Table.from_pylist(group, SCHEMA))
        return documents_content(paths)


@FEW
@given(st.lists(documents, max_size=10), cuts, cuts)
def test_documents_have_one_content_however_they_are_cut(rows: list[Any], files: list[int], groups: list[int]) -> None:
    whole = content_of(rows)
    assert content_of(rows, files, groups) == whole
    assert joined(content_of(part) for part in pieces(rows, files)) == whole
    assert str(Content.parse(whole)) == whole


@FEW
@given(st.lists(documents, min_size=1, max_size=10), st.data())
def test_any_other_row_field_or_order_is_another_content(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(SCHEMA.names))
    value = data.draw((scores if name == "language_score" else texts).filter(lambda it: it != rows[place][name]))
    changed = [row | {name: value} if number == place else row for number, row in enumerate(rows)]
    one_less, doubled = rows[:place] + rows[place + 1 :], [*rows[:place], rows[place], *rows[place:]]
    contents = [content_of(each) for each in (rows, changed, one_less, doubled)]
    assert len(set(contents)) == 4
    turned = rows[place:] + rows[:place]
    assert (content_of(turned) == contents[0]) == (turned == rows)


def test_a_border_between_fields_counts_and_null_is_no_empty_text() -> None:
    row = dict.fromkeys(SCHEMA.names, "x") | {"language_score": None}
    border = row | {"text": "xx", "id": ""}
    others = [border, row | {"language": None}, row | {"language": ""}, row | {"uri": "", "license": "xx"}]
    assert len({content_of([each]) for each in (row, *others)}) == 5


tokens = st.lists(st.lists(st.integers(0, 60_000), max_size=6), max_size=8)


def content_of_tokens(shards: list[list[list[int]]], dtype: str = "uint16") -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        for number, shard in enumerate(shards):
            path = Path(folder) / f"{number:05d}"
            path.mkdir()
            with TokenShardWriter(path / "books-train", dtype) as file:
                for document in shard:
                    file.append(np.array(document, np.int64))
        return tokens_content(Path(folder))


@FEW
@given(tokens, cuts)
def test_tokens_have_one_content_however_they_are_cut_and_stored(rows: list[list[int]], cuts: list[int]) -> None:
    whole = content_of_tokens([rows])
    assert content_of_tokens(pieces(rows, cuts)) == whole
    assert content_of_tokens([rows], "int32") == whole
    assert joined_by_key(content_of_tokens([part]) for part in pieces(rows, cuts)) == whole


@FEW
@given(tokens.filter(lambda rows: len(rows) > 1 and any(rows)))
def test_another_token_or_end_of_a_document_is_another_content(rows: list[list[int]]) -> None:
    place = next(number for number, row in enumerate(rows) if row)
    *begin, last = rows[place]
    other_token = [*rows[:place], [*begin, last ^ 1], *rows[place + 1 :]]
    one_document = [[token for row in rows for token in row]]
    more_ends = [*rows, []]
    contents = [content_of_tokens([each])["books-train"] for each in (rows, other_token, one_document, more_ends)]
    assert len(set(contents)) == 4


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[dict[str, Any]]]]:
    """Every stage over the samples, two shards each; the folder of each stage and what its shards returned."""
    root = tmp_path_factory.mktemp("stages")
    returned: dict[str, list[dict[str, Any]]] = {}

    def run(stage: str, function: Any, **arguments: Any) -> None:
        out = root / stage / f"{len(returned.setdefault(stage, [])):05d}"
        out.mkdir(parents=True)
        returned[stage].append(function(out, **arguments))

    collect = CollectConfig(
        sources=[SourceConfig(name="pages", path="pages/*.html"), SourceConfig(name="planted", path="planted.jsonl")]
    )
    for shard in plan_shards(collect, SAMPLES):
        run("collect", collect_shard, shard=shard, config=collect)
    for path in document_files(root / "collect"):
        run("annotate", annotate_shard, documents=path, config=AnnotateConfig(), base=SAMPLES)
        run("clean", clean_shard, documents=path, config=CleanConfig())
    dedup = DedupConfig()
    cleaned = document_files(root / "clean")
    for path in cleaned:
        run("signatures", sign_shard, documents=path, config=dedup)
    resolve_duplicates(root, sorted(root.glob("signatures/*/*.parquet")), [], dedup)
    for path in cleaned:
        duplicates = root / "duplicates.parquet"
        run("dedup", dedup_shard, documents=path, duplicates=duplicates, config=dedup)
    train_tokenizer(root, cleaned, VocabConfig(size=300), seed=0)
    for path in document_files(root / "dedup"):
        config = TokenizeConfig(validation=0.2, test=0.2)
        run("tokenize", tokenize_shard, documents=path, tokenizer=root / "tokenizer.json", config=config)
    return root, returned


@pytest.mark.parametrize("stage", ["collect", "clean", "dedup"])
def test_what_a_stage_returns_is_the_content_of_its_documents(stages: Any, stage: str) -> None:
    root, returned = stages
    paths = document_files(root / stage)
    assert len(paths) > 1
    assert joined(each["content"] for each in returned[stage]) == documents_content(paths)
    assert Content.parse(documents_content(paths)).rows == sum(each["documents_out"] for each in returned[stage]) > 0


def test_what_annotate_returns_is_the_content_of_its_scores(stages: Any, tmp_path: Path) -> None:
    root, returned = stages
    paths = sorted(root.glob("annotate/*/annotations.parquet"))
    assert joined(each["content"] for each in returned["annotate"]) == annotations_content(paths)
    table = pa.concat_tables(map(read_table, paths))
    write_table(tmp_path / "one.parquet", table, table.schema)
    assert annotations_content([tmp_path / "one.parquet"]) == annotations_content(paths)
    other = table.set_column(1, table.field(1), pa.nulls(len(table), table.field(1).type))
    write_table(tmp_path / "other.parquet", other, table.schema)
    assert annotations_content([tmp_path / "other.parquet"]) != annotations_content(paths)


def test_what_tokenize_returns_is_the_content_of_its_shards(stages: Any) -> None:
    root, returned = stages
    found = tokens_content(root / "tokenize")
    assert joined_by_key(each["content"] for each in returned["tokenize"]) == found
    assert {"pages-train", "planted-train"} <= found.keys()


def test_the_hash_of_a_few_rows_never_changes() -> None:
    """Names of artifacts are made of it: another value would make every store's artifacts unknown."""
    hasher = ContentHasher()
    hasher.add(b"a text", ["id", None, 0.5])
    hasher.add(b"")
    assert str(hasher.content) == "2:174c17c441c0e8f792336482f6e19b7c"
