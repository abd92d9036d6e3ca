"""The montage of a plan, as electrodes that rest on this head: the best one on a leadfield, or one with a name."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlases.scalp import Scalp
from atlases.scalp_positions import ELECTRODE, REFERENCE, ScalpPositions
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.records.montage import PlanOptimum
from targeting.records.pole import ANODAL, CATHODAL, GIVEN
from targeting.tes.contact import lay_all, lay_on
from targeting.tes.electrodes import Electrode, Montage, Shape
from targeting.tes.montage_goal import Goal, PlaceDoses, settable, solve
from targeting.tes.montages import STANDARD, montage_named, placed
from targeting.tes.objectives import TES_OBJECTIVES

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield

SIGNS = {ANODAL: "into the cortex (the anode acts)", CATHODAL: "out of the cortex (the cathode acts)"}
TURNS_DEG = (0.0, 90.0)  # a pad that does not rest upright may rest lying


@dataclass(frozen=True, eq=False)
class ChosenMontage:
    """The montage a search chose, and how good it is (None for one that was given)."""

    montage: Montage
    optimum: PlanOptimum | None
    places: PlaceDoses | None = None  # None for one that was given

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        rows = [
            {
                "name": each.name,
                "center_mm": each.center_mm.tolist(),
                "shape": each.shape,
                "size_mm": list(each.size_mm),
                "angle_deg": each.angle_deg,
                "toward_mm": None if each.toward_mm is None else each.toward_mm.tolist(),
                "current_a": float(current),
            }
            for each, current in zip(self.montage.electrodes, self.montage.currents_a, strict=True)
        ]
        optimum = asdict(self.optimum) if self.optimum else None
        places = asdict(self.places) if self.places else None
        about = {"name": self.montage.name, "electrodes": rows, "optimum": optimum, "reached": places}
        path.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> ChosenMontage:
        """Read what :meth:`save` wrote."""
        about = json.loads(path.read_text(encoding="utf-8"))
        currents = np.array([row.pop("current_a") for row in about["electrodes"]])
        montage = Montage(about["name"], tuple(Electrode(**row) for row in about["electrodes"]), currents)
        places = about["reached"]
        return cls(
            montage,
            PlanOptimum(**about["optimum"]) if about["optimum"] else None,
            PlaceDoses(**{name: tuple(values) for name, values in places.items()}) if places else None,
        )


def electrodes_at(positions: ScalpPositions, shape: Shape, size_mm: tuple[float, ...]) -> list[Electrode]:
    """An electrode of a shape and size at every position that may hold one."""
    cap = positions.of_kind(ELECTRODE, REFERENCE)
    return [
        Electrode(name, point, shape, size_mm) for name, point in zip(cap.names, cap.points_mm, strict=True) if name
    ]


def resting_on(scalp: Scalp, electrode: Electrode) -> Electrode | None:
    """The electrode, turned if need be so that it rests on the scalp; None where it cannot."""
    turns = TURNS_DEG if electrode.shape == "rectangle" else TURNS_DEG[:1]
    for turn in turns:
        turned = replace(electrode, angle_deg=electrode.angle_deg + turn)
        try:
            lay_on(scalp, turned)
        except InputError:
            continue
        return turned
    return None


def montage_at(name: str, positions: ScalpPositions, side: str, current_ma: float | None = None) -> Montage:
    """A named montage on this head, at its own current or another total.

    Parameters
    ----------
    name : str
        Of ``montages.toml``.
    positions : ScalpPositions
        The head's 10-10 positions.
    side : {"left", "right"}
    current_ma : float, optional
        Total current, instead of the montage's own.

    Raises
    ------
    InputError
        If a position of it is not on this head.
    """
    named = montage_named(name, side)
    return placed(named if current_ma is None else replace(named, current_ma=current_ma), positions)


def standard_montage(head: HeadMesh, positions: ScalpPositions, side: str) -> Montage:
    """M1-SO on this head, a pad turned where it does not rest as it should.

    Raises
    ------
    InputError
        If a position is missing.
    """
    usual = placed(montage_named(STANDARD, side), positions)
    scalp = Scalp.of(head)
    return replace(usual, electrodes=tuple(resting_on(scalp, each) or each for each in usual.electrodes))


def best_montage(
    objective: str,
    head: HeadMesh,
    leadfield: Leadfield,
    goal: Goal,
    shape: Shape,
    size_mm: tuple[float, ...],
    polarity: str = GIVEN,
) -> ChosenMontage:
    """The best montage on a leadfield, with currents that a stimulator can be set to.

    Parameters
    ----------
    objective : str
        Of :data:`targeting.tes.objectives.TES_OBJECTIVES`.
    head : HeadMesh
    leadfield : Leadfield
        Of electrodes of this shape and size.
    goal : Goal
        What is searched for, with the limits on currents.
    shape : {"disc", "rectangle"}
        Of every electrode.
    size_mm : tuple of float
        Its diameter, or its sides.
    polarity : str
        Of :mod:`targeting.records.pole`, for the words.

    Raises
    ------
    InputError
        If no montage is within the limits; the line names the limit that stands in the way.
    """
    scalp = Scalp.of(head)

    def electrode(name: str) -> Electrode:
        plain = Electrode(name, leadfield.scalp_mm[leadfield.names.index(name)], shape, size_mm)
        return resting_on(scalp, plain) or plain

    def fits(names: list[str]) -> bool:
        try:
            lay_all(scalp, [electrode(name) for name in names])
        except InputError:
            return False
        return True

    best = solve(objective, leadfield, goal, fits)
    rounded = settable(leadfield, goal, best)
    electrodes = tuple(electrode(name) for name in rounded.currents_a)
    montage = Montage(f"optimum ({objective})", electrodes, np.array(list(rounded.currents_a.values())))
    optimum = PlanOptimum(
        objective_words(objective, goal, polarity),
        len(leadfield.names),
        rounded.dose_v_per_m,
        best.dose_v_per_m,
        best.bound_v_per_m,
        best.gap,
        list(best.binding),
    )
    return ChosenMontage(montage, optimum, rounded.places)


def objective_words(objective: str, goal: Goal, polarity: str = GIVEN) -> str:
    """The objective of an optimised montage, in words."""
    words = TES_OBJECTIVES.named(objective).words
    if polarity in SIGNS:
        words += f", counted {SIGNS[polarity]}"
    if goal.also:
        words += f", of {len(goal.targets)} targets the smallest as a share of the most each can get alone"
    if goal.avoid:
        names = ", ".join(each.name for each in goal.avoid)
        words += f", with at most {goal.share:g} of it (root mean square) in {names}"
    return words
