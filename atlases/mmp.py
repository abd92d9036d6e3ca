"""The areas of the HCP-MMP 1.0 parcellation at the vertices of the group's cortex (Glasser 2016, Nature 536:171).

The 180 areas a side were drawn by four kinds of image of 210 people.  Their names are their own: "OP1" is not, border for
border, the cytoarchitectonic OP 1 of Eickhoff 2006.  Somatotopic parts of areas, such as the hand's of area 4, are not among
them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from atlases.fslr import SIDES, VERTICES, data_folder, grayordinates
from meshes.choices import one_of

NAME = "HCP-MMP1"


@cache
def mmp_areas(side: str) -> NDArray[np.str_]:
    """The area of each vertex of fs_LR, (32492,); "" on the medial wall.

    Parameters
    ----------
    side : {"lh", "rh"}

    Examples
    --------
    >>> areas = mmp_areas("lh")
    >>> len(set(areas.tolist())), int((areas == "4").sum())
    (181, 839)
    """
    with np.load(data_folder() / "mmp_1.0.npz", allow_pickle=False) as file:
        names = dict(zip(file["ids"].tolist(), file["labels"].tolist(), strict=True))
        numbers = file["map_all"]
    before = 0 if side == "lh" else len(grayordinates("lh"))
    rows = grayordinates(side)
    found = [names[each].removeprefix(f"{SIDES[side]}_") for each in numbers[before : before + len(rows)].tolist()]
    areas = np.full(VERTICES, "", dtype="U12")
    areas[rows] = found
    areas.flags.writeable = False
    return areas


def area_named(name: str) -> str:
    """An area's name, if there is one of it.

    Raises
    ------
    InputError
        If there is none.
    """
    return one_of(name, sorted(set(mmp_areas("lh").tolist()) - {""}), "HCP-MMP1 area")
