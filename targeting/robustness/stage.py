"""Stage "robustness": what placement errors of real navigation make of the best pose, and the pose that minds them least."""

from __future__ import annotations

from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from targeting.coils.coil import Coil, fingerprint
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from atlases.aim import AimedTarget
    from meshes.cortical_surface import Cortex
    from meshes.head import HeadMesh
    from targeting.robustness.robustness import Robustness
    from targeting.study.request import Direction
    from targeting.tms import DoseMap, TmsSearch

FILE = "robustness.npz"
CANDIDATE_SHARE = 0.85  # places whose best dose is below this share of the largest hold no steadier pose


def robustness_stage(
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    mapped: Done[DoseMap],
    searched: Done[TmsSearch],
    coil: Coil,
    coil_file: Path | None,
    hair_mm: float,
    direction: Direction,
    cortex: Done[Cortex] | None = None,
) -> Stage[Robustness]:
    """The stage: the search's best pose, and those round it, under placement errors."""

    def make(room: Path) -> Robustness:
        from atlases.scalp import Scalp
        from targeting.robustness.robustness import robustness, taken_to
        from targeting.tms.direction import direction_vector

        found, scalp = searched.value, Scalp.of(meshed.value)
        along = direction_vector(meshed.value, aimed.value.target, direction, cortex.value if cortex else None)
        unit, driven = found.ranked_by(along), coil.driven(found.effective_sign)
        # the search's own other placements, and other places with the current in the same direction
        good = found.scalp_points_mm[found.best_dose_at_point_v_per_m >= CANDIDATE_SHARE * found.dose_v_per_m[0]]
        others, can = taken_to(scalp, driven, found.poses[0], found.scalp_mm[0], good)
        poses, places = np.concatenate([found.poses, others[can]]), np.concatenate([found.scalp_mm, good[can]])
        result = robustness(scalp, driven, mapped.value, poses, places, unit)
        kept = {each.name: getattr(result, each.name) for each in fields(result) if each.name != "error"}
        np.savez(room / FILE, **kept, error=astuple(result.error))
        return result

    files = {"coil": coil_file} if coil_file else {}
    parameters = {"coil": coil.name, "coil_sha256": fingerprint(coil), "hair_mm": hair_mm, "direction": direction}
    after: list[Done[Any]] = [meshed, aimed, mapped, searched, *([cortex] if cortex else [])]
    return Stage("robustness", 3, make, load, files=files, parameters=parameters, after=after)


def load(folder: Path) -> Robustness:
    """The result as the stage wrote it."""
    from targeting.robustness.robustness import PlacementError, Robustness

    with np.load(folder / FILE, allow_pickle=False) as arrays:
        values = {name: each if each.ndim else each.item() for name, each in arrays.items()}
    error = PlacementError(*values.pop("error").tolist())
    clockwise, counter = values.pop("turn_deg")
    return Robustness(error=error, turn_deg=(float(clockwise), float(counter)), **values)
