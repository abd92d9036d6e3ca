"""What the viewer's lists say: a line for each placement, saved pose and electrode."""

from __future__ import annotations

from targeting.plans.tes import TesPlan
from targeting.plans.tms import Plan
from targeting.viewer.saved_poses import SavedPose

Row = tuple[str, ...]

PLACEMENT_HEAD: Row = ("#", "dose", "of #1", "angle")
PLACEMENT_TIPS: Row = (
    "rank in the plan",
    "dose in the target at 1 A/µs, V/m",
    "dose as a share of placement 1's",
    "angle of the induced current",
)
SAVED_HEAD: Row = ("saved pose", "dose", "of #1", "angle")
ELECTRODE_HEAD: Row = ("electrode", "current", "density")


def placement_rows(plan: Plan) -> list[Row]:
    """Rank, dose, share of the first's, angle."""
    best = plan.placements[0].dose_v_per_m
    return [
        (str(each.rank), f"{each.dose_v_per_m:.3g}", percent(each.dose_v_per_m, best), angle(each.angle_deg))
        for each in plan.placements
    ]


def saved_rows(poses: list[SavedPose]) -> list[Row]:
    """Name, dose, share of the plan's, angle."""
    return [
        (each.name, f"{each.dose_v_per_m:.3g}", f"{each.percent_of_plan:.0f} %", angle(each.angle_deg))
        for each in poses
    ]


def electrode_rows(plan: TesPlan) -> list[Row]:
    """Name, current, current density."""
    return [
        (each.name, f"{signed(each.current_ma, 3)} mA", f"{abs(each.density_a_per_m2):.3g} A/m²")
        for each in plan.montage
    ]


def percent(part: float, whole: float) -> str:
    """As a share in whole percent; "–" of nothing."""
    return f"{100 * part / whole:.0f} %" if whole else "–"


def angle(degrees: float) -> str:
    """With its sign.

    Examples
    --------
    >>> angle(-23.17), angle(0.2), angle(45)
    ('−23°', '0°', '+45°')
    """
    return f"{signed(round(degrees), 3)}°"


def signed(value: float, digits: int) -> str:
    """A number with its sign in type: "+1.5", "−2", "0"."""
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{abs(value):.{digits}g}"
