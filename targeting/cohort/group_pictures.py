"""Pictures of a group: own against common doses, the field on the group's cortex and in MNI152, and where groups differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from atlases.fslr import group_cortex
from meshes.weighted import weighted_quantile
from targeting.cohort.group_gain import Middle, OwnAndCommon
from targeting.cohort.group_maps import on_hemispheres
from targeting.files.group_spaces import MNI_AFFINE_MM, MNI_SHAPE, SIDES
from targeting.scene.colors import COIL, EXCEEDING, INK, QUIET, color_scale, field_colors, rounded_up, strength
from targeting.scene.directions import PLANES
from targeting.scene.raster.camera import View
from targeting.scene.raster.canvas import DOTS_PER_INCH, Canvas
from targeting.scene.raster.surface import Surface, compose, render
from targeting.words.numbers import number

WIDTH, HEIGHT = 900, 470
PANEL, PANEL_HEIGHT, HEAD, STRIP = 440, 340, 40, 130  # of a view of the cortex; above it its name, below it the colours
VIEWS = (((-1.0, 0.0, 0.0), "lh"), ((0.0, 0.0, 1.0), ""), ((1.0, 0.0, 0.0), "rh"))  # toward the viewer; what is shown
LETTERS = 15
SLICE_PX = 400
BRAIN_MARGIN = 3  # voxels round the template's brain that slices show
FAINT_LINES = 40  # people, from which their lines are fainter


def gain_picture(pairs: Sequence[OwnAndCommon], middle: Middle, common: str, unit: str) -> NDArray[np.uint8]:
    """Own and common doses of each person joined by a line, and beside them the ratios with their median, (h, w, 3) uint8.

    Parameters
    ----------
    pairs : sequence of OwnAndCommon
        With both doses.
    middle : Middle
        Of their ratios.
    common : str
        What is the same for all, on the axis.
    unit : str
        Of the doses, with their conditions.
    """
    figure = Figure((WIDTH / DOTS_PER_INCH, HEIGHT / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor="white")
    agg = FigureCanvasAgg(figure)
    left, right = figure.add_axes((0.085, 0.12, 0.43, 0.77)), figure.add_axes((0.62, 0.12, 0.36, 0.77))
    doses = np.array([(each.common_v_per_m, each.own_v_per_m) for each in pairs], np.float64)
    pale = 0.7 if len(pairs) < FAINT_LINES else 0.3
    for low, high in doses:
        left.plot((0, 1), (low, high), "-", color=QUIET, linewidth=1.3, alpha=pale, zorder=1)
    left.plot(np.zeros(len(doses)), doses[:, 0], "o", color=QUIET, markersize=8, zorder=2)
    left.plot(np.ones(len(doses)), doses[:, 1], "o", color=COIL, markersize=8, zorder=2)
    left.set(xlim=(-0.35, 1.35), ylim=(0, 1.08 * doses.max()))
    left.set_xticks((0, 1), (common, "own plan"))
    _title(left, f"dose, {unit}")
    ratios = np.sort([each.ratio or np.nan for each in pairs])
    place = np.arange(1, len(ratios) + 1)
    if middle.low is not None and middle.high is not None:
        right.axhspan(middle.low, middle.high, color=COIL, alpha=0.15, linewidth=0)
    right.axhline(middle.median, color=COIL, linewidth=2)
    right.axhline(1.0, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    right.plot(place, ratios, "o", color=COIL, markersize=8)
    spread = max(ratios.max() - 1, 1 - ratios.min(), 0.05)
    right.set(
        xlim=(0.3, len(ratios) + 0.7), ylim=(min(ratios.min(), 1) - 0.12 * spread, max(ratios.max(), 1) + 0.12 * spread)
    )
    right.set_xticks([])
    right.set_xlabel("people, from least to most", fontsize=LETTERS, color=INK)
    _title(right, "own ÷ common")
    for axes in (left, right):
        _quiet(axes)
    agg.draw()
    return np.array(agg.buffer_rgba())[..., :3].copy()


def scale_end_of(values: NDArray[np.floating]) -> float:
    """Where the colours of a map of the cortex end: what a thousandth of its area exceeds, rounded up."""
    sides = on_hemispheres(np.asarray(values, np.float64))
    areas = np.concatenate([group_cortex(side).central.vertex_areas_mm2 for side in SIDES])
    whole = np.concatenate([sides[side] for side in SIDES])
    known = np.isfinite(whole)
    if not known.any():
        return 1.0
    return rounded_up(float(weighted_quantile(np.abs(whole[known]), areas[known], 1 - EXCEEDING)))


def cortex_picture(values: NDArray[np.floating], scalars: str, words: str, top: float) -> NDArray[np.uint8]:
    """A map on the group's cortex from the left, from above and from the right, (h, w, 3) uint8.

    Parameters
    ----------
    values : (v,) float
        As CIFTI has them; NaN is the colour of the cortex.
    scalars : {"magnE", "normalE"}
        Whose colours: of sizes, or of values with a sign.
    words : str
        The quantity with its unit, at the colour bar.
    top : float
        End of the scale.
    """
    sides = on_hemispheres(values)
    panels = [_panel(toward, (shown,) if shown else SIDES, sides, scalars, top) for toward, shown in VIEWS]
    views = [view for view, _ in panels]
    row = np.concatenate([picture for _, picture in panels], axis=1)
    canvas = Canvas(np.pad(row, ((HEAD, 0), (0, 0), (0, 0)), constant_values=255), STRIP)
    for i, title in enumerate(("left", "above", "right")):
        canvas.words(((i + 0.5) * PANEL, 24), title, 24, QUIET)
        if title == "above":
            for letter, x in (("L", 40), ("R", PANEL - 40)):
                canvas.words((i * PANEL + x, HEAD + PANEL_HEIGHT / 2), letter, 34, INK, weight="bold")
    canvas.scale_bar(replace(views[0], height=HEAD + PANEL_HEIGHT), 50, left=26)
    low = -top if scalars == "normalE" else 0.0
    canvas.color_bar(low, top, color_scale(scalars), words, ticks=(low, (low + top) / 2, top))
    return canvas.rgb()


def slices_picture(
    values: NDArray[np.floating], place_mm: Sequence[float], words: str, top: float
) -> NDArray[np.uint8]:
    """A map in MNI152 over its template, three planes through a place; left is on the left, (h, w, 3) uint8.

    Parameters
    ----------
    values : (v,) float
        Of the voxels of the template's grid.
    place_mm : (3,) float
        MNI152.
    words : str
        The quantity with its unit, at the colour bar.
    top : float
        End of the scale.
    """
    whole = np.asarray(values, np.float64).reshape(MNI_SHAPE)
    grey, brain = _template()
    index = np.rint((np.asarray(place_mm) - MNI_AFFINE_MM[:3, 3]) / MNI_AFFINE_MM[0, 0]).astype(int)
    index = np.clip(index, 0, np.array(MNI_SHAPE) - 1)
    colors, own = field_colors(whole.ravel(), "magnE", top), strength(whole.ravel(), top)
    shown = np.where(brain.ravel(), own, 0.0)[:, None]
    rgb = (shown * colors + (1 - shown) * grey.reshape(-1, 1)).reshape(*MNI_SHAPE, 3)
    inside = np.argwhere(brain)
    box = np.stack([np.maximum(inside.min(0) - BRAIN_MARGIN, 0), inside.max(0) + BRAIN_MARGIN + 1], axis=1)
    panels = []
    for plane in PLANES:
        flat = np.take(rgb, index[plane.across], plane.across)  # the axes left are in their order, x before y before z
        flat = flat[tuple(slice(*ends) for axis, ends in enumerate(box) if axis != plane.across)]
        upright = flat.transpose(1, 0, 2)[::-1]
        panels.append(_enlarged(upright[:, ::-1] if plane.across == 0 else upright))
    canvas = Canvas(np.concatenate(panels, axis=1), STRIP)
    for i, plane in enumerate(PLANES):
        at = index[plane.across] * MNI_AFFINE_MM[0, 0] + MNI_AFFINE_MM[plane.across, 3]
        where = f"{'xyz'[plane.across]} = {number(float(at), 0)} mm"
        canvas.words(((i + 0.5) * SLICE_PX, 22), where, 22, "white", halo="black")
        for letter, x in zip(plane.letters[:2], (24, SLICE_PX - 24), strict=True):
            canvas.words((i * SLICE_PX + x, SLICE_PX / 2), letter, 30, "white", halo="black", weight="bold")
    canvas.color_bar(0.0, top, color_scale("magnE"), words, ticks=(0.0, top / 2, top))
    return canvas.rgb()


def brain_peak_mm(values: NDArray[np.floating]) -> list[float]:
    """Where a map in MNI152 is largest within the template's brain, (3,) mm."""
    inside = np.where(_template()[1].ravel(), np.nan_to_num(np.asarray(values, np.float64)), -np.inf)
    index = np.unravel_index(int(inside.argmax()), MNI_SHAPE)
    return [float(x) for x in MNI_AFFINE_MM[:3, :3] @ np.array(index) + MNI_AFFINE_MM[:3, 3]]


