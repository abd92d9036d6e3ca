"""Stage "uncertainty": the spread of the dose and of the best pose over published conductivities, when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from targeting.coils.coil import fingerprint
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from atlases.aim import AimedTarget
    from meshes.cortical_surface import Cortex
    from meshes.head import HeadMesh
    from targeting.coils.coil import Coil
    from targeting.fem import HeadConductor
    from targeting.study.conduction import Conduction
    from targeting.study.request import Direction
    from targeting.tms import TmsSearch
    from targeting.uncertainty import DoseSpread

NAME = "uncertainty"
RIGHT_HAND_SIDES = 100  # about as many as the stage solves for; they pay for a factorisation
FILE = "dose_spread.json"


def uncertainty_stage(
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    searched: Done[TmsSearch],
    coil: Coil,
    coil_file: Path | None,
    hair_mm: float,
    direction: Direction,
    conduction: Conduction,
    conductor: Callable[[], HeadConductor],
    cortex: Done[Cortex] | None = None,
) -> Stage[DoseSpread]:
    """The stage: what published conductivities make of the best pose."""

    def make(room: Path) -> DoseSpread:
        from targeting.tms.direction import direction_vector
        from targeting.uncertainty import dose_spread

        target, found = aimed.value.target, searched.value
        unit = found.ranked_by(direction_vector(meshed.value, target, direction, cortex.value if cortex else None))
        spread = dose_spread(conductor(), target, coil.driven(found.effective_sign), found.poses[0], hair_mm, unit)
        (room / FILE).write_text(json.dumps(asdict(spread), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return spread

    files = ({"coil": coil_file} if coil_file else {}) | conduction.files
    parameters: dict[str, Any] = {
        "coil": coil.name,
        "coil_sha256": fingerprint(coil),
        "hair_mm": hair_mm,
        "direction": direction,
        "ranges": _table(),
        **conduction.parameters,
    }
    after: list[Done[Any]] = [meshed, aimed, searched, *([cortex] if cortex else [])]
    return Stage(NAME, 1, make, load, files=files, parameters=parameters, after=after)


def check_uncertainty(coil: Coil, conductivity_s_per_m: Mapping[str, float]) -> None:
    """Raise InputError, before anything is made, if the coil or the conductivities leave nothing to state."""
    from targeting.uncertainty.ranges import varying
    from targeting.uncertainty.spread import with_sources

    varying(conductivity_s_per_m)
    with_sources(coil)


def load(folder: Path) -> DoseSpread:
    """The result as the stage wrote it."""
    from targeting.uncertainty import DoseSpread, Range

    read = json.loads((folder / FILE).read_text(encoding="utf-8"))
    ranges = [Range(**each) for each in read.pop("ranges")]
    low, median, high = read.pop("dose_v_per_m")
    return DoseSpread(dose_v_per_m=(low, median, high), ranges=ranges, **read)


def _table() -> dict[str, list[float]]:
    from targeting.uncertainty import published_ranges

    return {name: [each.low_s_per_m, each.high_s_per_m] for name, each in published_ranges().items()}
