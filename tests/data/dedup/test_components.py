import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data.dedup.components import connected_components, smallest_members


def union_find(nodes: int, edges: list[tuple[int, int]]) -> list[int]:
    """The smallest node of each node's component."""
    smallest = list(range(nodes))
    for a, b in edges * nodes:  # as often as there are nodes: every label has arrived by then
        smallest[a] = smallest[b] = min(smallest[a], smallest[b])
    return smallest


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    nodes = draw(st.integers(1, 25))
    node = st.integers(0, nodes - 1)
    return nodes, draw(st.lists(st.tuples(node, node), max_size=30))


@given(graphs())
@settings(deadline=None)  # the first example imports SciPy
def test_components_equal_a_naive_union_find(graph: tuple[int, list[tuple[int, int]]]) -> None:
    nodes, edges = graph
    labels = connected_components(nodes, np.array(edges, np.int64).reshape(-1, 2))
    assert smallest_members(labels).tolist() == union_find(nodes, edges)


def test_an_edge_given_hundreds_of_times_counts_once() -> None:
    # Parallel edges are summed in a sparse matrix; 256 of them in one byte would add up to none.
    labels = connected_components(2, np.array([[0, 1]] * 256))
    assert labels[0] == labels[1]


def test_no_nodes() -> None:
    assert smallest_members(connected_components(0, np.empty((0, 2), np.int64))).tolist() == []
