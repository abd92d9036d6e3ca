"""No interface node off its interface: tetrahedra that reach across to such a node change sides.

After flips and moves a few spikes are left: one or two tetrahedra of one tissue whose tip lies deep in another, where
no nodes follow the interface.  The tip's node cannot be moved to the interface without flattening its star.  Such a
node is told apart by the way to the boundary of the union of tissues it lies on (largest field inside minus largest
outside the union); beyond a limit, the tetrahedra round it that lie on the wrong side change sides, if that leaves
fewer nodes off, no forbidden contact and every boundary a manifold.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.mesher.fields import tissue_at_points
from meshes.mesher.layers import between_table, keeps_apart
from meshes.mesher.manifold import LARGEST_STAR, star_pieces
from meshes.mesher.shape import star_quality
from meshes.mesher.ways import LOST_MM, members, on_boundary, way_to_union, ways, which_are_off
from meshes.topology import elements_of_nodes

Array = NDArray[Any]

ROUNDS = 6
NEIGHBOURHOOD = 2  # rings of nodes round an astray one that a change can touch
FAR_MM = 3.0  # nodes farther off than this are equally bad
GAIN_MM = 0.01  # a change of sides has to lower the cost by this
PULL_PARTS = (1.0, 0.8, 0.6, 0.4, 0.25, 0.12)
NEVER = 1000.0  # cost (mm) of a node where a boundary is no manifold, ...
TOLERATED = 0.0  # ... when it will be mended afterwards


@njit(cache=True)
def node_cost(
    node: int,
    way: Array,
    neighbours: Array,
    tissue: Array,
    start: Array,
    items: Array,
    unions: Array,
    limit_mm: float,
    pinch_cost: float,
) -> float:
    """Excess way (mm) to each union boundary the node is on, plus ``pinch_cost`` for each that is no manifold there."""
    star = np.empty(LARGEST_STAR, np.int64)
    parent = np.empty(LARGEST_STAR, np.int64)
    n = min(start[node + 1] - start[node], LARGEST_STAR)
    for i in range(n):
        star[i] = items[start[node] + i]
    cost = 0.0
    for g in range(len(unions)):
        if not on_boundary(start, items, tissue, unions[g], node):
            continue
        cost += max(min(way[g], FAR_MM) - limit_mm, 0.0)
        within, without = star_pieces(neighbours, tissue, unions[g], star, n, parent)
        if within != 1 or without != 1:
            cost += pinch_cost
    return cost


@njit(cache=True)
def wrong_side(
    node: int,
    tets: Array,
    neighbours: Array,
    tissue: Array,
    start: Array,
    items: Array,
    member: Array,
    side: bool,
    wide: bool,
    out: Array,
) -> int:
    """Tetrahedra round a node that are not on ``side`` of a union (``wide``: those behind them too); how many."""
    n = 0
    for e in range(start[node], start[node + 1]):
        t = items[e]
        if member[tissue[t]] != side and n < len(out):
            out[n] = t
            n += 1
    if wide:
        for i in range(n):
            for f in range(4):
                u = neighbours[out[i], f]
                if u < 0 or member[tissue[u]] == side or n >= len(out):
                    continue
                new = True
                for j in range(n):
                    if out[j] == u:
                        new = False
                if new:
                    out[n] = u
                    n += 1
    return n


@njit(cache=True)
def joins(change: Array, n_change: int, code: int, neighbours: Array, tissue: Array) -> bool:
    """Whether some tetrahedra share a face with one that has the tissue they are to get."""
    for i in range(n_change):
        for f in range(4):
            u = neighbours[change[i], f]
            if u >= 0 and tissue[u] == code:
                return True
    return False


@njit(cache=True)
def try_change(
    change: Array,
    n_change: int,
    code: int,
    known: Array,
    way: Array,
    tets: Array,
    neighbours: Array,
    tissue: Array,
    start: Array,
    items: Array,
    unions: Array,
    between: Array,
    limit_mm: float,
    pinch_cost: float,
) -> bool:
    """Give some tetrahedra a tissue if that lowers the cost of their nodes and makes no forbidden contact."""
    touched = np.empty(4 * n_change, np.int64)
    n_touched = 0
    for i in range(n_change):
        for k in range(4):
            node = tets[change[i], k]
            new = True
            for j in range(n_touched):
                if touched[j] == node:
                    new = False
            if new:
                if not known[node]:
                    return False  # too far from where ways are known
                touched[n_touched] = node
                n_touched += 1
    if not joins(change, n_change, code, neighbours, tissue):
        return False
    before = 0.0
    for j in range(n_touched):
        node = touched[j]
        before += node_cost(node, way[node], neighbours, tissue, start, items, unions, limit_mm, pinch_cost)
    old = np.empty(n_change, np.int8)
    for i in range(n_change):
        old[i] = tissue[change[i]]
        tissue[change[i]] = code
    after = 0.0
    apart = True
    for i in range(n_change):
        apart = apart and keeps_apart(neighbours, tissue, between, change[i], code)
    if apart:
        for j in range(n_touched):
            node = touched[j]
            after += node_cost(node, way[node], neighbours, tissue, start, items, unions, limit_mm, pinch_cost)
            if after > before - GAIN_MM:
                break
    if apart and after <= before - GAIN_MM:
        return True
    for i in range(n_change):
        tissue[change[i]] = old[i]
    return False


@njit(cache=True)
def change_sides(
    off: Array,
    winner: Array,
    known: Array,
    way: Array,
    tets: Array,
    neighbours: Array,
    tissue: Array,
    start: Array,
    items: Array,
    unions: Array,
    between: Array,
    limit_mm: float,
    pinch_cost: float,
) -> int:
    """One visit to every node in ``off`` (n,); ``winner`` (n,) is the tissue there.  Returns how many got better."""
    change = np.empty(2 * LARGEST_STAR, np.int64)
    better = 0
    for i in range(len(off)):
        node = off[i]
        for g in range(len(unions)):
            done = not on_boundary(start, items, tissue, unions[g], node) or way[node, g] <= limit_mm
            side = unions[g, winner[i]]
            for wide in (False, True):
                if done:
                    break
                n_change = wrong_side(node, tets, neighbours, tissue, start, items, unions[g], side, wide, change)
                for turn in range(unions.shape[1] + 1):
                    code = winner[i] if turn == 0 else turn - 1
                    if unions[g, code] != side:
                        continue
                    if try_change(
                        change,
                        n_change,
                        code,
                        known,
                        way,
                        tets,
                        neighbours,
                        tissue,
                        start,
                        items,
                        unions,
                        between,
                        limit_mm,
                        pinch_cost,
                    ):
                        better += 1
                        done = True
                        break
    return better


@njit(cache=True)
def longest_way(
    fields: Array,
    spacing: Array,
    place: Array,
    node: int,
    start: Array,
    items: Array,
    tissue: Array,
    unions: Array,
    shorter_than: float,
    scratch: Array,
) -> tuple[float, float, float, float]:
    """Foot and length of the longest way from a place to a boundary ``node`` is on, of those under ``shorter_than``."""
    x = place[0]
    y = place[1]
    z = place[2]
    longest = 0.0
    for g in range(len(unions)):
        if on_boundary(start, items, tissue, unions[g], node):
            fx, fy, fz, way = way_to_union(fields, spacing, place[0], place[1], place[2], unions[g], scratch)
            if longest < way < shorter_than:
                x = fx
                y = fy
                z = fz
                longest = way
    return x, y, z, longest


@njit(cache=True)
def pull(
    off: Array,
    fields: Array,
    spacing: Array,
    points: Array,
    tets: Array,
    tissue: Array,
    start: Array,
    items: Array,
    unions: Array,
    limit_mm: float,
    floor: float,
) -> int:
    """Move nodes ``off`` (n,) towards the boundary they are farthest from, as far as the shapes round them allow.

    No star may get worse than ``floor`` (smallest sine), or than it was.  Returns how many are nearer now.
    """
    scratch = np.empty(fields.shape[3])
    before = np.empty(3)
    nearer = 0
    for i in range(len(off)):
        node = off[i]
        for k in range(3):
            before[k] = points[node, k]
        x, y, z, farthest = longest_way(fields, spacing, before, node, start, items, tissue, unions, LOST_MM, scratch)
        if farthest <= limit_mm:
            continue
        worst = min(star_quality(points, tets, tissue, start, items, node, -9.0), floor)
        moved = False
        for part in PULL_PARTS:
            points[node, 0] = before[0] + part * (x - before[0])
            points[node, 1] = before[1] + part * (y - before[1])
            points[node, 2] = before[2] + part * (z - before[2])
            if star_quality(points, tets, tissue, start, items, node, worst) <= worst:
                continue
            now = longest_way(fields, spacing, points[node], node, start, items, tissue, unions, np.inf, scratch)[3]
            if now <= limit_mm or now < farthest:
                moved = True
                break
        if moved:
            nearer += 1
        else:
            for k in range(3):
                points[node, k] = before[k]
    return nearer


def settle(
    fields: Array,
    spacing: Array,
    points: Array,
    tets: Array,
    neighbours: Array,
    tissue: Array,
    limit_mm: float,
    floor: float,
    rounds: int = ROUNDS,
    pinch_cost: float = NEVER,
) -> tuple[Array, Array, int, int]:
    """Change sides and pull nodes until no interface node is farther off than ``limit_mm``, or nothing helps.

    Pulling leaves no smallest sine below ``floor``; ``pinch_cost`` is ``NEVER``, or ``TOLERATED`` if
    :func:`~meshes.mesher.clean.clean` comes next.  Returns the points, the labels, how many nodes were off at first,
    and how many still are.
    """
    unions = members()
    between = between_table()
    points = points.copy()
    tissue = tissue.copy()
    start, items = elements_of_nodes(tets, len(points))
    known = np.zeros(len(points), bool)  # nodes whose ways have been measured
    way = np.empty((len(points), len(unions)))
    look = np.arange(len(points))
    first = -1
    for _ in range(rounds):
        off = look[which_are_off(fields, spacing, points, look, start, items, tissue, unions, limit_mm)]
        if first < 0:
            first = len(off)
        if not len(off):
            break
        look = off
        for _ in range(NEIGHBOURHOOD):
            ring = np.concatenate([items[start[v] : start[v + 1]] for v in look])
            look = np.unique(tets[np.unique(ring)])
        fresh = look[~known[look]]
        way[fresh] = ways(fields, spacing, points, fresh, unions)
        known[fresh] = True
        winner = tissue_at_points(fields, spacing, points[off])
        better = change_sides(
            off, winner, known, way, tets, neighbours, tissue, start, items, unions, between, limit_mm, pinch_cost
        )
        off = look[which_are_off(fields, spacing, points, look, start, items, tissue, unions, limit_mm)]
        known[off] = False
        better += pull(off, fields, spacing, points, tets, tissue, start, items, unions, limit_mm, floor)
        if not better:
            break
    off = look[which_are_off(fields, spacing, points, look, start, items, tissue, unions, limit_mm)]
    return points, tissue, first, len(off)
