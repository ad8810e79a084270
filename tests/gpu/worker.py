"""One process of a group of checks: `python3 -m tests.gpu.worker GROUP FOLDER small|full CHECK...`.

It writes a line of JSON for each check to GROUP.jsonl in the folder. After an error that a check did not expect it ends, and
check.py starts another process for the rest.
"""

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import torch

from tests.gpu.case import Case, Check, Figures, Skipped, beyond, has_old_torch, needed_torch

GO_ON = 3  # the exit code of a process whose GPU may be of no more use


def main() -> None:
    group, folder, size, *names = sys.argv[1:]
    device = torch.device("cpu" if size == "small" else "cuda")
    case = Case(device, size == "small", Path(folder) / "files")
    case.folder.mkdir(exist_ok=True)
    checks = {check.name: check for check in importlib.import_module(f"tests.gpu.{group}").CHECKS}
    with (Path(folder) / f"{group}.jsonl").open("a") as results:
        for name in names:
            result, usable = run(checks[name], case)
            results.write(json.dumps(result) + "\n")
            results.flush()
            if not usable:
                os._exit(GO_ON)  # threads and process groups that wait for the GPU would keep a usual exit waiting
    os._exit(0)


def run(check: Check, case: Case) -> tuple[dict[str, Any], bool]:
    """The result of one check, and whether this process may go on with others."""
    began, figures, usable = time.perf_counter(), Figures(), True
    status, message = "passed", None
    try:
        check.run(case, figures)
        if found := beyond(figures):
            status, message = "failed", "; ".join(found)
    except Skipped as reason:
        status, message = "skipped", str(reason)
    except AssertionError as error:
        status, message = "failed", str(error) or traceback.format_exc()[-1500:]
    except Exception as error:
        usable = False
        status, message = "failed", traceback.format_exc()[-1500:]
        if lacks_torch(error):
            status, message = "skipped", f"needs torch {needed_torch()}, here is {torch.__version__}: {error}"
    result = {"name": check.name, "compares": comparison(check), "status": status}
    result |= {"message": message} if message else {}
    return result | {"seconds": round(time.perf_counter() - began, 1), "figures": figures}, usable


def comparison(check: Check) -> str:
    """What the check compares: the docstring of its function."""
    function = getattr(check.run, "func", check.run)
    return " ".join((function.__doc__ or "").split())


def lacks_torch(error: Exception) -> bool:
    """Whether the error is a name that this torch, older than the one Gristmill asks for, does not have."""
    return has_old_torch() and isinstance(error, ImportError | AttributeError) and "torch" in str(error)


if __name__ == "__main__":
    main()
