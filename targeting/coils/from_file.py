"""A coil as its file describes it: what all formats do in the same way once a file's numbers are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from targeting.coils.casing import casing_around
from targeting.coils.coil import Casing, Coil
from targeting.coils.fields import current_direction_y
from targeting.coils.gate import check_sources
from targeting.coils.sources import Source


def coil_of_file(
    path: Path,
    name: str,
    sources: tuple[Source, ...],
    mm_per_unit: float,
    max_didt_a_per_s: float | None,
    casing: Casing | None = None,
    rated_on: str = "",
) -> Coil:
    """The coil, once it has passed the gate; a file without a casing gets one drawn round its sources.

    Parameters
    ----------
    path : path
    name : str
    sources : tuple of MagneticDipoles, CurrentElements, PotentialGrid
        In the coil frame, mm.
    mm_per_unit : float
        Of the unit that the file's positions were read as.
    max_didt_a_per_s : float or None
        As :func:`~targeting.coils.gate.checked_rating` gives it.
    casing : Casing, optional
        The file's own.
    rated_on : str
        The stimulator of the rating.

    Raises
    ------
    InputError
        If it cannot be a coil (:mod:`targeting.coils.gate`).
    """
    with np.errstate(over="ignore", invalid="ignore"):  # numbers beyond all measure are refused, too
        check_sources(path.name, sources, mm_per_unit, casing)
    drawn, note = (casing, "the file's casing") if casing is not None else casing_around(sources)
    return Coil(
        name=name,
        sources=sources,
        casing=drawn,
        max_didt_a_per_s=max_didt_a_per_s,
        current_direction_y=current_direction_y(sources),
        source=path.name,
        casing_note=note,
        rated_on=rated_on,
        rating_source=f"stated in {path.name}" if max_didt_a_per_s is not None else "",
    )
