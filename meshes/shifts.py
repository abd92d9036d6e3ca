"""Trial shifts: where else something might lie, when it is held against a head."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def cube_of_shifts(steps_mm: ArrayLike) -> NDArray[np.float64]:
    """Every shift whose three components are among the steps, (n³, 3) mm.

    >>> cube_of_shifts([0, 2])[:3].tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 2.0], [0.0, 2.0, 0.0]]
    """
    steps = np.asarray(steps_mm, dtype=np.float64)
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
