"""TesRequest: what is asked of a montage, in the user's words, checked before anything is made.

Two kinds: ``tdcs`` is a pair of pads (35 cm²), ``hd-tdcs`` up to eight small round electrodes.  Either chooses the best
montage for this head, or takes one by name or from a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.tes.montages import montages
from targeting.tes.safety import checked_risks
from targeting.tes_plan import KINDS

if TYPE_CHECKING:
    from targeting.tes.electrodes import Shape

PADS, HD = KINDS
SHAPES: dict[str, tuple[Shape, tuple[float, ...]]] = {PADS: ("rectangle", (50.0, 70.0)), HD: ("disc", (12.0,))}
OBJECTIVES = {
    "magnitude": "the largest mean field vector in the target, whatever its direction",
    "intensity": "the largest mean field along the direction in the target",
    "energy": "the wanted field along the direction in the target, with the least energy in other grey matter",
    "focality": "the wanted field along the direction in the target, with the least grey matter above half of it",
    "pair": "the two electrodes with the largest mean field in the target",
    "ring": "the 4×1 ring with the largest mean field in the target",
}
OF_PADS = ("pair",)
ONE_ANODE = ("pair", "ring")
WITH_DIRECTION, WITH_DOSE = ("intensity", "energy", "focality"), ("energy", "focality")
TOTAL_MA, PER_HD_ELECTRODE_MA, HD_ELECTRODES, MINUTES = 2.0, 1.0, 8, 20.0
MOST_MA, MOST_MINUTES = 10.0, 240.0  # beyond these it is a slip


@dataclass(frozen=True)
class TesRequest:
    """What is asked for.

    Parameters
    ----------
    kind : {"tdcs", "hd-tdcs"}
    montage : str, optional
        A named montage or a ``.csv`` file, instead of the best one.
    objective : str, optional
        Of :data:`OBJECTIVES`.
    dose_v_per_m : float, optional
        The wanted field, for "energy" and "focality".
    max_current_ma, max_per_electrode_ma : float, optional
        Limits.
    max_electrodes : int, optional
        How many may carry current.
    minutes : float
        Duration of a session.
    accept_risk : tuple of str
        Safety items whose excess is accepted.
    positions : path, optional
        A file with fiducials, own positions or both (:mod:`atlases.electrode_files`), instead of the registration's.
    """

    kind: str = PADS
    montage: str | None = None
    objective: str | None = None
    dose_v_per_m: float | None = None
    max_current_ma: float | None = None
    max_per_electrode_ma: float | None = None
    max_electrodes: int | None = None
    minutes: float = MINUTES
    accept_risk: tuple[str, ...] = ()
    positions: Path | None = None

    @property
    def montage_file(self) -> Path | None:
        """The montage, if it is a file."""
        if self.montage is None or self.montage in montages() or not self.montage.lower().endswith(".csv"):
            return None
        return Path(self.montage)

    @property
    def files(self) -> dict[str, Path]:
        """What it reads, by role."""
        return {"montage": self.montage_file} if self.montage_file else {}

    @property
    def total_ma(self) -> float:
        """The limit on the total current of a montage that is chosen, mA."""
        return TOTAL_MA if self.max_current_ma is None else self.max_current_ma

    @property
    def per_electrode_ma(self) -> float:
        """The limit on one electrode's current, mA: for a pad, a pair or a ring's middle the total."""
        if self.max_per_electrode_ma is not None:
            return self.max_per_electrode_ma
        all_in_one = self.kind == PADS or self.objective in ONE_ANODE
        return self.total_ma if all_in_one else min(PER_HD_ELECTRODE_MA, self.total_ma)

    @property
    def electrodes(self) -> int:
        """The limit on the number of electrodes that carry current."""
        if self.max_electrodes is not None:
            return self.max_electrodes
        return 2 if self.kind == PADS else HD_ELECTRODES

    def objective_for(self, direction: object) -> str:
        """The objective asked for, or the usual one for the kind and whether there is a direction."""
        if self.objective is not None:
            return self.objective
        return "pair" if self.kind == PADS else "magnitude" if direction is None else "intensity"

    def checked(self, direction: object) -> TesRequest:
        """The same, if everything in it can be had.

        Raises
        ------
        InputError
            In one line: what cannot, and what to do.
        """
        one_of(self.kind, KINDS, "modality of --with")
        checked_risks(self.accept_risk)
        for value, option, most in (
            (self.max_current_ma, "--max-current-ma", MOST_MA),
            (self.max_per_electrode_ma, "--max-per-electrode-ma", MOST_MA),
            (self.minutes, "--minutes", MOST_MINUTES),
            (self.dose_v_per_m, "--tes-dose", 100.0),
        ):
            if value is not None and not 0 < value <= most:
                raise InputError(f"{option} takes a number above 0, at most {most:g}; not {value:g}")
        if self.positions is not None:
            if not self.positions.is_file():
                raise InputError(f"there is no file {self.positions} with positions on the scalp; check the path")
            from atlases.electrode_files import read_electrodes

            _ = read_electrodes(self.positions).fiducials  # says now what is wrong with it
        if self.montage is not None:
            self._check_montage()
        else:
            self._check_search(direction)
        return self

    def _check_montage(self) -> None:
        unused = {
            "--tes-objective": self.objective,
            "--tes-dose": self.dose_v_per_m,
            "--max-electrodes": self.max_electrodes,
            "--max-per-electrode-ma": self.max_per_electrode_ma,
        }
        given = [option for option, value in unused.items() if value is not None]
        if given:
            raise InputError(f"a montage that is given is not searched for: leave out {given[0]}, or --montage")
        file = self.montage_file
        if file is None:
            one_of(str(self.montage), montages(), "montage (or a FILE.csv)")
        else:
            from targeting.tes.montage_files import read_montage

            read_montage(file)
            if self.max_current_ma is not None:
                raise InputError("a montage from a file has its currents: leave out --max-current-ma")

    def _check_search(self, direction: object) -> None:
        objective = one_of(self.objective_for(direction), OBJECTIVES, "objective of --tes-objective")
        if self.kind == PADS:
            if objective not in OF_PADS:
                raise InputError(f"two pads are chosen as a pair, not by {objective!r}: take --with hd-tdcs for that")
            if self.max_electrodes not in (None, 2):
                raise InputError("--with tdcs is for two pads: take --with hd-tdcs for more electrodes")
        if self.max_electrodes is not None and not 2 <= self.max_electrodes <= 64:
            raise InputError(f"--max-electrodes takes a number from 2 to 64, not {self.max_electrodes}")
        if objective in WITH_DIRECTION and direction is None:
            raise InputError(f"--tes-objective {objective} needs --direction normal or x,y,z")
        if objective == "magnitude" and direction is not None:
            raise InputError("--tes-objective magnitude has no use for --direction: ask for intensity")
        if (objective in WITH_DOSE) != (self.dose_v_per_m is not None):
            which = "needs" if objective in WITH_DOSE else "has no use for"
            raise InputError(f"--tes-objective {objective} {which} --tes-dose, the wanted field in V/m")
        if self.per_electrode_ma > self.total_ma:
            raise InputError(
                f"--max-per-electrode-ma {self.per_electrode_ma:g} is above the total of {self.total_ma:g} mA: raise "
                "--max-current-ma, or lower it"
            )

    def search_parameters(self, direction: object) -> dict[str, Any]:
        """What the choice of the montage depends on, as a stage's parameters."""
        if self.montage is not None:
            known = montages().get(self.montage)
            return {
                "montage": self.montage if known else "file",
                "entry": None if known is None else repr(known),
                "max_current_ma": self.max_current_ma,
            }
        return {
            "objective": self.objective_for(direction),
            "dose_v_per_m": self.dose_v_per_m,
            "max_current_ma": self.total_ma,
            "max_per_electrode_ma": self.per_electrode_ma,
            "max_electrodes": self.electrodes,
            "direction": direction,
        }


def kinds_of(words: str) -> list[str]:
    """What ``--with`` asks for: "tms", "tdcs", "hd-tdcs", or several with commas.

    Raises
    ------
    InputError
        If a word is none of them, or comes twice.

    Examples
    --------
    >>> kinds_of("tms,tdcs")
    ['tms', 'tdcs']
    """
    kinds = [one_of(word.strip(), ("tms", *KINDS), "modality of --with") for word in words.split(",")]
    if len(set(kinds)) < len(kinds):
        raise InputError(f"--with names a modality twice: {words}")
    return kinds
