"""Named targets: areas of the group's cortex and points of MNI152, with sources and a clinical remark: ``targets.toml``.

Where a person's folds are known, a target with areas is a patch of that person's cortex (:mod:`atlases.named_patch`); its
point is then the cross-check.  Each target has a left and a right point of its own (x < 0 is left); nothing is mirrored, and
a target that was published for one side has one point.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from meshes.choices import one_of
from meshes.errors import InputError
from meshes.tissue_codes import TISSUE_NAMES, Tissue

SIDES = ("left", "right")
HEMISPHERES = {"left": "lh", "right": "rh"}  # as files name them
TISSUE_CODES = {name: tissue for tissue, name in TISSUE_NAMES.items()}
HEADINGS = ("name", "what", "cortex", "left MNI mm", "right MNI mm", "radius mm", "tissue", "source")


@dataclass(frozen=True)
class NamedTarget:
    """A target with a name.

    Parameters
    ----------
    name, title : str
        What to type, and what it is.
    left_mni_mm, right_mni_mm : (3,) tuple of float
        Its points in MNI152, RAS mm; None on a side where there is none.
    radius_mm : float
        Radius of the sphere that is cut with the tissue.
    tissue : Tissue
        The tissue the target is made of.
    source, certainty : str
        Where the coordinates come from, and how sure they are.
    field_direction : str
        What the induced current should do, in words.
    note : str
        A clinical remark.
    warning : str
        What is to be weighed before a coil is used there; mostly nothing.
    deep : bool
        Whether cortex that lies over it, nearer to the coil, gets the larger field: its plan compares coils.
    current_medial_anterior : (2,) tuple of float, optional
        Which way the current in the brain is wanted: towards the midline and towards the front.  None: either way.
    handle_deg : float, optional
        The published angle of the coil's handle to the midline, back and outwards; the coil is then turned by the fold at
        the target.  None: every angle may be.
    areas : tuple of str
        The HCP-MMP1 areas it is made of; none: it is its point, whatever is known of the folds.
    part : str
        Of the areas, in words; empty for the whole.
    midline_mm, up_mm : (2,) tuple of float, optional
        Limits of that part on the group's mid-cortical surface, MNI152: of the distance from the midline, and of z; from the
        first to below the second.
    within_mm : float, optional
        A further limit of that part there: the distance from the vertex of the areas that is nearest to the target's point.

    Raises
    ------
    InputError
        If a point lies on the wrong side or outside the brain, or the radius is not a few millimetres.
    """

    name: str
    title: str
    left_mni_mm: tuple[float, float, float] | None
    right_mni_mm: tuple[float, float, float] | None
    radius_mm: float
    tissue: Tissue
    source: str
    certainty: str
    field_direction: str
    note: str
    warning: str = ""
    deep: bool = False
    current_medial_anterior: tuple[float, float] | None = None
    handle_deg: float | None = None
    areas: tuple[str, ...] = ()
    part: str = ""
    midline_mm: tuple[float, float] | None = None
    up_mm: tuple[float, float] | None = None
    within_mm: float | None = None

    def __post_init__(self) -> None:
        for side in self.sides:
            point = self.mni_mm(side)
            # the brain of MNI152 lies within these limits
            inside = len(point) == 3 and all(
                math.isfinite(c) and abs(c - middle) < reach
                for c, middle, reach in zip(point, (0, -18, 5), (75, 92, 80), strict=True)
            )
            if not inside or (point[0] < 0) != (side == "left"):
                raise InputError(f"target {self.name}: its {side} point {point} is not in the {side} half of the brain")
        if not self.sides:
            raise InputError(f"target {self.name}: it has no point")
        for limits in (self.midline_mm, self.up_mm):
            if limits is not None and not limits[0] < limits[1]:
                raise InputError(f"target {self.name}: limits of its part must rise, not {limits}")
        if not self.areas and (self.part or self.midline_mm or self.up_mm or self.within_mm):
            raise InputError(f"target {self.name}: a part needs the areas it is of")
        if not 2 <= self.radius_mm <= 20:
            raise InputError(f"target {self.name}: a radius of {self.radius_mm} mm is not between 2 and 20 mm")
        for text in (self.title, self.source, self.certainty, self.field_direction, self.note):
            if not text or "\n" in text:
                raise InputError(f"target {self.name}: a text is missing or has more than one line")

    def current_toward(self, side: str) -> tuple[float, float, float] | None:
        """Which way the current is wanted in one hemisphere, RAS."""
        if self.current_medial_anterior is None:
            return None
        medial, anterior = self.current_medial_anterior
        return (medial if side == "left" else -medial, anterior, 0.0)

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides it has a point on."""
        points = zip(SIDES, (self.left_mni_mm, self.right_mni_mm), strict=True)
        return tuple(side for side, point in points if point is not None)

    @property
    def cortex_words(self) -> str:
        """The cortex it is made of, in words; empty for a point."""
        if not self.areas:
            return ""
        which = f"area {self.areas[0]}" if len(self.areas) == 1 else f"areas {' and '.join(self.areas)}"
        return f"HCP-MMP1 {which}" + (f", {self.part}" if self.part else "")

    def mni_mm(self, side: str) -> tuple[float, float, float]:
        """The point of one side, "left" or "right".

        Raises
        ------
        InputError
            If the side is neither, or the target has no point there.
        """
        point = self.left_mni_mm if one_of(side, SIDES, "side") == "left" else self.right_mni_mm
        if point is None:
            raise InputError(
                f"{self.name} is published for the {self.sides[0]} side only; give mni:x,y,z for a point on the {side}"
            )
        return point


@cache
def targets() -> Mapping[str, NamedTarget]:
    """The named targets by name.

    Examples
    --------
    >>> from atlases import targets
    >>> targets()["m1-hand"].mni_mm("left")
    (-38.6, -18.7, 64.8)
    """
    text = resources.files("atlases").joinpath("targets.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: _named(name, entry) for name, entry in tomllib.loads(text).items()})


def target_rows() -> list[tuple[str, ...]]:
    """The named targets as rows of text under :data:`HEADINGS`."""
    return [
        (
            each.name,
            each.title,
            each.cortex_words or "point",
            *(
                ", ".join(f"{c:.1f}" for c in each.mni_mm(side)) if side in each.sides else "not published"
                for side in SIDES
            ),
            f"{each.radius_mm:g}",
            TISSUE_NAMES[each.tissue],
            each.source,
        )
        for each in targets().values()
    ]


def _named(name: str, entry: Mapping[str, Any]) -> NamedTarget:
    try:
        points: dict[str, Any] = {
            key: tuple(map(float, entry[key])) if key in entry else None for key in ("left_mni_mm", "right_mni_mm")
        }
        limits = {key: (float(entry[key][0]), float(entry[key][1])) for key in ("midline_mm", "up_mm") if key in entry}
        tissue = TISSUE_CODES[entry["tissue"]]
        way = entry.get("current_medial_anterior")
        toward = {} if way is None else {"current_medial_anterior": (float(way[0]), float(way[1]))}
        return NamedTarget(
            name, **{**entry, **points, **limits, **toward, "areas": tuple(entry.get("areas", ())), "tissue": tissue}
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"targets.toml: entry [{name}] cannot be used: {error}") from error
