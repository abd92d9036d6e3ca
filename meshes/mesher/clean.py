"""Tissue labels that make sense: no specks, no forbidden contacts, every interface a manifold.

Only labels change here, so the mesh stays conforming.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.mesher.layers import N_TISSUES, UNIONS, between_table
from meshes.mesher.manifold import BOLD, mend_manifold
from meshes.mesher.shape import volumes
from meshes.mesher.topology import pieces
from meshes.topology import elements_of_nodes

Array = NDArray[Any]

SMALLEST_PIECE = 150  # tetrahedra; smaller islands join what surrounds them
SMALL_AIR_MM3 = 0.5  # protruding tetrahedra above this stay in the head
ROUNDS = 15
SAME_BOLDNESS = 3  # rounds after which the manifold's mending grows bolder


@njit(cache=True)
def fill_protruding(neighbours: Array, tissue: Array, volume: Array, air_below: float) -> int:
    """Tetrahedra with three faces towards one other tissue join it (the outside only if they are small)."""
    changed = 0
    for t in range(len(tissue)):
        for f in range(2):
            u = neighbours[t, f]
            if u < 0:
                continue
            other = tissue[u]
            if other == tissue[t] or (other == 0 and volume[t] > air_below):
                continue
            towards = 0
            for g in range(4):
                w = neighbours[t, g]
                if w >= 0 and tissue[w] == other:
                    towards += 1
            if towards >= 3:
                tissue[t] = other
                changed += 1
                break
    return changed


@njit(cache=True)
def drown_specks(neighbours: Array, tissue: Array, piece: Array, smallest: int, n_tissues: int) -> int:
    """Pieces of fewer than ``smallest`` tetrahedra, and all air but the largest piece, take their neighbours' tissue.

    One layer of tetrahedra at a time from the rim inward; returns how many changed.
    """
    size = np.zeros(len(tissue), np.int64)
    for t in range(len(tissue)):
        size[piece[t]] += 1
    largest_air = -1
    for t in range(len(tissue)):
        root = piece[t]
        if tissue[t] == 0 and (largest_air < 0 or size[root] > size[largest_air]):
            largest_air = root
    pending = np.zeros(len(tissue), np.bool_)
    for t in range(len(tissue)):
        root = piece[t]
        pending[t] = size[root] < smallest or (tissue[t] == 0 and root != largest_air)
    changed = 0
    votes = np.zeros(n_tissues, np.int64)
    todo = np.flatnonzero(pending)
    while len(todo):
        winner = np.full(len(todo), -1, np.int8)
        for i in range(len(todo)):
            votes[:] = 0
            for f in range(4):
                u = neighbours[todo[i], f]
                if u >= 0 and not pending[u]:
                    votes[tissue[u]] += 1
            best = np.argmax(votes)
            if votes[best] > 0:
                winner[i] = best
        settled = 0
        for i in range(len(todo)):
            if winner[i] >= 0:
                tissue[todo[i]] = winner[i]
                pending[todo[i]] = False
                settled += 1
        changed += settled
        if settled == 0:
            break
        todo = todo[winner < 0]
    return changed


@njit(cache=True)
def part_contacts(tets: Array, neighbours: Array, tissue: Array, start: Array, items: Array, between: Array) -> int:
    """Where forbidden tissues share a face, the inner one's tetrahedra round that face's edges join the layer between.

    Returns the number of forbidden faces there were.
    """
    found = 0
    for t in range(len(tets)):
        for f in range(4):
            u = neighbours[t, f]
            if u < 0 or between[tissue[t], tissue[u]] < 0:
                continue
            layer = between[tissue[t], tissue[u]]
            # the inner tissue is the one that comes before the layer; air and eyes are always outer
            inner = tissue[t] if 0 < tissue[t] < layer else tissue[u]
            found += 1
            for i in range(4):
                if i == f:
                    continue
                node = tets[t, i]
                for e in range(start[node], start[node + 1]):
                    w = items[e]
                    if tissue[w] != inner:
                        continue
                    shared = 0
                    for k in range(4):
                        for j in range(4):
                            if j != f and tets[w, k] == tets[t, j]:
                                shared += 1
                    if shared >= 2:
                        tissue[w] = layer
    return found


def clean(points: Array, tets: Array, neighbours: Array, tissue: Array) -> tuple[Array, int]:
    """Clean tissue labels.

    Parameters
    ----------
    points, tets, neighbours, tissue : arrays
        A compact mesh with its air; ``tissue`` is int8.

    Returns
    -------
    tissue : (M,) int8
        The new labels.
    left : int
        Faults (specks, contacts, non-manifold nodes) that the last round still found; 0 when all is clean.
    """
    tissue = tissue.copy()
    volume = np.abs(volumes(points, tets))
    start, items = elements_of_nodes(tets, len(points))
    between = between_table()
    left = 0
    fill_protruding(neighbours, tissue, volume, SMALL_AIR_MM3)
    look = np.ones(len(points), bool)  # nodes whose stars have changed since they were found good
    for round_ in range(ROUNDS):
        before = tissue.copy()
        again = np.zeros(len(points), bool)
        left = drown_specks(neighbours, tissue, pieces(tets, neighbours, tissue), SMALLEST_PIECE, N_TISSUES)
        left += part_contacts(tets, neighbours, tissue, start, items, between)
        for union in UNIONS:
            member = np.isin(np.arange(N_TISSUES), union)
            outward = union[-1] + 1 if union[-1] + 1 < N_TISSUES and len(union) > 1 else 0
            left += mend_manifold(
                tets,
                neighbours,
                tissue,
                volume,
                start,
                items,
                member,
                between,
                int(outward),
                min(round_ // SAME_BOLDNESS, BOLD),
                look,
                again,
            )
        if left == 0:
            break
        look = again
        look[tets[tissue != before]] = True
    return tissue, left
