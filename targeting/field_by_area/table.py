"""The field in each area of HCP-MMP 1.0 on a person's mid-cortical surface, both sides, weighted by area.

An area is where the person's folds put the group's (:mod:`atlases.areas`).  Each vertex counts with a third of the triangles
round it, so that a number does not depend on how the surface was cut into triangles.  A hemisphere whose folds are not known
has no areas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlases.areas import areas, areas_at_vertices
from meshes.weighted import weighted_quantile
from targeting.fem.cortical_field import CorticalField

if TYPE_CHECKING:
    from atlases.target import Target
    from meshes.cortical_surface import Cortex
    from targeting.dosing.record import PlanDosing

WORDS = {"lh": "left", "rh": "right"}
HIGH = 0.95
LEAST_SHARE = 0.05  # of a target's cortex, below which an area is not named


@dataclass(frozen=True)
class AreaField:
    """The field in one area of one hemisphere.

    Parameters
    ----------
    side : {"left", "right"}
    name : str
    number : int
        Of the area in HCP-MMP 1.0.
    title : str
    area_cm2 : float
        Of the person's mid-cortical surface.
    known_share : float
        The part of it where the field is known; all numbers are of that part.
    mean_v_per_m, p95_v_per_m, peak_v_per_m : float
        |E|: its mean, what it exceeds in 5 % of the area, and its largest.
    normal_v_per_m : float
        Mean of E along the inward normal, with its sign: positive from the pial surface to white matter.
    normal_size_v_per_m : float
        Mean of the size of that component.
    peak_mm : (3,) tuple of float
        Where |E| is largest, RAS mm.
    above_cm2 : float or None
        Where |E| is above the field at motor threshold; None where no threshold was given.
    """

    side: str
    name: str
    number: int
    title: str
    area_cm2: float
    known_share: float
    mean_v_per_m: float
    p95_v_per_m: float
    peak_v_per_m: float
    normal_v_per_m: float
    normal_size_v_per_m: float
    peak_mm: tuple[float, float, float]
    above_cm2: float | None = None


def field_by_area(field: CorticalField, threshold_v_per_m: float | None = None) -> list[AreaField]:
    """The field in every area of the hemispheres whose folds are known, the largest mean first.

    Parameters
    ----------
    field : CorticalField
    threshold_v_per_m : float, optional
        |E| at motor threshold, under the currents of the field.

    Returns
    -------
    list of AreaField
        Areas where the field is known nowhere are left out.
    """
    found = []
    size, normal = field.of_side(field.magnitude_v_per_m), field.of_side(field.normal_v_per_m)
    for side, folds in field.cortex.folds.items():
        surface = field.cortex.hemispheres[side]
        labels, weight = areas_at_vertices(folds, side), surface.vertex_areas_mm2
        known = np.isfinite(size[side])
        for area in areas().values():
            mine = labels == area.number
            here = np.flatnonzero(mine & known)
            whole = float(weight[mine].sum())
            if not weight[here].sum() > 0:
                continue
            share, strength = weight[here] / weight[here].sum(), size[side][here]
            along, peak = normal[side][here], here[strength.argmax()]
            above = None
            if threshold_v_per_m is not None:
                above = float(weight[here][strength > threshold_v_per_m].sum()) / 100
            x, y, z = (float(each) for each in surface.points_mm[peak])
            found.append(
                AreaField(
                    side=WORDS[side],
                    name=area.name,
                    number=area.number,
                    title=area.title,
                    area_cm2=whole / 100,
                    known_share=float(weight[here].sum()) / whole,
                    mean_v_per_m=float(share @ strength),
                    p95_v_per_m=float(weighted_quantile(strength, share, HIGH)),
                    peak_v_per_m=float(strength.max()),
                    normal_v_per_m=float(share @ along),
                    normal_size_v_per_m=float(share @ np.abs(along)),
                    peak_mm=(x, y, z),
                    above_cm2=above,
                )
            )
    return sorted(found, key=lambda each: -each.mean_v_per_m)


def threshold_of(dosing: PlanDosing | None) -> float | None:
    """|E| at motor threshold as a field of the plan at 1 A/µs, V/m: what the table's field is held against.

    At the output given, a share p of the threshold's output, the field of the plan is p times that which belongs to the
    threshold; so |E| at 1 A/µs is above threshold where it exceeds the hotspot's field at 1 A/µs divided by p.  Without an
    output p is 1: the motor threshold itself.
    """
    if dosing is None:
        return None
    percent = 100.0 if dosing.percent_of_rmt is None else dosing.percent_of_rmt
    return dosing.hotspot_e_v_per_m * 100 / percent if percent > 0 else None


def areas_of_target(target: Target, cortex: Cortex | None) -> list[tuple[str, str, float]]:
    """The areas in a target: side, name, and share of the target's mid-cortical surface, the largest first.

    Parameters
    ----------
    target : Target
    cortex : Cortex or None

    Returns
    -------
    list of (str, str, float)
        Empty where folds are not known, or no mid-cortical surface lies in the target.
    """
    if cortex is None:
        return []
    found: dict[tuple[str, str], float] = {}
    total = 0.0
    for side, surface in cortex.hemispheres.items():
        inside = target.holds(surface.points_mm)
        weight = surface.vertex_areas_mm2[inside]
        total += float(weight.sum())
        if side not in cortex.folds or not inside.any():
            continue
        size = np.bincount(areas_at_vertices(cortex.folds[side], side)[inside], weight, len(areas()) + 1)
        for name, area in areas().items():
            if size[area.number] > 0:
                found[WORDS[side], name] = float(size[area.number])
    ranked = sorted(found.items(), key=lambda each: -each[1])
    return [(side, name, size / total) for (side, name), size in ranked]
