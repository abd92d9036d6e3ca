"""How the coil of placement 1 is held and driven: its angle in the clinic's words, its pulse, and where the current runs.

Angles of the handle are counted in the scalp's tangent plane from the midline, that is from straight back (up where the scalp
faces forward, down where it faces backward), and are positive when the handle turns outwards, away from the midline.

A coil file states the field of a rising coil current.  That this is the *first phase* of the pulse in the stimulator's
*normal* setting is an assumption, and the plan says so.  Every field and angle of a plan is that of the **effective
phase**: of a biphasic pulse the second, of a monophasic one the first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray

from targeting.records.kinds import HandleDeg, OneOf, Share
from targeting.stimulators.pulse import CURRENTS, FIRST, NORMAL, PULSES, REVERSE, SECOND, effective_phase

if TYPE_CHECKING:
    from targeting.coils.coil import Coil
    from targeting.study.pulse_request import PulseRequest
    from targeting.tms import TmsSearch

USUAL_DEG = 45.0  # to the midline: what is held where nothing else is known
DETERMINED = 0.9  # with a lowest dose above this share the dose does not determine the angle
SAME_DOSE = 1e-3
SIDEWAYS, UPRIGHT = 0.17, 0.4  # components of the handle that are named: 10° off straight back, 24° off level


@dataclass(frozen=True)
class AngleDose:
    """The dose at one angle of the coil at the place of placement 1."""

    name: Annotated[str, "Which angle."]
    handle_deg: Annotated[HandleDeg, "Angle of the handle to the midline."]
    dose_v_per_m: Annotated[float, "The dose there at 1 A/µs."]
    share: Annotated[float, "Of the largest dose over all angles at that place."]


@dataclass(frozen=True)
class PlanAngle:
    """How placement 1 is turned."""

    rule: Annotated[
        str,
        "What set the angle: fold (across the central sulcus), midline:DEGREES, free (the largest dose), or direction.",
    ]
    why: Annotated[str, "How the angle came about, in words."]
    handle_deg: Annotated[HandleDeg, "Angle of the handle to the midline."]
    words: Annotated[str, "The same in words."]
    clock: Annotated[str, "Where the handle points on a clock face seen from above, the nose at 12."]
    fold_deg: Annotated[
        HandleDeg | None,
        "The handle's angle with the current straight across the fold at the target; null where the surface gives "
        "no clear wall.",
    ]
    rows: Annotated[list[AngleDose], "The dose at some angles at the place of placement 1."]
    lowest_share: Annotated[Share, "The smallest dose over all angles there, of the largest."]
    determined: Annotated[bool, "Whether the dose varies by 10 % or more over all angles there."]


@dataclass(frozen=True)
class PlanPulse:
    """How the stimulator drives the coil of placement 1, and what that makes of the current in the brain."""

    form: Annotated[str, OneOf(*PULSES), "Form of the pulse."]
    current: Annotated[str, OneOf(*CURRENTS), "The stimulator's current-direction setting the plan is for."]
    chosen: Annotated[bool, "Whether the plan chose the setting; false: it was given, or the stimulator has no other."]
    effective_phase: Annotated[
        str,
        OneOf(FIRST, SECOND),
        "The phase of the pulse that excites: of a biphasic pulse the second.",
    ]
    effective_sign: Annotated[
        int,
        OneOf(-1, 1),
        "Sign of dI/dt in the effective phase, in the sense of the coil's file.",
    ]
    stimulator: Annotated[str, "Name of the stimulator; empty if none was given."]
    reversible: Annotated[bool | None, "Whether the stimulator has a current-direction setting; null if not known."]
    as_wanted: Annotated[
        bool | None,
        "Whether the effective current runs the way the target wants; null if it wants none.",
    ]
    first_runs: Annotated[str, "Which way the current runs in the brain in the first phase, in words."]
    effective_runs: Annotated[str, "Which way it runs in the effective phase, in words."]


def pulse_warnings(pulse: PlanPulse) -> list[str]:
    """What must be known before the coil is driven: a current that runs the wrong way, a setting that nobody checked."""
    if pulse.as_wanted is False:
        why = (
            "this stimulator has no reverse setting"
            if pulse.reversible is False
            else f"set the stimulator to {REVERSE if pulse.current == NORMAL else NORMAL}"
        )
        return [
            f"in the effective ({pulse.effective_phase}) phase of a {pulse.form} pulse the current runs "
            f"{pulse.effective_runs}, against the direction the target wants: {why}; the motor threshold will be higher "
            "than in the other direction"
        ]
    if pulse.current == REVERSE and pulse.reversible is None:
        return [
            "the plan is for the stimulator's current direction set to reverse; on a stimulator without that setting the "
            "effective current runs the other way"
        ]
    return []


def plan_pulse(request: PulseRequest, search: TmsSearch) -> PlanPulse:
    """Make the pulse block of a request and of what the search found."""
    from targeting.words.numbers import direction_words

    e = search.mean_e_v_per_m[0]
    phase = effective_phase(request.form)
    runs = direction_words(e)
    opposite = direction_words(-e)
    return PlanPulse(
        form=request.form,
        current=search.current,
        chosen=request.current is None,
        effective_phase=phase,
        effective_sign=int(search.effective_sign),
        stimulator=request.stimulator,
        reversible=request.reversible,
        as_wanted=None if search.as_wanted < 0 else bool(search.as_wanted),
        first_runs=runs if phase == FIRST else opposite,
        effective_runs=runs,
    )


def plan_angle(search: TmsSearch, coil: Coil, side: str) -> PlanAngle:
    """Make the angle block of placement 1; ``coil`` is as its file has it, ``side`` is the target's."""
    from targeting.tms.orientation import handle_deg, handles_of_angles_deg

    pose = search.poses[0]
    here = handle_deg(pose, side)
    sense = coil.current_direction_y * search.effective_sign
    handles = handles_of_angles_deg(search.angles_deg, -pose[:3, 2], sense, side)
    dose = _by_handle(handles, np.asarray(search.dose_by_angle_v_per_m, np.float64))
    top = float(np.nanmax(search.dose_by_angle_v_per_m))
    lowest = float(np.nanmin(search.dose_by_angle_v_per_m))
    fold = None if np.isnan(search.fold_deg) else float(search.fold_deg)
    best = float(handles[int(np.nanargmax(search.dose_by_angle_v_per_m))])
    opposite = best - 180.0 if best > 0 else best + 180.0
    if (
        abs(best) > 90.0 and dose(opposite) >= (1 - SAME_DOSE) * top
    ):  # a half turn leaves the dose of most coils as it is
        best = opposite
    rows = [AngleDose("as planned", here, float(search.dose_v_per_m[0]), float(search.dose_v_per_m[0]) / top)]
    others = [(f"{USUAL_DEG:g}° to the midline", USUAL_DEG), ("largest dose", best)]
    if fold is not None:
        others.insert(1, ("across the fold", fold))
    rows += [AngleDose(name, deg, dose(deg), dose(deg) / top) for name, deg in others]
    share = min(max(lowest / top, 0.0), 1.0)
    return PlanAngle(
        rule=str(search.rule),
        why=str(search.why),
        handle_deg=here,
        words=handle_words(pose, side),
        clock=clock_of(pose),
        fold_deg=fold,
        rows=rows,
        lowest_share=share,
        determined=share < DETERMINED,
    )


