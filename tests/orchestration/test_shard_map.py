"""The shard map on a real Ray: whole outputs, retries, resume, and nothing that depends on luck."""

import dataclasses
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from orchestration.disk import DiskFull
from orchestration.files import checksum, describe_files
from orchestration.lease import Stopped
from orchestration.shard_map import ATTEMPTS, ShardFailed, map_shards
from orchestration.shards import RESULT, Resources, Shard

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test module
pytestmark = pytest.mark.usefixtures("local_ray")


@dataclasses.dataclass
class Beside:
    """What a function may be given together."""

    path: Path


class Watch:
    """Runs shards in a folder and keeps what was heard of them."""

    def __init__(self, building: Path) -> None:
        self.building = building
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.progress: list[tuple[int, int]] = []

    def run(
        self,
        function: Callable[..., dict[str, Any]],
        shards: list[Shard],
        resources: Resources = Resources(),  # noqa: B008
        should_stop: Callable[[], bool] = lambda: False,
        step: str = "shards",
    ) -> dict[str, dict[str, Any]]:
        return map_shards(
            function, shards, self.building, step, resources,
            on_event=lambda name, **facts: self.events.append((name, facts)),
            on_done=lambda done, total: self.progress.append((done, total)),
            should_stop=should_stop,
        )  # fmt: skip

    def count(self, name: str, shard: str) -> int:
        return sum(event == name and facts["shard"] == shard for event, facts in self.events)


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    (tmp_path / "building").mkdir()
    return Watch(tmp_path / "building")


def write_number(out: Path, n: int, seconds: float = 0.0) -> dict[str, Any]:
    assert out.is_dir()
    assert not list(out.iterdir()), "a function starts with an empty folder"
    time.sleep(seconds)
    (out / "number.txt").write_text(str(n * n))
    return {"n": n, "dropped": {"odd": n % 2}, "threads": int(os.environ["OMP_NUM_THREADS"])}


def numbers(count: int, **more: Any) -> list[Shard]:
    return [Shard(f"{n:05d}", {"n": n, **more}) for n in range(count)]


def test_results_come_in_the_order_of_the_shards_and_the_folders_are_whole(watch: Watch) -> None:
    shards = [Shard(f"{n:05d}", {"n": n, "seconds": 0.3 if n == 0 else 0}) for n in range(6)]
    results = watch.run(write_number, shards)
    assert list(results) == [f"{n:05d}" for n in range(6)]
    assert [result["n"] for result in results.values()] == list(range(6))
    assert [result["threads"] for result in results.values()] == [1] * 6
    assert sorted(path.name for path in (watch.building / "shards").iterdir()) == list(results)
    assert (watch.building / "shards" / "00003" / "number.txt").read_text() == "9"
    assert watch.progress == [(n, 6) for n in range(7)]
    assert [watch.count("shard_started", key) for key in results] == [1] * 6
    assert [watch.count("shard_done", key) for key in results] == [1] * 6


def test_finished_shards_are_not_run_again(watch: Watch) -> None:
    first = watch.run(write_number, numbers(3))
    watch.events.clear()
    watch.progress.clear()

    def never_called_for_old(out: Path, n: int) -> dict[str, Any]:
        if n < 3:
            raise RuntimeError("computed again")
        return write_number(out, n)

    again = watch.run(never_called_for_old, numbers(5))
    assert {key: again[key] for key in first} == first
    assert list(again) == [f"{n:05d}" for n in range(5)]
    assert watch.progress[-1] == (5, 5)
    assert {facts["shard"] for name, facts in watch.events if name == "shard_started"} == {"00003", "00004"}
    found = {facts["shard"] for name, facts in watch.events if name == "shard_done" and facts.get("found")}
    assert found == {"00000", "00001", "00002"}


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "edit", "tear", "forget"])
def test_a_finished_shard_that_is_damaged_is_done_again(watch: Watch, damage: str) -> None:
    """An earlier attempt finished three shards; one of them is no longer what was written."""
    first = watch.run(write_number, numbers(3))
    folder = watch.building / "shards" / "00001"
    path, record = folder / "number.txt", folder / RESULT
    match damage:
        case "flip":
            flip_a_bit(path)
        case "cut":
            path.write_text("")
        case "remove":
            path.unlink()
        case "edit":
            record.write_text(record.read_text().replace('"n": 1', '"n": 2'))
        case "tear":
            record.write_text(record.read_text()[:10])
        case "forget":
            record.unlink()
    watch.events.clear()
    assert watch.run(write_number, numbers(3)) == first
    assert path.read_text() == "1"
    done = {facts["shard"]: facts.get("found", False) for name, facts in watch.events if name == "shard_done"}
    assert done == {"00000": True, "00001": False, "00002": True}


