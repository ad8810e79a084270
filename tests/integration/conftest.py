"""What the integration tests share: a small recipe on real text, the command line as a user starts it, and one finished run."""

import contextlib
import fcntl
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLES = REPOSITORY / "data" / "samples"
PROGRAM = Path(sys.executable).with_name("gristmill")
SOURCES, ADDRESSES, CHARACTERS = 8, 3, 8000  # sources, State of the Union addresses in each, and length of each
DATA_STAGES = ("collect", "clean", "dedup", "vocab", "tokenize")
STAGES = (*DATA_STAGES, "pretrain", "evaluate", "finetune", "export")

RECIPE = {
    "format": 1,
    "name": "small",
    "collect": {
        "sources": [  # Each source makes a shard at least, so that a run can be interrupted between two shards.
            *(
                {"name": f"sotu-{n}", "path": f"sotu-{n}.jsonl", "id_field": "id", "license": "CC0-1.0"}
                for n in range(SOURCES)
            ),
            {"name": "pages", "path": "pages/*.html", "license": "CC-BY-4.0"},
        ],
    },
    "clean": {"language": {"allowed": ["en"]}, "gopher_repetition": {}, "gopher_quality": {}, "c4": {}, "pii": {}},
    "dedup": {"contamination": {"files": ["cloze.jsonl"]}},
    "vocab": {"size": 512},
    "tokenize": {"validation": 0.1, "test": 0.15},
    "pretrain": {
        "model": {"d_model": 32, "n_layers": 2, "n_heads": 2, "max_sequence_length": 64, "tied_embeddings": True},
        "training": {
            "steps": 48,
            "sequence_length": 64,
            "global_batch": 64,
            "micro_batch": 4,  # Many small micro-batches make steps slow enough for an interruption between two of them.
            "learning_rate": 4.0e-3,
            "warmup_steps": 4,
            "ranks": 2,
            "zero_stage": 2,
            "threads": 1,
            "checkpoint_every": 6,
            "validate_every": 24,
            "validation_samples": 8,
        },
    },
    "evaluate": {
        "tasks": [{"name": "cloze", "path": "cloze.jsonl"}],
        "prompts": ["The state of the Union is"],
        "max_new_tokens": 8,
        "resamples": 100,
    },
    "finetune": {"data": "spam.jsonl", "max_length": 32, "epochs": 2, "seeds": [0, 1]},
    "export": {"model_name": "gristmill-small", "license": "cc0-1.0"},
    "tracking": {"wandb": "off"},
}


