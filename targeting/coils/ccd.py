"""``.ccd``: a coil as magnetic dipoles, in text.

First line a comment.  Its new form carries ``key=value`` pairs divided by ``;`` (``dIdtmax`` in A/µs, ``brand``,
``stimulator``, ``coilname``); the older form names the file only.  Second line the number of dipoles N, third line a
comment, then N rows ``x y z mx my mz``: metres, and A·m² per ampere of coil current.  z ≤ 0 is the coil, its casing's
face lies at z = 0.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.coils.casing import casing_around
from targeting.coils.coil import Coil
from targeting.coils.fields import current_direction_y
from targeting.coils.sources import MagneticDipoles

A_PER_US = 1e6  # A/s


def read_ccd(path: Path) -> Coil:
    """Read a ``.ccd`` file.

    Raises
    ------
    InputError
        If the file is not such a file, or is cut short.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not a .ccd coil file (not text): check the file") from error
    rows = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    header = "".join(line for line in lines[:1] if line.lstrip().startswith("#"))
    try:
        expected = int(rows[0])
        table = np.array([[float(word) for word in row.split()] for row in rows[1:]])
    except (ValueError, IndexError) as error:
        raise InputError(f"{path.name} is not a .ccd coil file or is damaged: fetch it again") from error
    if expected < 1 or table.shape != (expected, 6) or not np.isfinite(table).all():
        raise InputError(
            f"{path.name} promises {expected} dipoles of six finite numbers, it has {len(table)} rows: fetch it again"
        )
    facts = dict(re.findall(r"(\w+)\s*=\s*([^;\n]+)", header))
    sources = (MagneticDipoles(table[:, :3] * 1e3, table[:, 3:]),)
    casing, note = casing_around(sources)
    return Coil(
        name=" ".join(filter(None, [facts.get("brand", "").strip(), facts.get("coilname", path.stem).strip()])),
        sources=sources,
        casing=casing,
        max_didt_a_per_s=_max_didt(facts.get("dIdtmax"), path),
        current_direction_y=current_direction_y(sources),
        source=path.name,
        casing_note=note,
        rated_on=facts.get("stimulator", "").strip(),
        rating_source=f"stated in {path.name}" if "dIdtmax" in facts else "",
    )


def write_ccd(coil: Coil, path: Path) -> None:
    """Write a coil made of dipoles as ``.ccd``; other sources cannot be said in this format."""
    if not all(isinstance(source, MagneticDipoles) for source in coil.sources):
        raise InputError(
            f"{coil.name} is not made of dipoles only, which is all a .ccd file can hold: write a .tcd file"
        )
    dipoles = [source for source in coil.sources if isinstance(source, MagneticDipoles)]
    points_m = _in_metres(np.concatenate([source.points_mm for source in dipoles]))
    table = np.hstack([points_m, np.concatenate([source.moments_a_m2 for source in dipoles])])
    name, stimulator = (re.sub(r"[;=\n]", " ", words) for words in (coil.name, coil.rated_on))
    limit = f"dIdtmax={coil.max_didt_a_per_s / A_PER_US:.10g};" if coil.max_didt_a_per_s is not None else ""
    limit += f"stimulator={stimulator};" if stimulator else ""
    rows = "\n".join(" ".join(f"{value:.17e}" for value in row) for row in table)
    text = (
        f"# {path.name} version 1.0 number of elements; {limit}coilname={name};\n{len(table)}\n"
        f"# centers and weighted directions of the elements (magnetic dipoles)\n{rows}\n"
    )
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _in_metres(points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metres that, read again and taken to mm, give the very same number wherever there are such metres."""
    points_m = points_mm / 1e3
    for neighbour in (np.nextafter(points_m, -np.inf), np.nextafter(points_m, np.inf)):
        points_m = np.where((points_m * 1e3 != points_mm) & (neighbour * 1e3 == points_mm), neighbour, points_m)
    return points_m


def _max_didt(value: str | None, path: Path) -> float | None:
    if value is None:
        return None
    try:
        limit = float(value) * A_PER_US
    except ValueError as error:
        raise InputError(f"{path.name}: dIdtmax is {value!r}, not a number of A/µs: correct the first line") from error
    return limit if np.isfinite(limit) and limit > 0 else None
