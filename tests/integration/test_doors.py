"""The doors into a recipe: documents, token shards and networks of others, stages that are left out, several of a stage."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from datatrove.pipeline.tokens.megatron_tokenizer import MegatronTokenizedFile

from data.tokens.tokenize import list_token_shards, provenance
from data.tokens.vocabulary import Encoder, load_vocabulary
from pipeline.recipe.reading import load_recipe
from pipeline.runs.view import manifests

SHORT = {"steps": 2, "sequence_length": 32, "global_batch": 4, "ranks": 1}
SMALL = {"d_model": 32, "n_layers": 1, "n_heads": 2, "max_sequence_length": 64}
OFF = {"tracking": {"wandb": "off"}, "resources": {"cpus": 2}}


@pytest.fixture(scope="module")
def theirs(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what others would give: documents, token shards that datatrove wrote, a tokenizer, a network, a task."""
    folder = tmp_path_factory.mktemp("theirs")
    view = finished.view
    shutil.copytree(view / "vocab" / "tokenizer", folder / "tokenizer")
    shutil.copytree(view / "export" / "hf", folder / "network")
    texts = [f"Chapter {n}. The mill stood by the river, and {n} carts of grain came by each day." for n in range(120)]
    rows = [{"key": f"B{n}", "body": text, "licence": "MIT"} for n, text in enumerate(texts)]
    pq.write_table(pa.Table.from_pylist(rows[:60]), folder / "a.parquet")
    (folder / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[60:]))
    vocabulary = load_vocabulary(folder / "tokenizer" / "tokenizer.json")
    ids = Encoder(vocabulary).encode_to_lists(texts)
    (folder / "shards").mkdir()
    for name, part, end in (("ended", ids[:60], [vocabulary.end_id]), ("bare", ids[60:], [])):
        file = MegatronTokenizedFile(str(folder / "shards"), name, token_size=2 if name == "ended" else 4)
        for document in part:
            file.write(document + end)
        file.close()
    task = {"context": "The mill stood by the", "choices": [" river", " moon"], "answer": 0}
    (folder / "task.jsonl").write_text(json.dumps(task) + "\n")
    return folder


def written(folder: Path, recipe: Mapping[str, Any]) -> Path:
    path = folder / f"{recipe['name']}.yaml"
    path.write_text(yaml.safe_dump({**OFF, **recipe}))
    return path


def run(line: Any, folder: Path, work: Path, recipe: Mapping[str, Any]) -> Path:
    printed = line.succeed("run", written(folder, recipe), "--workdir", work)
    view = work / "runs" / recipe["name"]
    assert f"Run {recipe['name']}" in printed and (view / "report.html").is_file()
    return view


