"""Aim: the target of a plan in the user's words, the side it is on and the direction of the field, checked first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from atlases.aim import MNI, is_mask, mask_path, parse_point, side_for
from atlases.area_aim import LabelAim, by_folds, check_by_folds, notes_by_folds
from atlases.target import read_mask
from atlases.targets import targets
from meshes.choices import one_of
from meshes.errors import InputError
from meshes.images import open_nifti
from meshes.world import Frame, check_own_space, frame_needed
from targeting.records.warnings import PlanWarning, note, warning
from targeting.study.head_source import EMBEDDED, HeadSource, OwnWorld
from targeting.study.request import RADIUS_LIMITS, Direction


@dataclass(frozen=True)
class Aim:
    """What the plan is asked to reach, as the user says it."""

    name: str
    side: str | None
    hotspot_mm: tuple[float, float, float] | None = None
    radius_mm: float | None = None
    frame: Frame | None = None  # of a mask whose header has two that disagree

    @property
    def mask(self) -> Path | None:
        """The NIfTI mask, if the aim is one."""
        return mask_path(self.name) if is_mask(self.name) else None

    @property
    def needs_cortex(self) -> bool:
        """Whether the folds of the cortex say where it is.

        So they do of an area, a label on the surface, a vertex of the group's cortex, and of a named target with areas that no
        measured hotspot overrides.
        """
        named = targets().get(self.name)
        return by_folds(self.name) or (named is not None and bool(named.areas) and self.hotspot_mm is None)

    @property
    def labels(self) -> LabelAim | None:
        """The labels of a file of the user's, if the aim is that."""
        return LabelAim.of(self.name)

    @property
    def files(self) -> dict[str, Path]:
        """What a stage reads for it, by its role."""
        if self.labels is not None:
            return {"labels": self.labels.file}
        return {"mask": self.mask} if self.mask is not None else {}

    @property
    def in_mni(self) -> bool:
        """Whether the registration is needed: a named target, mni:x,y,z or mni:MASK that no measured hotspot overrides."""
        if self.mask is not None:
            return self.name.lower().startswith(MNI)
        if by_folds(self.name):
            return False
        return not self.name.startswith("ras:") and self.hotspot_mm is None

    @property
    def recorded(self) -> str:
        """The name as a stage's parameters hold it: of a mask its hash, not the name of its file."""
        if self.labels is not None:
            return f"{self.labels.file.name}:{self.labels.names}"
        if self.mask is None:
            return self.name
        return f"{MNI}mask" if self.in_mni else "mask"

    @property
    def entry(self) -> dict[str, Any] | None:
        """What the table of named targets says of this one, if it is one: a changed table makes another target."""
        named = targets().get(self.name)
        if named is None:
            return None
        points = {side: list(named.mni_mm(side)) for side in named.sides}
        return {
            **points,
            "radius_mm": named.radius_mm,
            "tissue": named.tissue.name,
            "source": named.source,
            "current": named.current_medial_anterior,
            "areas": named.areas,
            "limits": [named.midline_mm, named.up_mm, named.within_mm],
        }

    def checked(self, own: OwnWorld | None = None) -> Aim:
        """The same aim, if its words can be understood; before anything is made.

        Parameters
        ----------
        own : OwnWorld, optional
            What a mask's place is held against; without it only the file is looked at.

        Raises
        ------
        InputError
            If the target's name or coordinates are not usable, or a mask is not, or its place is not known.
        """
        if by_folds(self.name):
            check_by_folds(self.name, self.side, self.radius_mm)
        elif self.mask is not None:
            image = open_nifti(self.mask)
            if own is not None:
                frame = None if self.in_mni else frame_needed(image, own.frame)
                mask = read_mask(self.mask, frame, self.in_mni)
                if not self.in_mni:
                    check_own_space(self.mask, mask.world, own.world)
                return replace(self, frame=frame)
        elif ":" in self.name:
            one_of(self.name.partition(":")[0], ["mni", "ras", "area", "fslr"], "space of a target")
            parse_point(self.name.partition(":")[2], self.name)
        else:
            named = targets()[one_of(self.name, targets(), "target")]
            if self.side is not None and self.hotspot_mm is None:
                named.mni_mm(self.side)
        if self.radius_mm is not None:
            RADIUS_LIMITS.check(self.radius_mm)
        return self


def target_side(
    source: HeadSource,
    aim: str,
    side: str | None,
    pain_side: str | None,
    hotspot_mm: tuple[float, float, float] | None,
) -> tuple[str | None, list[PlanWarning]]:
    """Side of the target: as asked; assumed for the embedded head only, and then said.

    Parameters
    ----------
    source : HeadSource
    aim : str
    side, pain_side : {"left", "right"}, optional
    hotspot_mm : (3,) float, optional
        A measured hotspot, RAS mm.

    Returns
    -------
    side : {"left", "right"} or None
        None for a point, which has the side of its x.
    notes : list of PlanWarning
    """
    if side is not None or pain_side is not None:
        return side_for(side, pain_side), []
    if (":" in aim and not by_folds(aim)) or is_mask(aim):
        return None, []  # coordinates have the side of their x
    if source.way == "embedded":
        if hotspot_mm is not None:
            return "left" if hotspot_mm[0] < 0 else "right", []
        return "left", [note(f"no side was given: left assumed, as {EMBEDDED} is a demonstration")]
    return side_for(side, pain_side), []  # says that a side is needed


def target_notes(aim: str) -> list[PlanWarning]:
    """The clinical remark of a named target; of an area, what its name means."""
    named = targets().get(aim)
    if by_folds(aim):
        return [note(each) for each in notes_by_folds(aim)]
    return [note(f"{named.name}: {named.note}")] if named else []


def coil_notes(aim: str) -> list[PlanWarning]:
    """The same, and what is to be weighed before a coil is used on it."""
    named = targets().get(aim)
    weighed = [warning(f"{named.name}: {named.warning}")] if named and named.warning else []
    return [*weighed, *target_notes(aim)]


def check_direction(direction: Direction) -> None:
    """Raise InputError if it is neither None, nor the word normal, nor three finite numbers, not all zero."""
    if isinstance(direction, str):
        one_of(direction, ["normal"], "direction (or give x,y,z)")
    elif direction is not None and not 0 < float(np.linalg.norm(direction)) < float("inf"):
        raise InputError(f"a direction is three finite numbers, not all zero; not {direction}")
