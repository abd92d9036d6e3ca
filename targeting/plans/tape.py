"""The tape block of ``plan.json``: where the coil's centre lies on the scalp, as somebody with a tape measure finds it."""

from __future__ import annotations

from dataclasses import dataclass

from targeting.records.json_records import require


@dataclass(frozen=True)
class PlanLandmarks:
    """The four points a tape measure starts from, and the head's two measures."""

    nasion_mm: list[float]
    inion_mm: list[float]
    left_ear_mm: list[float]
    right_ear_mm: list[float]
    nasion_to_inion_mm: float  # along the scalp over the vertex
    ear_to_ear_mm: float
    source: str


@dataclass(frozen=True)
class PlanTape:
    """The scalp point under the coil's centre at placement 1."""

    near: str  # beside which 10-10 position it lies, in words
    from_nasion_mm: float  # along the scalp, as a tape measure lies
    from_inion_mm: float
    from_left_ear_mm: float
    from_right_ear_mm: float
    landmarks: PlanLandmarks


def check_tape(tape: PlanTape) -> None:
    """What the annotations cannot say.

    Raises
    ------
    InputError
        If a point is none, or a length along the scalp not positive.
    """
    marks = tape.landmarks
    for name in ("nasion_mm", "inion_mm", "left_ear_mm", "right_ear_mm"):
        require(len(getattr(marks, name)) == 3, f"tape.landmarks.{name} must be three numbers")
    far = (tape.from_nasion_mm, tape.from_inion_mm, tape.from_left_ear_mm, tape.from_right_ear_mm)
    require(min(far) >= 0, "tape: a distance along the scalp is negative")
    require(min(marks.nasion_to_inion_mm, marks.ear_to_ear_mm) > 0, "tape: a measure of the head is not positive")
