"""Where a point lies on a head's scalp: by the 10-10 system and by tape, from landmarks that its registration gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from meshes.errors import InputError
from targeting.records.places import PlanLandmarks, PlanTape

if TYPE_CHECKING:
    from atlases.fiducials import Fiducials
    from atlases.scalp_positions import ScalpPositions
    from atlases.scalp_tape import TapeMeasure
    from atlases.warp import MniWarp
    from meshes.head import HeadMesh

POINT, VERTEX = "coil", "Cz"


@dataclass(frozen=True, eq=False)
class OnScalp:
    """A point's place as the plan tells it, and the 10-10 positions that pictures show beside it."""

    tape: PlanTape
    positions: ScalpPositions


def on_scalp(point_mm: ArrayLike, head: HeadMesh, warp: MniWarp | None) -> OnScalp | None:
    """The place of a point of the scalp, RAS mm; None without a registration, or on a scalp that cannot be measured."""
    from atlases.fiducials import fiducials_from_warp
    from atlases.scalp import Scalp
    from atlases.scalp_tape import tape_measure
    from atlases.ten_ten import ten_ten
    from targeting.report.where import near_words

    if warp is None:
        return None
    scalp = Scalp.of(head)
    try:
        fiducials = fiducials_from_warp(scalp, warp)
        positions = ten_ten(scalp, fiducials)
        tape = tape_measure(scalp, fiducials, positions.point_mm(VERTEX), {POINT: point_mm})
    except InputError:
        return None
    nasion, inion, left, right = tape.places_mm[POINT]
    told = PlanTape(near_words(point_mm, positions), nasion, inion, left, right, landmarks_of(tape, fiducials))
    return OnScalp(told, positions)


def landmarks_of(tape: TapeMeasure, fiducials: Fiducials) -> PlanLandmarks:
    """The landmarks of a tape measure and the head's two measures, as a plan holds them."""
    marks: Mapping[str, tuple[float, float, float]] = tape.landmarks_mm
    nasion, inion, left, right = (list(marks[name]) for name in marks)
    return PlanLandmarks(
        nasion_mm=nasion,
        inion_mm=inion,
        left_ear_mm=left,
        right_ear_mm=right,
        nasion_to_inion_mm=tape.nasion_to_inion_mm,
        ear_to_ear_mm=tape.ear_to_ear_mm,
        source=fiducials.source,
    )
