"""Submitting a run to a cluster through Ray Jobs, and asking how it goes."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

from ray.exceptions import AuthenticationError
from ray.job_submission import JobSubmissionClient

from orchestration.cluster import ClusterUnusable


def _client(address: str) -> JobSubmissionClient:
    for name in ("ray", "ray.dashboard.modules.dashboard_sdk", "ray._private.runtime_env.packaging"):
        logging.getLogger(name).setLevel(logging.WARNING)  # at their default level these loggers report every upload
    try:
        return JobSubmissionClient(address)
    except (ConnectionError, RuntimeError, AuthenticationError) as error:
        line = str(error).strip().splitlines()[0]
        raise ClusterUnusable(
            f"{address}: {line}; start a cluster with `ray start --head`, and give this user the cluster's token "
            "(RAY_AUTH_MODE=token with ~/.ray/auth_token or RAY_AUTH_TOKEN_PATH)"
        ) from error


def submit(address: str, entrypoint: str, working_dir: Path, name: str) -> str:
    """Start `entrypoint` (a shell command line) on the cluster; gives the id of the job.

    `working_dir` is copied to the cluster, where it is the job's current folder. No environment variables are sent: anybody
    with the cluster's token could read them back from Ray Jobs, so secrets come from the nodes' own environment. Raises
    ClusterUnusable when no cluster answers at `address` or when it does not take the job.
    """
    try:
        return _client(address).submit_job(
            entrypoint=entrypoint, runtime_env={"working_dir": str(working_dir)}, metadata={"gristmill_run": name}
        )
    except RuntimeError as error:
        raise ClusterUnusable(f"{address}: the job was not taken: {str(error).strip().splitlines()[0]}") from error


def follow(address: str, job: str, poll_seconds: float = 1.0) -> Iterator[str]:
    """Yield what the job prints, piece by piece, until the job has ended; raises ClusterUnusable when no cluster answers."""
    client, seen = _client(address), 0
    while True:
        ended = client.get_job_status(job).is_terminal()
        logs = client.get_job_logs(job)
        if len(logs) > seen:
            yield logs[seen:]
            seen = len(logs)
        if ended:
            return
        time.sleep(poll_seconds)


def status(address: str, job: str) -> str:
    """The state of a job: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED. Raises ClusterUnusable when no cluster answers."""
    return str(_client(address).get_job_status(job).value)
