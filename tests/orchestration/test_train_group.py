"""Training groups on a real Ray Train: ranks that talk, die, come back, or fail with the line that says why."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import ray

from orchestration.train_group import Group, GroupFailed, run_group

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test module
pytestmark = pytest.mark.usefixtures("local_ray")


def all_reduce(arguments: dict[str, Any]) -> None:
    """Sum rank + 1 over the ranks; the second of them dies at once when first started, and a while later the second time."""
    import torch
    import torch.distributed as dist

    folder, rank = Path(arguments["folder"]), dist.get_rank()
    starts = folder / f"starts-{rank}"
    with starts.open("a") as file:
        file.write("x")
    if rank == 1 and starts.read_text() == "x":
        os._exit(1)
    if rank == 1 and starts.read_text() == "xx":
        time.sleep(4)
        os.kill(os.getpid(), signal.SIGKILL)
    value = torch.tensor([rank + 1.0])
    dist.all_reduce(value)
    facts = f"{dist.get_backend()} {dist.get_world_size()} {value.item()} {os.environ['OMP_NUM_THREADS']}"
    (folder / f"rank-{rank}").write_text(facts)


def test_ranks_reduce_though_one_of_them_is_lost_twice(tmp_path: Path) -> None:
    run_group(all_reduce, {"folder": str(tmp_path)}, Group(ranks=2, max_failures=2))
    assert [(tmp_path / f"rank-{rank}").read_text() for rank in range(2)] == ["gloo 2 3.0 1"] * 2
    assert (tmp_path / "starts-1").read_text() == "xxx"
    deadline = time.monotonic() + 20
    while ray.available_resources().get("CPU") != 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert ray.available_resources().get("CPU") == 2, "the ranks gave their CPUs back"


def fail(arguments: dict[str, Any]) -> None:
    with Path(arguments["folder"], "starts").open("a") as file:
        file.write("x")
    raise RuntimeError("loss is not finite at step 7\nand a second line")


def test_a_failing_function_gives_the_line_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(GroupFailed, match=r"^RuntimeError: loss is not finite at step 7$") as failure:
        run_group(fail, {"folder": str(tmp_path)}, Group(ranks=1, max_failures=0))
    assert "in fail" in failure.value.details
    assert (tmp_path / "starts").read_text() == "x"


def test_more_ranks_than_room_names_the_field(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"pretrain\.training\.ranks: 3 ranks need 3 CPUs and the cluster has 2"
    ) as error:
        run_group(all_reduce, {}, Group(ranks=3))
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="2 ranks need 2 GPUs and the cluster has 0"):
        run_group(all_reduce, {}, Group(ranks=2, gpus=True))
