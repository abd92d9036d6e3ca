"""The four points from which places on the scalp are measured: nasion, inion, and the two pre-auricular points.

Given by the user, they are taken at their word and only moved onto the scalp.  Else those of the MNI152 head are
carried to the subject by the affine part of its registration, and moved onto the scalp.  That registration has seen the
brain alone: face, ears and the thickness of the skull go unseen, and Colin27, on which it was measured, is an easy head:
there nasion, inion, left and right ear come to lie 1.7, 5.6, 3.1 and 2.7 mm from Colin27's published ones (the inion's are
two definitions), and the 74 positions of the 10-10 system 2.6 mm on average, 5.6 mm at most (from its own fiducials 1.5
and 5.5 mm).  In another head a centimetre must be expected.  Points felt on the head, or seen in the MRI, are better.

The warp's fine part is left out on purpose: outside the brain it is no more than the brain's edge carried on (on Colin27
it would move the four points by about a millimetre).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlases.scalp import Scalp
from atlases.scalp_positions import FIDUCIAL, ScalpPositions
from atlases.warp import MniWarp
from meshes.errors import InputError

NAMES = ("nasion", "inion", "lpa", "rpa")
# the fiducials of the MNI152 head that SimNIBS measures its own 10-10 positions from (RAS mm)
MNI_MM = {
    "nasion": (0.0, 82.9, -43.0),
    "inion": (0.0, -116.2, -30.5),
    "lpa": (-79.6, -20.6, -48.6),
    "rpa": (80.6, -20.6, -48.1),
}
FARTHEST_MM = 30.0  # off the scalp, a fiducial is of another head
WIDTH_MM, LENGTH_MM = (90.0, 220.0), (120.0, 280.0)  # ear to ear and nasion to inion, straight: infants to large men
TILT_DEG = 50.0  # no head lies in a scanner more askew
# top of the head over the ears, in distances between them: 0.87 and 0.82 on Colin27 and on a second head
HEIGHT = (0.6, 1.25)
# names in electrode files, in small letters (lhj, rhj: where helix and tragus meet, for EEGLAB the pre-auricular points)
ALIASES = {
    "nasion": ("nasion", "nas", "nz", "fidnz"),
    "inion": ("inion", "ini", "iz"),
    "lpa": ("lpa", "fidt9", "lhj"),
    "rpa": ("rpa", "fidt10", "rhj"),
}


@dataclass(frozen=True, eq=False)
class Fiducials:
    """Nasion, inion, left and right pre-auricular point, (3,) RAS mm each, and where they come from in words.

    Raises
    ------
    InputError
        If a point is not three finite numbers, left lies right of right, or they fit no human head.
    """

    nasion_mm: NDArray[np.float64]
    inion_mm: NDArray[np.float64]
    lpa_mm: NDArray[np.float64]
    rpa_mm: NDArray[np.float64]
    source: str = "given"

    def __post_init__(self) -> None:
        for name in NAMES:
            point = np.array(getattr(self, f"{name}_mm"), dtype=np.float64)
            if point.shape != (3,) or not np.isfinite(point).all():
                raise InputError(f"fiducial {name}: give three finite numbers, RAS mm")
            point.flags.writeable = False
            object.__setattr__(self, f"{name}_mm", point)
        width, length = self.rpa_mm - self.lpa_mm, self.nasion_mm - self.inion_mm
        sizes = float(np.linalg.norm(width)), float(np.linalg.norm(length))
        if not (WIDTH_MM[0] <= sizes[0] <= WIDTH_MM[1] and LENGTH_MM[0] <= sizes[1] <= LENGTH_MM[1]):
            raise InputError(
                f"the fiducials fit no head: {sizes[0]:.0f} mm from ear to ear, {sizes[1]:.0f} mm from nasion to inion; "
                "give RAS mm of the T1"
            )
        if width[0] <= 0:
            raise InputError(
                "the left pre-auricular point lies right of the right one: in RAS mm, left has the smaller x"
            )

    @property
    def points_mm(self) -> NDArray[np.float64]:
        """All four, (4, 3), in the order of ``NAMES``."""
        return np.stack([getattr(self, f"{name}_mm") for name in NAMES])

    def onto(self, scalp: Scalp) -> Fiducials:
        """These fiducials, moved onto the scalp.

        Raises
        ------
        InputError
            If one is farther than 3 cm from it.
        """
        feet = scalp.feet(self.points_mm)[0]
        off = np.linalg.norm(feet - self.points_mm, axis=1)
        if off.max() > FARTHEST_MM:
            worst = NAMES[int(off.argmax())]
            raise InputError(
                f"fiducial {worst} is {off.max():.0f} mm off this head's scalp: give it in RAS mm of the T1"
            )
        return _of(feet, self.source)


def check_fiducials(fiducials: Fiducials, scalp: Scalp) -> None:
    """Refuse fiducials that someone gives where they are turned in the T1's axes, or lie too high or too low on the head.

    Raises
    ------
    InputError
        With which axis is wrong, or how high the head is over its ears.
    """
    right, forward = fiducials.rpa_mm - fiducials.lpa_mm, fiducials.nasion_mm - fiducials.inion_mm
    for line, axis, between in (
        (right, 0, "from ear to ear goes along x"),
        (forward, 1, "from inion to nasion goes along y"),
    ):
        if line[axis] < np.cos(np.deg2rad(TILT_DEG)) * np.linalg.norm(line):
            raise InputError(
                f"{fiducials.source}: the fiducials are turned; the way {between} in RAS mm: correct the order or the signs of "
                "the axes"
            )
    up = np.cross(right, forward)
    above = (scalp.points_mm - (fiducials.lpa_mm + fiducials.rpa_mm) / 2) @ (up / np.linalg.norm(up))
    top_mm, width_mm = float(above.max()), float(np.linalg.norm(right))
    if not HEIGHT[0] <= top_mm / width_mm <= HEIGHT[1]:
        raise InputError(
            f"{fiducials.source}: the head is {top_mm:.0f} mm high over its ears and {width_mm:.0f} mm wide between "
            "them, which no head is: up and down look exchanged, or the points are in another frame; give RAS mm of the T1"
        )


def _of(points_mm: Sequence[NDArray[np.float64]] | NDArray[np.float64], source: str) -> Fiducials:
    nasion, inion, lpa, rpa = points_mm
    return Fiducials(nasion, inion, lpa, rpa, source)


def fiducials_from_warp(scalp: Scalp, warp: MniWarp) -> Fiducials:
    """The MNI152 head's fiducials on a subject's scalp, by the affine part of its registration.

    Each is moved onto the scalp along the line to its opposite (nasion and inion, left and right), not to the nearest
    point: behind and below an ear that would be in a crease.
    """
    points = np.array([MNI_MM[name] for name in NAMES])
    carried = points @ warp.affine_mm[:3, :3].T + warp.affine_mm[:3, 3]
    opposite = carried[[1, 0, 3, 2]]
    moved = [_along(scalp, point, point - other) for point, other in zip(carried, opposite, strict=True)]
    return _of(moved, "registration to MNI152 (brain only)").onto(scalp)


def _along(scalp: Scalp, point: NDArray, direction: NDArray) -> NDArray[np.float64]:
    """Where a line through a point crosses the scalp nearest to it; the point itself if nowhere."""
    unit = direction / np.linalg.norm(direction)
    a, b, c = (scalp.points_mm[scalp.triangles[:, i]] for i in range(3))
    u, v, q = b - a, c - a, point - a
    across = np.cross(unit, v)
    det = (u * across).sum(1)
    det = np.where(np.abs(det) < 1e-12, np.inf, det)
    s, turned = (q * across).sum(1) / det, np.cross(q, u)
    t = (turned @ unit) / det
    hit = (s >= 0) & (t >= 0) & (s + t <= 1) & np.isfinite(det)
    if not hit.any():
        return point
    lengths = ((turned * v).sum(1) / det)[hit]
    nearest: NDArray[np.float64] = point + lengths[np.abs(lengths).argmin()] * unit
    return nearest


def fiducials_of(positions: ScalpPositions) -> dict[str, NDArray[np.float64]]:
    """Fiducials among named positions, (3,) mm by name of ``NAMES``: those of their kind, else by name.

    Examples
    --------
    >>> import numpy as np
    >>> from atlases.scalp_positions import ScalpPositions
    >>> cap = ScalpPositions(("C3", "Nz"), ("Electrode", "Fiducial"), np.array([[-68.0, -11, 61], [0, 83, -43]]))
    >>> {name: point.tolist() for name, point in fiducials_of(cap).items()}
    {'nasion': [0.0, 83.0, -43.0]}
    """
    found: dict[str, NDArray[np.float64]] = {}
    for kind_matters in (False, True):  # the last word is with points of kind Fiducial
        for name, kind, point in zip(positions.names, positions.kinds, positions.points_mm, strict=True):
            mark = fiducial_named(name)
            if mark and (kind == FIDUCIAL or not kind_matters):
                found[mark] = point
    return found


def fiducial_named(name: str) -> str | None:
    """Which fiducial a name means in files of electrodes, if any.

    Examples
    --------
    >>> fiducial_named("Nz"), fiducial_named("T9")
    ('nasion', None)
    """
    return next((mark for mark, words in ALIASES.items() if name.lower() in words), None)


def given_fiducials(points_mm: Mapping[str, ArrayLike], source: str = "given") -> Fiducials:
    """Fiducials by name.

    Raises
    ------
    InputError
        If one is missing.
    """
    missing = [name for name in NAMES if name not in points_mm]
    if missing:
        raise InputError(f"the fiducials lack {', '.join(missing)}: give all of {', '.join(NAMES)}")
    return _of([np.asarray(points_mm[name], float) for name in NAMES], source)
