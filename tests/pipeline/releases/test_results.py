"""The commands that compute with a network: a number that means nothing is never told as a result."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from model.network.network import Network
from tests.pipeline.tiny_releases import byte_level, gristmill, words, write_lines, write_release

ITEM = {"context": "the river", "choices": ["rose", "fell"], "answer": 0}
LABELLED = [{"text": f"{word} {number}", "label": word} for word in ("grain", "flour") for number in range(20)]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a text, a task and labelled texts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("The river rose, and the mill turned.\n")
    write_lines(tmp_path / "task.jsonl", ITEM)
    write_lines(tmp_path / "labelled.jsonl", *LABELLED)
    return tmp_path


def all_commands(folder: str) -> dict[str, tuple[int, str, str]]:
    """What each command that computes with the network of a folder says."""
    return {
        "text": gristmill("evaluate", folder, "--data", "text.txt"),
        "task": gristmill("evaluate", folder, "--task", "task.jsonl"),
        "greedy": gristmill("generate", folder, "--temperature", 0, "--max-new-tokens", 3),
        "sampled": gristmill("generate", folder, "--max-new-tokens", 3),
        "finetune": gristmill("finetune", folder, "--data", "labelled.jsonl", "seeds=[0]", "--out", "classifier"),
        "export": gristmill("export", folder, "--to", "exported"),
    }


def not_a_number(network: Network) -> None:
    list(network.parameters())[3].view(-1)[7] = math.nan


def overflowing(network: Network) -> None:
    """Every weight is a number, and what is computed with them is not."""
    network.unembedding.weight.copy_(network.unembedding.weight.sign() * 3e38)


@pytest.mark.parametrize(
    ("change", "said"),
    [(not_a_number, r"bad: the weight model\.layers\.\S+ is nan at \["), (overflowing, "is nan|is inf|finite")],
)
def test_a_network_that_computes_no_numbers(files: Path, change: Callable[[Network], None], said: str) -> None:
    write_release(files / "bad", change=change)
    for command, (code, out, err) in all_commands("bad").items():
        if change is overflowing and command == "finetune":
            continue  # It has no use for the logits, which alone are no numbers.
        assert code != 0, (command, out)
        assert out == "" and re.search(said, err), (command, out, err)
    assert not (files / "exported").exists() and (change is overflowing or not (files / "classifier").exists())


def test_a_tokenizer_larger_than_the_network(files: Path) -> None:
    tokenizer = byte_level()
    rows = tokenizer.get_vocab_size()
    write_release(files / "larger", tokenizer, vocab_size=rows)
    tokenizer.add_tokens(["zzqq"])
    tokenizer.save(str(files / "larger" / "tokenizer.json"))
    for command, (code, _, err) in all_commands("larger").items():
        expected = f"larger: the tokenizer has ids up to {rows}, the network has {rows} rows (0 to {rows - 1})"
        assert code == 2 and expected in err, (command, err)


def test_a_perplexity_that_no_float_can_hold(files: Path) -> None:
    write_release(files / "confident", change=lambda network: network.unembedding.weight.mul_(1e6))
    code, out, _ = gristmill("evaluate", "confident", "--data", "text.txt")
    assert code == 0 and "above 1e+308" in out
    scores = json.loads(gristmill("evaluate", "confident", "--data", "text.txt", "--json")[1])
    assert scores["perplexity"] == 1e308 and scores["bits_per_byte"] > 1000


@pytest.mark.parametrize(
    ("unknown", "what"), [(True, "6 of 9 tokens are <unk>"), (False, "6 tokens spell 15 of 36 bytes")]
)
def test_no_bits_per_byte_of_a_text_that_the_tokens_do_not_give_back(files: Path, unknown: bool, what: str) -> None:
    (files / "text.txt").write_text("the river rose, and the mill turned.")
    write_release(files / "lossy", words(unknown))
    code, out, err = gristmill("evaluate", "lossy", "--data", "text.txt")
    assert code == 0 and "bits per byte" not in out
    assert what in " ".join(err.split())


def test_a_text_and_a_choice_without_a_token_are_named(files: Path) -> None:
    write_release(files / "dropping", words(unknown=False))
    (files / "text.txt").write_text("zzz")
    code, _, err = gristmill("evaluate", "dropping", "--data", "text.txt")
    assert code == 2 and "text.txt#0: the vocabulary has no token for anything in this text" in err
    write_lines(files / "task.jsonl", {**ITEM, "choices": ["the", "zum"]})
    code, _, err = gristmill("evaluate", "dropping", "--task", "task.jsonl")
    assert code == 2 and "task.jsonl:1: the vocabulary has no token for the choice 'zum'" in err


@pytest.mark.parametrize("length", [1, 2, 3, 16, 32])
def test_export_of_a_short_context(files: Path, length: int) -> None:
    write_release(files / "short", max_sequence_length=length)
    code, _, err = gristmill("export", "short", "--to", "exported")
    assert code == 0, err


def test_export_with_a_vocabulary_that_has_no_token_for_the_texts_of_the_check(files: Path) -> None:
    write_release(files / "dropping", words(unknown=False))
    assert gristmill("export", "dropping", "--to", "exported")[0] == 0


def test_a_fine_tuning_that_diverges(files: Path) -> None:
    write_release(files / "good")
    settings = ("learning_rate=1e10", "seeds=[0]", "epochs=3")
    code, out, err = gristmill("finetune", "good", "--data", "labelled.jsonl", *settings, "--out", "classifier")
    assert code == 2 and out == ""
    assert "from the pretrained weights with seed 0: the loss is not finite from step" in err
    assert "lower learning_rate" in err
    assert not (files / "classifier").exists()


def test_records_of_other_splits_need_no_class(files: Path) -> None:
    write_release(files / "good")
    marked = [{**record, "split": "test" if n % 4 == 0 else "train"} for n, record in enumerate(LABELLED)]
    write_lines(files / "labelled.jsonl", *marked, {"text": None, "label": None, "split": "unsupervised"})
    code, out, err = gristmill(
        "finetune", "good", "--data", "labelled.jsonl", "seeds=[0]", "epochs=0.1", "--out", "classifier"
    )
    assert code == 0 and "1 record is marked neither train nor test, and left out" in err
    assert "left out        1" in out
    write_lines(
        files / "labelled.jsonl",
        *({**record, "split": "train" if n % 4 else "dev"} for n, record in enumerate(LABELLED)),
    )
    code, _, err = gristmill("finetune", "good", "--data", "labelled.jsonl", "seeds=[0]", "--out", "classifier2")
    assert code == 2 and "no test texts; mark some as test in `split` (found: train 30, dev 10)" in err


def test_texts_that_are_cut_are_counted(files: Path) -> None:
    write_release(files / "good", max_sequence_length=256)
    longer = [{**record, "text": record["text"] + " grain" * 30} for record in LABELLED[:5]]
    write_lines(files / "labelled.jsonl", *longer, *LABELLED[5:])
    how = ("finetune", "good", "--data", "labelled.jsonl", "seeds=[0]", "epochs=0.1", "--json", "--out")
    code, out, err = gristmill(*how, "classifier", "max_length=20")
    assert code == 0 and json.loads(out)["texts_cut"] == 5
    assert "5 of 40 texts are longer than max_length (20) and are cut; raise max_length" in " ".join(err.split())
    assert json.loads(gristmill(*how, "classifier2", "max_length=256")[1])["texts_cut"] == 0
