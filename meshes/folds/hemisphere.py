"""From one hemisphere's tissues to its folded surfaces: closed, without handles or intersections, each step checked.

1. A map of the tissues on a fine grid: 1 outside, 2 grey matter, 3 white matter, fractional at the borders.
2. The thickness of the cortex and the position in it (projection-based thickness: Dahnke 2013, NeuroImage 65:336), and the
   surface halfway by marching cubes with a correction of the topology.
3. That surface thinned, drawn to the middle of the cortex, and freed of intersections: the central surface.
4. White and pial surface, vertex for vertex; how deep each vertex lies in a sulcus.
5. The surface unfolded to a sphere, and the sphere's folds brought onto the group's (spherical demons: Yeo 2010, IEEE
   Trans Med Imaging 29:650).

CAT-Surf does the steps; each has a time limit.  What it gives is looked at: a surface with a handle or with intersections is
made again with other settings, and refused if none of them helps.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from meshes.cortical_surface import CorticalSurface, Folds
from meshes.errors import InputError
from meshes.folds.cat_surf import run_step
from meshes.segmentation.hemisphere_shares import HemisphereShares

log = logging.getLogger(__name__)

STEP_MM = 0.7  # of the map: coarser loses sulci, finer takes twice as long
MARGIN_MM = 6.0
WHITE_FROM = 2.5  # of the map: a piece of white matter apart from the rest is none
TRIANGLES = 160_000  # of a hemisphere: edges of about 1.1 mm
SETTINGS: dict[str, dict[str, Any]] = {
    "thickness": {
        "n_avgs": 5,
        "median_subsample": 2,
        "range_val": 0.45,
        "sulcal_barrier": True,
        "correct_thickness": 0.0,
    },
    "thin": {"target_faces": TRIANGLES, "aggressiveness": 7.0},
    "deform": {"w1": 0.1, "w2": 0.1, "w3": 1.0, "sigma": 0.2, "iterations": 75, "remove_intersect": True},
    "layers": {"remove_intersect": True},
    "sphere": {"stop_at": 5, "relax": True},  # relaxed: areas of the sphere vary half as much
    "register": {"iters": 80, "rotate": False},  # it is turned before (see turned), where a search takes 45 s
}
MARCHING_CUBES: dict[str, Any] = {
    "threshold": 0.5, "n_iter": 10, "iter_laplacian": 50, "n_median_filter": 2, "strength_gyri_mask": 0.1,
    "strength_sulci": 1.0, "sulci_cutoff": 0.2,
}  # fmt: skip
TRIES: tuple[dict[str, Any], ...] = (  # what helped where the first left a handle
    {"pre_fwhm": 2.0},
    {"pre_fwhm": 1.0},
    {"pre_fwhm": 3.0},
    {"pre_fwhm": 2.0, "strength_sulci": 0.0},
)
LIMIT_S = 1800.0  # of a step: some forty times what it takes on two idle cores, for a machine that does much else
CLOSED = 2  # Euler's number of a closed surface without handles
AREA_CM2 = (500.0, 1500.0)  # of a hemisphere; adults have 700 to 1,150
THICKNESS_MM = (1.5, 4.0)  # its mean; 2.2 to 3.0 in adults (Fischl and Dale 2000, PNAS 97:11050)
MOST_FOLDED = 0.001  # share of a sphere's triangles that may be turned over


@dataclass(frozen=True, eq=False)
class GroupSurface:
    """The hemisphere whose folds others are brought onto, and its sphere.

    Parameters
    ----------
    points_mm : (V, 3) float64
    triangles : (T, 3) int32
    sphere : (V, 3) float64
        Unit vectors.
    cortex : (V,) bool
        What is cortex, and not the medial wall.
    """

    points_mm: NDArray[np.float64]
    triangles: NDArray[np.int32]
    sphere: NDArray[np.float64]
    cortex: NDArray[np.bool_]

    def is_cortex(self, fslr: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which places of the sphere, (n, 3) unit vectors, are cortex, (n,): by the nearest vertex."""
        return self.cortex[cKDTree(self.sphere).query(fslr)[1]]


