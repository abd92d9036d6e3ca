"""The colours of the field on the cortex, with the folds still to be read.

Weak fields fade into the colour of grey matter, so that the eye goes to the strong ones; what lies in a fold is darker.
Both are put into one RGB value per point, which every program shows alike: VTK, the browser's vtk.js, glTF.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyvista as pv

# the report's pictures have the same colours for the same things
INK, QUIET = "#1c2733", "#5b6875"
TARGET, COIL, SPARED = "#e8127d", "#0b6e8a", "#4a2d8f"
ANODE, CATHODE, IDLE = "#c8102e", "#1f5fbf", "#8a929b"
SKIN, BONE, BRAIN = "#e6cdb8", "#efe9da", "#ebe8e6"
GREY_MATTER = np.array([0.92, 0.91, 0.90])
SCALES = {"magnE": "YlOrRd", "normalE": "RdBu_r"}
WORDS = {"magnE": "E-field strength", "normalE": "E-field into the cortex"}
FADED_BELOW = 0.25  # of the scale's end
CREVICE_DARKNESS = 0.42
STEPS = 256


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


def paint(surface: pv.PolyData, scalars: str, top_v_per_m: float) -> NDArray[np.uint8]:
    """RGB of each point, (n, 3): the field's colour, darker in folds; grey matter where there is no value.

    Parameters
    ----------
    surface : pyvista.PolyData
        With the point array ``scalars`` (V/m; "" for none), and "crevice" (0 to 1) if its folds shall be seen.
    scalars : {"", "magnE", "normalE"}
    top_v_per_m : float
        End of the scale.
    """
    if scalars:
        low, high = limits(scalars, top_v_per_m)
        share = (np.asarray(surface.point_data[scalars], np.float64) - low) / max(high - low, 1e-30)
        known = np.isfinite(share)
        table = color_scale(scalars).colors
        rgb = np.asarray(table)[np.round(np.clip(np.where(known, share, 0), 0, 1) * (STEPS - 1)).astype(int)]
        rgb[~known] = GREY_MATTER
    else:
        rgb = np.tile(GREY_MATTER, (surface.n_points, 1))
    if "crevice" in surface.point_data:
        rgb = rgb * (1 - CREVICE_DARKNESS * np.asarray(surface.point_data["crevice"], np.float64))[:, None]
    return np.round(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
