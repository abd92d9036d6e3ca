"""Coils that are chosen by name: those of the package, made from the published windings in ``builtin.toml``, and plug-ins'.

A third party adds a coil with an entry point of the group ``target.coils`` that names a :class:`NamedCoil`.

Of our own, dipoles and casings are made from the windings.
The copper lies ``casing`` mm of plastic behind the face; the face is z = 0.  For a tilted pair of wings the faces meet
in the vertex, the line x = 0, z = 0, and the outer ends come down beside the head to z > 0.  The wing at −x is the
mirror image of the wing at +x, so its current runs the other way round, and under the middle both drive the induced
current along +y.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.choices import nearest
from meshes.errors import InputError
from meshes.plugins import Registry
from targeting.coils.casing import joined, plate
from targeting.coils.coil import Casing, Coil
from targeting.coils.fields import current_direction_y, transformed
from targeting.coils.gate import A_PER_US, check_sources
from targeting.coils.sources import MagneticDipoles
from targeting.coils.table import coil_table
from targeting.coils.windings import Winding, winding_dipoles

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class NamedCoil:
    """A coil that can be chosen by name.

    Parameters
    ----------
    name : str
        As users give it; the coil that is made has it, too.
    title : str
        What it is: "Magstim 70 mm double coil (figure-of-eight)".
    make : callable
        () → :class:`~targeting.coils.coil.Coil`, with a rated maximum.
    casing_mm : float
        From the casing's face to the copper.
    source : str
        Where its windings or its field are from: a publication, a maker, a measurement.
    note : str
        What a user must know.
    """

    name: str
    title: str
    make: Callable[[], Coil]
    casing_mm: float
    source: str
    note: str = ""


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
    """Names of the coils: those of the package, then those of plug-ins.

    Examples
    --------
    >>> coil_names()
    ['figure8-70mm', 'double-cone-110mm', 'circular-mc125']
    """
    return list(COILS.names())


def named_coils() -> dict[str, Coil]:
    """All coils that have a name; one of a plug-in that cannot be used is left out, and the log says so."""
    found = {}
    for name in coil_names():
        try:
            found[name] = coil_named(name)
        except InputError as fault:
            log.warning("%s", fault)
    return found


def coil_rows() -> list[CoilRow]:
    """What ``target coils list`` shows of each coil."""
    rows = []
    for name, coil in named_coils().items():
        kind = COILS.named(name)
        x, y, z = (float(value) for value in np.ptp(coil.casing.points_mm, axis=0).round(1))
        assert coil.max_didt_a_per_s is not None
        rows.append(
            CoilRow(
                name,
                kind.title,
                round(coil.max_didt_a_per_s / A_PER_US, 9),
                coil.rating_source,
                kind.casing_mm,
                (x, y, z),
                coil.current_direction_y,
                kind.source,
                kind.note,
            )
        )
    return rows


@cache
def coil_named(name: str) -> Coil:
    """Make the coil of that name.

    Raises
    ------
    InputError
        If there is no coil of that name, or a plug-in's cannot be a coil (:mod:`targeting.coils.gate`).

    Examples
    --------
    >>> coil = coil_named("figure8-70mm")
    >>> coil.current_direction_y, coil.max_didt_a_per_s
    (1, 114730000.0)
    """
    names = COILS.names()
    if name not in names:
        like = nearest(name, names)
        hint = f"did you mean {like}? " if like else ""
        raise InputError(f"there is no built-in coil {name!r}: {hint}there are {', '.join(names)}, or give a coil file")
    kind = COILS.named(name)
    coil = COILS.run(kind, kind.make)
    if origin := COILS.origin(name):  # a plug-in's coil is held to what a coil file is held to
        who = f"the coil {name!r} of {origin}"
        if not isinstance(coil, Coil) or coil.name != name or coil.max_didt_a_per_s is None:
            raise InputError(f"{who} is no Coil of that name with a rated maximum")
        check_sources(who, coil.sources, 1.0, coil.casing)
    return coil


def _from_table(name: str) -> Coil:
    """Make one of the coils of ``builtin.toml``."""
    spec = coil_table()[name]
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


COILS = Registry(
    "target.coils",
    NamedCoil,
    "coil",
    {
        name: NamedCoil(
            name=name,
            title=spec["title"],
            make=partial(_from_table, name),
            casing_mm=spec["casing"],
            source=spec["windings_source"],
            note=spec["note"],
        )
        for name, spec in coil_table().items()
    },
)
