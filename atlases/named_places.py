"""Check that electrodes lie where their names say, against the computed places of the same names on the same head.

A pad that is believed by its coordinate and called by its name goes over the wrong cortex when the two contradict each
other, and the wrong side is the worst of it.  So every set of named positions passes :func:`check_places`.

How far apart is usual?  The templates of Colin27 and fsaverage (MNE-Python's, laid on by their three landmarks) lie 4 to
7 mm on average and at most 17 mm (at Iz, POz and Oz, where definitions differ) from the places computed on Colin27 and on
a second head, and a cap often sits askew by 10 to 20 mm.  ``FAR_MM`` is what neither explains.  A cap that slid as a whole
adds its slide to all of that (the same templates moved by 20 mm in any direction: up to 48 mm on the lowest row); moved
back in one piece it must fit within ``STRAY_MM`` (16 mm at most for those), and by no more than ``FAR_MM``.

What is wrong with a whole set (a mirror, exchanged or turned axes, a unit) is found by trying each: all 48 ways to order and
sign three axes and each unit, in place and, with enough electrodes to tell, with the shift that fits best.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from atlases.electrode_set import position_named
from atlases.scalp_positions import ELECTRODE, REFERENCE, ScalpPositions
from atlases.ten_ten import TEN_FIVE, TEN_TEN
from meshes.errors import InputError

log = logging.getLogger(__name__)


UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "µm": 0.001}
FITS_MM, MOST_MM = 12.0, 25.0  # median, and nearly all
NEARLY_ALL = 0.9
SHIFT_LEAST = 4  # electrodes that can tell a shift from a fault of the axes
TRIMMED = 4  # rounds of leaving out the worst half
MIRRORS = {
    (-1.0, 1.0, 1.0): "left and right look exchanged",
    (-1.0, -1.0, 1.0): "x and y have the opposite sign, as in LPS",
    (1.0, -1.0, 1.0): "front and back look exchanged",
    (1.0, 1.0, -1.0): "up and down look exchanged",
}
OFF_SCALP_MM = 25.0  # hair and a digitiser's tip are less
FAR_MM = 25.0
STRAY_MM = 18.0
SLIDE_LEAST = 6  # named electrodes that show how a cap sits
ASKEW_MM = 10.0  # from here on it is said
LATERAL_MM = 25.0  # places farther from the midline cannot be on the other side
CROSSED_MM = 3.0  # left and right of one row, each on the other's side by so much, are exchanged
THERE_MM = 15.0  # nearer than this to another name's place is there
LEFT, RIGHT = "T7", "T8"
TOLD_FIRST = ("C3", "C4")  # over the motor cortex, where most montages have a pad
CAP_LEAST = 16  # electrodes that make a cap, whatever their names; fewer may all lie at the back of the neck
CAP_RADIUS_MM = 20.0  # a cap of a head is not smaller


def fit_of_all(points_mm: NDArray[np.float64], places_mm: NDArray[np.float64], by_landmarks: bool = False) -> str:
    """The fault of a whole set in words; "" if none explains it.

    Parameters
    ----------
    points_mm, places_mm : (n, 3) float64
        Where electrodes are said to be, and where they belong.
    by_landmarks : bool
        Whether the points were laid on by landmarks of their own file, so that a mirror of all of it shows as up and down.

    Examples
    --------
    >>> import numpy as np
    >>> places = np.array([[-65.0, -13, 67], [68, -13, 65], [31, 84, -6]])
    >>> fit_of_all(places * [-1, 1, 1], places), fit_of_all(places / 1000, places), fit_of_all(places[:, ::-1], places)
    ('left and right look exchanged', 'its coordinates look like m, not mm', 'the axes are in the order z,y,x')
    """
    if len(points_mm) < 2:
        return ""
    best, words = np.inf, ""
    for shifted in (False, True)[: 1 + (len(points_mm) >= SHIFT_LEAST)]:
        for turn in _turns():
            for unit, mm in UNITS.items():
                if unit == "mm" and np.array_equal(turn, np.eye(3)):
                    continue
                there = mm * points_mm @ turn.T
                if shifted:
                    there = there + np.median(places_mm - there, axis=0)
                miss = np.linalg.norm(there - places_mm, axis=1)
                median = float(np.median(miss))
                if median < FITS_MM and (miss < MOST_MM).mean() >= NEARLY_ALL and median < best - 0.5:
                    best, words = median, _words(turn, unit, by_landmarks)
        if words:
            return words
    return ""


def own_seat(points_mm: NDArray[np.float64], places_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """A cap moved as one piece to where most of it fits, (n, 3) mm, and how far that moved its electrodes (median, mm).

    Of the electrodes, the half that fits best decides (least trimmed squares; Rousseeuw 1984), so that exchanged plugs do
    not move the cap; each round's fit is the rigid one of Kabsch (1976).
    """
    moved = points_mm
    for _ in range(TRIMMED):
        miss = np.linalg.norm(moved - places_mm, axis=1)
        keep = np.argsort(miss, kind="stable")[: len(miss) // 2 + 1]
        here, there = points_mm[keep].mean(0), places_mm[keep].mean(0)
        u, _, vt = np.linalg.svd((places_mm[keep] - there).T @ (points_mm[keep] - here))
        rotation = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
        moved = (points_mm - here) @ rotation.T + there
    return moved, float(np.median(np.linalg.norm(moved - points_mm, axis=1)))


def _turns() -> Iterator[NDArray[np.float64]]:
    """The 48 ways to order and sign the axes, the likeliest first: a mirror, signs, orders, then both."""
    every = [np.eye(3)[list(order)] * np.array(signs) for order in permutations(range(3)) for signs in _signs()]
    yield from sorted(every, key=lambda turn: (not np.all(np.diag(turn)), (turn < 0).sum(), -float(np.trace(turn))))


def _signs() -> list[tuple[float, ...]]:
    return list(product((1.0, -1.0), repeat=3))


def _words(turn: NDArray[np.float64], unit: str, by_landmarks: bool) -> str:
    """A turn and a unit in words."""
    said = [] if unit == "mm" else [f"its coordinates look like {unit}, not mm"]
    signs = tuple(np.diag(turn))
    if by_landmarks and signs == (1, 1, -1):
        said.append("left and right look exchanged in the whole file")
    elif by_landmarks and signs == (-1, 1, -1):
        said.append("its left and right ears look exchanged")
    elif signs in MIRRORS:
        said.append(MIRRORS[signs])
    elif np.all(turn >= 0) and not np.array_equal(turn, np.eye(3)):
        said.append(f"the axes are in the order {','.join('xyz'[i] for i in turn.T.argmax(1))}")
    elif np.linalg.det(turn) > 0 and not np.array_equal(turn, np.eye(3)):
        said.append(f"the axes are turned by {np.rad2deg(np.arccos((np.trace(turn) - 1) / 2)):.0f}°")
    elif np.linalg.det(turn) < 0:
        said.append("the axes are turned and mirrored")
    return ", and ".join(said)


@dataclass(frozen=True, eq=False)
class NameComparison:
    """Electrodes that have a place by their name: their points, these moved onto the scalp, and those places, (n, 3) mm."""

    names: tuple[str, ...]
    points_mm: NDArray[np.float64]
    feet_mm: NDArray[np.float64]
    places_mm: NDArray[np.float64]

    @property
    def off_mm(self) -> NDArray[np.float64]:
        """How far each lies off the scalp, (n,)."""
        return np.linalg.norm(self.feet_mm - self.points_mm, axis=1)

    @property
    def spots_mm(self) -> NDArray[np.float64]:
        """Where each would be put, (n, 3): on the scalp, if that is near."""
        return np.where(self.off_mm[:, None] <= OFF_SCALP_MM, self.feet_mm, self.points_mm)

    @property
    def far_mm(self) -> NDArray[np.float64]:
        """How far each lies from its place, (n,)."""
        return np.linalg.norm(self.spots_mm - self.places_mm, axis=1)


def check_places(
    source: str,
    names: Sequence[str],
    points_mm: NDArray[np.float64],
    feet_mm: NDArray[np.float64],
    places: ScalpPositions,
    by_landmarks: bool = False,
) -> None:
    """Refuse electrodes that lie elsewhere than their names say.

    Parameters
    ----------
    source : str
        The file's name, for the words.
    names : sequence of str
        Those that ``places`` has, or that mean one of its names (:mod:`atlases.electrode_set`), are compared.
    points_mm, feet_mm : (n, 3) float
        As they were given, in RAS mm of the head, and moved onto its scalp.
    places : ScalpPositions
        Where the names are on this head.
    by_landmarks : bool
        Whether the points were laid on the head by nasion and ears of the same file; it changes what a fault looks like.

    Raises
    ------
    InputError
        If one is too far from its place or on the other side; with the likely cause, if the whole set would fit.
    """
    found = _compared(names, points_mm, feet_mm, places)
    if found.names:
        _check_names(source, found, places, by_landmarks)
    _check_cap(source, np.asarray(points_mm), places, by_landmarks)


def _check_names(source: str, comparison: NameComparison, places: ScalpPositions, by_landmarks: bool) -> None:
    """Refuse electrodes that lie elsewhere than their names say; say it of a cap that sits askew as a whole."""
    far_mm, straying_mm, slide_mm = comparison.far_mm, comparison.far_mm, 0.0
    if len(comparison.names) >= SLIDE_LEAST:
        back_mm, slide_mm = own_seat(comparison.points_mm, comparison.places_mm)
        straying_mm = np.linalg.norm(back_mm - comparison.places_mm, axis=1) if slide_mm <= FAR_MM else far_mm
    wrong = (far_mm > FAR_MM) & ((straying_mm > STRAY_MM) | (slide_mm <= ASKEW_MM))
    wrong |= _on_other_side(comparison, places)
    if not wrong.any():
        if slide_mm > ASKEW_MM:
            log.warning("%s: the cap as a whole sits about %.0f mm askew; it is taken as it sits", source, slide_mm)
        return
    cause = fit_of_all(comparison.points_mm, comparison.places_mm, by_landmarks)
    worst = _told(comparison, wrong)
    name = comparison.names[worst]
    system = "10-10 " if name in TEN_TEN else "10-5 " if name in TEN_FIVE else ""
    cause = cause or _exchange(comparison, worst, places) or _moved(comparison, worst, slide_mm)
    raise InputError(
        f"electrode {name} of {source} lies {far_mm[worst]:.0f} mm from the {system}place of that name on this head"
        f"{': ' if cause else ''}{cause}; correct the file{'' if cause else ', or give the electrode another name'}"
    )


def _compared(names: Sequence[str], points: NDArray, feet: NDArray, places: ScalpPositions) -> NameComparison:
    """The electrodes of a set whose names have a place."""
    electrodes = places.of_kind(ELECTRODE, REFERENCE)
    row = {name.lower(): i for i, name in enumerate(electrodes.names) if name}
    pairs = []
    for i, name in enumerate(names):
        meant = name if name.lower() in row else position_named(name) or ""
        if meant.lower() in row:
            pairs.append((i, row[meant.lower()], meant))
    of, at = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    points, feet = np.asarray(points, float).reshape(-1, 3), np.asarray(feet, float).reshape(-1, 3)
    return NameComparison(tuple(electrodes.names[i] for i in at), points[of], feet[of], electrodes.points_mm[at])


def _told(comparison: NameComparison, wrong: NDArray[np.bool_]) -> int:
    """Which of the wrong electrodes to name: C3 or C4, else the farthest."""
    first = [comparison.names.index(name) for name in TOLD_FIRST if name in comparison.names]
    return next((i for i in first if wrong[i]), int(np.where(wrong, comparison.far_mm, -1.0).argmax()))


def _lateral_mm(points: NDArray, places: ScalpPositions) -> NDArray[np.float64]:
    """How far points lie to the right of the midline, (n,) mm; zeros where places have no T7 and T8."""
    if not {LEFT, RIGHT} <= set(places.names):
        return np.zeros(len(points))
    left, right = places.point_mm(LEFT), places.point_mm(RIGHT)
    lateral: NDArray[np.float64] = (points - (left + right) / 2) @ ((right - left) / np.linalg.norm(right - left))
    return lateral


def _on_other_side(comparison: NameComparison, places: ScalpPositions) -> NDArray[np.bool_]:
    """Electrodes across the midline from their place, (n,): far from it, or two of one row that each crossed it."""
    is_at, belongs = _lateral_mm(comparison.spots_mm, places), _lateral_mm(comparison.places_mm, places)
    across = is_at * belongs < 0
    row = {name: i for i, name in enumerate(comparison.names)}
    crossed = across & (np.abs(is_at) > CROSSED_MM)
    pairs = [row.get(_mirrored(name), -1) for name in comparison.names]
    both = np.array([crossed[i] and pair >= 0 and crossed[pair] for i, pair in enumerate(pairs)], bool)
    return (across & (np.abs(belongs) > LATERAL_MM)) | both


def _mirrored(name: str) -> str:
    """The name on the other side; "" for the midline's."""
    stem = name.rstrip("0123456789h")
    digits = name[len(stem) :].rstrip("h")
    if not digits:
        return ""
    number = int(digits)
    return f"{stem}{number + 1 if number % 2 else number - 1}{'h' if name.endswith('h') else ''}"


