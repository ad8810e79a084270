"""What each stage makes of a small fixture, as a digest: it may change only together with the stage's version.

Tables are compared by content rather than by bytes of the file, so that a new release of a file format's library is not
taken for a change of ours. What comes out of float arithmetic is compared as numbers: its last bits differ between processors.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from data.clean.annotate import AnnotateConfig, annotate_shard
from data.clean.clean import CleanConfig, clean_shard
from data.collect.collect import CollectConfig, SourceConfig, collect_shard, plan_shards
from data.dedup.dedup import DedupConfig, dedup_shard, match_partition, resolve_duplicates, sign_shard
from data.tokens.bpe import VocabConfig, train_tokenizer
from data.tokens.tokenize import TokenizeConfig, list_token_shards, tokenize_shard
from data.tokens.vocabulary import Encoder, load_vocabulary
from orchestration.files import files_below, write_json
from orchestration.identity import digest
from pipeline.runs.plan import STAGES

SAMPLES = Path(__file__).parents[2] / "data" / "samples"

# (stage, its version) -> digest, or numbers. When they change, the version in pipeline/stages/ has to go up with them.
GOLDEN: dict[tuple[str, int], Any] = {
    ("collect", 6): "765f0d838de2e7a4a08f0e6ed2f82550",
    ("annotate", 2): "090f59a1c5bf37cb4e9e2e3468d6a43b",
    ("clean", 3): "12d94c8030ce8a8cf91fc7a641917b83",
    ("dedup", 1): "752c1b7d1331f754b29e93ea2fb3c6fa",
    ("vocab", 1): "0e18f6bffbee28b22b29a86a460811ef",
    ("tokenize", 1): "f0e84984686fec71d258838a1e7c7175",
    ("pretrain", 2): [6.005475, 5.969492, 5.907007, 5.834555],
    ("evaluate", 2): [
        6704.334,
        6819.404,
        6889.604,
        -270.7528,
        -220.8708,
        -244.8253,
        -249.1836,
        -281.2349,
        -208.1754,
        -184.8042,
        -261.4184,
        -345.9311,
        -270.1342,
        -255.7576,
        -258.6934,
        -258.452,
        -239.8515,
        -330.0781,
        -222.7976,
    ],
    ("finetune", 2): [
        0.005122942,
        0.01017361,
        -0.01798038,
        0.009567045,
        0.01045848,
        0.01406411,
        0.001839985,
        -0.0006989227,
    ],
    ("export", 2): [
        248.1471,
        216.7408,
        31.73888,
        63.31179,
        81.92787,
        81.46016,
        32.07341,
        9.969326,
        14.79478,
        20.62602,
        9.380282,
        32.09446,
        63.99609,
        84.43944,
        83.6503,
        32.06492,
        10.02748,
        15.55145,
        19.90399,
        10.64131,
        31.93911,
    ],
}

MODEL = {"d_model": 32, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "max_sequence_length": 32}
TRAINING = {"steps": 4, "sequence_length": 32, "global_batch": 4, "warmup_steps": 1, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each stage makes, one from the other."""
    root = tmp_path_factory.mktemp("golden")

    def folder(name: str) -> Path:
        path = root / name
        path.mkdir(parents=True)
        return path

    collect = CollectConfig(
        sources=[
            SourceConfig(name="pages", path="pages/*.html", license="CC0-1.0"),
            SourceConfig(name="planted", path="planted.jsonl", id_field="id", license="CC0-1.0"),
        ]
    )
    for shard in plan_shards(collect, SAMPLES):
        collect_shard(folder(f"collect/{shard.key}"), shard, collect)
    collected = sorted(root.glob("collect/*/documents-*.parquet"))
    for number, documents in enumerate(collected):
        annotate_shard(folder(f"annotate/{number}"), documents, AnnotateConfig(), SAMPLES)
        clean_shard(folder(f"clean/{number}"), documents, CleanConfig())
    cleaned = sorted(root.glob("clean/*/documents-*.parquet"))
    _dedup(folder, cleaned, root)
    deduplicated = sorted(root.glob("dedup/*/documents-*.parquet"))
    train_tokenizer(folder("vocab"), deduplicated, VocabConfig(size=400), seed=0)
    for number, documents in enumerate(deduplicated):
        config = TokenizeConfig(validation=0.2, test=0.2)
        tokenize_shard(folder(f"tokenize/{number}"), documents, root / "vocab" / "tokenizer.json", config)
    stages = ("collect", "annotate", "clean", "dedup", "vocab", "tokenize")
    return {stage: _content(root / stage) for stage in stages} | _trained(root)


