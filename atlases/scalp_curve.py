"""A tape measure round the head: the curve over the scalp from one point through a second to a third.

The plane through the three cuts the scalp in a closed line; the piece from the first through the second to the third is
pulled tight, as a tape is: it spans hollows (the nasion's, those round an ear) and roughness of the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlases.scalp import Scalp, scalp_feet
from meshes.errors import InputError


@dataclass(frozen=True, eq=False)
class ScalpCurve:
    """A tape along the scalp.

    Parameters
    ----------
    points_mm : (k, 3) float64
        Its corners, in order.
    middle_mm : float
        How far along it the second point lies.
    """

    points_mm: NDArray[np.float64]
    middle_mm: float

    @property
    def along_mm(self) -> NDArray[np.float64]:
        """Length up to each corner, (k,)."""
        return np.append(0.0, np.cumsum(np.linalg.norm(np.diff(self.points_mm, axis=0), axis=1)))

    @property
    def length_mm(self) -> float:
        """From end to end."""
        return float(self.along_mm[-1])

    def at(self, lengths_mm: ArrayLike) -> NDArray[np.float64]:
        """Points at lengths along it, (n, 3)."""
        along, lengths = self.along_mm, np.atleast_1d(np.asarray(lengths_mm, float))
        return np.stack([np.interp(lengths, along, self.points_mm[:, axis]) for axis in range(3)], axis=1)


def scalp_curve(scalp: Scalp, first_mm: ArrayLike, second_mm: ArrayLike, third_mm: ArrayLike) -> ScalpCurve:
    """The curve over the scalp through three points on it, (3,) mm each, that do not lie in a line.

    Raises
    ------
    InputError
        If they do, or the scalp is open between them.
    """
    three = np.stack([np.asarray(p, float) for p in (first_mm, second_mm, third_mm)])
    across = np.cross(three[1] - three[0], three[2] - three[0])
    if np.linalg.norm(across) < 1.0:
        raise InputError("three points on the scalp lie in a line, or two are the same: check the fiducials")
    across /= np.linalg.norm(across)
    loops = _section(scalp, three[0], across)
    if not loops:
        raise InputError("the scalp cannot be measured through these points: check the fiducials")
    places = [[_nearest(loop, point) for point in three] for loop in loops]
    best = int(np.argmin([sum(off for _, off in place) for place in places]))
    loop, (first, second, third) = loops[best], [at for at, _ in places[best]]
    total = _lengths(loop)[-1]
    if (second - first) % total > (third - first) % total:
        loop = loop[::-1]
        first, second, third = (total - at for at in (first, second, third))
    return _joined(_piece(loop, first, second), _piece(loop, second, third), across)


def _joined(before: NDArray, after: NDArray, across: NDArray) -> ScalpCurve:
    """Two pieces as one tape, the place nearest their joint being its middle."""
    tight = _pulled_tight(np.concatenate([before, after[1:]]), across)
    curve = ScalpCurve(tight, 0.0)
    return ScalpCurve(tight, _nearest(tight, before[-1])[0] if len(tight) > 1 else curve.length_mm)


def _section(scalp: Scalp, point: NDArray, across: NDArray) -> list[NDArray[np.float64]]:
    """Closed lines in which a plane cuts the scalp, each (k, 3) with its first point again at the end."""
    height = (scalp.points_mm - point) @ across
    height[height == 0] = 1e-12
    above = height[scalp.triangles] > 0
    cut = scalp.triangles[above.any(1) & ~above.all(1)].astype(np.int64)
    above = height[cut] > 0
    alone = np.where(above.sum(1) == 1, above.argmax(1), (~above).argmax(1))  # the corner on its own side
    row = np.arange(len(cut))
    n = len(scalp.points_mm)
    keys = []
    for step in (1, 2):
        a, b = cut[row, alone], cut[row, (alone + step) % 3]
        keys.append(np.minimum(a, b) * n + np.maximum(a, b))
    edges, ends = np.unique(np.stack(keys, axis=1), return_inverse=True)
    ends = ends.reshape(-1, 2)
    low, high = np.divmod(edges, n)
    share = height[low] / (height[low] - height[high])
    places = scalp.points_mm[low] + share[:, None] * (scalp.points_mm[high] - scalp.points_mm[low])
    return [places[loop] for loop in _loops(ends, len(edges))]


def _loops(ends: NDArray[np.int64], count: int) -> list[list[int]]:
    """Closed walks over segments (s, 2) between points; open ones, at holes of a surface, are left out."""
    beside: list[list[int]] = [[] for _ in range(count)]
    for a, b in ends.tolist():
        beside[a].append(b)
        beside[b].append(a)
    seen, loops = [False] * count, []
    for start in range(count):
        if seen[start] or len(beside[start]) != 2:
            continue
        walk, here, before = [start], beside[start][0], start
        seen[start] = True
        while here != start and len(beside[here]) == 2 and not seen[here]:
            seen[here] = True
            walk.append(here)
            here, before = next((n for n in beside[here] if n != before), start), here
        if here == start and len(walk) > 2:
            loops.append([*walk, start])
    return loops


def _lengths(line: NDArray) -> NDArray[np.float64]:
    return np.append(0.0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1)))


def _nearest(line: NDArray, point: NDArray) -> tuple[float, float]:
    """How far along a line its nearest place to a point lies, and how far off that is."""
    a, along = line[:-1], np.diff(line, axis=0)
    length2 = np.maximum((along**2).sum(1), 1e-300)
    share = np.clip(((point - a) * along).sum(1) / length2, 0, 1)
    off = np.linalg.norm(a + share[:, None] * along - point, axis=1)
    best = int(off.argmin())
    return float(_lengths(line)[best] + share[best] * np.sqrt(length2[best])), float(off[best])


def _piece(loop: NDArray, start: float, end: float) -> NDArray[np.float64]:
    """The piece of a closed line from one length along it on to another, over its seam if need be."""
    along = _lengths(loop)
    total = along[-1]
    start, end = start % total, end % total
    if end < start:
        end += total
    twice, lengths = np.concatenate([loop, loop[1:]]), np.concatenate([along, total + along[1:]])
    inside = (lengths > start) & (lengths < end)
    ends = np.stack([np.interp([start, end], lengths, twice[:, axis]) for axis in range(3)], axis=1)
    return np.concatenate([ends[:1], twice[inside], ends[1:]])


def _pulled_tight(line: NDArray, across: NDArray) -> NDArray[np.float64]:
    """A line in a plane without the corners that turn inward, its ends kept (Graham's scan along it)."""
    u = line[-1] - line[0]
    if np.linalg.norm(u) < 1e-9:
        return line
    u /= np.linalg.norm(u)
    flat = np.stack([(line - line[0]) @ u, (line - line[0]) @ np.cross(across, u)], axis=1)
    if flat[:, 1].mean() < 0:
        flat[:, 1] *= -1
    kept: list[int] = []
    for i, (x, y) in enumerate(flat.tolist()):
        while len(kept) > 1:
            (ax, ay), (bx, by) = flat[kept[-2]], flat[kept[-1]]
            if (bx - ax) * (y - by) - (by - ay) * (x - bx) < 0:  # turns right: bulges out
                break
            kept.pop()
        kept.append(i)
    return line[kept]


def on_scalp(scalp: Scalp, points_mm: ArrayLike) -> NDArray[np.float64]:
    """Points (n, 3) moved onto the scalp."""
    return scalp_feet(scalp, points_mm)[0]
