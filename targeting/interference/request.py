"""InterferenceRequest: what is asked of two pairs for temporal interference, checked before anything is made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from atlases.aim import side_for
from meshes.errors import InputError
from targeting.study.aim import Aim, check_direction
from targeting.study.head_source import OwnWorld
from targeting.study.options import Kind, Options, like, option, positive
from targeting.study.request import Direction, HeadOptions
from targeting.study.tes_request import CAPS, PER_HD_ELECTRODE_MA, TEN_TEN_CAP, TOTAL_MA

KEEP, MOST_KEPT = 10, 200
MOST_MA = 20.0  # of both pairs; beyond it is a slip


@dataclass(frozen=True, kw_only=True)
class InterferenceRequest(Options):
    """What is asked of two pairs: the target, what is best, and the limits of the currents."""

    aim: str | None = option(
        Kind.TEXT, None, "As for target plan; default: the target planned last.", metavar="TARGET", known="targets"
    )
    side: str | None = option(Kind.TEXT, None, "Side of the target.", metavar="left|right")
    pain_side: str | None = option(Kind.TEXT, None, "Side of the pain, the target opposite.", metavar="left|right")
    radius_mm: float | None = option(
        Kind.NUMBER, None, "Radius of the target.", flag="--radius", metavar="MM", unit="mm"
    )
    direction: Direction = option(
        Kind.DIRECTION,
        None,
        "The envelope along it; default: the largest over all directions, point by point.",
        metavar="normal|x,y,z",
    )
    least_v_per_m: float | None = option(
        Kind.NUMBER,
        None,
        "Of all two pairs with this swing in the target the most focal, not the strongest.",
        flag="--least",
        metavar="V/m",
        unit="V/m",
        limits=positive(100),
    )
    total_ma: float = option(
        Kind.NUMBER,
        TOTAL_MA,
        "Amplitude of both pairs together.",
        flag="--max-current-ma",
        metavar="MA",
        unit="mA",
        limits=positive(MOST_MA),
    )
    per_electrode_ma: float = option(
        Kind.NUMBER,
        PER_HD_ELECTRODE_MA,
        "Of one electrode.",
        flag="--max-per-electrode-ma",
        metavar="MA",
        unit="mA",
        limits=positive(MOST_MA),
    )
    shares: tuple[float, ...] = option(
        Kind.NUMBERS,
        (0.5,),
        "Of the current in one of the pairs, the other taking the rest; all are tried.",
        metavar="S,...",
    )
    keep: int = option(Kind.WHOLE, KEEP, "How many montages to list.", metavar="N", limits=positive(MOST_KEPT))
    cap: str = option(
        Kind.TEXT,
        TEN_TEN_CAP,
        "Whose leadfield: that of a plan with the same --cap.",
        metavar="10-10|10-5",
        choices=CAPS,
        called="positions of `cap`",
    )
    frame: str | None = like(HeadOptions, "frame", at_end=False)

    def check_values(self) -> None:
        """Raise InputError, in one line, if something in it cannot be had, alone or together with the rest."""
        super().check_values()
        check_direction(self.direction)
        if not self.shares or not all(0 < share < 1 for share in self.shares):
            raise InputError("`shares` takes numbers between 0 and 1, such as 0.5,0.3")
        if self.aim is not None:
            self.goal()
            return
        for name in ("side", "pain_side", "radius_mm"):
            if getattr(self, name) is not None:
                raise InputError(f"`{name}` goes with `aim`; without one the target is that of the last plan")

    def goal(self, own: OwnWorld | None = None) -> Aim | None:
        """The aim, if one is named; a mask's place held against ``own``, if that is given."""
        if self.aim is None:
            return None
        side = None
        if self.side is not None or self.pain_side is not None:
            side = side_for(self.side, self.pain_side)
        aim = Aim(self.aim, side, None, self.radius_mm).checked(own)
        if side is None and aim.mask is None and ":" not in self.aim:
            side_for(None, None)  # says that a side is needed
        return aim

    @property
    def direction_words(self) -> str:
        """The direction in words; "all" for none."""
        if self.direction is None:
            return "all"
        return self.direction if isinstance(self.direction, str) else ",".join(f"{x:g}" for x in self.direction)

    @property
    def parameters(self) -> dict[str, Any]:
        """For the stage."""
        aim = self.goal()
        entry = {} if aim is None else {"entry": aim.entry}
        return {**asdict(self), **entry, "shares": list(self.shares), "aim": aim.recorded if aim else None}
