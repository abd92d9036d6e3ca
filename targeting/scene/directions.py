"""Left, right, front and back in a picture: letters at its edges, words for the viewpoint, planes, what lies behind the head.

World axes are RAS: x to the person's right, y to the front, z up.  Every picture takes its letters from here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

UP, FRONT, RIGHT = np.array([0.0, 0, 1]), np.array([0.0, 1, 0]), np.array([1.0, 0, 0])
ENDS = (  # ends of the world's axes, their letters, and the words for looking from there
    (RIGHT, "R", "the right"),
    (-RIGHT, "L", "the left"),
    (FRONT, "A", "the front"),
    (-FRONT, "P", "the back"),
    (UP, "S", "above"),
    (-UP, "I", "below"),
)
PLAIN = {"A": "nose", "P": "back", "S": "top", "I": "neck"}  # for those who do not read A, P, S and I
SIDES = "LR"  # the letters that must never be mistaken: drawn larger
NAMED_FROM = 0.42  # a direction counts as "above", "the left" ... from this cosine
LEAST_LENGTH = 0.35  # of a compass' radius: a shorter arm points at the viewer, or away
LETTERS_APART = 0.5  # of a compass' radius: letters nearer to each other could not be read
BEHIND_MM = 15.0  # beyond the head's middle: what is near the middle counts for both sides
PALE = 0.3  # opacity of words and marks that lie behind the head


def seen_from(toward_viewer: NDArray[np.float64]) -> str:
    """In words: "seen from the left and above".

    Examples
    --------
    >>> import numpy as np
    >>> seen_from(np.array([-0.7, 0.0, 0.7])), seen_from(np.array([0.0, 1.0, 0.0]))
    ('seen from the left and above', 'seen from the front')
    """
    unit = np.asarray(toward_viewer, np.float64) / np.linalg.norm(toward_viewer)
    named = sorted(((float(unit @ end), word) for end, _, word in ENDS), reverse=True)
    words = [word for cosine, word in named if cosine >= NAMED_FROM] or [named[0][1]]
    return "seen from " + (words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}")


def edge_letters(
    toward_viewer: ArrayLike, up: ArrayLike
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """What lies to the left, right, top and bottom of a picture, by letters, the nearest axis first.

    Examples
    --------
    >>> edge_letters((0, 0, 1), (0, 1, 0))  # from the top, nose up
    (('L',), ('R',), ('A',), ('P',))
    """
    toward = np.asarray(toward_viewer, np.float64)
    right = np.cross(np.asarray(up, np.float64), toward)
    right = right / np.linalg.norm(right)
    top = np.cross(toward, right)
    top = top / np.linalg.norm(top)

    def at(edge: NDArray[np.floating]) -> tuple[str, ...]:
        cosines = sorted(((float(edge @ end), letter) for end, letter, _ in ENDS), reverse=True)
        return tuple(letter for cosine, letter in cosines if cosine > NAMED_FROM)[:2]

    return at(-right), at(right), at(top), at(-top)


def compass_letters(right: NDArray[np.float64], up: NDArray[np.float64]) -> list[tuple[str, NDArray[np.float64]]]:
    """Letters of a compass in a picture's corner, and where each stands, in radii to the right and down from its middle.

    An end that points at the viewer, or away, is left out, for its letter would stand in the middle and be taken for a side
    of the picture.  Of letters that would lie on one another left and right stay before all others, near ends before far.

    Parameters
    ----------
    right, up : (3,) float64
        Unit world vectors along the picture's edges.

    Examples
    --------
    >>> [letter for letter, _ in compass_letters(RIGHT, FRONT)]  # from the top
    ['R', 'L', 'A', 'P']
    """
    toward = np.cross(right, up)
    ends = sorted(ENDS, key=lambda each: (each[1] not in SIDES, -each[0] @ toward))
    free: list[tuple[str, NDArray[np.float64]]] = []
    for end, letter, _ in ends:
        at = np.array([end @ right, -end @ up])
        if np.hypot(*at) >= LEAST_LENGTH and all(np.hypot(*(other - at)) >= LETTERS_APART for _, other in free):
            free.append((letter, at))
    return free


def is_behind(place_mm: ArrayLike, middle_mm: ArrayLike, toward_viewer: ArrayLike) -> bool:
    """Whether a place lies on the side of the head's middle that is away from the viewer.

    Words and marks are drawn over everything.  Those of the far side are pale, so that what belongs to the left is not read
    on the right.

    Parameters
    ----------
    place_mm, middle_mm : (3,) float
        In one frame.
    toward_viewer : (3,) float
        Unit vector in that frame.

    Examples
    --------
    >>> left_mm, from_the_left, from_the_right = (-40.0, 0.0, 50.0), (-1.0, 0.0, 0.0), (1.0, 0.0, 0.0)
    >>> is_behind(left_mm, (0.0, 0.0, 0.0), from_the_left), is_behind(left_mm, (0.0, 0.0, 0.0), from_the_right)
    (False, True)
    """
    away_mm = np.asarray(place_mm, np.float64) - np.asarray(middle_mm, np.float64)
    return bool(away_mm @ np.asarray(toward_viewer, np.float64) < -BEHIND_MM)


@dataclass(frozen=True)
class Plane:
    """A plane across a world axis, as pictures show it.

    Neurological convention: left is left in the axial and coronal planes; the sagittal plane is seen from the left, so the
    face looks to the picture's left edge.

    Parameters
    ----------
    name : str
    across : int
        0, 1, 2: the axis that is constant in the plane.
    toward_viewer : (3,) float

    Examples
    --------
    >>> [(plane.name, "".join(plane.letters)) for plane in PLANES]
    [('axial', 'LRAP'), ('coronal', 'LRSI'), ('sagittal', 'APSI')]
    """

    name: str
    across: int
    toward_viewer: tuple[float, float, float]

    @property
    def up(self) -> NDArray[np.float64]:
        """World unit vector to the picture's top, (3,)."""
        return FRONT if self.across == 2 else UP

    @property
    def right(self) -> NDArray[np.float64]:
        """World unit vector to the picture's right, (3,)."""
        return np.cross(self.up, np.array(self.toward_viewer)).astype(np.float64)

    @property
    def letters(self) -> tuple[str, ...]:
        """At the picture's left, right, top and bottom edge."""
        return tuple(edge[0] for edge in edge_letters(self.toward_viewer, self.up))


PLANES = (
    Plane("axial", 2, (0.0, 0.0, 1.0)),
    Plane("coronal", 1, (0.0, -1.0, 0.0)),
    Plane("sagittal", 0, (-1.0, 0.0, 0.0)),
)
