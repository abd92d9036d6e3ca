"""The surfaces of a head's tissues as triangles, tagged as SimNIBS tags them.

Every face between two tissues, and every outer face, becomes one triangle.  It belongs to the tissue that comes first
in ``SURFACE_ORDER`` (roughly from the inside out), its tag is 1000 + that tissue's code and its normal points out of
that tissue.  So the triangles tagged 1002 are all that bounds grey matter except where white matter does.  The order is
the one SimNIBS 4.5 uses (white matter, grey matter, blood, CSF, skull, spongy, compact bone, eyes, muscle, scalp).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshes.head import FACES, HeadMesh

SURFACE_TAG = 1000  # the tag of a tissue's surface is this plus the tissue's code
SURFACE_ORDER = (1, 2, 9, 3, 4, 8, 7, 6, 10, 11, 12, 5)


def tissue_surfaces(mesh: HeadMesh) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Triangles between tissues and on the outside, and their tags.

    Returns
    -------
    triangles : (K, 3) int32
        Node indices, normals out of the tissue they belong to; ordered by tag.
    tags : (K,) int32
        1000 + tissue.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes import HeadMesh
    >>> from meshes.surfaces import tissue_surfaces
    >>> corner = HeadMesh(np.vstack([np.zeros(3), np.eye(3)]), np.array([[0, 1, 2, 3]]), np.array([5]))
    >>> tissue_surfaces(corner)[1].tolist()
    [1005, 1005, 1005, 1005]
    """
    faces = mesh.tets[:, FACES].reshape(-1, 3)
    order, same = _paired(faces, len(mesh.points_mm))
    rank = _ranks(mesh.tissue)
    first = order[:-1][same]
    second = order[1:][same]
    first_rank, second_rank = rank[first // 4], rank[second // 4]
    between = first_rank != second_rank
    winner = np.where(first_rank < second_rank, first, second)[between]
    alone = np.ones(len(order), bool)
    alone[:-1] &= ~same
    alone[1:] &= ~same
    chosen = np.sort(np.concatenate([winner, order[alone]]))
    tags = mesh.tissue[chosen // 4] + SURFACE_TAG
    by_tag = np.argsort(tags, kind="stable")
    return faces[chosen[by_tag]], tags[by_tag].astype(np.int32)


def tets_beside(mesh: HeadMesh) -> NDArray[np.int64]:
    """For each of ``mesh.triangles`` the tetrahedron it is a face of, (K,); −1 if there is none.

    Of two, the one whose tissue the triangle's tag names: a field on the surface is the field inside the tissue.
    """
    count = len(mesh.triangles)
    if count == 0:
        return np.zeros(0, np.int64)
    touched = np.zeros(len(mesh.points_mm), bool)
    touched[mesh.triangles] = True
    near = np.flatnonzero(touched[mesh.tets].sum(1) >= 3)
    faces = np.concatenate([mesh.triangles, mesh.tets[near][:, FACES].reshape(-1, 3)])
    order, same = _paired(faces, len(mesh.points_mm))
    # within a group of equal faces the triangles come first, then the one or two faces of tetrahedra
    last = np.append(np.flatnonzero(~same), len(order) - 1)
    group = np.concatenate([[0], np.cumsum(~same)])
    place = np.flatnonzero(order < count)
    triangle, end = order[place], last[group[place]]
    beside = np.full(count, -1, np.int64)
    wanted = mesh.triangle_tissue[triangle] % SURFACE_TAG
    for step, only_right in ((0, False), (1, False), (0, True), (1, True)):
        face = order[end - step]
        is_face = (face >= count) & (end - step > place)
        tet = near[np.where(is_face, face - count, 0) // 4] if len(near) else np.zeros(len(face), np.int64)
        take = is_face & ((mesh.tissue[tet] == wanted) | (not only_right))
        beside[triangle[take]] = tet[take]
    return beside


def _ranks(tissue: NDArray[np.int32]) -> NDArray[np.int64]:
    """The place of each tetrahedron's tissue in the order; unknown codes come last, by number, before scalp."""
    codes = np.unique(tissue)
    known = {code: place for place, code in enumerate(SURFACE_ORDER)}
    known[SURFACE_ORDER[-1]] = int(1e9)
    place = np.array([known.get(int(code), 1000 + int(code)) for code in codes])
    return place[np.searchsorted(codes, tissue)]


def _paired(faces: NDArray[np.int32], n_points: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Faces sorted by their nodes, and whether each is the same face as the next, (F,) and (F − 1,)."""
    low, mid, high = np.sort(faces, axis=1).astype(np.int64).T
    if n_points < 1 << 21:  # three indices fit one number: one fast sort
        key = (low << 42) | (mid << 21) | high
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        return order, ordered[1:] == ordered[:-1]
    rest = mid * n_points + high
    order = np.lexsort((rest, low))
    return order, (np.diff(low[order]) == 0) & (np.diff(rest[order]) == 0)