def _exchange(comparison: NameComparison, worst: int, places: ScalpPositions) -> str:
    """Which name the place belongs to where the worst electrode lies, and whether the two are exchanged; "" if none."""
    name, spot = comparison.names[worst], comparison.spots_mm[worst]
    others = np.linalg.norm(comparison.spots_mm - comparison.places_mm[worst], axis=1)
    others[worst] = np.inf
    back = np.linalg.norm(comparison.places_mm - spot, axis=1)
    swapped = np.flatnonzero((others < FAR_MM) & (back < FAR_MM))
    if len(swapped):
        other = comparison.names[int(swapped[np.argmin((others + back)[swapped])])]
        first, second = sorted((name, other))
        return f"{first} and {second} look exchanged"
    electrodes = places.of_kind(ELECTRODE, REFERENCE)
    known = [i for i, each in enumerate(electrodes.names) if each in TEN_TEN]
    if not known:
        return ""
    away = np.linalg.norm(electrodes.points_mm[known] - spot, axis=1)
    nearest = electrodes.names[known[int(away.argmin())]]
    return f"it lies where {nearest} is" if away.min() < THERE_MM and nearest != name else ""


def _moved(comparison: NameComparison, worst: int, slide_mm: float) -> str:
    """What else the worst electrode shows: all are off alike, or it is nowhere near the scalp; "" if neither."""
    if slide_mm > FAR_MM:
        return f"the cap as a whole lies {slide_mm:.0f} mm off, in another frame or on another head"
    off_mm = comparison.off_mm[worst]
    return (
        f"it lies {off_mm:.0f} mm off the scalp, in another frame or on another head" if off_mm > OFF_SCALP_MM else ""
    )


def _check_cap(source: str, points: NDArray, places: ScalpPositions, by_landmarks: bool) -> None:
    """Refuse a cap, whatever its electrodes are called, that is no size of a head or hangs below nasion and ears."""
    marks = [places.names.index(name) for name in ("Nz", "LPA", "RPA") if name in places.names]
    if len(points) < CAP_LEAST or len(marks) < 3:
        return
    radius_mm = float(np.median(np.linalg.norm(points - points.mean(0), axis=1)))
    fitting = [unit for unit, mm in UNITS.items() if unit != "mm" and 40 < mm * radius_mm < 150]
    if radius_mm < CAP_RADIUS_MM and fitting:
        raise InputError(
            f"the electrodes of {source} lie {radius_mm:.2g} mm apart: they look like {fitting[0]}; give mm"
        )
    nasion, left, right = places.points_mm[marks]
    up = np.cross(right - left, nasion - left)
    if float(np.median((points - left) @ up)) < 0:
        cause = (
            "left and right look exchanged, of its electrodes or of its ears" if by_landmarks else "the axes are turned"
        )
        raise InputError(f"the electrodes of {source} lie below nasion and ears: {cause}; correct the file")
