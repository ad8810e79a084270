"""A group of training ranks on the cluster, as a Ray Train worker group."""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray import PlacementGroupID
from ray.train import ControllerError, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.util.placement_group import PlacementGroup, placement_group_table, remove_placement_group


@dataclass(frozen=True)
class Group:
    """The number of ranks, whether each has a GPU beside its CPU, and how often the group may be started again."""

    ranks: int
    gpus: bool = False
    max_failures: int = 3


class GroupFailed(RuntimeError):
    """The group could not finish; `details` has the traceback of the rank that failed."""

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details


def run_group(function: Callable[[dict[str, Any]], None], arguments: dict[str, Any], group: Group) -> None:
    """Call `function(arguments)` on every rank, inside an initialised process group (NCCL on GPUs, gloo on CPUs).

    When a rank is lost, the whole group is started again, and `function` goes on from the newest checkpoint that it wrote. Ray
    Train's own checkpoints are not used, so its folder is a temporary one. Raises GroupFailed when `max_failures` restarts did
    not help, ValueError when the cluster has no room for the group.
    """
    _check_room(group)
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    for attempt in range(group.max_failures + 1):
        try:
            _fit(function, arguments, group)
            return
        except ControllerError as error:  # A rank was lost while the group was starting: Ray Train does not retry this.
            if attempt == group.max_failures:
                raise GroupFailed(_first_cause(error), str(error)) from error
            _free_reservations()
        except Exception as error:
            raise GroupFailed(_first_cause(error), str(error)) from error


def _fit(function: Callable[[dict[str, Any]], None], arguments: dict[str, Any], group: Group) -> None:
    with tempfile.TemporaryDirectory(prefix="gristmill-ray-train-") as folder:
        run_config = RunConfig(
            name="train",
            storage_path=folder,
            failure_config=FailureConfig(max_failures=group.max_failures),
            worker_runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}},  # type: ignore[call-arg]
        )
        scaling_config = ScalingConfig(
            num_workers=group.ranks,
            use_gpu=group.gpus,
            resources_per_worker={"CPU": 1, **({"GPU": 1} if group.gpus else {})},
        )
        torch_config = TorchConfig(backend="nccl" if group.gpus else "gloo")
        TorchTrainer(
            function,
            train_loop_config=arguments,
            torch_config=torch_config,
            scaling_config=scaling_config,
            run_config=run_config,
        ).fit()


def _free_reservations() -> None:
    """Free the placement groups that Ray Train keeps after it gave up; the next group would wait for their CPUs for ever."""
    job = ray.get_runtime_context().get_job_id()
    for number, facts in placement_group_table().items():
        if number.endswith(job) and facts["state"] != "REMOVED":  # a placement group's id ends in the id of its job
            remove_placement_group(PlacementGroup(PlacementGroupID.from_hex(number)))


def _check_room(group: Group) -> None:
    has = ray.cluster_resources()
    needs = {"CPU": group.ranks, "GPU": group.ranks if group.gpus else 0}
    for name, amount in needs.items():
        if amount > has.get(name, 0):
            raise ValueError(
                f"pretrain.training.ranks: {group.ranks} ranks need {amount} {name}s and the cluster has {has.get(name, 0):g}; "
                "set fewer ranks or join a larger cluster with --address"
            )


def _first_cause(error: Exception) -> str:
    """The line of Ray's nested report that says what went wrong on a rank."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if "Error:" in line and not line.startswith(("ray.", "Training failed"))]
    return (named or lines or [type(error).__name__])[-1][:500]
