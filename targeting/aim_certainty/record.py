"""The block of ``plan.json`` that says how sure the aim is, and what a target elsewhere would get."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

from targeting.records.json_records import require
from targeting.records.kinds import AtLeastZero, Count, Point, Positive

if TYPE_CHECKING:
    from targeting.aim_certainty.certainty import AimCertainty


@dataclass(frozen=True)
class PlanKnob:
    """The hand knob: the backward bend of the central sulcus in the hand's band, on the floor of the sulcus."""

    knob_mm: Annotated[Point, "Where the floor bends, RAS mm."]
    bend_mm: Annotated[
        Positive, "How far it lies behind the straight line between the points 10 mm to either side, mm."
    ]
    away_mm: Annotated[AtLeastZero, "From there to the target's centre, mm."]
    along_mm: Annotated[float, "How far along the sulcus the target lies from it, mm, positive away from the midline."]


@dataclass(frozen=True)
class PlanAimCertainty:
    """How the mean |E| changes if the place to be stimulated lies elsewhere than the target."""

    spread_mm: Annotated[Positive, "Places were taken within this distance along the cortex, mm."]
    spread_of: Annotated[str, "Where that distance is from."]
    low_percent: Annotated[AtLeastZero, "5th percentile of their mean |E|, in percent of the target's."]
    high_percent: Annotated[AtLeastZero, "95th percentile, in percent of the target's."]
    places: Annotated[Count, "How many places, each with a patch as large as the target."]
    areas: Annotated[list[str], "The HCP-MMP1 areas they lie in."]
    registrations_apart_mm: Annotated[
        AtLeastZero | None,
        "How far apart the folds and the registration of the whole brain put the place of the group's cortex that the target's "
        "middle is, mm; null without a registration.",
    ] = None
    knob: Annotated[PlanKnob | None, "For a hand target, where the central sulcus has the knob's bend; else null."] = (
        None
    )

    def check(self, where: str) -> None:
        """Refuse percentiles that fall."""
        require(self.low_percent <= self.high_percent, f"{where}: low_percent must not exceed high_percent")


def plan_aim_certainty(found: AimCertainty) -> PlanAimCertainty:
    """Make the block of what the stage found."""
    from targeting.aim_certainty.certainty import SPREAD_OF

    knob = found.knob
    return PlanAimCertainty(
        spread_mm=found.spread_mm,
        spread_of=SPREAD_OF,
        low_percent=found.low_percent,
        high_percent=found.high_percent,
        places=found.places,
        areas=list(found.areas),
        registrations_apart_mm=found.registrations_apart_mm,
        knob=None if knob is None else PlanKnob(**{**asdict(knob), "knob_mm": list(knob.knob_mm)}),
    )
