"""Coil files ``.ccd``: magnetic dipoles, as text.

First line a comment.  Its new form carries ``key=value`` pairs divided by ``;`` (``dIdtmax`` in A/µs, ``brand``,
``stimulator``, ``coilname``); the older form names the file only.  Second line the number of dipoles N, third line a
comment, then N rows ``x y z mx my mz``: metres, and A·m² per ampere of coil current.  z ≤ 0 is the coil, its casing's
face lies at z = 0.

SimNIBS's reader wants just these lines in this order, and splits its first at each ``;`` into a key and a value.  It
takes a value with a full stop for a number and fails on a name like PMD45.2, so such words are written into the third
line, which it skips; here the pairs of all comments are read.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.coils.coil import Coil
from targeting.coils.files import CoilFormat
from targeting.coils.gate import A_PER_US, checked_rating, coil_of_file
from targeting.coils.sources import MagneticDipoles

MM_PER_M = 1e3
NUMBER_TO_OTHERS = re.compile(r"[.,]|^\d+$|^none$")  # a word that SimNIBS would take for a number, a list or nothing


def read_ccd(path: Path) -> Coil:
    """Read a ``.ccd`` file.

    Raises
    ------
    InputError
        If the file is not such a file, is cut short, or cannot be a coil's.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not a .ccd coil file (not text): check the file") from error
    rows = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    try:
        expected = int(rows[0])
        table = np.array([[float(word) for word in row.split()] for row in rows[1:]])
    except (ValueError, IndexError) as error:
        raise InputError(f"{path.name} is not a .ccd coil file or is damaged: fetch it again") from error
    if expected < 1 or table.shape != (expected, 6) or not np.isfinite(table).all():
        raise InputError(
            f"{path.name} promises {expected} dipoles of six finite numbers, it has {len(table)} rows: fetch it again"
        )
    facts = _facts(lines)
    with np.errstate(over="ignore"):
        points_mm = table[:, :3] * MM_PER_M
    return coil_of_file(
        path,
        " ".join(filter(None, [facts.get("brand", ""), facts.get("coilname", path.stem)])),
        (MagneticDipoles(points_mm, table[:, 3:]),),
        MM_PER_M,
        _max_didt(facts.get("dIdtmax"), path),
        rated_on=facts.get("stimulator", ""),
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
    words = {"stimulator": coil.rated_on, "coilname": coil.name}
    words = {key: " ".join(re.sub("[;=#]", " ", value).split()) for key, value in words.items()}
    facts = {} if coil.max_didt_a_per_s is None else {"dIdtmax": f"{coil.max_didt_a_per_s / A_PER_US:.10g}"}
    facts |= {key: value for key, value in words.items() if value and not NUMBER_TO_OTHERS.search(value)}
    set_apart = {key: value for key, value in words.items() if value and key not in facts}
    rows = "\n".join(" ".join(f"{value:.17e}" for value in row) for row in table)
    text = (
        f"# {path.name} version 1.0 number of elements;{_said(facts)}\n{len(table)}\n"
        f"# centers and weighted directions of the elements (magnetic dipoles);{_said(set_apart)}\n{rows}\n"
    )
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _in_metres(points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metres that, read again and taken to mm, give the very same number wherever there are such metres."""
    points_m = points_mm / 1e3
    for neighbour in (np.nextafter(points_m, -np.inf), np.nextafter(points_m, np.inf)):
        points_m = np.where((points_m * 1e3 != points_mm) & (neighbour * 1e3 == points_mm), neighbour, points_m)
    return points_m


def _facts(lines: list[str]) -> dict[str, str]:
    """What the comments say as ``key=value``, without what they say is not known."""
    comments = "\n".join(line for line in lines if line.lstrip().startswith("#"))
    found = {key: value.strip() for key, value in re.findall(r"(\w+)\s*=\s*([^;\n]+)", comments)}
    return {key: value for key, value in found.items() if value and value.lower() != "none"}


def _said(facts: dict[str, str]) -> str:
    return "".join(f"{key}={value};" for key, value in facts.items())


def _max_didt(value: str | None, path: Path) -> float | None:
    if value is None:
        return None
    try:
        return checked_rating(path.name, "dIdtmax", float(value), A_PER_US)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path.name}: dIdtmax is {value!r}, not a number of A/µs: correct the first line") from error


CCD = CoilFormat(name="ccd", suffixes=(".ccd",), holds="dipoles", read=read_ccd, write=write_ccd)
