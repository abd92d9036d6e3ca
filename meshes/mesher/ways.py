"""How far a node is from the boundary of a union of tissues it lies on.

The boundary of a union (WM; WM and GM; ...) is the zero set of the largest field inside minus the largest field outside
the union; the way there is a Newton walk along its gradient.
"""

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from meshes.mesher.fields import FLAT, pair_gradient, values_at
from meshes.mesher.layers import N_TISSUES, UNIONS

Array = NDArray[Any]

WALK_STEPS, WALK_STEP_MM = 8, 0.4
ARRIVED_MM = 0.03
LOST_MM = 9.0  # distance of a node whose walk does not arrive


def members() -> Array:
    """(unions, 7) bool: the tissues of each union of :data:`~meshes.mesher.clean.UNIONS`."""
    return np.array([np.isin(np.arange(N_TISSUES), union) for union in UNIONS])


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
    fields: Array, spacing: Array, x: float, y: float, z: float, member: Array, scratch: Array
) -> tuple[float, float, float, float]:
    """Foot point on the boundary of a union of tissues, and its distance (``LOST_MM`` if Newton does not arrive)."""
    px = x
    py = y
    pz = z
    left = LOST_MM
    for step in range(WALK_STEPS + 1):
        values_at(fields, spacing, px, py, pz, scratch)
        inner, outer = best_on_sides(scratch, member)
        gx, gy, gz = pair_gradient(fields, spacing, px, py, pz, inner, outer)
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
def ways(fields: Array, spacing: Array, points: Array, nodes: Array, unions: Array) -> Array:
    """Distance of ``nodes`` (n,) from the boundary of every union, (n, unions)."""
    way = np.empty((len(nodes), len(unions)))
    for i in prange(len(nodes)):
        scratch = np.empty(fields.shape[3])
        x = points[nodes[i]]
        for g in range(len(unions)):
            way[i, g] = way_to_union(fields, spacing, x[0], x[1], x[2], unions[g], scratch)[3]
    return way


@njit(cache=True)
def on_boundary(start: Array, items: Array, tissue: Array, member: Array, node: int) -> bool:
    """Whether a node has tetrahedra both inside and outside a union."""
    inside = 0
    for e in range(start[node], start[node + 1]):
        if member[tissue[items[e]]]:
            inside += 1
    return 0 < inside < start[node + 1] - start[node]


@njit(cache=True, parallel=True)
def which_are_off(
    fields: Array,
    spacing: Array,
    points: Array,
    nodes: Array,
    start: Array,
    items: Array,
    tissue: Array,
    unions: Array,
    limit_mm: float,
) -> Array:
    """Which of ``nodes`` (n,) are on a union's boundary but farther than ``limit_mm`` from it, (n,) bool."""
    off = np.zeros(len(nodes), np.bool_)
    for i in prange(len(nodes)):
        node = nodes[i]
        scratch = np.empty(fields.shape[3])
        for g in range(len(unions)):
            if off[i] or not on_boundary(start, items, tissue, unions[g], node):
                continue
            x = points[node]
            off[i] = way_to_union(fields, spacing, x[0], x[1], x[2], unions[g], scratch)[3] > limit_mm
    return off
