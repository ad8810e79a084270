"""The goldens of dedup: exact and near duplicates and contamination, each alone, then all of them in two shards."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from data.dedup.config import ContaminationConfig, DedupConfig, MinHashConfig, PartsConfig
from data.dedup.contamination import read_benchmark
from data.dedup.dedup import dedup_shard, match_partition, resolve_duplicates, sign_shard
from pipeline.goldens.content import Golden, Values, shards_made, write_documents
from pipeline.goldens.texts import CHINESE, GERMAN, PROSE

PARTITIONS = 2
QUESTION = "Which of the two inns at the end of the narrow road is older than the lighthouse on the cliffs?"
NUMBERS = " ".join(map(str, range(20)))
WHOLE = "What did the miller of Lower Dale find under the wheel?"
CHOICES = ["boats", "nets", "a bell", "lamps", "charts", "an inn", "old doors"]
LISTED = " ".join(f"{letter}) {choice}" for letter, choice in zip("ABCDEFG", CHOICES, strict=True))
TASKS = [
    {"question": QUESTION, "choices": ["the first", f"the {NUMBERS}"]},
    {"question": WHOLE, "answer": "a key"},
    {"question": "What is old?", "choices": CHOICES},
    {"question": CHINESE[:60]},
    {"question": CHINESE[62:72]},  # It is worth five words, and too short to tell anything.
]
TEXTS = [
    {
        "chinese": CHINESE,
        "chinese, a word differs": CHINESE.replace("油灯", "提灯"),
        "chinese answer": f"问：{CHINESE[:60]}答",
        "chinese, too short": f"问：{CHINESE[62:72]}答",
        "whole": f"Asked on a Monday: {WHOLE} Nothing.",
        "half a whole": f"Asked on a Monday: {WHOLE[:-11]} Nothing.",
        "choices": f"What is old?\n{LISTED}.",
        "prose": PROSE,
        "composed": "Un café à la plage, où l'on boit du thé.",
        "one word differs": PROSE.replace("museum", "gallery"),
        "half differs": PROSE[:300] + GERMAN,
        "answer": f"Somebody asked: {QUESTION.upper()} Nobody knew.",
        "numbers": f"A table of {NUMBERS} and more.",
        "year": "In 1990 the mean of the year was 10.1 degrees, with 690 millimetres of rain.",
        "other year": "In 1991 the mean of the year was 12.4 degrees, with 2,690 millimetres of rain.",
    },
    {
        "same prose": PROSE,
        "decomposed": "Un cafe\u0301 a\u0300 la plage, ou\u0300 l'on boit du the\u0301.",
        "other case": PROSE.upper(),
        "german": GERMAN,
        "short": "Too short.",
    },
]
CONTAMINATION = ContaminationConfig(files=("tasks.jsonl",))
CONFIGS = {
    "exact": DedupConfig(minhash=None),
    "minhash": DedupConfig(exact=False),
    "few bands": DedupConfig(exact=False, minhash=MinHashConfig(bands=2, rows=16, shingle_words=3)),
    "numbers": DedupConfig(exact=False, minhash=MinHashConfig(numbers="keep")),
    "contamination": DedupConfig(exact=False, minhash=None, contamination=CONTAMINATION),
    "all": DedupConfig(contamination=CONTAMINATION),
}


LONG = [
    {"long": "\n\n".join(f"{name}. {PROSE}" for name in ("One", "Two", "Three")), "word": "x" * 1500},
    {"prose": PROSE},
]


def _dedup(config: DedupConfig, folder: Path, texts: Sequence[Mapping[str, str]] = TEXTS) -> Values:
    (folder / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in TASKS), encoding="utf-8")
    documents = [write_documents(folder / f"{number}.parquet", named) for number, named in enumerate(texts)]
    signed = [_new(folder / f"signed-{path.stem}") for path in documents]
    for out, path in zip(signed, documents, strict=True):
        sign_shard(out, path, config)
    signatures = [out / "signatures.parquet" for out in signed]
    matched = [_new(folder / f"matched-{partition}") for partition in range(PARTITIONS)]
    for partition, out in enumerate(matched):
        match_partition(out, signatures, partition, PARTITIONS, config)
    resolve_duplicates(folder, signatures, [out / "edges.parquet" for out in matched], config)
    outs = [_new(folder / f"shard-{path.stem}") for path in documents]
    benchmark = None
    if config.contamination:
        read_benchmark(benchmark := _new(folder / "benchmark"), {"tasks": folder / "tasks.jsonl"}, config.contamination)
    counts = [
        dedup_shard(
            out, path, folder / "duplicates.parquet", config, benchmark, config.parts if texts is LONG else None
        )
        for out, path in zip(outs, documents, strict=True)
    ]
    return shards_made(outs, counts)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


GOLDENS: dict[str, Golden] = {
    **{name: partial(_dedup, config) for name, config in CONFIGS.items()},
    "parts": partial(_dedup, DedupConfig(parts=PartsConfig(kilobytes=1)), texts=LONG),
}
