"""What the viewer's lists say: a line for each placement, saved pose and electrode."""

from __future__ import annotations

from targeting.plans.tes import TesPlan
from targeting.plans.tes_words import current_fact
from targeting.plans.tms import Plan
from targeting.plans.tms_words import angle_fact, placement_facts, share_fact
from targeting.viewer.saved_poses import SavedPose
from targeting.words.numbers import three_digits

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
    rows: list[Row] = []
    for each in plan.placements:
        dose, share, angle = placement_facts(each, plan.placements[0])
        rows.append((str(each.rank), dose.value, share.text, angle.text))
    return rows


def saved_rows(poses: list[SavedPose]) -> list[Row]:
    """Name, dose, share of the plan's, angle."""
    return [
        (
            each.name,
            three_digits(each.dose_v_per_m),
            share_fact(each.percent_of_plan / 100).text,
            angle_fact(each.angle_deg).text,
        )
        for each in poses
    ]


def electrode_rows(plan: TesPlan) -> list[Row]:
    """Name, current, current density."""
    facts = [current_fact(each) for each in plan.montage]
    return [(fact.name, fact.text, fact.more) for fact in facts]