def over_the_face(pose_mm: NDArray[np.float64], side: str) -> bool:
    """Whether a coil's handle points over the face."""
    from targeting.tms.orientation import faces_away

    return not bool(faces_away(-np.asarray(pose_mm, np.float64)[:3, 1], side))


def handle_words(pose_mm: NDArray[np.float64], side: str) -> str:
    """How a coil's handle is held, as clinics say it.

    Examples
    --------
    A coil on the vertex, its handle back and to the left:

    >>> import numpy as np
    >>> y, z = np.array([0.5**0.5, 0.5**0.5, 0]), np.array([0, 0, -1.0])
    >>> pose = np.eye(4)
    >>> pose[:3, :3] = np.stack([np.cross(y, z), y, z], axis=1)
    >>> handle_words(pose, "left")
    '45° to the midline, handle back and to the left'
    """
    from targeting.tms.orientation import handle_deg
    from targeting.words.numbers import number

    deg = abs(handle_deg(pose_mm, side))
    to_midline = min(deg, 180.0 - deg)
    return f"{number(to_midline, 0)}° to the midline, handle {_ends(-pose_mm[:3, 1])}"


def _ends(handle: NDArray[np.float64]) -> str:
    """Where a handle points: back or forward, to the left or right, up or down, as far as it does."""
    from targeting.words.numbers import listed

    ends = ((1, "forward", "back"), (0, "to the right", "to the left"), (2, "up", "down"))
    named = [(axis, more if handle[axis] > 0 else less) for axis, more, less in ends if abs(handle[axis]) >= SIDEWAYS]
    flat = [name for axis, name in named if axis != 2]
    if not flat:
        return named[0][1]
    tilted = [name for axis, name in named if axis == 2 and abs(handle[2]) >= UPRIGHT]
    return listed([*flat, *tilted])


def clock_of(pose_mm: NDArray[np.float64]) -> str:
    """Where the handle points on a clock face seen from above, the nose at 12, to a quarter of an hour.

    Examples
    --------
    >>> import numpy as np
    >>> y, z = np.array([0.5**0.5, 0.5**0.5, 0]), np.array([0, 0, -1.0])
    >>> pose = np.eye(4)
    >>> pose[:3, :3] = np.stack([np.cross(y, z), y, z], axis=1)
    >>> clock_of(pose)
    '7:30'
    """
    x, y = -pose_mm[:2, 1]
    quarters = round((np.degrees(np.arctan2(x, y)) % 360.0) / 7.5) % 48
    return f"{quarters // 4 or 12}:{15 * (quarters % 4):02d}"


def _by_handle(handles_deg: NDArray[np.float64], dose: NDArray[np.float64]) -> Callable[[float], float]:
    """Interpolate the dose between the angles of the handle that were tried."""
    order = np.argsort(handles_deg)
    return lambda deg: float(np.interp(deg, handles_deg[order], dose[order], period=360.0))
