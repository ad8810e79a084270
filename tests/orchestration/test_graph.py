"""The graph: what is ready runs, side by side; a failure or a stop starts nothing more."""

import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.graph import Node, run_graph


def never() -> bool:
    return False


def nodes_of(edges: dict[str, tuple[str, ...]], run: Callable[[str], None]) -> list[Node]:
    return [Node(key, after, lambda key=key: run(key)) for key, after in edges.items()]  # type: ignore[misc]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_node_runs_once_and_after_all_that_it_waits_for(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 8))
    edges = {str(n): tuple(str(m) for m in range(n) if data.draw(st.booleans())) for n in range(size)}
    order = data.draw(st.permutations(sorted(edges)))
    finished: list[str] = []

    def run(key: str) -> None:
        assert set(edges[key]) <= set(finished)
        finished.append(key)

    run_graph(nodes_of({key: edges[key] for key in order}, run), never)
    assert sorted(finished) == sorted(edges)


def test_a_node_starts_as_soon_as_its_own_inputs_are_done() -> None:
    # `slow` and `last` meet: that needs `last` to start after `quick` while `slow`, its sibling, still runs.
    meeting = threading.Barrier(2, timeout=20)

    def run(key: str) -> None:
        if key in ("slow", "last"):
            meeting.wait()

    run_graph(nodes_of({"slow": (), "quick": (), "last": ("quick",)}, run), never)


def test_all_that_are_ready_run_side_by_side() -> None:
    meeting = threading.Barrier(5, timeout=20)
    run_graph(nodes_of({str(n): () for n in range(5)}, lambda _: meeting.wait() and None), never)


def test_after_a_failure_nothing_starts_what_runs_is_waited_for_and_the_first_error_is_raised() -> None:
    ran: list[str] = []
    failed = threading.Event()

    def run(key: str) -> None:
        if key == "bad":
            failed.set()
            raise RuntimeError("the first")
        if key == "running":
            failed.wait(20)
            time.sleep(0.2)
        ran.append(key)
        if key == "running":
            raise RuntimeError("the second")

    with pytest.raises(RuntimeError, match="the first"):
        run_graph(nodes_of({"bad": (), "running": (), "after": ("bad",), "other": ("running",)}, run), never)
    assert ran == ["running"]


def test_a_stop_starts_nothing_more() -> None:
    stop = threading.Event()
    ran: list[str] = []

    def run(key: str) -> None:
        ran.append(key)
        stop.set()

    run_graph(nodes_of({"a": (), "b": ("a",), "c": ("b",)}, run), stop.is_set)
    assert ran == ["a"]
    run_graph(nodes_of({"a": ()}, run), lambda: True)
    assert ran == ["a"]


def test_a_circle_and_a_missing_node_are_named() -> None:
    with pytest.raises(ValueError, match=r"a, b wait for one another in a circle"):
        run_graph(nodes_of({"a": ("b",), "b": ("a",), "c": ()}, lambda _: None), never)
    with pytest.raises(ValueError, match=r"a waits for nowhere, which is not part of the graph"):
        run_graph(nodes_of({"a": ("nowhere",)}, lambda _: None), never)


def test_no_nodes_is_no_work() -> None:
    run_graph([], never)
