"""The dose if the place that should be stimulated lies elsewhere than the target: patches of cortex round it.

A coil is led to a plan's pose within millimetres; whether the target is the place that matters in this person is known less
well.  A motor hotspot that was looked for again was found 8.1 ± 3.3 mm away by the same and 10.3 ± 3.3 mm by another observer
(Sollmann 2013, BMC Neurosci 14:94, abstract).  For other targets nothing comparable is known, and the same is taken.

The field is kept, and the target moved: to every place within ``SPREAD_MM`` along the cortex, in the target's areas and those
next to them, a patch as large as the target is laid, and its mean |E| is compared with the target's own, both on the
mid-cortical surface.  What 90 % of the places lie between is stated, each counted by its area.

How well the target's place is known in this person is told by two registrations that use different things of the image: the
folds, and the whole brain.  The place of the group's cortex that the folds say the target's middle is, is taken to the head by
the registration to MNI152 as well, and the distance of the two is stated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import dijkstra

from atlases.areas import names_at_vertices
from atlases.fslr import group_cortex
from atlases.hand_knob import HAND, hand_knob
from atlases.target import Target
from atlases.targets import HEMISPHERES
from atlases.warp import MniWarp
from meshes.cortical_surface import Cortex, CorticalSurface, edges_of
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.fem.cortical_field import field_at
from targeting.study.cortex_stage import CortexFacts

SPREAD_MM = 10.0
SPREAD_OF = (
    "a motor hotspot looked for again was found 8.1 ± 3.3 mm away by the same and 10.3 ± 3.3 mm by another observer "
    "(Sollmann 2013, BMC Neurosci 14:94)"
)
LOW_PERCENT, HIGH_PERCENT = 5.0, 95.0
OWN_SHARE = 0.1  # of the target's surface: an area with less is a neighbour
MOST_PLACES = 400
ROUND_MM = 8.0  # more of the surface than the places themselves, for their patches


@dataclass(frozen=True)
class Knob:
    """The hand knob, and where the target lies from it."""

    knob_mm: tuple[float, float, float]
    bend_mm: float
    away_mm: float
    along_mm: float


@dataclass(frozen=True)
class AimCertainty:
    """What a target elsewhere would get.

    Parameters
    ----------
    spread_mm : float
        How far along the cortex places were taken.
    low_percent, high_percent : float
        What 90 % of the places' mean |E| lie between, in percent of the target's own.
    places : int
        How many.
    areas : tuple of str
        HCP-MMP1 areas that they lie in, the target's own first.
    registrations_apart_mm : float, optional
        Between the target's middle and where the registration puts the same place of the group; None without one.
    knob : Knob, optional
        For the hand, where the sulcus has a bend.
    """

    spread_mm: float
    low_percent: float
    high_percent: float
    places: int
    areas: tuple[str, ...]
    registrations_apart_mm: float | None = None
    knob: Knob | None = None


def knows_folds(cortex: Cortex | CortexFacts | None, target: Target) -> bool:
    """Whether the folds are known on the target's side."""
    return cortex is not None and HEMISPHERES.get(target.side, "") in cortex.folds


