"""Improve a mesh by rounds of flips and node moves, the worst tetrahedra first; interface nodes stay on their interface.

A move of a node is tried and kept only if the smallest quality of the star rises, so no tetrahedron ever inverts.  Directions:
the star's centre of mass, away from the face opposite the node in its worst tetrahedron, and random ones with a step
that adapts.  On an interface they are made tangential.
"""

import logging
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meshes.mesher.fields import FLAT, Grid, margin_at, to_interface
from meshes.mesher.flips import flip_bad
from meshes.mesher.shape import orientation, quality_of, star_quality
from meshes.mesher.state import N_FREE, OUTWARD, USED, Mesh
from meshes.topology import Stars, elements_of_nodes

Array = NDArray[Any]

GAIN = 1e-5  # a move has to improve the worst quality by this
FIRST_STEP, SHORTEST_STEP, LONGEST_STEP = 0.35, 0.02, 0.5  # of the local size
LONGER, SHORTER = 1.3, 0.8  # after a success, after a failure
SNAP_STEPS, SNAP_STEP_MM, SNAP_WAY_MM = 5, 0.5, 2.0  # Newton steps back, the longest, and the way in all
JUNCTION_WAY_MM = 0.3  # nodes of three tissues may slide this far from where they started
log = logging.getLogger(__name__)
GOAL = 0.34  # tetrahedra whose smallest sine is below this (20°) are worked on, ...
LAST_GOAL = 0.20  # ... in the last rounds only those below this (11.5°)
LAST_ROUNDS = 3
TOLERANCE_MM = 0.12  # how far a move may take an interface node off the interface
FLIP_TOLERANCE = 1.5  # times that for the middle of a new interface edge
SNAP_KEEP = 0.25
FEW_TRIES, MANY_TRIES, TRY_HARDER_FROM = 12, 24, 4


