"""What the shell completes on the command line. It imports nothing heavy: an answer has to be there while one types."""

from pathlib import Path

import typer

# The stages are written out, because importing them takes a second that no help should take. A test compares them.
STAGE_NAMES = (
    "collect",
    "documents",
    "annotate",
    "clean",
    "dedup",
    "vocab",
    "tokenize",
    "tokens",
    "network",
    "pretrain",
    "evaluate",
    "finetune",
    "export",
)
STAGES_IN_WORDS = ", ".join(STAGE_NAMES)


def stages(incomplete: str) -> list[str]:
    """The stages whose names begin so."""
    return [name for name in STAGE_NAMES if name.startswith(incomplete)]


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """The runs of the workdir, `--workdir` if it has been typed already, whose names begin so."""
    workdir = Path(context.params.get("workdir") or "work")
    return sorted(
        plan.parent.name for plan in workdir.glob("runs/*/plan.json") if plan.parent.name.startswith(incomplete)
    )


def runs_or_stages(context: typer.Context, incomplete: str) -> list[str]:
    """The runs and the stages whose names begin so."""
    return [*runs(context, incomplete), *stages(incomplete)]