def test_what_a_shard_reads_is_compared_with_its_checksum_first(watch: Watch, tmp_path: Path) -> None:
    path = tmp_path / "documents.parquet"
    path.write_text("as it was made")

    def read(out: Path, documents: Path, others: list[Path]) -> dict[str, Any]:
        return {"text": documents.read_text()}

    known = {str(path): checksum(path), "other": "x"}
    shard = Shard("00000", {"documents": path, "others": [path]}).reading(known)
    assert list(shard.reads) == [str(path)]
    for nested in (watch.building, {"deep": [path]}, Beside(path), [Beside(path)], Beside):
        assert list(Shard("n", {"a": nested}).reading(known).reads) == (
            [] if nested in (watch.building, Beside) else [str(path)]
        )
    assert watch.run(read, [shard]) == {"00000": {"text": "as it was made"}}
    flip_a_bit(path)
    with pytest.raises(
        ShardFailed, match=r"shard 00001 failed: ValueError: .*documents\.parquet has another checksum.*--repair"
    ):
        watch.run(read, [dataclasses.replace(shard, key="00001")])
    assert watch.count("shard_retry", "00001") == 0, "a second attempt would read the same"


def test_leftovers_of_a_killed_run_are_removed(watch: Watch) -> None:
    folder = watch.building / "shards"
    (folder / ".00000.0123abcd").mkdir(parents=True)
    (folder / ".00000.0123abcd" / "number.txt").write_text("half")
    (folder / ".manifest.json.0123abcd").write_text("half")  # written beside, when the step has no folder of its own
    watch.run(write_number, numbers(1))
    assert [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()] == [
        "00000/number.txt", f"00000/{RESULT}"
    ]  # fmt: skip


def test_an_error_is_tried_again_and_then_fails_with_the_name_of_the_shard(watch: Watch) -> None:
    def fail(out: Path, n: int) -> dict[str, Any]:
        (out / "half").write_text("1")
        if n == 1:
            raise OSError("the disk is\ntired")
        return {}

    with pytest.raises(ShardFailed, match=r"^shard 00001 failed after 3 attempts: OSError: the disk is$") as failure:
        watch.run(fail, numbers(2))
    assert watch.count("shard_started", "00001") == ATTEMPTS == 3
    assert [facts for name, facts in watch.events if name == "shard_retry"] == [
        {"shard": "00001", "attempt": attempt, "error": "OSError: the disk is"} for attempt in (1, 2)
    ]
    assert "in fail" in failure.value.details
    assert not (watch.building / "shards" / "00001").exists()


def test_a_value_error_is_not_tried_again(watch: Watch) -> None:
    def refuse(out: Path) -> dict[str, Any]:
        raise ValueError("records.jsonl: not JSON")

    with pytest.raises(ShardFailed, match=r"^shard 00000-sotu failed: ValueError: records\.jsonl: not JSON$"):
        watch.run(refuse, [Shard("00000-sotu")])
    assert watch.count("shard_started", "00000-sotu") == 1


def test_a_result_that_is_not_json_leaves_no_shard(watch: Watch) -> None:
    with pytest.raises(ShardFailed, match="shard 00000 failed"):
        watch.run(lambda out, n: {"n": float("nan")}, numbers(1))
    assert not (watch.building / "shards" / "00000").exists()


@pytest.mark.parametrize("death", ["exit", "kill", "error"])
def test_a_worker_that_dies_once_costs_one_retry_and_leaves_no_trace(watch: Watch, tmp_path: Path, death: str) -> None:
    def die_once(out: Path, n: int) -> dict[str, Any]:
        (out / "half").write_text("1")
        once = tmp_path / "died"
        if n == 1 and not once.exists():
            once.touch()
            if death == "exit":
                os._exit(1)
            if death == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("bad luck")
        (out / "half").unlink()
        return write_number(out, n)

    results = watch.run(die_once, numbers(3))
    assert [result["n"] for result in results.values()] == [0, 1, 2]
    assert watch.count("shard_retry", "00001") == 1
    assert watch.count("shard_started", "00001") == 2
    clean = Watch(tmp_path / "clean")
    clean.run(write_number, numbers(3))
    assert describe_files(watch.building) == describe_files(clean.building)


def test_a_worker_that_always_dies_fails_the_stage(watch: Watch) -> None:
    with pytest.raises(ShardFailed, match="shard 00000 failed after 3 attempts"):
        watch.run(lambda out, n: os._exit(1), numbers(1))


