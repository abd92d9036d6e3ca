r"""The mid-cortical surface: the points of grey matter as far from white matter as from the pial surface.

White matter and brain are bounded where their fields cross the others' (below the voxel).  On a grid of 1 mm over the
grey matter,

    f(x) = distance to white matter − distance to the outside of the brain,

and the surface is f = 0.  The grid may be this coarse because f is smooth where it is zero: the sheets of a fold lie
more than a cortex' thickness apart.

At a millimetre an MRI loses the thinnest layers: CSF between the banks of a sulcus, white matter in a narrow gyrus.
Both are put back.  Where the banks of a buried sulcus touch, two neighbouring grid points have their nearest white
matter on opposite sides: between them runs the medial axis of the gap, which counts as pial surface.  Likewise, in a
gyrus without white matter, two neighbours have their nearest CSF on opposite sides, and the axis between them counts as
white matter.  (Cutting the sulci open along the skeleton of the gap is the idea of ACE: Han et al. 2004, NeuroImage
23:997; here it is done for both sides and to a fraction of the grid: on the edge between two neighbours the axis is at
the point equally far from the two nearest points.)  An axis counts if it continues CSF, or white matter, and if it is
nearer to the surface it was made from than the cortex is thick.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from meshes.cortical_surface import CorticalSurface
from meshes.errors import InputError
from meshes.tissue_codes import Tissue
from meshes.tissues import Tissues

STEP_MM = 1.0
MARGIN_MM = 3.0  # of the grid round the brain
THICKEST_MM = 5.0  # no cortex is thicker (Fischl and Dale 2000, PNAS 97:11050: 1 to 4.5 mm)
THINNEST_FOLD_MM = 1.0  # half the width of a gap that can hold two banks
OPPOSITE = 0.85  # sine of half the angle between two directions (116°) that count as opposite
SOFTENING_STEPS = 0.6  # Gaussian on f: takes off the kinks that nearest points leave
LEAST_STEPS = 0.02  # |f| at a grid point: a zero there would make triangles without area
IN_GREY = 0.25  # least share of grey matter round a vertex: elsewhere white matter lies bare, as at the ventricles
EDGE_MM = 1.3  # of the triangles
SMOOTHING_STEPS, PASS_BAND = 20, 0.1  # windowed sinc: smooths without shrinking (Taubin 1996)

ALL_NEIGHBOURS = np.ones((3, 3, 3), bool)
Grid = NDArray[np.float32]


def mid_surface(tissues: Tissues) -> CorticalSurface:
    """The surface halfway between white matter and the outside of the brain, cerebellum and deep nuclei included.

    Parameters
    ----------
    tissues : Tissues
        Of a head, on any grid.

    Returns
    -------
    CorticalSurface
        As marching cubes leave it (:func:`evened` makes better triangles of it); only where there is grey matter.

    Raises
    ------
    InputError
        If the tissues have no grey matter round white matter.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes import Tissues
    >>> from meshes.midcortex import mid_surface
    >>> x = np.stack(np.meshgrid(*[np.arange(-15.0, 16.0)] * 3, indexing="ij"), -1)
    >>> radius = np.linalg.norm(x, axis=-1)
    >>> fields = np.zeros((31, 31, 31, 7), np.float32)
    >>> fields[..., 1], fields[..., 2], fields[..., 0] = 7 - radius, 3 - abs(radius - 10), radius - 13
    >>> affine = np.array([[1.0, 0, 0, -15], [0, 1, 0, -15], [0, 0, 1, -15], [0, 0, 0, 1]])
    >>> sheet = mid_surface(Tissues(fields, affine))
    >>> round(float(np.linalg.norm(sheet.points_mm, axis=1).mean()))
    10
    """
    white, brain, first_mm = _margins(tissues)
    grey = (brain > 0) & (white <= 0)
    if not grey.any() or not (white > 0).any():
        raise InputError("the tissues have no grey matter round white matter, so no cortex; check the segmentation")
    points, triangles = _zero_set(_between(white, brain, grey))
    shares = ndimage.map_coordinates(grey.astype(np.float32), points.T, order=1)
    sheet = CorticalSurface(points * STEP_MM + first_mm, triangles).part(shares > IN_GREY)
    return _in_world(sheet, tissues)


def evened(sheet: CorticalSurface) -> CorticalSurface:
    """The surface smoothed, and thinned to triangles with edges of about 1.3 mm."""
    import pyvista as pv

    mesh = pv.PolyData.from_regular_faces(sheet.points_mm, sheet.triangles)
    mesh = mesh.smooth_taubin(n_iter=SMOOTHING_STEPS, pass_band=PASS_BAND, non_manifold_smoothing=True)
    wanted = sheet.area_mm2 / (np.sqrt(3) / 4 * EDGE_MM**2)
    if wanted < len(sheet.triangles):
        mesh = mesh.decimate(1 - wanted / len(sheet.triangles))
    return CorticalSurface(np.asarray(mesh.points, np.float64), mesh.faces.reshape(-1, 4)[:, 1:])


def thinned(sheet: CorticalSurface, n_points: int) -> CorticalSurface:
    """The surface with about ``n_points`` vertices: folds keep their shape, edges grow longer."""
    import pyvista as pv

    mesh = pv.PolyData.from_regular_faces(sheet.points_mm, sheet.triangles)
    wanted = 2 * n_points  # a sheet has about twice as many triangles as vertices
    if wanted < len(sheet.triangles):
        mesh = mesh.decimate(1 - wanted / len(sheet.triangles), volume_preservation=True)
    return CorticalSurface(np.asarray(mesh.points, np.float64), mesh.faces.reshape(-1, 4)[:, 1:])


def _margins(tissues: Tissues) -> tuple[Grid, Grid, NDArray[np.float64]]:
    """Margins of white matter and of the brain on a grid of :data:`STEP_MM` that just holds the brain.

    The grid is along the voxels' axes.  The fields between the voxels are quadratic B-splines, as the mesher reads them.
    Also returned: where the grid begins, in mm along the voxels' axes.
    """
    box = ndimage.find_objects(np.isin(tissues.labels, (Tissue.WM, Tissue.GM)).astype(np.int8))
    if not box:
        raise InputError("the tissues have no white and grey matter, so no cortex; check the segmentation")
    voxel_mm = tissues.voxel_mm
    scale = STEP_MM / voxel_mm
    low = np.array([side.start for side in box[0]]) - MARGIN_MM / voxel_mm
    high = np.array([side.stop for side in box[0]]) + MARGIN_MM / voxel_mm
    shape = np.ceil((high - low) / scale).astype(int) + 1
    best = np.full((3, *shape), -np.inf, np.float32)  # white matter, grey matter, all else
    steps = [_spline(low[a] + scale[a] * np.arange(shape[a]), tissues.fields.shape[a]) for a in range(3)]
    for tissue in Tissue:
        field = tissues.fields[..., tissue]
        if field.any():
            there = np.einsum("ai,bj,ck,ijk->abc", *steps, field, optimize=True)
            kind = {Tissue.WM: 0, Tissue.GM: 1}.get(tissue, 2)
            np.maximum(best[kind], there, out=best[kind])
    return best[0] - np.maximum(best[1], best[2]), np.maximum(best[0], best[1]) - best[2], low * voxel_mm


def _spline(index: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """Weights of ``count`` voxels in the quadratic B-spline at fractional indices, (n, count); its ends are held."""
    index = np.clip(index, 0, count - 1)
    nearest = np.rint(index).astype(int)
    t = index - nearest
    weights = np.zeros((len(index), count), np.float32)
    for side, weight in ((-1, (0.5 - t) ** 2 / 2), (0, 0.75 - t * t), (1, (0.5 + t) ** 2 / 2)):
        np.add.at(weights, (np.arange(len(index)), np.clip(nearest + side, 0, count - 1)), weight)
    return weights


def _between(white: Grid, brain: Grid, grey: NDArray[np.bool_]) -> Grid:
    """The function f on the grid, in steps: negative toward white matter, positive toward the outside."""
    index = np.argwhere(grey)
    inner, outer = _zero_set(white)[0], _zero_set(brain)[0]
    to_inner, inner_feet = _nearest(index, inner)
    to_outer, outer_feet = _nearest(index, outer)
    sulci = _axis(index, grey, inner_feet, to_inner, brain <= 0)
    blades = _axis(index, grey, outer_feet, to_outer, white > 0)
    reach = THICKEST_MM / 2 / STEP_MM
    f = np.where(white > 0, np.float32(-1), np.float32(1))
    f[grey] = np.minimum(np.minimum(to_inner, _distance(index, blades, reach)), reach) - np.minimum(
        np.minimum(to_outer, _distance(index, sulci, reach)), reach
    )
    f = ndimage.gaussian_filter(f, SOFTENING_STEPS)
    return np.where(np.abs(f) < LEAST_STEPS, np.copysign(np.float32(LEAST_STEPS), f), f)


def _nearest(index: NDArray[np.int64], seeds: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Distance from each grid point to the nearest seed, and that seed, (n,) and (n, 3), in steps.

    Infinite, with any seed, where none is as near as the cortex may be thick.
    """
    if not len(seeds):
        return np.full(len(index), np.inf), np.zeros((len(index), 3))
    distance, nearest = cKDTree(seeds).query(index, distance_upper_bound=THICKEST_MM / STEP_MM, workers=-1)
    return distance, seeds[np.minimum(nearest, len(seeds) - 1)]


