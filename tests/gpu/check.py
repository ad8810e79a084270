"""All checks on a GPU, one group after the other, and their results in one JSON: see README.md.

    python3 -m tests.gpu.check --out FOLDER            on a machine with a CUDA GPU
    python3 -m tests.gpu.check --out FOLDER --small    on a CPU, at small sizes

Each group runs in a process of its own (worker.py). A check that fails does not stop the others: after an error that it did not
expect, and after one that took too long, the group goes on in a new process, since the old one may have lost its GPU.
"""

import argparse
import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from tests.gpu.case import Check, kill
from tests.gpu.worker import GO_ON

SECONDS = 470  # of all checks together; what has no time left is skipped
GROUPS = ("network_checks", "training_checks", "export_checks", "speed_checks")
STARTING = 60  # seconds more for the first check of a process, which imports torch and DeepSpeed before it
PATIENCE = 4  # times as many seconds has a check on a CPU, which may have other work
PACKAGES = ("deepspeed", "numpy", "pydantic", "safetensors", "tokenizers", "transformers", "triton")
Result = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m tests.gpu.check", description="Check Gristmill on a GPU.")
    parser.add_argument("--out", type=Path, required=True, help="folder for result.json and the logs")
    parser.add_argument("--small", action="store_true", help="at small sizes, on the CPU")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, help="groups of checks")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="time of all checks together")
    options = parser.parse_args()
    if not options.small and not torch.cuda.is_available():
        sys.exit("check: torch sees no CUDA GPU here; --small runs the checks at small sizes on the CPU")
    out, began = options.out.resolve(), time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / "files", ignore_errors=True)  # what an earlier check left
    results: list[Result] = []
    for group in options.only:
        results += run_group(group, out, options.small, began + options.seconds)
        about = machine(options.small) | {"seconds": round(time.monotonic() - began, 1)}
        (out / "result.json").write_text(json.dumps(about | {"checks": results}, indent=1) + "\n")
    counts = {status: sum(r["status"] == status for r in results) for status in ("passed", "failed", "skipped")}
    print(", ".join(f"{count} {status}" for status, count in counts.items()))
    print(out / "result.json")
    sys.exit(1 if counts["failed"] else 0)


def machine(small: bool) -> dict[str, Any]:
    """What the checks ran on."""
    return {
        "device": platform.processor() or "CPU" if small else torch.cuda.get_device_name(),
        "small": small,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "driver": driver(),
        "packages": {name: installed(name) for name in PACKAGES},
    }


def driver() -> str | None:
    """The version of NVIDIA's driver, None where there is none."""
    try:
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(query, capture_output=True, text=True, timeout=20).stdout.strip() or None
    except OSError:
        return None


def installed(package: str) -> str | None:
    """The version of a package, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def run_group(group: str, out: Path, small: bool, deadline: float) -> list[Result]:
    """The results of a group's checks, of as many processes one after the other as it takes."""
    checks: dict[str, Check] = {check.name: check for check in importlib.import_module(f"tests.gpu.{group}").CHECKS}
    results: dict[str, Result] = {}
    while left := [check for name, check in checks.items() if name not in results]:
        found, reason = run_process(group, left, out, small, deadline)
        if reason:
            status = "skipped" if time.monotonic() >= deadline else "failed"
            found.append({"name": left[len(found)].name, "status": status, "message": reason})
        for result in found:
            results[result["name"]] = {"group": group} | result
            print(f"{result['status']:8}{group}: {result['name']}", last_line(result.get("message", "")), flush=True)
    return list(results.values())


def run_process(
    group: str, checks: list[Check], out: Path, small: bool, deadline: float
) -> tuple[list[Result], str | None]:
    """The results of those checks that one process finished, and why the one after them has none.

    The reason is None when there are no more, or when the process itself ended after a failure so that a new one goes on.
    """
    if time.monotonic() >= deadline:
        return [], "no time was left for it"
    path, log = out / f"{group}.jsonl", out / f"{group}.{checks[0].name.replace(' ', '-')}.log"
    path.write_text("")
    command = [sys.executable, "-m", "tests.gpu.worker", group, str(out), "small" if small else "full"]
    environment = os.environ | ({"CUDA_VISIBLE_DEVICES": ""} if small else {})
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, *(check.name for check in checks)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        reason = wait(process, path, [check.seconds * (PATIENCE if small else 1) for check in checks], deadline)
    finally:
        if process.poll() is None:
            kill(process)
    found = read(path)
    if reason is None and process.returncode not in (0, GO_ON):
        reason = f"its process ended with code {process.returncode}: {tail(log)}"
    return found, reason if len(found) < len(checks) else None


def wait(process: subprocess.Popen[bytes], path: Path, seconds: list[int], deadline: float) -> str | None:
    """Wait until the process has ended, None, or a check took longer than its seconds, for which the reason is given."""
    done, limit = 0, time.monotonic() + STARTING + seconds[0]
    while process.poll() is None:
        time.sleep(0.1)
        now, before, done = time.monotonic(), done, len(read(path))
        if before < done < len(seconds):
            limit = now + seconds[done]
        if now >= deadline:
            return "no time was left to finish it"
        if now >= limit and done < len(seconds):
            return f"took more than {seconds[done]} seconds"
    return None


def read(path: Path) -> list[Result]:
    """The results in a file; a line that is still being written is left for later."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def last_line(message: str) -> str:
    """The last line of a message, which of a traceback is the error."""
    return message.strip().rpartition("\n")[2][:200]


def tail(log: Path) -> str:
    """The end of what a process printed."""
    return log.read_text(errors="replace")[-1500:].strip()


if __name__ == "__main__":
    main()
