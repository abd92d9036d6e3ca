"""The volumes of a head's tissues beside what adults have: the quickest sign that a segmentation went wrong.

The ranges and where they come from stand in ``volumes.toml``.  A part that the edge of the image cuts off is smaller than
life.  It is then judged only for being too large, and the report says so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meshes import HeadMesh

STRETCHED = "colin27.npz"  # the embedded head's image
EDGE_MM = 3.0  # a part that comes nearer than this to the image's edge, or to the head's lowest plane, is cut there
Verdict = Literal["within", "below", "above", "cut", "no range"]


@dataclass(frozen=True)
class VolumeRange:
    """What a part of an adult's head measures; ``codes`` are its tissues, ``low_ml`` and ``high_ml`` None if unknown."""

    name: str
    title: str
    codes: tuple[int, ...]
    low_ml: float | None
    high_ml: float | None
    source: str
    derived: str = ""  # from what it was made, where no source states it
    checked: str = ""  # what was re-read where; on no page


@dataclass(frozen=True)
class Volume:
    """A part of this head, mL, beside its range; ``cut_at`` names the edges that cut it."""

    range: VolumeRange
    ml: float
    cut_at: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Where it lies; "cut" if it is too small but cut off."""
        low, high = self.range.low_ml, self.range.high_ml
        if low is None or high is None:
            return "no range"
        if self.ml > high:
            return "above"
        if self.ml < low:
            return "cut" if self.cut_at else "below"
        return "within"

    @property
    def is_odd(self) -> bool:
        """Whether it lies outside its range without an excuse."""
        return self.verdict in ("below", "above")

    @property
    def words(self) -> str:
        """The verdict for a reader.

        Examples
        --------
        >>> part = VolumeRange("csf", "CSF", (3,), 145.0, 510.0, "")
        >>> Volume(part, 300.0, ()).words, Volume(part, 72.5, ()).words
        ('within the range', 'too small: 50 % below the range')
        >>> Volume(part, 72.5, ("lower",)).words
        'not judged: the lower edge of the image cuts it off'
        """
        low, high = self.range.low_ml, self.range.high_ml
        if low is None or high is None:
            return "not judged"
        edges = f"the {' and '.join(self.cut_at)} edge of the image cuts it off"
        if self.verdict == "above":
            return f"too large: {100 * (self.ml / high - 1):.0f} % above the range"
        if self.verdict == "below":
            return f"too small: {100 * (1 - self.ml / low):.0f} % below the range"
        if self.verdict == "cut":
            return f"not judged: {edges}"
        return "within the range" + (f" ({edges})" if self.cut_at else "")


@cache
def ranges() -> tuple[VolumeRange, ...]:
    """The table of ``volumes.toml``.

    Examples
    --------
    >>> [each.name for each in ranges()][:3], ranges()[0].high_ml
    (['intracranial', 'brain', 'grey'], 1810.0)
    """
    text = resources.files("targeting.report").joinpath("volumes.toml").read_text(encoding="utf-8")
    return tuple(
        VolumeRange(
            name,
            entry["title"],
            tuple(entry["codes"]),
            float(entry["low"]) if "low" in entry else None,
            float(entry["high"]) if "high" in entry else None,
            entry["source"],
            entry.get("derived", ""),
            entry.get("checked", ""),
        )
        for name, entry in tomllib.loads(text).items()
    )


def volumes_of(head: HeadMesh, affine_mm: NDArray[np.float64], shape: Sequence[int]) -> list[Volume]:
    """The volumes of a head's mesh, part by part; parts that the head does not have are left out.

    Parameters
    ----------
    head : HeadMesh
    affine_mm : (4, 4) float64
        Voxel index of the image → RAS mm.
    shape : (3,) int
        The image's voxels, which say where its edges are.
    """
    volumes = []
    for part in ranges():
        chosen = np.isin(head.tissue, part.codes)
        if chosen.any():
            nodes = head.points_mm[np.unique(head.tets[chosen])]
            ml = float(head.volumes_mm3[chosen].sum()) / 1000
            volumes.append(Volume(part, ml, _cut_at(nodes, head, affine_mm, shape)))
    return volumes


def volume_warnings(head: HeadMesh, affine_mm: NDArray[np.float64], shape: Sequence[int], image: str = "") -> list[str]:
    """A line for the parts of the head that lie outside their range, or none.

    Parameters
    ----------
    head : HeadMesh
    affine_mm : (4, 4) float64
        Voxel index of the image → RAS mm.
    shape : (3,) int
        The image's voxels.
    image : str
        The image's name, by which the embedded head is known.
    """
    odd = [each for each in volumes_of(head, affine_mm, shape) if each.is_odd]
    if not odd:
        return []
    words = "; ".join(
        f"{each.range.title.lower() if each.range.title != 'CSF' else 'CSF'} {each.words}" for each in odd
    )
    return [f"the head model has unusual volumes ({words}): look at its outlines. {excuse(image)}".rstrip()]


def excuse(image: str) -> str:
    """Why the embedded head is larger than life; nothing for another."""
    if image != STRETCHED:
        return ""
    return "Colin27 is stored as it was fitted to the MNI template, which made it larger than life. "


def _cut_at(
    nodes_mm: NDArray[np.float64], head: HeadMesh, affine_mm: NDArray[np.float64], shape: Sequence[int]
) -> tuple[str, ...]:
    """The edges of the image, by the way they face, that some nodes come as near to as if they were cut there."""
    inverse = np.linalg.inv(affine_mm)
    voxel = nodes_mm @ inverse[:3, :3].T + inverse[:3, 3]
    size = np.linalg.norm(affine_mm[:3, :3], axis=0)
    names = []
    for axis in range(3):
        along = affine_mm[:3, axis] / size[axis]
        for sign, gap in (
            (-1, (voxel[:, axis].min() + 0.5) * size[axis]),
            (1, (shape[axis] - 0.5 - voxel[:, axis].max()) * size[axis]),
        ):
            if gap < EDGE_MM:
                names.append(_facing(sign * along))
    if "lower" not in names and nodes_mm[:, 2].min() - head.points_mm[:, 2].min() < EDGE_MM:
        names.append("lower")  # the head ends in a plane where the image was cut before
    return tuple(dict.fromkeys(names))


def _facing(direction: NDArray[np.float64]) -> str:
    axis = int(np.abs(direction).argmax())
    return (("left", "right"), ("back", "front"), ("lower", "upper"))[axis][int(direction[axis] > 0)]
