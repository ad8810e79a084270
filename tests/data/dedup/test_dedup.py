import random
from pathlib import Path
from typing import Any

import pytest

from data.dedup.config import ContaminationConfig, DedupConfig, MinHashConfig
from data.dedup.contamination import read_benchmark
from data.dedup.dedup import dedup_shard, match_partition, resolve_duplicates, sign_shard
from data.documents import REJECTED_SCHEMA, SCHEMA, content_hash, document_id
from data.tables import read_table, write_table

Documents = dict[str, str]  # texts by name
WORDS = [f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(600)]


def prose(seed: int, words: int = 120) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def row(name: str, text: str) -> dict[str, Any]:
    values = {
        "id": document_id("test", name),
        "text": text,
        "source": "test",
        "uri": name,
        "license": "CC0",
        "meta": "{}",
    }
    return values | {"language": None, "language_score": None}


def run(
    folder: Path,
    documents: Documents,
    config: DedupConfig,
    shards: int = 1,
    partitions: int = 1,
    files: tuple[Path, ...] = (),
) -> tuple[set[str], dict[str, tuple[str, str]], list[dict[str, Any]]]:
    """All four steps: (names that survive, rule and detail by name of the others, counts by shard)."""
    rows = [row(name, text) for name, text in documents.items()]
    inputs, signatures, edges = [], [], []
    for shard in range(shards):
        out = folder / f"sign-{shard}"
        out.mkdir(parents=True)
        inputs.append(out / "in.parquet")
        write_table(inputs[-1], rows[shard::shards], SCHEMA)
        sign_shard(out, inputs[-1], config)
        signatures.append(out / "signatures.parquet")
    for partition in range(partitions):
        out = folder / f"match-{partition}"
        out.mkdir()
        match_partition(out, signatures, partition, partitions, config)
        edges.append(out / "edges.parquet")
    resolve_duplicates(folder, signatures, edges, config)
    benchmark = None
    if config.contamination:
        benchmark = folder / "benchmark"
        benchmark.mkdir()
        read_benchmark(benchmark, {file.name: file for file in files}, config.contamination)
    kept: set[str] = set()
    dropped: dict[str, tuple[str, str]] = {}
    counts = []
    for shard, documents_file in enumerate(inputs):
        out = folder / f"dedup-{shard}"
        out.mkdir()
        counts.append(dedup_shard(out, documents_file, folder / "duplicates.parquet", config, benchmark))
        kept |= set(read_table(out / "documents-00000.parquet")["uri"].to_pylist())
        if (out / "rejected.parquet").exists():
            table = read_table(out / "rejected.parquet")
            assert table.schema.equals(REJECTED_SCHEMA)
            dropped |= {r["uri"]: (r["rule"], r["detail"]) for r in table.to_pylist()}
        assert counts[-1]["documents_in"] == counts[-1]["documents_out"] + sum(counts[-1]["dropped"].values())
    return kept, dropped, counts


