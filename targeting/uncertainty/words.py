"""What the range of published conductivities makes of the dose and of the best pose, in words."""

from __future__ import annotations

from targeting.uncertainty.record import PlanUncertainty
from targeting.words.fact import Fact
from targeting.words.numbers import listed, number, three_digits

TISSUES = {"wm": "white matter", "gm": "grey matter", "csf": "cerebrospinal fluid"}


def uncertainty_facts(uncertainty: PlanUncertainty) -> list[Fact]:
    """The interval of the dose and the spread of the best pose."""
    return [
        Fact(
            "Dose for published conductivities",
            dose_interval(uncertainty),
            "V/m",
            f"5 to 95 % of {uncertainty.draws} draws ({uncertainty.distribution}; {listed(uncertainty.sources)}); "
            f"{_main_effect(uncertainty)}",
        ),
        Fact(
            "Best pose for published conductivities",
            f"within {number(uncertainty.best_pose_shift_mm)} mm and {number(uncertainty.best_pose_turn_deg, 0)}°",
            more="of this one in 95 % of the draws; keeping this one loses at most "
            f"{number(100 * uncertainty.dose_lost_share)} % of the dose",
        ),
    ]


def dose_interval(uncertainty: PlanUncertainty) -> str:
    """The 5 to 95 % interval of the dose in V/m."""
    low, high = three_digits(uncertainty.dose_low_v_per_m), three_digits(uncertainty.dose_high_v_per_m)
    return f"{low} to {high}"


def uncertainty_line(uncertainty: PlanUncertainty) -> str:
    """The same in a line, for a terminal."""
    dose, pose = uncertainty_facts(uncertainty)
    return (
        f"dose {dose.text} for published conductivities (5 to 95 %; {_main_effect(uncertainty)}); "
        f"best pose {pose.text} {pose.more}"
    )


def _main_effect(uncertainty: PlanUncertainty) -> str:
    tissue, share = max(uncertainty.shares.items(), key=lambda each: each[1])
    return f"{TISSUES.get(tissue, tissue)} accounts for {100 * share:.0f} % of the variance"
