"""Evidence: a plan with its head and fields, all that a page shows of it; pages compute no physics of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atlases.scalp_positions import ScalpPositions
from atlases.target import Target, is_center
from meshes import HeadMesh, Tissue
from targeting.coils.coil import Casing
from targeting.fem.cortical_field import CorticalField, strength_at_nodes
from targeting.field_by_area.table import AreaField, threshold_of
from targeting.plans.tes import TesPlan
from targeting.plans.tms import Placement, Plan
from targeting.pose import Pose
from targeting.scene.brain_field import BrainField
from targeting.scene.layer import Layer, Scene
from targeting.scene.raster.surface import Surface
from targeting.study.surfaces import HeadSurfaces, on_scene
from targeting.words.numbers import total_current

if TYPE_CHECKING:
    import pyvista as pv

LIFT_MM = 0.8  # electrodes are drawn this far off the scalp, so that they cover it


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """A plan with the arrays behind it, whatever makes the field: a coil or electrodes.

    Parameters
    ----------
    plan : Plan or TesPlan
    head : HeadMesh
    e_v_per_m : (M, 3) float
        In every tetrahedron: the field of placement 1 at 1 A/µs, or of the montage at its currents.
    target_tets : (k,) int
        Tetrahedra of the target.
    background : (nx, ny, nz) float32
        The T1, or the tissue labels when there is none.
    background_affine_mm : (4, 4) float64
        Voxel index of ``background`` → RAS mm of the T1.
    on_cortex : CorticalField, optional
        The same field on the mid-cortical surfaces; without it the pictures show the outside of the brain.
    surfaces : HeadSurfaces, optional
        Thinned surfaces for the scene, where they are made already.
    target : Target, optional
        To be outlined, if it is no ball.
    by_area : sequence of AreaField
        The same field in each area of the cortex, where areas are known.
    """

    plan: Plan | TesPlan
    head: HeadMesh
    e_v_per_m: NDArray[np.floating]
    target_tets: NDArray[np.integer]
    background: NDArray[np.float32]
    background_affine_mm: NDArray[np.float64]
    on_cortex: CorticalField | None = None
    surfaces: HeadSurfaces | None = None
    target: Target | None = None
    by_area: Sequence[AreaField] = ()

    @property
    def outward(self) -> NDArray[np.float64]:
        """Unit vector from which the field is looked at: out of the head, over the target, (3,)."""
        raise NotImplementedError

    @property
    def peak_mm(self) -> NDArray[np.float64]:
        """Where |E| is largest in grey matter, RAS mm, (3,)."""
        raise NotImplementedError

    @property
    def conditions(self) -> str:
        """The current that the field belongs to, in words to put after its unit: "at 1 A/µs"."""
        raise NotImplementedError

    @property
    def pose(self) -> Pose | None:
        """The coil's, if there is one."""
        return None

    @property
    def threshold_v_per_m(self) -> float | None:
        """|E| that the motor threshold stands for, under the same currents; None where no threshold is known."""
        return None

    def sources(self) -> tuple[Layer, ...]:
        """What makes the field, as layers of the scene: a coil with its handle, or electrodes."""
        raise NotImplementedError

    @property
    def target_mm(self) -> NDArray[np.float64]:
        """Centre of the target, RAS mm, (3,)."""
        return np.array(self.plan.target.center_mm)

    @cached_property
    def peak_in_target(self) -> bool:
        """Whether |E| in grey matter is largest in the target."""
        return is_center(self.head, self.target_tets, self.peak_mm)

    @cached_property
    def target_e_v_per_m(self) -> NDArray[np.float64]:
        """Volume-weighted mean field vector in the target, V/m, (3,)."""
        return np.average(self.e_v_per_m[self.target_tets], axis=0, weights=self.head.volumes_mm3[self.target_tets])

    @cached_property
    def scalp(self) -> Surface:
        """The outside of the head."""
        return Surface.of(self.head.points_mm, self.head.boundary())

    @cached_property
    def cortex(self) -> Surface:
        """The mid-cortical surfaces; without them, the outside of grey and white matter."""
        if self.on_cortex is not None:
            whole = self.on_cortex.cortex.whole
            return Surface(whole.points_mm, whole.triangles, np.arange(len(whole.points_mm)))
        return Surface.of(self.head.points_mm, self.head.boundary([Tissue.WM, Tissue.GM]))

    @cached_property
    def outline(self) -> pv.PolyData | None:
        """Lines round the target on the cortex, where it is no ball."""
        from targeting.scene.parts import target_outline  # VTK takes a second to load

        if self.target is None:
            return None
        return target_outline(self.cortex.points_mm, self.cortex.triangles, self.head, self.target)

    @cached_property
    def cortex_e_v_per_m(self) -> NDArray[np.float64]:
        """|E| at the points of :attr:`cortex`, (n,); NaN where no grey matter is (bare white matter, as in the brain stem).

        On the outside of the brain it is the volume-weighted mean over the grey-matter tetrahedra at a point.
        """
        if self.on_cortex is not None:
            return self.on_cortex.magnitude_v_per_m
        return strength_at_nodes(self.head, self.e_v_per_m)[self.cortex.nodes]

    @cached_property
    def brain_field(self) -> BrainField:
        """|E| in the brain, to be cut by planes."""
        return BrainField.of(self.head, self.e_v_per_m)

    @cached_property
    def depth_mm(self) -> float:
        """From the target's centre to the nearest point of the scalp."""
        return float(np.linalg.norm(self.scalp.points_mm - self.target_mm, axis=1).min())

    @cached_property
    def scene(self) -> Scene:
        """The scene that the page turns; the pictures have its colours and its scale."""
        from targeting.scene.parts import outline_layers  # VTK takes a second to load
        from targeting.scene.planned import assembled

        field = self.on_cortex
        surfaces = self.surfaces or HeadSurfaces.of(self.head, field.cortex if field else None)
        if field is not None:
            values = {"magnE": field.magnitude_v_per_m, "normalE": field.normal_v_per_m}
        else:
            values = {"magnE": np.full(len(self.head.points_mm), np.nan)}
            values["magnE"][self.cortex.nodes] = self.cortex_e_v_per_m
        around = self.sources()
        if self.outline is not None:
            around += outline_layers(self.outline, self.plan.target.shape)
        unit = f"V/m {self.conditions}"
        return assembled(self.plan, surfaces, on_scene(surfaces, values), around, unit, self.outward, self.pose)

    @property
    def scale_end_v_per_m(self) -> float:
        """Where the colour scale of every picture of the field ends (:func:`targeting.scene.colors.scale_end`)."""
        return self.scene.top_v_per_m


