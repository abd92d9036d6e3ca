"""The direct solves that confirm a montage: its field with complete electrodes, and that of the standard montage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlases.scalp import Scalp
from atlases.scalp_positions import ScalpPositions
from atlases.target import Target
from meshes.errors import InputError
from targeting.fem import HeadConductor
from targeting.tes.contact import Contact
from targeting.tes.electrodes import Montage
from targeting.tes.field import TesField, simulate_tes
from targeting.tes.montage_choice import standard_montage
from targeting.tes.montage_dose import MontageDose, montage_dose

LATTICE = 6  # steps along a facet's side in what is kept of an electrode's outline


@dataclass(frozen=True)
class LaidElectrode:
    """An electrode as it lies, and what it does."""

    name: str
    center_mm: tuple[float, float, float]
    y_axis: tuple[float, float, float]
    shape: str
    size_mm: tuple[float, ...]
    area_mm2: float
    current_a: float
    peak_a_per_m2: float
    shunted_a: float


@dataclass(frozen=True, eq=False)
class ConfirmedMontage:
    """The direct solves of the chosen montage and of the standard one.

    Parameters
    ----------
    e_v_per_m : (M, 3) float32
        The chosen montage's field.
    dose : MontageDose
    standard : MontageDose or None
        None where the standard montage does not fit on the head; ``note`` then says why.
    standard_ma : mapping
        Positions and currents of the standard one.
    electrodes : tuple of LaidElectrode
    scalp_share : float
        Share of the current that never leaves the scalp.
    patches_mm : mapping
        Electrode → (t, 3, 3) corners of the scalp under it.
    """

    e_v_per_m: NDArray[np.float32]
    dose: MontageDose
    standard: MontageDose | None
    standard_ma: Mapping[str, float]
    electrodes: tuple[LaidElectrode, ...]
    scalp_share: float
    patches_mm: Mapping[str, NDArray[np.float64]]
    note: str = ""

    def save(self, path: Path) -> None:
        """Write it as ``.npz``."""
        about = {
            "dose": _plain(self.dose),
            "standard": None if self.standard is None else _plain(self.standard),
            "standard_ma": dict(self.standard_ma),
            "electrodes": [vars(each) for each in self.electrodes],
            "scalp_share": self.scalp_share,
            "note": self.note,
        }
        patches: dict[str, Any] = {f"patch_{i}": patch for i, patch in enumerate(self.patches_mm.values())}
        np.savez(path, e_v_per_m=self.e_v_per_m, about=np.array(json.dumps(about)), **patches)

    @classmethod
    def load(cls, path: Path) -> ConfirmedMontage:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].item())
            electrodes = tuple(_electrode(row) for row in about["electrodes"])
            return cls(
                arrays["e_v_per_m"],
                _dose(about["dose"]),
                _dose(about["standard"]) if about["standard"] else None,
                about["standard_ma"],
                electrodes,
                about["scalp_share"],
                {each.name: arrays[f"patch_{i}"] for i, each in enumerate(electrodes)},
                about["note"],
            )


def confirm_montage(
    conductor: HeadConductor,
    target: Target,
    unit: NDArray[np.float64] | None,
    montage: Montage,
    positions: ScalpPositions,
    side: str,
) -> ConfirmedMontage:
    """Solve a montage and the standard one of the target's side.

    Parameters
    ----------
    conductor : HeadConductor
    target : Target
    unit : (3,) float or None
        The direction of the dose.
    montage : Montage
    positions : ScalpPositions
        The head's 10-10 positions.
    side : {"left", "right"}

    Raises
    ------
    InputError
        If an electrode of the montage does not rest on the head, or two overlap.
    """
    head = conductor.head
    solved = simulate_tes(conductor, montage)
    standard, standard_ma, note = None, {}, ""
    try:
        usual = standard_montage(head, positions, side)
        e = simulate_tes(conductor, usual).e_v_per_m
        standard = montage_dose(head, target, e, unit, usual.name, 1e3 * usual.total_a)
        standard_ma = {name: 1e3 * float(a) for name, a in zip(usual.names, usual.currents_a, strict=True)}
    except InputError as error:
        note = f"the standard montage does not fit on this head, so nothing is compared with it: {error}"
    scalp = Scalp.of(head)
    return ConfirmedMontage(
        solved.e_v_per_m.astype(np.float32),
        montage_dose(head, target, solved.e_v_per_m, unit, montage.name, 1e3 * montage.total_a),
        standard,
        standard_ma,
        laid_electrodes(solved),
        solved.scalp_share,
        {each.electrode.name: patch_mm(scalp, each) for each in solved.contacts},
        note,
    )


def laid_electrodes(solved: TesField) -> tuple[LaidElectrode, ...]:
    """A solved montage's electrodes."""
    return tuple(
        LaidElectrode(
            name=each.name,
            center_mm=_three(contact.center_mm),
            y_axis=_three(contact.axes[1]),
            shape=contact.electrode.shape,
            size_mm=contact.electrode.size_mm,
            area_mm2=each.area_mm2,
            current_a=float(current),
            peak_a_per_m2=each.peak_a_per_m2,
            shunted_a=each.shunted_a,
        )
        for contact, each, current in zip(solved.contacts, solved.electrodes, solved.montage.currents_a, strict=True)
    )


def patch_mm(scalp: Scalp, contact: Contact) -> NDArray[np.float64]:
    """The scalp under an electrode as small triangles, (t, 3, 3): those of a lattice whose middle it covers."""
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(LATTICE), np.arange(LATTICE), indexing="ij"))
    upright = [np.stack([i + a, j + b], 1)[i + j < LATTICE] for a, b in ((0, 0), (1, 0), (0, 1))]
    turned = [np.stack([i + a, j + b], 1)[i + j < LATTICE - 1] for a, b in ((1, 0), (1, 1), (0, 1))]
    steps = np.concatenate([np.stack(upright, 1), np.stack(turned, 1)])
    shares = np.concatenate([LATTICE - steps.sum(2, keepdims=True), steps], axis=2) / LATTICE
    facets = scalp.points_mm[scalp.triangles[contact.facets]]
    small = np.einsum("tcs,fsx->ftcx", shares, facets).reshape(-1, 3, 3)
    kept: NDArray[np.float64] = small[contact.covers(contact.spread(small.mean(1)))]
    return kept


def _plain(dose: MontageDose) -> dict[str, Any]:
    return {**vars(dose), "peak_mm": np.asarray(dose.peak_mm).tolist()}


def _dose(about: dict[str, Any]) -> MontageDose:
    return MontageDose(**{**about, "peak_mm": np.array(about["peak_mm"])})


def _electrode(row: dict[str, Any]) -> LaidElectrode:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return LaidElectrode(**values)


def _three(point: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = point.tolist()
    return x, y, z