def rules(dropped: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {name: rule for name, (rule, _) in dropped.items()}


def corpus() -> Documents:
    documents = {f"unique-{i}": prose(i) for i in range(30)}
    documents |= {f"copy-{i}": prose(i) for i in range(4)}
    documents |= {f"near-{i}": prose(i) + " and a word more" for i in range(3, 8)}
    documents |= {f"short-{i}": f"short {i}" for i in range(5)}
    return documents


@pytest.mark.parametrize(("shards", "partitions", "seed"), [(1, 1, 0), (3, 1, 1), (4, 5, 2), (50, 16, 3)])
def test_what_survives_depends_neither_on_shards_nor_on_partitions(
    tmp_path: Path, shards: int, partitions: int, seed: int
) -> None:
    expected = run(tmp_path / "plain", corpus(), DedupConfig())[:2]
    shuffled = list(corpus().items())
    random.Random(seed).shuffle(shuffled)
    kept, dropped, _ = run(tmp_path / "cut", dict(shuffled), DedupConfig(), shards, partitions)
    assert (kept, dropped) == expected
    assert len(kept) == 30 + 5
    assert sorted(rules(dropped).values()) == ["exact_duplicate"] * 4 + ["near_duplicate"] * 5


def test_the_survivor_is_the_smallest_content_hash_then_id(tmp_path: Path) -> None:
    documents = {"a": prose(1), "b": prose(1), "c": prose(1) + " more words", "d": prose(1) + " more words"}
    kept, dropped, _ = run(tmp_path, documents, DedupConfig())
    order = sorted(documents, key=lambda name: (content_hash(documents[name]), document_id("test", name)))
    first, copy, near, copy_of_near = order
    assert kept == {first}
    assert rules(dropped) == {copy: "exact_duplicate", near: "near_duplicate", copy_of_near: "exact_duplicate"}
    assert {detail for _, detail in dropped.values()} == {document_id("test", first)}


def test_texts_that_differ_in_unicode_form_alone_are_exact_duplicates(tmp_path: Path) -> None:
    kept, dropped, _ = run(tmp_path, {"composed": "caf\u00e9", "decomposed": "cafe\u0301"}, DedupConfig())
    assert len(kept) == 1
    assert list(rules(dropped).values()) == ["exact_duplicate"]


def test_short_documents_are_no_near_duplicates_of_one_another(tmp_path: Path) -> None:
    documents = {"a": "one two", "b": "three four", "c": "", "d": "...", "e": "one, two"}
    assert run(tmp_path, documents, DedupConfig())[0] == set(documents)


def test_near_duplicates_join_through_others(tmp_path: Path) -> None:
    # Each text is a near-duplicate of the next, the first and the last share little: one component, one survivor.
    words = prose(5, 900).split()
    documents = {f"step-{i}": " ".join(words[i * 10 : i * 10 + 600]) for i in range(12)}
    kept, dropped, _ = run(tmp_path, documents, DedupConfig())
    assert len(kept) == 1
    assert set(rules(dropped).values()) == {"near_duplicate"}


def test_sections_can_be_switched_off(tmp_path: Path) -> None:
    documents = {"a": prose(1), "b": prose(1), "c": prose(1) + " more words", "s": "short", "t": "short"}
    kept, dropped, _ = run(tmp_path / "exact", documents, DedupConfig(minhash=None))
    assert sorted(rules(dropped).values()) == ["exact_duplicate"] * 2
    assert len(kept) == 3
    _, dropped, _ = run(tmp_path / "near", documents, DedupConfig(exact=False))
    assert sorted(rules(dropped).values()) == ["near_duplicate"] * 2  # the short ones have no signature
    assert run(tmp_path / "none", documents, DedupConfig(exact=False, minhash=None))[0] == set(documents)


def test_other_profiles_catch_by_their_own_threshold(tmp_path: Path) -> None:
    documents = {"a": prose(1, 100), "b": " ".join(prose(1, 100).split()[:60]) + " " + prose(2, 40)}
    assert len(run(tmp_path / "default", documents, DedupConfig())[0]) == 2
    loose = DedupConfig(minhash=MinHashConfig(shingle_words=1, bands=100, rows=2))
    assert len(run(tmp_path / "loose", documents, loose)[0]) == 1


def test_contaminated_documents_are_rejected_with_the_ngram(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text('{"question": "' + " ".join(prose(3).split()[20:40]) + '"}')
    config = DedupConfig(contamination=ContaminationConfig(files=("tasks.jsonl",)))
    documents = {f"unique-{i}": prose(i) for i in range(6)} | {"copy": prose(0)}
    kept, dropped, counts = run(tmp_path / "run", documents, config, shards=2, files=(tasks,))
    assert dropped["unique-3"] == ("contaminated", " ".join(prose(3).split()[20:33]))
    assert len(kept) == 5
    assert sum(count["dropped"].get("exact_duplicate", 0) for count in counts) == 1
    assert sum(count["documents_by_source"]["test"] for count in counts) == 5


def test_bytes_are_counted_in_utf8(tmp_path: Path) -> None:
    _, _, (counts,) = run(tmp_path, {"a": "é" * 10, "b": "é" * 10, "c": "x"}, DedupConfig())
    assert (counts["bytes_in"], counts["bytes_out"], counts["quarantined"]) == (41, 21, 0)


def test_edges_lead_to_the_smallest_of_a_bucket_and_each_key_is_in_one_partition(tmp_path: Path) -> None:
    signatures = []
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).mkdir()
        write_table(tmp_path / name / "in.parquet", [row(name, prose(1))], SCHEMA)
        sign_shard(tmp_path / name, tmp_path / name / "in.parquet", DedupConfig())
        signatures.append(tmp_path / name / "signatures.parquet")
    keys = 0
    for partition in range(3):
        tables = []
        for order in (signatures, signatures[::-1]):
            keys += match_partition(tmp_path, order, partition, 3, DedupConfig())["keys"]
            tables.append(read_table(tmp_path / "edges.parquet").to_pylist())
        smallest, *others = sorted(document_id("test", name) for name in ("a", "b", "c", "d"))
        assert tables[0] == tables[1] == [{"smallest": smallest, "id": other} for other in others]
    assert keys == 2 * 4 * 14


def test_an_empty_shard(tmp_path: Path) -> None:
    kept, dropped, _ = run(tmp_path, {}, DedupConfig(), shards=2, partitions=2)
    assert (kept, dropped) == (set(), {})


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        run(tmp_path / name, corpus(), DedupConfig(), shards=2, partitions=2)
    for file in sorted((tmp_path / "first").rglob("*.parquet")):
        assert file.read_bytes() == (tmp_path / "second" / file.relative_to(tmp_path / "first")).read_bytes()


def test_the_largest_group_of_near_duplicates_of_each_source_is_counted(tmp_path: Path) -> None:
    texts = [f"{prose(1)} and then {word}" for word in ("one", "two", "three")] + [prose(2), prose(2), prose(3)]
    rows = [row(str(number), text) for number, text in enumerate(texts)]
    rows += [row("a", prose(4)) | {"source": "other"}, row("b", prose(5)) | {"source": "other"}]
    write_table(tmp_path / "in.parquet", rows, SCHEMA)
    sign_shard(tmp_path, tmp_path / "in.parquet", DedupConfig())
    match_partition(tmp_path, [tmp_path / "signatures.parquet"], 0, 1, DedupConfig())
    counts = resolve_duplicates(tmp_path, [tmp_path / "signatures.parquet"], [tmp_path / "edges.parquet"])
    assert counts["documents_in_by_source"] == {"other": 2, "test": 6}
    assert counts["largest_near_duplicates"] == {"test": 3}


YEARS = [f"In {1990 + n} the mean temperature at the station was {10 + n}.{n} degrees, with {690 - 7 * n} millimetres of rain in "
         f"{40 + 3 * n} days, and the river stood at {n}.{9 - n} metres on {n + 3} of them." for n in range(8)]  # fmt: skip


def test_documents_that_differ_in_numbers_are_duplicates_or_not_by_a_field(tmp_path: Path) -> None:
    documents = {str(year): text for year, text in enumerate(YEARS)}
    assert len(run(tmp_path / "zero", documents, DedupConfig())[0]) == 1
    assert len(run(tmp_path / "keep", documents, DedupConfig(minhash=MinHashConfig(numbers="keep")))[0]) == len(YEARS)


PAIRS = {
    "Chinese": "河边的磨坊为村里人磨黑麦和小麦，老桥用石头建成以后水轮就一直在转动，"
    "磨坊主人每天清晨打开水闸，傍晚再把它关上。冬天河水结冰时，他就修理木头齿轮。",
    "Japanese": "川沿いの水車小屋は村のためにライ麦と小麦をひいていて、石の橋ができてからずっと水車は回り続けている。"
    "主人は毎朝水門を開け、夕方に閉める。冬に川が凍ると直す。",
    "Thai": "โรงสีริมแม่น้ำสีข้าวให้คนในหมู่บ้านมานานแล้วตั้งแต่สะพานหินสร้างเสร็จ กังหันน้ำหมุนอยู่ทุกวัน เจ้าของเปิดประตูน้ำตอนเช้าและปิดตอนเย็น",
    "Korean": " ".join(f"방앗간{n} 주인은{n * 7} 호밀을 빻는다" for n in range(30)),
}


@pytest.mark.parametrize("language", PAIRS)
def test_near_duplicates_are_found_in_any_script(tmp_path: Path, language: str) -> None:
    text = PAIRS[language]
    documents = {"one": text, "other": f"{text}{text[10:14]}", "unlike": text[::-1]}
    kept, dropped, _ = run(tmp_path, documents, DedupConfig())
    assert len(kept) == 2 and "unlike" in kept
    assert list(rules(dropped).values()) == ["near_duplicate"]
