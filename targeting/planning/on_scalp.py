"""Where a point lies on a head's scalp: by the 10-10 system and by tape, from landmarks that its registration gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from meshes.errors import InputError
from targeting.records.places import PlanLandmarks, PlanTape
from targeting.words.numbers import number

if TYPE_CHECKING:
    from atlases.fiducials import Fiducials
    from atlases.scalp_positions import ScalpPositions
    from atlases.scalp_tape import TapeMeasure
    from atlases.warp import MniWarp
    from meshes.head import HeadMesh

POINT, VERTEX = "coil", "Cz"
AT_MM = 3.0  # nearer than this a point is at the position: caps are not put on more exactly
NEIGHBOURS_MM = 75.0  # from a position to the next of the 10-10 system: 30 to 45 mm on an adult's head


@dataclass(frozen=True, eq=False)
class OnScalp:
    """A point's place as the plan states it, and the 10-10 positions that pictures show beside it."""

    tape: PlanTape
    positions: ScalpPositions


def on_scalp(point_mm: ArrayLike, head: HeadMesh, warp: MniWarp | None) -> OnScalp | None:
    """Measure where a point of the scalp (RAS mm) lies; None without a registration, or on a scalp that cannot be measured."""
    from atlases.fiducials import fiducials_from_warp
    from atlases.scalp import Scalp
    from atlases.scalp_tape import tape_measure
    from atlases.ten_ten import ten_ten

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
    place = PlanTape(near_words(point_mm, positions), nasion, inion, left, right, landmarks_of(tape, fiducials))
    return OnScalp(place, positions)


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


def near_words(point_mm: ArrayLike, positions: ScalpPositions) -> str:
    """The nearest electrode position, how far it is, straight, and which other position that is towards.

    Examples
    --------
    >>> import numpy as np
    >>> from atlases.scalp_positions import ScalpPositions
    >>> left = np.array([[-38.0, -9, 86], [-68, -11, 61], [-74, 17, 24]])
    >>> cap = ScalpPositions(("C1", "C3", "FC5"), ("Electrode",) * 3, left)
    >>> near_words([-48.0, -14.0, 83.0], cap), near_words([-67.0, -11.0, 62.0], cap)
    ('12 mm from C1, towards C3', 'at C3')
    """
    from atlases.scalp_positions import ELECTRODE

    electrodes = positions.of_kind(ELECTRODE)
    away = np.asarray(point_mm, dtype=np.float64) - electrodes.points_mm
    nearest = int(np.linalg.norm(away, axis=1).argmin())
    offset, name = away[nearest], electrodes.names[nearest]
    distance = float(np.linalg.norm(offset))
    if distance < AT_MM:
        return f"at {name}"
    others = electrodes.points_mm - electrodes.points_mm[nearest]
    length = np.linalg.norm(others, axis=1)
    towards = np.where((length > 0) & (length < NEIGHBOURS_MM), others @ offset / np.maximum(length, 1e-9), -np.inf)
    words = f"{number(distance, 0)} mm from {name}"
    best = int(towards.argmax())
    return f"{words}, towards {electrodes.names[best]}" if towards[best] > 0 else words
