"""The pole block of a montage's ``plan.json``: which of anode and cathode acts on the target, beside the standard montage."""

from __future__ import annotations

from dataclasses import dataclass

from targeting.records.json_records import require

ANODAL, CATHODAL, FREE, GIVEN = "anodal", "cathodal", "free", "given"
ASKED = (ANODAL, CATHODAL, FREE)  # what may be asked for; "given": by a montage or a direction
SIGNED = {ANODAL: 1.0, CATHODAL: -1.0}  # of the component into the cortex that is made large
ANODE, CATHODE, MIXED = "anode", "cathode", "mixed"
OF_CORTEX, OF_SCALP = "cortex", "scalp"
CLEAR_COMPONENT = 0.2  # of the mean |E|: a smaller component into or out of the cortex is called neither; ours


@dataclass(frozen=True)
class PlanPole:
    """Which pole acts on the target, by the mean field's component into the cortex there (direct solve)."""

    polarity: str  # what was asked for, or "given"
    acting: str  # "anode", "cathode", or "mixed": the field runs along the cortex
    normal_v_per_m: float  # component of the mean field into the cortex, at the plan's currents
    standard_normal_v_per_m: float | None  # of the standard montage at its own current; None where none is compared
    inward: list[float]  # the unit vector into the cortex that this is along, RAS
    inward_of: str  # "cortex": mean inward normal in the target; "scalp": from the nearest scalp to the target
    words: str


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
    """Which pole acts and how strongly, beside the standard montage of a name, in a line.

    Examples
    --------
    >>> pole_words("anode", 0.212, "m1-so", 0.154)
    'the anode acts on the target: the field enters the cortex there, 0.212 V/m (m1-so: 0.154 V/m into it)'
    >>> pole_words("cathode", -0.2, "m1-so", None)
    'the cathode acts on the target: the field leaves the cortex there, 0.2 V/m'
    """
    if acting == MIXED:
        said = f"neither pole acts clearly on the target: the field runs along the cortex, {_way(normal_v_per_m)}"
    else:
        way = "enters" if acting == ANODE else "leaves"
        said = f"the {acting} acts on the target: the field {way} the cortex there, {abs(normal_v_per_m):.3g} V/m"
    return said if standard_normal_v_per_m is None else f"{said} ({standard}: {_way(standard_normal_v_per_m)})"


def _way(normal_v_per_m: float) -> str:
    return f"{abs(normal_v_per_m):.3g} V/m {'into' if normal_v_per_m >= 0 else 'out of'} it"


def check_pole(pole: PlanPole) -> None:
    """What the annotations cannot say.

    Raises
    ------
    InputError
        If a word is unknown, or the pole said to act is not that of the field's sign.
    """
    for value, words, what in (
        (pole.polarity, (*ASKED, GIVEN), "polarity"),
        (pole.acting, (ANODE, CATHODE, MIXED), "acting"),
        (pole.inward_of, (OF_CORTEX, OF_SCALP), "inward_of"),
    ):
        require(value in words, f"pole.{what} must be one of {', '.join(words)}, not {value!r}")
    require(len(pole.inward) == 3, "pole.inward must be three numbers")
    signed = {ANODE: pole.normal_v_per_m > 0, CATHODE: pole.normal_v_per_m < 0, MIXED: True}
    require(signed[pole.acting], f"pole: the {pole.acting} is said to act, against the sign of normal_v_per_m")
