"""What every navigator's file needs: read and write text whole, and turn a matrix of few decimals into a rigid pose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.pose import Pose

SHEAR_TOLERANCE = 5e-3  # of RᵀR − 1; matrices with three decimals reach 1.7e-3
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # left and posterior change sign; multiplied from the left


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
