"""Mean and standard deviation of |E| over people, where people are compared: on fs_LR 32k and in MNI152.

A value that one person does not have (no folds on that side, outside the head) is left out; a place has a mean where more than
half of the people have a value, and a third map says how many they are.  Left is left: maps of left and right targets are of
different plans, and none is mirrored onto the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, ScalarAxis
from numpy.typing import NDArray

from atlases.fslr import VERTICES, grayordinates
from meshes.whole_files import written_whole
from targeting.cohort.derivatives import FSLR, MNI_SPACE, write_sidecar
from targeting.cohort.group_plans import PlanKind, Planned
from targeting.files.group_spaces import MNI_AFFINE_MM, MNI_CODE, MNI_SHAPE, SIDES, STRUCTURES

MNI = f"space-{MNI_SPACE}"  # as files name it
ENDINGS = {FSLR: "efield.dscalar.nii", MNI: "efield.nii.gz"}
LEAST_PEOPLE = 2
STATISTICS = {"mean": "mean", "sd": "standard deviation (of a sample: n − 1)", "n": "number of people with a value"}


@dataclass(frozen=True, eq=False)
class MapOfGroup:
    """|E| over people in one space.

    Parameters
    ----------
    space : str
        :data:`FSLR` or :data:`MNI`.
    mean, sd : (v,) float64
        V/m, of the cortex' vertices as CIFTI has them, or the voxels of the template; NaN where too few have a value.
    n : (v,) int
        People with a value.
    people : tuple of str
    """

    space: str
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    n: NDArray[np.int64]
    people: tuple[str, ...]

    def of_side(self, side: str) -> NDArray[np.float64]:
        """The mean at all vertices of a hemisphere of fs_LR, NaN where there is none, (32492,)."""
        return on_hemispheres(self.mean)[side]


@dataclass(frozen=True, eq=False)
class PersonMaps:
    """The maps of one kind of plan on fs_LR, to be compared: ``values`` (n, v) V/m of ``people``."""

    people: tuple[str, ...]
    values: NDArray[np.float64]


def file_of(planned: Planned, space: str) -> Path:
    """Where a plan's map lies in the derivatives."""
    return planned.file(space, ENDINGS[space])


def read_map(path: Path, space: str) -> NDArray[np.float64] | None:
    """|E| of a person, (v,) V/m, NaN where it is not known; None where there is no such map, or one of another grid."""
    try:
        image: Any = nib.load(path)
        if space == FSLR:
            same = image.header.get_axis(1) == _cortex_axis()
            return np.asarray(image.dataobj[0], np.float64) if same else None
        if image.shape != MNI_SHAPE or not np.allclose(image.affine, MNI_AFFINE_MM):
            return None
        values = np.asarray(image.dataobj, np.float64).ravel()
    except (OSError, ValueError, AttributeError, nib.filebasedimages.ImageFileError):
        return None
    values[values == 0] = np.nan  # outside the head
    return values


def maps_on_fslr(plans: Sequence[Planned]) -> PersonMaps:
    """The maps of those who have one."""
    found = {each.person: read_map(file_of(each, FSLR), FSLR) for each in plans}
    known = {person: values for person, values in found.items() if values is not None}
    size = sum(len(grayordinates(side)) for side in SIDES)
    return PersonMaps(tuple(known), np.array(list(known.values())).reshape(len(known), size))


def average_on_fslr(maps: PersonMaps) -> MapOfGroup | None:
    """The mean of maps on fs_LR; None of fewer than two."""
    return _averaged(FSLR, zip(maps.people, maps.values, strict=True))


def average_in_mni(plans: Sequence[Planned]) -> MapOfGroup | None:
    """The mean of the maps in MNI152 of those who have one, read one after another; None of fewer than two."""
    maps = ((each.person, read_map(file_of(each, MNI), MNI)) for each in plans)
    return _averaged(MNI, ((person, values) for person, values in maps if values is not None))


