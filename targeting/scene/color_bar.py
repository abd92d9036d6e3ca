"""The colour scale of a page: one bar beside the 3D scene and beside pictures that have none in themselves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.colors import to_hex

from targeting.scene.colors import WORDS, color_scale, limits
from targeting.words.numbers import three_digits

RAMP_STOPS = 12


class ColorBar(NamedTuple):
    """A colour scale: what is coloured, the numbers at its ends and middle, and its colours from low to high."""

    words: str
    ends: list[str]
    stops: list[str]

    @classmethod
    def of(cls, scalars: str, top_v_per_m: float, unit: str) -> ColorBar:
        """The bar of "magnE" or "normalE" up to ``top_v_per_m``; ``unit`` says what the field is for, too: "V/m at 1 A/µs".

        Examples
        --------
        >>> ColorBar.of("magnE", 1.4, "V/m at 1 A/µs")[:2]
        ('|E| in V/m at 1 A/µs', ['0', '0.700', '1.40'])
        """
        low, high = limits(scalars, top_v_per_m)
        scale = color_scale(scalars)
        return cls(
            f"{WORDS[scalars]} in {unit}",
            [three_digits(value) if value else "0" for value in (low, (low + high) / 2, high)],
            [to_hex(scale(share)) for share in np.linspace(0, 1, RAMP_STOPS)],
        )
