"""Clean tissue labels: no specks, no forbidden contacts, every interface a manifold.

Only labels change here, so the mesh stays conforming.

*Manifolds.*  For a nested union of tissues (WM; WM and GM; ...; the whole head) look at the tetrahedra round a node.  Its
boundary is a manifold there exactly if those inside the union hang together over faces, and those outside do too: on the
sphere of directions the boundary is then one closed curve.  Otherwise every piece but the largest changes sides.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.mesher.layers import N_TISSUES, UNIONS, Labels, keeps_apart, labels_of
from meshes.mesher.shape import volumes
from meshes.mesher.state import find_root, pieces
from meshes.topology import Stars, elements_of_nodes

Array = NDArray[Any]

LARGEST_STAR = 512
CAREFUL, DIRECT, BOLD = 0, 1, 2
SMALLEST_PIECE = 150  # tetrahedra; smaller islands join what surrounds them
SMALL_AIR_MM3 = 0.5  # protruding tetrahedra above this stay in the head
ROUNDS = 15
SAME_BOLDNESS = 3  # rounds after which the manifold's mending grows bolder


@njit(cache=True)
def star_pieces(neighbours: Array, tissue: Array, member: Array, star: Array, n: int, parent: Array) -> tuple[int, int]:
    """Pieces inside and outside the union among the n tetrahedra of a star, joined over faces; fills ``parent``.

    Parameters
    ----------
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    tissue : (M,) int8
        Of the tetrahedra.
    member : (7,) bool
        Tissues of the union.
    star : (n,) int64
        Tetrahedra of the star, ascending.
    n : int
        How many entries of ``star`` count.
    parent : (n,) int64
        Overwritten: the union-find of the star.
    """
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
    neighbours: Array,
    labels: Labels,
    volume: Array,
    stars: Stars,
    member: Array,
    fallback: int,
    boldness: int,
    look: Array,
    again: Array,
) -> int:
    """Make the boundary of one union of tissues a manifold; returns the number of nodes where it was none.

    Parameters
    ----------
    neighbours : (M, 4) int
        Tetrahedron behind each face.
    labels : Labels
        Changed in place.
    volume : (M,)
        Volumes of the tetrahedra, mm³.
    stars : Stars
        Tetrahedra round nodes.
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
    tissue = labels.tissue
    inside = np.empty(len(tissue), np.bool_)
    for t in range(len(tissue)):
        inside[t] = member[tissue[t]]
    star = np.empty(LARGEST_STAR, np.int64)
    parent = np.empty(LARGEST_STAR, np.int64)
    weight = np.empty(LARGEST_STAR)
    wish = np.empty(LARGEST_STAR, np.int8)
    bad = 0
    for node in range(len(stars.start) - 1):
        n = stars.start[node + 1] - stars.start[node]
        if not look[node] or n == 0 or n > LARGEST_STAR:
            continue
        n_inside = 0
        for i in range(n):
            star[i] = stars.items[stars.start[node] + i]
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
                if safe and not piece_may_change(neighbours, labels, inside, star[:n], parent, i):
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
    """Tissue that a tetrahedron takes when it changes sides: that of a neighbour over there.

    Parameters
    ----------
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    tissue : (M,) int8
        Of the tetrahedra.
    inside : (M,) bool
        Which tetrahedra are inside the union.
    t : int
        The tetrahedron.
    fallback : int
        Tissue where no neighbour is over there.
    """
    for f in range(4):
        u = neighbours[t, f]
        if u >= 0 and inside[u] != inside[t]:
            return tissue[u]
    return fallback


@njit(cache=True)
def piece_may_change(neighbours: Array, labels: Labels, inside: Array, star: Array, parent: Array, root: int) -> bool:
    """Whether a piece of a star can change sides without a forbidden contact.

    Parameters
    ----------
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    labels : Labels
        Tissues and the rules they obey.
    inside : (M,) bool
        Which tetrahedra are inside the union.
    star : (n,) int64
        Tetrahedra of the star.
    parent : (n,) int64
        Union-find of the star.
    root : int
        Of the piece.
    """
    for i in range(len(star)):
        if find_root(parent, i) != root:
            continue
        code = other_side(neighbours, labels.tissue, inside, star[i], -1)
        if code < 0 or not keeps_apart(neighbours, labels, star[i], code):
            return False
    return True


@njit(cache=True)
def fill_protruding(neighbours: Array, tissue: Array, volume: Array, air_below: float) -> int:
    """Tetrahedra with three faces towards one other tissue join it (the outside only if they are small).

    Parameters
    ----------
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    tissue : (M,) int8
        Of the tetrahedra.
    volume : (M,) float64
        mm³.
    air_below : float
        Only smaller tetrahedra become air, mm³.
    """
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

    Parameters
    ----------
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    tissue : (M,) int8
        Of the tetrahedra.
    piece : (M,) int
        Piece of each tetrahedron.
    smallest : int
        Tetrahedra that a piece must have to stay.
    n_tissues : int
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
def part_contacts(tets: Array, neighbours: Array, labels: Labels, stars: Stars) -> int:
    """Where forbidden tissues share a face, the inner one's tetrahedra round that face's edges join the layer between.

    Returns the number of forbidden faces there were.

    Parameters
    ----------
    tets : (M, 4) int
        Nodes of the tetrahedra.
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    labels : Labels
        Tissues and the rules they obey.
    stars : Stars
        Tetrahedra round nodes.
    """
    tissue, between = labels.tissue, labels.between
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
                for e in range(stars.start[node], stars.start[node + 1]):
                    w = stars.items[e]
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
    stars = elements_of_nodes(tets, len(points))
    labels = labels_of(tissue)
    left = 0
    fill_protruding(neighbours, tissue, volume, SMALL_AIR_MM3)
    look = np.ones(len(points), bool)  # nodes whose stars have changed since they were found good
    for round_ in range(ROUNDS):
        before = tissue.copy()
        again = np.zeros(len(points), bool)
        left = drown_specks(neighbours, tissue, pieces(tets, neighbours, tissue), SMALLEST_PIECE, N_TISSUES)
        left += part_contacts(tets, neighbours, labels, stars)
        for union in UNIONS:
            member = np.isin(np.arange(N_TISSUES), union)
            outward = union[-1] + 1 if union[-1] + 1 < N_TISSUES and len(union) > 1 else 0
            left += mend_manifold(
                neighbours,
                labels,
                volume,
                stars,
                member,
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
