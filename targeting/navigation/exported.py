"""What a plan gives a navigator: each pose with its target, its entry on the scalp and the end of the handle, and the image.

Every writer gets a sequence of poses and what is known of the image.  From a plan the poses are :class:`PlannedPose` and the
image is a :class:`PlanImage`; a window's single pose is a plain :class:`~targeting.pose.Pose`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.world import FRAMES_AGREE_MM, frames_apart_mm
from targeting.navigation.navigators import HeaderEntry
from targeting.navigation.records import Mark, one_line
from targeting.pose import Pose

HANDLE_MM = 100.0  # from the coil's centre to the mark that shows where the handle points


@dataclass(frozen=True, eq=False)
class PlannedPose(Pose):
    """A pose of a plan, with what belongs to it.

    Parameters
    ----------
    target_mm : (3,) float64 or None
        The target's centre in the brain, RAS mm of the T1.
    entry_mm : (3,) float64 or None
        The scalp point under the coil's centre.
    target_name : str
        "m1-hand left".
    coil : str
        The coil's name.
    """

    target_mm: NDArray[np.float64] | None = None
    entry_mm: NDArray[np.float64] | None = None
    target_name: str = ""
    coil: str = ""


def handle_end_mm(pose: Pose) -> NDArray[np.float64]:
    """A point along the handle, ``HANDLE_MM`` from the coil's centre, (3,)."""
    return pose.center_mm - HANDLE_MM * pose.away_from_handle_mm


def marks_of(poses: Sequence[Pose]) -> list[Mark]:
    """The points that go with poses: the target once, and for each pose its entry and the end of its handle."""
    found = []
    targets = {each.target_name: each.target_mm for each in poses if isinstance(each, PlannedPose)}
    found += [Mark(f"target {name}".strip(), point) for name, point in targets.items() if point is not None]
    for pose in poses:
        if isinstance(pose, PlannedPose) and pose.entry_mm is not None:
            found.append(Mark(f"{one_line(pose.name)} entry", pose.entry_mm))
        found.append(Mark(f"{one_line(pose.name)} handle", handle_end_mm(pose)))
    return found


@dataclass(frozen=True, eq=False)
class PlanImage(HeaderEntry):
    """The image that a plan's RAS mm are of, as a navigator loads it.

    Parameters
    ----------
    name : str
        Of its file.
    sha256 : str
    affine_mm : (4, 4) float64
        Voxel index → RAS mm of the plan.
    shape : (3,) int
    qform_mm, sform_mm : (4, 4) float64 or None
        What its header's entries say; None for one whose code is 0.
    """

    name: str = ""
    sha256: str = ""
    affine_mm: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    shape: tuple[int, ...] = (1, 1, 1)
    qform_mm: NDArray[np.float64] | None = None
    sform_mm: NDArray[np.float64] | None = None


def image_of(entry: HeaderEntry | None, title: str) -> PlanImage:
    """The image, for a format that cannot be written without it.

    Raises
    ------
    InputError
        If there is none.
    """
    if not isinstance(entry, PlanImage):
        raise InputError(f"{title} places poses by the T1's grid, and this plan has no T1; plan with the T1")
    return entry


def as_loaded(image: PlanImage, title: str) -> None:
    """Check that a program which takes the sform, or the qform where there is none, sees the plan's world.

    Raises
    ------
    InputError
        If it sees another.
    """
    seen = image.sform_mm if image.sform_mm is not None else image.qform_mm
    if seen is None or frames_apart_mm(seen, image.affine_mm, image.shape) > FRAMES_AGREE_MM:
        raise InputError(
            f"{title} takes the {'sform' if image.sform_mm is not None else 'qform'} of {image.name}, and this plan is by the "
            f"{image.form}, which lies elsewhere; make both entries of the header the same, and plan again"
        )
