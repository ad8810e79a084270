"""One interface for metrics, which go to `metrics.jsonl` in the view of the run and to Weights & Biases."""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from orchestration.events import ends_torn


class Tracker(Protocol):
    """Takes metrics of stages. `step` is the stage's own counter, such as the training step; None for a whole stage."""

    def log(self, stage: str, step: int | None, metrics: Mapping[str, Any]) -> None:
        """Record some numbers of a stage."""

    def close(self) -> None:
        """Write what is held back, and end."""


class MetricsFile:
    """Appends metrics to a JSON Lines file."""

    def __init__(self, path: Path) -> None:
        torn = ends_torn(path)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        if torn:
            self._file.write("\n")
        self._lock = threading.Lock()

    def log(self, stage: str, step: int | None, metrics: Mapping[str, Any]) -> None:
        line = json.dumps({"stage": stage, "step": step, **metrics}, ensure_ascii=False)
        with self._lock:
            self._file.write(line + "\n")

    def close(self) -> None:
        self._file.close()


class WeightsAndBiases:
    """Sends metrics to Weights & Biases. Where `mode` is not "online" they only go to files in `folder`, and nothing is sent."""

    def __init__(self, folder: Path, project: str, run: str, mode: str, config: Mapping[str, Any]) -> None:
        for variable in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR"):
            os.environ[variable] = str(folder)
        os.environ["WANDB_SILENT"] = "true"
        folder.mkdir(parents=True, exist_ok=True)
        import wandb

        self._lock = threading.Lock()
        self._run = wandb.init(
            project=project,
            name=run,
            dir=str(folder),
            mode="online" if mode == "online" else "offline",
            config=dict(config),
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                disable_code=True,
                x_disable_meta=True,
                x_disable_stats=True,
            ),
        )

    def log(self, stage: str, step: int | None, metrics: Mapping[str, Any]) -> None:
        numbers = {f"{stage}/{name}": value for name, value in _flatten(metrics).items()}
        if step is not None:
            numbers[f"{stage}/step"] = step
        with self._lock:
            self._run.log(numbers)

    def close(self) -> None:
        self._run.finish()


class Trackers:
    """Several trackers as one."""

    def __init__(self, trackers: list[Tracker]) -> None:
        self._trackers = trackers

    def log(self, stage: str, step: int | None, metrics: Mapping[str, Any]) -> None:
        for tracker in self._trackers:
            tracker.log(stage, step, metrics)


def wandb_mode(asked: str) -> str:
    """The mode for an `asked` one: `auto` becomes `online` where the environment has an API key, else `offline`."""
    if asked != "auto":
        return asked
    return (
        "online"
        if os.environ.get("WANDB_API_KEY") and os.environ.get("WANDB_MODE", "online") == "online"
        else "offline"
    )


def _flatten(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            numbers |= _flatten(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers[prefix + name] = value
    return numbers
