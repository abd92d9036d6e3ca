"""How sure the aim is, in words."""

from __future__ import annotations

from targeting.aim_certainty.record import PlanAimCertainty, PlanKnob
from targeting.words.fact import Fact
from targeting.words.numbers import number, point


def certainty_facts(certainty: PlanAimCertainty, target: str) -> list[Fact]:
    """What a place elsewhere would get, the published spread it is for, and the hand knob.

    Parameters
    ----------
    certainty : PlanAimCertainty
    target : str
        The target's name.
    """
    of_hand = target.startswith("m1-")
    spread = certainty.spread_of if of_hand else f"nothing is published for this target; {certainty.spread_of}"
    facts = [
        Fact(
            "If the place to stimulate lies elsewhere",
            f"{number(certainty.low_percent, 0)} to {number(certainty.high_percent, 0)}",
            "%",
            f"of the target’s mean |E| in 90 % of {certainty.places} patches of its size within "
            f"{number(certainty.spread_mm, 0)} mm along the cortex (HCP-MMP1 {', '.join(certainty.areas)})",
        ),
        Fact(f"Why {number(certainty.spread_mm, 0)} mm", more=spread),
    ]
    if certainty.registrations_apart_mm is not None:
        facts.append(
            Fact(
                "Two registrations of the same place",
                number(certainty.registrations_apart_mm),
                "mm",
                "apart: where the folds, and where the whole brain’s registration, put the place of the group’s cortex that "
                "the target’s middle is",
            )
        )
    if certainty.knob is not None:
        facts.append(knob_fact(certainty.knob))
    return facts


def knob_fact(knob: PlanKnob) -> Fact:
    """Where the hand knob is, and the target from it."""
    way = "away from" if knob.along_mm >= 0 else "towards"
    along = (
        "level with it along the sulcus"
        if abs(knob.along_mm) < 0.5
        else f"{number(abs(knob.along_mm), 0)} mm {way} the midline along the sulcus"
    )
    return Fact(
        "Hand knob",
        point(knob.knob_mm),
        "mm",
        f"on the floor of the central sulcus, which bends back by {number(knob.bend_mm)} mm there; the target’s centre is "
        f"{number(knob.away_mm)} mm from it, {along}",
    )


def certainty_line(certainty: PlanAimCertainty) -> str:
    """The same in a line, for a terminal."""
    line = (
        f"{number(certainty.low_percent, 0)} to {number(certainty.high_percent, 0)} % of the target's mean |E| if the place to "
        f"stimulate lies up to {number(certainty.spread_mm, 0)} mm off along the cortex"
    )
    knob = certainty.knob
    return line if knob is None else f"{line}; hand knob {number(knob.away_mm)} mm from the target"
