"""A graph of work: each node starts as soon as the nodes that it waits for are done; nodes that are ready run side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """A piece of work: its name, the names of the nodes that must be done before it, and the function to call."""

    key: str
    after: tuple[str, ...]
    run: Callable[[], None]


def run_graph(nodes: Sequence[Node], should_stop: Callable[[], bool]) -> None:
    """Run every node, each in a thread of its own. The threads only wait for work in other processes, so many do no harm.

    After the first failure, or when `should_stop` says so, no further node starts. The nodes that run are waited for, and then
    the first error is raised. Raises ValueError when a node waits for one that is not in the graph, or when nodes wait for
    one another in a circle.
    """
    known = {node.key for node in nodes}
    for node in nodes:
        missing = set(node.after) - known
        if missing:
            raise ValueError(f"{node.key} waits for {', '.join(sorted(missing))}, which is not part of the graph")
    waiting, done = list(nodes), set[str]()
    running: dict[Future[None], str] = {}
    error: BaseException | None = None
    with ThreadPoolExecutor(max_workers=max(1, len(nodes)), thread_name_prefix="stage") as threads:
        while True:
            if error is None and not should_stop():
                ready = [node for node in waiting if done.issuperset(node.after)]
                waiting = [node for node in waiting if node not in ready]
                running |= {threads.submit(node.run): node.key for node in ready}
            if not running:
                break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                done.add(running.pop(future))
                error = error or future.exception()
    if error is not None:
        raise error
    if waiting and not should_stop():
        raise ValueError(f"{', '.join(node.key for node in waiting)} wait for one another in a circle")
