"""TesEvidence: everything a montage's report shows, in one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atlases.target import Target
from meshes import HeadMesh
from targeting.fem.cortical_field import CorticalField
from targeting.plans.tes import TesPlan
from targeting.report.evidence import HeadEvidence
from targeting.scene.raster.surface import Surface

if TYPE_CHECKING:
    from targeting.study.surfaces import HeadSurfaces

LIFT_MM = 0.8  # electrodes are drawn this far off the scalp, so that they cover it


@dataclass(frozen=True, eq=False)
class TesEvidence(HeadEvidence):
    """A montage's plan with the arrays behind it.

    Parameters
    ----------
    plan : TesPlan
    head : HeadMesh
    e_v_per_m : (M, 3) float
        The montage's field at its currents in every tetrahedron.
    target_tets : (k,) int
        Tetrahedra of the target.
    patches_mm : mapping
        Electrode → (t, 3, 3) corners of the triangles of scalp under it.
    background : (nx, ny, nz) float32
        The T1, or the tissue labels when there is none.
    background_affine_mm : (4, 4) float64
        Voxel index of ``background`` → RAS mm of the T1.
    on_cortex : CorticalField, optional
        The same field on the mid-cortical surfaces; without it the pictures show the outside of the brain.
    surfaces : HeadSurfaces, optional
        Thinned surfaces for the 3D scene, where they are made already.
    target : Target, optional
        To be outlined, if it is no ball.
    """

    plan: TesPlan
    head: HeadMesh
    e_v_per_m: NDArray[np.floating]
    target_tets: NDArray[np.integer]
    patches_mm: Mapping[str, NDArray[np.float64]]
    background: NDArray[np.float32]
    background_affine_mm: NDArray[np.float64]
    on_cortex: CorticalField | None = None
    surfaces: HeadSurfaces | None = None
    target: Target | None = None

    @cached_property
    def outward(self) -> NDArray[np.float64]:
        """From the target to the nearest scalp."""
        away = self.scalp.points_mm - self.target_mm
        nearest = away[np.argmin(np.linalg.norm(away, axis=1))]
        return np.asarray(nearest / np.linalg.norm(nearest), dtype=np.float64)

    @property
    def peak_mm(self) -> NDArray[np.float64]:
        """Where |E| is largest in grey matter."""
        return np.array(self.plan.dose.peak_mm)

    @property
    def conditions(self) -> str:
        """The total current that the fields are for."""
        return f"at {self.plan.total_current_ma:g} mA"

    @cached_property
    def facing(self) -> dict[str, NDArray[np.float64]]:
        """Electrode → unit vector out of the head under it."""
        return {name: _normal(patch) for name, patch in self.patches_mm.items()}

    def patch(self, name: str) -> Surface:
        """The scalp under an electrode, lifted a little; every triangle has points of its own."""
        corners = self.patches_mm[name] + LIFT_MM * self.facing[name]
        points = corners.reshape(-1, 3)
        return Surface(points, np.arange(len(points), dtype=np.int32).reshape(-1, 3), np.arange(len(points)))


def _normal(patch_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    area = np.cross(patch_mm[:, 1] - patch_mm[:, 0], patch_mm[:, 2] - patch_mm[:, 0]).sum(0)
    return np.asarray(area / max(float(np.linalg.norm(area)), 1e-30), dtype=np.float64)
