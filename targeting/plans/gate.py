"""Check a planned folder before it is used: its coil is the one it was made with, and no pose has it in the head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from atlases.scalp import Scalp
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.coils.coil import Coil, fingerprint
from targeting.coils.files import ChosenCoil
from targeting.plans.tms import TmsPlan
from targeting.pose import Pose
from targeting.pose_gate import MEASURED_TOLERANCE_MM, TOLERANCE_MM, PoseGate
from targeting.subject import Subject


def planned_coil(subject: Subject, plan: TmsPlan) -> Coil:
    """The coil of the plan in a subject's folder, as its field is in the effective phase of the plan's pulse.

    Raises
    ------
    InputError
        If its file is gone, or it is another coil now.
    """
    search = subject.made_from("search")
    file = search.get("paths", {}).get("coil")
    try:
        coil = ChosenCoil.of(Path(file) if file else plan.coil.name).coil
    except InputError as error:
        raise InputError(f"the plan's coil cannot be had: {error}; bring it back, or plan again") from None
    if search.get("parameters", {}).get("coil_sha256", fingerprint(coil)) != fingerprint(coil):
        raise InputError(f"coil {plan.coil.name} changed since the plan was made; run 'target plan' again")
    return coil.driven(plan.effective_sign)


def plan_gate(subject: Subject, plan: TmsPlan) -> PoseGate:
    """Make the check of poses for a planned subject: reads its mesh (seconds).

    Raises
    ------
    InputError
        If the mesh or the coil is gone.
    """
    path = subject.folder / "head.msh"
    if not path.is_file():
        raise InputError(f"whether the coil stays out of the head cannot be checked: there is no {path}; plan again")
    return PoseGate(Scalp.of(HeadMesh.read(path)), planned_coil(subject, plan))


def planned_poses(plan: TmsPlan) -> Iterator[tuple[str, str, list[list[float]]]]:
    """Every pose that a plan holds: its field, its coil and its matrix."""
    for i, placement in enumerate(plan.placements):
        yield f"placements[{i}].pose", plan.coil.name, placement.pose
    if plan.robustness is not None:
        yield "robustness.robust_pose", plan.coil.name, plan.robustness.robust_pose
    if plan.dosing is not None:
        yield "dosing.hotspot_pose", plan.coil.name, plan.dosing.hotspot_pose
    for i, row in enumerate(plan.comparison):
        yield f"comparison[{i}].pose", row.coil, row.pose


def check_plan(plan: TmsPlan, scalp: Scalp, coils: Sequence[Coil]) -> None:
    """Refuse a plan with a pose in the head; ``coils`` are its own and those compared.

    Raises
    ------
    RuntimeError
        If a pose in it is in the head: a fault of the program, of which nobody may be given the plan.
    """
    known: Mapping[str, Coil] = {coil.name: coil for coil in coils}
    for where, coil, matrix in planned_poses(plan):
        # a hotspot's pose may be a measured one, which its stage refuses or warns of
        tolerance = MEASURED_TOLERANCE_MM if where == "dosing.hotspot_pose" else TOLERANCE_MM
        if fault := PoseGate(scalp, known[coil]).fault(Pose(np.asarray(matrix, np.float64)), tolerance):
            raise RuntimeError(f"{where}: {fault}; no plan is written")
