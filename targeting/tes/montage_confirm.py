"""Confirm a montage by direct solves: its field with complete electrodes, and that of the standard montage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlases.scalp import Scalp
from atlases.scalp_positions import ScalpPositions
from atlases.target import Target
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.fem import HeadConductor
from targeting.tes.contact import Contact
from targeting.tes.electrodes import Montage
from targeting.tes.field import TesField, simulate_tes
from targeting.tes.montage_choice import standard_montage
from targeting.tes.montage_dose import Inward, MontageDose, dose_in, montage_dose

SAME_SHARE, SAME_MM = 1e-6, 1.0  # of the total current; between centres
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


@dataclass(frozen=True)
class PlaceFields:
    """A montage's field in other places than the target.

    ``e_v_per_m`` root mean square of |E| in each avoided region, then the dose of each further target; ``agreement`` with
    a map that is the target, None if it is none.
    """

    e_v_per_m: tuple[float, ...] = ()
    agreement: float | None = None


@dataclass(frozen=True)
class PlacesConfirmed:
    """The chosen montage and the standard one (None where it does not fit) in other places than the target."""

    ours: PlaceFields = PlaceFields()
    standard: PlaceFields | None = None


@dataclass(frozen=True)
class PoleFields:
    """The mean field's component along ``inward``, the way into the cortex of :class:`targeting.tes.montage_dose.Inward`, V/m.

    ``standard_v_per_m`` is None where no standard montage is compared.
    """

    inward: tuple[float, float, float]
    inward_of: str
    ours_v_per_m: float
    standard_v_per_m: float | None


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """Places other than the target at which a field is to be measured.

    Parameters
    ----------
    avoid, also : tuple of Target
    units : tuple of (3,) or None
        The direction of each further target's dose.
    agreement : callable, optional
        Of a field (M, 3) with the map that is the target, -1 to 1; None if the target is no map.
    """

    avoid: tuple[Target, ...] = ()
    also: tuple[Target, ...] = ()
    units: tuple[NDArray[np.float64] | None, ...] = ()
    agreement: Callable[[NDArray[np.floating]], float] | None = None

    def fields(self, head: HeadMesh, e_v_per_m: NDArray[np.floating]) -> PlaceFields:
        """What a field (M, 3) is there."""
        found = []
        for region in self.avoid:
            tets, weights = region.weights(head)
            found.append(float(np.sqrt(weights @ (e_v_per_m[tets].astype(np.float64) ** 2).sum(1))))
        for further, unit in zip(self.also, self.units, strict=True):
            tets, weights = further.weights(head)
            found.append(dose_in(e_v_per_m[tets].astype(np.float64), weights, unit))
        return PlaceFields(tuple(found), self.agreement(e_v_per_m) if self.agreement else None)


@dataclass(frozen=True, eq=False)
class ConfirmedMontage:
    """The direct solves of the chosen montage and of the standard one.

    Parameters
    ----------
    e_v_per_m : (M, 3) float32
        The chosen montage's field.
    dose : MontageDose
    standard : MontageDose or None
        None where the standard montage does not fit on the head (``note`` then says why), and for itself.
    standard_ma : mapping
        Positions and currents of the standard one.
    electrodes : tuple of LaidElectrode
    scalp_share : float
        Share of the current that never leaves the scalp.
    patches_mm : mapping
        Electrode → (t, 3, 3) corners of the scalp under it.
    note : str
        Why the standard montage does not fit, if so.
    places : PlacesConfirmed
        Avoided regions, further targets, a map.
    pole : PoleFields, optional
        Into or out of the cortex; None for a map.
    """

    e_v_per_m: NDArray[np.float32]
    dose: MontageDose
    standard: MontageDose | None
    standard_ma: Mapping[str, float]
    electrodes: tuple[LaidElectrode, ...]
    scalp_share: float
    patches_mm: Mapping[str, NDArray[np.float64]]
    note: str = ""
    places: PlacesConfirmed = PlacesConfirmed()
    pole: PoleFields | None = None

    def save(self, path: Path) -> None:
        """Write it as ``.npz``."""
        about = {
            "dose": asdict(self.dose),
            "standard": None if self.standard is None else asdict(self.standard),
            "standard_ma": dict(self.standard_ma),
            "electrodes": [vars(each) for each in self.electrodes],
            "scalp_share": self.scalp_share,
            "note": self.note,
            "places": asdict(self.places),
            "pole": asdict(self.pole) if self.pole else None,
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
                MontageDose(**about["dose"]),
                MontageDose(**about["standard"]) if about["standard"] else None,
                about["standard_ma"],
                electrodes,
                about["scalp_share"],
                {each.name: arrays[f"patch_{i}"] for i, each in enumerate(electrodes)},
                about["note"],
                _places(about["places"]),
                _pole(about["pole"]),
            )


def confirm_montage(
    conductor: HeadConductor,
    target: Target,
    unit: NDArray[np.float64] | None,
    montage: Montage,
    positions: ScalpPositions,
    side: str,
    elsewhere: Elsewhere | None = None,
    inward: Inward | None = None,
) -> ConfirmedMontage:
    """Solve a montage and, if it is another, the standard one of the target's side.

    Parameters
    ----------
    conductor : HeadConductor
    target : Target
    unit : (3,) float, (m, 3) float or None
        The direction of the dose, as :func:`~targeting.tes.montage_dose.montage_dose` takes it.
    montage : Montage
    positions : ScalpPositions
        The head's 10-10 positions.
    side : {"left", "right"}
    elsewhere : Elsewhere, optional
        Regions to spare and further targets.
    inward : Inward, optional
        The way into the cortex.

    Raises
    ------
    InputError
        If an electrode of the montage does not rest on the head, or two overlap.
    """
    head = conductor.head
    solved = simulate_tes(conductor, montage)
    standard, standard_ma, note = None, {}, ""
    tets, weights = target.weights(head)

    def into(e_v_per_m: NDArray[np.floating]) -> float | None:
        return dose_in(e_v_per_m[tets].astype(np.float64), weights, inward.unit) if inward else None

    elsewhere = elsewhere or Elsewhere()
    theirs, theirs_into = None, None
    try:
        usual = standard_montage(head, positions, side)
        if not alike(montage, usual):  # nothing is compared with itself
            e = simulate_tes(conductor, usual).e_v_per_m
            standard = montage_dose(head, target, e, unit, usual.name, 1e3 * usual.total_a)
            theirs, theirs_into = elsewhere.fields(head, e), into(e)
            standard_ma = {name: 1e3 * float(a) for name, a in zip(usual.names, usual.currents_a, strict=True)}
    except InputError as error:
        note = f"the standard montage does not fit on this head, so nothing is compared with it: {error}"
    scalp, ours_into = Scalp.of(head), into(solved.e_v_per_m)
    pole = None
    if inward is not None and ours_into is not None:
        pole = PoleFields(_three(inward.unit), inward.of, ours_into, theirs_into)
    return ConfirmedMontage(
        solved.e_v_per_m.astype(np.float32),
        montage_dose(head, target, solved.e_v_per_m, unit, montage.name, 1e3 * montage.total_a),
        standard,
        standard_ma,
        laid_electrodes(solved),
        solved.scalp_share,
        {each.electrode.name: patch_mm(scalp, each) for each in solved.contacts},
        note,
        PlacesConfirmed(elsewhere.fields(head, solved.e_v_per_m), theirs),
        pole,
    )


def alike(montage: Montage, other: Montage) -> bool:
    """Whether two montages are one but for the current's size: the same shares through the same electrodes, in place."""
    if set(montage.names) != set(other.names):
        return False
    ours, theirs = (
        {
            each.name: (each, current / which.total_a)
            for each, current in zip(which.electrodes, which.currents_a, strict=True)
        }
        for which in (montage, other)
    )
    return all(
        abs(ours[name][1] - theirs[name][1]) < SAME_SHARE
        and np.linalg.norm(ours[name][0].center_mm - theirs[name][0].center_mm) < SAME_MM
        and (ours[name][0].shape, ours[name][0].size_mm) == (theirs[name][0].shape, theirs[name][0].size_mm)
        for name in ours
    )


def laid_electrodes(field: TesField) -> tuple[LaidElectrode, ...]:
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
        for contact, each, current in zip(field.contacts, field.electrodes, field.montage.currents_a, strict=True)
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


def _places(about: dict[str, Any]) -> PlacesConfirmed:
    def fields(kept: dict[str, Any] | None) -> PlaceFields | None:
        return PlaceFields(tuple(kept["e_v_per_m"]), kept["agreement"]) if kept else None

    return PlacesConfirmed(fields(about["ours"]) or PlaceFields(), fields(about["standard"]))


def _pole(about: dict[str, Any] | None) -> PoleFields | None:
    return PoleFields(**{**about, "inward": tuple(about["inward"])}) if about else None


def _electrode(row: dict[str, Any]) -> LaidElectrode:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return LaidElectrode(**values)


def _three(point: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = point.tolist()
    return x, y, z
