"""TesRequest: what is asked of a montage, in the user's words, checked before anything is made.

Two kinds: ``tdcs`` is a pair of pads (35 cm²), ``hd-tdcs`` up to eight small round electrodes.  Either chooses the best
montage for this head, or takes one by name or from a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.modality import HD, KINDS, PADS
from targeting.records.pole import ANODAL, ASKED, FREE, GIVEN, SIGNED
from targeting.study.options import Kind, like, option, options_of, positive
from targeting.study.regions import Regions, check_cap
from targeting.study.request import Direction, PlanOptions
from targeting.study.tms_request import TmsRequest
from targeting.tes.montages import montages
from targeting.tes.objectives import TES_OBJECTIVES, check_objective
from targeting.tes.safety import checked_risks

if TYPE_CHECKING:
    from targeting.networks.network_map import NetworkMap
    from targeting.tes.electrodes import Shape

SHAPES: dict[str, tuple[Shape, tuple[float, ...]]] = {PADS: ("rectangle", (50.0, 70.0)), HD: ("disc", (12.0,))}
CAPS = TEN_TEN_CAP, TEN_FIVE_CAP = ("10-10", "10-5")
TOTAL_MA, PER_HD_ELECTRODE_MA, HD_ELECTRODES, MINUTES = 2.0, 1.0, 8, 20.0
MOST_MA, MOST_MINUTES = 10.0, 240.0  # beyond these it is a slip
SHARE = 0.5  # of the target's dose: the usual cap of avoided regions
LEAST_MA = 0.1  # a stimulator's step
MOTOR = "m1-"  # targets whose name begins so: what relieved pain there was anodal (Fregni 2006, Valle 2009)


@dataclass(frozen=True, kw_only=True)
class TesRequest(PlanOptions):
    """What is asked of a montage's plan: the head and target of :class:`PlanOptions`, the montage, its limits and goals."""

    panel = "Electrodes"

    kind: str = option(
        Kind.TEXT,
        PADS,
        "A coil, a pair of pads, or small electrodes; several with commas. Montages go to NAME/tdcs/, NAME/hd-tdcs/.",
        flag="--with",
        metavar="tms|tdcs|hd-tdcs",
        choices=KINDS,
        called="modality of `kind`",
        always=True,
        panel="Target",
        common=True,
        label="stimulation",
    )
    montage: str | None = option(
        Kind.TEXT,
        None,
        "tDCS: this montage (target montages list) or your own .csv.",
        metavar="NAME|FILE",
        known="montages",
    )
    objective: str | None = option(
        Kind.TEXT,
        None,
        "tDCS: magnitude, intensity, energy, focality, pair or ring; default: pair, with hd-tdcs magnitude, with a "
        "polarity or direction intensity. With --network: projection (the default) or least-squares.",
        flag="--tes-objective",
        metavar="NAME",
        known="tes_objectives",
    )
    dose_v_per_m: float | None = option(
        Kind.NUMBER,
        None,
        "tDCS: the wanted field, for energy, focality, least-squares.",
        flag="--tes-dose",
        metavar="V/m",
        unit="V/m",
        limits=positive(100),
    )
    max_current_ma: float | None = option(
        Kind.NUMBER,
        None,
        "tDCS: largest total current; default 2.",
        metavar="MA",
        unit="mA",
        limits=positive(MOST_MA),
        label="total current",
    )
    max_per_electrode_ma: float | None = option(
        Kind.NUMBER,
        None,
        "tDCS: of one electrode; default 1 with hd-tdcs.",
        metavar="MA",
        unit="mA",
        limits=positive(MOST_MA),
    )
    max_electrodes: int | None = option(
        Kind.WHOLE, None, "hd-tdcs: how many may carry current; default 8.", metavar="N", more="2 to 64."
    )
    minutes: float = option(
        Kind.NUMBER,
        MINUTES,
        "tDCS: of a session, for the safety table; default 20.",
        metavar="MIN",
        unit="min",
        limits=positive(MOST_MINUTES),
        show_default=False,
    )
    accept_risk: Sequence[str] = like(TmsRequest, "accept_risk", more="Of targeting.tes.safety.limits().")
    positions: Path | None = option(
        Kind.FILE,
        None,
        "tDCS: nasion, inion, ears (and own positions) in RAS mm, instead of those found by registration.",
        metavar="FILE",
    )
    avoid: Sequence[str] = like(TmsRequest, "avoid")
    avoid_cap: float | None = like(TmsRequest, "avoid_cap")
    also: Sequence[str] = like(TmsRequest, "also")
    network: str | None = option(
        Kind.TEXT,
        None,
        "hd-tdcs: the target is this NIfTI map over the cortex, in the subject's space or (mni:) in MNI152; positive "
        "values want current into the cortex, as under an anode.",
        metavar="MAP|mni:MAP",
    )
    cap: str = option(
        Kind.TEXT,
        TEN_TEN_CAP,
        "hd-tdcs: the positions electrodes may go to. 10-5 has over 300: its leadfield takes 4 times the time, memory "
        "and disk (3.6 GB on a standard mesh).",
        metavar="10-10|10-5",
        choices=CAPS,
        called="positions of `cap`",
    )
    polarity: str | None = option(
        Kind.TEXT,
        None,
        "tDCS: the most field into the cortex at the target (the anode acts), out of it, or of any sign; default: "
        "anodal for m1-* targets, else free.",
        metavar="anodal|cathodal|free",
    )

    @property
    def network_map(self) -> NetworkMap | None:
        """The map that is the target, if one is; its file is not looked at."""
        from targeting.networks.network_map import NetworkMap

        return NetworkMap.named(self.network) if self.network else None

    @property
    def share(self) -> float:
        """Of the target's dose, which no avoided region is to pass."""
        return SHARE if self.avoid_cap is None else self.avoid_cap

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
        listed = self.objective in TES_OBJECTIVES.names() and TES_OBJECTIVES.named(str(self.objective)).listed
        all_in_one = self.kind == PADS or listed
        return self.total_ma if all_in_one else min(PER_HD_ELECTRODE_MA, self.total_ma)

    @property
    def electrodes(self) -> int:
        """The limit on the number of electrodes that carry current."""
        if self.max_electrodes is not None:
            return self.max_electrodes
        return 2 if self.kind == PADS else HD_ELECTRODES

    @property
    def counted_polarity(self) -> str:
        """The polarity asked for or the usual one: "anodal" where the target and all further ones are motor cortex.

        "free" for any other target and for the objective "magnitude"; "given" where a montage, a map or a direction has
        its own sign.
        """
        if self.montage is not None or self.network is not None or self.direction is not None:
            return GIVEN
        if self.polarity is not None:
            return self.polarity
        motor = all(name.startswith(MOTOR) for name in (self.aim, *self.also))
        return ANODAL if motor and self.objective != "magnitude" else FREE

    @property
    def along(self) -> Direction:
        """What the dose is the component along: the direction given, "anodal" or "cathodal", or None for its size."""
        return self.counted_polarity if self.counted_polarity in SIGNED else self.direction

    def objective_for(self, direction: object) -> str:
        """The objective asked for, or the usual one for the kind and whether there is a direction (:meth:`along`)."""
        if self.objective is not None:
            return self.objective
        if self.network is not None:
            return "projection"
        return "pair" if self.kind == PADS else "magnitude" if direction is None else "intensity"

    def check_values(self) -> None:
        """Raise InputError, in one line, if something in it cannot be had, alone or together with the rest."""
        own = options_of(TesRequest)
        own["kind"].check(self.kind)
        own["cap"].check(self.cap)
        self._check_polarity()
        if self.cap != TEN_TEN_CAP and self.kind != HD:
            raise InputError(f"`cap={self.cap}` is for small electrodes: take `kind=hd-tdcs`, or leave it out")
        check_cap(self.avoid_cap, self.avoid)
        Regions.of(self.avoid, self.also, "left")  # the words; the side is known later
        if self.network is not None:
            self._check_network()
        checked_risks(self.accept_risk)
        super().check_values()
        for value, name in (
            (self.max_current_ma, "max_current_ma"),
            (self.max_per_electrode_ma, "max_per_electrode_ma"),
        ):
            if value is not None and value < LEAST_MA:
                raise InputError(f"`{name}={value:g}` is below a stimulator's step of {LEAST_MA:g} mA: raise it")
        if self.positions is not None:
            if not self.positions.is_file():
                raise InputError(f"there is no file {self.positions} with positions on the scalp; check the path")
            from atlases.electrode_files import read_electrodes

            _ = read_electrodes(self.positions).fiducials  # says now what is wrong with it
        if self.montage is not None:
            self._check_montage()
        else:
            self._check_search(self.along)

    def _check_polarity(self) -> None:
        if self.polarity is None:
            return
        one_of(self.polarity, ASKED, "polarity of `polarity`")
        for given, what in (
            (self.montage, "a montage that is given has its anodes and cathodes"),
            (self.network, "the map of `network` has its signs"),
            (self.direction, "`direction` has its sign (normal: into the cortex, as under an anode)"),
        ):
            if given is not None:
                raise InputError(f"{what}: leave out `polarity`")
        if self.objective == "magnitude" and self.polarity in SIGNED:
            raise InputError(
                f"`TesRequest.objective=magnitude` has no sign, so it cannot be {self.polarity}: ask for intensity, or "
                "leave out `polarity`"
            )

    def _check_montage(self) -> None:
        unused = {
            "TesRequest.objective": self.objective,
            "dose_v_per_m": self.dose_v_per_m,
            "max_electrodes": self.max_electrodes,
            "max_per_electrode_ma": self.max_per_electrode_ma,
        }
        given = [name for name, value in unused.items() if value is not None]
        if given:
            raise InputError(f"a montage that is given is not searched for: leave out `{given[0]}`, or `montage`")
        file = self.montage_file
        if file is None:
            one_of(str(self.montage), montages(), "montage (or a FILE.csv)")
        else:
            from targeting.tes.montages import read_montage

            read_montage(file)
            if self.max_current_ma is not None:
                raise InputError("a montage from a file has its currents: leave out `max_current_ma`")

    def _check_network(self) -> None:
        if self.kind != HD:
            raise InputError("`network` is for small electrodes: take `kind=hd-tdcs`")
        if self.also:
            raise InputError("`network` is the target, and `also` adds further ones: leave out one of them")
        if self.direction is not None:
            raise InputError("`network` goes along the cortex's normal: leave out `direction`")

    def _check_search(self, direction: object) -> None:
        name = self.objective_for(direction)
        objective = TES_OBJECTIVES.named(name)
        if self.kind == PADS:
            if not objective.pads:
                raise InputError(f"two pads are chosen as a pair, not by {name!r}: take `kind=hd-tdcs` for that")
            if self.max_electrodes not in (None, 2):
                raise InputError("`kind=tdcs` is for two pads: take `kind=hd-tdcs` for more electrodes")
        if self.max_electrodes is not None and not 2 <= self.max_electrodes <= 64:
            raise InputError(f"`max_electrodes` takes a number from 2 to 64, not {self.max_electrodes}")
        directed, dosed = direction is not None, self.dose_v_per_m is not None
        check_objective(name, directed=directed, dosed=dosed, mapped=self.network is not None, further=bool(self.also))
        if self.per_electrode_ma > self.total_ma:
            raise InputError(
                f"`max_per_electrode_ma={self.per_electrode_ma:g}` is above the total of {self.total_ma:g} mA: raise "
                "`max_current_ma`, or lower it"
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
        name = self.objective_for(direction)
        plugin = TES_OBJECTIVES.origin(name)  # another version of it may be another objective
        return {
            "objective": name,
            "dose_v_per_m": self.dose_v_per_m,
            "max_current_ma": self.total_ma,
            "max_per_electrode_ma": self.per_electrode_ma,
            "max_electrodes": self.electrodes,
            "direction": direction,
            **held,
            **({"plugin": plugin} if plugin else {}),
        }
