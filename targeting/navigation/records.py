"""The content of any navigator's file in one form, and what all formats share to read and write it.

A file holds planned targets and recorded pulses, each with its pose or without one.  A target is a place that a person
marked or planned (Brainsight's targets, Localite's instrument markers); a pulse is a pose recorded in a session (Brainsight's
samples, Localite's trigger markers).  A pulse whose tool was out of the camera's sight has no pose, and stays in the list: how
many there were is part of what a session says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
MNI, INVESALIUS, NEXSTIM = "MNI152", "InVesalius's own", "Nexstim's MRI"
NEED_AN_IMAGE = (MNI, INVESALIUS, NEXSTIM)  # worlds that only the subject's T1, or its map to MNI152, turns into RAS mm
SHEAR_TOLERANCE = 5e-3  # of RᵀR − 1; matrices with three decimals reach 1.7e-3
MISSING = ("", "(null)", "nan", "n/a", "none")  # how formats write that there is no value
LAST_ROW_TOLERANCE = 1e-6
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
    session : str
        The session or block it was recorded in.
    when : str
        Date and time on the navigator's clock (ISO 8601, no zone).
    responses_uv : tuple of float
        Peak-to-peak responses of all muscles, in the order of the file's channels.
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
    session: str = ""
    when: str = ""
    responses_uv: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Mark:
    """A named point without axes: a target in the brain, an entry on the scalp, where the handle ends; (3,) mm."""

    name: str
    point_mm: NDArray[np.float64]


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
        The world of its poses: Brainsight's name of a coordinate system, or one of :data:`NEED_AN_IMAGE`; empty: RAS mm of
        the T1 that the navigator had.
    image : ImageFingerprint or None
        Of the image its poses belong to, where it has one (visor2).
    image_sha256 : str
        The hash of that image's file, where the file names it.
    marks : tuple of Mark
        Points without axes, in the file's world.
    remarks : tuple of str
        What a person must know of these poses: how sure their frame is, say.
    """

    records: tuple[Record, ...]
    source: str
    system: str = ""
    image: ImageFingerprint | None = None
    image_sha256: str = ""
    marks: tuple[Mark, ...] = ()
    remarks: tuple[str, ...] = ()

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
        If the matrix is not finite, is sheared or scaled by more than rounding, is mirrored, or is none of a pose.
    """
    matrix = finite(np.array(matrix_mm, dtype=np.float64), name, from_what)
    if np.abs(matrix[3] - [0, 0, 0, 1]).max() > LAST_ROW_TOLERANCE:
        raise InputError(
            f"{from_what}: the last row of {name!r} is not 0 0 0 1, so it is no pose; record or export it again"
        )
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


def number(text: str | None, name: str, source: str) -> float:
    """A cell's number; NaN where there is none.

    Raises
    ------
    InputError
        If it is a word, or has a decimal comma: who wrote that may have meant thousands.
    """
    cell = (text or "").strip()
    if cell.lower() in MISSING:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        why = "; save it with decimal points, not commas" if "," in cell else " where a number should be"
        raise InputError(f"{source}: {name!r} holds {cell[:30]!r}{why}") from None


def seconds_apart(later: str, first: str) -> float:
    """Seconds from one ISO time to another; NaN where one is empty."""
    if not later or not first:
        return float("nan")
    return (datetime.fromisoformat(later) - datetime.fromisoformat(first)).total_seconds()


def one_line(name: str) -> str:
    """A name without tabs, line ends and unprintable characters, which these formats cannot hold."""
    return "".join(each for each in " ".join(name.split()) if each.isprintable())


def read_text(path: str | Path) -> str:
    """The text of a navigator's file (UTF-8, or UTF-16 that says so), with line feeds whichever line ends it has.

    Raises
    ------
    InputError
        If the file is missing, empty or not text.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        wide = (content[:2], content[3:4]) == (b"\xff\xfe", b"\0") or content[:3] == b"\xfe\xff\0"
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file; give the navigator's export") from error
    if not text.strip():
        raise InputError(f"{path} is empty; export it again")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a navigator's file whole, with line feeds, in UTF-8."""
    with written_whole(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))
