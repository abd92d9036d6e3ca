"""A coil that is moved over a scalp by hand: where it stands, what it gives there, and the way back.

A *stand* is a point of the scalp, a heading in its tangent plane (where the coil's +y, away from the handle, points) and a
lean, the coil's rotation against the axes (heading × inward, heading, inward) there; it is none for a coil that lies flat.
A move along the scalp carries the heading by the smallest rotation of the normal, from where the move began, so that a coil
brought back has its old heading; a turn is about the normal.  The coil then comes to rest as it does in the search
(``targeting.tms.placement``): pushed out until its casing is the hair's thickness from the scalp, an angled one rocked.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from targeting.live.coil_dose import LiveDose
from targeting.live.protocol import Request
from targeting.plans.tms import Placement
from targeting.subject import Subject
from targeting.tms.placement import allowed, carry, current_angle_deg, settled
from targeting.viewer.surface_rays import Surface
from targeting.words.numbers import number

HAIR_MM = 4.0  # a plan that does not say
SAME_DISTANCE_MM = 0.1
ONE_MOVE_S = 1.0  # small steps of one kind within this are undone together


@dataclass(frozen=True, eq=False)
class Stand:
    """Where a coil stands, and the pose it rests in.

    Parameters
    ----------
    scalp_mm : (3,) float64
        The scalp point under it.
    heading : (3,) float64
        Unit tangent that the coil's +y follows.
    lean : (3, 3) float64
        The coil's axes in those of heading and normal; the identity for a coil that lies flat.
    distance_mm : float
        The casing's distance to the scalp.
    pose : (4, 4) float64
        Coil → world, RAS mm.
    """

    scalp_mm: NDArray[np.float64]
    heading: NDArray[np.float64]
    lean: NDArray[np.float64]
    distance_mm: float
    pose: NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """How a pose differs from the plan's first.

    ``turned_deg`` is about the normal, counter-clockwise seen from outside; ``tilted_deg`` is between the coils' axes.
    """

    moved_mm: float
    turned_deg: float
    tilted_deg: float
    percent_of_plan: float

    def words(self) -> str:
        """The difference in one line, for a status bar.

        Examples
        --------
        >>> from targeting.viewer.coil_on_scalp import Difference
        >>> Difference(12.34, -15.0, 8.0, 93.1).words()
        '12.3 mm from the plan, turned −15.0°, tilted 8.0°, 93.1 % of its dose'
        """
        sign = "+" if self.turned_deg >= 0.05 else ""
        return (
            f"{number(self.moved_mm)} mm from the plan, turned {sign}{number(self.turned_deg)}°, "
            f"tilted {number(self.tilted_deg)}°, {number(self.percent_of_plan)} % of its dose"
        )


def axes_at(normal: NDArray[np.float64], heading: NDArray[np.float64]) -> NDArray[np.float64]:
    """The axes x, y, z (columns) of a coil that lies flat: z into the head, y along the heading, (3, 3)."""
    return np.stack([np.cross(heading, -normal), heading, -normal], axis=1)


def difference(pose: NDArray[np.float64], planned: NDArray[np.float64], percent_of_plan: float) -> Difference:
    """From a planned pose (4, 4) to another."""
    z = planned[:3, 2]
    tilt = np.degrees(np.arccos(np.clip(pose[:3, 2] @ z, -1, 1)))
    brought = carry(pose[:3, 1], pose[:3, 2], z[None])[0] if tilt < 179 else pose[:3, 1]
    # counter-clockwise seen from outside is about −z
    turned = np.degrees(np.arctan2(np.cross(planned[:3, 1], brought) @ -z, brought @ planned[:3, 1]))
    return Difference(float(np.linalg.norm(pose[:3, 3] - planned[:3, 3])), float(turned), float(tilt), percent_of_plan)


class CoilOnScalp:
    """The coil of a plan, moved by hand; every move can be undone.

    Parameters
    ----------
    live : LiveDose
        Plan, scalp, coil and the dose at any pose.
    """

    def __init__(self, live: LiveDose) -> None:
        self.live = live
        self.stands = [self.planned(placement) for placement in live.plan.placements]
        self._past: list[Stand] = []
        self._future: list[Stand] = []
        self._last = ("", 0.0)
        self._start: Stand | None = None
        self.stand = self.stands[0]

    @cached_property
    def surface(self) -> Surface:
        """The scalp as a surface that the mouse can point at."""
        return Surface(self.live.scalp.points_mm, self.live.scalp.triangles)

    @property
    def pose(self) -> NDArray[np.float64]:
        """Coil → world now, (4, 4)."""
        return self.stand.pose

    @property
    def hair_mm(self) -> float:
        """The casing's distance to the scalp that the plan was made with."""
        hair_mm = self.live.plan.search.hair_mm
        return HAIR_MM if hair_mm is None else hair_mm

    @property
    def angle_deg(self) -> tuple[float, str]:
        """The angle of the induced current, as the plan counts it, and what it is measured from."""
        return current_angle_deg(self.pose, self.live.coil.current_direction_y)

    def planned(self, placement: Placement) -> Stand:
        """The stand of one of the plan's placements."""
        return self.standing(np.array(placement.pose), np.array(placement.scalp_mm), placement.distance_mm)

    def standing(self, pose: NDArray[np.float64], scalp_mm: NDArray[np.float64], distance_mm: float) -> Stand:
        """The stand of a pose that is given; the pose itself is kept as it is."""
        normal = self._normal(scalp_mm)
        heading = pose[:3, 1] - normal * (normal @ pose[:3, 1])
        heading /= max(float(np.linalg.norm(heading)), 1e-9)
        lean = axes_at(normal, heading).T @ pose[:3, :3]
        same = abs(distance_mm - self.hair_mm) < SAME_DISTANCE_MM
        return Stand(scalp_mm, heading, lean, self.hair_mm if same else distance_mm, pose)

    def dose(self) -> dict:
        """The dose now, as ``target serve`` answers it, at 1 A/µs."""
        return self.live.answer(Request(self.pose))

    def difference(self, percent_of_plan: float | None = None) -> Difference:
        """The difference from the plan's first placement to here; its share of the dose is computed if not given."""
        share = self.dose()["percent_of_plan"] if percent_of_plan is None else percent_of_plan
        return difference(self.pose, self.stands[0].pose, share)

    @property
    def moved(self) -> bool:
        """Whether the coil is elsewhere than every pose of the plan."""
        return all(np.abs(self.pose - stand.pose).max() > 1e-9 for stand in self.stands)

    # moves

    def move_to(self, scalp_mm: NDArray[np.float64]) -> bool:
        """Move the coil along the scalp to a point of it; false, and nothing happens, where no coil can rest."""
        start = self._start or self.stand
        before, after = self._normal(start.scalp_mm), self._normal(scalp_mm)
        if before @ after < -0.999:
            return False
        return self._rested(replace(start, scalp_mm=scalp_mm, heading=carry(start.heading, before, after[None])[0]))

    def nudge(self, along_mm: NDArray[np.float64]) -> bool:
        """Move the coil along the scalp by a vector (3,), of which only the tangent counts; false where no coil can rest."""
        normal = self._normal(self.stand.scalp_mm)
        step = along_mm - normal * (normal @ along_mm)
        begun = self._begin("nudge")
        if not begun:
            self._start = None  # the heading is carried from the last step
        moved = self.move_to(self.live.scalp.feet(self.stand.scalp_mm + step)[0][0])
        return self._end(moved, begun)

    def turn(self, degrees: float) -> bool:
        """Turn the coil about the scalp's normal, counter-clockwise seen from outside; false where no coil can rest so."""
        begun = self._begin("turn")
        return self._end(self.turn_to(self.stand.heading, degrees), begun)

    def turn_to(self, heading: NDArray[np.float64], degrees: float = 0.0) -> bool:
        """Turn the coil to a heading (3,), of which the tangent counts, and by degrees from there."""
        normal = self._normal(self.stand.scalp_mm)
        tangent = heading - normal * (normal @ heading)
        size = float(np.linalg.norm(tangent))
        if size < 1e-6:
            return False
        tangent /= size
        angle = np.radians(degrees)
        turned = np.cos(angle) * tangent + np.sin(angle) * np.cross(normal, tangent)
        return self._rested(replace(self.stand, heading=turned))

    def grab(self) -> None:
        """Begin a move of many steps, to be undone as one."""
        self._start = self.stand

    def drop(self) -> None:
        """End a move that :meth:`grab` began."""
        if self._start is not None and self._start is not self.stand:
            self._past.append(self._start)
            self._future.clear()
        self._start, self._last = None, ("", 0.0)

    def put(self, stand: Stand) -> None:
        """Put the coil to a stand: a placement, a saved pose."""
        if stand is not self.stand:
            self.grab()
            self.stand = stand
            self.drop()

    def back_to_plan(self) -> None:
        """Put the coil to placement 1."""
        self.put(self.stands[0])

    @property
    def can_undo(self) -> bool:
        """Whether there is a move to undo."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone move."""
        return bool(self._future)

    def undo(self) -> None:
        """Take the last move back."""
        if self._past:
            self._future.append(self.stand)
            self.stand, self._last = self._past.pop(), ("", 0.0)

    def redo(self) -> None:
        """Make the move again that was undone last."""
        if self._future:
            self._past.append(self.stand)
            self.stand, self._last = self._future.pop(), ("", 0.0)

    def _begin(self, kind: str) -> bool:
        """Begin a small step; false if it goes on from the last one, with which it is undone."""
        now = time.monotonic()
        goes_on = bool(self._last[0] == kind and now - self._last[1] < ONE_MOVE_S and self._past)
        self._last = (kind, now)
        self._start = None if goes_on else self.stand
        return not goes_on

    def _end(self, moved: bool, begun: bool) -> bool:
        if moved and begun and self._start is not None:
            self._past.append(self._start)
        if moved:
            self._future.clear()
        elif begun:
            self._last = ("", 0.0)
        self._start = None
        return moved

    def _normal(self, scalp_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.live.scalp.patch_normals(scalp_mm[None])[0]

    def _rested(self, stand: Stand) -> bool:
        scalp, coil = self.live.scalp, self.live.coil
        if scalp.on_cut[scalp.nearest(stand.scalp_mm)]:
            return False
        normal = self._normal(stand.scalp_mm)
        axes = axes_at(normal, stand.heading) @ stand.lean
        poses, reached = settled(scalp, coil, stand.scalp_mm[None], normal[None], axes[None, None], stand.distance_mm)
        if not allowed(reached[0, 0], stand.distance_mm):
            return False
        self.stand = replace(stand, pose=poses[0, 0])
        return True


def live_coil(subject: Subject, coil: str | Path | None = None) -> CoilOnScalp:
    """The coil of a planned subject, ready to be moved without a wait (takes seconds).

    Raises
    ------
    InputError
        If there is no valid plan in the folder, or its coil cannot be had.
    """
    moved = CoilOnScalp(LiveDose.of(subject, coil))
    moved.turn(0.0)  # what is made once is made now
    return CoilOnScalp(moved.live)