def _averaged(space: str, maps: Iterable[tuple[str, NDArray[np.float64]]]) -> MapOfGroup | None:
    """In one go, by Welford's updates (1962, Technometrics 4:419), so that many people need no more memory than two."""
    people: list[str] = []
    n: NDArray[Any] = np.zeros(1, np.int64)
    mean = squares = np.zeros(1)
    for person, values in maps:
        if not people:
            n, mean, squares = np.zeros(len(values), np.int64), np.zeros(len(values)), np.zeros(len(values))
        people.append(person)
        known = np.isfinite(values)
        n += known
        off = np.where(known, values - mean, 0.0)
        mean = mean + off / np.maximum(n, 1)
        squares += off * np.where(known, values - mean, 0.0)
    if len(people) < LEAST_PEOPLE:
        return None
    told = n > max(len(people) / 2, 1)
    sd = np.sqrt(squares / np.maximum(n - 1, 1))
    return MapOfGroup(space, np.where(told, mean, np.nan), np.where(told, sd, np.nan), n, tuple(people))


def on_hemispheres(values: NDArray[np.floating]) -> dict[str, NDArray[np.float64]]:
    """Values of the cortex as CIFTI has them, (v,), at all vertices of fs_LR: side → (32492,), NaN on the medial wall."""
    found, first = {}, 0
    for side in SIDES:
        cortex = grayordinates(side)
        found[side] = np.full(VERTICES, np.nan)
        found[side][cortex] = values[first : first + len(cortex)]
        first += len(cortex)
    return found


def write_maps(folder: Path, kind: PlanKind, made: MapOfGroup, left_out: Sequence[str]) -> list[Path]:
    """Write mean, standard deviation and number of people, each with a sidecar.

    Parameters
    ----------
    folder : Path
        Must exist.
    kind : PlanKind
    made : MapOfGroup
    left_out : sequence of str
        People who have a plan of this kind and do not count.
    """
    of_statistic = {"mean": made.mean, "sd": made.sd, "n": made.n}
    units = {"mean": "V/m", "sd": "V/m", "n": "people"}
    written = []
    for name, values in of_statistic.items():
        path = folder / f"{made.space}_stat-{name}_desc-{kind.label}_{ENDINGS[made.space]}"
        title = f"{name} of |E| at {kind.conditions}" if name != "n" else "people with a value"
        write_values(path, made.space, values, title)
        about = {
            "Description": f"{STATISTICS[name]} over people of |E|, the size of the electric field at {kind.conditions}: "
            f"{kind.title}",
            "Units": units[name],
            "SpatialReference": "fs_LR 32k" if made.space == FSLR else MNI_SPACE,
            "NumberOfPeople": len(made.people),
            "People": list(made.people),
            "LeftOut": list(left_out),
        }
        written += [path, write_sidecar(path, about)]
    return written


def write_values(path: Path, space: str, values: NDArray[Any], title: str) -> None:
    """Write a map of the group: a CIFTI file of the cortex, or a NIfTI image of the template's grid with 0 for unknown.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    space : str
        :data:`FSLR` or :data:`MNI`.
    values : (v,) float or int
    title : str
        What the file says it holds.
    """
    image: Any
    if space == FSLR:
        image = Cifti2Image(np.asarray(values, np.float32)[None], (ScalarAxis([title]), _cortex_axis()))
        image.nifti_header.set_intent("NIFTI_INTENT_CONNECTIVITY_DENSE_SCALARS")
    else:
        image = nib.Nifti1Image(np.nan_to_num(values).astype(np.float32).reshape(MNI_SHAPE), MNI_AFFINE_MM)
        image.set_sform(MNI_AFFINE_MM, code=MNI_CODE)
        image.set_qform(MNI_AFFINE_MM, code=MNI_CODE)
        image.header.set_xyzt_units("mm")
        image.header["descrip"] = title.replace("µ", "u").encode()[:79]
    with written_whole(path) as temporary:
        nib.save(image, temporary)


def _cortex_axis() -> BrainModelAxis:
    left, right = (BrainModelAxis.from_surface(grayordinates(side), VERTICES, STRUCTURES[side]) for side in SIDES)
    return left + right
