"""The goldens of dedup: exact and near duplicates and contamination, each alone, then all of them in two shards."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from data.dedup.config import ContaminationConfig, DedupConfig, MinHashConfig, PartsConfig
from data.dedup.dedup import dedup_shard, match_partition, resolve_duplicates, sign_shard
from pipeline.goldens.content import Golden, Values, shards_made, write_documents
from pipeline.goldens.texts import GERMAN, PROSE

PARTITIONS = 2
QUESTION = "Which of the two inns at the end of the narrow road is older than the lighthouse on the cliffs?"
NUMBERS = " ".join(map(str, range(20)))
TEXTS = [
    {
        "prose": PROSE,
        "composed": "Un café à la plage, où l'on boit du thé.",
        "one word differs": PROSE.replace("museum", "gallery"),
        "half differs": PROSE[:300] + GERMAN,
        "answer": f"Somebody asked: {QUESTION.upper()} Nobody knew.",
        "numbers": f"A table of {NUMBERS} and more.",
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
    "contamination": DedupConfig(exact=False, minhash=None, contamination=CONTAMINATION),
    "all": DedupConfig(contamination=CONTAMINATION),
}


LONG = [
    {"long": "\n\n".join(f"{name}. {PROSE}" for name in ("One", "Two", "Three")), "word": "x" * 1500},
    {"prose": PROSE},
]


def _dedup(config: DedupConfig, folder: Path, texts: Sequence[Mapping[str, str]] = TEXTS) -> Values:
    task = {"question": QUESTION, "choices": ["the first", f"the {NUMBERS}"]}
    (folder / "tasks.jsonl").write_text(json.dumps(task) + "\n", encoding="utf-8")
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
    tasks = [folder / "tasks.jsonl"]
    counts = [
        dedup_shard(out, path, folder / "duplicates.parquet", config, tasks, config.parts if texts is LONG else None)
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
