"""Which coils a plan compares, and why: those asked for, and for a deep target two of different kind without being asked.

A figure-of-eight and a double cone are what clinics try on the operculum and the insula.  A named target is deep if the
table of targets says so (the operculo-insular ones).  A point is if it lies more than :data:`DEEP_MM` under the scalp, a
mask or an area if half of it does: many insular trials mark the target on each patient's own MRI.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from atlases.targets import targets
from targeting.coils.coil import fingerprint
from targeting.coils.files import ChosenCoil

if TYPE_CHECKING:
    from atlases.target import Target
    from meshes.head import HeadMesh

DEEP_COILS = ("figure8-70mm", "double-cone-110mm")
DEEP_MM = 35.0  # the embedded head's operculo-insular targets lie 38 to 49 mm deep (OP4: 25), the others 21 to 34


def why_deep(name: str, target: Target, head: Callable[[], HeadMesh]) -> str:
    """Why a target counts as deep, in words; "" if it does not.

    Parameters
    ----------
    name : str
        As the user gave it.
    target : Target
    head : callable
        Gives the mesh, if its scalp is needed.
    """
    named = targets().get(name)
    if named is not None:
        return f"{name} is a deep target" if named.deep else ""
    mesh = head()
    scalp_mm = mesh.points_mm[np.unique(mesh.boundary())]
    places_mm = target.center_mm[None] if target.mask_points_mm is None else target.mask_points_mm
    depth_mm = float(np.median(cKDTree(scalp_mm).query(places_mm)[0]))
    return (
        f"the target lies {depth_mm:.0f} mm under the scalp, deeper than {DEEP_MM:.0f} mm" if depth_mm > DEEP_MM else ""
    )


def why_compared(deep: str) -> str:
    """Why a plan compares coils, for its ``search``."""
    return deep or "asked for"


def asked_coils(words: Sequence[str | Path]) -> tuple[ChosenCoil, ...]:
    """The coils a user asks for, read before anything is made.

    Raises
    ------
    InputError
        If there is no such coil, or a file cannot be used.
    """
    return tuple(ChosenCoil.of(each) for each in words)


def compared_coils(own: ChosenCoil, others: Sequence[ChosenCoil], deep: str) -> tuple[ChosenCoil, ...]:
    """The plan's own coil first, then the others, each once; nothing if there is no other.

    Examples
    --------
    >>> from targeting.coils.files import ChosenCoil
    >>> from targeting.comparison.request import compared_coils
    >>> [each.coil.name for each in compared_coils(ChosenCoil.of("circular-mc125"), [], "psi is a deep target")]
    ['circular-mc125', 'figure8-70mm', 'double-cone-110mm']
    >>> compared_coils(ChosenCoil.of("figure8-70mm"), [ChosenCoil.of("figure8-70mm")], "")
    ()
    """
    usual = [ChosenCoil.of(name) for name in DEEP_COILS] if deep else []
    found: dict[str, ChosenCoil] = {}
    for each in (own, *usual, *others):
        found.setdefault(fingerprint(each.coil), each)
    return tuple(found.values()) if len(found) > 1 else ()
