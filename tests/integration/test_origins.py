"""Runs that begin with what others left: a finished run that is made longer, and weights of others with their tokenizer."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

BEGIN, END = 1, 2  # ids of <s> and </s>


def write_recipe(line: Any, tools: Any, name: str, **changes: Any) -> Path:
    path = line.folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**tools.RECIPE, "name": name, **changes}, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.long
def test_a_finished_run_is_continued(line: Any, tools: Any, finished: Any, tmp_path: Path) -> None:
    pretrain = tools.RECIPE["pretrain"]
    longer = {
        "init_from": os.path.relpath(finished.view, line.folder),
        "init": "continue",
        "training": {**pretrain["training"], "steps": 54},
    }
    recipe = write_recipe(line, tools, "longer", pretrain=longer)
    tools.copy_of(finished, tmp_path)
    line.succeed("run", recipe, "--until", "pretrain", "--workdir", tmp_path)
    before, after = tools.read_manifests(finished.workdir), tools.read_manifests(tmp_path, "longer")
    assert after["tokenize"]["files"] == before["tokenize"]["files"]
    counts = after["pretrain"]["counts"]
    assert (counts["steps"], counts["samples"]) == (54, 54 * pretrain["training"]["global_batch"])
    assert counts["parent"]["mode"] == "continue" and counts["parent"]["step"] == 48
    assert counts["parameters"] == before["pretrain"]["counts"]["parameters"]  # the model that was left out
    assert "file origin" in after["pretrain"]["inputs"]
    lines = (tmp_path / "runs" / "longer" / "pretrain" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    steps = [record["step"] for record in map(json.loads, lines) if "loss" in record]
    assert (min(steps), max(steps)) == (49, 54)
    plan = json.loads(line.succeed("plan", recipe, "--workdir", tmp_path, "--json"))
    assert {entry["action"] for entry in plan["stages"] if entry["stage"] in after} == {"reuse"}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with a tokenizer that begins every text with <s>, as its authors would release it."""
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("theirs")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(
        ["The state of the Union is strong."] * 3,
        trainers.BpeTrainer(
            vocab_size=280, special_tokens=["<unk>", "<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", BEGIN)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=320, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, bos_token_id=BEGIN, eos_token_id=END,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.long
def test_weights_of_others_are_trained_further_with_their_tokenizer(
    line: Any, tools: Any, finished: Any, theirs: Path, tmp_path: Path
) -> None:
    tools.copy_of(finished, tmp_path)
    training = {**tools.RECIPE["pretrain"]["training"], "steps": 2, "warmup_steps": 1}
    begun = {"init_from": str(theirs), "training": training}
    recipe = write_recipe(line, tools, "theirs", pretrain=begun, vocab={"tokenizer": str(theirs)}, finetune=None)
    line.succeed("run", recipe, "--workdir", tmp_path)
    view, facts = tmp_path / "runs" / "theirs", tools.read_manifests(tmp_path, "theirs")
    assert facts["pretrain"]["counts"]["parent"]["mode"] == "weights"
    assert facts["tokenize"]["counts"]["tokens"] > facts["tokenize"]["counts"]["documents_out"] * 2
    scores = json.loads((view / "evaluate" / "scores.json").read_text(encoding="utf-8"))["test"]["all"]
    tests = facts["tokenize"]["counts"]["tokens_by_split"]["test"]
    assert scores["tokens"] == tests - 2 * scores["documents"], "neither the beginning nor the end is the text's"
    exported = json.loads((view / "export" / "hf" / "config.json").read_text(encoding="utf-8"))
    assert (exported["bos_token_id"], exported["eos_token_id"], exported["vocab_size"]) == (BEGIN, END, 320)
    from transformers import AutoTokenizer

    reader = AutoTokenizer.from_pretrained(view / "export" / "hf", trust_remote_code=False, local_files_only=True)
    assert reader("The state").input_ids[0] == BEGIN and reader.eos_token == "</s>"
    text = line.succeed("generate", view / "export" / "hf", "--prompt", "The state", "--max-new-tokens", "4")
    assert text.startswith("The state")
