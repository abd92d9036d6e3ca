"""Check that a head is one connected body: doubled nodes are joined, and loose pieces or holes are reported.

Currents pass from one tetrahedron to the next through the nodes they share.  Where two tissues that touch have nodes of
their own at the same places, no current crosses; where part of the inside is missing, currents go round it.  A field in
such a head looks like any other, so the head is looked at before.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import KDTree

from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.surfaces import SURFACE_TAG
from meshes.tissue_codes import FIRST_ELECTRODE, SOFT_CODES, tissue_name
from meshes.topology import connected, face_table

log = logging.getLogger(__name__)

SAME_PLACE_MM = 1e-3  # far below any tetrahedron's edge, above what single precision and text round away
SLIT_MM2 = 1000.0  # a cavity with so much wall counts, however thin it is
SPECK_MM3 = 1000.0  # a piece apart that is smaller than this cm³ is dust of a segmentation, and left out
INSIDE = (1, 2, 3, 6, 9)  # what lies inside skull or orbit: white and grey matter, CSF, eyes, blood


@dataclass(frozen=True)
class Piece:
    """Tetrahedra that hang together by shared nodes."""

    tets: int
    volume_mm3: float
    tissues: tuple[str, ...]


@njit(cache=True)
def _joined_by_tets(parent: NDArray, tets: NDArray) -> None:
    """Union-find over nodes: those of a tetrahedron are one set, whose root is its lowest member."""
    for t in range(len(tets)):
        for i in range(1, 4):
            a, b = tets[t, 0], tets[t, i]
            while parent[a] != a:
                parent[a] = parent[parent[a]]
                a = parent[a]
            while parent[b] != b:
                parent[b] = parent[parent[b]]
                b = parent[b]
            if a < b:
                parent[b] = a
            elif b < a:
                parent[a] = b
    for n in range(len(parent)):
        while parent[n] != parent[parent[n]]:
            parent[n] = parent[parent[n]]


def piece_of_tet(tets: NDArray[np.integer], n_points: int) -> NDArray[np.int64]:
    """The piece each tetrahedron belongs to, (M,): the lowest node of its piece.

    Examples
    --------
    >>> piece_of_tet(np.array([[0, 1, 2, 3], [4, 5, 6, 7], [3, 8, 9, 10]]), 11).tolist()
    [0, 4, 0]
    """
    parent = np.arange(n_points)
    _joined_by_tets(parent, np.ascontiguousarray(tets, np.int64))
    return parent[np.asarray(tets)[:, 0]]


def pieces(mesh: HeadMesh) -> tuple[Piece, ...]:
    """The pieces of a mesh, the largest first."""
    of_tet = piece_of_tet(mesh.tets, len(mesh.points_mm))
    volume = np.bincount(of_tet, np.abs(mesh.volumes_mm3))
    found = []
    for piece in sorted(np.unique(of_tet).tolist(), key=lambda each: -volume[each]):
        mine = of_tet == piece
        names = tuple(tissue_name(code) for code in np.unique(mesh.tissue[mine]).tolist())
        found.append(Piece(int(mine.sum()), float(volume[piece]), names))
    return tuple(found)


def check_one_piece(mesh: HeadMesh, what: str) -> None:
    """Refuse a head that falls into pieces: currents would stay within each.

    Parameters
    ----------
    mesh : HeadMesh
    what : str
        What to call it in the message.

    Raises
    ------
    InputError
        If a second piece is larger than a speck (1 cm³) or a hundredth of the mesh.
    """
    of_tet = piece_of_tet(mesh.tets, len(mesh.points_mm))
    if len(of_tet) == 0 or (of_tet == of_tet[0]).all():
        return
    large = [each for each in pieces(mesh) if each.volume_mm3 >= min(SPECK_MM3, _hundredth(mesh))]
    if len(large) > 1:
        told = "; ".join(f"{' and '.join(each.tissues)} ({each.volume_mm3 / 1000:.3g} cm³)" for each in large[:3])
        raise InputError(
            f"{what} is in {len(large)} pieces that share no node: {told}; no current passes between them. Make the mesh "
            "with common nodes where tissues touch"
        )


def _hundredth(mesh: HeadMesh) -> float:
    return float(np.abs(mesh.volumes_mm3).sum() / 100)


def without_specks(mesh: HeadMesh) -> HeadMesh:
    """The mesh without pieces too small for :func:`check_one_piece` to mind."""
    of_tet = piece_of_tet(mesh.tets, len(mesh.points_mm))
    volume = np.bincount(of_tet, np.abs(mesh.volumes_mm3))
    keep = volume[of_tet] >= min(SPECK_MM3, _hundredth(mesh))
    return part_of(mesh, keep)


def part_of(mesh: HeadMesh, keep: NDArray[np.bool_]) -> HeadMesh:
    """Some tetrahedra, (M,) bool, with the nodes they use and the surface triangles all of whose nodes are among them."""
    used = np.zeros(len(mesh.points_mm), bool)
    used[mesh.tets[keep]] = True
    if used.all() and keep.all():
        return mesh
    new = np.cumsum(used) - 1
    of_part = used[mesh.triangles].all(axis=1)
    return HeadMesh(
        mesh.points_mm[used],
        new[mesh.tets[keep]],
        mesh.tissue[keep],
        new[mesh.triangles[of_part]],
        mesh.triangle_tissue[of_part],
    )


def with_joined_nodes(mesh: HeadMesh) -> HeadMesh:
    """The mesh with nodes that stand at the same place made one; the same mesh if there are none.

    Examples
    --------
    >>> from meshes import HeadMesh
    >>> a, b = np.vstack([np.zeros(3), np.eye(3)]), np.vstack([np.ones(3), np.eye(3)])
    >>> apart = HeadMesh(np.vstack([a, b]), [[0, 1, 2, 3], [4, 5, 7, 6]], [1, 2])
    >>> len(pieces(apart)), len(pieces(with_joined_nodes(apart))), len(with_joined_nodes(apart).points_mm)
    (2, 1, 5)
    """
    pairs = KDTree(mesh.points_mm).query_pairs(SAME_PLACE_MM, output_type="ndarray")
    if not len(pairs):
        return mesh
    first = connected(pairs, len(mesh.points_mm))
    kept = first == np.arange(len(first))
    new = (np.cumsum(kept) - 1)[first]
    tets = new[mesh.tets]
    flat = (np.diff(np.sort(tets, axis=1), axis=1) == 0).any(axis=1)
    return replace(
        mesh,
        points_mm=mesh.points_mm[kept],
        tets=tets[~flat],
        tissue=mesh.tissue[~flat],
        triangles=new[mesh.triangles],
    )


def without_electrodes(mesh: HeadMesh, what: str = "the mesh") -> HeadMesh:
    """The head alone: no electrodes or gel (codes from 100), no nodes without a tetrahedron, no triangles of either.

    Raises
    ------
    InputError
        If such a code fills a place inside the head, which would stay as a hole.

    Examples
    --------
    >>> from meshes import HeadMesh
    >>> points = np.vstack([np.zeros(3), np.eye(3), -np.eye(3)[:1]])
    >>> with_gel = HeadMesh(points, np.array([[0, 1, 2, 3], [0, 2, 4, 3]]), np.array([5, 501]))
    >>> without_electrodes(with_gel).points_mm.shape
    (4, 3)
    """
    foreign = mesh.tissue >= FIRST_ELECTRODE
    if foreign.any():
        _check_outside(mesh, foreign, what)
        log.info("left out %d tetrahedra of electrodes (codes from %d)", int(foreign.sum()), FIRST_ELECTRODE)
    head = part_of(mesh, ~foreign)
    of_head = head.triangle_tissue < SURFACE_TAG + FIRST_ELECTRODE
    if of_head.all():
        return head
    return replace(head, triangles=head.triangles[of_head], triangle_tissue=head.triangle_tissue[of_head])


def _check_outside(mesh: HeadMesh, foreign: NDArray[np.bool_], what: str) -> None:
    """Electrodes stand on the skin: they touch soft tissue only, and air on another side."""
    faces = face_table(mesh.tets, len(mesh.points_mm))
    pair = faces.second >= 0
    first, second = faces.first[pair], faces.second[pair]
    both = foreign[first] & foreign[second]
    patch = connected(np.c_[first[both], second[both]], len(mesh.tets))
    in_air = np.unique(patch[faces.first[~pair & foreign[faces.first]]])
    mixed = foreign[first] != foreign[second]
    electrode = np.where(foreign[first], first, second)[mixed]
    touched = mesh.tissue[np.where(foreign[first], second, first)[mixed]]
    deep = electrode[~np.isin(touched, SOFT_CODES)]
    enclosed = np.flatnonzero(foreign & ~np.isin(patch, in_air))
    for wrong in (deep, enclosed):
        if len(wrong):
            bad = np.isin(patch, patch[wrong]) & foreign
            codes = ", ".join(map(str, np.unique(mesh.tissue[bad]).tolist()))
            around = np.unique(touched[np.isin(patch[electrode], patch[wrong])]).tolist()
            inside = "the brain" if set(around) & {1, 2, 3} else " and ".join(tissue_name(code) for code in around)
            raise InputError(
                f"{what}: code {codes} lies inside {inside} ({int(bad.sum())} tetrahedra), where it would leave a hole that "
                "no current passes; codes from 100 are electrodes on the skin: give it a tissue's code"
            )


def holes(mesh: HeadMesh) -> tuple[Piece, ...]:
    """Closed cavities whose walls are mostly what lies inside the skull, with the tissues they touch.

    Air in sinuses and ears lies in bone and soft tissue, and is none of these; nor are cavities that are both under 1 cm³
    and under 10 cm² of wall.  ``tets`` counts the tetrahedra in the wall.
    """
    faces = face_table(mesh.tets, len(mesh.points_mm))
    lone = faces.second < 0
    triangles, tet = faces.nodes[lone], faces.first[lone]
    count = len(mesh.points_mm)
    root = connected(np.vstack([triangles[:, :2], triangles[:, 1:]]), count)[triangles[:, 0]]
    a, b, c = (mesh.points_mm[triangles[:, i]] for i in range(3))
    outward = np.cross(b - a, c - a) / 2
    # by the divergence theorem; a cavity's wall has its normals pointing into the cavity
    inner_mm3 = -np.bincount(root, np.einsum("ij,ij->i", a, outward) / 3, count)
    area_mm2 = np.linalg.norm(outward, axis=1)
    wall_mm2 = np.bincount(root, area_mm2, count)
    deep_mm2 = np.bincount(root, area_mm2 * np.isin(mesh.tissue[tet], INSIDE), count)
    is_hole = (inner_mm3 >= 0) & (deep_mm2 > wall_mm2 / 2) & ((inner_mm3 >= SPECK_MM3) | (wall_mm2 >= SLIT_MM2))
    found = []
    for cavity in np.flatnonzero(is_hole).tolist():
        wall = tet[root == cavity]
        names = tuple(tissue_name(code) for code in np.unique(mesh.tissue[wall]).tolist())
        found.append(Piece(len(wall), float(inner_mm3[cavity]), names))
    return tuple(found)


def check_no_holes(mesh: HeadMesh, what: str) -> None:
    """Refuse a head with cavities inside the skull; InputError names the largest."""
    found = sorted(holes(mesh), key=lambda hole: -hole.volume_mm3)
    if found:
        raise InputError(
            f"{what} has a hole of {found[0].volume_mm3 / 1000:.3g} cm³ inside {' and '.join(found[0].tissues)}, round which "
            "currents would go; mesh what is in it, with a tissue's code"
        )


def whole_head(mesh: HeadMesh, what: str) -> tuple[HeadMesh, tuple[str, ...]]:
    """The head alone and in one piece: doubled nodes joined, electrodes and specks left out.

    Returns
    -------
    head : HeadMesh
    doubts : tuple of str
        What was mended and the user should know.

    Raises
    ------
    InputError
        If it falls into pieces, or has a hole inside.
    """
    joined = with_joined_nodes(mesh)
    alone = without_electrodes(joined, what)
    head = without_specks(alone)
    check_one_piece(head, what)
    check_no_holes(head, what)
    doubts = []
    if joined is not mesh:
        doubled = len(mesh.points_mm) - len(joined.points_mm)
        doubts.append(
            f"{what}: {doubled} nodes stood twice at one place, so that no current would have passed; they were joined"
        )
    lost = len(alone.tets) - len(head.tets)
    if lost:
        doubts.append(f"{what}: {lost} tetrahedra in specks of less than 1 cm³ apart from the head were left out")
    return head, tuple(doubts)


def faults(mesh: HeadMesh) -> list[str]:
    """What :func:`whole_head` would mend or refuse, a line each; empty for a sound head."""
    found = []
    doubled = len(mesh.points_mm) - len(with_joined_nodes(mesh).points_mm)
    if doubled:
        found.append(f"{doubled} nodes stand twice at one place, so no current passes there")
    for check in (without_electrodes, check_one_piece, check_no_holes):
        try:
            check(mesh, "the mesh")
        except InputError as error:
            found.append(str(error))
    return found
