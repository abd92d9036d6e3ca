"""Caps: small round electrodes at all 10-10 or 10-5 positions that can hold one."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from atlases.scalp import Scalp
from atlases.scalp_positions import ScalpPositions
from atlases.ten_ten import TEN_FIVE, TEN_TEN
from meshes.choices import one_of
from meshes.errors import InputError
from targeting.tes.contact import lay_on
from targeting.tes.electrodes import Electrode

log = logging.getLogger(__name__)

CAPS = ("10-10", "10-5")
DISC_MM = 12.0  # ROAST's discs (6 mm radius); SimNIBS' leadfields have 10 mm


def cap_positions(cap: str) -> tuple[str, ...]:
    """Names of a cap's positions.

    Examples
    --------
    >>> len(cap_positions("10-10")), len(cap_positions("10-5")) > 200
    (74, True)
    """
    return TEN_TEN if one_of(cap, CAPS, "cap") == "10-10" else TEN_FIVE


def resting(scalp: Scalp, positions: ScalpPositions, names: Sequence[str]) -> tuple[list[Electrode], dict[str, str]]:
    """Discs of 12 mm at the named positions.

    Returns
    -------
    electrodes : list of Electrode
        Those that rest on the scalp.
    refused : dict
        Name → why, of those that do not (over an ear, on the edge of the image).

    Raises
    ------
    InputError
        If there is no position of a name, or none can hold an electrode.
    """
    electrodes, refused = [], {}
    for name in names:
        electrode = Electrode(name, positions.point_mm(name), size_mm=(DISC_MM,))
        try:
            lay_on(scalp, electrode)
        except InputError as error:
            refused[name] = str(error)
        else:
            electrodes.append(electrode)
    if refused:
        log.info("%d positions of the cap cannot hold an electrode: %s", len(refused), ", ".join(refused))
    if len(electrodes) < 2:
        raise InputError("fewer than two positions of the cap can hold an electrode: check the fiducials")
    return electrodes, refused