@dataclass(frozen=True, eq=False, kw_only=True)
class TmsEvidence(Evidence):
    """A coil's plan with the arrays behind it.

    Parameters
    ----------
    plan : Plan
    scalp_points_mm : (P, 3) float
        Scalp points that were searched.
    best_dose_at_point_v_per_m : (P,) float
        The dose there at the best angle, at 1 A/µs.
    angles_deg : (A,) float
        Angles tried at placement 1, counted as ``angle_deg`` in the plan.
    dose_by_angle_v_per_m : (A,) float
        The dose at placement 1 for each of them, at 1 A/µs.
    casing : Casing
        Hull of the coil, coil frame.
    navigator_files : tuple of str
        Names of the files a navigator loads, as they lie beside the report.
    around_mm, share_around : (Q, 3) and (Q,) float, optional
        Scalp points round placement 1, and the share of its dose that the coil keeps there, its current kept in
        direction; NaN where it cannot stand.
    positions : ScalpPositions, optional
        The head's 10-10 positions, for the picture of the coil's place.
    """

    plan: Plan
    scalp_points_mm: NDArray[np.float64]
    best_dose_at_point_v_per_m: NDArray[np.float64]
    angles_deg: NDArray[np.float64]
    dose_by_angle_v_per_m: NDArray[np.float64]
    casing: Casing
    navigator_files: tuple[str, ...] = ()
    around_mm: NDArray[np.float64] | None = None
    share_around: NDArray[np.float64] | None = None
    positions: ScalpPositions | None = None

    @property
    def best(self) -> Placement:
        """Placement 1."""
        return self.plan.placements[0]

    @property
    def near(self) -> str:
        """Where placement 1 lies among the 10-10 positions, in words; empty where they are not known."""
        return self.plan.tape.near if self.plan.tape else ""

    @property
    def pose(self) -> Pose:
        """Pose of placement 1."""
        return Pose(np.array(self.best.pose))

    @property
    def outward(self) -> NDArray[np.float64]:
        """Out of the head along the coil's axis: from the casing's face to its back."""
        return -self.pose.direction_mm

    @property
    def peak_mm(self) -> NDArray[np.float64]:
        """Where |E| of placement 1 is largest in grey matter."""
        return np.array(self.best.peak_mm)

    @property
    def conditions(self) -> str:
        """Every field of a TMS plan belongs to 1 A/µs."""
        return "at 1 A/µs"

    @property
    def threshold_v_per_m(self) -> float | None:
        """|E| at 1 A/µs that the motor threshold stands for (:func:`targeting.field_by_area.table.threshold_of`)."""
        return threshold_of(self.plan.dosing)

    def sources(self) -> tuple[Layer, ...]:
        """The coil at placement 1."""
        from targeting.scene.parts import coil_layers  # VTK takes a second to load

        return coil_layers(self.casing, self.pose)

    def casing_surface(self) -> Surface:
        """The coil's hull at placement 1, world mm; every triangle has points of its own, so its edges stay sharp."""
        pose = self.pose.matrix_mm
        return sharp((self.casing.points_mm @ pose[:3, :3].T + pose[:3, 3])[self.casing.triangles])


@dataclass(frozen=True, eq=False, kw_only=True)
class TesEvidence(Evidence):
    """A montage's plan with the arrays behind it.

    Parameters
    ----------
    plan : TesPlan
    patches_mm : mapping
        Electrode → (t, 3, 3) corners of the triangles of scalp under it.
    """

    plan: TesPlan
    patches_mm: Mapping[str, NDArray[np.float64]]

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
        return f"at {total_current(self.plan.total_current_ma)}"

    @cached_property
    def facing(self) -> dict[str, NDArray[np.float64]]:
        """Electrode → unit vector out of the head under it."""
        return {name: _normal(patch) for name, patch in self.patches_mm.items()}

    def sources(self) -> tuple[Layer, ...]:
        """The electrodes."""
        from targeting.scene.parts import electrode_layers  # VTK takes a second to load

        return electrode_layers(self.plan.montage, self.patches_mm)

    def patch(self, name: str) -> Surface:
        """The scalp under an electrode, lifted a little; every triangle has points of its own."""
        return sharp(self.patches_mm[name] + LIFT_MM * self.facing[name])


def sharp(corners_mm: NDArray[np.float64]) -> Surface:
    """Triangles (t, 3, 3) as a surface whose edges stay sharp: each has points of its own."""
    points = corners_mm.reshape(-1, 3)
    return Surface(points, np.arange(len(points), dtype=np.int32).reshape(-1, 3), np.arange(len(points)))


def _normal(patch_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    area = np.cross(patch_mm[:, 1] - patch_mm[:, 0], patch_mm[:, 2] - patch_mm[:, 0]).sum(0)
    return np.asarray(area / max(float(np.linalg.norm(area)), 1e-30), dtype=np.float64)
