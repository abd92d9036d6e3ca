"""Mesh a head: tissue fields to conforming, graded tetrahedra, the same bits for the same seed.

The tissue at a point is the largest of the smooth fields there, so the interfaces are the zero set of the margin,
largest minus second largest field.  Nodes are placed on that zero set and graded inside, joined by Delaunay, and
every tetrahedron takes the tissue of the fields over it: whatever happens, the mesh conforms and cannot intersect
itself.  What is left is to make it good:

1. nodes: interface nodes by Poisson-disk sampling, a graded lattice inside      (sizing, points)
2. Delaunay, one centroidal relaxation, Delaunay again                            (delaunay, relax)
3. nodes inserted where a face or a node is off the interface                     (refine)
4. labels: no specks, no forbidden contacts, every interface a manifold           (clean, manifold)
5. flips and node moves, the worst tetrahedra first                               (flips, smoothing, improve)
6. nodes moved so that faces lie on the interface on average                      (fit)
7. nodes still off their interface: tetrahedra change sides, nodes are pulled
   there, edges split                                                             (settle, split), with 5 and 6 again

Work is done in grid millimetres (voxel index × voxel size); the affine comes last.  Nodes and tetrahedra are numbered along
a space-filling curve, so that the solver finds neighbours in the cache.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.mesher.density import DENSITIES, Density
from meshes.space_order import space_ordered
from meshes.tissues import Tissues

if TYPE_CHECKING:
    from meshes.mesher.fields import Grid

Array = NDArray[Any]
log = logging.getLogger(__name__)

BORDER_MM = 5.0  # air kept round the head
AIR_MARGIN_MM = 6.0
AIR_NODES_ACROSS = 9
ROUNDS, LAST_ROUNDS, FINISHING_ROUNDS = 8, 5, 3
SETTLE_FLOOR = 0.19  # smallest sine that pulling a node to its interface leaves: 11°
WORTHWHILE = 0.9  # finishing goes on as long as each round leaves at most this share of the nodes off
FEW_OFF = 30
FINISH_FLOORS = (0.19, 0.06, 0.06, 0.19, 0.19)  # a stubborn node may first flatten its star, for flips to mend
FIT_SWEEPS, LAST_FIT_SWEEPS = 1, 1
SNAP_MM, LAST_SNAP_MM = 0.05, 0.35  # nodes farther off than this are brought back while improving
SETTLE_MM, LAST_SETTLE_MM = 0.4, 0.48  # an interface node farther off than this is taken off the interface
FIT_FLOOR, LAST_FIT_FLOOR = 0.30, 0.30  # smallest sine that fitting leaves: 17°
REFINE_ROUNDS = 3
FEWEST_NODES = 20


def framed(tissues: Tissues) -> tuple[Grid, Array]:
    """Fields cut or padded to a frame of air round the head, and the index (3,) of their first voxel."""
    from meshes.mesher.fields import Grid

    spacing = tissues.voxel_mm.astype(np.float64)
    labels = tissues.labels
    if not (labels > 0).any():
        raise InputError("the tissue fields hold no head: the outside wins everywhere; check the segmentation")
    border = np.ceil(BORDER_MM / spacing).astype(int)
    low, high = np.empty(3, int), np.empty(3, int)
    for axis in range(3):
        where = np.flatnonzero((labels > 0).any(axis=tuple(a for a in range(3) if a != axis)))
        low[axis], high[axis] = where[0] - border[axis], where[-1] + 1 + border[axis]
    fields = np.zeros((*(high - low), tissues.fields.shape[3]), np.float32)
    fields[..., 0] = 1.0
    inner_low, inner_high = np.maximum(low, 0), np.minimum(high, labels.shape)
    source = tuple(slice(a, b) for a, b in zip(inner_low, inner_high, strict=True))
    goal = tuple(slice(a, b) for a, b in zip(inner_low - low, inner_high - low, strict=True))
    fields[goal] = tissues.fields[source]
    return Grid(fields, spacing), low.astype(np.float64)


def tetrahedralise(tissues: Tissues, density: str | Density = "standard", seed: int = 0) -> HeadMesh:
    """Mesh a head.

    Parameters
    ----------
    tissues : Tissues
        Smooth tissue fields; any voxel size up to 1.5 mm, any affine.
    density : {"standard", "fast"} or Density
        About 2.5 M or 0.7 M tetrahedra for an adult head.
    seed : int
        Same tissues, density and seed: the same mesh, bit for bit.

    Returns
    -------
    HeadMesh
        Points in RAS mm; only tetrahedra of tissues, none of air.

    Raises
    ------
    InputError
        If the density is unknown or the fields hold no head.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes.tissues import Tissues
    >>> grid = np.stack(np.meshgrid(*[np.arange(-11.0, 12.0)] * 3, indexing="ij"))
    >>> scalp = 1 / (1 + np.exp(np.linalg.norm(grid, axis=0) - 8))  # a ball of radius 8 mm
    >>> fields = np.zeros((23, 23, 23, 7), np.float32)
    >>> fields[..., 5], fields[..., 0] = scalp, 1 - scalp
    >>> ball = tetrahedralise(Tissues(fields, np.eye(4)))
    >>> bool(abs(ball.volumes_mm3.sum() / (4 / 3 * np.pi * 8**3) - 1) < 0.03)
    True
    """
    if isinstance(density, str):
        if density not in DENSITIES:
            raise InputError(f"unknown density {density!r}; choose from {', '.join(DENSITIES)}")
        density = DENSITIES[density]
    grid, first_voxel = framed(tissues)
    points, tets, tissue = space_ordered(*mesh_fields(grid, density, seed))
    index = points / grid.spacing + first_voxel
    affine = np.asarray(tissues.affine_mm, np.float64)
    if np.linalg.det(affine[:3, :3]) < 0:
        tets = tets[:, [0, 2, 1, 3]]
    return HeadMesh(index @ affine[:3, :3].T + affine[:3, 3], tets, tissue)


def mesh_fields(grid: Grid, density: Density, seed: int) -> tuple[Array, Array, Array]:
    """Points (N, 3) in grid mm, tetrahedra (M, 4) and tissue (M,) of framed fields."""
    from meshes.mesher.clean import clean
    from meshes.mesher.fit import fit
    from meshes.mesher.improve import improve, summary
    from meshes.mesher.settle import settle
    from meshes.mesher.state import compact_mesh, growable

    began = time.monotonic()

    def tell(what: str, *values: object) -> None:
        log.info("%5.1f s  " + what, time.monotonic() - began, *values)

    rng = np.random.default_rng(seed)
    random_state = rng.integers(1, 2**63, size=1, dtype=np.uint64)
    points, tets, neighbours, tissue = resolved(grid, density, rng, tell)
    tissue, faults = clean(points, tets, neighbours, tissue)
    tell("labels cleaned, %d faults left", faults)
    mesh = growable(points, tets, neighbours, tissue)
    improve(mesh, grid, ROUNDS, SNAP_MM, random_state)
    tell("improved: %s", summary(mesh))
    fit(mesh, grid, FIT_SWEEPS, FIT_FLOOR)
    tell("fitted: %s", summary(mesh))
    points, tets, neighbours, tissue = compact_mesh(mesh)
    points, tissue, first, left = settle(
        grid, points, tets, neighbours, tissue, SETTLE_MM, SETTLE_FLOOR, density.settle_rounds
    )
    tell("%d nodes were off their interface, %d are", first, left)
    mesh = growable(points, tets, neighbours, tissue)
    improve(mesh, grid, LAST_ROUNDS, LAST_SNAP_MM, random_state)
    tell("improved: %s", summary(mesh))
    fit(mesh, grid, LAST_FIT_SWEEPS, FIT_FLOOR)
    tell("fitted: %s", summary(mesh))
    points, tets, neighbours, tissue = compact_mesh(mesh)
    points, tets, tissue = finished(grid, points, tets, neighbours, tissue, density, random_state, tell)
    solid = tissue > 0
    node, tets = np.unique(tets[solid], return_inverse=True)
    return points[node], tets.reshape(-1, 4).astype(np.int32), tissue[solid].astype(np.int32)


def resolved(
    grid: Grid, density: Density, rng: np.random.Generator, tell: Callable[..., None]
) -> tuple[Array, Array, Array, Array]:
    """Points, tetrahedra (air too), neighbours and tissue of a Delaunay mesh whose nodes resolve the interfaces.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    density : Density
    rng : numpy.random.Generator
    tell : callable
        Takes a line for the log, with values.
    """
    from meshes.mesher.delaunay import delaunay, insertion_order
    from meshes.mesher.fields import tissue_at_points, tissue_of_tets
    from meshes.mesher.points import air_nodes, head_nodes
    from meshes.mesher.refine import refine
    from meshes.mesher.relax import relax
    from meshes.mesher.state import compact, interface_faces

    head, size = head_nodes(grid, density, rng)
    if len(head) < FEWEST_NODES:
        raise InputError(f"the head holds only {len(head)} nodes; it is too small to mesh, check the voxel size")
    extent = (np.array(grid.fields.shape[:3]) - 1) * grid.spacing
    points = np.concatenate([head, air_nodes(extent, AIR_MARGIN_MM, AIR_NODES_ACROSS, rng)])
    order = insertion_order(points[:-8], rng)
    points = np.concatenate([points[order], points[-8:]])  # neighbours in space are neighbours in memory
    order = np.arange(len(points) - 8)
    tell("%d nodes", len(points))
    _, tets, neighbours = compact(*delaunay(points, order).parts())
    tissue = tissue_at_points(grid, points[tets].mean(axis=1))  # good enough to relax by
    faces, _, _ = interface_faces(tets, neighbours, tissue)
    tell("%d tetrahedra", len(tets))
    points = relax(grid, size, points, tets, tissue, faces)
    triangulation = delaunay(points, order)
    tissue = tissue_of_tets(grid, points, triangulation.parts()[0])
    tell("relaxed, %d tetrahedra", len(triangulation.alive()))
    for _ in range(REFINE_ROUNDS):
        triangulation, tissue, inserted = refine(triangulation, tissue, grid, size, density)
        tell("%d nodes inserted", inserted)
        if not inserted:
            break
    alive, tets, neighbours = compact(*triangulation.parts())
    return triangulation.points, tets, neighbours, tissue[alive]


def finished(
    grid: Grid,
    points: Array,
    tets: Array,
    neighbours: Array,
    tissue: Array,
    density: Density,
    random_state: Array,
    tell: Callable[..., None],
) -> tuple[Array, Array, Array]:
    """Points, tetrahedra and tissue after the last nodes off their interface have been dealt with.

    Parameters
    ----------
    grid : Grid
        Tissue fields.
    points : (N, 3) float64
        Nodes, grid mm.
    tets : (M, 4) int
        Nodes of the tetrahedra.
    neighbours : (M, 4) int
        The tetrahedron behind the face opposite each node, -1: none.
    tissue : (M,) int8
        Of the tetrahedra.
    density : Density
    random_state : (1,) uint64
        For the random directions of moves.
    tell : callable
        Takes a line for the log, with values.
    """
    from meshes.mesher.clean import clean
    from meshes.mesher.improve import improve, summary, worst_sine
    from meshes.mesher.settle import TOLERATED, settle
    from meshes.mesher.split import split_far_edges
    from meshes.mesher.state import compact_mesh, growable

    fewest = len(points)
    rounds = density.settle_rounds
    for floor in FINISH_FLOORS[: density.finishes]:
        points, tissue, first, left = settle(grid, points, tets, neighbours, tissue, LAST_SETTLE_MM, floor, rounds)
        if left:
            mesh, split = split_far_edges(grid, points, tets, neighbours, tissue, LAST_SETTLE_MM)
            tell("%d edges split where they cross an interface", split)
            points, tets, neighbours, tissue = compact_mesh(mesh)
            points, tissue, _, left = settle(grid, points, tets, neighbours, tissue, LAST_SETTLE_MM, floor, rounds)
        if 0 < left <= FEW_OFF:  # through a pinched surface, which is mended, if that leads to fewer
            trial, labels, _, _ = settle(
                grid, points, tets, neighbours, tissue, LAST_SETTLE_MM, floor, rounds, TOLERATED
            )
            labels, _ = clean(trial, tets, neighbours, labels)
            trial, labels, _, fewer = settle(grid, trial, tets, neighbours, labels, LAST_SETTLE_MM, floor, rounds)
            if fewer < left:
                points, tissue, left = trial, labels, fewer
        tissue, faults = clean(points, tets, neighbours, tissue)
        tell("%d nodes were off their interface, %d are; %d faults left", first, left, faults)
        mesh = growable(points, tets, neighbours, tissue)
        if left == 0 and faults == 0 and worst_sine(mesh) >= SETTLE_FLOOR:
            break
        improve(mesh, grid, FINISHING_ROUNDS, LAST_SNAP_MM, random_state)
        tell("improved: %s", summary(mesh))
        points, tets, neighbours, tissue = compact_mesh(mesh)
        if left > WORTHWHILE * fewest:
            break
        fewest = left
    return points, tets, tissue