def tissue_map(shares: HemisphereShares, step_mm: float = STEP_MM) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Shares as one number on a finer grid along RAS, and that grid's affine (mm).

    1 is outside, 2 grey matter, 3 white matter; between them, how much of each.

    Parameters
    ----------
    shares : HemisphereShares
    step_mm : float
        Of the grid.
    """
    box = np.argwhere(shares.white + shares.grey > 0.5)
    corners = box @ shares.affine_mm[:3, :3].T + shares.affine_mm[:3, 3]
    low, high = corners.min(0) - MARGIN_MM, corners.max(0) + MARGIN_MM
    shape = tuple(np.ceil((high - low) / step_mm).astype(int))
    affine = np.diag([step_mm] * 3 + [1.0])
    affine[:3, 3] = low
    to_voxel = np.linalg.inv(shares.affine_mm) @ affine
    white, grey = (
        ndimage.affine_transform(each, to_voxel[:3, :3], to_voxel[:3, 3], output_shape=shape, order=1)
        for each in (shares.white, shares.grey)
    )
    tissue = (1 + np.minimum(grey, 1 - white) + 2 * white).astype(np.float32)
    pieces, _ = ndimage.label(tissue > WHITE_FROM)
    sizes = np.bincount(pieces.ravel())
    if len(sizes) < 2:
        raise InputError("a hemisphere has no white matter; check the segmentation")
    tissue[(pieces > 0) & (pieces != sizes[1:].argmax() + 1)] = 2
    return tissue, affine


def fold(
    shares: HemisphereShares, group: GroupSurface, folder: Path, log_file: Path, name: str = "cortex"
) -> tuple[CorticalSurface, Folds]:
    """The folded surfaces of a hemisphere.

    Parameters
    ----------
    shares : HemisphereShares
        Its white and grey matter.
    group : GroupSurface
        The same hemisphere of the group.
    folder : Path
        For files in between.
    log_file : Path
        Gets what CAT-Surf prints.
    name : str
        Of the hemisphere, in messages.

    Returns
    -------
    central : CorticalSurface
        Closed, normals outward.
    folds : Folds

    Raises
    ------
    InputError
        If a step fails, takes too long, or leaves no usable surface with any settings.
    """
    tissue, affine = tissue_map(shares)
    points, triangles, thickness = _central(tissue, affine, folder, log_file, name)
    if _volume(points, triangles) < 0:
        triangles = triangles[:, ::-1]
    job = {"points_mm": points, "triangles": triangles}
    at_vertices = _thickness_mm(thickness, affine, points)
    log.info("%s: white and pial surface", name)
    volumes = {"thickness_mm": at_vertices, "tissue": tissue, "affine_mm": affine}
    layers = run_step("layers", {**job, **volumes}, SETTINGS, folder, log_file, LIMIT_S)
    for layer, count in zip(("white", "pial"), layers["intersections"].tolist(), strict=True):
        if count:
            log.warning("%s: its %s surface cuts itself in %d places", name, layer, count)
    sphere, fslr = unfold(points, triangles, group, folder, log_file, name)
    central = CorticalSurface(points, triangles)
    folds = Folds(
        white_mm=layers["white_mm"],
        pial_mm=layers["pial_mm"],
        thickness_mm=at_vertices,
        depth_mm=depth_mm(points, triangles, folder, log_file),
        sphere=sphere,
        fslr=fslr,
        cortex=group.is_cortex(fslr),
    )
    _check("area of the cortex", central.area_mm2 / 100, AREA_CM2, "cm²", name)
    _check("thickness of the cortex", float(folds.thickness_mm[folds.cortex].mean()), THICKNESS_MM, "mm", name)
    return central, folds


def depth_mm(
    points_mm: NDArray[np.float64], triangles: NDArray[np.int32], folder: Path, log_file: Path
) -> NDArray[np.float64]:
    """How deep each vertex of a closed surface lies below the hull that bridges its sulci, (V,).

    Parameters
    ----------
    points_mm : (V, 3)
    triangles : (T, 3)
    folder : Path
        For files in between.
    log_file : Path
    """
    job = {"points_mm": points_mm, "triangles": triangles}
    return run_step("depth", job, {}, folder, log_file, LIMIT_S)["depth_mm"]


def unfold(
    points_mm: NDArray[np.float64],
    triangles: NDArray[np.int32],
    group: GroupSurface,
    folder: Path,
    log_file: Path,
    name: str = "cortex",
    sphere: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A closed surface unfolded to a unit sphere, (V, 3), and the same with its folds on the group's, (V, 3).

    Parameters
    ----------
    points_mm : (V, 3)
    triangles : (T, 3)
        Normals outward.
    group : GroupSurface
    folder : Path
        For files in between.
    log_file : Path
    name : str
        In messages.
    sphere : (V, 3), optional
        Where the surface comes with one of its own.

    Raises
    ------
    InputError
        If a step fails, takes too long, or a sphere is folded over.
    """
    job: dict[str, Any] = {"points_mm": points_mm, "triangles": triangles}
    if sphere is None:
        log.info("%s: unfolding to a sphere", name)
        sphere = run_step("sphere", job, SETTINGS, folder, log_file, LIMIT_S)["sphere"]
    unit = turned(points_mm, _unit(sphere), group)
    _check_sphere(unit, triangles, name)
    log.info("%s: bringing its folds onto the group's", name)
    reference = {
        "group_points_mm": group.points_mm,
        "group_triangles": group.triangles,
        "group_sphere": 100 * group.sphere,
        "group_cortex": group.cortex,
    }
    warped = run_step("register", {**job, "sphere": 100 * unit, **reference}, SETTINGS, folder, log_file, LIMIT_S)[
        "sphere"
    ]
    registered = _unit(warped)
    _check_sphere(registered, triangles, name)
    return unit, registered


