"""Isotropic conductivity of each tissue, S/m.

The values are the field's usual ones, so that doses can be compared between programs: SimNIBS's default table, whose
documentation names Wagner 2004 (IEEE Trans Biomed Eng 51:1586) for white and grey matter, CSF, bone and scalp, and Opitz
2015 (NeuroImage 109:140) for the eyes.  They are known badly: measurements of the skull differ sevenfold (0.003 to 0.020
S/m), which moves a coil's field little, but a montage's from half to 1.35 times.  Any may be overridden by name.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from meshes.choices import nearest
from meshes.errors import InputError
from meshes.tissue_codes import known_codes

# tissue name -> (codes in mesh files, S/m)
_TABLE: dict[str, tuple[int, float]] = {
    "wm": (1, 0.126),
    "gm": (2, 0.275),
    "csf": (3, 1.654),
    "skull": (4, 0.010),
    "scalp": (5, 0.465),
    "eyes": (6, 0.5),
    "compact_bone": (7, 0.008),
    "spongy_bone": (8, 0.025),
    "blood": (9, 0.6),
    "muscle": (10, 0.16),
    "cartilage": (11, 0.88),
    "fat": (12, 0.078),
}
CONDUCTIVITY_S_PER_M: dict[str, float] = {name: value for name, (_, value) in _TABLE.items()}


def conductivities(overrides: Mapping[str, float] | None = None) -> dict[str, float]:
    """The table with some values replaced, S/m by tissue name.

    Raises
    ------
    InputError
        For an unknown tissue name, or a value outside 0 to 100 S/m.
    """
    table = dict(CONDUCTIVITY_S_PER_M)
    for name, value in (overrides or {}).items():
        if name not in table:
            close = nearest(name, table)
            hint = f"did you mean {close}?" if close else f"known: {', '.join(table)}"
            raise InputError(f"unknown tissue '{name}' in the conductivities; {hint}")
        if not (np.isfinite(value) and 0 < value < 100):
            raise InputError(f"the conductivity of {name} must lie between 0 and 100 S/m, not {value}")
        table[name] = float(value)
    return table


def sigma_per_tet(tissue: NDArray[np.integer], table: Mapping[str, float]) -> NDArray[np.float64]:
    """Conductivity of each tetrahedron, (M,) S/m.

    Raises
    ------
    InputError
        If the mesh holds a tissue code that the table does not know.
    """
    codes = {code: table[name] for name, (code, _) in _TABLE.items()}
    present = np.unique(tissue)
    unknown = [int(code) for code in present if int(code) not in codes]
    if unknown:
        raise InputError(f"the mesh has tissue codes {unknown} without a conductivity; known are {known_codes()}")
    lookup = np.zeros(int(present.max()) + 1)
    for code in present:
        lookup[code] = codes[int(code)]
    return lookup[tissue]


def tissue_names(tissue: NDArray[np.integer]) -> dict[str, int]:
    """The tissues of a mesh: name → code, by ascending code.

    Examples
    --------
    >>> import numpy as np
    >>> from targeting.fem.conductivity import tissue_names
    >>> tissue_names(np.array([2, 1, 1, 5]))
    {'wm': 1, 'gm': 2, 'scalp': 5}
    """
    present = set(np.unique(tissue).tolist())
    return {name: code for name, (code, _) in _TABLE.items() if code in present}