def brain_end(values: NDArray[np.floating]) -> float:
    """Where the colours of a map in MNI152 end: what a thousandth of the template's brain exceeds, rounded up."""
    inside = np.asarray(values, np.float64)[_template()[1].ravel()]
    known = inside[np.isfinite(inside)]
    return rounded_up(float(np.quantile(known, 1 - EXCEEDING))) if len(known) else 1.0


def _panel(
    toward: tuple[float, float, float],
    shown: Sequence[str],
    sides: Mapping[str, NDArray[np.float64]],
    scalars: str,
    top: float,
) -> tuple[View, NDArray[np.uint8]]:
    surfaces = [group_cortex(side).central for side in shown]
    points_mm = np.concatenate([each.points_mm for each in surfaces])
    offsets = np.cumsum([0, *(len(each.points_mm) for each in surfaces[:-1])])
    triangles = np.concatenate([each.triangles + start for each, start in zip(surfaces, offsets, strict=True)])
    values = np.concatenate([sides[side] for side in shown])
    view = View.holding(points_mm, toward, (PANEL, PANEL_HEIGHT), margin_mm=12.0)
    surface = Surface(points_mm, triangles.astype(np.int32), np.arange(len(points_mm)))
    drawn = render(surface, field_colors(values, scalars, top), view, crevices=True, kept=strength(values, top))
    return view, compose(view, (drawn, 1.0))


