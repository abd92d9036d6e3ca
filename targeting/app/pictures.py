"""Where a target lies on the cortex, as a picture to choose from: the group's two hemispheres, the left one on the left.

What is drawn is data, no sketch: the inflated surface of fs_LR with its sulci darker, and on it the vertices that a plan
carries over to the person's own folds (:mod:`atlases.named_patch`).  Inflated, because much of what is aimed at lies in a
fold.  Of a target with a point only it is the cortex round that point.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import nibabel as nib
import numpy as np
from matplotlib.colors import to_rgb
from nibabel.imageglobals import logger
from numpy.typing import NDArray

from atlases.aim import parse_point
from atlases.area_aim import by_folds, vertex_of
from atlases.areas import patch_of
from atlases.fslr import SIDES, VERTICES, data_folder, grayordinates, group_cortex
from atlases.named_patch import group_part
from atlases.targets import HEMISPHERES, targets
from meshes.errors import InputError
from targeting.scene.colors import GREY_MATTER, INK, QUIET, TARGET
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import Canvas
from targeting.scene.raster.surface import Surface, compose, render

AREA, MNI, FSLR = "area:", "mni:", "fslr:"
SULCUS_DARKNESS, NOT_CORTEX = 0.28, 0.86
STRIP = 24  # pixels below, for words
LEAST_MM = 7.0  # round a point: smaller would not be seen
ABOVE, SIDE, MIDLINE = "from above", "from the side", "from the midline"
SEEN_FROM_ABOVE = 0.5  # a cosine: from there on it is seen well enough where left and right lie side by side
FACES = {  # of the left hemisphere: to the viewer; the right one's is its mirror image
    ABOVE: (0.0, 0.0, 1.0),
    SIDE: (-1.0, 0.0, 0.0),
    MIDLINE: (1.0, 0.0, 0.0),
}
Marks = Mapping[str, NDArray[np.bool_]]


@cache
def inflated(side: str) -> Surface:
    """The group's inflated hemisphere, "left" or "right".

    Examples
    --------
    >>> bool(inflated("left").points_mm[:, 0].mean() < 0 < inflated("right").points_mm[:, 0].mean())
    True
    """
    letter = SIDES[HEMISPHERES[side]]
    image = nib.load(data_folder() / f"S1200.{letter}.very_inflated_MSMAll.32k_fs_LR.surf.gii")
    points, triangles = (each.data for each in image.darrays)  # type: ignore[attr-defined,unused-ignore]
    return Surface.of(np.asarray(points, np.float64), np.asarray(triangles, np.int32))


@cache
def grey(side: str) -> NDArray[np.float64]:
    """The hemisphere without a target: sulci darker than gyri, the medial wall plain; (V, 3), 0..1."""
    file = data_folder() / "S1200.sulc_MSMAll.32k_fs_LR.dscalar.nii"
    logger.disabled = True  # a file without voxels is told of as if that were a fault
    try:
        depth = np.asarray(nib.load(file).dataobj)[0]  # type: ignore[attr-defined,unused-ignore]
    finally:
        logger.disabled = False
    n_left = len(grayordinates("lh"))
    shade = np.full(VERTICES, NOT_CORTEX)
    of_side = depth[:n_left] if side == "left" else depth[n_left:]  # negative in a sulcus
    shade[grayordinates(HEMISPHERES[side])] = np.where(of_side < 0, 1 - SULCUS_DARKNESS, 1.0)
    return shade[:, None] * GREY_MATTER


def marks_of(aim: str) -> Marks:
    """The vertices of fs_LR that a target is made of, by the sides it can be on.

    Parameters
    ----------
    aim : str
        A named target, ``area:NAME``, ``mni:x,y,z`` or ``fslr:VERTEX``.

    Raises
    ------
    InputError
        If it is none of these, or not known: then there is no picture.

    Examples
    --------
    >>> sorted(marks_of("m1-hand")), sorted(marks_of("dlpfc-fox")), sorted(marks_of("mni:37,-21,58"))
    (['left', 'right'], ['left'], ['right'])
    """
    named = targets().get(aim)
    if named is not None:
        return {
            side: group_part(named, side) if named.areas else _round(named.mni_mm(side), side, named.radius_mm)
            for side in named.sides
        }
    if aim.startswith(AREA):
        return {side: patch_of(aim.removeprefix(AREA), hemisphere).vertices for side, hemisphere in HEMISPHERES.items()}
    if aim.startswith(FSLR) and by_folds(aim):
        return {side: _round(_vertex_mm(aim, side), side, LEAST_MM) for side in HEMISPHERES}
    if aim.startswith(MNI):
        point = parse_point(aim.removeprefix(MNI), aim)
        side = "left" if point[0] < 0 else "right"
        return {side: _round(point, side, LEAST_MM)}
    raise InputError(f"there is no picture of {aim}")


@cache
def picture(aim: str, side: str | None, size: tuple[int, int], words: bool = True) -> NDArray[np.uint8]:
    """Both hemispheres, L on the left, with the target on one side or, as long as none is chosen, on each it can be on.

    Parameters
    ----------
    aim : str
        As for :func:`marks_of`.
    side : {"left", "right"} or None
    size : (int, int)
        Width and height, pixels.
    words : bool
        Whether it says where each half is seen from; L and R it always says.

    Returns
    -------
    (height, width, 3) uint8

    Raises
    ------
    InputError
        As :func:`marks_of`.
    """
    marks = marks_of(aim)
    strip = STRIP if words else 0
    width, height = size[0], size[1] - strip
    shown = {each: mark for each, mark in marks.items() if side in (None, each)}
    face = facing(shown)
    halves = []
    for each in HEMISPHERES:
        colors = grey(each).copy()
        if each in shown:
            colors[shown[each]] = to_rgb(TARGET)
        toward = np.array(FACES[face]) * (1 if each == "left" else (-1, 1, 1))
        view = View.holding(inflated(each).points_mm, toward, (width // 2, height), margin_mm=6)
        halves.append(compose(view, (render(inflated(each), colors, view), 1.0)))
    canvas = Canvas(np.concatenate(halves, axis=1), strip)
    letter = 0.14 * height if words else 0.24 * height
    for each, at in zip(HEMISPHERES, (0.7 * letter, 2 * (width // 2) - 0.7 * letter), strict=True):
        ink = TARGET if side == each else INK
        canvas.words((at, 0.7 * letter), each[0].upper(), letter, ink, weight="bold")
        if words:
            middle = width / 4 if each == "left" else 3 * width / 4
            canvas.words((middle, height + strip / 2), f"{each} side of the brain, {face}", 0.6 * strip, QUIET)
    return canvas.rgb()


def facing(marks: Marks) -> str:
    """From where a target is seen best: one of :data:`FACES`."""
    toward = np.zeros(3)
    for side, mark in marks.items():
        toward += (inflated(side).normals[mark].mean(axis=0)) * (1 if side == "left" else (-1, 1, 1))
    if not toward.any():  # it is not on the side that is shown
        return SIDE
    cosines = {name: float(toward @ face / np.linalg.norm(toward)) for name, face in FACES.items()}
    return ABOVE if cosines[ABOVE] > SEEN_FROM_ABOVE else max(cosines, key=lambda name: cosines[name])


def _round(point_mm: object, side: str, radius_mm: float) -> NDArray[np.bool_]:
    """The cortex round the vertex that is nearest to a point of MNI152."""
    points = group_cortex(HEMISPHERES[side]).central.points_mm
    nearest = points[np.linalg.norm(points - np.asarray(point_mm, np.float64), axis=1).argmin()]
    return np.asarray(np.linalg.norm(points - nearest, axis=1) <= max(radius_mm, LEAST_MM))


def _vertex_mm(aim: str, side: str) -> NDArray[np.float64]:
    return group_cortex(HEMISPHERES[side]).central.points_mm[vertex_of(aim, side)]
