"""A coil pose: where the coil is and how it is turned, as a rigid 4 × 4 matrix coil → world in millimetres.

World is RAS mm of the subject's T1.  The coil's axes are **+z into the head, +y away from the handle, x = y × z**
(right-handed), the usual frame of the field, so that poses travel between programs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError

RIGID_TOLERANCE = 1e-3  # navigators write four decimals


@dataclass(frozen=True, eq=False)
class Pose:
    """A rigid coil placement.

    Parameters
    ----------
    matrix_mm : (4, 4) float64
        Coil → world (RAS mm of the T1).
    name : str
        What a navigator shows.

    Raises
    ------
    InputError
        If the matrix is not rigid (sheared, scaled, mirrored) or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from targeting import Pose
    >>> Pose(np.diag([-1.0, 1.0, -1.0, 1.0])).direction_mm.tolist()
    [0.0, 0.0, -1.0]
    """

    matrix_mm: NDArray[np.float64]
    name: str = "pose"

    def __post_init__(self) -> None:
        m = np.array(self.matrix_mm, dtype=np.float64)
        if m.shape != (4, 4) or not np.isfinite(m).all():
            raise InputError(f"a coil pose is a finite 4 × 4 matrix, not shape {m.shape}: check the pose")
        rotation = m[:3, :3]
        if np.abs(rotation.T @ rotation - np.eye(3)).max() > RIGID_TOLERANCE or np.linalg.det(rotation) < 0:
            raise InputError("a coil pose must be rigid and right-handed; this one is sheared, scaled or mirrored")
        if np.abs(m[3] - [0, 0, 0, 1]).max() > 1e-9:
            raise InputError("a coil pose's last row must be 0 0 0 1")
        m.flags.writeable = False
        object.__setattr__(self, "matrix_mm", m)

    @property
    def center_mm(self) -> NDArray[np.float64]:
        """The coil's origin (centre of the casing's face to the head), (3,)."""
        return self.matrix_mm[:3, 3]

    @property
    def direction_mm(self) -> NDArray[np.float64]:
        """Unit vector into the head (+z), (3,)."""
        return self.matrix_mm[:3, 2]

    @property
    def away_from_handle_mm(self) -> NDArray[np.float64]:
        """Unit vector away from the handle (+y), (3,)."""
        return self.matrix_mm[:3, 1]

    def inverse_mm(self) -> NDArray[np.float64]:
        """World → coil, (4, 4)."""
        inverse = np.eye(4)
        inverse[:3, :3] = self.matrix_mm[:3, :3].T
        inverse[:3, 3] = -inverse[:3, :3] @ self.matrix_mm[:3, 3]
        return inverse


def as_matrices(poses: ArrayLike | Pose) -> NDArray[np.float64]:
    """One pose or many as an (n, 4, 4) array, each checked to be finite."""
    matrices = np.asarray(poses.matrix_mm if isinstance(poses, Pose) else poses, dtype=np.float64)
    matrices = matrices[None] if matrices.ndim == 2 else matrices
    if matrices.ndim != 3 or matrices.shape[1:] != (4, 4) or not np.isfinite(matrices).all():
        raise InputError(f"coil poses must be finite and (n, 4, 4), not {matrices.shape}")
    return matrices
