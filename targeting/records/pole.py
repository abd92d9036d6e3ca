"""The pole block of a montage's ``plan.json``: which of anode and cathode acts on the target, beside the standard montage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from targeting.records.json_records import require
from targeting.records.kinds import OneOf, Point

ANODAL, CATHODAL, FREE, GIVEN = "anodal", "cathodal", "free", "given"
ASKED = (ANODAL, CATHODAL, FREE)  # what may be asked for; "given": by a montage or a direction
SIGNED = {ANODAL: 1.0, CATHODAL: -1.0}  # of the component into the cortex that is made large
ANODE, CATHODE, MIXED = "anode", "cathode", "mixed"
OF_CORTEX, OF_SCALP = "cortex", "scalp"
CLEAR_COMPONENT = 0.2  # of the mean |E|: a smaller component into or out of the cortex is called neither; ours


@dataclass(frozen=True)
class PlanPole:
    """Which pole acts on the target, by the mean field's component into the cortex there (direct solve)."""

    polarity: Annotated[
        str,
        OneOf(*ASKED, GIVEN),
        "What was asked for: the field into the cortex, out of it, or only a large one; given where a montage or a"
        " direction has a sign of its own.",
    ]
    acting: Annotated[
        str,
        OneOf(ANODE, CATHODE, MIXED),
        "The pole that acts; mixed where the component into the cortex is below 0.2 of the mean |E|.",
    ]
    normal_v_per_m: Annotated[
        float,
        "Component of the mean field in the target along `inward`, from a direct solve at the plan's currents, V/m.",
    ]
    standard_normal_v_per_m: Annotated[
        float | None,
        "The same of the standard montage at its own current; null where none is compared.",
    ]
    inward: Annotated[Point, "Unit vector into the cortex, RAS."]
    inward_of: Annotated[
        str,
        OneOf(OF_CORTEX, OF_SCALP),
        "Whether that is the mean inward normal of the cortex in the target, or (where its walls cancel or no "
        "surface is known) the way from the nearest scalp to the target.",
    ]
    words: Annotated[str, "The same in a line."]

    def check(self, where: str) -> None:
        """Refuse a pole that acts against the field's sign."""
        signed = {ANODE: self.normal_v_per_m > 0, CATHODE: self.normal_v_per_m < 0, MIXED: True}
        require(signed[self.acting], f"{where}: the {self.acting} is said to act, against the sign of normal_v_per_m")


def acting_pole(normal_v_per_m: float, mean_e_v_per_m: float) -> str:
    """The pole that acts, by the mean field's component into the cortex and the mean |E|, V/m.

    Examples
    --------
    >>> acting_pole(0.2, 0.3), acting_pole(-0.2, 0.3), acting_pole(0.03, 0.3)
    ('anode', 'cathode', 'mixed')
    """
    if mean_e_v_per_m <= 0 or abs(normal_v_per_m) < CLEAR_COMPONENT * mean_e_v_per_m:
        return MIXED
    return ANODE if normal_v_per_m > 0 else CATHODE


def pole_words(acting: str, normal_v_per_m: float, standard: str, standard_normal_v_per_m: float | None) -> str:
    """Which pole acts on the target and how strongly, in a line, with the standard montage's value beside it.

    Parameters
    ----------
    acting : {"anode", "cathode", "mixed"}
        Of :func:`acting_pole`.
    normal_v_per_m : float
        The mean field's component into the cortex in the target, V/m.
    standard : str
        Name of the standard montage.
    standard_normal_v_per_m : float or None
        The same component of its field; None leaves it out.

    Examples
    --------
    >>> pole_words("anode", 0.212, "m1-so", 0.154)
    'the anode acts on the target: the field enters the cortex there, 0.212 V/m (m1-so: 0.154 V/m into it)'
    >>> pole_words("cathode", -0.2, "m1-so", None)
    'the cathode acts on the target: the field leaves the cortex there, 0.2 V/m'
    """
    if acting == MIXED:
        text = f"neither pole acts clearly on the target: the field runs along the cortex, {_way(normal_v_per_m)}"
    else:
        way = "enters" if acting == ANODE else "leaves"
        text = f"the {acting} acts on the target: the field {way} the cortex there, {abs(normal_v_per_m):.3g} V/m"
    return text if standard_normal_v_per_m is None else f"{text} ({standard}: {_way(standard_normal_v_per_m)})"


def _way(normal_v_per_m: float) -> str:
    return f"{abs(normal_v_per_m):.3g} V/m {'into' if normal_v_per_m >= 0 else 'out of'} it"
