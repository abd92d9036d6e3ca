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
from targeting.goals.tes_request import CAP, Sought, checked_cap
from targeting.modality import KINDS
from targeting.records.pole import ANODAL, ASKED, FREE, GIVEN, SIGNED
from targeting.study.aim import DEFAULT_AIM, Direction
from targeting.tes.montages import montages
from targeting.tes.safety import checked_risks

if TYPE_CHECKING:
    from targeting.networks.network_map import NetworkMap
    from targeting.tes.electrodes import Shape

PADS, HD = KINDS
SHAPES: dict[str, tuple[Shape, tuple[float, ...]]] = {PADS: ("rectangle", (50.0, 70.0)), HD: ("disc", (12.0,))}
OBJECTIVES = {
    "magnitude": "the largest mean field vector in the target, whatever its direction",
    "intensity": "the largest mean field along the direction in the target",
    "energy": "the wanted field in the target, with the least energy in other grey matter",
    "focality": "the wanted field in the target, with the least grey matter above half of it",
    "pair": "the two electrodes with the largest mean field in the target",
    "ring": "the 4×1 ring with the largest mean field in the target",
    "projection": "the most field along the cortex's normal, weighted by the map and with its sign",
    "least-squares": "the field along the cortex's normal nearest to the map, its largest value standing for the dose given",
}
OF_PADS = ("pair",)
OF_MAPS = ("projection", "least-squares")
ONE_ANODE = ("pair", "ring")
WITH_DOSE = ("energy", "focality", "least-squares")
WITH_FURTHER_TARGETS = ("magnitude", "intensity", "pair", "ring")
CAPS = TEN_TEN_CAP, TEN_FIVE_CAP = ("10-10", "10-5")
TOTAL_MA, PER_HD_ELECTRODE_MA, HD_ELECTRODES, MINUTES = 2.0, 1.0, 8, 20.0
MOST_MA, MOST_MINUTES = 10.0, 240.0  # beyond these it is a slip
LEAST_MA = 0.1  # a stimulator's step
MOTOR = "m1-"  # targets whose name begins so: what relieved pain there was anodal (Fregni 2006, Valle 2009)


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
    avoid, also : tuple of str
        Regions to spare and further targets, in the words of :mod:`targeting.goals.request`.
    avoid_cap : float, optional
        Share of the target's dose that the root mean square of |E| in no avoided region is to pass; default 0.5.
    network : str, optional
        A map that is the target: a NIfTI file in the subject's space, or ``mni:FILE``.
    cap : {"10-10", "10-5"}
        The positions electrodes may go to.
    polarity : {"anodal", "cathodal", "free"}, optional
        Whether the mean field is to enter the cortex at the target, to leave it, or only to be large; default:
        :meth:`polarity_for`.
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
    avoid: tuple[str, ...] = ()
    avoid_cap: float | None = None
    also: tuple[str, ...] = ()
    network: str | None = None
    cap: str = TEN_TEN_CAP
    polarity: str | None = None

    @property
    def network_map(self) -> NetworkMap | None:
        """The map that is the target, if one is; its file is not looked at."""
        from targeting.networks.network_map import NetworkMap

        return NetworkMap.named(self.network) if self.network else None

    @property
    def share(self) -> float:
        """Of the target's dose, which no avoided region is to pass."""
        return CAP if self.avoid_cap is None else self.avoid_cap

    @property
    def stated_share(self) -> float | None:
        """The same where it was held: None without regions, and for a montage that was given without a cap."""
        if not self.avoid or (self.montage is not None and self.avoid_cap is None):
            return None
        return self.share

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

    def polarity_for(self, direction: Direction, aim: str = DEFAULT_AIM) -> str:
        """The polarity asked for or the usual one: "anodal" where the target and all further ones are motor cortex.

        "free" for any other target and for the objective "magnitude"; "given" where a montage, a map or a direction has
        its own sign.
        """
        if self.montage is not None or self.network is not None or direction is not None:
            return GIVEN
        if self.polarity is not None:
            return self.polarity
        motor = all(name.startswith(MOTOR) for name in (aim, *self.also))
        return ANODAL if motor and self.objective != "magnitude" else FREE

    def along(self, direction: Direction, aim: str = DEFAULT_AIM) -> Direction:
        """What the dose is the component along: the direction given, "anodal" or "cathodal", or None for its size."""
        polarity = self.polarity_for(direction, aim)
        return polarity if polarity in SIGNED else direction

    def objective_for(self, direction: object) -> str:
        """The objective asked for, or the usual one for the kind and whether there is a direction (:meth:`along`)."""
        if self.objective is not None:
            return self.objective
        if self.network is not None:
            return "projection"
        return "pair" if self.kind == PADS else "magnitude" if direction is None else "intensity"

    def checked(self, direction: Direction, aim: str = DEFAULT_AIM) -> TesRequest:
        """The same, if everything in it can be had for a target and with a direction of the dose.

        Raises
        ------
        InputError
            In one line: what cannot, and what to do.
        """
        one_of(self.kind, KINDS, "modality of --with")
        one_of(self.cap, CAPS, "positions of --cap")
        self._check_polarity(direction)
        if self.cap != TEN_TEN_CAP and self.kind != HD:
            raise InputError(f"--cap {self.cap} is for small electrodes: take --with hd-tdcs, or leave it out")
        checked_cap(self.avoid_cap, self.avoid)
        Sought.of(self.avoid, self.also, "left")  # the words; the side is known later
        if self.network is not None:
            self._check_network(direction)
        checked_risks(self.accept_risk)
        for value, option, most in (
            (self.max_current_ma, "--max-current-ma", MOST_MA),
            (self.max_per_electrode_ma, "--max-per-electrode-ma", MOST_MA),
            (self.minutes, "--minutes", MOST_MINUTES),
            (self.dose_v_per_m, "--tes-dose", 100.0),
        ):
            if value is not None and not 0 < value <= most:
                raise InputError(f"{option} takes a number above 0, at most {most:g}; not {value:g}")
        for value, option in (
            (self.max_current_ma, "--max-current-ma"),
            (self.max_per_electrode_ma, "--max-per-electrode-ma"),
        ):
            if value is not None and value < LEAST_MA:
                raise InputError(f"{option} {value:g} is below a stimulator's step of {LEAST_MA:g} mA: raise it")
        if self.positions is not None:
            if not self.positions.is_file():
                raise InputError(f"there is no file {self.positions} with positions on the scalp; check the path")
            from atlases.electrode_files import read_electrodes

            _ = read_electrodes(self.positions).fiducials  # says now what is wrong with it
        if self.montage is not None:
            self._check_montage()
        else:
            self._check_search(self.along(direction, aim))
        return self

    def _check_polarity(self, direction: Direction) -> None:
        if self.polarity is None:
            return
        one_of(self.polarity, ASKED, "polarity of --polarity")
        for given, what in (
            (self.montage, "a montage that is given has its anodes and cathodes"),
            (self.network, "the map of --network has its signs"),
            (direction, "--direction has its sign (normal: into the cortex, as under an anode)"),
        ):
            if given is not None:
                raise InputError(f"{what}: leave out --polarity")
        if self.objective == "magnitude" and self.polarity in SIGNED:
            raise InputError(
                f"--tes-objective magnitude has no sign, so it cannot be {self.polarity}: ask for intensity, or leave out "
                "--polarity"
            )

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

    def _check_network(self, direction: object) -> None:
        if self.kind != HD:
            raise InputError("--network is for small electrodes: take --with hd-tdcs")
        if self.also:
            raise InputError("--network is the target, and --also adds further ones: leave out one of them")
        if direction is not None:
            raise InputError("--network goes along the cortex's normal: leave out --direction")

    def _check_search(self, direction: object) -> None:
        objective = one_of(self.objective_for(direction), OBJECTIVES, "objective of --tes-objective")
        if self.kind == PADS:
            if objective not in OF_PADS:
                raise InputError(f"two pads are chosen as a pair, not by {objective!r}: take --with hd-tdcs for that")
            if self.max_electrodes not in (None, 2):
                raise InputError("--with tdcs is for two pads: take --with hd-tdcs for more electrodes")
        if self.max_electrodes is not None and not 2 <= self.max_electrodes <= 64:
            raise InputError(f"--max-electrodes takes a number from 2 to 64, not {self.max_electrodes}")
        if (objective in OF_MAPS) != (self.network is not None):
            which = "needs --network MAP" if objective in OF_MAPS else f"is not for maps: take {' or '.join(OF_MAPS)}"
            raise InputError(f"--tes-objective {objective} {which}")
        if self.also and objective not in WITH_FURTHER_TARGETS:
            raise InputError(
                f"--also goes with {', '.join(WITH_FURTHER_TARGETS)}, not with --tes-objective {objective}"
            )
        if objective == "intensity" and direction is None:
            raise InputError(
                f"--tes-objective {objective} needs --polarity anodal or cathodal, or --direction normal or x,y,z"
            )
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
        held = {"share": self.share} if self.avoid else {}
        return {
            "objective": self.objective_for(direction),
            "dose_v_per_m": self.dose_v_per_m,
            "max_current_ma": self.total_ma,
            "max_per_electrode_ma": self.per_electrode_ma,
            "max_electrodes": self.electrodes,
            "direction": direction,
            **held,
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
