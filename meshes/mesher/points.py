"""Place the nodes: a well-spaced set on the interfaces and a graded lattice between them.

Interface nodes start between voxel pairs of different tissue, are projected onto the zero set of the margin, and are
thinned by sequential Poisson-disk sampling: a candidate stays if no kept one is nearer than the mean of their two
radii. Interior nodes come from body-centred cubic lattices of growing spacing, each used where the size field asks
for it.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.mesher.density import Density
from meshes.mesher.fields import Grid, project, tissue_of_voxels
from meshes.mesher.sizing import layer_thickness, limit_growth, nearest_value

Array = NDArray[Any]

CANDIDATE_EVERY_MM = 1.0  # voxels coarser than this get several candidates each
JITTER_VOXELS = 0.15  # standard deviation of the candidates' random offset
ON_INTERFACE_MM = 0.02  # a projected candidate farther off than this did not converge
LONGEST_WAY_VOXELS = 1.2  # a candidate that had to go farther belongs to another place
NEWTON_STEPS = 6
JUNCTION_MM = 0.35  # candidates nearer than this to a third tissue are taken first, so that its edge is resolved
BCC_CUBE = 2 / np.sqrt(3)  # cube edge of a body-centred cubic lattice with neighbours one apart
LATTICE_STEP = 2 ** (1 / 3)  # ratio of spacings of successive lattices: twice the nodes
LATTICE_JITTER = 0.03  # of the spacing: no two tetrahedra share a circumsphere
UNSET = np.float32(1e3)


def voxel_pairs(tissue: Array) -> Array:
    """Middles of neighbouring voxels with different tissue, (n, 3), in voxels."""
    middles = []
    for axis in range(3):
        ahead = np.take(tissue, range(1, tissue.shape[axis]), axis)
        here = np.take(tissue, range(tissue.shape[axis] - 1), axis)
        middle = np.argwhere(here != ahead).astype(np.float64)
        middle[:, axis] += 0.5
        middles.append(middle)
    return np.concatenate(middles)


@njit(cache=True)
def poisson_disk(points: Array, radius: Array, order: Array, extent: Array, cell: float) -> Array:
    """Which points to keep, (n,) bool: in ``order``, those with no kept point nearer than the mean of the two radii.

    Kept points are found through a grid of cubes of edge ``cell`` over ``extent`` (3,).

    Parameters
    ----------
    points : (n, 3) float64
    radius : (n,) float64
        Of each point.
    order : (n,) int
        In which points are tried.
    extent : (3,) float64
        Of the box that holds all points.
    cell : float
        Edge of the search grid, mm.
    """
    nx = int(extent[0] / cell) + 3
    ny = int(extent[1] / cell) + 3
    nz = int(extent[2] / cell) + 3
    youngest = np.full((nx, ny, nz), -1, np.int32)
    older = np.full(len(points), -1, np.int32)
    keep = np.zeros(len(points), np.bool_)
    largest = radius.max() if len(radius) else 0.0
    for p in order:
        i = int(points[p, 0] / cell) + 1
        j = int(points[p, 1] / cell) + 1
        k = int(points[p, 2] / cell) + 1
        i = min(max(i, 0), nx - 1)
        j = min(max(j, 0), ny - 1)
        k = min(max(k, 0), nz - 1)
        # the size field is graded, so that a neighbour's radius is not far above one's own
        reach = int(np.ceil(0.5 * (radius[p] + min(largest, 1.6 * radius[p])) / cell))
        free = True
        for a in range(max(i - reach, 0), min(i + reach + 1, nx)):
            for b in range(max(j - reach, 0), min(j + reach + 1, ny)):
                for c in range(max(k - reach, 0), min(k + reach + 1, nz)):
                    q = youngest[a, b, c]
                    while q >= 0 and free:
                        closest = 0.5 * (radius[p] + radius[q])
                        dx = points[p, 0] - points[q, 0]
                        dy = points[p, 1] - points[q, 1]
                        dz = points[p, 2] - points[q, 2]
                        if dx * dx + dy * dy + dz * dz < closest * closest:
                            free = False
                        q = older[q]
                    if not free:
                        break
                if not free:
                    break
            if not free:
                break
        if free:
            keep[p] = True
            older[p] = youngest[i, j, k]
            youngest[i, j, k] = p
    return keep


def interface_candidates(grid: Grid, tissue: Array, share: float, rng: np.random.Generator) -> tuple[Array, ...]:
    """Dense points on the interfaces: points, normals, tissue pairs, junction distances (see ``project``).

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    tissue : (nx, ny, nz) int8
        Of the voxels.
    share : float
        Of the candidates that are looked at.
    rng : numpy.random.Generator
    """
    middles = voxel_pairs(tissue)
    middles = middles[rng.random(len(middles)) < share]
    copies = int(np.ceil(grid.spacing.max() / CANDIDATE_EVERY_MM - 1e-6)) ** 2
    spread = JITTER_VOXELS if copies == 1 else 0.5
    start = np.repeat(middles, copies, axis=0)
    start = (start + rng.normal(0, spread, start.shape)) * grid.spacing
    points, normals, left, pair, junction = project(grid, start, NEWTON_STEPS, 0.5 * float(grid.spacing.min()))
    way = np.abs((points - start) / grid.spacing).max(axis=1)
    inside = np.all((points > 0) & (points < (np.array(tissue.shape) - 1) * grid.spacing), axis=1)
    ok = (left < ON_INTERFACE_MM) & (way < LONGEST_WAY_VOXELS) & inside
    return points[ok], normals[ok], pair[ok], junction[ok]


def interface_nodes(grid: Grid, tissue: Array, density: Density, rng: np.random.Generator) -> tuple[Array, Array]:
    """Nodes on the interfaces (n, 3), and the size field on the voxel grid (nx, ny, nz) float32, mm.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    tissue : (nx, ny, nz) int8
        Of the voxels.
    density : Density
    rng : numpy.random.Generator
    """
    points, normals, pair, junction = interface_candidates(grid, tissue, density.candidates, rng)
    extent = np.array(tissue.shape) * grid.spacing
    surface = np.array(density.surface_mm)
    bulk = np.array(density.bulk_mm, np.float32)
    size = np.minimum(surface[pair[:, 0]], surface[pair[:, 1]])
    # thicker layers than this do not ask for more than the tissue does
    thickness = layer_thickness(grid, points, normals, size / density.thin_layer)
    size = np.minimum(size, np.maximum(density.thin_layer * thickness, density.smallest_mm))
    sizes = np.full(tissue.shape, UNSET, np.float32)
    voxel = np.rint(points / grid.spacing).astype(np.int64)
    np.minimum.at(sizes, (voxel[:, 0], voxel[:, 1], voxel[:, 2]), size.astype(np.float32))
    limit_growth(sizes, grid.spacing, density.growth)
    size = np.minimum(size, nearest_value(sizes, grid.spacing, points))
    sizes = np.minimum(sizes, bulk[tissue])
    order = np.argsort(rng.random(len(points)) + (junction > JUNCTION_MM), kind="stable")
    keep = poisson_disk(points, density.disk_radius * size, order, extent, density.smallest_mm * 1.3)
    return points[order[keep[order]]], sizes


@njit(cache=True)
def lattice(tissue: Array, size: Array, spacing: Array, step: float) -> Array:
    """Sites (n, 3) of a body-centred cubic lattice inside the head where the size field asks for spacing ``step``.

    Parameters
    ----------
    tissue : (nx, ny, nz) int8
        Of the voxels.
    size : (nx, ny, nz) float32
        The size field, mm.
    spacing : (3,) float64
        Voxel size, mm.
    step : float
        Spacing of the lattice, mm.
    """
    cube = step * BCC_CUBE
    extent = np.empty(3)
    across = np.empty(3, np.int64)
    for axis in range(3):
        extent[axis] = (tissue.shape[axis] - 1) * spacing[axis]
        across[axis] = int(extent[axis] / cube) + 1
    sites = np.empty((0, 3))
    for fill in range(2):  # count, then fill
        n = 0
        for i in range(across[0]):
            for j in range(across[1]):
                for k in range(across[2]):
                    for centre in range(2):
                        x = (i + 0.5 * centre) * cube
                        y = (j + 0.5 * centre) * cube
                        z = (k + 0.5 * centre) * cube
                        if x >= extent[0] or y >= extent[1] or z >= extent[2]:
                            continue
                        u = int(np.rint(x / spacing[0]))
                        v = int(np.rint(y / spacing[1]))
                        w = int(np.rint(z / spacing[2]))
                        wanted = size[u, v, w]
                        if tissue[u, v, w] == 0 or wanted < 0.999 * step or wanted >= 0.999 * step * LATTICE_STEP:
                            continue
                        if fill == 1:
                            sites[n, 0] = x
                            sites[n, 1] = y
                            sites[n, 2] = z
                        n += 1
        if fill == 0:
            sites = np.empty((n, 3))
    return sites


def interior_nodes(
    tissue: Array, spacing: Array, size: Array, on_interface: Array, density: Density, rng: np.random.Generator
) -> Array:
    """Graded lattice nodes inside the head and off the interfaces, (n, 3).

    Parameters
    ----------
    tissue : (nx, ny, nz) int8
        Of the voxels.
    spacing : (3,) float64
        Voxel size, mm.
    size : (nx, ny, nz) float32
        The size field, mm.
    on_interface : (n, 3) float64
        Nodes to keep clear of.
    density : Density
    rng : numpy.random.Generator
    """
    extent = (np.array(tissue.shape) - 1) * spacing
    clouds = []
    step = density.smallest_mm
    while step / LATTICE_STEP < max(density.bulk_mm):
        sites = lattice(tissue, size, spacing, step)
        clouds.append(sites + rng.normal(0, LATTICE_JITTER * step, sites.shape))
        step *= LATTICE_STEP
    cloud = np.concatenate(clouds)
    wanted = nearest_value(size, spacing, cloud).astype(np.float64)
    if len(on_interface):
        distance, _ = cKDTree(on_interface).query(cloud, workers=2)
        clear = distance > density.clearance * wanted
        cloud, wanted = cloud[clear], wanted[clear]
    keep = poisson_disk(
        cloud, density.lattice_radius * wanted, np.arange(len(cloud)), extent, 1.5 * density.smallest_mm
    )
    return cloud[keep]


def air_nodes(extent: Array, margin_mm: float, across: int, rng: np.random.Generator) -> Array:
    """Nodes on a box around the grid that keep the tetrahedra outside the head short, and, last, the eight corners.

    Parameters
    ----------
    extent : (3,) float64
        Of the grid, mm.
    margin_mm : float
        Between the grid and the box.
    across : int
        Nodes along an edge of the box.
    rng : numpy.random.Generator
    """
    axes = [np.linspace(-margin_mm, length + margin_mm, across) for length in extent]
    box = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    border = np.any((box == -margin_mm) | (box == extent + margin_mm), axis=1)
    shell = box[border] + rng.normal(0, 0.05, (int(border.sum()), 3))
    low, high = -3 * margin_mm, extent + 3 * margin_mm
    corners = [
        [(low, high[0])[x], (low, high[1])[y], (low, high[2])[z]] for z in (0, 1) for y in (0, 1) for x in (0, 1)
    ]
    return np.concatenate([shell, np.array(corners)])


def head_nodes(grid: Grid, density: Density, rng: np.random.Generator) -> tuple[Array, Array]:
    """All nodes of the first tetrahedralisation, (n, 3), and the size field on the grid."""
    tissue = tissue_of_voxels(grid.fields)
    surface, size = interface_nodes(grid, tissue, density, rng)
    inside = interior_nodes(tissue, grid.spacing, size, surface, density, rng)
    return np.concatenate([surface, inside]), size
