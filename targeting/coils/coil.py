"""A TMS coil: its sources of the vector potential A, its casing and its rated maximum.

Coil frame: millimetres, **+z into the head, +y away from the handle, x = y × z**; the origin is the centre of the
casing's face, z = 0 is that face, the windings lie at z < 0.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.brief import brief
from targeting.coils.sources import Source, reversed_source

STEPS = 1e6  # of an array's largest number: a fingerprint's rounding


@dataclass(frozen=True, eq=False)
class Casing:
    """The coil's hull: ``points_mm`` (n, 3) and ``triangles`` (k, 3), coil frame."""

    points_mm: NDArray[np.float64]
    triangles: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Coil:
    """A TMS coil.

    Parameters
    ----------
    name : str
    sources : tuple of MagneticDipoles, CurrentElements, PotentialGrid
        Per ampere of coil current.
    casing : Casing
        Measured, published, or drawn round the windings (``casing_note`` says which).
    max_didt_a_per_s : float or None
        The most it is driven at, on the stimulator ``rated_on``; None if the file does not say.
    current_direction_y : int
        +1 if for dI/dt > 0 the *induced current in the brain* under the centre runs along +y (away from the handle),
        −1 if along −y, 0 if neither dominates (circular coils).  Coil files differ; computed from the sources.
    source : str
        File name or publication.
    rated_on, rating_source : str
        The stimulator that ``max_didt_a_per_s`` is of, and where it is from; "" if not known.

    Examples
    --------
    >>> from targeting.coils import Coil
    >>> coil = Coil.named("figure8-70mm")
    >>> f"{coil.max_didt_a_per_s / 1e6:.1f} A/µs, {len(coil.sources[0].points_mm)} dipoles"
    '114.7 A/µs, 366 dipoles'
    """

    name: str
    sources: tuple[Source, ...]
    casing: Casing
    max_didt_a_per_s: float | None
    current_direction_y: int
    source: str
    casing_note: str = ""
    rated_on: str = ""
    rating_source: str = ""

    __repr__ = brief("name", "sources", "max_didt_a_per_s", "source")

    @classmethod
    def read(cls, path: str | Path) -> Coil:
        r"""Read ``.ccd``, ``.tcd`` or ``.nii.gz``.

        Raises
        ------
        InputError
            If the file is missing, damaged, of another kind, or no coil's (:mod:`targeting.coils.gate`).

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from targeting.coils import Coil
        >>> path = Path(tempfile.mkdtemp()) / "two.ccd"
        >>> _ = path.write_text("# c; dIdtmax=100;\n2\n# wings\n-.04 0 -.008 0 0 .02\n.04 0 -.008 0 0 -.02\n")
        >>> Coil.read(path).max_didt_a_per_s
        100000000.0
        """
        from targeting.coils.files import read_coil

        return read_coil(Path(path))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from targeting.cards.coil import coil_card

        return coil_card(self)

    def write(self, path: str | Path) -> None:
        """Write ``.ccd`` (dipoles only), ``.tcd`` (anything) or ``.nii.gz`` (one sampled field).

        Raises
        ------
        InputError
            If the format is unknown or cannot hold this coil's sources.
        WriteError
            If the file cannot be written.
        """
        from targeting.coils.files import write_coil

        write_coil(self, Path(path))

    def driven(self, sign: int) -> Coil:
        """The coil as its field is in a phase of the pulse: reversed where dI/dt is negative there (sign −1).

        Examples
        --------
        >>> from targeting.coils import Coil
        >>> coil = Coil.named("figure8-70mm")
        >>> coil.driven(-1).current_direction_y, coil.driven(1) is coil
        (-1, True)
        """
        if sign >= 0:
            return self
        sources = tuple(reversed_source(source) for source in self.sources)
        return replace(self, sources=sources, current_direction_y=-self.current_direction_y)

    @classmethod
    def named(cls, name: str) -> Coil:
        """The coil of that name; see ``target coils list``."""
        from targeting.coils.builtin import coil_named

        return coil_named(name)


@lru_cache(maxsize=8)
def fingerprint(coil: Coil) -> str:
    """SHA-256 of all that a search and a solve see of a coil: sources, casing, rated maximum and current direction.

    Numbers are rounded to a millionth of the largest of their array: the last bits of windings that are fitted
    (:mod:`~targeting.coils.builtin`) differ between machines, and must not make another coil of it.

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