def _distance(index: NDArray[np.int64], seeds: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """Distance to the nearest seed, infinite beyond a reach, (n,)."""
    if not len(seeds):
        return np.full(len(index), np.inf)
    return cKDTree(seeds).query(index, distance_upper_bound=reach, workers=-1)[0]


def _axis(
    index: NDArray[np.int64],
    grey: NDArray[np.bool_],
    feet: NDArray[np.float64],
    distance: NDArray[np.float64],
    continued: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Points of the medial axis between two sides of a surface, as far as it continues something, (k, 3) in steps.

    ``feet`` are the points of the surface nearest to the grid points ``index``, at ``distance``.
    """
    number = np.full(grey.shape, -1, np.int32)
    number[grey] = np.arange(len(index))
    places, owners = [], []
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        beyond = number[tuple((index + step).T)]  # the grid has a margin, so no neighbour is outside
        a = np.flatnonzero(beyond >= 0)
        b = beyond[a]
        mean = (distance[a] + distance[b]) / 2
        apart = np.linalg.norm(feet[a] - feet[b], axis=1)
        on_axis = (apart > 2 * OPPOSITE * mean) & (mean > THINNEST_FOLD_MM / STEP_MM) & (mean < THICKEST_MM / STEP_MM)
        a, b = a[on_axis], b[on_axis]
        # |s step − u|² = |s step − v|²
        u, v = feet[a] - index[a], feet[b] - index[a]
        s = ((v**2).sum(1) - (u**2).sum(1)) / (2 * (v - u)[:, axis])
        places.append(index[a] + np.clip(s, 0, 1)[:, None] * step)
        owners.append(index[a])
    place, owner = np.vstack(places), np.vstack(owners)
    joined = continued.copy()
    joined[tuple(owner.T)] = True
    pieces = ndimage.label(joined, ALL_NEIGHBOURS)[0]
    good = np.unique(pieces[continued])
    return place[np.isin(pieces[tuple(owner.T)], good)]


def _zero_set(values: Grid) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Flying edges: vertices in steps, and triangles whose normals point to where the values are larger."""
    import pyvista as pv

    image = pv.ImageData(dimensions=values.shape)
    image["values"] = values.ravel(order="F")
    found = image.contour([0.0], scalars="values", method="flying_edges", compute_normals=False)
    points = np.asarray(found.points, dtype=np.float64).reshape(-1, 3)
    triangles = found.faces.reshape(-1, 4)[:, :0:-1].astype(np.int32)  # VTK winds them the other way
    return points, triangles


def _in_world(sheet: CorticalSurface, tissues: Tissues) -> CorticalSurface:
    """From mm along the voxels' axes to RAS mm; axes that mirror the world turn the triangles round."""
    axes = tissues.affine_mm[:3, :3] / tissues.voxel_mm
    triangles = sheet.triangles if np.linalg.det(axes) > 0 else sheet.triangles[:, ::-1]
    return CorticalSurface(sheet.points_mm @ axes.T + tissues.affine_mm[:3, 3], triangles)
