"""Electrodes of a file: names, points and their frame, and the usual name of each position.

Amplifiers write "EEG C3-REF", "eeg:c3", "C3-LE" or "Fc5." for one and the same place; the first 10-20 papers said T3, T4,
T5 and T6 where the 10-10 system says T7, T8, P7 and P8 (American Clinical Neurophysiology Society, guideline 2, 2016).
BioSemi's caps of 128 and more electrodes have names A1 to H32 of their own, among them a C3 that lies elsewhere.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from atlases.fiducials import Fiducials, given_fiducials
from atlases.scalp_positions import OLD_NAMES
from atlases.ten_ten import TEN_FIVE
from meshes.errors import InputError

log = logging.getLogger(__name__)


PREFIX = re.compile(r"^(?:eeg|(?:pol|chan|channel|ch|electrode|elec|el)(?=[\s_:.-]))[\s_:.-]*", re.IGNORECASE)
# the reference an electrode was recorded against: linked or single ears and mastoids, an average, the recorder's own
SUFFIX = re.compile(r"[\s_:.-]+(?:ref|le|re|ar|av|avg|car|linked|org|a1|a2|a1a2|m1|m2|m1m2)$", re.IGNORECASE)
RADIAL = re.compile(r"[A-H](?:[1-9]|[12][0-9]|3[0-2])")  # BioSemi's letter of a bundle of 32 and number in it
RADIAL_LEAST = 8  # such names that no other system has: A1 and A2 alone are the ears
RADIAL_WORD = "BioSemi"
T1, HEAD, MNI = "T1", "head", "MNI"
LANDMARKS = ("nasion", "lpa", "rpa")
UNITS_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
EARS_MM = (90.0, 220.0)
TWICE_MM = 3.0  # a plug measured twice
MARK_TWICE_MM = 10.0  # a landmark measured before and after, which is how a digitiser's drift is seen


@cache
def _positions() -> dict[str, str]:
    plain = {name.lower(): name for name in TEN_FIVE}
    return plain | OLD_NAMES | {"inion": "Iz", "ini": "Iz"}


def position_named(name: str) -> str | None:
    """The position of the 10-5 system that a name means, if any.

    Examples
    --------
    >>> [position_named(name) for name in ("c3", "EEG C3-REF", "eeg:FP1", "T3", "T3/T7", "Fc5.", "E3", "C3'")]
    ['C3', 'C3', 'Fp1', 'T7', 'T7', 'FC5', None, None]
    """
    plain = name.strip().strip("\"'" if name[:1] in "\"'" else "").rstrip(".").lower()
    found = {_positions().get(_bare(part)) for part in re.split(r"[/()]+", plain) if part.strip()}
    return found.pop() if len(found) == 1 else None


def _bare(name: str) -> str:
    name = name.strip()
    return name if name in _positions() else SUFFIX.sub("", PREFIX.sub("", name)).strip()


def is_radial(names: Sequence[str]) -> bool:
    """Whether these are the names of BioSemi's radial caps, whose C3 is not the 10-10 system's (EGI's are all E1 to E256).

    Examples
    --------
    >>> is_radial([f"{letter}{i}" for letter in "ABCD" for i in range(1, 33)]), is_radial(["C3", "C4", "A1", "A2"])
    (True, False)
    """
    own = [name for name in names if RADIAL.fullmatch(name) and position_named(name) is None]
    return len(own) >= RADIAL_LEAST and len(own) > len(names) / 2 and len({name[0] for name in own}) > 1


def usual_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names as this project writes them: positions of the 10-5 system by its names, all others as they are.

    Those of BioSemi's radial caps that another position has are told apart from it by a word before them.

    Examples
    --------
    >>> usual_names(["EEG T3-LE", "CZ", "E17"])
    ('T7', 'Cz', 'E17')
    """
    if is_radial(names):
        return tuple(f"{RADIAL_WORD} {name}" if position_named(name) else name for name in names)
    return tuple(position_named(name) or name for name in names)


@dataclass(frozen=True, eq=False)
class ElectrodeFile:
    """Electrodes as a file has them.

    Parameters
    ----------
    names : tuple of str
    points_mm : (n, 3) float64
    frame : {"T1", "head", "MNI"}
    landmarks_mm : mapping
        Nasion, inion, lpa and rpa, (3,) each, in the same frame, as far as it has them; for "head" all but the inion.
    source : str
        The file's name.
    """

    names: tuple[str, ...]
    points_mm: NDArray[np.float64]
    frame: str
    landmarks_mm: Mapping[str, NDArray[np.float64]]
    source: str = ""

    @property
    def fiducials(self) -> Fiducials | None:
        """The subject's own fiducials, if the file has them in the T1's frame.

        Raises
        ------
        InputError
            If it has some of the four, and not all.
        """
        if self.frame != T1 or not set(self.landmarks_mm) - {"inion"}:  # Iz alone is an electrode
            return None
        return given_fiducials(dict(self.landmarks_mm), f"the file {self.source}")

    @property
    def needs_registration(self) -> bool:
        """Whether it takes the registration to MNI152 to lay it on a subject."""
        return self.frame == MNI or self.fiducials is None


def merge_repeats(file: ElectrodeFile) -> ElectrodeFile:
    """Give positions their usual names, and make one electrode of those that a file lists twice at the same place.

    Raises
    ------
    InputError
        If a name stands for two places.
    """
    names = usual_names(file.names)
    if is_radial(file.names):
        log.warning("%s has BioSemi's own names: its C3 and the like are not the 10-10 system's", file.source)
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        rows.setdefault(name.lower() or str(i), []).append(i)
    kept = [at[0] for at in rows.values()]
    points = [mean_place(names[at[0]], file.points_mm[at], TWICE_MM, file.source) for at in rows.values()]
    return replace(file, names=tuple(names[i] for i in kept), points_mm=np.array(points, float).reshape(-1, 3))


def mean_place(name: str, points_mm: NDArray[np.float64], within_mm: float, source: str) -> NDArray[np.float64]:
    """The mean of the points of one name, (3,).

    Parameters
    ----------
    name : str
        For messages.
    points_mm : (n, 3) float64
    within_mm : float
        How far apart they may be.
    source : str
        The file, for messages.

    Raises
    ------
    InputError
        If they are farther apart than one place measured twice.
    """
    apart_mm = max(float(np.linalg.norm(each - points_mm[0])) for each in points_mm)
    if apart_mm > within_mm:
        times = "twice" if len(points_mm) == 2 else f"{len(points_mm)} times"
        raise InputError(f"{source}: {name} stands {times}, {apart_mm:.0f} mm apart; keep the row that is right")
    if len(points_mm) > 1:
        log.info("%s: %s was measured %d times; the mean is taken", source, name, len(points_mm))
    mean: NDArray[np.float64] = np.asarray(points_mm, float).mean(0)
    return mean


def merge_landmarks(
    marks: Sequence[tuple[str, Sequence[float]]], mm: float, source: str
) -> dict[str, NDArray[np.float64]]:
    """Landmark → the mean of its points times ``mm``, (3,) mm.

    Raises
    ------
    InputError
        If one stands for two places.
    """
    return {
        name: mean_place(name, mm * np.array([p for n, p in marks if n == name], float), MARK_TWICE_MM, source)
        for name in dict(marks)
    }


def in_head_frame(
    source: str, names: Sequence[str], points: NDArray, marks: Sequence[tuple[str, Sequence[float]]]
) -> ElectrodeFile:
    """Electrodes in a digitiser's head frame; the distance between the ears tells its unit.

    Parameters
    ----------
    source : str
        The file.
    names : sequence of str
        Of the electrodes.
    points : (n, 3) array
        Their places, in the file's unit.
    marks : sequence of (str, (3,) sequence)
        Landmarks ("nasion", "lpa", "rpa") and their places; one may be there more than once.

    Raises
    ------
    InputError
        If nasion or an ear is missing, or no unit makes a head of them.
    """
    first = dict(reversed([(name, np.array(point, float)) for name, point in marks]))
    missing = [name for name in LANDMARKS if name not in first]
    if missing:
        raise InputError(
            f"{source} holds no {', '.join(missing)}: without nasion and both pre-auricular points its electrodes cannot be "
            "laid on this head"
        )
    apart = float(np.linalg.norm(first["lpa"] - first["rpa"]))
    unit = unit_of_ears(apart)
    if unit is None:
        raise InputError(f"{source}: its pre-auricular points are {apart:g} apart, which is no head in m, cm or mm")
    mm = UNITS_MM[unit]
    points = mm * np.asarray(points, float).reshape(-1, 3)
    return ElectrodeFile(tuple(names), points, HEAD, merge_landmarks(marks, mm, source), source)


def unit_of_ears(apart: float) -> str | None:
    """The unit in which so many are the distance between two ears, if any.

    Examples
    --------
    >>> unit_of_ears(0.16), unit_of_ears(14.5), unit_of_ears(900.0)
    ('m', 'cm', None)
    """
    return next((unit for unit, mm in UNITS_MM.items() if EARS_MM[0] <= mm * apart <= EARS_MM[1]), None)