def _dedup(folder: Any, cleaned: list[Path], root: Path) -> None:
    config = DedupConfig()
    for number, documents in enumerate(cleaned):
        sign_shard(folder(f"signatures/{number}"), documents, config)
    signatures = sorted(root.glob("signatures/*/signatures.parquet"))
    for partition in range(2):
        match_partition(folder(f"matches/{partition}"), signatures, partition, 2, config)
    resolve_duplicates(folder("duplicates"), signatures, sorted(root.glob("matches/*/edges.parquet")), config)
    for number, documents in enumerate(cleaned):
        duplicates = root / "duplicates" / "duplicates.parquet"
        dedup_shard(folder(f"dedup/{number}"), documents, duplicates, config, [SAMPLES / "cloze.jsonl"])


def _trained(root: Path) -> dict[str, Any]:
    """Pretraining on one rank in a process of its own, and what is done with its network."""
    from model.evaluation.choices import read_items, score_items
    from model.evaluation.evaluate import score_documents
    from model.finetuning.classify import finetune
    from model.finetuning.classify_config import ClassifyConfig
    from model.finetuning.examples import read_examples
    from model.formats.checkpoint import find_checkpoint
    from model.formats.convert_hf import export_hf
    from model.formats.load import load_network
    from pipeline.stages.evaluate_shards import read_documents

    tokenizer = root / "vocab" / "tokenizer.json"
    vocabulary = load_vocabulary(tokenizer)
    encoder = Encoder(vocabulary)
    arguments = {
        "model": MODEL | {"vocab_size": vocabulary.size},
        "training": TRAINING,
        "sampling": {},
        "tokens": str(root / "tokenize"),
        "tokenizer": str(tokenizer),
        "folder": str(root / "pretrain"),
    }
    (root / "pretrain").mkdir()
    write_json(root / "arguments.json", arguments)
    script = "import json, sys; from pipeline.pretrain import run_rank; run_rank(json.load(open(sys.argv[1])))"
    subprocess.run([sys.executable, "-c", script, str(root / "arguments.json")], check=True, timeout=300)
    records = [json.loads(line) for line in (root / "pretrain" / "metrics.jsonl").read_text().splitlines()]
    network = load_network(find_checkpoint(root / "pretrain" / "checkpoints"))

    test = next(entry for entry in list_token_shards(root / "tokenize") if entry.split == "train")
    documents, sizes = read_documents(test.prefix, vocabulary)
    scores = score_documents(network, documents, sizes, start_id=0)
    items = score_items(network, read_items(SAMPLES / "cloze.jsonl")[:4], encoder.encode_to_lists, 0)
    config = ClassifyConfig(max_length=16, epochs=0.1)
    classifier, _ = finetune(
        network,
        read_examples(SAMPLES / "spam.jsonl.gz", config),
        encoder.encode_to_lists,
        config,
        start_id=0,
        seed=0,
    )
    export_hf(network.state_dict(), network.config, root / "export", tokenizer, end_id=0, pad_id=1)
    exported = load_file(root / "export" / "model.safetensors")
    return {
        "pretrain": [record["loss"] for record in records if "loss" in record],
        "evaluate": [*scores.nats.tolist(), *(value for item in items for value in item.log_likelihoods)],
        "finetune": classifier.head.weight.detach().numpy().ravel()[:8].tolist(),
        "export": [float(np.abs(tensor).sum()) for _, tensor in sorted(exported.items())],
    }


def _content(folder: Path) -> dict[str, Any]:
    return {path.as_posix(): _file_content(folder / path) for path in files_below(folder)}


def _file_content(path: Path) -> Any:
    if path.suffix == ".parquet":
        return json.dumps(pq.read_table(path).to_pylist(), sort_keys=True)
    return path.read_bytes().hex() if path.suffix in (".bin", ".idx") else path.read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_output_changes_only_with_the_version(stage: Any, made: dict[str, Any]) -> None:
    golden = GOLDEN[stage.name, stage.version]
    if isinstance(golden, str):
        assert digest(made[stage.name]) == golden
    else:
        assert made[stage.name] == pytest.approx(golden, rel=1e-4, abs=1e-4)
