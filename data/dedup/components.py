"""Connected components of a graph given by its edges, and the smallest node of each."""

import numpy as np


def connected_components(nodes: int, edges: np.ndarray) -> np.ndarray:
    """A label for each node, shape (nodes,), the same for all that are connected; `edges` has shape (edges, 2)."""
    # Late: scipy takes half a second to load, and this is its only use.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components as label

    weights = np.ones(len(edges), np.int8)
    graph = coo_array((weights, (edges[:, 0], edges[:, 1])), shape=(nodes, nodes))
    return label(graph, directed=False)[1]


def smallest_members(labels: np.ndarray) -> np.ndarray:
    """For each node, the smallest node of its component, shape (nodes,)."""
    return np.unique(labels, return_index=True)[1][labels]
