"""What a montage is asked to do beside serving its target: regions to spare, further targets, or a map as the target.

The words are those for coils (:mod:`targeting.goals.request`).  ``--avoid-cap`` is the share of the target's dose that
the root mean square of |E| in every avoided region must not pass; half of it unless another is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshes.errors import InputError
from targeting.goals.request import ObjectiveRequest, region_of
from targeting.study.aim import Aim
from targeting.study.head_source import OwnWorld

CAP = 0.5
MOST_CAP = 100.0


@dataclass(frozen=True)
class Sought:
    """Regions to spare and further targets, as aims."""

    avoid: tuple[Aim, ...]
    also: tuple[Aim, ...]

    @classmethod
    def of(
        cls, avoid: Sequence[str], also: Sequence[str], side: str | None, own: OwnWorld | None = None
    ) -> Sought | None:
        """From the user's words; None for neither.

        Parameters
        ----------
        avoid, also : sequence of str
        side : str or None
            Of the plan's own target: a name's, where it says none.
        own : OwnWorld, optional
            What a mask's place is held against.

        Raises
        ------
        InputError
            If a word cannot be understood, or a place comes twice.
        """
        if not avoid and not also:
            return None
        for words, option in ((avoid, "--avoid"), (also, "--also")):
            if len(set(words)) < len(words):
                raise InputError(f"{option} names a place twice: leave one out")
        return cls(
            tuple(region_of(each, side, "--avoid", own) for each in avoid),
            tuple(region_of(each, side, "--also", own) for each in also),
        )

    @property
    def _request(self) -> ObjectiveRequest:
        return ObjectiveRequest("dose", self.avoid, self.also)

    @property
    def in_mni(self) -> bool:
        """Whether the registration is needed."""
        return self._request.in_mni

    @property
    def files(self) -> dict[str, Path]:
        """Masks by the place they have in the request."""
        return self._request.files

    @property
    def parameters(self) -> dict[str, Any]:
        """What the places are made from, for a stage."""
        return self._request.places


def checked_cap(cap: float | None, avoid: Sequence[str]) -> None:
    """Refuse a cap that is none, or without a region.

    Raises
    ------
    InputError
        In one line.
    """
    if cap is None:
        return
    if not avoid:
        raise InputError("--avoid-cap holds avoided regions below a share of the dose: give --avoid REGION")
    if not 0 < cap <= MOST_CAP:
        raise InputError(f"--avoid-cap is a share of the target's dose, above 0 and at most {MOST_CAP:g}, not {cap:g}")
