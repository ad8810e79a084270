"""The event log: appended by several at once, read past what a killed writer left."""

import threading
import time
from pathlib import Path

import pytest

from orchestration.events import EVENT, EventLog
from orchestration.side_records import read_side_lines


def test_events_come_back_in_order_with_their_time(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    before = time.time()
    log.write("run_started", pid=1)
    log.write("shard_done", stage="clean", shard="é\n2")
    found = read_side_lines(log.path, EVENT)
    assert [event["event"] for event in found] == ["run_started", "shard_done"]
    assert found[1].get("shard") == "é\n2"
    assert before - 0.01 <= found[0]["time"] <= found[1]["time"] <= time.time() + 0.01


def test_no_file_is_no_events(tmp_path: Path) -> None:
    assert read_side_lines(tmp_path / "events.jsonl", EVENT) == []


@pytest.mark.parametrize("torn", [b'{"time": 1, "event": "sh', b"\xff\xfe", b"12", b'"text"', b"[1]", b"\x00" * 20])
def test_a_torn_line_spoils_only_itself(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "events.jsonl"
    EventLog(path).write("first")
    with path.open("ab") as file:
        file.write(torn)
    assert [event["event"] for event in read_side_lines(path, EVENT)] == ["first"]
    EventLog(path).write("second")
    EventLog(path).write("third")
    assert [event["event"] for event in read_side_lines(path, EVENT)] == ["first", "second", "third"]


def test_threads_and_several_logs_do_not_tear_one_another(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    logs = [EventLog(path), EventLog(path)]
    long = "x" * 2000

    def write(number: int) -> None:
        for n in range(50):
            logs[number % 2].write("event", writer=number, n=n, text=long)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [(event.get("writer"), event.get("n")) for event in read_side_lines(path, EVENT)]
    assert sorted(found) == [(writer, n) for writer in range(8) for n in range(50)]
    assert all([n for w, n in found if w == writer] == list(range(50)) for writer in range(8))
