"""The content of any navigator's file in one form, and what all formats share to read and write it.

A file holds planned targets and recorded pulses, each with its pose or without one.  A target is a place that a person
marked or planned (Brainsight's targets, Localite's instrument markers); a pulse is a pose recorded in a session (Brainsight's
samples, Localite's trigger markers).  A pulse whose tool was out of the camera's sight has no pose, and stays in the list: how
many there were is part of what a session says.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.pose import Pose

if TYPE_CHECKING:
    from targeting.navigation.visor2 import ImageFingerprint

Kind = Literal["target", "pulse"]
TARGET: Final = "target"
PULSE: Final = "pulse"
SHEAR_TOLERANCE = 5e-3  # of RᵀR − 1; matrices with three decimals reach 1.7e-3
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # left and posterior change sign; multiplied from the left


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


def rigid_pose(matrix_mm: ArrayLike, name: str, from_what: str) -> Pose:
    """The pose nearest to a matrix written with few decimals (the rotation factor of its polar decomposition).

    Parameters
    ----------
    matrix_mm : (4, 4) array
        Coil → RAS mm, in this project's coil frame.
    name : str
        What the navigator calls it.
    from_what : str
        The file or format, for the message.

    Raises
    ------
    InputError
        If the matrix is not finite, is sheared or scaled by more than rounding, or is mirrored.
    """
    matrix = finite(np.array(matrix_mm, dtype=np.float64), name, from_what)
    rotation = matrix[:3, :3]
    shear = np.abs(rotation.T @ rotation - np.eye(3)).max()
    if shear > SHEAR_TOLERANCE:
        raise InputError(
            f"{from_what}: the axes of {name!r} are sheared or scaled (by {shear:.2g}); record or export it again"
        )
    u, _, vt = np.linalg.svd(rotation)
    if np.linalg.det(u @ vt) < 0:
        raise InputError(f"{from_what}: the axes of {name!r} are left-handed; record or export it again")
    matrix[:3, :3] = u @ vt
    matrix[3] = [0, 0, 0, 1]
    return Pose(matrix, name)


def finite(values: NDArray[np.float64], name: str, from_what: str) -> NDArray[np.float64]:
    """The same values, if they are numbers; an InputError if one is infinite or not a number."""
    if not np.isfinite(values).all():
        raise InputError(f"{from_what}: {name!r} holds values that are not finite numbers; record or export it again")
    return values


def one_line(name: str) -> str:
    """A name without tabs, line ends and unprintable characters, which these formats cannot hold."""
    return "".join(each for each in " ".join(name.split()) if each.isprintable())


def read_text(path: str | Path) -> str:
    """The text of a navigator's file (UTF-8).

    Raises
    ------
    InputError
        If the file is missing, empty or not text.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file; give the navigator's export") from error
    if not text.strip():
        raise InputError(f"{path} is empty; export it again")
    return text


def write_text(path: str | Path, text: str) -> None:
    """Write a navigator's file whole, with line feeds, in UTF-8."""
    with written_whole(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))
