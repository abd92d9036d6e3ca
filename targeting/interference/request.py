"""InterferenceRequest: what is asked of two pairs for temporal interference, checked before anything is made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from atlases.aim import side_for
from meshes.choices import one_of
from meshes.errors import InputError
from targeting.study.aim import Aim, Direction, check_direction
from targeting.study.head_source import OwnWorld
from targeting.study.tes_request import CAPS, PER_HD_ELECTRODE_MA, TEN_TEN_CAP, TOTAL_MA

KEEP, MOST_KEPT = 10, 200
MOST_MA = 20.0  # of both pairs; beyond it is a slip


@dataclass(frozen=True)
class InterferenceRequest:
    """What is asked for.

    Parameters
    ----------
    aim : str, optional
        A target in the words of ``target plan``; None for the one planned last.
    side, pain_side : {"left", "right"}, optional
    radius_mm : float, optional
    direction : {"normal"} or (3,), optional
        The swing along it; None for the largest over all directions, point by point.
    least_v_per_m : float, optional
        Of all two pairs with this swing in the target the most focal ones; None for the largest swing.
    total_ma : float
        Amplitude of both pairs together.
    per_electrode_ma : float
    shares : tuple of float
        Of the total in one pair, the other taking the rest, either way round.
    keep : int
        How many to list.
    cap : {"10-10", "10-5"}
        Whose leadfield.
    frame : {"sform", "qform"}, optional
        Which frame of a mask counts, where its two disagree.
    """

    aim: str | None = None
    side: str | None = None
    pain_side: str | None = None
    radius_mm: float | None = None
    direction: Direction = None
    least_v_per_m: float | None = None
    total_ma: float = TOTAL_MA
    per_electrode_ma: float = PER_HD_ELECTRODE_MA
    shares: tuple[float, ...] = (0.5,)
    keep: int = KEEP
    cap: str = TEN_TEN_CAP
    frame: str | None = None

    def checked(self) -> InterferenceRequest:
        """The same, if everything in it can be had.

        Raises
        ------
        InputError
            In one line: what cannot, and what to do.
        """
        one_of(self.cap, CAPS, "positions of --cap")
        check_direction(self.direction)
        for value, option, most in (
            (self.total_ma, "--max-current-ma", MOST_MA),
            (self.per_electrode_ma, "--max-per-electrode-ma", MOST_MA),
            (self.least_v_per_m, "--least", 100.0),
            (self.keep, "--keep", MOST_KEPT),
        ):
            if value is not None and not 0 < value <= most:
                raise InputError(f"{option} takes a number above 0, at most {most:g}; not {value:g}")
        if not self.shares or not all(0 < share < 1 for share in self.shares):
            raise InputError("--shares takes numbers between 0 and 1, such as 0.5,0.3")
        if self.aim is None:
            given = [
                option
                for value, option in (
                    (self.side, "--side"),
                    (self.pain_side, "--pain-side"),
                    (self.radius_mm, "--radius"),
                )
                if value is not None
            ]
            if given:
                raise InputError(f"{given[0]} goes with --aim; without one the target is that of the last plan")
        else:
            self.goal()
        return self

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
