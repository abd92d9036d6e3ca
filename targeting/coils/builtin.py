"""The coils that come with the package: dipoles and casings made from the published windings in ``builtin.toml``.

The copper lies ``casing`` mm of plastic behind the face; the face is z = 0.  For a tilted pair of wings the faces meet
in the vertex, the line x = 0, z = 0, and the outer ends come down beside the head to z > 0.  The wing at −x is the
mirror image of the wing at +x, so its current runs the other way round, and under the middle both drive the induced
current along +y.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.coils.casing import joined, plate
from targeting.coils.coil import Casing, Coil
from targeting.coils.fields import current_direction_y, transformed
from targeting.coils.sources import MagneticDipoles
from targeting.coils.windings import Winding, winding_dipoles


@dataclass(frozen=True)
class CoilRow:
    """One line of ``target coils list``."""

    name: str
    title: str
    max_didt_a_per_us: float
    max_didt_source: str
    casing_mm: float
    outline_mm: tuple[float, float, float]  # extent of the casing along x, y, z
    current_direction_y: int
    source: str
    note: str


def coil_names() -> list[str]:
    """Names of the built-in coils.

    Examples
    --------
    >>> coil_names()
    ['figure8-70mm', 'double-cone-110mm', 'circular-mc125']
    """
    return list(_table())


def coil_rows() -> list[CoilRow]:
    """What ``target coils list`` shows of each built-in coil."""
    rows = []
    for name, spec in _table().items():
        coil = builtin_coil(name)
        x, y, z = (float(value) for value in np.ptp(coil.casing.points_mm, axis=0).round(1))
        rows.append(
            CoilRow(
                name,
                spec["title"],
                spec["max_didt_a_per_us"],
                spec["max_didt_source"],
                spec["casing"],
                (x, y, z),
                coil.current_direction_y,
                spec["windings_source"],
                spec["note"],
            )
        )
    return rows


@cache
def builtin_coil(name: str) -> Coil:
    """Build one of the coils of ``builtin.toml``.

    Raises
    ------
    InputError
        If there is no coil of that name.

    Examples
    --------
    >>> coil = builtin_coil("figure8-70mm")
    >>> coil.current_direction_y, coil.max_didt_a_per_s
    (1, 114730000.0)
    """
    table = _table()
    if name not in table:
        like = difflib.get_close_matches(name, table, n=1)
        hint = f"did you mean {like[0]}? " if like else ""
        raise InputError(f"there is no built-in coil {name!r}: {hint}there are {', '.join(table)}, or give a coil file")
    spec = table[name]
    winding = Winding(spec["turns"], spec["inner"], spec["outer"], spec["turn_width"], spec["height"])
    frame = _wing_frame(spec["wing_offset"], np.radians(spec["tilt"]))
    copper = frame.copy()
    copper[:3, 3] -= (spec["casing"] + spec["height"] / 2) * frame[:3, 2]
    dipoles = transformed(winding_dipoles(winding, spec["casing"], spec.get("dish", 0.0)), copper)
    casing = plate(_outline(spec), 0.0, -(2 * spec["casing"] + spec["height"]), spec.get("opening", 0.0), frame)
    if spec["wings"] == 2:
        dipoles, casing = _with_mirror_image(dipoles, casing)
    sources = (dipoles,)
    return Coil(
        name=name,
        sources=sources,
        casing=casing,
        max_didt_a_per_s=spec["max_didt_a_per_us"] * 1e6,
        current_direction_y=current_direction_y(sources),
        source=spec["windings_source"],
        rated_on=spec["rated_on"],
        rating_source=spec["max_didt_source"],
        casing_note=f"plates round the windings, {spec['casing']:g} mm of plastic before them",
    )


@cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("targeting.coils").joinpath("builtin.toml").read_text(encoding="utf-8"))


def _wing_frame(offset_mm: float, tilt_rad: float) -> NDArray[np.float64]:
    """Wing → coil, (4, 4): the middle of the wing's face; a positive tilt turns the +x end towards the head (+z)."""
    cos, sin = np.cos(tilt_rad), np.sin(tilt_rad)
    frame = np.array([[cos, 0, -sin, 0], [0, 1, 0, 0], [sin, 0, cos, 0], [0, 0, 0, 1.0]])
    frame[:3, 3] = offset_mm * frame[:3, 0]
    return frame


def _outline(spec: dict[str, Any]) -> NDArray[np.float64]:
    """A circle round the copper, cut where two wings meet, (n, 2)."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    outline = (spec["outer"] / 2 + spec["side"]) * np.c_[np.cos(angle), np.sin(angle)]
    if spec["wings"] == 2:
        outline[:, 0] = np.maximum(outline[:, 0], -spec["wing_offset"])
    return outline


def _with_mirror_image(dipoles: MagneticDipoles, casing: Casing) -> tuple[MagneticDipoles, Casing]:
    """Add the wing at −x.  A mirrored current is the mirror image of an axial vector: m → (mx, −my, −mz)."""
    both = MagneticDipoles(
        np.vstack([dipoles.points_mm, dipoles.points_mm * [-1, 1, 1]]),
        np.vstack([dipoles.moments_a_m2, dipoles.moments_a_m2 * [1, -1, -1]]),
    )
    return both, joined([casing, Casing(casing.points_mm * [-1, 1, 1], casing.triangles[:, ::-1])])
