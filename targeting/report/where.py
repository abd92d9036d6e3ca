"""Where on the scalp a point lies, in the words of those who place coils: beside the nearest 10-10 position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from targeting.words.numbers import number

if TYPE_CHECKING:
    from atlases.scalp_positions import ScalpPositions

AT_MM = 3.0  # nearer than this a point is at the position: caps are not put on more exactly
NEIGHBOURS_MM = 75.0  # from a position to the next of the 10-10 system: 30 to 45 mm on an adult's head


def near_words(point_mm: ArrayLike, positions: ScalpPositions) -> str:
    """The nearest electrode position, how far it is, straight, and which other position that is towards.

    Examples
    --------
    >>> import numpy as np
    >>> from atlases.scalp_positions import ScalpPositions
    >>> left = np.array([[-38.0, -9, 86], [-68, -11, 61], [-74, 17, 24]])
    >>> cap = ScalpPositions(("C1", "C3", "FC5"), ("Electrode",) * 3, left)
    >>> near_words([-48.0, -14.0, 83.0], cap), near_words([-67.0, -11.0, 62.0], cap)
    ('12 mm from C1, towards C3', 'at C3')
    """
    from atlases.scalp_positions import ELECTRODE

    electrodes = positions.of_kind(ELECTRODE)
    away = np.asarray(point_mm, dtype=np.float64) - electrodes.points_mm
    nearest = int(np.linalg.norm(away, axis=1).argmin())
    offset, name = away[nearest], electrodes.names[nearest]
    distance = float(np.linalg.norm(offset))
    if distance < AT_MM:
        return f"at {name}"
    others = electrodes.points_mm - electrodes.points_mm[nearest]
    length = np.linalg.norm(others, axis=1)
    towards = np.where((length > 0) & (length < NEIGHBOURS_MM), others @ offset / np.maximum(length, 1e-9), -np.inf)
    said = f"{number(distance, 0)} mm from {name}"
    best = int(towards.argmax())
    return f"{said}, towards {electrodes.names[best]}" if towards[best] > 0 else said
