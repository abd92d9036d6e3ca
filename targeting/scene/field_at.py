"""The field on the cortex for a coil at any pose of a planned subject: by the field basis if it is made, else by a solve.

The basis (``target basis``) takes milliseconds; a direct solve takes the time of one field, with the conductivities and
tensors of the plan.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.coils.coil import Coil
from targeting.fem.cortical_field import strength_at_nodes
from targeting.pose import Pose
from targeting.study.study import RecordedStudy
from targeting.study.surfaces import HeadSurfaces, on_scene
from targeting.subject import Subject

log = logging.getLogger(__name__)


def cortical_field_at(
    subject: Subject, coil: Coil, pose: Pose, surfaces: HeadSurfaces
) -> dict[str, NDArray[np.floating]]:
    """The values "magnE" and "normalE" at the points of ``surfaces.cortex``, V/m at 1 A/µs.

    On the outside of the brain (without mid-cortical surfaces) there is no "normalE".
    """
    by_basis = _by_basis(subject, coil, pose, surfaces) if surfaces.folded else None
    if by_basis is not None:
        return by_basis
    head, e_v_per_m = solved(subject, coil, pose)
    if not surfaces.folded:
        return on_scene(surfaces, {"magnE": strength_at_nodes(head, e_v_per_m)})
    from targeting.fem.cortical_field import CorticalField

    folded = RecordedStudy.of(subject).cortex
    if folded is None:
        raise InputError(f"the cortex in {subject.folder} is gone; run 'target plan {subject.name}' again")
    field = CorticalField.of(folded.value, head, e_v_per_m)
    return on_scene(surfaces, {"magnE": field.magnitude_v_per_m, "normalE": field.normal_v_per_m})


def solved(subject: Subject, coil: Coil, pose: Pose) -> tuple[HeadMesh, NDArray[np.float64]]:
    """The subject's mesh, and one direct solve with the plan's conductivities, (M, 3) V/m at 1 A/µs."""
    from targeting.tms.field import simulate_tms

    if not subject.made_from("dosemap"):
        raise InputError(f"there is no coil plan in {subject.folder}; run 'target plan {subject.name}' first")
    study = RecordedStudy.of(subject, solved_by="dosemap")
    head = study.head.value
    log.info("solving the field of %s at %s", coil.name, pose.name)
    return head, simulate_tms(study.conductor, coil, pose).e_v_per_m


def _by_basis(
    subject: Subject, coil: Coil, pose: Pose, surfaces: HeadSurfaces
) -> dict[str, NDArray[np.floating]] | None:
    """The basis' field, as the window shows it; None if no basis stands."""
    from targeting.scene.live_cortex import LiveCortex
    from targeting.study.field_basis_stage import standing_basis

    made = standing_basis(subject)
    return None if made is None else LiveCortex.of(made, coil, surfaces.cortex).field(pose.matrix_mm)
