"""Stages "dosemap" and "search": the reciprocal field of the target, and every pose of the coil ranked by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlases.aim import AimedTarget
from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from targeting.coils.coil import Coil, fingerprint
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.study.memory_needs import search_need, solve_need
from targeting.study.pulse_request import PulseRequest
from targeting.study.request import Direction
from targeting.subject import Done, Stage
from targeting.tms.angle import AngleRequest

if TYPE_CHECKING:
    from atlases.scalp import Scalp
    from atlases.target import Target
    from targeting.fem import HeadConductor
    from targeting.goals.stage import Wanted
    from targeting.study.conduction import Conduction
    from targeting.tms import DoseMap, TmsSearch
    from targeting.tms.orientation import Orientation

PLACEMENTS = 5


def dose_map_stage(
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    conduction: Conduction,
    conductor: Callable[[], HeadConductor],
) -> Stage[DoseMap]:
    """Stage "dosemap": the reciprocal field of the target everywhere outside the head (three solves)."""

    def make(room: Path) -> DoseMap:
        from targeting.tms import DoseMap

        dose_map = DoseMap.build(conductor(), aimed.value.target)
        dose_map.save(room / "dosemap.npz")
        return dose_map

    def load(folder: Path) -> DoseMap:
        from targeting.tms import DoseMap

        return DoseMap.load(folder / "dosemap.npz")

    files, parameters = conduction.files, conduction.parameters
    return Stage(
        "dosemap",
        2,
        make,
        load,
        files=files,
        parameters=parameters,
        after=[meshed, aimed],
        needs=lambda: solve_need(meshed.value),
    )


def orientation(asked: AngleRequest, target: Target, scalp: Scalp, cortex: Cortex | None) -> Orientation:
    """How the coil may be turned over a target."""
    from targeting.tms.orientation import orientation_of

    over = scalp.points_mm[scalp.nearest(target.center_mm)]
    normal = scalp.patch_normals(over[None])[0]
    return orientation_of(asked.rule, asked.midline_deg, asked.usual_deg, target, cortex, normal)


def search_stage(
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    mapped: Done[DoseMap],
    coil: Coil,
    coil_file: Path | None,
    hair_mm: float,
    direction: Direction,
    cortex: Done[Cortex] | None = None,
    tilt_deg: float = 0.0,
    extra_mm: float = 0.0,
    wanted: Wanted | None = None,
    angle: AngleRequest | None = None,
    pulse: PulseRequest | None = None,
) -> Stage[TmsSearch]:
    """Stage "search": every pose of the coil on the scalp, ranked by dose, or by what else is wanted.

    The cortex is where the direction "normal" and the fold at the target come from.
    """
    turned, driven = angle or AngleRequest("free"), pulse or PulseRequest()

    def make(room: Path) -> TmsSearch:
        from atlases.scalp import Scalp
        from targeting.tms import search_tms

        scalp = Scalp.of(meshed.value)
        found = search_tms(
            meshed.value,
            aimed.value.target,
            coil,
            hair_mm=hair_mm,
            direction=direction,
            cortex=cortex.value if cortex else None,
            dose_map=mapped.value,
            didt_a_per_s=REFERENCE_DIDT_A_PER_S,
            keep=PLACEMENTS,
            tilt_deg=tilt_deg,
            extra_mm=extra_mm,
            objective=wanted.objective() if wanted else None,
            scalp=scalp,
            orientation=orientation(turned, aimed.value.target, scalp, cortex.value if cortex else None),
            drive=driven.drive,
        )
        np.savez(room / "search.npz", **{each.name: getattr(found, each.name) for each in fields(found)})
        return found

    def load(folder: Path) -> TmsSearch:
        from targeting.tms import TmsSearch

        with np.load(folder / "search.npz", allow_pickle=False) as arrays:
            # numbers and words were kept as arrays of no dimension
            return TmsSearch(**{name: each if each.ndim else each.item() for name, each in arrays.items()})

    return Stage(
        "search",
        4,
        make,
        load,
        files={"coil": coil_file} if coil_file else {},
        parameters={
            "coil": coil.name,
            "coil_sha256": fingerprint(coil),
            "hair_mm": hair_mm,
            "direction": direction,
            "placements": PLACEMENTS,
            "tilt_deg": tilt_deg,
            "extra_mm": extra_mm,
            "objective": wanted.request.numbers if wanted else None,
            **turned.parameters,
            **driven.parameters,
        },
        after=[meshed, aimed, mapped, *([cortex] if cortex else []), *(wanted.after if wanted else [])],
        needs=lambda: search_need(meshed.value),
    )
