"""The coil's handle: its angles to the midline for figures and tables, and a small drawing of how it is held.

The drawing looks down on the scalp, nose up, left on the left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from targeting.plans.handling import PlanAngle
from targeting.plans.tms import Plan
from targeting.plans.tms_words import handle_words
from targeting.report.evidence import TmsEvidence
from targeting.scene.colors import COIL, QUIET
from targeting.scene.ink import svg, text
from targeting.tms.orientation import handle_deg, handles_of_angles_deg
from targeting.tms.placement import reference_directions
from targeting.words.numbers import number, sentence, three_digits

SMALLEST_DEG = 4.0  # a smaller angle has no arc
RIM = 62.0


def angle_rows(angle: PlanAngle | None) -> list[tuple[str, ...]]:
    """The dose at some angles of the handle: name, angle, dose, share; none for a plan that does not tell."""
    return [
        (
            sentence(each.name),
            f"{number(each.handle_deg, 0)}°",
            three_digits(each.dose_v_per_m),
            number(100 * each.share, 0),
        )
        for each in (angle.rows if angle is not None else ())
    ]


def handles_deg(evidence: TmsEvidence) -> NDArray[np.float64]:
    """The handle's angle to the midline for each of the evidence's angles of the current, (A,)."""
    plan = evidence.plan
    normal = -evidence.pose.direction_mm
    return handles_of_angles_deg(
        evidence.angles_deg, normal, plan.coil.current_direction_y * plan.effective_sign, plan.target.side
    )


def planned_handle_deg(evidence: TmsEvidence) -> float:
    """The handle's angle to the midline of placement 1."""
    return handle_deg(evidence.pose.matrix_mm, evidence.plan.target.side)


def turn_range_deg(plan: Plan, angle_deg: float) -> tuple[float, float] | None:
    """Between which angles of the handle 90 % of the dose is kept; None where it is kept at all of them, or not known."""
    robust = plan.robustness
    if robust is None or min(robust.turn_clockwise_deg, robust.turn_counter_clockwise_deg) >= 180:
        return None
    inwards, outwards = robust.turn_counter_clockwise_deg, robust.turn_clockwise_deg
    if plan.target.side == "right":
        inwards, outwards = outwards, inwards
    return angle_deg - inwards, angle_deg + outwards


def drawn_deg(plan: Plan) -> float | None:
    """The handle's angle to the midline, positive outwards; None where the scalp faces to the front or the back.

    There the angle is counted from straight up or down, and a drawing with a nose would mislead.
    """
    pose = np.array(plan.placements[0].pose)
    if reference_directions(-pose[None, :3, 2])[1][0]:
        return None
    return plan.angle.handle_deg if plan.angle is not None else handle_deg(pose, plan.target.side)


def handle_drawing(plan: Plan) -> str:
    """The drawing as SVG; empty where the scalp faces to the front or the back."""
    deg = drawn_deg(plan)
    if deg is None:
        return ""
    sign, turn = 1 if plan.target.side == "right" else -1, np.radians(deg)
    along = np.array([sign * np.sin(turn), np.cos(turn)])  # the drawing's y runs down, to the back
    end = 54 * along
    parts = [
        f'<circle cx="0" cy="0" r="{RIM:g}" stroke="{QUIET}" stroke-width=".8"/>',
        f'<path d="M-9 {-RIM:g}L0 {-RIM - 12:g}L9 {-RIM:g}" stroke="{QUIET}" stroke-width=".8" fill="#fff"/>',
        f'<path d="M0 {-RIM:g}V{RIM:g}" stroke="{QUIET}" stroke-width="1.2" stroke-dasharray="5 4"/>',
        text(0, -RIM - 16, "nose", 11),
        text(0, RIM + 13, "back", 11),
        text(-RIM - 10, 5, "L", 15),
        text(RIM + 10, 5, "R", 15),
    ]
    if abs(deg) >= SMALLEST_DEG:
        start, stop = np.array([0.0, 30.0]), 30 * along
        sweep = int((sign > 0) != (deg > 0))
        large = int(abs(deg) > 180)
        parts.append(
            f'<path d="M{start[0]:.1f} {start[1]:.1f}A30 30 0 {large} {sweep} {stop[0]:.1f} {stop[1]:.1f}" stroke-width="1.4"/>'
        )
    parts += [
        f'<path d="M0 0L{end[0]:.1f} {end[1]:.1f}" stroke="{COIL}" stroke-width="9" stroke-linecap="round"/>',
        f'<circle cx="0" cy="0" r="10" fill="{COIL}" stroke="#fff" stroke-width="1.5"/>',
        _label(deg, along, sign),
    ]
    words = f"looking down on the scalp, nose up, left on the left: the handle {handle_words(plan)}"
    return svg(215, 215, (-95, -95, 190, 190), parts, words)


def _label(deg: float, along: np.ndarray, sign: int) -> str:
    """The angle beside the handle's end, on the far side from the midline."""
    across = np.array([along[1], -along[0]]) * sign
    x, y = 40 * along + 22 * across
    return text(float(np.clip(x, -70, 70)), float(np.clip(y + 4, -60, 66)), f"{number(abs(deg), 0)}°", 16, COIL)
