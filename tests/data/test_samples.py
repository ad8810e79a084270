"""The shipped sample: what is in it, that its script is deterministic, and that each planted defect is one."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest

import data
from data.collect.collect import collect_shard, plan_shards
from data.collect.config import CollectConfig
from data.documents import content_hash, document_id
from data.samples.cloze import HELD_OUT, cloze_items, shingles
from data.samples.periods import period_passages
from data.samples.planted import jaccard, planted_defects
from data.samples.spam import message_text
from data.sources.config import SourceConfig
from data.tables import read_table
from data.text.normalise import normalise

SAMPLES = Path(data.__file__).parent / "samples"


def json_lines(name: str) -> list[dict]:
    content = (SAMPLES / name).read_bytes()
    return [json.loads(line) for line in (gzip.decompress(content) if name.endswith(".gz") else content).splitlines()]


@pytest.fixture(scope="module")
def addresses() -> list[dict]:
    return json_lines("sotu.jsonl.gz")


def test_the_sample_is_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 6_000_000


def test_addresses(addresses: list[dict]) -> None:
    assert len(addresses) == 233 == len({address["id"] for address in addresses})
    assert [address["year"] for address in addresses] == sorted(address["year"] for address in addresses)
    assert addresses[0]["id"] == "1790_george_washington"
    assert 10_500_000 < sum(len(address["text"]) for address in addresses) < 11_000_000


def test_messages_are_balanced_distinct_and_masked() -> None:
    messages = json_lines("spam.jsonl.gz")
    by_kind = Counter((message["label"], message["split"]) for message in messages)
    assert by_kind == {("ham", "train"): 400, ("spam", "train"): 400, ("ham", "test"): 200, ("spam", "test"): 200}
    texts = [message["text"] for message in messages]
    assert len(set(texts)) == len({message["id"] for message in messages}) == 1200
    assert max(map(len, texts)) <= 1000
    assert not [text for text in texts if re.search(r"[\w.-]@[\w-]+\.\w", text) or re.search(r"://[^\s/]*@", text)]
    assert sum(len(text.encode()) for text in texts) < 1_500_000


def test_a_message_becomes_subject_and_masked_body() -> None:
    raw = (
        b"From: someone@example.org\nSubject: Hello\nList-Id: x\nContent-Type: text/html; charset=iso-8859-1\n\n"
        b"<html><body><p>Caf\xe9: call +1 (800) 555-0199 or write to a.b@c.org, see ftp://joe:pw@host/x on 2002-10-05</p>"
    )
    assert message_text(raw) == "Hello\n\nCafé: call <phone> or write to <email>, see ftp://host/x on 2002-10-05"


def test_cloze_items_continue_their_context_and_share_nothing_with_training_text(addresses: list[dict]) -> None:
    items = json_lines("cloze.jsonl")
    texts = {address["id"]: " ".join(address["text"].split()) for address in addresses}
    assert len(items) == 150 == len({item["id"] for item in items})
    for item in items:
        assert len(set(item["choices"])) == 4
        right = item["choices"][item["answer"]]
        assert f"{item['context']} {right}" in texts[item["id"].rpartition("-")[0]]
        for wrong in set(item["choices"]) - {right}:
            assert f"{item['context']} {wrong}" not in texts[item["id"].rpartition("-")[0]]
    assert min(Counter(item["answer"] for item in items).values()) > 20
    task = set().union(*(shingles(string, 13) for item in items for string in (item["context"], *item["choices"])))
    assert {name for name, text in texts.items() if shingles(text, 13) & task} == set(HELD_OUT)


@pytest.mark.long
def test_the_script_gives_the_shipped_bytes(addresses: list[dict]) -> None:
    items = cloze_items(addresses)
    assert items == json_lines("cloze.jsonl")
    lines, expected = planted_defects(addresses, items, SAMPLES / "planted_texts")
    assert lines == (SAMPLES / "planted.jsonl").read_bytes()
    assert expected == json.loads((SAMPLES / "planted.json").read_text())
    repacked = "".join(json.dumps(address, ensure_ascii=False) + "\n" for address in addresses).encode()
    assert gzip.decompress((SAMPLES / "sotu.jsonl.gz").read_bytes()) == repacked
    assert (SAMPLES / "sotu.jsonl.gz").read_bytes()[4:8] == bytes(4)  # no time stamp


def test_the_planted_table_says_where_each_record_is() -> None:
    expected = json.loads((SAMPLES / "planted.json").read_text())
    content = (SAMPLES / "planted.jsonl").read_bytes()
    starts = [0, *(match.end() for match in re.finditer(rb"\n", content[:-1]))]
    assert [entry["offset"] for entry in expected.values()] == starts
    assert all(f'"id": "{name}"'.encode() in content[entry["offset"] :][:60] for name, entry in expected.items())


def test_planted_duplicates_are_duplicates_and_come_second(addresses: list[dict]) -> None:
    expected = json.loads((SAMPLES / "planted.json").read_text())
    texts = {address["id"]: normalise(address["text"]) for address in addresses}
    lines = (SAMPLES / "planted.jsonl").read_bytes().split(b"\n")
    exact, near = (normalise(json.loads(line)["text"]) for line in lines[:2])
    original = expected["planted-exact"]["of"]
    assert exact == texts[original]
    offset = 0
    for address in addresses:
        if address["id"] == original:
            break
        offset += len(json.dumps(address, ensure_ascii=False).encode()) + 1
    kept = document_id("sotu", f"../data/samples/sotu.jsonl.gz#{offset}")
    assert kept < document_id("planted", "../data/samples/planted.jsonl#0")
    assert 0.9 < jaccard(near, texts[expected["planted-near"]["of"]]) < 0.96
    assert content_hash(near) > content_hash(texts[expected["planted-near"]["of"]])


def test_collect_finds_its_planted_defects_and_the_pages_come_out_clean(tmp_path: Path) -> None:
    sources = [
        SourceConfig(name="pages", path="pages/*.html"),
        SourceConfig(name="planted", path="planted.jsonl", id_field="id"),
    ]
    config = CollectConfig(sources=sources)
    counts = {}
    for shard in plan_shards(config, SAMPLES):
        (tmp_path / shard.key).mkdir()
        counts[shard.source] = collect_shard(tmp_path / shard.key, shard, config)
    assert counts["pages"]["documents_out"] == 5
    for row in read_table(tmp_path / "00000-pages" / "documents-00000.parquet").to_pylist():
        assert len(row["text"].split()) > 300
        assert not re.search("(?i)cookie|log in|privacy|terms of use|subscribe|newsletter|analytics", row["text"])
    planted = tmp_path / "00001-planted"
    assert counts["planted"]["dropped"] == {"empty": 1} and counts["planted"]["quarantined"] == 1
    (empty,) = read_table(planted / "rejected.parquet").to_pylist()
    assert json.loads(empty["meta"]) == {"id": "planted-empty"} and empty["rule"] == "empty"
    (broken,) = read_table(planted / "quarantine.parquet").to_pylist()
    table = json.loads((SAMPLES / "planted.json").read_text())
    assert broken["locator"] == f"planted.jsonl#{table['planted-broken']['offset']}"


def test_periods_are_held_out_and_no_president_is_in_both_splits(addresses: list[dict]) -> None:
    passages = json_lines("periods.jsonl")
    by_kind = Counter((passage["label"], passage["split"]) for passage in passages)
    assert len(by_kind) == 8 and min(by_kind.values()) > 60 and len(passages) == len({p["id"] for p in passages})
    presidents = {address["id"]: address["name"] for address in addresses}
    of_split = {
        split: {p["id"].rpartition("-")[0] for p in passages if p["split"] == split} for split in ("train", "test")
    }
    names = {split: {presidents[name] for name in chosen} for split, chosen in of_split.items()}
    assert not names["train"] & names["test"] and len(names["test"]) == 12
    texts = {address["id"]: re.sub(r"\d+", "0", address["text"]) for address in addresses}
    task = set().union(*(shingles(passage["text"], 13) for passage in passages))
    assert {name for name, text in texts.items() if shingles(text, 13) & task} == of_split["train"] | of_split["test"]
    assert period_passages(addresses) == passages


def test_chapters_have_lines_as_they_are_printed() -> None:
    chapters = json_lines("moby.jsonl.gz")
    assert len(chapters) == 40 and chapters[0]["text"].startswith("CHAPTER 1. Loomings.\n\nCall me Ishmael.")
    assert max(len(line) for chapter in chapters for line in chapter["text"].splitlines()) <= 72
