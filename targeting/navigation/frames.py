"""A coil's pose as a navigator streams it: a bare 4 × 4 matrix in the navigator's own coil frame and world.

With M the matrix sent, W from its world to RAS mm of the T1 and C from its coil frame to ours, P = W · M · C.  W and C are
those of the vendor's file format, whose module has their source.  Softaxic is left out: what its axes mean is only known
from a further point that its files hold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.choices import one_of
from targeting.navigation import brainsight, localite
from targeting.navigation.rigid import rigid_pose
from targeting.pose import Pose

SAME = np.eye(4)
# frame → (world to RAS mm of the T1, multiplied from the left; the vendor's coil frame to ours, from the right)
FRAMES: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {
    "ras": (SAME, SAME),
    "brainsight": (SAME, brainsight.FLIP),
    "localite": (localite.WORLD_TO_RAS["RAS"], localite.TURN),
    "localite-lps": (localite.WORLD_TO_RAS["LPS"], localite.TURN),  # the T1 was loaded from DICOM
    "visor2": (SAME, SAME),
}


def pose_in(frame: str, matrix_mm: ArrayLike, name: str = "pose", from_what: str = "live pose") -> Pose:
    """The pose that a matrix of a navigator's means.

    Parameters
    ----------
    frame : str
        A key of ``FRAMES``: "ras" (this project's own), "brainsight", "localite", "localite-lps" or "visor2".
    matrix_mm : (4, 4) array
        The navigator's coil → its world, mm.
    name, from_what : str
        For messages.

    Raises
    ------
    InputError
        If the frame is not known, or the matrix is not finite, rigid and right-handed.

    Examples
    --------
    >>> import numpy as np
    >>> from targeting.navigation.frames import pose_in
    >>> over_vertex = np.diag([-1.0, -1.0, 1.0, 1.0])  # Brainsight's z points out of the head
    >>> pose_in("brainsight", over_vertex).direction_mm.tolist()
    [0.0, 0.0, -1.0]
    """
    to_ras, to_coil = FRAMES[one_of(frame, FRAMES, "frame")]
    return rigid_pose(to_ras @ np.asarray(matrix_mm, dtype=np.float64) @ to_coil, name, from_what)