@njit(cache=True)
def uniform(state: Array) -> float:
    """Next number of a xorshift generator, uniform in (-1, 1); ``state`` is one uint64."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return np.float64(x >> np.uint64(11)) * (2.0 / 9007199254740992.0) - 1.0


@njit(cache=True)
def tissues_round(mesh: Mesh, stars: Stars, node: int) -> int:
    """Bit mask of the tissues round a node."""
    mask = 0
    for e in range(stars.start[node], stars.start[node + 1]):
        mask |= 1 << mesh.tissue[stars.items[e]]
    return mask


@njit(cache=True)
def bits(mask: int) -> int:
    """How many tissues a mask holds."""
    n = 0
    while mask:
        n += mask & 1
        mask >>= 1
    return n


@njit(cache=True)
def star_centre(mesh: Mesh, stars: Stars, node: int, out: Array) -> float:
    """Centre of mass of the star into ``out``; returns six times its volume.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    stars : Stars
        Tetrahedra round nodes.
    node : int
    out : (3,) float64
        Overwritten.
    """
    total = 0.0
    out[:] = 0.0
    for e in range(stars.start[node], stars.start[node + 1]):
        t = stars.items[e]
        a = mesh.tets[t, 0]
        b = mesh.tets[t, 1]
        c = mesh.tets[t, 2]
        d = mesh.tets[t, 3]
        volume = abs(orientation(mesh.points, a, b, c, d))
        total += volume
        for i in range(3):
            out[i] += 0.25 * volume * (mesh.points[a, i] + mesh.points[b, i] + mesh.points[c, i] + mesh.points[d, i])
    for i in range(3):
        out[i] /= total + 1e-30
    return total


@njit(cache=True)
def away_from_worst(mesh: Mesh, stars: Stars, node: int, out: Array) -> None:
    """Unit direction from the face opposite the node in the worst tetrahedron of its star, into ``out``.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    stars : Stars
        Tetrahedra round nodes.
    node : int
    out : (3,) float64
        Overwritten.
    """
    worst = 99.0
    bad = -1
    for e in range(stars.start[node], stars.start[node + 1]):
        t = stars.items[e]
        tet = mesh.tets[t]
        quality = quality_of(mesh.points, tet[0], tet[1], tet[2], tet[3], mesh.tissue[t])
        if quality < worst:
            worst = quality
            bad = t
    corner = 0
    for i in range(4):
        if mesh.tets[bad, i] == node:
            corner = i
    a = mesh.points[mesh.tets[bad, OUTWARD[corner, 0]]]
    b = mesh.points[mesh.tets[bad, OUTWARD[corner, 1]]]
    c = mesh.points[mesh.tets[bad, OUTWARD[corner, 2]]]
    for i in range(3):
        j = (i + 1) % 3
        k = (i + 2) % 3
        out[i] = (b[k] - a[k]) * (c[j] - a[j]) - (b[j] - a[j]) * (c[k] - a[k])
    length = np.sqrt(out[0] ** 2 + out[1] ** 2 + out[2] ** 2) + 1e-12
    for i in range(3):
        out[i] /= length


@njit(cache=True)
def refresh(mesh: Mesh, stars: Stars, node: int) -> None:
    """Recompute the qualities round a node."""
    for e in range(stars.start[node], stars.start[node + 1]):
        t = stars.items[e]
        tet = mesh.tets[t]
        mesh.quality[t] = quality_of(mesh.points, tet[0], tet[1], tet[2], tet[3], mesh.tissue[t])


@njit(cache=True)
def move_node(
    mesh: Mesh,
    origin: Array,
    grid: Grid,
    stars: Stars,
    node: int,
    goal: float,
    tolerance_mm: float,
    tries: int,
    random_state: Array,
    scratch: Array,
) -> int:
    """Try moves of one node until its star reaches ``goal``; returns how many were kept.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    origin : (N, 3) float64
        Where nodes started: those of three tissues keep near.
    grid : Grid
        Tissue fields.
    stars : Stars
        Tetrahedra round nodes.
    node : int
    goal : float
        Quality at which the moves end.
    tolerance_mm : float
        How far an interface node may leave the interface.
    tries : int
    random_state : (1,) uint64
        State of :func:`uniform`.
    scratch : (K,) float64
        Overwritten.
    """
    mask = tissues_round(mesh, stars, node)
    n_tissues = bits(mask)
    if mask == 1:
        return 0  # in the air
    worst = star_quality(mesh.points, mesh.tets, mesh.tissue, stars, node, -9.0)
    if worst >= goal:
        return 0
    centre = np.empty(3)
    way = np.empty(3)
    normal = np.empty(3)
    total = star_centre(mesh, stars, node, centre)
    size = 0.9 * (total / 4) ** (1 / 3)  # of the order of an edge
    on_interface = n_tissues > 1
    off = 0.0
    if on_interface:
        _, _, margin, normal[0], normal[1], normal[2] = margin_at(
            grid, mesh.points[node, 0], mesh.points[node, 1], mesh.points[node, 2], scratch
        )
        slope = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + FLAT
        normal /= slope
        off = margin / slope
    step = FIRST_STEP
    kept = 0
    before = np.empty(3)
    for k in range(tries):  # to the centre first, then in turn away from the worst face and at random
        if worst >= goal:
            break
        if k == 0 and not on_interface:
            for i in range(3):
                way[i] = centre[i] - mesh.points[node, i]
        elif k % 2 == 1:
            away_from_worst(mesh, stars, node, way)
            for i in range(3):
                way[i] = step * size * (way[i] + 0.2 * uniform(random_state))
        else:
            for i in range(3):
                way[i] = 1.3 * step * size * uniform(random_state)
        if on_interface:
            along = way[0] * normal[0] + way[1] * normal[1] + way[2] * normal[2]
            part = 1.0 if k % 3 else 0.7  # now and then not quite: a curved interface is not its tangent plane
            for i in range(3):
                way[i] -= part * along * normal[i]
        for i in range(3):
            before[i] = mesh.points[node, i]
            mesh.points[node, i] += way[i]
        quality = star_quality(mesh.points, mesh.tets, mesh.tissue, stars, node, worst + GAIN)
        good = quality > worst + GAIN
        if good and on_interface:
            x = mesh.points[node]
            first, second, margin, gx, gy, gz = margin_at(grid, x[0], x[1], x[2], scratch)
            distance = margin / (np.sqrt(gx * gx + gy * gy + gz * gz) + FLAT)
            # near enough or nearer than before, and between two tissues the node has: no other interface
            good = (distance < tolerance_mm or distance < off) and ((mask >> first) & (mask >> second) & 1) == 1
            if n_tissues > 2:
                slid2 = 0.0
                for i in range(3):
                    slid2 += (x[i] - origin[node, i]) ** 2
                good = good and slid2 < JUNCTION_WAY_MM**2
        if good:
            worst = quality
            kept += 1
            step = min(step * LONGER, LONGEST_STEP)
        else:
            for i in range(3):
                mesh.points[node, i] = before[i]
            step = max(step * SHORTER, SHORTEST_STEP)
    if kept:
        refresh(mesh, stars, node)
    return kept


@njit(cache=True)
def move_bad(
    mesh: Mesh,
    origin: Array,
    grid: Grid,
    stars: Stars,
    goal: float,
    tolerance_mm: float,
    tries: int,
    random_state: Array,
) -> int:
    """Move the nodes of tetrahedra worse than ``goal``; returns how many moves were kept.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    grid : Grid
        The tissue fields, whose interfaces nodes stay on.
    goal : float
        Quality (smallest sine of a dihedral angle) that is good enough.
    origin : (N, 3)
        Where nodes started: those of three tissues keep near.
    stars : Stars
        Tetrahedra round nodes.
    tolerance_mm : float
        How far interface nodes may leave the interface.
    tries : int
        Moves tried per node.
    random_state : (1,) uint64
        State of :func:`uniform`.
    """
    scratch = np.empty(grid.fields.shape[3])
    done = np.zeros(len(mesh.points), np.bool_)
    kept = 0
    for t in range(mesh.counts[0]):
        if mesh.tets[t, 0] < 0 or mesh.quality[t] >= goal:
            continue
        for corner in range(4):
            node = mesh.tets[t, corner]
            if done[node]:
                continue
            done[node] = True
            kept += move_node(mesh, origin, grid, stars, node, goal, tolerance_mm, tries, random_state, scratch)
    return kept


@njit(cache=True)
def snap(mesh: Mesh, grid: Grid, stars: Stars, far_mm: float, keep: float) -> int:
    """Bring interface nodes that are more than ``far_mm`` off back to the interface, at least part of the way.

    No star may get worse than ``keep``, or than it was.  Returns how many nodes moved.

    Parameters
    ----------
    mesh : Mesh
        Changed in place.
    grid : Grid
        Tissue fields.
    stars : Stars
        Tetrahedra round nodes.
    far_mm : float
        Nodes nearer than this stay.
    keep : float
        Smallest quality that a move may leave, unless it was worse.
    """
    scratch = np.empty(grid.fields.shape[3])
    before = np.empty(3)
    snapped = 0
    for node in range(len(mesh.points)):
        if stars.start[node + 1] == stars.start[node]:
            continue
        mask = tissues_round(mesh, stars, node)
        if mask & (mask - 1) == 0:
            continue
        for i in range(3):
            before[i] = mesh.points[node, i]
        first, second, margin, gx, gy, gz = margin_at(grid, before[0], before[1], before[2], scratch)
        matches = ((mask >> first) & (mask >> second) & 1) == 1
        if matches and margin / (np.sqrt(gx * gx + gy * gy + gz * gz) + FLAT) < far_mm:
            continue
        x, y, z, first, second, left, gx, gy, gz = to_interface(
            grid, before[0], before[1], before[2], SNAP_STEPS, SNAP_STEP_MM, scratch
        )
        matches = ((mask >> first) & (mask >> second) & 1) == 1
        way2 = (x - before[0]) ** 2 + (y - before[1]) ** 2 + (z - before[2]) ** 2
        if left > far_mm or way2 > SNAP_WAY_MM**2 or not matches:
            continue
        worst = min(star_quality(mesh.points, mesh.tets, mesh.tissue, stars, node, -9.0), keep)
        part = 1.0
        for _ in range(4):
            mesh.points[node, 0] = before[0] + part * (x - before[0])
            mesh.points[node, 1] = before[1] + part * (y - before[1])
            mesh.points[node, 2] = before[2] + part * (z - before[2])
            if star_quality(mesh.points, mesh.tets, mesh.tissue, stars, node, worst) > worst:
                snapped += 1
                break
            for i in range(3):
                mesh.points[node, i] = before[i]
            part *= 0.6
        refresh(mesh, stars, node)
    return snapped


def worst_sine(mesh: Mesh) -> float:
    """Smallest sine of a dihedral angle inside the head."""
    used = int(mesh.counts[USED])
    return float(mesh.quality[:used][(mesh.tets[:used, 0] >= 0) & (mesh.tissue[:used] > 0)].min())


def summary(mesh: Mesh) -> str:
    """One line on the worst tetrahedra."""
    used = int(mesh.counts[USED])
    quality = mesh.quality[:used][(mesh.tets[:used, 0] >= 0) & (mesh.tissue[:used] > 0)]
    angle = np.degrees(np.arcsin(np.clip(quality, -1, 1)))
    few = f"{int((angle < 10).sum())} below 10, {int((angle < 20).sum())} below 20"
    return f"smallest angle {angle.min():.1f} deg, {few} of {len(angle)}"


def improve(mesh: Mesh, grid: Grid, rounds: int, far_mm: float, random_state: Array) -> None:
    """Alternate flips and node moves in place.

    Parameters
    ----------
    mesh : Mesh
    grid : Grid
        The tissue fields, whose interfaces nodes stay on.
    rounds : int
        The last three work only on the worst.
    far_mm : float
        Interface nodes farther off than this are brought back in every other round.
    random_state : (1,) uint64
        For the random directions.
    """
    origin = mesh.points.copy()
    log.debug("improve: %s", summary(mesh))
    for number in range(rounds):
        goal = GOAL if number < rounds - LAST_ROUNDS else LAST_GOAL
        for _ in range(2):
            flips = flip_bad(mesh, grid, goal, FLIP_TOLERANCE * TOLERANCE_MM)
        used = int(mesh.counts[USED])
        stars = elements_of_nodes(mesh.tets[:used], len(mesh.points))
        snapped = 0
        if number % 2 == 0 and number < rounds - 1:
            keep = SNAP_KEEP if number < rounds - 2 else LAST_GOAL
            snapped = snap(mesh, grid, stars, far_mm, keep)
        tries = FEW_TRIES if number < TRY_HARDER_FROM and goal == GOAL else MANY_TRIES
        moves = move_bad(mesh, origin, grid, stars, goal, TOLERANCE_MM, tries, random_state)
        log.debug("round %d: flips %s, moves %d, snapped %d; %s", number, flips, moves, snapped, summary(mesh))
    log.debug("free places %d", mesh.counts[N_FREE])
