r"""Allowed orientations of a coil: its handle away from the face, and its current the way the target needs it.

A search by the size of the field cannot tell an angle from its opposite, and hardly one angle from another over the crown of
a gyrus.  What it may choose from is an :class:`Orientation`: every angle ("free"), the angles within ``REACH_DEG`` of a
current straight across the fold ("fold"), or one angle of the handle to the midline ("midline").

The handle of a coil that can be held both ways points away from the face, whatever the sign of its file: which way the
current then runs in the *effective phase* of the pulse follows from the stimulator's current setting (:class:`Drive`), which
the search chooses where it is free to, and never from a handle that is turned over.

*The fold on one head* is believed only where it is near the published one.  The walls round a target may be those of the
wrong fold, or torn.  Published optima over the motor cortex scatter by 13.7° (standard deviation; Balslev 2007, J Neurosci
Methods 162:309): a fold whose handle would be farther than ``BELIEVED_DEG`` from the target's usual angle to the midline is
not believed, nor is a handle farther from it chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from atlases import Target
from meshes.cortical_surface import Cortex
from targeting.coils.coil import Coil
from targeting.coils.fields import vector_potential
from targeting.stimulators.pulse import NORMAL, REVERSE
from targeting.tms.angle import DIRECTION, FOLD, FREE, MIDLINE
from targeting.tms.direction import fold_at
from targeting.tms.placement import reference_directions, rotations

REACH_DEG = 20.0  # either side of straight across the fold: motor responses fall off beyond (Balslev 2007: SD 13.7°)
# The face lies forward and below of wherever a coil stands.  A handle that points to neither side of it, as one to the left
# or right does, is taken outwards rather than across the head.
FACE = np.array([0.0, 3.0, -1.0]) / np.sqrt(10.0)
OUTWARDS = 0.2
RING_SLACK_DEG = 2.5  # a ring's field turns as it is moved, in steps of the search
SAME_FIELD = (
    0.2  # of two fields that count as one coil's held both ways: measured coils are some per cent from symmetric
)
BELIEVED_DEG = 30.0  # about two standard deviations
FORWARD_AND_MEDIAL = {"left": (1.0, 1.0, 0.0), "right": (-1.0, 1.0, 0.0)}  # where nothing is published of a target
USUAL_DEG = 45.0


@dataclass(frozen=True)
class Drive:
    """How the stimulator drives a coil.

    Parameters
    ----------
    phase_sign : int
        Sign of dI/dt in the effective phase, in the stimulator's normal setting and in the sense of the coil's file: 1 if
        the first phase excites, −1 if the second.
    current : {"normal", "reverse"}, optional
        The stimulator's current setting; None: whichever makes the effective current run as it is wanted.
    """

    phase_sign: int = 1
    current: str | None = None

    def sign_of(self, current: str) -> int:
        """Sign of dI/dt in the effective phase in a setting."""
        return self.phase_sign if current == NORMAL else -self.phase_sign

    def current_for(self, sign: int) -> str:
        """The setting whose effective phase has a sign."""
        return NORMAL if sign == self.phase_sign else REVERSE


@dataclass(frozen=True, eq=False)
class Orientation:
    """Which angles of the coil a search may choose from.

    Parameters
    ----------
    rule : {"free", "fold", "midline"}
    side : {"left", "right", ""}
        Of the target: where outwards is.
    across : (3,) float64, optional
        Unit vector, RAS: straight across the fold at the target, where that is known, whatever the rule.
    midline_deg : float, optional
        The handle's angle to the midline, positive outwards ("midline").
    toward : (3,) float64, optional
        Which way along its axis the effective current is wanted, whatever the rule; None: either way.
    reach_deg : float
        How far the angle may be from the rule's.
    why : str
        How the rule came about, in words.
    axis : (3,) float64, optional
        Unit vector, RAS: the middle of the currents that may be ("fold"), by default ``across``.
    """

    rule: str = FREE
    side: str = ""
    across: NDArray[np.float64] | None = None
    midline_deg: float | None = None
    toward: NDArray[np.float64] | None = None
    reach_deg: float = 0.0
    why: str = "the largest dose over all angles"
    axis: NDArray[np.float64] | None = None

    @property
    def name(self) -> str:
        """The rule as the option has it: "midline:45"."""
        return f"{MIDLINE}:{self.midline_deg:g}" if self.rule == MIDLINE else self.rule

    def with_handle_at(self, normal: NDArray[np.float64]) -> Orientation:
        """The same, the handle's end of the axes chosen once, at one normal (3,), so that it is the same all over the head.

        Of the two ends of a fold's axis the handle takes the one away from the face; ``across`` and ``axis`` then point away
        from the handle, whichever way the current is to run.
        """

        def turned(axis: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
            if axis is None or faces_away(-tangent(axis, normal[None]), self.side)[0]:
                return axis
            return -axis

        return replace(self, across=turned(self.across), axis=turned(self.axis))

    def handles(self, normals: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The handle's direction at each scalp normal (n, 3), unit tangents (n, 3); None where every angle may be."""
        middle = self.across if self.axis is None else self.axis
        if self.rule == FOLD and middle is not None:
            return -tangent(middle, normals)
        if self.rule == MIDLINE and self.midline_deg is not None:
            return handle_directions(normals, self.midline_deg, self.side)
        return None

    def wanted_current(self, normals: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Which way the effective current is wanted at each normal, unit tangents (n, 3); None if either will do."""
        return None if self.toward is None else tangent(self.toward, normals)

    def centers_deg(self, normals: NDArray[np.float64], current_direction_y: int) -> NDArray[np.float64] | None:
        """The rule's angle at each normal, (n,), as :func:`targeting.tms.placement.rotations` counts them."""
        handles = self.handles(normals)
        if handles is None:
            return None
        current = handles if current_direction_y < 0 else -handles
        ahead, _ = reference_directions(normals)
        left = np.cross(normals, ahead)
        return np.degrees(np.arctan2((current * left).sum(-1), (current * ahead).sum(-1)))

    def clipped_deg(
        self, angles_deg: NDArray[np.float64], normals: NDArray[np.float64], coil: Coil
    ) -> NDArray[np.float64]:
        """Angles (n, a) brought within the reach of the rule's at each normal (n, 3)."""
        centers = self.centers_deg(normals, coil.current_direction_y)
        if centers is None or (self.rule == FOLD and coil.current_direction_y == 0):
            return angles_deg
        away = (angles_deg - centers[:, None] + 180.0) % 360.0 - 180.0
        return centers[:, None] + np.clip(away, -self.reach_deg, self.reach_deg)

    def allows(
        self,
        y_axes: NDArray[np.float64],
        normals: NDArray[np.float64],
        mean_e_v_per_m: NDArray[np.floating],
        coil: Coil,
        slack_deg: float = 1e-6,
    ) -> NDArray[np.bool_]:
        """Which poses may be chosen, (n, a).

        Parameters
        ----------
        y_axes, mean_e_v_per_m : (n, a, 3) float
            Of each pose: the coil's y axis, away from its handle, and the mean field at the target.
        normals : (n, 3) float64
            The scalp's, outwards.
        coil : Coil
        slack_deg : float
            Added to the reach.
        """
        both_ways = held_both_ways(coil)
        allowed = faces_away(-y_axes, self.side) if both_ways else np.ones(y_axes.shape[:-1], bool)
        handles = self.handles(normals)
        if handles is None:
            return allowed
        least = np.cos(np.radians(min(self.reach_deg + slack_deg, 180.0)))
        if self.rule == FOLD and coil.current_direction_y == 0:  # a ring has no axis: its field counts, at any angle
            least = np.cos(np.radians(self.reach_deg + RING_SLACK_DEG))
            e = mean_e_v_per_m - (mean_e_v_per_m * normals[:, None]).sum(-1, keepdims=True) * normals[:, None]
            size = np.maximum(np.linalg.norm(e, axis=-1), 1e-30)
            return allowed & (np.abs((e * handles[:, None]).sum(-1)) / size >= least)
        flat = y_axes - (y_axes * normals[:, None]).sum(-1, keepdims=True) * normals[:, None]
        along = -(flat * handles[:, None]).sum(-1) / np.maximum(np.linalg.norm(flat, axis=-1), 1e-30)
        near = (along if both_ways else np.abs(along)) >= least
        # the rule has said where the handle goes: its reach may cross the line between away and not
        return near if self.rule == MIDLINE or both_ways else allowed & near


def tangent(vector: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """A vector (3,) laid into the planes across normals (n, 3), as unit vectors (n, 3)."""
    flat = vector - (normals @ vector)[:, None] * normals
    return flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-12)


def faces_away(handles: NDArray[np.float64], side: str) -> NDArray[np.bool_]:
    """Whether handles (..., 3) point away from the face."""
    outwards = {"left": -1.0, "right": 1.0}.get(side, 0.0)
    return -(handles @ FACE) + OUTWARDS * outwards * handles[..., 0] >= 0


def ahead_and_outwards(normals: NDArray[np.float64], side: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Along the scalp to the front, and away from the midline, at scalp normals (n, 3): unit tangents (n, 3) each.

    Where the scalp faces forward the way to the front is down, over the face; where it faces backward it is up.
    """
    ahead, superior = reference_directions(normals)
    ahead = np.where((superior & (normals[:, 1] > 0))[:, None], -ahead, ahead)
    left = np.asarray(np.cross(normals, ahead), np.float64)
    return ahead, -left if side == "right" else left


def handle_directions(normals: NDArray[np.float64], handle_deg: float, side: str) -> NDArray[np.float64]:
    """Handles at an angle to the midline, positive outwards, at scalp normals (n, 3): unit tangents (n, 3)."""
    ahead, outwards = ahead_and_outwards(normals, side)
    turn = np.radians(handle_deg)
    return -np.cos(turn) * ahead + np.sin(turn) * outwards


def handle_deg(pose_mm: NDArray[np.float64], side: str) -> float:
    """The handle's angle to the midline, positive outwards, in (−180, 180], of a pose (4, 4).

    Examples
    --------
    A coil on the vertex, its handle back and to the left, for a target on the left:

    >>> import numpy as np
    >>> from targeting.tms.orientation import handle_deg
    >>> y, z = np.array([0.5, 0.5 * 3**0.5, 0]), np.array([0, 0, -1.0])
    >>> pose = np.eye(4)
    >>> pose[:3, :3] = np.stack([np.cross(y, z), y, z], axis=1)
    >>> round(handle_deg(pose, "left")), round(handle_deg(pose, "right"))
    (30, -30)
    """
    normal, handle = -pose_mm[:3, 2], -pose_mm[:3, 1]
    (ahead,), (outwards,) = ahead_and_outwards(normal[None], side)
    deg = float(np.degrees(np.arctan2(handle @ outwards, -(handle @ ahead))))
    return 180.0 if deg <= -180.0 else deg


def handles_of_angles_deg(
    angles_deg: NDArray[np.floating], normal: NDArray[np.float64], current_direction_y: int, side: str
) -> NDArray[np.float64]:
    """The handle's angle to the midline for angles (a,) of a coil's current at one normal (3,), in (−180, 180], (a,).

    Parameters
    ----------
    angles_deg : (a,)
        Of the coil's current.
    normal : (3,)
        Of the scalp.
    current_direction_y : int
        Sign of the current along the coil's y axis.
    side : {"left", "right"}
    """
    axes = rotations(normal[None], np.asarray(angles_deg, np.float64), current_direction_y)[0]
    poses = np.tile(np.eye(4), (len(axes), 1, 1))
    poses[:, :3, :3] = axes
    return np.array([handle_deg(pose, side) for pose in poses])


@lru_cache(maxsize=8)
def held_both_ways(coil: Coil) -> bool:
    """Whether a half turn about its z axis leaves a coil's field or reverses it, so that either end can be the handle's.

    Measured between the wings, 20 and 40 mm below the middle of the face, to ``SAME_FIELD`` of the field.
    """
    across, along = np.arange(-20.0, 21.0, 10.0), np.arange(-60.0, 61.0, 20.0)
    points = np.stack(np.meshgrid(across, along, [20.0, 40.0], indexing="ij"), -1).reshape(-1, 3)
    flip = np.array([-1.0, -1.0, 1.0])
    here, turned = vector_potential(coil, points), vector_potential(coil, points * flip) * flip
    wrong = np.minimum(np.linalg.norm(here - turned), np.linalg.norm(here + turned))
    return bool(wrong < SAME_FIELD * np.linalg.norm(here))


def orientation_of(
    rule: str,
    midline_deg: float | None,
    usual_deg: float | None,
    target: Target,
    cortex: Cortex | None,
    normal: NDArray[np.float64],
) -> Orientation:
    """How the coil may be turned.

    Parameters
    ----------
    rule : {"fold", "midline", "free", "direction"}
    midline_deg : float, optional
        The handle's angle to the midline ("midline").
    usual_deg : float, optional
        The target's published angle; without one every fold is believed, and 45° stands in where there is none.
    target : Target
    cortex : Cortex, optional
        Mid-cortical surfaces; without them there is no fold.
    normal : (3,) float64
        The scalp's outward normal over the target.
    """
    toward = target.current_toward or (FORWARD_AND_MEDIAL[target.side or "left"] if rule == FOLD else None)
    way = None if toward is None else np.array(toward) / np.linalg.norm(toward)
    fold = None
    if cortex is not None:
        ahead = np.array(FORWARD_AND_MEDIAL[target.side or "left"]) if way is None else way
        fold = fold_at(cortex, target.center_mm, normal, ahead)
    across = fold.across if fold is not None and fold.is_clear else None
    if rule == MIDLINE:
        assert midline_deg is not None
        why = f"{midline_deg:g}° to the midline, as asked for"
        return Orientation(MIDLINE, target.side, across, midline_deg, way, 0.0, why)
    if rule != FOLD:
        why = "the dose's own direction" if rule == DIRECTION else "the largest dose over all angles"
        return Orientation(rule, target.side, across, None, way, 0.0, why)
    usual = USUAL_DEG if usual_deg is None else usual_deg
    if across is None:
        why = f"no clear wall of a fold at the target, so {usual:g}° to the midline, as is usual"
        return Orientation(MIDLINE, target.side, None, usual, way, 0.0, why)
    handle = fold_handle_deg(across, normal, target.side)
    if usual_deg is not None and abs(handle - usual_deg) > BELIEVED_DEG:
        why = (
            f"the wall found at the target would turn the handle {handle:.0f}° to the midline, more than {BELIEVED_DEG:g}° "
            f"from the usual {usual_deg:g}°: it is not believed, and the handle is at {usual_deg:g}°"
        )
        return Orientation(MIDLINE, target.side, across, usual_deg, way, 0.0, why)
    low, high = handle - REACH_DEG, handle + REACH_DEG
    if usual_deg is not None:
        low, high = max(low, usual_deg - BELIEVED_DEG), min(high, usual_deg + BELIEVED_DEG)
    middle = (low + high) / 2
    axis = -handle_directions(normal[None], middle, target.side)[0]
    why = (
        f"the current across the fold at the target (handle {handle:.0f}° to the midline), and between {low:.0f}° and "
        f"{high:.0f}° the largest dose"
    )
    return Orientation(FOLD, target.side, across, None, way, (high - low) / 2, why, axis)


def fold_handle_deg(across: NDArray[np.float64], normal: NDArray[np.float64], side: str) -> float:
    """The handle's angle to the midline when the current that runs away from it runs along ``across``."""
    pose = np.eye(4)
    pose[:3, :3] = np.stack([np.cross(across, -normal), across, -normal], axis=1)
    return handle_deg(pose, side)
