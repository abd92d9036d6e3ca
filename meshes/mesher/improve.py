"""Rounds of flips and node moves, the worst tetrahedra first, until the mesh is good."""

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.mesher.flips import flip_bad
from meshes.mesher.smoothing import move_bad, snap
from meshes.mesher.state import N_FREE, USED, Mesh
from meshes.topology import elements_of_nodes

Array = NDArray[Any]
log = logging.getLogger(__name__)

GOAL = 0.34  # tetrahedra whose smallest sine is below this (20°) are worked on, ...
LAST_GOAL = 0.20  # ... in the last rounds only those below this (11.5°)
LAST_ROUNDS = 3
TOLERANCE_MM = 0.12  # how far a move may take an interface node off the interface
FLIP_TOLERANCE = 1.5  # times that for the middle of a new interface edge
SNAP_KEEP = 0.25
FEW_TRIES, MANY_TRIES, TRY_HARDER_FROM = 12, 24, 4


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


def improve(mesh: Mesh, fields: Array, spacing: Array, rounds: int, far_mm: float, random_state: Array) -> None:
    """Alternate flips and node moves in place.

    Parameters
    ----------
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
            flips = flip_bad(mesh, fields, spacing, goal, FLIP_TOLERANCE * TOLERANCE_MM)
        used = int(mesh.counts[USED])
        start, items = elements_of_nodes(mesh.tets[:used], len(mesh.points))
        snapped = 0
        if number % 2 == 0 and number < rounds - 1:
            keep = SNAP_KEEP if number < rounds - 2 else LAST_GOAL
            snapped = snap(mesh, fields, spacing, start, items, far_mm, keep)
        tries = FEW_TRIES if number < TRY_HARDER_FROM and goal == GOAL else MANY_TRIES
        moves = move_bad(mesh, origin, fields, spacing, start, items, goal, TOLERANCE_MM, tries, random_state)
        log.debug("round %d: flips %s, moves %d, snapped %d; %s", number, flips, moves, snapped, summary(mesh))
    log.debug("free places %d", mesh.counts[N_FREE])