def aim_certainty(
    cortex: Cortex,
    head: HeadMesh,
    target: Target,
    e_v_per_m: NDArray[np.floating],
    warp: MniWarp | None = None,
    spread_mm: float = SPREAD_MM,
) -> AimCertainty:
    """What a target elsewhere within the spread would get of a field.

    Parameters
    ----------
    cortex : Cortex
        With the folds of the target's side.
    head : HeadMesh
    target : Target
    e_v_per_m : (M, 3) float
        The planned field in every tetrahedron.
    warp : MniWarp, optional
        MNI152 ↔ subject.
    spread_mm : float
        Along the cortex.

    Raises
    ------
    InputError
        If no cortex of this mesh runs through the target (deep nuclei), or it has no field.
    """
    hemisphere = HEMISPHERES[target.side]
    surface = cortex.hemispheres[hemisphere]
    inside = target.holds(surface.points_mm)
    if not inside.any():
        raise InputError("no cortex runs through the target")
    near = (
        np.linalg.norm(surface.points_mm - target.center_mm, axis=1)
        <= spread_mm + _radius_mm(surface, inside) + ROUND_MM
    )
    near |= inside
    labels = names_at_vertices(cortex.folds[hemisphere], hemisphere)[near]
    size, own = surface.vertex_areas_mm2[near], inside[near]
    graph = _steps(surface, near)
    strength = np.linalg.norm(field_at(head, e_v_per_m, surface.points_mm[near]), axis=1)
    size = np.where(np.isfinite(strength), size, 0.0)
    strength = np.nan_to_num(strength)
    if size[own].sum() == 0:
        raise InputError("the mesh has no grey matter where the target's cortex is")
    planned = float(np.average(strength[own], weights=size[own]))
    areas = _areas(labels, own, size, graph)
    middle = np.flatnonzero(own)[np.linalg.norm(surface.points_mm[near][own] - target.center_mm, axis=1).argmin()]
    places = np.flatnonzero((dijkstra(graph, indices=middle, limit=spread_mm) <= spread_mm) & np.isin(labels, areas))
    places = places[:: -(-len(places) // MOST_PLACES)] if len(places) else places
    if not len(places) or planned <= 0:
        raise InputError("the target gets no field")
    there = _patch_means(graph, places, strength, size, float(size[own].sum()))
    low, high = _percentiles(there / planned, size[places])
    return AimCertainty(
        spread_mm=spread_mm,
        low_percent=100 * low,
        high_percent=100 * high,
        places=len(places),
        areas=tuple(name for name in areas if name in set(labels[places].tolist())),
        registrations_apart_mm=None if warp is None else _registrations_apart_mm(cortex, target, warp),
        knob=_knob(cortex, target),
    )


def _registrations_apart_mm(cortex: Cortex, target: Target, warp: MniWarp) -> float:
    """How far apart folds and registration put the place of the group's cortex that the target's middle is."""
    hemisphere = HEMISPHERES[target.side]
    points, group = cortex.hemispheres[hemisphere].points_mm, group_cortex(hemisphere)
    middle = int(np.linalg.norm(points - target.center_mm, axis=1).argmin())
    place = int((group.sphere @ cortex.folds[hemisphere].fslr[middle]).argmax())
    by_warp = warp.to_subject(group.central.points_mm[place][None])[0]
    return float(np.linalg.norm(by_warp - points[middle]))


def _knob(cortex: Cortex, target: Target) -> Knob | None:
    found = hand_knob(cortex, target.side) if target.name == HAND else None
    if found is None:
        return None
    x, y, z = (float(each) for each in found.knob_mm)
    away_mm = float(np.linalg.norm(found.knob_mm - target.center_mm))
    return Knob((x, y, z), found.bend_mm, away_mm, found.along_mm(target.center_mm))


def _radius_mm(surface: CorticalSurface, inside: NDArray[np.bool_]) -> float:
    """Of a disc as large as the target's cortex."""
    return float(np.sqrt(np.linalg.norm(surface.area_vectors_mm2[inside], axis=1).sum() / np.pi))


def _steps(surface: CorticalSurface, near: NDArray[np.bool_]) -> csr_matrix:
    """The lengths of the edges between some vertices, both ways, numbered among themselves."""
    number = np.cumsum(near) - 1
    inner = surface.triangles[near[surface.triangles].all(1)]
    edges = np.unique(np.sort(edges_of(inner), axis=1), axis=0)
    length = np.linalg.norm(surface.points_mm[edges[:, 0]] - surface.points_mm[edges[:, 1]], axis=1)
    rows, columns = number[edges].T
    n = int(near.sum())
    both = (np.concatenate([rows, columns]), np.concatenate([columns, rows]))
    return coo_matrix((np.tile(length, 2), both), shape=(n, n)).tocsr()


def _areas(labels: NDArray[np.str_], own: NDArray[np.bool_], size: NDArray[np.float64], graph: csr_matrix) -> list[str]:
    """The target's areas by their share of it, then those next to them."""
    found: dict[str, float] = {}
    for name in sorted(set(labels[own].tolist()) - {""}):
        found[name] = float(size[own & (labels == name)].sum() / size[own].sum())
    mine = sorted((name for name, share in found.items() if share >= OWN_SHARE), key=lambda name: -found[name])
    rows, columns = graph.nonzero()
    beside = set(labels[columns[np.isin(labels[rows], mine)]].tolist()) - {"", *mine}
    return [*mine, *sorted(beside)]


def _patch_means(
    graph: csr_matrix,
    places: NDArray[np.int64],
    strength: NDArray[np.float64],
    size: NDArray[np.float64],
    target_mm2: float,
) -> NDArray[np.float64]:
    """The mean of a strength over a patch of so many mm² round each place, (p,)."""
    reach = 2.5 * np.sqrt(target_mm2 / np.pi) + 2.0
    means = np.empty(len(places))
    for i, place in enumerate(places):
        away = dijkstra(graph, indices=place, limit=reach)
        order = np.flatnonzero(np.isfinite(away))
        order = order[np.argsort(away[order], kind="stable")]
        patch = order[: int(np.searchsorted(np.cumsum(size[order]), target_mm2)) + 1]
        weight = size[patch]
        means[i] = np.average(strength[patch], weights=weight) if weight.sum() > 0 else 0.0
    return means


def _percentiles(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    order = np.argsort(values)
    share = (np.cumsum(weights[order]) - weights[order] / 2) / max(weights.sum(), 1e-12)
    low, high = np.interp([LOW_PERCENT / 100, HIGH_PERCENT / 100], share, values[order])
    return float(low), float(high)