def test_documents_of_others_keep_ids_and_texts(line: Any, theirs: Path, tmp_path: Path) -> None:
    source = {"name": "books", "path": ["a.parquet", "b.jsonl"], "text_field": "body", "id_field": "key"}
    recipe = {
        "name": "documents",
        "documents": {"sources": [{**source, "license_field": "licence"}]},
        "clean": None,
        "dedup": None,
        "vocab": {"tokenizer": "tokenizer"},
        "tokenize": {"test": 0.2, "validation": 0.2},
    }
    view = run(line, theirs, tmp_path, recipe)
    assert list(manifests(view)) == ["documents", "vocab", "tokenize"]
    rows = [
        row
        for path in sorted((view / "documents").rglob("documents-*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]
    assert sorted(row["id"] for row in rows) == sorted(f"B{n}" for n in range(120))
    assert {row["license"] for row in rows} == {"MIT"} and rows[0]["text"].startswith("Chapter ")
    assert manifests(view)["documents"]["counts"]["documents_out"] == 120


def test_an_id_that_stands_twice_is_refused_by_name(line: Any, theirs: Path, tmp_path: Path) -> None:
    (theirs / "twice.jsonl").write_text('{"key": "B3", "body": "Another text."}\n')
    sources = [
        {"name": name, "path": path, "text_field": "body", "id_field": "key"}
        for name, path in (("a", "a.parquet"), ("b", "twice.jsonl"))
    ]
    recipe = {
        "name": "twice",
        "documents": {"sources": sources},
        "clean": None,
        "dedup": None,
        "tokenize": None,
        "vocab": None,
    }
    ended = line.run("run", written(theirs, recipe), "--workdir", tmp_path)
    assert ended.returncode == 1 and "the id 'B3' stands 2 times" in ended.stderr


def test_token_shards_that_datatrove_wrote_are_trained_on_and_scored(line: Any, theirs: Path, tmp_path: Path) -> None:
    recipe = {
        "name": "tokens",
        "tokens": {"sources": [{"name": "books", "path": "shards", "license": "MIT"}], "validation": 0.2, "test": 0.2},
        "vocab": {"tokenizer": "tokenizer"},
        "pretrain": {"model": SMALL, "training": SHORT},
        "evaluate": [{"name": "short", "resamples": 100}, {"name": "long", "resamples": 100, "prompts": ["The mill"]}],
        "export": {},
    }
    view = run(line, theirs, tmp_path, recipe)
    assert list(manifests(view)) == ["vocab", "tokens", "pretrain", "short", "long", "export"]
    counts = manifests(view)["tokens"]["counts"]
    assert counts["documents_out"] == 120 and counts["completed"] == 60, "the file `bare` has no ends"
    vocabulary = load_vocabulary(theirs / "tokenizer" / "tokenizer.json")
    for entry in list_token_shards(view / "tokens"):
        row = provenance(entry.prefix, 0)
        assert row["license"] == "MIT" and row["uri"].startswith("shards/")
    assert vocabulary.size == manifests(view)["vocab"]["counts"]["vocab_size"]
    assert (view / "short").resolve().parent == (view / "long").resolve().parent, "the store's folder is the kind's"
    card = (view / "export" / "hf" / "README.md").read_text()
    assert "## Evaluation short" in card and "## Evaluation long" in card and "`books`" in card


def test_a_network_of_others_is_evaluated_fine_tuned_and_exported(line: Any, theirs: Path, tmp_path: Path) -> None:
    recipe = {
        "name": "network",
        "network": {"path": "network"},
        "evaluate": {"tasks": [{"name": "river", "path": "task.jsonl"}], "prompts": ["The"], "max_new_tokens": 4},
        "export": {"model_name": "again"},
    }
    view = run(line, theirs, tmp_path, recipe)
    assert list(manifests(view)) == ["vocab", "network", "evaluate", "export"]
    assert manifests(view)["evaluate"]["counts"] == {}
    scores = json.loads((view / "evaluate" / "scores.json").read_text())
    assert scores["test"] is None and set(scores["tasks"]) == {"river"}
    again, first = (path / "model.safetensors" for path in (view / "export" / "hf", theirs / "network"))
    assert again.stat().st_size == first.stat().st_size
    assert "trained elsewhere" in (view / "export" / "hf" / "README.md").read_text()


def test_a_stage_whose_input_nothing_gives_is_refused_with_the_remedy(line: Any, theirs: Path, tmp_path: Path) -> None:
    for recipe, words in (
        ({"evaluate": {}}, "evaluate: it takes a network, and nothing before it gives any: add a `pretrain` section"),
        ({"clean": {}}, "clean: it takes documents, and nothing before it gives any: begin the recipe with `collect`"),
        (
            {"documents": {"sources": [{"name": "b", "path": "b.jsonl"}]}, "vocab": None},
            "tokenize: it takes a vocabulary, and nothing before it gives any: add a `vocab` section",
        ),
        (
            {"collect": {"sources": [{"name": "b", "path": "b.jsonl"}]}, "tokenize": None, "pretrain": {}},
            "pretrain: it takes tokens, and nothing before it gives any: leave out `tokenize: null`",
        ),
    ):
        refused = line.refuse("plan", written(theirs, {"name": "refused", **recipe}), "--workdir", tmp_path)
        assert words in refused


def test_an_evaluation_is_known_by_its_name_in_overrides(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump({"name": "r", "network": {"path": "x"}, "evaluate": [{"name": "a"}, {"name": "b"}]}))
    assert [one.seed for one in load_recipe(path, ["evaluate.b.seed=7"]).evaluate] == [0, 7]
