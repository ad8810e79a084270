"""Export: a Hugging Face folder, checked against the trained network, with a certificate and a model card."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from orchestration.files import read_json
from orchestration.identity import digest
from orchestration.shards import Shard
from orchestration.store import Artifact
from pipeline.recipe.recipe import ExportConfig
from pipeline.releases.find import network_of
from pipeline.stages.chain import account_of_chain
from pipeline.stages.counts import Counts
from pipeline.stages.stage import Context, Input, Made, Stage

ROLES = ("network", "tokens", "vocabulary")  # The other inputs go by the names that the recipe has for them.


class ExportCounts(Counts):
    """What export counted when it compared the release with the network."""

    format: str
    dtype: str = "float32"
    parameters: int
    sequences: int
    tokens_compared: int
    largest_logit_difference: float
    logit_tolerance: float
    greedy_prompts: int
    greedy_tokens: int
    greedy_equal: int
    characters_encoded_equal: int = 0


def _run(context: Context, inputs: Mapping[str, Path], config: ExportConfig, out: Path) -> Made:
    from pipeline.stages.export_shard import export_shard  # imports torch, which a plan does not need

    made_of = {key if key not in ROLES else Artifact(path).stage: Artifact(path) for key, path in inputs.items()}
    facts = {name: artifact.manifest for name, artifact in made_of.items()}
    scores = {
        stage: {
            name: read_json(artifact.path / "scores.json")
            for name, artifact in made_of.items()
            if artifact.stage == stage
        }
        for stage in ("evaluate", "finetune")
    }
    work = {
        "checkpoint": network_of(inputs["network"]),
        "tokenizer": inputs["vocabulary"] / "tokenizer" / "tokenizer.json",
        "tokens": inputs.get("tokens"),
        "config": config,
        "manifests": facts,
        "scores": scores,
        "chain": account_of_chain(Artifact(path) for path in inputs.values()),
    }
    shutil.rmtree(out / "hf", ignore_errors=True)  # A killed attempt may have left it.
    result = context.map(export_shard, [Shard("checked", work)], out, "")[0]
    if (out / "checked" / "hf").is_dir():
        (out / "checked" / "hf").rename(out / "hf")  # the release, without records of its making
    return Made(ExportCounts(format="huggingface", **result), _content(out))


def _content(artifact: Path) -> str:
    """The content of an export: a hash of the checksums that the certificate has of the files of the release."""
    return digest(read_json(artifact / "hf" / "certificate.json")["files"])


STAGE = Stage(
    name="export",
    version=2,
    inputs=(
        Input("documents", every=True),
        Input("vocabulary", label="vocab"),
        Input("tokens", label="tokenize", optional=True),
        Input("network", label="pretrain"),
        Input("scores", every=True),
    ),
    gives="release",
    counts=ExportCounts,
    libraries=("jinja2", "safetensors", "torch", "transformers"),
    run=_run,
    content=_content,
    verifies_chain=True,
)
