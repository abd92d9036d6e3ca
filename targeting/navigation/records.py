"""What any navigator's file holds, in one form: planned targets and recorded pulses, each with its pose or without one.

A target is a place that a person marked or planned (Brainsight's targets, Localite's instrument markers); a pulse is a pose
recorded in a session (Brainsight's samples, Localite's trigger markers).  A pulse whose tool was out of the camera's sight
has no pose, and stays in the list: how many there were is part of what a session says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from targeting.pose import Pose

if TYPE_CHECKING:
    from targeting.navigation.visor2 import ImageFingerprint

Kind = Literal["target", "pulse"]
TARGET: Final = "target"
PULSE: Final = "pulse"


@dataclass(frozen=True, eq=False)
class Record:
    """One row of a navigator's file; words the file does not give are empty, numbers NaN.

    Parameters
    ----------
    kind : {"target", "pulse"}
    row : int
        Its number among the file's rows of that kind, from 1.
    name : str
        As the navigator shows it.
    pose : Pose or None
        In the file's world, in this project's coil frame; None: not tracked, or it has no place.
    target : str
        What it was recorded for.
    driver : str
        The tool that was tracked: a coil, or a pointer, or the mouse.
    cause : str
        What made the navigator record it.
    time_s : float
        Since the start of the recording.
    didt_a_per_s : float
        Rate of change of the coil current, as the stimulator reported it.
    amplitude_percent : float
        Percent of the stimulator's maximum output.
    response_uv : float
        Peak-to-peak response of the selected muscle.
    """

    kind: Kind
    row: int
    name: str
    pose: Pose | None
    target: str = ""
    driver: str = ""
    cause: str = ""
    time_s: float = np.nan
    didt_a_per_s: float = np.nan
    amplitude_percent: float = np.nan
    response_uv: float = np.nan


@dataclass(frozen=True, eq=False)
class Session:
    """All that a file holds, and what it says of its world.

    Parameters
    ----------
    records : tuple of Record
        In the file's order.
    source : str
        The file, for messages.
    system : str
        Brainsight's name of the coordinate system; empty: RAS mm of the T1 that the navigator had.
    image : ImageFingerprint or None
        Of the image its poses belong to, where it has one (visor2).
    """

    records: tuple[Record, ...]
    source: str
    system: str = ""
    image: ImageFingerprint | None = None

    @property
    def targets(self) -> list[Record]:
        """The planned ones."""
        return [each for each in self.records if each.kind == TARGET]

    @property
    def pulses(self) -> list[Record]:
        """The recorded ones, tracked or not."""
        return [each for each in self.records if each.kind == PULSE]


def no_pose(matrix_mm: NDArray[np.float64]) -> bool:
    """Whether a recorded (4, 4) matrix is what stands for a tool that was not seen.

    Localite writes the identity; others leave zeros or NaN.  No coil is exactly at the origin, which is inside the image.
    """
    return not np.isfinite(matrix_mm).all() or not matrix_mm[:3, 3].any() or not matrix_mm[:3, :3].any()
