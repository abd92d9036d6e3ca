"""What is wrong with a whole set of electrodes: a mirror, exchanged or turned axes, a unit; found by trying each.

Each of the 48 ways to order and sign three axes, and each unit, is tried in place, and (with enough electrodes to tell)
with the shift that fits best; what brings the set well within the tolerance of its places is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "µm": 0.001}
FITS_MM, MOST_MM = 12.0, 25.0  # median, and nearly all
NEARLY_ALL = 0.9
SHIFT_LEAST = 4  # electrodes that can tell a shift from a fault of the axes
TRIMMED = 4  # rounds of leaving out the worst half


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


MIRRORS = {
    (-1.0, 1.0, 1.0): "left and right look exchanged",
    (-1.0, -1.0, 1.0): "x and y have the opposite sign, as in LPS",
    (1.0, -1.0, 1.0): "front and back look exchanged",
    (1.0, 1.0, -1.0): "up and down look exchanged",
}
