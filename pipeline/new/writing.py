"""A recipe as YAML with a comment for everything that was chosen."""

import json
from collections.abc import Sequence
from typing import Any

from pipeline.new.choices import Choices
from pipeline.new.header import Header
from pipeline.new.rules import ChosenSource
from pipeline.recipe.written import to_text
from pipeline.runs.machine import Machine


def recipe_text(
    name: str, header: Header, sources: Sequence[ChosenSource], choices: Choices, machine: Machine, prompts: Sequence[str],
) -> str:  # fmt: skip
    """The recipe; the paths of the sources are as seen from its own folder."""
    parts = [
        f"{header.line()}\nformat: 2\n{to_text({'name': name})}",
        "collect:\n  sources:\n" + "".join(_source(each) for each in sources),
        _clean(sources),
        "dedup:\n  exact: true\n  minhash: {}  # near-duplicates; `null` keeps them\n",
        f"vocab:\n  size: {choices.vocab_size}  # fits the amount of text; more text carries a larger vocabulary\n",
        _splits(choices),
        _pretrain(choices, machine),
        "evaluate:\n" + _indented({"prompts": list(prompts)}, 2),
        "export:\n" + _indented({"model_name": name}, 2),
    ]
    return "\n".join(parts)


def _source(chosen: ChosenSource) -> str:
    fields = chosen.source.model_dump(mode="json", exclude_unset=True)
    paths = fields["path"]
    fields["path"] = paths[0] if isinstance(paths, list) and len(paths) == 1 else paths
    lines = _indented([fields], 4).splitlines()
    return "".join(f"    # {line}\n" for line in chosen.seen) + "\n".join(lines) + "\n"


def _clean(sources: Sequence[ChosenSource]) -> str:
    text = "clean:\n  sources: # `preset` is one of none, books, code, web, wiki, chat: docs/presets.md\n"
    for chosen in sources:
        rules: dict[str, Any] = {"preset": chosen.preset}
        if chosen.languages:
            rules["language"] = {"allowed": list(chosen.languages)}
        text += f"    {chosen.source.name}: {_flow(rules)}\n"
    return text


def _splits(choices: Choices) -> str:
    share = f"{choices.held_out:g}"
    return (
        f"tokenize:  # about {choices.tokens:,} tokens are left for training\n"
        f"  validation: {share}  # enough for the loss to mean something\n  test: {share}\n"
    )


def _pretrain(choices: Choices, machine: Machine) -> str:
    model, bf16 = choices.model, machine.gpus > 0
    why = {
        "text": f"the text is what limits it: {choices.epochs:.1f} times over all of it, and more than 4 gives little",
        "time": f"the time is what limits it: {choices.epochs:.2g} times over the text",
    }[choices.limit]
    per_parameter = choices.steps * choices.global_batch * choices.sequence_length / choices.parameters
    lines = [
        f"pretrain:  # {machine.describe()}: about {duration(choices.seconds)} of training",
        f"  model:  # {choices.parameters:,} parameters, {per_parameter:.0f} tokens for each",
        f"    d_model: {model.d_model}",
        f"    n_layers: {model.n_layers}",
        f"    n_heads: {model.n_heads}",
        f"    max_sequence_length: {model.max_sequence_length}",
        f"    tied_embeddings: {'true' if model.tied_embeddings else 'false'}",
        "  training:",
        f"    steps: {choices.steps}  # {why}",
        f"    sequence_length: {choices.sequence_length}",
        f"    global_batch: {choices.global_batch}",
        f"    learning_rate: {choices.learning_rate:g}  # less for a wider network",
        f"    warmup_steps: {choices.warmup_steps}",
        f"    ranks: {choices.ranks}",
        *(["    dtype: bfloat16"] if bf16 else []),
        f"    checkpoint_every: {min(max(choices.steps // 5, 1), 1000)}",
        f"    validate_every: {min(max(choices.steps // 10, 1), 500)}",
    ]
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 1):.0f} seconds"


def _flow(value: Any) -> str:
    """A mapping on one line; JSON is YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return (
        str(value)
        if isinstance(value, str) and value.isalnum() and value not in ("no", "on", "off")
        else json.dumps(value)
    )


def _indented(value: Any, by: int) -> str:
    text = to_text(value) if isinstance(value, dict) else _list_text(value)
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


def _list_text(items: Sequence[dict[str, Any]]) -> str:
    """A list of mappings."""
    texts = [to_text(item).splitlines() for item in items]
    return "\n".join(f"{'- ' if number == 0 else '  '}{line}" for text in texts for number, line in enumerate(text))
