"""What lies behind the head as one looks.

Words and marks are drawn over everything.  Those of places on the far side are pale, so that what belongs to the left is
not read on the right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

BEHIND_MM = 15.0  # beyond the head's middle: what is near the middle counts for both sides
PALE = 0.3  # opacity of what is behind


def is_behind(place_mm: ArrayLike, middle_mm: ArrayLike, toward_viewer: ArrayLike) -> bool:
    """Whether a place (3,) lies on the side of the head's middle (3,) that is away from the viewer.

    Parameters
    ----------
    place_mm, middle_mm : (3,) float
        In one frame.
    toward_viewer : (3,) float
        Unit vector in that frame.

    Examples
    --------
    >>> left_mm, from_the_left, from_the_right = (-40.0, 0.0, 50.0), (-1.0, 0.0, 0.0), (1.0, 0.0, 0.0)
    >>> is_behind(left_mm, (0.0, 0.0, 0.0), from_the_left), is_behind(left_mm, (0.0, 0.0, 0.0), from_the_right)
    (False, True)
    """
    away_mm = np.asarray(place_mm, np.float64) - np.asarray(middle_mm, np.float64)
    return bool(away_mm @ np.asarray(toward_viewer, np.float64) < -BEHIND_MM)
