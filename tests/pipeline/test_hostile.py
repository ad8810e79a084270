"""Strange inputs of every kind to every command: each ends in a line with exit code 1 or 2, none in a traceback."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.tiny_releases import gristmill, write_lines, write_release

RANDOM = random.Random(0).randbytes(3000)
LABELLED = [{"text": f"t {number}", "label": "ab"[number % 2]} for number in range(30)]
RECIPE = "name: r\ncollect: {sources: [{name: s, path: text.txt, license: x}]}\n"


def json_of(name: str, **fields: object) -> Callable[[Path], object]:
    """Change fields of a JSON file in a folder."""

    def change(folder: Path) -> None:
        (folder / name).write_text(json.dumps(json.loads((folder / name).read_text()) | fields))

    return change


def to_folder(name: str) -> Callable[[Path], object]:
    """Put a folder in the place of a file."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return change


WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
RELEASES: dict[str, Callable[[Path], object]] = {
    "weights-cut": lambda folder: os.truncate(folder / WEIGHTS, 1000),
    "weights-empty": lambda folder: os.truncate(folder / WEIGHTS, 0),
    "weights-folder": to_folder(WEIGHTS),
    "config-junk": lambda folder: (folder / CONFIG).write_bytes(RANDOM),
    "config-list": lambda folder: (folder / CONFIG).write_text("[]"),
    "config-folder": to_folder(CONFIG),
    "config-negative": json_of(CONFIG, hidden_size=-1),
    "config-no-heads": json_of(CONFIG, num_attention_heads=0),
    "config-words": json_of(CONFIG, vocab_size="many"),
    "config-lists": json_of(CONFIG, model_type=[1]),
    "config-rope": json_of(CONFIG, rope_parameters=[]),
    "config-infinite": json_of(CONFIG, hidden_size=float("inf")),
    "config-heads": json_of(CONFIG, num_key_value_heads=3),
    "config-huge": json_of(CONFIG, head_dim=10**9),
    "tokenizer-junk": lambda folder: (folder / TOKENIZER).write_bytes(RANDOM),
    "tokenizer-empty": lambda folder: (folder / TOKENIZER).write_text("{}"),
    "tokenizer-folder": to_folder(TOKENIZER),
    "settings-junk": lambda folder: (folder / "tokenizer_config.json").write_bytes(RANDOM),
}
CHECKPOINTS = [
    "",
    "{}",
    "[]",
    "\0",
    '{"format": []}',
    '{"format": 3, "files": 3}',
    '{"format": 2, "model": {}, "step": "x"}',
]
FILES: dict[str, bytes] = {
    "empty": b"",
    "junk.jsonl": RANDOM,
    "junk.jsonl.gz": RANDOM,
    "junk.parquet": RANDOM,
    "list.jsonl": b"[1]\n3\n",
    "column.jsonl": b'{"body": 3}\n',
    "number.jsonl": b'{"text": NaN, "context": 3, "label": 1.5}\n',
    "one.jsonl": b'{"text": "a", "label": "b", "context": "a", "choices": "ab", "answer": true}\n',
}
PLACES = ["nobody", "folder", "empty", "", "..", "/dev/null", "x" * 300, "a/" * 3000]
NEW_FOLDERS = ["empty", "empty/inside", "folder", "", ".", "/dev/null/inside", "/proc/inside", "x" * 300]
SETTINGS = [
    "epochs=-1", "epochs=.inf", "epochs=.nan", "epochs=[1]", "learning_rate=.inf", "learning_rate=1e400", "weight_decay=.inf",
    "seeds=[]", "seeds=3", "seeds=[-1]", "seeds=[0, 0]", "batch_size=1e30", "max_length=0", "warmup=.nan", "dropout=.nan",
    "test_fraction=1", "text_field=[1]", "text_field=body", "pooling=none", "unknown=1", "", "=", "=3", "a: b: c", "epochs=[",
]  # fmt: skip
GENERATE = [
    ("--temperature", "nan"), ("--temperature", "inf"), ("--temperature", "-1"), ("--top-k", "-1"), ("--top-k", "x"),
    ("--seed", str(2**70)), ("--seed", str(-(2**70))), ("--max-new-tokens", "0"), ("--prompt", "\udcff"),
]  # fmt: skip
TAKEN = [
    ("--temperature", "1e-320"), ("--temperature", "1e300"), ("--top-k", str(10**30)), ("--seed", "-3"), ("--prompt", ""),
    ("--prompt", "mill " * 500), ("--prompt", "\0"), ("--prompt", "<eos>"),
]  # fmt: skip


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a release that is whole, `good`, and all the strange ones."""
    folder = tmp_path_factory.mktemp("strange")
    write_release(folder / "good", d_model=16, n_layers=1)
    for name, change in RELEASES.items():
        shutil.copytree(folder / "good", folder / name)
        change(folder / name)
    for number, description in enumerate(CHECKPOINTS):
        (folder / f"checkpoint-{number}").mkdir()
        (folder / f"checkpoint-{number}" / "checkpoint.json").write_text(description)
        shutil.copy(folder / "good" / TOKENIZER, folder / f"checkpoint-{number}")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    (folder / "text.txt").write_text("The river rose.\n")
    write_lines(folder / "labelled.jsonl", *LABELLED)
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(autouse=True)
def _here(strange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(strange)


def refused(*arguments: str) -> str:
    """What a command says that ends in a line (or one for each mistake in a recipe), after lines that say how far it came."""
    code, _, err = gristmill(*arguments)
    assert code in (1, 2), (arguments, err)
    assert "Usage:" in err or "\ngristmill: " in f"\n{err}", (arguments, err)
    return err


FINETUNE = ("--data", "labelled.jsonl", "epochs=0.1", "seeds=[0]", "--out")


@pytest.mark.parametrize("folder", [*RELEASES, *(f"checkpoint-{n}" for n in range(len(CHECKPOINTS))), *PLACES])
def test_what_is_no_release(folder: str) -> None:
    refused("generate", folder)
    refused("evaluate", folder, "--data", "text.txt")
    refused("export", folder, "--to", "exported")
    refused("finetune", folder, *FINETUNE, "classifier")
    refused("predict", folder, "--text", "a")
    assert not Path("exported").exists() and not Path("classifier").exists()


@pytest.mark.parametrize("data", [*FILES, "absent", "folder", "*.txt", "good/model.safetensors", "x" * 300])
def test_what_is_no_data(data: str) -> None:
    if data not in ("one.jsonl", "*.txt"):  # These have a text.
        refused("evaluate", "good", "--data", data)
    refused("evaluate", "good", "--task", data)
    refused("finetune", "good", "--data", data, "--out", "classifier")
    refused("run", data)
    refused("plan", data)
    refused("submit", data, "--no-wait")


@pytest.mark.parametrize("folder", NEW_FOLDERS)
def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_computed(folder: str) -> None:
    assert (
        "exists already" in (said := refused("export", "good", "--to", folder))
        or "cannot be made" in said
        or "[Errno 36]" in said
    )
    said = refused("finetune", "good", "--data", "labelled.jsonl", "epochs=1e6", "--out", folder)
    assert "exists already" in said or "cannot be made" in said or "[Errno 36]" in said or "[Errno 20]" in said


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_of_a_fine_tuning(setting: str) -> None:
    refused("finetune", "good", "--data", "labelled.jsonl", "--out", "classifier", setting)


@pytest.mark.parametrize("arguments", GENERATE)
def test_numbers_and_prompts_of_generate(arguments: tuple[str, str]) -> None:
    refused("generate", "good", *arguments)


@pytest.mark.parametrize("arguments", TAKEN)
def test_strange_numbers_and_prompts_that_mean_something(arguments: tuple[str, str]) -> None:
    code, out, err = gristmill("generate", "good", "--max-new-tokens", 2, *arguments)
    assert code == 0 and out, err


def test_texts_with_halves_of_surrogate_pairs_are_read_with_the_replacement_character() -> None:
    write_lines(Path("halves.jsonl"), *({**record, "text": f"{record['text']} \ud800"} for record in LABELLED))
    write_lines(Path("task.jsonl"), {"context": "\ud800", "choices": ["\udc00", "b"], "answer": 0})
    assert gristmill("evaluate", "good", "--data", "halves.jsonl", "--task", "task.jsonl")[0] == 0
    how = ("epochs=0.1", "seeds=[0]", "--out", "of-halves")
    assert gristmill("finetune", "good", "--data", "halves.jsonl", *how)[0] == 0
    assert gristmill("predict", "of-halves", "--text", "\udcff")[0] == 0


@pytest.mark.parametrize("name", ["nobody", "", ".", "..", "a/b", "x" * 300])
def test_names_that_are_no_run(name: str) -> None:
    refused("status", name)
    refused("inspect", name)
    refused("adopt", name, "clean", "x")
    refused("verify", name)


@pytest.mark.parametrize("workdir", ["empty", "empty/inside", "/dev/null", "/proc/inside"])
def test_a_workdir_that_is_none(workdir: str) -> None:
    refused("run", "recipe.yaml", "-w", workdir)
    refused("generate", "r", "-w", workdir)
    for command in (("status",), ("prune", "-y"), ("verify",), ("plan", "recipe.yaml")):
        assert gristmill(*command, "-w", workdir)[0] in (0, 1, 2)
