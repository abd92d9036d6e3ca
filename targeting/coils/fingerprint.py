"""A coil's fingerprint: a hash of all that a search and a solve see of it.

Numbers are rounded to a millionth of the largest of their array, so that the last bits, which differ between machines
for windings that are fitted (:mod:`~targeting.coils.windings`), do not make another coil of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from targeting.coils.coil import Coil

STEPS = 1e6  # of an array's largest number


@lru_cache(maxsize=8)
def fingerprint(coil: Coil) -> str:
    """SHA-256 of a coil's sources, casing, rated maximum and current direction, in hexadecimal.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from targeting import Coil
    >>> coil = Coil.named("figure8-70mm")
    >>> weaker = replace(coil, max_didt_a_per_s=1e8)
    >>> fingerprint(coil) == fingerprint(replace(coil, source="the same")), fingerprint(coil) == fingerprint(weaker)
    (True, False)
    """
    found = hashlib.sha256(repr((coil.max_didt_a_per_s, coil.current_direction_y)).encode())
    for part in (*coil.sources, coil.casing):
        found.update(type(part).__name__.encode())
        for each in fields(part):
            value = getattr(part, each.name)
            found.update(_rounded(value) if isinstance(value, np.ndarray) else repr(value).encode())
    return found.hexdigest()


def _rounded(values: NDArray) -> bytes:
    if values.dtype.kind != "f":
        return repr(values.shape).encode() + values.astype(np.int64).tobytes()
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    whole = np.rint(values * (STEPS / largest)).astype(np.int32)
    return repr((values.shape, f"{largest:.6e}")).encode() + whole.tobytes()
