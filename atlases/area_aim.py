"""Aims that need the folds of the cortex: areas by name, labels of the user's own, and vertices of the group's cortex.

``area:4``, ``area:OP1+OP4``, ``area:S1``: areas of HCP-MMP 1.0 and clinicians' names (:mod:`atlases.areas`).
``lh.aparc.annot:precentral``, ``my.label.gii:hand``, ``my.dlabel.nii:7``: a label of a file, on the subject's own vertices or
on fs_LR 32k; names are joined by +, too.
``fslr:12345``: a vertex of fs_LR 32k.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlases.areas import JOINS, names_in, notes_on, patch_of, unknown
from atlases.fslr import VERTICES, at_vertices, group_cortex, on_fslr
from atlases.patch import patch_target
from atlases.target import Target
from atlases.targets import HEMISPHERES
from meshes.cortical_surface import Cortex, CorticalSurface, Folds
from meshes.errors import InputError
from meshes.formats.surface_labels import SUFFIXES, SurfaceLabels, read_surface_labels

AREA, FSLR = "area:", "fslr:"
_ENDS = "|".join(re.escape(each) for each in SUFFIXES)
LABEL = re.compile(rf"(?P<file>.+(?:{_ENDS}))(?::(?P<names>.*))?", re.IGNORECASE)
FORMS = ("area:NAME", "FILE.annot:LABEL", "fslr:VERTEX")


@dataclass(frozen=True)
class LabelAim:
    """Labels of a file: ``FILE:NAME`` or ``FILE:NAME+NAME``."""

    file: Path
    names: str

    @classmethod
    def of(cls, aim: str) -> LabelAim | None:
        """What an aim means, if it is a label of a file; its names may be missing.

        Examples
        --------
        >>> LabelAim.of("C:/fs/lh.aparc.annot:precentral").names
        'precentral'
        >>> LabelAim.of("area:4") is None
        True
        """
        found = LABEL.fullmatch(aim.strip())
        return None if found is None else cls(Path(found["file"]), (found["names"] or "").strip())

    def read(self) -> SurfaceLabels:
        """The file, if it has the labels.

        Raises
        ------
        InputError
            If it cannot be read, no label is named, or one is not in it.
        """
        labels = read_surface_labels(self.file)
        self.chosen(labels)
        return labels

    def chosen(self, labels: SurfaceLabels) -> tuple[str, ...]:
        """The labels that are meant; a name that itself holds a + is one name."""
        words = dict.fromkeys(labels.names.values())
        listed = f"{self.file.name} has {_some(list(words))}"
        if not self.names:
            raise InputError(f"which label of {self.file}? write {self.file.name}:NAME; {listed}")
        if self.names in words:
            return (self.names,)
        names = [each.strip() for each in self.names.split(JOINS)]
        for name in names:
            if name not in words:
                raise InputError(unknown("label", name, {each.lower(): each for each in words}, listed))
        return tuple(names)


def in_cortex_folder(aim: str, side: str | None, cortex: str | Path | None) -> str:
    """An aim whose file of labels may lie in a FreeSurfer subject that brings the cortex.

    Parameters
    ----------
    aim : str
        ``lh.aparc.annot:precentral``, or ``aparc.annot:precentral`` for the file of the side; any other aim stays as it is.
    side : {"left", "right"} or None
    cortex : path, optional
        The subject's folder; its ``label`` is looked in for a file that is not there as it was named.
    """
    own = LabelAim.of(aim)
    if own is None or cortex is None or own.file.exists() or own.file.name != str(own.file):
        return aim
    names = [own.file.name, f"{HEMISPHERES[side]}.{own.file.name}"] if side in HEMISPHERES else [own.file.name]
    found = next((path for name in names if (path := Path(cortex) / "label" / name).is_file()), None)
    return aim if found is None else f"{found}:{own.names}" if own.names else str(found)


def by_folds(aim: str) -> bool:
    """Whether an aim needs the folds of the cortex.

    Examples
    --------
    >>> [by_folds(each) for each in ("area:4", "fslr:1200", "x.label.gii:a", "m1-hand", "ras:1,2,3", "spot.nii")]
    [True, True, True, False, False, False]
    """
    return aim.lower().startswith((AREA, FSLR)) or LabelAim.of(aim) is not None


def check_by_folds(aim: str, side: str | None, radius_mm: float | None = None) -> None:
    """Check what can be checked of such an aim before there is a cortex.

    Parameters
    ----------
    aim : str
        For which :func:`by_folds` holds.
    side : {"left", "right"} or None
    radius_mm : float, optional
        For a vertex only.

    Raises
    ------
    InputError
        If a name, a file or a vertex cannot be used, there is no side, or a radius where there can be none.
    """
    if radius_mm is not None and not aim.lower().startswith(FSLR):
        raise InputError(f"{aim} has its own extent; leave out the radius")
    if side is None:
        raise InputError(f"which side of {aim}? give `side=left|right` or `pain_side=left|right`")
    own = LabelAim.of(aim)
    if own is not None:
        labels = own.read()
        for name in own.chosen(labels):
            labels.vertices(name, HEMISPHERES[side])
    elif aim.lower().startswith(AREA):
        names_in(aim[len(AREA) :])
    else:
        vertex_of(aim, side)


def vertex_of(aim: str, side: str) -> int:
    """The number of the vertex that ``fslr:VERTEX`` means on one side.

    Raises
    ------
    InputError
        If there is no such vertex, or it lies on the medial wall.

    Examples
    --------
    >>> vertex_of("fslr:8113", "left")
    8113
    """
    word = aim[len(FSLR) :].strip()
    if not re.fullmatch(r"\d{1,6}", word) or int(word) >= VERTICES:
        raise InputError(f"{aim!r} is no vertex of fs_LR 32k: write fslr:NUMBER with a number from 0 to {VERTICES - 1}")
    vertex = int(word)
    if not group_cortex(HEMISPHERES[side]).cortex[vertex]:
        raise InputError(f"{aim} lies on the {side} medial wall, where there is no cortex; give another vertex")
    return vertex


def folds_of(cortex: Cortex | None, side: str, what: str) -> tuple[CorticalSurface, Folds]:
    """A hemisphere with its folds.

    Parameters
    ----------
    cortex : Cortex or None
    side : {"left", "right"}
    what : str
        What needs them, for a refusal.

    Raises
    ------
    InputError
        If they are not known: why, and what to do.
    """
    hemisphere = HEMISPHERES[side]
    if cortex is None or hemisphere not in cortex.folds:
        why = "this head has no mid-cortical surface" if cortex is None else cortex.why_no_folds or cortex.source
        raise InputError(
            f"{what} is found by the folds of the {side} hemisphere, and they are not known: {why}; run 'target setup', or "
            "give `cortex=DIR` of FreeSurfer or m2m_*, or else aim at a point (mni:x,y,z) or a mask"
        )
    return cortex.hemispheres[hemisphere], cortex.folds[hemisphere]


def patch_by_folds(aim: str, side: str, cortex: Cortex | None) -> Target:
    """The target of an area or of a label in one person's cortex.

    Parameters
    ----------
    aim : str
        ``area:NAME`` or ``FILE:LABEL``.
    side : {"left", "right"}
    cortex : Cortex or None
        The subject's.

    Raises
    ------
    InputError
        If the folds are not known, or a file does not fit.
    """
    central, folds = folds_of(cortex, side, aim)
    hemisphere = HEMISPHERES[side]
    own = LabelAim.of(aim)
    if own is not None:
        labels = own.read()
        names = own.chosen(labels)
        masks = [labels.vertices(name, hemisphere) for name in names]
        chosen = on_subject(np.any(masks, axis=0), folds, hemisphere, str(own.file))
        name = f"{own.file.name}:{JOINS.join(names)}"
        return patch_target(central, folds, chosen, name, side, f"label of {own.file.name}, given by the user")
    patch = patch_of(aim[len(AREA) :], hemisphere)
    source = f"{patch.title}: {patch.source}, on fs_LR 32k, by this head's folds"
    return patch_target(central, folds, at_vertices(folds, hemisphere, patch.vertices), AREA + patch.name, side, source)


def point_by_folds(aim: str, side: str, cortex: Cortex | None) -> NDArray[np.float64]:
    """Where ``fslr:VERTEX`` lies halfway through one person's cortex, RAS mm, (3,).

    Raises
    ------
    InputError
        If there is no such vertex, or the folds are not known.
    """
    vertex = vertex_of(aim, side)
    central, folds = folds_of(cortex, side, aim)
    return on_fslr(folds, central.triangles, HEMISPHERES[side], central.points_mm)[vertex]


def on_subject(values: NDArray[np.bool_], folds: Folds, hemisphere: str, what: str) -> NDArray[np.bool_]:
    """Marks of vertices at the subject's own: they are of these already, or of fs_LR 32k, by their count.

    Parameters
    ----------
    values : (V,) or (32492,) bool
    folds : Folds
        The subject's.
    hemisphere : {"lh", "rh"}
    what : str
        Where the marks are from, for a refusal.

    Raises
    ------
    InputError
        If their count is neither.
    """
    own = len(folds.fslr)
    if len(values) == own:
        return values
    if len(values) == VERTICES:
        return at_vertices(folds, hemisphere, values)
    side = {"lh": "left", "rh": "right"}[hemisphere]
    raise InputError(
        f"{what} has {len(values):,} vertices, this subject's {side} hemisphere {own:,} and fs_LR 32k {VERTICES:,}: "
        "it is of another surface; resample it to fs_LR 32k"
    )


def notes_by_folds(aim: str) -> Sequence[str]:
    """What is to be known of the names of an aim, one line each."""
    return notes_on(names_in(aim[len(AREA) :])) if aim.lower().startswith(AREA) else ()


def _some(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
