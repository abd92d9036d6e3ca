"""Poses that can be, their fields, and what they are worth: by the dose, or by another objective."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlases.scalp import Scalp
from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.tms.dose_map import DoseMap, dose_of
from targeting.tms.objectives import Objective
from targeting.tms.orientation import Orientation
from targeting.tms.placement import allowed, current_angle_deg, place, push_out, turn

TILT_STEP_DEG = 5.0
EXTRA_STEPS = 4


@dataclass(frozen=True, eq=False)
class JudgedPoses:
    """n poses that can be: where each stands, and its field and worth."""

    scalp_mm: NDArray[np.float64]  # (n, 3)
    poses: NDArray[np.float64]  # (n, 4, 4)
    distance_mm: NDArray[np.float64]  # (n,)
    mean_e_v_per_m: NDArray[np.float64]  # (n, 3)
    worth: NDArray[np.float64]  # (n,)

    @classmethod
    def joined(cls, parts: list[JudgedPoses]) -> JudgedPoses:
        """All of several, in their order."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))

    def kept(self, which: ArrayLike) -> JudgedPoses:
        """Some of them, by number or by a mask."""
        return JudgedPoses(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    def best(self, count: int, distance_mm: float) -> JudgedPoses:
        """The best, each at least a distance along the scalp from those before it."""
        return self.kept(apart(self.scalp_mm, self.worth, count, distance_mm))

    def angles_deg(self, current_direction_y: int) -> NDArray[np.float64]:
        """Of the induced current, (n,)."""
        return np.array([current_angle_deg(pose, current_direction_y)[0] for pose in self.poses])


@dataclass(frozen=True, eq=False)
class Judge:
    """One coil on one head for one target.

    ``best_v_per_m`` is the largest dose there is, which an objective wants to know; ``unit`` (3,) the direction of the
    dose, or None.  ``orientation`` says how the coil may be turned.
    """

    scalp: Scalp
    coil: Coil
    dose_map: DoseMap
    hair_mm: float
    didt_a_per_s: float
    unit: NDArray[np.float64] | None
    objective: Objective | None
    best_v_per_m: float
    orientation: Orientation = field(default_factory=Orientation)

    @cached_property
    def source(self) -> Coil:
        """The coil with all its parts, as the dose map takes it."""
        return searchable(self.coil)

    def judged(
        self,
        scalp_mm: NDArray,
        poses: NDArray,
        distance_mm: NDArray,
        wanted_mm: float | NDArray,
        normals: NDArray | None = None,
    ) -> JudgedPoses:
        """Of poses (n, 4, 4) with the distances they reached those that can be, and what they are worth.

        With the scalp's ``normals`` (n, 3) only those that are turned as the orientation wants them.
        """
        can = np.flatnonzero(allowed(distance_mm, wanted_mm))
        e = self.dose_map.mean_e_v_per_m(self.source, poses[can], self.didt_a_per_s)
        if normals is not None:
            y = poses[can][:, None, :3, 1]
            turned = self.orientation.allows(y, normals[can], e[:, None], self.coil)[:, 0]
            can, e = can[turned], e[turned]
        poses = poses[can]
        if self.objective is None:
            worth = dose_of(e, self.unit)
        else:
            worth = np.full(len(poses), -np.inf)
            good = self.objective.considered(e, self.best_v_per_m)
            worth[good] = self.objective.score(self.source, poses[good], e[good], self.didt_a_per_s)
        return JudgedPoses(scalp_mm[can], poses, distance_mm[can], e, worth)

    def at(self, points_mm: NDArray, angles_deg: NDArray) -> JudgedPoses:
        """Every point (p, 3) at every angle (a,), or at its own (p, a), as far as the orientation allows them."""
        normals = self.scalp.patch_normals(points_mm)
        every = np.broadcast_to(angles_deg, (len(points_mm), np.shape(angles_deg)[-1]))
        asked = self.orientation.clipped_deg(every, normals, self.coil)
        poses, distance = place(self.scalp, self.coil, points_mm, asked, self.hair_mm)
        where, facing = (np.repeat(each, poses.shape[1], axis=0) for each in (points_mm, normals))
        return self.judged(where, poses.reshape(-1, 4, 4), distance.ravel(), self.hair_mm, facing)

    def leaning(self, few: JudgedPoses, tilt_deg: float, extra_mm: float) -> tuple[JudgedPoses, int]:
        """A few poses tilted about both axes and farther off, all of both; and how many were tried."""
        reach = np.floor(tilt_deg / TILT_STEP_DEG)
        lean = np.radians(np.arange(-reach, reach + 1) * TILT_STEP_DEG)
        about_x, about_y = (each.ravel() for each in np.meshgrid(lean, lean))
        tilts = turn(0, about_x) @ turn(1, about_y)
        distances = self.hair_mm + np.linspace(0.0, extra_mm, EXTRA_STEPS) if extra_mm else np.array([self.hair_mm])
        normals = self.scalp.patch_normals(few.scalp_mm)
        axes = few.poses[:, None, :3, :3] @ tilts
        points = np.repeat(few.scalp_mm, len(tilts), axis=0)
        found = []
        for wanted in distances:
            poses, reached = push_out(self.scalp, self.coil, few.scalp_mm, normals, axes, float(wanted))
            found.append(self.judged(points, poses.reshape(-1, 4, 4), reached.ravel(), float(wanted)))
        return JudgedPoses.joined(found), len(points) * len(distances)


def apart(points_mm: NDArray, worth: NDArray, count: int, distance_mm: float) -> list[int]:
    """The points (n, 3) worth most, each at least a distance from those before it; −inf is worth nothing."""
    chosen: list[int] = []
    for p in np.argsort(-worth, kind="stable"):
        if len(chosen) == count or worth[p] == -np.inf:
            break
        if not chosen or np.linalg.norm(points_mm[p] - points_mm[chosen], axis=1).min() >= distance_mm:
            chosen.append(int(p))
    return chosen
