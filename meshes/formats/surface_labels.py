"""Labels of cortical surfaces: FreeSurfer's ``.annot``, GIFTI's ``.label.gii``, CIFTI's ``.dlabel.nii``.

A label is a name for some of a hemisphere's vertices.  Each file numbers its labels as it likes; here only the names count.  An
``.annot`` and a ``.label.gii`` are of one hemisphere, a ``.dlabel.nii`` of both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, Cifti2HeaderError, Cifti2Image, LabelAxis
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.formats.gifti import DAMAGE, read_labels
from meshes.images import whole_file

SUFFIXES = (".annot", ".label.gii", ".dlabel.nii")
CIFTI_SIDES = {"CIFTI_STRUCTURE_CORTEX_LEFT": "lh", "CIFTI_STRUCTURE_CORTEX_RIGHT": "rh"}


@dataclass(frozen=True, eq=False)
class SurfaceLabels:
    """The labels in a file.

    Parameters
    ----------
    path : Path
    keys : mapping of str to (V,) int64
        The key of the label at each vertex, by hemisphere: ``lh``, ``rh``; ``""`` where the file does not say which it is of.
    names : mapping of int to str
        By key.
    """

    path: Path
    keys: Mapping[str, NDArray[np.int64]]
    names: Mapping[int, str]

    def vertices(self, name: str, side: str) -> NDArray[np.bool_]:
        """Which vertices of a hemisphere have a label, (V,).

        Parameters
        ----------
        name : str
            As the file has it.
        side : {"lh", "rh"}

        Raises
        ------
        InputError
            If the file is of the other hemisphere, or none of its vertices has the label.
        """
        keys = self.keys.get(side, self.keys.get(""))
        if keys is None:
            words = {"lh": "left", "rh": "right"}
            held = " and ".join(words[each] for each in self.keys)
            raise InputError(f"{self.path} is of the {held} hemisphere, and the {words[side]} one is asked for")
        found = np.isin(keys, [key for key, each in self.names.items() if each == name])
        if not found.any():
            raise InputError(f"no vertex of {self.path} has the label {name!r} on that side")
        return found


def read_surface_labels(path: str | Path) -> SurfaceLabels:
    """Read the labels of a file.

    Parameters
    ----------
    path : path
        ``.annot``, ``.label.gii`` or ``.dlabel.nii``.

    Raises
    ------
    InputError
        If it is missing, damaged, something else, or has several maps.
    """
    path = whole_file(path)
    kind = next((each for each in SUFFIXES if path.name.lower().endswith(each)), "")
    if kind == ".annot":
        return _annot(path)
    if kind == ".label.gii":
        keys, names, side = read_labels(path)
        return SurfaceLabels(path, {side or _side_of_name(path): keys}, names)
    if kind == ".dlabel.nii":
        return _dlabel(path)
    raise InputError(f"{path} is no file of labels that can be read; give one of {', '.join(SUFFIXES)}")


def _annot(path: Path) -> SurfaceLabels:
    try:
        with np.errstate(all="ignore"):  # damaged counts overflow
            keys, _, names = nib.freesurfer.read_annot(path)
        words = {i: name.decode("utf-8") for i, name in enumerate(names)}
    except (*DAMAGE, MemoryError) as error:
        raise InputError(f"{path} is truncated or no FreeSurfer annotation; copy or make it again") from error
    return SurfaceLabels(path, {_side_of_name(path): keys.astype(np.int64)}, words)


def _side_of_name(path: Path) -> str:
    """The hemisphere that a file's name says, as FreeSurfer (``lh.aparc.annot``) and Workbench (``s1.L.x.label.gii``) do."""
    parts = path.name.split(".")
    sides = {"lh": "lh", "rh": "rh", "L": "lh", "R": "rh"}
    return next((sides[part] for part in parts[:-1] if part in sides), "")


def _dlabel(path: Path) -> SurfaceLabels:
    try:
        image: Any = nib.load(path)
        if not isinstance(image, Cifti2Image):
            raise ValueError("no CIFTI image")
        labels, models = (image.header.get_axis(i) for i in (0, 1))
        if not isinstance(labels, LabelAxis) or not isinstance(models, BrainModelAxis):
            raise ValueError("no labels of a brain's vertices")
        if math.prod(image.shape) * image.get_data_dtype().itemsize > path.stat().st_size:
            raise ValueError("less than it states")
        if len(labels) != 1:
            raise InputError(f"{path} has {len(labels)} maps of labels; give a file with one")
        row = np.asarray(image.dataobj, np.float64)[0]
        names = {int(key): str(name) for key, (name, _) in labels.label[0].items()}
        keys = {
            CIFTI_SIDES[part]: _on_surface(row[of_part], model, models.nvertices[part])
            for part, of_part, model in models.iter_structures()
            if part in CIFTI_SIDES
        }
    except InputError:
        raise
    except (*DAMAGE, Cifti2HeaderError, HeaderDataError, MemoryError) as error:
        raise InputError(f"{path} is truncated or no CIFTI file of labels; copy or make it again") from error
    if not keys:
        raise InputError(f"{path} has no labels of the cortex")
    return SurfaceLabels(path, keys, names)


def _on_surface(values: NDArray[np.float64], model: BrainModelAxis, count: int) -> NDArray[np.int64]:
    """A structure's values at all vertices of its surface, −1 where the file has none."""
    out = np.full(count, -1, np.int64)
    out[model.vertex] = np.round(values)
    return out
