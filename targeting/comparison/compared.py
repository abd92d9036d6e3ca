"""Measure a compared coil on the target: its best pose near it, and what its field there and elsewhere is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlases.scalp import Scalp
from atlases.target import Target
from atlases.warp import MniWarp
from meshes.errors import InputError
from meshes.tissue_codes import Tissue
from targeting.coils.coil import Coil
from targeting.comparison.record import CoilOnTarget
from targeting.dosing.hotspot import Hotspot, e_per_a_per_us
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.study.coil_aim import CoilAim
from targeting.study.stronger_targets import stronger_targets
from targeting.study.study import Study
from targeting.tms import DoseMap, TmsSearch, search_tms
from targeting.tms.angle import AngleRequest
from targeting.tms.dose_map import dose_of

# from the scalp point nearest to the target: on a real head the best dose over the scalp falls to 0.72 of the largest
# at 60 mm over a target 48 mm deep (colin27, psi), faster over a shallower one
NEAR_MM, RIM_MM = 60.0, 15.0


Measure = Callable[[Coil, TmsSearch, NDArray[np.floating], float | None], CoilOnTarget]


def measure_of(study: Study, aim: CoilAim, warp: MniWarp | None) -> Measure:
    """A function that measures a coil's best pose and its field at 1 A/µs; the target's tetrahedra are looked up once.

    Parameters
    ----------
    study : Study
        With the head and the target.
    aim : CoilAim
        Which component of the field the dose is.
    warp : MniWarp or None
        For the named targets that get more than the target; None: they are not looked at.

    Returns
    -------
    callable
        Of the coil, its search, its field (M, 3) and |E| at the motor hotspot per A/µs (or None).
    """
    head, target = study.head.value, study.target.value.target
    unit = aim.dose_unit(study)
    tets, weight = target.weights(head)
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    outside = np.setdiff1d(grey, tets)
    volumes_mm3, centers_mm = head.volumes_mm3[outside], head.centroids_mm[outside]

    def measure(
        coil: Coil, search: TmsSearch, e_v_per_m: NDArray[np.floating], e_hotspot: float | None
    ) -> CoilOnTarget:
        dose = float(dose_of(weight @ e_v_per_m[tets].astype(np.float64), search.ranked_by(unit)))
        highest = np.linalg.norm(e_v_per_m[grey].astype(np.float64), axis=1).max()
        size = np.linalg.norm(e_v_per_m[outside].astype(np.float64), axis=1)
        peak = int(size.argmax())
        return CoilOnTarget(
            coil=coil.name,
            max_didt_a_per_s=coil.max_didt_a_per_s,
            pose=search.poses[0].tolist(),
            scalp_mm=search.scalp_mm[0].tolist(),
            distance_mm=float(search.distance_mm[0]),
            middle_mm=float(np.linalg.norm(search.poses[0][:3, 3] - search.scalp_mm[0])),
            dose_v_per_m=float(search.dose_v_per_m[0]) * REFERENCE_DIDT_A_PER_S / search.didt_a_per_s,
            direct_dose_v_per_m=dose,
            peak_e_v_per_m=float(size[peak]),
            peak_mm=centers_mm[peak].tolist(),
            above_mm3=float(volumes_mm3[size > abs(dose)].sum()),
            stronger=stronger_targets(e_v_per_m, target, head, warp) if warp else None,
            e_target_v_per_m=e_per_a_per_us(search),
            highest_e_v_per_m=float(highest),
            e_hotspot_v_per_m=e_hotspot,
            rated_on=coil.rated_on,
        )

    return measure


def best_pose(scalp: Scalp, target: Target, coil: Coil, hair_mm: float, dose_map: DoseMap, **options: Any) -> TmsSearch:
    """The best pose of a coil at 1 A/µs: looked for near the target, and all over the head only if that is at the rim.

    Parameters
    ----------
    scalp : Scalp
    target : Target
    coil : Coil
    hair_mm : float
        From the casing to the scalp, mm.
    dose_map : DoseMap
        Of the target.
    **options
        As for :func:`targeting.tms.search_tms`.
    """
    search = partial(
        search_tms,
        scalp.head,
        target,
        coil,
        hair_mm,
        dose_map=dose_map,
        scalp=scalp,
        didt_a_per_s=REFERENCE_DIDT_A_PER_S,
        keep=1,
        **options,
    )
    nearest_mm = scalp.points_mm[scalp.nearest(target.center_mm)]
    try:
        found = search(radius_mm=NEAR_MM)
    except InputError:  # no place for it there
        return search()
    return found if np.linalg.norm(found.scalp_mm[0] - nearest_mm) < NEAR_MM - RIM_MM else search()


def e_at_hotspot(study: Study, aim: CoilAim, hotspot: Hotspot, dose_map: DoseMap) -> float:
    """|mean E| that a coil's best pose over the motor hotspot gives there, V/m per A/µs.

    Parameters
    ----------
    study : Study
    aim : CoilAim
        The coil.
    hotspot : Hotspot
    dose_map : DoseMap
        Of the hotspot.
    """
    sphere = Target.sphere(hotspot.center_mm, hotspot.radius_mm, side=hotspot.side)
    target = replace(sphere, current_toward=hotspot.current_toward)
    turned = replace(aim, angle=AngleRequest.of(None, hotspot.of)).orientation(study, target)
    return e_per_a_per_us(best_pose(study.scalp, target, aim.coil, aim.hair_mm, dose_map, orientation=turned))
