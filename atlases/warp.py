"""The map between MNI152 and one subject: smooth, invertible, stored as plain arrays.

A point p of MNI152 goes to A (p + u(p)): u is a displacement on a regular MNI grid, interpolated by cubic splines, A
the affine part.  The way back solves p + u(p) = A⁻¹ q by Newton's method, so the two directions are inverse to each
other by construction and only one grid is kept.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.brief import brief
from meshes.errors import InputError
from meshes.whole_files import written_whole

NEWTON_STEPS = 60
NEWTON_TOLERANCE_MM = 1e-3


@dataclass(frozen=True, eq=False)
class MniWarp:
    """The map between MNI152 and a subject.

    Parameters
    ----------
    affine_mm : (4, 4) float64
        MNI mm → subject mm, the linear part.
    displacement_mm : (nx, ny, nz, 3) float32
        u on the grid, MNI mm; beyond the grid its edge values count.
    origin_mm : (3,) float64
        MNI mm of grid point (0, 0, 0).
    spacing_mm : float
        Grid step.
    dice_white, dice_grey : float
        Overlap of the subject's tissues with the template's after the warp.
    source : str
        Where it comes from, in words, if not from this program's registration.

    Examples
    --------
    >>> from atlases import MniWarp
    >>> MniWarp.identity().to_subject([[-37, -21, 58]]).tolist()
    [[-37.0, -21.0, 58.0]]
    """

    affine_mm: NDArray[np.float64]
    displacement_mm: NDArray[np.float32]
    origin_mm: NDArray[np.float64]
    spacing_mm: float
    dice_white: float = float("nan")
    dice_grey: float = float("nan")
    source: str = ""

    __repr__ = brief()

    @classmethod
    def identity(cls) -> MniWarp:
        """Subject space is MNI152."""
        return cls(np.eye(4), np.zeros((2, 2, 2, 3), np.float32), np.zeros(3), 1.0)

    def to_subject(self, points_mni_mm: ArrayLike) -> NDArray[np.float64]:
        """MNI152 RAS mm → the subject's RAS mm, (n, 3) → (n, 3)."""
        points = _points(points_mni_mm)
        return (points + self._displacement(points)) @ self.affine_mm[:3, :3].T + self.affine_mm[:3, 3]

    def to_mni(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """The subject's RAS mm → MNI152 RAS mm, (n, 3) → (n, 3)."""
        goal = (_points(points_mm) - self.affine_mm[:3, 3]) @ np.linalg.inv(self.affine_mm[:3, :3]).T
        found = goal - self._displacement(goal)
        active = np.arange(len(goal))
        step = 0.25 * self.spacing_mm * np.eye(3)
        for _ in range(NEWTON_STEPS):
            here = found[active]
            miss = here + self._displacement(here) - goal[active]
            left = np.linalg.norm(miss, axis=1) > NEWTON_TOLERANCE_MM
            active, here, miss = active[left], here[left], miss[left]
            if not len(active):
                break
            slopes = [(self._displacement(here + h) - self._displacement(here - h)) / (2 * h.sum()) for h in step]
            move = np.linalg.solve(np.eye(3) + np.stack(slopes, axis=-1), -miss[..., None])[..., 0]
            # a bounded step cannot leap over a fold of the spline
            length = np.linalg.norm(move, axis=1, keepdims=True)
            found[active] += move * np.minimum(1, 5 / np.maximum(length, 1e-9))
        return found

    def smallest_jacobian(self) -> float:
        """Smallest determinant of the map's derivative over the grid; positive means it folds nowhere."""
        slopes = np.stack(np.gradient(self.displacement_mm, self.spacing_mm, axis=(0, 1, 2)), axis=-1)
        return float(np.linalg.det(np.eye(3) + slopes).min() * np.linalg.det(self.affine_mm[:3, :3]))

    @cached_property
    def _coefficients(self) -> list[NDArray[np.float64]]:
        """Cubic spline coefficients of u, one array per component."""
        from scipy import ndimage

        return [ndimage.spline_filter(self.displacement_mm[..., i], 3, mode="nearest") for i in range(3)]

    def _displacement(self, points_mni_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy import ndimage

        last = np.array(self.displacement_mm.shape[:3]) - 1
        index = np.clip((points_mni_mm - self.origin_mm) / self.spacing_mm, 0, last).T
        return np.stack(
            [ndimage.map_coordinates(c, index, order=3, mode="nearest", prefilter=False) for c in self._coefficients],
            axis=-1,
        )


def to_subject(points_mni_mm: ArrayLike, warp: MniWarp | Callable[[], MniWarp]) -> NDArray[np.float64]:
    """MNI152 points in the subject's space, (n, 3) → (n, 3), RAS mm.

    Examples
    --------
    >>> from atlases import MniWarp, to_subject
    >>> to_subject([[-37, -21, 58]], MniWarp.identity()).tolist()
    [[-37.0, -21.0, 58.0]]
    """
    return (warp if isinstance(warp, MniWarp) else warp()).to_subject(points_mni_mm)


def save_warp(warp: MniWarp, path: str | Path) -> None:
    """Write a warp as compressed ``.npz``."""
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **{name: np.asarray(getattr(warp, name)) for name in _FIELDS})


def load_warp(path: str | Path) -> MniWarp:
    """Read what :func:`save_warp` wrote.

    Raises
    ------
    InputError
        If the file is missing or is not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values = {name: arrays[name] for name in _FIELDS}
        spacing, white, grey = (float(values.pop(name)) for name in ("spacing_mm", "dice_white", "dice_grey"))
        source = str(values.pop("source"))
        return MniWarp(spacing_mm=spacing, dice_white=white, dice_grey=grey, source=source, **values)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot read the registration {path}: it is missing or damaged; make it again") from error


_FIELDS = ("affine_mm", "displacement_mm", "origin_mm", "spacing_mm", "dice_white", "dice_grey", "source")


def _points(points_mm: ArrayLike) -> NDArray[np.float64]:
    points = np.asarray(points_mm, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise InputError(f"points are finite and (n, 3) in mm, not of shape {points.shape}")
    return points