def turned(points_mm: NDArray[np.float64], sphere: NDArray[np.float64], group: GroupSurface) -> NDArray[np.float64]:
    """A unit sphere turned so that places of a hemisphere come to lie near the same places of the group's, (V, 3).

    The two hemispheres are laid over each other by their extents; the rotation is the best, in least squares, for the
    vertices and the group's nearest to them (Kabsch 1976, Acta Cryst A32:922).

    Parameters
    ----------
    points_mm : (V, 3)
        The hemisphere.
    sphere : (V, 3)
        Its sphere.
    group : GroupSurface
    """
    box, group_box = (np.percentile(each, (1, 99), axis=0) for each in (points_mm, group.points_mm))
    over_mm = (points_mm - box.mean(0)) / np.ptp(box, axis=0) * np.ptp(group_box, axis=0) + group_box.mean(0)
    same_place = group.sphere[cKDTree(group.points_mm).query(over_mm)[1]]
    u, _, vt = np.linalg.svd(sphere.T @ same_place)
    return sphere @ u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt


def turned_over(sphere: NDArray[np.float64], triangles: NDArray[np.int32]) -> float:
    """The share of a sphere's triangles that face inward, where those of its surface face outward."""
    a, b, c = (sphere[triangles[:, i]] for i in range(3))
    return float((np.einsum("ij,ij->i", a, np.cross(b, c)) < 0).mean())


def _central(
    tissue: NDArray[np.float32], affine: NDArray[np.float64], folder: Path, log_file: Path, name: str
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.float32]]:
    """Points and triangles of the central surface, and the map of thickness; tried with other settings if it is not closed."""
    found = ""
    for number, change in enumerate(TRIES):
        if found:
            log.info("%s: %s", name, found)
        settings = {**SETTINGS, "marching_cubes": {**MARCHING_CUBES, **change}}
        log.info("%s: thickness, and the surface halfway%s", name, f", settings {number + 1}" if number else "")
        try:
            made = run_step("surface", {"tissue": tissue, "affine_mm": affine}, settings, folder, log_file, LIMIT_S)
            if int(made["euler"]) != CLOSED:
                found = f"Euler's number {int(made['euler'])} for {CLOSED}"
                continue
            log.info("%s: drawing it to the middle of the cortex", name)
            job = {key: made[key] for key in ("points_mm", "triangles", "position")}
            done = run_step("central", {**job, "affine_mm": affine}, settings, folder, log_file, LIMIT_S)
        except InputError as error:
            found = str(error)
            continue
        if int(done["euler"]) == CLOSED and int(done["intersections"]) == 0:
            return done["points_mm"], done["triangles"].astype(np.int32), made["thickness"]
        found = f"Euler's number {int(done['euler'])}, {int(done['intersections'])} intersections"
    raise InputError(
        f"{name}: no closed surface with any of {len(TRIES)} settings (the last: {found}; log: {log_file})"
    )


def _thickness_mm(
    thickness: NDArray[np.float32], affine: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The map of thickness at some points; where it has none, the nearest voxel's that has."""
    nearest = ndimage.distance_transform_edt(thickness <= 0, return_distances=False, return_indices=True)
    filled = thickness[tuple(nearest)]
    index = (points - affine[:3, 3]) / np.diag(affine)[:3]
    return ndimage.map_coordinates(filled, index.T, order=1, mode="nearest").astype(np.float64)


def _volume(points: NDArray[np.float64], triangles: NDArray[np.int32]) -> float:
    a, b, c = (points[triangles[:, i]] - points.mean(0) for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def _unit(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _check_sphere(sphere: NDArray[np.float64], triangles: NDArray[np.int32], name: str) -> None:
    share = turned_over(sphere, triangles)
    if not np.isfinite(sphere).all() or share > MOST_FOLDED:
        raise InputError(
            f"{name}: {share:.1%} of its sphere is folded over; the folds cannot be compared with the group's"
        )


def _check(what: str, value: float, limits: tuple[float, float], unit: str, name: str) -> None:
    if not limits[0] <= value <= limits[1]:
        raise InputError(
            f"{name}: the {what} would be {value:.3g} {unit}, outside {limits[0]:g} to {limits[1]:g}; check the segmentation"
        )
