"""Every interface a manifold.

For a nested union of tissues (WM; WM and GM; ...; the whole head) look at the tetrahedra round a node.  Its boundary is
a manifold there exactly if those inside the union hang together over faces, and those outside do too: on the sphere of
directions the boundary is then one closed curve.  Otherwise every piece but the largest changes sides.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.mesher.layers import keeps_apart
from meshes.mesher.topology import find_root

Array = NDArray[Any]

LARGEST_STAR = 512
CAREFUL, DIRECT, BOLD = 0, 1, 2


@njit(cache=True)
def star_pieces(neighbours: Array, tissue: Array, member: Array, star: Array, n: int, parent: Array) -> tuple[int, int]:
    """Pieces inside and outside the union among the n tetrahedra of a star, joined over faces; fills ``parent``."""
    for i in range(n):
        parent[i] = i
    for i in range(n):
        for f in range(4):
            u = neighbours[star[i], f]
            if u < 0 or u <= star[i]:
                continue
            j = np.searchsorted(star[:n], u)
            if j < n and star[j] == u and member[tissue[u]] == member[tissue[star[i]]]:
                a = find_root(parent, i)
                b = find_root(parent, j)
                parent[max(a, b)] = min(a, b)
    within = 0
    without = 0
    for i in range(n):
        if find_root(parent, i) == i:
            if member[tissue[star[i]]]:
                within += 1
            else:
                without += 1
    return within, without


@njit(cache=True)
def mend_manifold(
    tets: Array,
    neighbours: Array,
    tissue: Array,
    volume: Array,
    start: Array,
    items: Array,
    member: Array,
    between: Array,
    fallback: int,
    boldness: int,
    look: Array,
    again: Array,
) -> int:
    """Make the boundary of one union of tissues a manifold; returns the number of nodes where it was none.

    Parameters
    ----------
    member : (7,) bool
        Tissues of the union.
    fallback : int
        Tissue for what leaves the union where no neighbour says which (never needed in a closed head).
    boldness : int
        ``CAREFUL``: prefer changes that make no forbidden contact.  ``DIRECT``: the smallest change.  ``BOLD``: the
        whole smaller side of the star changes, which ends the cycles that the other two can fall into.
    look, again : (N,) bool
        Nodes to look at; those that were no manifold are marked in ``again``.
    """
    inside = np.empty(len(tissue), np.bool_)
    for t in range(len(tissue)):
        inside[t] = member[tissue[t]]
    star = np.empty(LARGEST_STAR, np.int64)
    parent = np.empty(LARGEST_STAR, np.int64)
    weight = np.empty(LARGEST_STAR)
    wish = np.empty(LARGEST_STAR, np.int8)
    bad = 0
    for node in range(len(start) - 1):
        n = start[node + 1] - start[node]
        if not look[node] or n == 0 or n > LARGEST_STAR:
            continue
        n_inside = 0
        for i in range(n):
            star[i] = items[start[node] + i]
            if inside[star[i]]:
                n_inside += 1
        if n_inside == 0 or n_inside == n:
            continue
        within, without = star_pieces(neighbours, tissue, member, star, n, parent)
        if within == 1 and without == 1:
            continue
        bad += 1
        again[node] = True
        weight[:n] = 0.0
        for i in range(n):
            weight[find_root(parent, i)] += volume[star[i]]
        keep_in = -1
        keep_out = -1
        for i in range(n):
            if find_root(parent, i) != i:
                continue
            if inside[star[i]]:
                if keep_in < 0 or weight[i] > weight[keep_in]:
                    keep_in = i
            elif keep_out < 0 or weight[i] > weight[keep_out]:
                keep_out = i
        # the smallest piece that may change sides does so; one a visit, the caller comes back until none is left
        chosen = -1
        for safe in (boldness == CAREFUL, False):
            for i in range(n):
                if find_root(parent, i) != i or i in (keep_in, keep_out):
                    continue
                if (inside[star[i]] and within == 1) or (not inside[star[i]] and without == 1):
                    continue
                if chosen >= 0 and weight[i] >= weight[chosen]:
                    continue
                if safe and not piece_may_change(neighbours, tissue, inside, star, n, parent, i, between):
                    continue
                chosen = i
            if chosen >= 0:
                break
        whole_side = boldness == BOLD and chosen >= 0
        smaller = 2 * n_inside < n
        for i in range(n):
            wish[i] = -1
            root = find_root(parent, i)
            if root == chosen or (whole_side and inside[star[i]] == smaller):
                wish[i] = other_side(neighbours, tissue, inside, star[i], fallback)
        for i in range(n):
            if wish[i] >= 0:
                tissue[star[i]] = wish[i]
                inside[star[i]] = member[wish[i]]
    return bad


@njit(cache=True)
def other_side(neighbours: Array, tissue: Array, inside: Array, t: int, fallback: int) -> int:
    """Tissue that a tetrahedron takes when it changes sides: that of a neighbour over there."""
    for f in range(4):
        u = neighbours[t, f]
        if u >= 0 and inside[u] != inside[t]:
            return tissue[u]
    return fallback


@njit(cache=True)
def piece_may_change(
    neighbours: Array, tissue: Array, inside: Array, star: Array, n: int, parent: Array, root: int, between: Array
) -> bool:
    """Whether a piece of a star can change sides without a forbidden contact."""
    for i in range(n):
        if find_root(parent, i) != root:
            continue
        code = other_side(neighbours, tissue, inside, star[i], -1)
        if code < 0 or not keeps_apart(neighbours, tissue, between, star[i], code):
            return False
    return True
