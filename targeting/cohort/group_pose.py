r"""One pose for all: the coil's mean place and handle of some people in MNI152, laid on another person's scalp.

A person's scalp point under the coil goes to MNI152 by the person's own warp, and so does the direction of the handle there:
as the way between the points ``ALONG_MM`` before and behind on the handle's line.  The mean point and the mean direction go
back to another person by that person's warp, to the nearest place of their scalp, where the same coil is set down as the
search sets it down, at the plan's distance of hair.  The dose there is read from the person's own dose map.

Whoever it is laid on is left out of the mean: else their own pose would be part of what it is held against.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from atlases.scalp import Scalp
from atlases.warp import MniWarp
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.cohort.group_plans import Planned
from targeting.cohort.person import Folders
from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.coils.sources import PotentialGrid
from targeting.live.coil_dose import planned_direction
from targeting.planning.tms_stages import load_dose_map
from targeting.plans.gate import planned_coil
from targeting.plans.tms import TmsPlan
from targeting.study.head_stages import load_mesh, load_registration
from targeting.study.tms_request import DEFAULT_HAIR_MM
from targeting.subject import IN_THE_FOLDER, Subject
from targeting.tms.dose_map import DoseMap, RegularGrid, dose_of
from targeting.tms.orientation import tangent
from targeting.tms.placement import allowed, settled

ALONG_MM = 10.0  # half the way along which a handle's direction is taken through a warp: about a coil's own width
MARGIN_MM = 10.0  # round the coil's parts, where the field of the dose map is made
SAME_DOSE = 0.01  # by which a plan's dose and that of its pose in the work folder may differ: else it is another plan's
GONE = "the work folder is gone"
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class MniPose:
    """Where a coil stands and its handle points, in MNI152.

    Parameters
    ----------
    scalp_mm : (3,) float64
        Under the middle of the coil.
    handle : (3,) float64
        Unit vector, from the coil to the end of its handle.
    """

    scalp_mm: NDArray[np.float64]
    handle: NDArray[np.float64]


def mean_pose(poses: Sequence[MniPose]) -> MniPose:
    """The mean place, and the mean direction of the handle.

    Examples
    --------
    >>> left, back = MniPose(np.zeros(3), np.array([-1.0, 0, 0])), MniPose(np.array([2.0, 0, 4]), np.array([0, -1.0, 0]))
    >>> mean_pose([left, back]).scalp_mm.tolist(), mean_pose([left, back]).handle.round(3).tolist()
    ([1.0, 0.0, 2.0], [-0.707, -0.707, 0.0])
    """
    handle = np.mean([each.handle for each in poses], axis=0)
    return MniPose(np.mean([each.scalp_mm for each in poses], axis=0), _unit(handle))


@dataclass(frozen=True, eq=False)
class HeadAtWork:
    """What a person's work folder has for a plan of theirs; each part is read when it is first asked for.

    Every part raises :class:`~meshes.errors.InputError` where it is gone from the folder.

    Parameters
    ----------
    planned : Planned
    folders : Folders
    """

    planned: Planned
    folders: Folders

    @cached_property
    def subject(self) -> Subject:
        """The person's folder, with the plan."""
        person = self.planned.person
        return Subject.named(person, self.folders.work / person).of(self.planned.plan.search.name or IN_THE_FOLDER)

    @cached_property
    def head(self) -> HeadMesh:
        """The mesh."""
        return self._recorded("mesh", load_mesh, "its mesh")

    @cached_property
    def scalp(self) -> Scalp:
        """The mesh's outside."""
        return Scalp.of(self.head)

    @cached_property
    def warp(self) -> MniWarp:
        """Between MNI152 and the person."""
        return self._recorded("register", load_registration, "its registration")

    @cached_property
    def dose_map(self) -> DoseMap:
        """Of the plan's target."""
        return self._recorded("dosemap", load_dose_map, "its dose map")

    @cached_property
    def coil(self) -> Coil:
        """The plan's, as it is driven."""
        return planned_coil(self.subject, self._coil_plan)

    @property
    def depth_mm(self) -> float:
        """From the target's centre to the nearest point of the scalp."""
        center_mm = np.array(self.planned.plan.target.center_mm)
        return float(np.linalg.norm(self.scalp.points_mm[self.scalp.nearest(center_mm)] - center_mm))

    @property
    def own_pose(self) -> NDArray[np.float64]:
        """The plan's best pose, (4, 4)."""
        return np.array(self._coil_plan.placements[0].pose)

    @property
    def mni_pose(self) -> MniPose:
        """The same in MNI152."""
        scalp_mm, handle = np.array(self._coil_plan.placements[0].scalp_mm), -self.own_pose[:3, 1]
        behind, place, before = self.warp.to_mni(_along(scalp_mm, handle))
        return MniPose(place, _unit(before - behind))

    def set_down(self, pose: MniPose) -> NDArray[np.float64]:
        """The coil on this scalp as a pose in MNI152 has it, (4, 4).

        Raises
        ------
        InputError
            If it cannot lie there.
        """
        behind, place, before = self.warp.to_subject(_along(pose.scalp_mm, pose.handle))
        scalp_mm, _ = self.scalp.feet(place)
        normals = self.scalp.patch_normals(scalp_mm)
        y = -tangent(before - behind, normals)
        axes = np.stack([np.cross(y, -normals), y, -normals], axis=-1)[:, None]
        asked_mm = self._coil_plan.search.hair_mm
        hair_mm = DEFAULT_HAIR_MM if asked_mm is None else asked_mm
        poses, distance_mm = settled(self.scalp, self.coil, scalp_mm, normals, axes, hair_mm)
        if not allowed(distance_mm, hair_mm)[0, 0]:
            raise InputError("the coil cannot lie at the common place")
        return poses[0, 0]

    def doses_v_per_m(self, poses: Sequence[NDArray[np.float64]]) -> list[float]:
        """The dose of poses (4, 4) at 1 A/µs, evaluated as the search evaluates it.

        The field of the dose map is made only round the coil's parts in these poses.
        """
        source, matrices = searchable(self.coil), np.stack(poses)
        places = [part.points_mm for part in source.sources if not isinstance(part, PotentialGrid)]
        reach = None
        if len(places) == len(source.sources):  # a sampled field is summed over the map's own nodes
            world_mm = np.concatenate(places) @ matrices[:, :3, :3].transpose(0, 2, 1) + matrices[:, None, :3, 3]
            reach = RegularGrid.covering(world_mm.reshape(-1, 3), MARGIN_MM, self.dose_map.grid.spacing_mm)
        near = replace(self.dose_map, reach=reach)
        unit = planned_direction(self.subject, self.head)
        return [float(each) for each in dose_of(near.mean_e_v_per_m(source, matrices), unit)]

    def own_and_common_v_per_m(self, others: Sequence[MniPose]) -> tuple[float, float]:
        """The dose of the plan's pose, and that of the mean pose of others.

        Raises
        ------
        InputError
            If it cannot be known; the line says why.
        """
        own, common = self.doses_v_per_m([self.own_pose, self.set_down(mean_pose(others))])
        planned = self.planned.dose_v_per_m
        if abs(own - planned) > SAME_DOSE * abs(planned):
            raise InputError("the work folder holds another plan than the derivatives")
        return own, common

    @property
    def _coil_plan(self) -> TmsPlan:
        assert isinstance(self.planned.plan, TmsPlan)
        return self.planned.plan

    def _recorded(self, stage: str, load: Callable[[Path], T], what: str) -> T:
        found = self.subject.recorded(stage, load)
        if found is None:
            raise InputError(f"{what} is gone from the work folder" if self.subject.folder.is_dir() else GONE)
        return found.value


def _along(point_mm: NDArray[np.float64], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """A point between two others on a line through it, (3, 3)."""
    return point_mm + ALONG_MM * np.outer([-1.0, 0.0, 1.0], direction)


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
