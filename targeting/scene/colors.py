"""The colours of everything that is drawn, and of the field on the cortex: one palette and one scale for every picture.

Page, window, notebook and drawings for other programs have the same colours for the same things.  On the cortex weak fields
fade into the colour of grey matter, so that the eye goes to the strong ones.  What lies in a fold or faces down is darker,
as under an open sky, but only as far as no colour of the scale is on it: from :data:`FADED_BELOW` on a colour is the scale's
own and can be read from the bar.  All of it is one RGB value per point, which every program shows alike, without lamps of its
own: VTK, the browser's vtk.js, the pictures of the page.

Only the drawings of notebook cards (:mod:`targeting.cards.ink`) have inks of their own, to be read on black, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap, to_rgb
from numpy.typing import NDArray

from meshes.weighted import weighted_quantile

if TYPE_CHECKING:
    import pyvista as pv

INK, QUIET = "#1c2733", "#5b6875"  # words, and words beside them
TARGET, COIL, WINDING, SPARED = "#e8127d", "#0b6e8a", "#c47f17", "#4a2d8f"
ANODE, CATHODE, IDLE = "#c0392b", "#1f5fa8", "#8a929b"  # brick red: the target's magenta ring is seen on it
SKIN, BONE, BRAIN = "#e6cdb8", "#efe9da", "#ebe8e6"
GREY_MATTER = np.array(to_rgb(BRAIN))
SCALES = {"magnE": "YlOrRd", "normalE": "RdBu_r"}
WORDS = {"magnE": "|E|", "normalE": "E into the cortex"}
FADED_BELOW = 0.25  # of the scale's end
CREVICE_DARKNESS, GROUND_DARKNESS = 0.42, 0.3  # of what lies deep in a fold; of what faces straight down
STEPS = 256
EXCEEDING = 0.001  # share of the cortex' area whose |E| lies beyond the scale's end


def scale_end(cortex: pv.PolyData) -> float:
    """Where the colour scale of a field ends, V/m: |E| that a thousandth of the cortex' area exceeds, rounded up.

    One plan has one end of the scale: in its page's pictures and 3D scene, in the window, in notebooks, and in the settings
    of the files for Gmsh and MRI viewers.  It is taken from the cortex because that is the surface the pictures colour.
    Percentiles of the grey matter's volume are set by thin tetrahedra beside the cerebrospinal fluid, which no picture
    shows: with them the darkest colours would stay unused, and the end would change with the mesh.  Points count by the
    area they stand for, so that a thinned surface gives what the whole one gives.  A rounded end can be read, and halved,
    from the bar.

    Parameters
    ----------
    cortex : pyvista.PolyData
        With the point array "magnE", V/m, NaN where there is no field; without it the end is 1.
    """
    if "magnE" not in cortex.point_data:
        return 1.0
    values = np.asarray(cortex.point_data["magnE"], np.float64)
    known = np.isfinite(values)
    areas = point_areas(np.asarray(cortex.points, np.float64), cortex.regular_faces)[known]
    if not areas.any():
        return 1.0
    return rounded_up(float(weighted_quantile(values[known], areas, 1 - EXCEEDING)))


def point_areas(points_mm: NDArray[np.floating], triangles: NDArray[np.integer]) -> NDArray[np.float64]:
    """The area that each point of a surface stands for, mm²: a third of that of its triangles, (n,).

    Examples
    --------
    >>> point_areas(np.array([[0.0, 0, 0], [6, 0, 0], [0, 6, 0]]), np.array([[0, 1, 2]])).tolist()
    [6.0, 6.0, 6.0]
    """
    a, b, c = (points_mm[triangles[:, corner]] for corner in range(3))
    third = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.asarray(np.bincount(triangles.ravel(), np.repeat(third, 3), len(points_mm)), np.float64)


def rounded_up(top: float) -> float:
    """The end of a scale as a number that is easily read and halved: two digits, the second one even.

    Examples
    --------
    >>> rounded_up(1.184), rounded_up(0.3581), rounded_up(116.3), rounded_up(0.0)
    (1.2, 0.36, 120.0, 1.0)
    """
    if not top > 0:
        return 1.0
    step = 2 * 10.0 ** (np.floor(np.log10(top)) - 1)
    return float(f"{np.ceil(round(top / step, 9)) * step:.3g}")


def color_scale(scalars: str) -> ListedColormap:
    """The colours of "magnE" (0 to the top) or "normalE" (minus the top to the top), fading into grey matter at 0."""
    share = np.linspace(0, 1, STEPS)
    size = np.abs(2 * share - 1) if scalars == "normalE" else share
    fade = np.clip(size / FADED_BELOW, 0, 1)[:, None]
    colors = fade * colormaps[SCALES[scalars]](share)[:, :3] + (1 - fade) * GREY_MATTER
    return ListedColormap(colors, name=f"target-{scalars}")


def limits(scalars: str, top_v_per_m: float) -> tuple[float, float]:
    """Lowest and highest value of the colour scale."""
    return (-top_v_per_m if scalars == "normalE" else 0.0, top_v_per_m)


def field_colors(values_v_per_m: NDArray[np.floating], scalars: str, top_v_per_m: float) -> NDArray[np.float64]:
    """RGB of values on the scale, (n, 3) from 0 to 1; grey matter where a value is NaN.

    Parameters
    ----------
    values_v_per_m : (n,) float
    scalars : {"magnE", "normalE"}
    top_v_per_m : float
        End of the scale.
    """
    low, high = limits(scalars, top_v_per_m)
    share = (np.asarray(values_v_per_m, np.float64) - low) / max(high - low, 1e-30)
    known = np.isfinite(share)
    table = np.asarray(color_scale(scalars).colors)
    rgb = table[np.round(np.clip(np.where(known, share, 0), 0, 1) * (STEPS - 1)).astype(int)]
    rgb[~known] = GREY_MATTER
    return rgb


def strength(values_v_per_m: NDArray[np.floating], top_v_per_m: float) -> NDArray[np.float64]:
    """How far a value's colour is the scale's own, 0 to 1, and not grey matter's: 0 where it is NaN, (n,).

    Examples
    --------
    >>> strength(np.array([0.0, 0.125, -0.25, 3.0, np.nan]), 1.0).tolist()
    [0.0, 0.5, 1.0, 1.0, 0.0]
    """
    size = np.abs(np.nan_to_num(np.asarray(values_v_per_m, np.float64))) / max(top_v_per_m, 1e-30)
    return np.clip(size / FADED_BELOW, 0, 1)


def paint(surface: pv.PolyData, scalars: str, top_v_per_m: float) -> NDArray[np.uint8]:
    """RGB of each point, (n, 3): the field's colour; where it is weak or not known, grey matter as under an open sky.

    Parameters
    ----------
    surface : pyvista.PolyData
        With the point array ``scalars`` (V/m; "" for none), and "crevice" (0 to 1) and "Normals" if its shape shall be seen.
    scalars : {"", "magnE", "normalE"}
    top_v_per_m : float
        End of the scale.
    """
    if scalars:
        values = np.asarray(surface.point_data[scalars], np.float64)
        rgb, own = field_colors(values, scalars, top_v_per_m), strength(values, top_v_per_m)
    else:
        rgb, own = np.tile(GREY_MATTER, (surface.n_points, 1)), np.zeros(surface.n_points)
    dark = np.zeros(surface.n_points)
    if "crevice" in surface.point_data:
        dark += CREVICE_DARKNESS * np.asarray(surface.point_data["crevice"], np.float64)
    if "crevice" in surface.point_data and "Normals" in surface.point_data:
        dark += GROUND_DARKNESS * (1 - np.asarray(surface.point_data["Normals"], np.float64)[:, 2]) / 2
    rgb = rgb * (1 - dark * (1 - own))[:, None]
    return np.round(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
