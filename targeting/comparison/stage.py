"""Stage "comparison": the best pose of each compared coil, by the same search on the same dose map, solved directly.

The plan's own coil was searched and solved before.  Each other one costs a search and one solve.  Where a motor threshold
was found at a hotspot of its own, the field that the coil gives *there* is looked for, too, on the hotspot's dose map.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError, WriteError
from meshes.tissue_codes import Tissue
from targeting.coils.coil import fingerprint
from targeting.coils.files import ChosenCoil
from targeting.comparison.record import CoilOnTarget
from targeting.dosing.hotspot_stage import Hotspot, e_per_a_per_us, hotspot_map
from targeting.engines.protocol import Engine
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.pose import Pose
from targeting.study.options import as_flags, flags_of
from targeting.study.pulse_request import PulseRequest
from targeting.study.request import Direction
from targeting.study.stronger_targets import stronger_targets
from targeting.study.tms_confirm import Confirmed
from targeting.study.tms_request import TmsRequest
from targeting.study.tms_search import orientation
from targeting.subject import Done, Stage
from targeting.tms.angle import FREE, AngleRequest

if TYPE_CHECKING:
    from atlases.aim import AimedTarget
    from atlases.scalp import Scalp
    from atlases.target import Target
    from atlases.warp import MniWarp
    from meshes.cortical_surface import Cortex
    from meshes.head import HeadMesh
    from targeting.coils.coil import Coil
    from targeting.fem import HeadConductor
    from targeting.goals.stage import Wanted
    from targeting.study.conduction import Conduction
    from targeting.tms import DoseMap, TmsSearch

log = logging.getLogger(__name__)

NAME, FILE = "comparison", "compared_coils.json"
# from the scalp point nearest to the target: on a real head the best dose over the scalp falls to 0.72 of the largest
# at 60 mm over a target 48 mm deep (colin27, psi), faster over a shallower one
NEAR_MM, RIM_MM = 60.0, 15.0


@dataclass(frozen=True)
class Comparison:
    """The coils, the plan's own first, and a line for each that could not be compared."""

    coils: list[CoilOnTarget]
    left_out: list[str]


