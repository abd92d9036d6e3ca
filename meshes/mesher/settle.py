"""Take nodes that lie off their interface back: tetrahedra that reach across to such a node change sides, or it is pulled.

After flips and moves a few spikes are left: one or two tetrahedra of one tissue whose tip lies deep in another, where
no nodes follow the interface.  The tip's node cannot be moved to the interface without flattening its star.  Such a
node is known by its way to the boundary of the union of tissues it lies on (largest field inside minus largest
outside the union); beyond a limit, the tetrahedra round it that lie on the wrong side change sides, if that leaves
fewer nodes off, no forbidden contact and every boundary a manifold.

The boundary of a union (WM; WM and GM; ...) is the zero set of the largest field inside minus the largest field outside
the union; the way there is a Newton walk along its gradient.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from meshes.mesher.clean import LARGEST_STAR, star_pieces
from meshes.mesher.fields import FLAT, Grid, pair_gradient, tissue_at_points, values_at
from meshes.mesher.layers import Labels, keeps_apart, labels_of
from meshes.mesher.shape import star_quality
from meshes.topology import Stars, elements_of_nodes

Array = NDArray[Any]

WALK_STEPS, WALK_STEP_MM = 8, 0.4
ARRIVED_MM = 0.03
LOST_MM = 9.0  # distance of a node whose walk does not arrive
ROUNDS = 6
NEIGHBOURHOOD = 2  # rings of nodes round an astray one that a change can touch
FAR_MM = 3.0  # nodes farther off than this are equally bad
GAIN_MM = 0.01  # a change of sides has to lower the cost by this
PULL_PARTS = (1.0, 0.8, 0.6, 0.4, 0.25, 0.12)
NEVER = 1000.0  # cost (mm) of a node where a boundary is no manifold, ...
TOLERATED = 0.0  # ... when it will be mended afterwards


@njit(cache=True)
def best_on_sides(values: Array, member: Array) -> tuple[int, int]:
    """Tissue of the largest value inside a union and of the largest outside."""
    inner = -1
    outer = -1
    for m in range(len(values)):
        if member[m]:
            if inner < 0 or values[m] > values[inner]:
                inner = m
        elif outer < 0 or values[m] > values[outer]:
            outer = m
    return inner, outer


@njit(cache=True)
def way_to_union(
    grid: Grid, x: float, y: float, z: float, member: Array, scratch: Array
) -> tuple[float, float, float, float]:
    """Foot point on the boundary of a union of tissues, and its distance (``LOST_MM`` if Newton does not arrive).

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    x, y, z : float
        Coordinates, grid mm.
    member : (7,) bool
        Tissues of the union.
    scratch : (K,) float64
        Overwritten.
    """
    px = x
    py = y
    pz = z
    left = LOST_MM
    for step in range(WALK_STEPS + 1):
        values_at(grid, px, py, pz, scratch)
        inner, outer = best_on_sides(scratch, member)
        gx, gy, gz = pair_gradient(grid, px, py, pz, inner, outer)
        slope2 = gx * gx + gy * gy + gz * gz + FLAT
        slope = np.sqrt(slope2)
        scale = (scratch[inner] - scratch[outer]) / slope2
        left = abs(scale) * slope
        if left < ARRIVED_MM or step == WALK_STEPS:
            break
        if left > WALK_STEP_MM:
            scale *= WALK_STEP_MM / left
        px -= scale * gx
        py -= scale * gy
        pz -= scale * gz
    if left > ARRIVED_MM:
        return px, py, pz, LOST_MM
    return px, py, pz, np.sqrt((px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2)


@njit(cache=True, parallel=True)
def ways_of(grid: Grid, points: Array, nodes: Array, unions: Array) -> Array:
    """Distance of ``nodes`` (n,) from the boundary of every union, (n, unions).

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    points : (N, 3) float64
        Nodes, grid mm.
    nodes : (n,) int
    unions : (U, 7) bool
        Tissues of each union.
    """
    way = np.empty((len(nodes), len(unions)))
    for i in prange(len(nodes)):
        scratch = np.empty(grid.fields.shape[3])
        x = points[nodes[i]]
        for g in range(len(unions)):
            way[i, g] = way_to_union(grid, x[0], x[1], x[2], unions[g], scratch)[3]
    return way


@njit(cache=True)
def on_boundary(stars: Stars, tissue: Array, member: Array, node: int) -> bool:
    """Whether a node has tetrahedra both inside and outside a union.

    Parameters
    ----------
    stars : Stars
        Tetrahedra round nodes.
    tissue : (M,) int8
        Of the tetrahedra.
    member : (7,) bool
        Tissues of the union.
    node : int
    """
    inside = 0
    for e in range(stars.start[node], stars.start[node + 1]):
        if member[tissue[stars.items[e]]]:
            inside += 1
    return 0 < inside < stars.start[node + 1] - stars.start[node]


@njit(cache=True, parallel=True)
def which_are_off(
    grid: Grid,
    points: Array,
    nodes: Array,
    stars: Stars,
    labels: Labels,
    limit_mm: float,
) -> Array:
    """Which of ``nodes`` (n,) are on a union's boundary but farther than ``limit_mm`` from it, (n,) bool.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    points : (N, 3) float64
        Nodes, grid mm.
    nodes : (n,) int
    stars : Stars
        Tetrahedra round nodes.
    labels : Labels
        Tissues and the rules they obey.
    limit_mm : float
        Nodes nearer than this are not off.
    """
    off = np.zeros(len(nodes), np.bool_)
    for i in prange(len(nodes)):
        node = nodes[i]
        scratch = np.empty(grid.fields.shape[3])
        for g in range(len(labels.unions)):
            if off[i] or not on_boundary(stars, labels.tissue, labels.unions[g], node):
                continue
            x = points[node]
            off[i] = way_to_union(grid, x[0], x[1], x[2], labels.unions[g], scratch)[3] > limit_mm
    return off


class Ways(NamedTuple):
    """Ways from nodes to the boundaries of the unions, and what they cost.

    Attributes
    ----------
    known : (N,) bool
        Nodes whose ways have been measured.
    mm : (N, U) float64
        Distance from each boundary.
    limit_mm : float
        Shorter ways cost nothing.
    pinch_cost : float
        Of a boundary that is no manifold at a node, mm.
    """

    known: Array
    mm: Array
    limit_mm: float
    pinch_cost: float


@njit(cache=True)
def node_cost(node: int, ways: Ways, neighbours: Array, labels: Labels, stars: Stars) -> float:
    """Excess way (mm) to each union boundary the node is on, plus a cost for each that is no manifold there.

    Parameters
    ----------
    node : int
    ways : Ways
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    labels : Labels
        Tissues and the rules they obey.
    stars : Stars
        Tetrahedra round nodes.
    """
    star = np.empty(LARGEST_STAR, np.int64)
    parent = np.empty(LARGEST_STAR, np.int64)
    n = min(stars.start[node + 1] - stars.start[node], LARGEST_STAR)
    for i in range(n):
        star[i] = stars.items[stars.start[node] + i]
    cost = 0.0
    for g in range(len(labels.unions)):
        if not on_boundary(stars, labels.tissue, labels.unions[g], node):
            continue
        cost += max(min(ways.mm[node, g], FAR_MM) - ways.limit_mm, 0.0)
        within, without = star_pieces(neighbours, labels.tissue, labels.unions[g], star, n, parent)
        if within != 1 or without != 1:
            cost += ways.pinch_cost
    return cost


@njit(cache=True)
def wrong_side(
    node: int,
    neighbours: Array,
    tissue: Array,
    stars: Stars,
    member: Array,
    side: bool,
    wide: bool,
    out: Array,
) -> int:
    """Tetrahedra round a node that are not on ``side`` of a union (``wide``: those behind them too); how many.

    Parameters
    ----------
    node : int
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    tissue : (M,) int8
        Of the tetrahedra.
    stars : Stars
        Tetrahedra round nodes.
    member : (7,) bool
        Tissues of the union.
    side : bool
        Whether the inside is the right side.
    wide : bool
        The tetrahedra behind them, too.
    out : (n,) int64
        Overwritten: the tetrahedra.
    """
    n = 0
    for e in range(stars.start[node], stars.start[node + 1]):
        t = stars.items[e]
        if member[tissue[t]] != side and n < len(out):
            out[n] = t
            n += 1
    if wide:
        for i in range(n):  # one layer: what is appended here is not visited itself
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
def joins(change: Array, code: int, neighbours: Array, tissue: Array) -> bool:
    """Whether some tetrahedra share a face with one that has the tissue they are to get.

    Parameters
    ----------
    change : (n,) int64
        Tetrahedra.
    code : int
        The tissue they are to get.
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    tissue : (M,) int8
        Of the tetrahedra.
    """
    for i in range(len(change)):
        for f in range(4):
            u = neighbours[change[i], f]
            if u >= 0 and tissue[u] == code:
                return True
    return False


@njit(cache=True)
def try_change(
    change: Array, code: int, ways: Ways, tets: Array, neighbours: Array, labels: Labels, stars: Stars
) -> bool:
    """Give some tetrahedra a tissue if that lowers the cost of their nodes and makes no forbidden contact.

    Parameters
    ----------
    change : (n,) int64
        Tetrahedra.
    code : int
        The tissue they are to get.
    ways : Ways
    tets : (M, 4) int
        Nodes of the tetrahedra.
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    labels : Labels
        Tissues and the rules they obey.
    stars : Stars
        Tetrahedra round nodes.
    """
    touched = np.empty(4 * len(change), np.int64)
    n_touched = 0
    for i in range(len(change)):
        for k in range(4):
            node = tets[change[i], k]
            new = True
            for j in range(n_touched):
                if touched[j] == node:
                    new = False
            if new:
                if not ways.known[node]:
                    return False  # too far from where ways are known
                touched[n_touched] = node
                n_touched += 1
    # no islands: every tissue's labels stay in few pieces
    if not joins(change, code, neighbours, labels.tissue):
        return False
    before = 0.0
    for j in range(n_touched):
        before += node_cost(touched[j], ways, neighbours, labels, stars)
    old = np.empty(len(change), np.int8)
    for i in range(len(change)):
        old[i] = labels.tissue[change[i]]
        labels.tissue[change[i]] = code
    after = 0.0
    apart = True
    for i in range(len(change)):
        apart = apart and keeps_apart(neighbours, labels, change[i], code)
    if apart:
        for j in range(n_touched):
            after += node_cost(touched[j], ways, neighbours, labels, stars)
            if after > before - GAIN_MM:
                break
    if apart and after <= before - GAIN_MM:
        return True
    for i in range(len(change)):
        labels.tissue[change[i]] = old[i]
    return False


@njit(cache=True)
def change_sides(
    off: Array, winner: Array, ways: Ways, tets: Array, neighbours: Array, labels: Labels, stars: Stars
) -> int:
    """One visit to every node in ``off`` (n,); ``winner`` (n,) is the tissue there.  Returns how many got better.

    Parameters
    ----------
    off : (n,) int
        Nodes off their interface.
    winner : (n,) int8
        The tissue whose field is largest at each.
    ways : Ways
    tets : (M, 4) int
        Nodes of the tetrahedra.
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    labels : Labels
        Tissues and the rules they obey.
    stars : Stars
        Tetrahedra round nodes.
    """
    unions = labels.unions
    change = np.empty(2 * LARGEST_STAR, np.int64)
    better = 0
    for i in range(len(off)):
        node = off[i]
        for g in range(len(unions)):
            done = not on_boundary(stars, labels.tissue, unions[g], node) or ways.mm[node, g] <= ways.limit_mm
            side = unions[g, winner[i]]
            for wide in (False, True):
                if done:
                    break
                n = wrong_side(node, neighbours, labels.tissue, stars, unions[g], side, wide, change)
                for turn in range(unions.shape[1] + 1):  # the tissue that wins at the node first, then all others
                    code = winner[i] if turn == 0 else turn - 1
                    if unions[g, code] != side:
                        continue
                    if try_change(change[:n], code, ways, tets, neighbours, labels, stars):
                        better += 1
                        done = True
                        break
    return better


@njit(cache=True)
def longest_way(
    grid: Grid, place: Array, node: int, stars: Stars, labels: Labels, shorter_than: float, scratch: Array
) -> tuple[float, float, float, float]:
    """Foot and length of the longest way from a place to a boundary ``node`` is on, of those under ``shorter_than``.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    place : (3,) float64
        Grid mm.
    node : int
    stars : Stars
        Tetrahedra round nodes.
    labels : Labels
        Tissues and the rules they obey.
    shorter_than : float
        Longer ways do not count, mm.
    scratch : (K,) float64
        Overwritten.
    """
    x = place[0]
    y = place[1]
    z = place[2]
    longest = 0.0
    for g in range(len(labels.unions)):
        if on_boundary(stars, labels.tissue, labels.unions[g], node):
            fx, fy, fz, way = way_to_union(grid, place[0], place[1], place[2], labels.unions[g], scratch)
            if longest < way < shorter_than:
                x = fx
                y = fy
                z = fz
                longest = way
    return x, y, z, longest


@njit(cache=True)
def pull(
    off: Array,
    grid: Grid,
    points: Array,
    tets: Array,
    labels: Labels,
    stars: Stars,
    limit_mm: float,
    floor: float,
) -> int:
    """Move nodes ``off`` (n,) towards the boundary they are farthest from, as far as the shapes round them allow.

    No star may get worse than ``floor`` (smallest sine), or than it was.  Returns how many are nearer now.

    Parameters
    ----------
    off : (n,) int
        Nodes off their interface.
    grid : Grid
        Tissue fields.
    points : (N, 3) float64
        Nodes, grid mm.
    tets : (M, 4) int
        Nodes of the tetrahedra.
    labels : Labels
        Tissues and the rules they obey.
    stars : Stars
        Tetrahedra round nodes.
    limit_mm : float
        Nodes nearer than this are not off.
    floor : float
        Smallest quality that a move may leave, unless it was worse.
    """
    scratch = np.empty(grid.fields.shape[3])
    before = np.empty(3)
    nearer = 0
    for i in range(len(off)):
        node = off[i]
        for k in range(3):
            before[k] = points[node, k]
        x, y, z, farthest = longest_way(grid, before, node, stars, labels, LOST_MM, scratch)
        if farthest <= limit_mm:
            continue
        worst = min(star_quality(points, tets, labels.tissue, stars, node, -9.0), floor)
        moved = False
        for part in PULL_PARTS:
            points[node, 0] = before[0] + part * (x - before[0])
            points[node, 1] = before[1] + part * (y - before[1])
            points[node, 2] = before[2] + part * (z - before[2])
            if star_quality(points, tets, labels.tissue, stars, node, worst) <= worst:
                continue
            now = longest_way(grid, points[node], node, stars, labels, np.inf, scratch)[3]
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
    grid: Grid,
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

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    points : (N, 3) float64
        Nodes, grid mm.
    tets : (M, 4) int
        Nodes of the tetrahedra.
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    tissue : (M,) int8
        Of the tetrahedra.
    limit_mm : float
        Nodes nearer than this are not off.
    floor : float
        Smallest quality that a move may leave, unless it was worse.
    rounds : int
        At most.
    pinch_cost : float
        ``NEVER`` or ``TOLERATED``.
    """
    points = points.copy()
    labels = labels_of(tissue.copy())
    stars = elements_of_nodes(tets, len(points))
    ways = Ways(np.zeros(len(points), bool), np.empty((len(points), len(labels.unions))), limit_mm, pinch_cost)
    look = np.arange(len(points))
    first = -1
    for _ in range(rounds):
        off = look[which_are_off(grid, points, look, stars, labels, limit_mm)]
        if first < 0:
            first = len(off)
        if not len(off):
            break
        look = off
        for _ in range(NEIGHBOURHOOD):
            ring = np.concatenate([stars.items[stars.start[v] : stars.start[v + 1]] for v in look])
            look = np.unique(tets[np.unique(ring)])
        fresh = look[~ways.known[look]]
        ways.mm[fresh] = ways_of(grid, points, fresh, labels.unions)
        ways.known[fresh] = True
        winner = tissue_at_points(grid, points[off])
        better = change_sides(off, winner, ways, tets, neighbours, labels, stars)
        off = look[which_are_off(grid, points, look, stars, labels, limit_mm)]
        ways.known[off] = False  # they are about to move
        better += pull(off, grid, points, tets, labels, stars, limit_mm, floor)
        if not better:
            break
    off = look[which_are_off(grid, points, look, stars, labels, limit_mm)]
    return points, labels.tissue, first, len(off)
