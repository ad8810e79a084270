"""Two runs at once that have artifacts in common build them once."""

from collections import Counter
from pathlib import Path
from typing import Any


def test_two_runs_at_once_build_what_they_share_once(line: Any, tools: Any, tmp_path: Path) -> None:
    names = ("first", "second")
    processes = [
        line.start("run", "recipe.yaml", f"name={name}", "--until", "clean", "--workdir", tmp_path) for name in names
    ]
    for process in processes:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, f"{out}\n{err}"
    events = [event for name in names for event in tools.read_events(tmp_path, name)]
    built = Counter(event["stage"] for event in events if event["event"] == "stage_started")
    assert built == {"collect": 1, "clean": 1}
    shards = Counter((event["stage"], event["shard"]) for event in events if event["event"] == "shard_started")
    assert set(shards.values()) == {1}
    first, second = (tools.read_manifests(tmp_path, name) for name in names)
    assert tuple(first) == ("collect", "clean")
    assert first == second