def comparison_stage(
    coils: Sequence[ChosenCoil],
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    registered: Done[MniWarp] | None,
    mapped: Done[DoseMap],
    searched: Done[TmsSearch],
    confirmed: Done[Confirmed],
    hotspot: Done[Hotspot] | None,
    hair_mm: float,
    direction: Direction,
    tilt_deg: float,
    extra_mm: float,
    conduction: Conduction,
    conductor: Callable[[], HeadConductor],
    engine: Engine,
    cortex: Done[Cortex] | None = None,
    wanted: Wanted | None = None,
    angle: AngleRequest | None = None,
    pulse: PulseRequest | None = None,
) -> Stage[Comparison]:
    """The stage; ``coils`` are the plan's own, then at least one other; ``hotspot`` is one that is not the target.

    The others are turned by the same rule as the plan's own, each in the stimulator's setting that suits it.
    What else than the dose is ``wanted`` of the plan's own coil is wanted of the others, too; several targets count in
    shares of what the plan's own coil gives each alone.
    """

    def make(room: Path) -> Comparison:
        from atlases.scalp import Scalp
        from atlases.target import Target

        head, target = meshed.value, aimed.value.target
        scalp = Scalp.of(head)
        measure = _measure(head, target, direction, cortex, registered)
        own = coils[0].coil
        turned = orientation(angle or AngleRequest(FREE), target, scalp, cortex.value if cortex else None)
        driven = replace((pulse or PulseRequest()).drive, current=None)
        spot = None if hotspot is None else hotspot.value.e_v_per_m
        there = None if hotspot is None else hotspot_map(hotspot)
        rows = [measure(own, searched.value, confirmed.value.e_v_per_m, spot)]
        left_out = []
        for chosen in coils[1:]:
            try:
                found = best_pose(
                    scalp,
                    target,
                    chosen.coil,
                    hair_mm,
                    mapped.value,
                    direction=direction,
                    cortex=cortex.value if cortex else None,
                    tilt_deg=tilt_deg,
                    extra_mm=extra_mm,
                    objective=wanted.objective() if wanted else None,
                    orientation=turned,
                    drive=driven,
                )
                if hotspot is not None and there is not None:
                    where = replace(
                        Target.sphere(hotspot.value.center_mm, hotspot.value.radius_mm, side=hotspot.value.side),
                        current_toward=hotspot.value.current_toward,
                    )
                    as_there = orientation(
                        AngleRequest.of(None, hotspot.value.of), where, scalp, cortex.value if cortex else None
                    )
                    spot = e_per_a_per_us(best_pose(scalp, where, chosen.coil, hair_mm, there, orientation=as_there))
            except InputError as error:  # a coil that does not fit this head must not spoil the plan
                left_out.append(f"{chosen.coil.name} is not compared: {as_flags(str(error), flags_of(TmsRequest))}")
                continue
            (field,) = engine.fields(
                conductor(), chosen.coil, [Pose(found.poses[0])], REFERENCE_DIDT_A_PER_S, chosen.file
            )
            rows.append(measure(chosen.coil, found, found.effective_sign * field.e_v_per_m, spot))
        made = Comparison(rows, left_out)
        (room / FILE).write_text(json.dumps(asdict(made), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return made

    files = {f"coil {rank}": each.file for rank, each in enumerate(coils) if each.file is not None}
    files |= conduction.files
    parameters: dict[str, Any] = {
        "coils": [{"name": each.coil.name, "sha256": fingerprint(each.coil)} for each in coils],
        "hair_mm": hair_mm,
        "direction": direction,
        "tilt_deg": tilt_deg,
        "extra_mm": extra_mm,
        "objective": wanted.request.numbers if wanted else None,
        **(angle or AngleRequest(FREE)).parameters,
        **(pulse or PulseRequest()).parameters,
        "engine": {"name": engine.name, "version": engine.version},
        **conduction.parameters,
    }
    before = (meshed, aimed, registered, mapped, searched, confirmed, hotspot, cortex)
    after: list[Done[Any]] = [*(each for each in before if each), *(wanted.after if wanted else [])]
    return Stage(NAME, 2, make, load, files=files, parameters=parameters, after=after)


def warp_if_any(register: Callable[[], Done[MniWarp]]) -> Done[MniWarp] | None:
    """The registration, or None for a head that cannot be registered."""
    try:
        return register()
    except WriteError:
        raise
    except InputError:
        return None


def load(folder: Path) -> Comparison:
    """The result as the stage wrote it."""
    read = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return Comparison([CoilOnTarget(**each) for each in read["coils"]], read["left_out"])


Measure = Callable[["Coil", "TmsSearch", NDArray[np.floating], float | None], CoilOnTarget]


def _measure(
    head: HeadMesh,
    target: Target,
    direction: Direction,
    cortex: Done[Cortex] | None,
    registered: Done[MniWarp] | None,
) -> Measure:
    """What tells of a coil's best pose and its field at 1 A/µs; the target's tetrahedra are looked up once."""
    from targeting.tms.direction import direction_vector
    from targeting.tms.dose_map import dose_of

    unit = direction_vector(head, target, direction, cortex.value if cortex else None)
    tets, weight = target.weights(head)
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    outside = np.setdiff1d(grey, tets)
    volumes_mm3, centers_mm = head.volumes_mm3[outside], head.centroids_mm[outside]

    def measure(coil: Coil, found: TmsSearch, e_v_per_m: NDArray[np.floating], e_hotspot: float | None) -> CoilOnTarget:
        dose = float(dose_of(weight @ e_v_per_m[tets].astype(np.float64), found.ranked_by(unit)))
        highest = np.linalg.norm(e_v_per_m[grey].astype(np.float64), axis=1).max()
        size = np.linalg.norm(e_v_per_m[outside].astype(np.float64), axis=1)
        peak = int(size.argmax())
        return CoilOnTarget(
            coil=coil.name,
            max_didt_a_per_s=coil.max_didt_a_per_s,
            pose=found.poses[0].tolist(),
            scalp_mm=found.scalp_mm[0].tolist(),
            distance_mm=float(found.distance_mm[0]),
            middle_mm=float(np.linalg.norm(found.poses[0][:3, 3] - found.scalp_mm[0])),
            dose_v_per_m=float(found.dose_v_per_m[0]) * REFERENCE_DIDT_A_PER_S / found.didt_a_per_s,
            direct_dose_v_per_m=dose,
            peak_e_v_per_m=float(size[peak]),
            peak_mm=centers_mm[peak].tolist(),
            above_mm3=float(volumes_mm3[size > abs(dose)].sum()),
            stronger=stronger_targets(e_v_per_m, target, head, registered.value) if registered else None,
            e_target_v_per_m=e_per_a_per_us(found),
            highest_e_v_per_m=float(highest),
            e_hotspot_v_per_m=e_hotspot,
            rated_on=coil.rated_on,
        )

    return measure


def best_pose(scalp: Scalp, target: Target, coil: Coil, hair_mm: float, dose_map: DoseMap, **options: Any) -> TmsSearch:
    """The best pose of a coil at 1 A/µs: looked for near the target, and all over the head only if that is at the rim."""
    from targeting.tms import search_tms

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
