"""Results that plans of a coil and plans of electrodes share: head, target, and the fields that both plans have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlases.target import is_center
from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from meshes.images import open_nifti
from targeting.aim_certainty.record import plan_aim_certainty
from targeting.made import fixed, made_at
from targeting.records.places import Frame, plan_target
from targeting.records.warnings import PlanWarning, note, warning
from targeting.study.head_stages import Segmentation
from targeting.versions import versions

if TYPE_CHECKING:
    from atlases.aim import AimedTarget
    from atlases.warp import MniWarp
    from targeting.aim_certainty.certainty import AimCertainty
    from targeting.fem.cortical_field import CorticalField
    from targeting.field_by_area.table import AreaField
    from targeting.report.evidence import Evidence
    from targeting.study.surfaces import HeadSurfaces

DEEP_RATIO = 1.5  # peak elsewhere over the target's mean |E| from which a warning is due


@dataclass(frozen=True, eq=False, kw_only=True)
class PlanResults:
    """Results of the stages that both kinds of plan have."""

    subject: str
    segmentation: Segmentation
    head: HeadMesh
    aimed_target: AimedTarget
    objective: str
    conductivity_s_per_m: Mapping[str, float]
    seconds: Mapping[str, float]
    notes: Sequence[PlanWarning] = ()
    pain_side: str = ""
    patient_id: str = ""
    cortex: Cortex | None = None
    surfaces: HeadSurfaces | None = None
    certainty: AimCertainty | None = None
    warp: MniWarp | None = None

    @property
    def target_tets(self) -> NDArray[np.integer]:
        """Numbers of the target's tetrahedra."""
        tets, _ = self.aimed_target.target.weights(self.head)
        return tets

    def is_elsewhere(self, peak_mm: ArrayLike) -> bool:
        """Whether a peak of |E| lies outside the target."""
        return not is_center(self.head, self.target_tets, peak_mm)


def fields_of_both(results: PlanResults) -> dict[str, Any]:
    """The fields that a plan of either arm has, without warnings."""
    frame = results.segmentation.frame
    return {
        "subject": results.subject,
        "frame": Frame("RAS mm of T1", frame.name, frame.sha256, frame.affine_mm, list(frame.shape)),
        "target": plan_target(results.aimed_target, results.head),
        "objective": results.objective,
        "warnings": [],
        "versions": versions(),
        "seconds": {} if fixed() else {stage: round(seconds, 2) for stage, seconds in results.seconds.items()},
        "conductivity_s_per_m": dict(results.conductivity_s_per_m),
        "pain_side": results.pain_side,
        "patient_id": results.patient_id,
        "aim_certainty": plan_aim_certainty(results.certainty) if results.certainty else None,
        "created": made_at(),
    }


def head_warnings(results: PlanResults) -> list[PlanWarning]:
    """Warnings of the image, of the target's place, and of parts of the head whose volume is odd."""
    from targeting.report.volumes import volume_warnings

    segmentation = results.segmentation
    odd = volume_warnings(results.head, segmentation.affine_mm, segmentation.frame.shape, segmentation.frame.name)
    found = results.aimed_target
    told = [note(each) for each in found.notes]
    return [*(warning(each) for each in (*segmentation.warnings, *found.warnings, *odd)), *told]


def area_notes(results: PlanResults) -> list[PlanWarning]:
    """A line that says in which areas of the cortex the target lies, where that is known."""
    from targeting.field_by_area.table import areas_of_target
    from targeting.field_by_area.words import target_sentence

    words = target_sentence(areas_of_target(results.aimed_target.target, results.cortex))
    return [note(words)] if words else []


def write_field_by_area(
    folder: Path, on_cortex: CorticalField | None, conditions: str, threshold_v_per_m: float | None = None
) -> list[AreaField]:
    """Write the table of the field in each area, where areas are known.

    Parameters
    ----------
    folder : Path
    on_cortex : CorticalField or None
    conditions : str
        What the field is at.
    threshold_v_per_m : float, optional
        |E| at motor threshold under the same currents.

    Returns
    -------
    list of AreaField
        The rows of the table; none where no folds are known.
    """
    from targeting.field_by_area.files import write_regions
    from targeting.field_by_area.table import field_by_area

    rows = field_by_area(on_cortex, threshold_v_per_m) if on_cortex is not None else []
    write_regions(folder, rows, conditions, threshold_v_per_m)
    return rows


def write_field_on_cortex(
    folder: Path, results: PlanResults, e_v_per_m: NDArray[np.floating], conditions: str | None = None
) -> CorticalField | None:
    """Write the field on the cortex and on the group's, where the cortex and its folds are known.

    Parameters
    ----------
    folder : Path
    results : PlanResults
    e_v_per_m : (M, 3) float
        Per tetrahedron.
    conditions : str, optional
        What the field is at, for the files; default: 1 A/µs.

    Returns
    -------
    CorticalField or None
        The field on the cortex, if that is known.
    """
    from targeting.fem.cortical_field import CorticalField, write_cortical_field
    from targeting.files.group_spaces import write_on_group_cortex

    if results.cortex is None:
        return None
    on_cortex = CorticalField.of(results.cortex, results.head, e_v_per_m)
    said = {} if conditions is None else {"conditions": conditions}
    write_cortical_field(folder, on_cortex, **said)
    write_on_group_cortex(folder, on_cortex, **said)
    return on_cortex


def write_field_in_volume(
    folder: Path, results: PlanResults, evidence: Evidence, drawing: str, conditions: str | None = None
) -> None:
    """Write the field on the mesh, in the image and in MNI152, its colour scale ending where that of the plan's pictures does.

    Parameters
    ----------
    folder : Path
    results : PlanResults
    evidence : Evidence
        What the report shows: the field, and where its scale ends.
    drawing : str
        Name of the file of shapes that Gmsh shows beside the field.
    conditions : str, optional
        What the field is at, for the files; default: 1 A/µs.
    """
    from targeting.files.fields import write_field_files
    from targeting.files.group_spaces import write_in_mni

    said = {} if conditions is None else {"conditions": conditions}
    affine_mm, scale_end = results.segmentation.affine_mm, evidence.scale_end_v_per_m
    *_, image = write_field_files(
        folder,
        results.head,
        evidence.e_v_per_m,
        affine_mm,
        results.segmentation.frame.shape,
        scale_end,
        drawings=[drawing],
        **said,
    )
    if results.warp is not None:
        on_grid = open_nifti(image).volume()
        write_in_mni(folder, on_grid, affine_mm, results.warp, scale_end, **said)


def background_of(results: PlanResults) -> NDArray[np.floating]:
    """The image that pictures of slices are drawn on: the T1, or without one the head's tissues."""
    from meshes.rasterise import labels_on_grid

    image = results.segmentation.background()
    if image is None:
        return labels_on_grid(results.head, results.segmentation.affine_mm, results.segmentation.frame.shape).astype(
            np.float32
        )
    return image
