"""Tissues on disk, from a user's labels (in SimNIBS' numbers), and of the head that ships with the project.

A file is a NumPy ``.npz``: each field in whole steps (``levels``, uint8, tissue first), the size of a step, one constant per
tissue, the affine and where the head came from.  Rounding keeps every voxel's tissue, every closed layer and, by new constants,
every tissue's volume.  The same tissues give the same bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.mri import THICKEST_VOXEL_MM, read_volume
from meshes.segmentation.cleaning import BRAIN, close_layers
from meshes.segmentation.head_grid import HeadGrid
from meshes.segmentation.label_fields import tissues_of_labels
from meshes.segmentation.tissue_fields import splined_winners, volume_offsets, winners
from meshes.tissue_codes import SIX_TISSUES, TISSUE_NAMES, Tissue, known_codes
from meshes.tissues import Tissues
from meshes.whole_files import written_whole
from meshes.world import Frame

__all__ = ["embedded_head", "embedded_path", "load_provenance", "load_tissues", "save_tissues", "tissues_from_labels"]

DATA = Path(__file__).parents[1] / "data"
LEVELS = 255
LOWEST, HIGHEST = -0.25, 1.25  # what a field is clipped to; the rules that close layers lift some beyond 0 and 1
EMBEDDED = ("colin27",)
TISSUE_OF_CODE = {int(tissue): tissue for tissue in Tissue} | SIX_TISSUES


def save_tissues(
    tissues: Tissues, path: str | Path, levels: int = LEVELS, provenance: Mapping[str, Any] | None = None
) -> None:
    """Write tissues as ``.npz``.

    Parameters
    ----------
    tissues : Tissues
    path : path
        The file, replaced whole.
    levels : int
        Steps from -0.25 to 1.25, at most 255: 255 for a subject's folder, fewer for a small file to ship.
    provenance : mapping, optional
        Where the head came from; anything JSON can hold.
    """
    steps, constants = rounded_fields(tissues, levels)
    arrays = {
        "levels": np.ascontiguousarray(np.moveaxis(steps, -1, 0)),
        "step": np.float32((HIGHEST - LOWEST) / levels),
        "constants": constants,
        "affine_mm": np.asarray(tissues.affine_mm, np.float64),
        "provenance": np.frombuffer(json.dumps(dict(provenance or {}), sort_keys=True).encode(), np.uint8),
    }
    kind = zipfile.ZIP_LZMA if levels < LEVELS else zipfile.ZIP_DEFLATED  # small to ship, or quick to write
    with written_whole(path) as temporary, zipfile.ZipFile(temporary, "w", kind) as archive:
        for name, value in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(value), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), kind)  # no time stamp


def load_tissues(path: str | Path) -> Tissues:
    """Read what :func:`save_tissues` wrote.

    Raises
    ------
    InputError
        If the file is missing, damaged or something else.
    """
    with _opened(Path(path)) as stored:
        levels = stored["levels"]
        fields = np.empty((*levels.shape[1:], len(levels)), np.float32)
        for channel, constant in enumerate(stored["constants"]):
            np.multiply(levels[channel], stored["step"], out=fields[..., channel], casting="unsafe")
            fields[..., channel] += constant
        return Tissues(fields, stored["affine_mm"])


def load_provenance(path: str | Path) -> dict[str, Any]:
    """What :func:`save_tissues` was told about where the head came from."""
    with _opened(Path(path)) as stored:
        return json.loads(stored["provenance"].tobytes())


def embedded_path(name: str) -> Path:
    """The file of a head that ships with the project; InputError if there is none of that name."""
    if name not in EMBEDDED:
        raise InputError(f"there is no built-in head {name!r}; there is: {', '.join(EMBEDDED)}")
    return DATA / f"{name}.npz"


def embedded_head(name: str = "colin27") -> Tissues:
    """The tissues of a head that ships with the project.

    Examples
    --------
    >>> head = embedded_head("colin27")
    >>> head.voxel_mm.tolist()
    [1.0, 1.0, 1.0]
    """
    return load_tissues(embedded_path(name))


def rounded_fields(tissues: Tissues, levels: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Fields in whole steps with the same winners, closed layers and volumes; and the constants that keep the volumes.

    Returns
    -------
    steps : (nx, ny, nz, 7) uint8
        0 to ``levels``, from ``LOWEST`` to ``HIGHEST``.
    constants : (7,) float32
        The field is ``steps * (HIGHEST - LOWEST) / levels + constants``.
    """
    step = np.float32((HIGHEST - LOWEST) / levels)
    labels = winners(tissues.fields)
    steps = np.clip(np.rint((tissues.fields - np.float32(LOWEST)) / step), 0, levels).astype(np.uint8)
    leading(steps, labels, levels)
    for _ in range(12):
        fields = steps * step
        seen = splined_winners(fields)[0]
        closed = close_layers(seen, tissues.voxel_mm)
        broken = (closed != seen) & (closed == labels)
        if not broken.any():
            break
        right = closed[broken][:, None] == np.arange(len(Tissue))
        nudge = max(1, levels // 8)  # the others step back as well, for the right one may be at the top already
        steps[broken] = np.clip(steps[broken].astype(int) + np.where(right, nudge, -nudge), 0, levels)
    volumes = np.bincount(labels.ravel(), minlength=len(Tissue)).astype(float)
    most = np.float32(0.49) * step  # so small that no voxel changes hands
    return steps, np.clip(volume_offsets(fields, volumes), -most, most) + np.float32(LOWEST)


def leading(steps: NDArray[np.uint8], labels: NDArray[np.uint8], levels: int) -> None:
    """Make each voxel's label lead by a step where rounding tied or turned it, in place."""
    value = np.take_along_axis(steps, labels[..., None], -1)[..., 0]
    rival = steps.copy()
    np.put_along_axis(rival, labels[..., None], 0, -1)
    x, y, z = np.nonzero(rival.max(-1) >= value)
    up = np.minimum(rival[x, y, z].max(-1).astype(int) + 1, levels).astype(np.uint8)
    steps[x, y, z] = np.minimum(steps[x, y, z], up[:, None] - 1)
    steps[x, y, z, labels[x, y, z]] = up


def _opened(path: Path) -> Any:
    """The arrays of a tissue file."""
    if not path.is_file():
        raise InputError(f"there is no tissue file {path}")
    try:
        stored = np.load(path, allow_pickle=False)
        missing = {"levels", "step", "constants", "affine_mm", "provenance"} - set(stored.files)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError(f"{path} is damaged or not a tissue file; make it again with 'target segment'") from error
    if missing:
        raise InputError(f"{path} is not a tissue file; make it again with 'target segment'")
    return stored


def tissues_from_labels(path: str | Path, frame: Frame | None = None) -> Tissues:
    """Tissues from a label image.

    Parameters
    ----------
    path : path
        3D NIfTI of whole numbers 0 to 12 (``TISSUE_OF_CODE``), voxels up to 1.5 mm.
    frame : {"sform", "qform"}, optional
        Which of the file's frames to use where the two disagree.

    Raises
    ------
    InputError
        If it is not such an image, has other codes, or lacks brain, skull or scalp.
    """
    volume = read_volume(path, frame)
    name = volume.path.name
    if not all((plane == np.rint(plane)).all() and np.isfinite(plane).all() for plane in volume.data):
        raise InputError(f"{name} has values that are not whole numbers; give tissue labels 0 to {max(TISSUE_OF_CODE)}")
    unknown = sorted({int(code) for plane in volume.data for code in np.unique(plane)} - set(TISSUE_OF_CODE))
    if unknown:
        raise InputError(
            f"{name} has unknown tissue codes {', '.join(map(str, unknown[:5]))}; known are 0 outside, {known_codes()}"
        )
    if volume.voxel_mm.max() > THICKEST_VOXEL_MM + 1e-3:
        text = " x ".join(f"{v:.2f}" for v in volume.voxel_mm)
        raise InputError(f"{name} has voxels of {text} mm; {THICKEST_VOXEL_MM} mm is the most in any direction")
    table = np.array([TISSUE_OF_CODE[code] for code in sorted(TISSUE_OF_CODE)], np.uint8)
    labels = table[volume.data.astype(np.uint8)]
    for needed in (BRAIN, (Tissue.SKULL,), (Tissue.SCALP,)):
        if not np.isin(labels, needed).any():
            names = " or ".join(TISSUE_NAMES[Tissue(tissue)] for tissue in needed)
            raise InputError(f"{name} has no {names}; give labels of the whole head")
    grid = HeadGrid.around(labels > 0, volume.affine_mm)
    del volume  # four bytes a voxel, which the fields need
    labels = grid.take(labels)
    return tissues_of_labels(labels, grid.affine_mm)