def write_sources(folder: Path) -> None:
    """Write a little real text into a folder, for the recipe that lies there."""
    with gzip.open(SAMPLES / "sotu.jsonl.gz", "rt", encoding="utf-8") as file:
        addresses = [json.loads(line) for line in file][: SOURCES * ADDRESSES]
    for address in addresses:
        end = address["text"].rindex(". ", 0, CHARACTERS) + 1
        address["text"] = address["text"][:end]
    for number in range(SOURCES):
        _write_lines(folder / f"sotu-{number}.jsonl", addresses[number::SOURCES])
    with (folder / f"sotu-{SOURCES - 1}.jsonl").open("a", encoding="utf-8") as file:  # one record for each kind of loss
        for record in (
            {"id": "empty", "text": " "},
            {"id": "short", "text": "Fellow citizens, this address is much too short to be kept."},
            addresses[0],
        ):
            file.write(json.dumps(record) + "\n")
        file.write('{"id": "broken", "text": "This record ends in the middle of a str\n')
    with gzip.open(SAMPLES / "spam.jsonl.gz", "rt", encoding="utf-8") as file:
        messages = [json.loads(line) for line in file]
    _write_lines(
        folder / "spam.jsonl",
        [
            message
            for split, count in (("train", 40), ("test", 20))
            for message in [each for each in messages if each["split"] == split][:count]
        ],
    )
    shutil.copytree(SAMPLES / "pages", folder / "pages")
    items = (SAMPLES / "cloze.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "cloze.jsonl").write_text("\n".join(items[:6]) + "\n", encoding="utf-8")


def _write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


@dataclass(frozen=True)
class CommandLine:
    """`gristmill` as a user starts it, in a folder and with a home folder that only the tests use."""

    folder: Path
    home: Path

    def environment(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "RAY_"))}
        kept |= {"HOME": str(self.home), "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "COLUMNS": "160"}
        return kept | dict(changes or {})

    def run(
        self, *arguments: object, env: Mapping[str, str] | None = None, timeout: float = 420
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, and fail the test when that takes more than `timeout` seconds."""
        process = self.start(*arguments, env=env)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            pytest.fail(f"gristmill {arguments} took more than {timeout} s:\n{out}\n{err}")
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def succeed(self, *arguments: object, env: Mapping[str, str] | None = None) -> str:
        """Run a command, which has to exit with code 0; gives what it printed."""
        ended = self.run(*arguments, env=env)
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def all_succeed(self, commands: Mapping[str, Sequence[object]]) -> dict[str, str]:
        """Run commands, two at a time, which all have to exit with code 0; gives by name what each printed."""
        with ThreadPoolExecutor(2) as threads:
            return dict(
                zip(commands, threads.map(lambda arguments: self.succeed(*arguments), commands.values()), strict=True)
            )

    def refuse(self, *arguments: object, env: Mapping[str, str] | None = None) -> str:
        """Run a command, which has to exit with code 2 for a mistake of the user; gives the one line about it."""
        ended = self.run(*arguments, env=env)
        assert ended.returncode == 2, f"{ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        assert "Traceback" not in ended.stdout + ended.stderr
        lines = ended.stderr.strip().splitlines()
        assert len(lines) == 1, ended.stderr
        assert lines[0].startswith("gristmill: ")
        return lines[0]

    def start(self, *arguments: object, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command in a session of its own, so that signals to it do not reach the tests."""
        return subprocess.Popen(
            [str(PROGRAM), *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def read_events(workdir: Path, run: str = "small") -> list[dict[str, Any]]:
    """The events of a run so far, without a last line that is only half written."""
    path = workdir / "runs" / run / "events.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line[-1] == "\n"]


def read_manifests(workdir: Path, run: str = "small") -> dict[str, dict[str, Any]]:
    """The manifests of a run's artifacts, by stage."""
    view = workdir / "runs" / run
    return {
        stage: json.loads((view / stage / "manifest.json").read_text(encoding="utf-8"))
        for stage in STAGES
        if (view / stage).exists()
    }


def wait_until(condition: Callable[[], Any], process: subprocess.Popen[str], timeout: float = 240) -> Any:
    """Wait until `condition()` gives a true value; gives that value.

    Fails the test when the process ends before, or after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if process.poll() is not None:
            out, err = process.communicate()
            pytest.fail(f"ended too early with {process.returncode}:\n{out}\n{err}")
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
    return value


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes that a process has started, directly or not, Ray's among them."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def wait_until_gone(processes: list[psutil.Process], timeout: float = 60) -> None:
    """Wait until these processes have ended by themselves; fails after `timeout` seconds."""
    _, alive = psutil.wait_procs(processes, timeout=timeout)
    assert not alive, f"left running: {[process.name() for process in alive]}"


@pytest.fixture(scope="session")
def tools() -> Any:
    """This module, for the test modules beside it, which cannot import it because their folder is no package."""
    return sys.modules[__name__]


@contextlib.contextmanager
def first_to_come(folder: Path) -> Iterator[bool]:
    """Let one of the processes that run the tests make `folder`: the block gets True in that one.

    The other processes wait until the folder is made, and get False.
    """
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.with_suffix(".done")
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # another process may have failed half-way
        yield not done.exists()
        done.touch()


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> CommandLine:
    """The command line in a folder with the small recipe, `recipe.yaml`, and its sources."""
    ours = tmp_path_factory.getbasetemp()
    shared = ours if worker_id == "master" else ours.parent
    line = CommandLine(shared / "line", shared / "home")
    with first_to_come(line.folder) as first:
        if first:
            line.folder.mkdir()
            line.home.mkdir(exist_ok=True)
            write_sources(line.folder)
            (line.folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False), encoding="utf-8")
    return line


@dataclass(frozen=True)
class FinishedRun:
    """A run that was carried through all nine stages without an interruption."""

    workdir: Path

    @property
    def printed(self) -> str:
        return self.workdir.with_suffix(".out").read_text(encoding="utf-8")

    @property
    def view(self) -> Path:
        return self.workdir / "runs" / "small"


def copy_of(finished: "FinishedRun", workdir: Path) -> None:
    """Copy the store of the finished run into another workdir, which a test may write into."""
    shutil.copytree(finished.workdir / "store", workdir / "store", symlinks=True)


@pytest.fixture(scope="session")
def finished(line: CommandLine) -> FinishedRun:
    """A finished run of the small recipe: one shard at a time, with metrics also to Weights & Biases offline.

    All tests share it, so none may write into it.
    """
    finished = FinishedRun(line.folder / "finished")
    with first_to_come(finished.workdir) as first:
        if first:
            overrides = ("resources.workers=1", "tracking.wandb=auto")
            printed = line.succeed("run", "recipe.yaml", *overrides, "--workdir", finished.workdir)
            finished.workdir.with_suffix(".out").write_text(printed, encoding="utf-8")
    return finished
