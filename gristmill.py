"""Gristmill, from raw text to a released language model, for programs; `python -m gristmill` is the command line.

    import gristmill

    recipe = gristmill.load("recipe.yaml", "pretrain.training.steps=200")
    run = gristmill.run(recipe, workdir="work")
    print(run.scores(), run.generate("The state of the Union is"))

docs/python.md shows the rest. Importing this module loads neither torch nor Ray.
"""

import gristmill_start

if __name__ == "__main__":
    gristmill_start.main()

gristmill_start.refuse_others()

from pipeline.api import (  # noqa: E402 (only now are the packages known to be ours)
    Document,
    Documents,
    LoadedRecipe,
    PlannedStage,
    Run,
    RunStopped,
    StageFailed,
    Tokens,
    load,
    open_run,
    plan,
    run,
    runs,
)

__all__ = [
    "Document",
    "Documents",
    "LoadedRecipe",
    "PlannedStage",
    "Run",
    "RunStopped",
    "StageFailed",
    "Tokens",
    "load",
    "open_run",
    "plan",
    "run",
    "runs",
]