def test_output_does_not_depend_on_workers(watch: Watch, tmp_path: Path) -> None:
    described = []
    for workers in (1, 2, 3, None):
        each = Watch(tmp_path / f"workers-{workers}")
        results = each.run(write_number, numbers(5), Resources(workers=workers))
        described.append((list(results.items()), describe_files(each.building)))
    assert described[0] == described[1] == described[2] == described[3]


@pytest.mark.parametrize(("workers", "bound"), [(1, 1), (2, 2), (None, 2), (64, 2)])
def test_no_more_are_in_flight_than_workers_and_room(watch: Watch, workers: int | None, bound: int) -> None:
    watch.run(write_number, numbers(6, seconds=0.05), Resources(workers=workers))
    flying, most = 0, 0
    for name, _ in watch.events:
        flying += {"shard_started": 1, "shard_done": -1}[name]
        most = max(most, flying)
    assert most == bound


def test_a_stop_cancels_what_is_in_flight(watch: Watch, tmp_path: Path) -> None:
    def hang(out: Path, n: int) -> dict[str, Any]:
        (tmp_path / f"pid-{n}").write_text(str(os.getpid()))
        time.sleep(600)
        return {}

    def both_started() -> bool:
        return all((tmp_path / f"pid-{n}").is_file() and (tmp_path / f"pid-{n}").read_text() for n in range(2))

    with pytest.raises(Stopped):
        watch.run(hang, numbers(4), should_stop=both_started)
    pids = [int((tmp_path / f"pid-{n}").read_text()) for n in range(2)]
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not (tmp_path / "pid-2").exists(), "nothing new starts"
    assert watch.run(write_number, numbers(4)).keys() == {f"{n:05d}" for n in range(4)}


def test_a_failure_cancels_what_is_in_flight(watch: Watch, tmp_path: Path) -> None:
    def hang_or_fail(out: Path, n: int) -> dict[str, Any]:
        if n == 0:
            (tmp_path / "pid").write_text(str(os.getpid()))
            time.sleep(600)
        while not (tmp_path / "pid").exists():
            time.sleep(0.05)
        raise ValueError("no")

    with pytest.raises(ShardFailed):
        watch.run(hang_or_fail, numbers(2))
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not psutil.pid_exists(pid)


def test_tasks_occupy_the_folder_under_construction(watch: Watch, tmp_path: Path) -> None:
    from orchestration.lease import hold

    def until_told(out: Path, n: int) -> dict[str, Any]:
        (tmp_path / "inside").touch()
        while not (tmp_path / "go").exists():
            time.sleep(0.05)
        return {}

    thread = threading.Thread(target=lambda: watch.run(until_told, numbers(1)))
    thread.start()
    while not (tmp_path / "inside").exists():
        time.sleep(0.05)
    deadline = time.monotonic() + 0.5
    with pytest.raises(Stopped), hold(watch.building, lambda _: None, lambda: time.monotonic() > deadline):
        raise AssertionError("a task is still at work there")
    (tmp_path / "go").touch()
    thread.join(timeout=30)
    with hold(watch.building, lambda _: None, lambda: False):
        pass


def test_a_task_too_large_for_the_cluster_is_one_line(watch: Watch) -> None:
    with pytest.raises(ValueError, match="a task needs 3 CPUs and 0 GPUs, and the cluster has 2 and 0"):
        watch.run(write_number, numbers(1), Resources(cpus=3))


def test_no_shards_and_two_of_one_name(watch: Watch) -> None:
    assert watch.run(write_number, []) == {}
    with pytest.raises(AssertionError, match="two shards of one name"):
        watch.run(write_number, [Shard("a"), Shard("a")])


def fill_the_disk(out: Path, full: bool) -> dict[str, Any]:
    (out / "part").write_bytes(b"x" * 1000)
    if full:
        Path("/dev/full").write_bytes(b"x")
    return {}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_told_at_once_with_what_is_missing(watch: Watch) -> None:
    shards = [Shard("0", {"full": False}), *(Shard(str(n), {"full": True}) for n in (1, 2))]
    with pytest.raises(
        DiskFull, match=rf"^disk full: {watch.building}: needs about 0\.0 MB more, .* another --workdir$"
    ):
        watch.run(fill_the_disk, shards, Resources(workers=1))
    assert not watch.count("shard_retry", "1") and not watch.count("shard_started", "2")
    assert [path.name for path in (watch.building / "shards").iterdir()] == ["0"], "half a shard takes no room"
