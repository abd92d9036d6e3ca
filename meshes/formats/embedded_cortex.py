"""The folded cortex of the head that ships with the project: made once by the same road, coordinates in hundredths of a mm."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from meshes.cortical_surface import Cortex, CorticalSurface, Folds
from meshes.whole_files import written_whole

DATA = Path(__file__).parents[1] / "data"
EMBEDDED_FILE = DATA / "colin27-cortex.npz"
EMBEDDED_FOLDS = "colin27's own"
STEP_MM = 0.01  # what coordinates are rounded to
MOST = np.iinfo(np.int16).max  # spheres are in so many steps
SIDES = ("lh", "rh")


def embedded_cortex(path: Path = EMBEDDED_FILE) -> Cortex:
    """The cortex of colin27.

    Examples
    --------
    >>> cortex = embedded_cortex()
    >>> sorted(cortex.folds), bool(cortex.left.points_mm[:, 0].mean() < 0)
    (['lh', 'rh'], True)
    """
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    surfaces, folds = {}, {}
    for side in SIDES:
        central, white, pial = (arrays[f"{side}_{name}"] * STEP_MM for name in ("central", "white", "pial"))
        surfaces[side] = CorticalSurface(central, np.cumsum(arrays[f"{side}_triangles"], axis=0, dtype=np.int32))
        sphere, fslr = (arrays[f"{side}_{name}"].astype(np.float64) for name in ("sphere", "fslr"))
        folds[side] = Folds(
            white_mm=white,
            pial_mm=pial,
            thickness_mm=arrays[f"{side}_thickness"] * STEP_MM,
            depth_mm=arrays[f"{side}_depth"] * STEP_MM,
            sphere=sphere / np.linalg.norm(sphere, axis=1, keepdims=True),
            fslr=fslr / np.linalg.norm(fslr, axis=1, keepdims=True),
            cortex=arrays[f"{side}_cortex"],
        )
    return Cortex(surfaces["lh"], surfaces["rh"], str(arrays["source"]), folds)


def save_embedded(cortex: Cortex, path: Path) -> None:
    """Write a cortex with folds on both sides as :func:`embedded_cortex` reads it.

    Parameters
    ----------
    cortex : Cortex
        Thinned already.
    path : Path
    """
    arrays = {"source": np.array(cortex.source)}
    for side, surface in cortex.hemispheres.items():
        folds = cortex.folds[side]
        lengths = {
            "central": surface.points_mm,
            "white": folds.white_mm,
            "pial": folds.pial_mm,
            "depth": folds.depth_mm,
            "thickness": folds.thickness_mm,
        }
        for name, value in lengths.items():
            arrays[f"{side}_{name}"] = np.rint(value / STEP_MM).astype(np.int16)
        for name, value in {"sphere": folds.sphere, "fslr": folds.fslr}.items():
            arrays[f"{side}_{name}"] = np.rint(value * MOST).astype(np.int16)
        arrays[f"{side}_cortex"] = folds.cortex
        triangles = surface.triangles.astype(np.int32)
        arrays[f"{side}_triangles"] = np.diff(triangles, axis=0, prepend=np.zeros((1, 3), np.int32))  # packs better
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
