"""The field on the cortex that is shown, at any pose of the coil: from the subject's field basis, or else by a solve.

The basis (``target basis``) takes milliseconds; a direct solve takes the time of one field, with the conductivities and
tensors of the plan.

The basis has some 20 000 cortical points; the shown surface takes E from the three nearest of them, weighted by the
inverse of their distance.  Its own normals then give the component into the cortex.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.fem.cortical_field import CorticalField, strength_at_nodes
from targeting.pose import Pose
from targeting.study.field_basis_stage import CorticalBasis, standing_basis
from targeting.study.study import RecordedStudy
from targeting.study.surfaces import HeadSurfaces, on_scene
from targeting.subject import Subject
from targeting.tms.field import simulate_tms

if TYPE_CHECKING:
    import pyvista as pv

log = logging.getLogger(__name__)

NEIGHBOURS = 3
FARTHEST_MM = 6.0  # beyond, nothing is known of a point: the brain stem, the inside of the ventricles


@dataclass(frozen=True, eq=False)
class LiveCortex:
    """The field on a scene's cortex at any pose of a coil, by the subject's field basis.

    Parameters
    ----------
    cortical_basis : CorticalBasis
    coil : Coil
    points_mm, inward : (n, 3) float64
        Of the shown surface, with unit normals into the cortex.
    weights : (n, K) csr_matrix
        Basis points → shown points; rows sum to one, or are empty where no basis point is near.
    """

    cortical_basis: CorticalBasis
    coil: Coil
    points_mm: NDArray[np.float64]
    inward: NDArray[np.float64]
    weights: sp.csr_matrix

    @classmethod
    def of(cls, cortical_basis: CorticalBasis, coil: Coil, shown: pv.PolyData) -> LiveCortex:
        """For a surface whose triangles are wound outward."""
        from meshes.cortical_surface import CorticalSurface

        points = np.asarray(shown.points, np.float64)
        inward = -CorticalSurface(points, shown.regular_faces).normals
        return cls(cortical_basis, searchable(coil), points, inward, spread_to(cortical_basis.basis.points_mm, points))

    def field(self, pose: NDArray[np.float64], names: Sequence[str] = ("magnE", "normalE")) -> dict[str, NDArray]:
        """At a pose and 1 A/µs, V/m by name, (n,) float32: |E| ("magnE"), E along the inward normal ("normalE").

        NaN where nothing is known.
        """
        e = self.weights @ self.cortical_basis.basis.e_v_per_m(self.coil, pose[None])[0]
        e[np.diff(self.weights.indptr) == 0] = np.nan
        values = {"magnE": lambda: np.linalg.norm(e, axis=1), "normalE": lambda: np.einsum("ij,ij->i", e, self.inward)}
        return {name: values[name]().astype(np.float32) for name in names}


def spread_to(known_mm: NDArray[np.float64], points_mm: NDArray[np.float64]) -> sp.csr_matrix:
    """Interpolation weights of known points (K, 3) at each point (n, 3); a row is empty where none is within 6 mm.

    Examples
    --------
    >>> import numpy as np
    >>> spread_to(np.array([[0.0, 0, 0], [4, 0, 0], [0, 90, 0]]), np.array([[1.0, 0, 0], [50, 0, 0]])).toarray().tolist()
    [[0.75, 0.25, 0.0], [0.0, 0.0, 0.0]]
    """
    from scipy.spatial import cKDTree

    distance, nearest = cKDTree(known_mm).query(points_mm, k=min(NEIGHBOURS, len(known_mm)))
    distance, nearest = distance.reshape(len(points_mm), -1), nearest.reshape(len(points_mm), -1)
    weight = np.where(distance <= FARTHEST_MM, 1 / np.maximum(distance, 1e-3), 0.0)
    total = weight.sum(1, keepdims=True)
    weight = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    rows = np.repeat(np.arange(len(points_mm)), weight.shape[1])
    out = sp.csr_matrix((weight.ravel(), (rows, nearest.ravel())), shape=(len(points_mm), len(known_mm)))
    out.eliminate_zeros()
    return out.astype(np.float32)


def cortical_field_at(
    subject: Subject, coil: Coil, pose: Pose, surfaces: HeadSurfaces
) -> dict[str, NDArray[np.floating]]:
    """The field on the cortex of a scene for a coil pose: from the subject's field basis, else from one solve.

    Parameters
    ----------
    subject : Subject
        With a plan of a coil.
    coil : Coil
    pose : Pose
    surfaces : HeadSurfaces
        Of the subject.

    Returns
    -------
    dict of (n,) float
        "magnE" (|E|) and "normalE" (E along the inward normal) at the points of ``surfaces.cortex``, V/m at 1 A/µs.
        Where these are the outside of the brain, for want of mid-cortical surfaces, there is no "normalE".

    Raises
    ------
    InputError
        If there is no plan of a coil, or the cortex is gone.
    """
    by_basis = _by_basis(subject, coil, pose, surfaces) if surfaces.has_cortex else None
    if by_basis is not None:
        return by_basis
    head, e_v_per_m = solved(subject, coil, pose)
    if not surfaces.has_cortex:
        return on_scene(surfaces, {"magnE": strength_at_nodes(head, e_v_per_m)})
    cortex = RecordedStudy.of(subject).cortex
    if cortex is None:
        raise InputError(f"the cortex in {subject.folder} is gone; run 'target plan {subject.name}' again")
    field = CorticalField.of(cortex.value, head, e_v_per_m)
    return on_scene(surfaces, {"magnE": field.magnitude_v_per_m, "normalE": field.normal_v_per_m})


def solved(subject: Subject, coil: Coil, pose: Pose) -> tuple[HeadMesh, NDArray[np.float64]]:
    """The subject's mesh, and one direct solve with the plan's conductivities, (M, 3) V/m at 1 A/µs."""
    if not subject.made_from("dosemap"):
        raise InputError(f"there is no coil plan in {subject.plan_folder}; run 'target plan {subject.name}' first")
    study = RecordedStudy.of(subject, solved_by="dosemap")
    head = study.head.value
    log.info("solving the field of %s at %s", coil.name, pose.name)
    return head, simulate_tms(study.near_target, coil, pose).e_v_per_m


def _by_basis(
    subject: Subject, coil: Coil, pose: Pose, surfaces: HeadSurfaces
) -> dict[str, NDArray[np.floating]] | None:
    """The basis' field, as the window shows it; None if no basis stands."""
    basis = standing_basis(subject)
    return None if basis is None else LiveCortex.of(basis, coil, surfaces.cortex).field(pose.matrix_mm)
