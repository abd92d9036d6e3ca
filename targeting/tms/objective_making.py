"""Make an objective by name: its patches of grey matter, their field bases, and its combination of several targets.

The target's tetrahedra are all looked at (a 5 mm ball holds a few hundred), and so are those of an avoided region: 16 and
32 solves; the target's mean field, exact from the dose map, makes up for the target's fewer.  For all grey matter a
stratified sample of ``GREY_POINTS`` tetrahedra serves, and 128 solves.  Against direct solves of a figure-of-eight coil at
random places within 35 mm of a motor target (colin27, 0.7 M tetrahedra): the field in the target within 2.2 %, its smallest
|E| within 3 %, a region's field within 4 %, focality within 3 %, the volume above half of the target's dose within 4 %, and
the sample adds up to 4 % to that volume.  These errors are much alike for neighbouring poses, so they hardly touch the
ranking; the plan gives the direct solve's value for the first placement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from atlases import Target
from meshes import HeadMesh
from meshes.choices import one_of
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.tissue_codes import Tissue
from targeting.coils.coil import Coil
from targeting.fem import HeadConductor
from targeting.tms.direction import direction_vector
from targeting.tms.dose_map import DoseMap
from targeting.tms.field import as_conductor
from targeting.tms.field_basis import FieldBasis, Rows
from targeting.tms.objective_names import (
    LINEAR,
    NAMED_OBJECTIVES,
    OBJECTIVES,
    Ingredients,
    NamedObjective,
    objective_names,
)
from targeting.tms.objectives import (
    LEAST_SHARE,
    PENALTY,
    Avoiding,
    Depth,
    Focality,
    FocalVolume,
    LinearDose,
    MeanStrength,
    Objective,
    OtherTarget,
    Patch,
    Percentile,
    PointField,
    Together,
    pull_of,
    spread_sample,
)
from targeting.tms.search import HAIR_MM, search_tms

GREY_POINTS = 4000
LOCAL_SOURCES, REGION_SOURCES, GREY_SOURCES = 16, 32, 128  # solves for the target, each region, or all grey matter

Part = tuple[NDArray[np.int64], NDArray[np.float64]]  # tetrahedra and the volume each stands for
FieldMaker = Callable[[HeadConductor, list[NDArray[np.int64]]], PointField]


def parts_of(name: str, head: HeadMesh, target: Target, avoid: Sequence[Target] = ()) -> dict[str, Part]:
    """The tetrahedra at which an objective wants the field, by what they are; none for a linear dose.

    Parameters
    ----------
    name : str
        Of the objective.
    head : HeadMesh
    target : Target
    avoid : sequence of Target
        Regions to spare.
    """
    if name in LINEAR and not avoid:
        return {}
    parts = {"target": _all_of(head, target)}  # always: its mean field is known exactly
    if NAMED_OBJECTIVES.named(name).grey:
        parts["grey"] = grey_sample(head)
    return parts | {f"avoid{i}": _all_of(head, each) for i, each in enumerate(avoid)}


def _all_of(head: HeadMesh, target: Target) -> Part:
    tets, _ = target.weights(head)
    return tets, head.volumes_mm3[tets]


def grey_sample(head: HeadMesh, count: int = GREY_POINTS) -> Part:
    """Tetrahedra spread over all grey matter, and the volume each stands for."""
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    chosen, volumes_mm3 = spread_sample(head.centroids_mm[grey], head.volumes_mm3[grey], count)
    return grey[chosen], volumes_mm3


def basis_of(conductor: HeadConductor, parts: list[NDArray[np.int64]]) -> FieldBasis:
    """One field basis of several parts: more sources where it is to tell all grey matter."""
    rows = Rows.stacked(*(Rows.of_tetrahedra(conductor.head, each) for each in parts))
    return FieldBasis.build(conductor, rows, sources=sources_for(parts))


def sources_for(parts: list[NDArray[np.int64]]) -> int:
    """How many solves a basis takes."""
    wide = any(len(each) >= GREY_POINTS // 2 for each in parts)
    return GREY_SOURCES if wide else LOCAL_SOURCES + REGION_SOURCES * (len(parts) - 1)


def patches(parts: dict[str, Part], basis: PointField | None, names: Sequence[str] = ()) -> dict[str, Patch]:
    """Parts as patches of one basis, in the same order; ``names`` are those of the avoided regions."""
    out, first = {}, 0
    for key, (tets, volumes_mm3) in parts.items():
        name = names[int(key.removeprefix("avoid"))] if key.startswith("avoid") else key
        pull = None
        if key == "target" and isinstance(basis, FieldBasis):
            own = basis.modes[3 * first : 3 * (first + len(tets))]
            pull = pull_of(own, (basis.sensitivity**2).sum(1), volumes_mm3 / volumes_mm3.sum())
        out[key] = Patch(name, tets, volumes_mm3, basis, first, pull)
        first += len(tets)
    return out


def everywhere(head: HeadMesh, of: Mapping[str, Patch]) -> dict[str, Patch]:
    """The same patches for solved fields: all grey matter instead of its sample."""
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    whole = Patch("grey", grey, head.volumes_mm3[grey])
    return {key: whole if key == "grey" else replace(patch, field=None) for key, patch in of.items()}


def shallower(head: HeadMesh, grey: Patch, target: Target) -> Patch:
    """The grey matter that is nearer to the scalp than the target's centre, without the target.

    Raises
    ------
    InputError
        If there is none.
    """
    nodes = np.unique(head.boundary(np.unique(head.tissue)))
    away, _ = cKDTree(head.points_mm[nodes]).query(np.vstack([target.center_mm, head.centroids_mm[grey.tets]]))
    above = (away[1:] < away[0]) & ~target.holds(head.centroids_mm[grey.tets]) & (grey.volumes_mm3 > 0)
    if not above.any():
        raise InputError(
            "no grey matter is nearer to the scalp than the target: the objective depth means nothing here"
        )
    return replace(grey.only(above), name="shallower grey matter")


def assemble(
    name: str,
    head: HeadMesh,
    target: Target,
    *,
    direction: NDArray[np.float64] | None = None,
    looked_at: Mapping[str, Patch] | None = None,
    together: Sequence[OtherTarget] = (),
    weight: float = PENALTY,
    cap: float | None = None,
    least_share: float = LEAST_SHARE,
) -> Objective:
    """An objective from patches that are there.

    Parameters
    ----------
    name : str
        One of :func:`~targeting.tms.objective_names.objective_names`.
    head, target
    direction : (3,), optional
        Unit vector of "normal" and "component".
    looked_at : mapping
        Of :func:`patches`.
    together : sequence of OtherTarget
        With further targets: this one and then the others, each with what it gets alone.
    weight, cap
        Of the avoided regions, and the weight of the superficial field with "depth"; see ``objectives``.
    least_share : float
    """
    here = looked_at or {}
    made: Objective
    if together:
        made = Together(least_share, together[0].best_v_per_m, tuple(together[1:]))
    else:
        kind = NAMED_OBJECTIVES.named(name)
        made = NAMED_OBJECTIVES.run(kind, kind.make, Ingredients(head, target, here, direction, weight, least_share))
    avoided = tuple(each for key, each in here.items() if key.startswith("avoid"))
    return Avoiding(least_share, made, avoided, weight, cap) if avoided else made


def make_objective(
    name: str,
    head: HeadMesh | HeadConductor,
    target: Target,
    coil: Coil,
    *,
    avoid: Sequence[Target] = (),
    also: Sequence[Target] = (),
    direction: ArrayLike | None = None,
    cortex: Cortex | None = None,
    dose_map: DoseMap | None = None,
    hair_mm: float = HAIR_MM,
    weight: float = PENALTY,
    cap: float | None = None,
    least_share: float = LEAST_SHARE,
    field: FieldMaker = basis_of,
) -> Objective:
    """An objective with all it needs, for ``search_tms(..., objective=)``.

    Parameters
    ----------
    name : str
        One of :func:`~targeting.tms.objective_names.objective_names`.
    head : HeadMesh or HeadConductor
        A conductor keeps its factorisation.
    target : Target
    coil : Coil
        That the other targets' own best doses are of.
    avoid, also : sequence of Target
        Regions to spare, and further targets (with "dose" only).
    direction : (3,), optional
        Of "component".
    cortex : Cortex, optional
        Where the "normal" comes from.
    dose_map : DoseMap, optional
        The target's, if it is there.
    hair_mm : float
        Casing to scalp.
    weight, cap, least_share
        See :class:`~targeting.tms.objectives.Avoiding` and :class:`~targeting.tms.objectives.Objective`.
    field : callable
        Makes the field at some parts' tetrahedra; by default a field basis.

    Raises
    ------
    InputError
        If the name is unknown, or the objective has no meaning for this target.

    Examples
    --------
    >>> from atlases import Target
    >>> from meshes import HeadMesh
    >>> from targeting import Coil
    >>> lump = HeadMesh([[0, 0, 0], [80, 0, 0], [0, 80, 0], [0, 0, 80]], [[0, 1, 2, 3]], [2])
    >>> spot, coil = Target.sphere([20, 20, 20], 15), Coil.named("figure8-70mm")
    >>> make_objective("component", lump, spot, coil, direction=[0, 0, 2]).words
    'component of the volume-weighted mean E vector along the direction asked for'
    >>> make_objective("dose", lump, spot, coil, direction=[0, 0, 2])
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: a direction goes with the objective component, and component needs one
    """
    one_of(name, objective_names(), "objective")
    if (name == "component") != (direction is not None):
        raise InputError("a direction goes with the objective component, and component needs one")
    if also and name != "dose":
        raise InputError(f"several targets go with the objective dose, not with {name}")
    conductor = as_conductor(head, None)
    mesh = conductor.head
    unit = direction_vector(mesh, target, "normal" if name == "normal" else direction, cortex)
    together = []
    if also:
        dose_maps = [dose_map or DoseMap.build(conductor, target), *(DoseMap.build(conductor, each) for each in also)]
        every = zip([target, *also], dose_maps, strict=True)
        together = [served_alone(mesh, each, coil, hair_mm, its_map) for each, its_map in every]
    parts = parts_of(name, mesh, target, avoid)
    basis = field(conductor, [tets for tets, _ in parts.values()]) if parts else None
    return assemble(
        name,
        mesh,
        target,
        direction=unit,
        looked_at=patches(parts, basis, [each.name for each in avoid]),
        together=together,
        weight=weight,
        cap=cap,
        least_share=least_share,
    )


def served_alone(head: HeadMesh, target: Target, coil: Coil, hair_mm: float, dose_map: DoseMap) -> OtherTarget:
    """A target and its best dose over the whole scalp, with its dose map at hand.

    Parameters
    ----------
    head : HeadMesh
    target : Target
    coil : Coil
    hair_mm : float
        From the casing to the scalp.
    dose_map : DoseMap
        The target's.
    """
    found = search_tms(head, target, coil, hair_mm, dose_map=dose_map, didt_a_per_s=1e6, keep=1)
    best = float(found.dose_v_per_m[0])
    points, here = found.scalp_points_mm, found.best_dose_at_point_v_per_m
    return OtherTarget(target.name, dose_map, *target.weights(head), best, points, here)


def _linear(name: str) -> Callable[[Ingredients], Objective]:
    return lambda of: LinearDose(of.least_share, of.direction, name)


def _percentile(name: str, percent: float) -> Callable[[Ingredients], Objective]:
    return lambda of: Percentile(of.least_share, of.patches["target"], percent, name)


def _focality(of: Ingredients) -> Objective:
    grey = of.patches["grey"]
    outside = grey.only(~of.target.holds(of.head.centroids_mm[grey.tets]))
    return Focality(of.least_share, of.patches["target"], outside)


def _own(name: str, make: Callable[[Ingredients], Objective], grey: bool = False) -> NamedObjective:
    return NamedObjective(name=name, words=OBJECTIVES[name], make=make, grey=grey)


DOSE, NORMAL, COMPONENT = (_own(name, _linear(name)) for name in LINEAR)
MEAN = _own("mean", lambda of: MeanStrength(of.least_share, of.patches["target"]))
MINIMUM = _own("minimum", _percentile("minimum", 0.0))
P75 = _own("p75", _percentile("p75", 75.0))
FOCALITY = _own("focality", _focality, grey=True)
FOCAL_VOLUME = _own(
    "focal-volume", lambda of: FocalVolume(of.least_share, of.patches["target"], of.patches["grey"]), grey=True
)
DEPTH = _own(
    "depth",
    lambda of: Depth(of.least_share, shallower(of.head, of.patches["grey"], of.target), of.weight),
    grey=True,
)