@cache
def _template() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The template's grey values, 0 to 1, and where its brain is, on the grid of the maps."""
    from nibabel.processing import resample_from_to
    from nilearn.datasets import load_mni152_brain_mask, load_mni152_template

    grid = (MNI_SHAPE, MNI_AFFINE_MM)
    image = np.asarray(resample_from_to(load_mni152_template(resolution=2), grid, order=1).dataobj, np.float64)
    mask = np.asarray(resample_from_to(load_mni152_brain_mask(resolution=2), grid, order=0).dataobj) > 0
    return np.clip(image / np.percentile(image[mask], 99.5), 0, 1), mask


def _enlarged(picture: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A slice in the middle of a black square, pixel by pixel larger."""
    factor = SLICE_PX // max(picture.shape[:2])
    large = np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)
    square = np.zeros((SLICE_PX, SLICE_PX, 3))
    row, column = ((SLICE_PX - size) // 2 for size in large.shape[:2])
    square[row : row + large.shape[0], column : column + large.shape[1]] = large
    return np.round(np.clip(square, 0, 1) * 255).astype(np.uint8)


def _title(axes: Any, words: str) -> None:
    axes.text(0, 1.04, words, transform=axes.transAxes, fontsize=LETTERS, color=INK, fontweight="bold")


def _quiet(axes: Any) -> None:
    axes.tick_params(labelsize=LETTERS, colors=INK, length=4)
    axes.grid(color="#e4e8ec", linewidth=1, axis="y")
    axes.set_axisbelow(True)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
