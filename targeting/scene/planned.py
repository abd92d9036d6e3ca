"""The scene of a planned subject, read from its folder; and how any scene is put together from a plan and its surfaces."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from meshes.choices import one_of
from meshes.cortical_surface import Cortex
from meshes.errors import InputError, WriteError
from meshes.head import HeadMesh
from targeting.fem.cortical_field import strength_at_nodes
from targeting.modality import KINDS
from targeting.plans.gate import planned_coil
from targeting.plans.tes import TesPlan, read_tes_plan
from targeting.plans.tms import Plan, read_plan
from targeting.pose import Pose
from targeting.records.places import ALSO
from targeting.scene.colors import BONE, BRAIN, SKIN, scale_end
from targeting.scene.layer import Layer, Scene
from targeting.scene.live_cortex import cortical_field_at
from targeting.scene.parts import OUTLINE, coil_layers, electrode_layers, outline_layers, place_layers, target_layers
from targeting.study.study import RecordedStudy
from targeting.study.surfaces import HeadSurfaces, on_scene, surfaces_stage
from targeting.subject import Done, Subject

log = logging.getLogger(__name__)

MODALITIES = ("tms", *KINDS)
SCALP_OPACITY, SKULL_OPACITY = 0.2, 0.35


def planned_scene(
    subject: str | Subject, out: str | Path | None = None, modality: str | None = None, placement: int = 1
) -> Scene:
    """The scene of a planned subject.

    The first call thins the head's surfaces and keeps them in the folder (some ten seconds); then it takes a second.

    Parameters
    ----------
    subject : str or Subject
    out : path, optional
        The subject's folder, instead of ``./subject/``.
    modality : {"tms", "tdcs", "hd-tdcs"}, optional
        Default: the first of them that is planned.
    placement : int
        Rank of a coil's placement.  The folder holds the field of the first; another's comes from the field basis
        (``target basis``), or from a solve of some ten seconds.

    Raises
    ------
    InputError
        If there is no such plan, it is outdated, or it has no such placement.
    """
    subject = Subject.planned(subject, out)
    kind = planned_modality(subject, modality)
    if kind == "tms":
        return _tms_scene(subject, placement)
    if placement != 1:
        raise InputError(f"a montage has no placement {placement}; leave out `placement`")
    return _tes_scene(subject, kind)


def planned_modality(subject: Subject, modality: str | None = None) -> str:
    """The kind of plan in a subject's folder: the modality asked for, or the first there is.

    Raises
    ------
    InputError
        If it is not planned; the line says what to run.
    """
    if modality is not None:
        one_of(modality, MODALITIES, "modality of `modality`")
    there = [kind for kind in MODALITIES if (subject.folder_of(kind) / "plan.json").is_file()]
    found = [kind for kind in there if modality in (None, kind)]
    if found:
        return found[0]
    asked = f"target plan {subject.name}" + ("" if modality in (None, "tms") else f" --with {modality}")
    others = f" (planned there: {', '.join(there)})" if there else ""
    raise InputError(
        f"there is no {modality + ' ' if modality else ''}plan in {subject.plan_folder}{others}; run '{asked}' first"
    )


def assembled(
    plan: Plan | TesPlan,
    surfaces: HeadSurfaces,
    values_v_per_m: Mapping[str, NDArray[np.floating]],
    around: tuple[Layer, ...],
    unit: str,
    outward: NDArray[np.float64],
    pose: Pose | None = None,
) -> Scene:
    """Put a scene together from its parts.

    Parameters
    ----------
    plan : Plan or TesPlan
    surfaces : HeadSurfaces
    values_v_per_m : mapping
        "magnE" and "normalE" at the points of ``surfaces.cortex``; empty if there is no field.
    around : tuple of Layer
        Coil or electrodes, and the outlines of a mask or a map.
    unit : str
    outward : (3,) float
    pose : Pose, optional
        The coil's.
    """
    cortex = surfaces.cortex.copy()
    for name, value in values_v_per_m.items():
        cortex.point_data[name] = np.asarray(value, np.float32)
    skull = Layer("skull", surfaces.skull, BONE, SKULL_OPACITY, visible=False, ahead_mm=-np.inf)
    layers = [
        Layer("scalp", surfaces.scalp, SKIN, SCALP_OPACITY, ahead_mm=-np.inf),
        *([skull] if skull.surface.n_cells else []),
        Layer("cortex", cortex, BRAIN, scalars="magnE" if "magnE" in values_v_per_m else ""),
        *target_layers(plan.target.center_mm, plan.target.ring_mm, outward),
        *place_layers(plan.goal.places if plan.goal else (), plan.target.center_mm, surfaces.scalp.points),
        *around,
    ]
    center = np.array(plan.target.center_mm, np.float64)
    matrix = None if pose is None else pose.matrix_mm
    return Scene(
        title_of(plan), tuple(layers), unit, scale_end(cortex), center, np.asarray(outward), matrix, target_e_of(plan)
    )


def target_e_of(plan: Plan | TesPlan) -> float:
    """The mean |E| over the target that a plan states, V/m (of a coil's first placement)."""
    if isinstance(plan, TesPlan):
        return plan.dose.mean_e_v_per_m
    best = plan.placements[0]
    return best.direct_mean_e_v_per_m or best.dose_v_per_m


def title_of(plan: Plan | TesPlan) -> str:
    """The title of a plan's scene: "subject01: left m1-hand, figure8-70mm"; with further targets after the first."""
    tool = plan.coil.name if isinstance(plan, Plan) else plan.montage_name
    further = [each for each in plan.goal.places if each.role == ALSO] if plan.goal else []
    aims = [f"{each.side} {each.name}".strip() for each in (plan.target, *further)]
    return f"{plan.subject}: {' and '.join(aims)}, {tool}"


def surfaces_of(subject: Subject, head: Done[HeadMesh], cortex: Done[Cortex] | None) -> HeadSurfaces:
    """The head's surfaces, from the folder or made now; where the folder cannot be written they are not kept."""
    try:
        with subject.locked():
            return subject.run(surfaces_stage(head, cortex)).value
    except (InputError, WriteError):  # another run's folder now, or somebody else's: looking must still be possible
        return HeadSurfaces.of(head.value, cortex.value if cortex else None)


def _tms_scene(subject: Subject, placement: int) -> Scene:
    plan = read_plan(subject.plan_folder / "plan.json")
    if not 1 <= placement <= len(plan.placements):
        raise InputError(f"there is no placement {placement}; the plan has 1 to {len(plan.placements)}")
    study = RecordedStudy.of(subject)
    head, cortex = study.head, study.cortex
    _check_follows(subject, "files", head, cortex)
    surfaces = surfaces_of(subject, head, cortex)
    pose = Pose(np.array(plan.placements[placement - 1].pose))
    coil = planned_coil(subject, plan)
    if placement == 1 and surfaces.has_cortex:
        values = on_scene(surfaces, _stored(subject.plan_folder / "cortex.vtp"))
    else:
        values = cortical_field_at(subject, coil, pose, surfaces)
    around = coil_layers(coil, pose) + _outline(subject.plan_folder, plan.target.shape)
    scene = assembled(plan, surfaces, values, around, "V/m at 1 A/µs", -pose.direction_mm, pose)
    if placement == 1:
        return scene
    share = plan.placements[placement - 1].dose_v_per_m / plan.placements[0].dose_v_per_m
    return replace(scene, title=f"{scene.title}, placement {placement}", target_e_v_per_m=share * target_e_of(plan))


def _tes_scene(subject: Subject, kind: str) -> Scene:
    plan = read_tes_plan(subject.folder_of(kind) / "plan.json")
    study = RecordedStudy.of(subject)
    head, cortex = study.head, study.cortex
    _check_follows(subject, f"{kind}-files", head, cortex)
    surfaces = surfaces_of(subject, head, cortex)
    confirmation = subject.plan_folder / f"{kind}-confirm.npz"
    names = [each.name for each in plan.montage]
    try:
        with np.load(confirmation, allow_pickle=False) as arrays:
            patches = {name: arrays[f"patch_{i}"] for i, name in enumerate(names)}
            field = None if surfaces.has_cortex else arrays["e_v_per_m"]
    except (OSError, KeyError, ValueError):
        raise InputError(
            f"{confirmation} is gone or of another plan; run 'target plan {subject.name} --with {kind}' again"
        ) from None
    of_head = None if field is None else {"magnE": strength_at_nodes(head.value, field)}
    values = on_scene(surfaces, of_head or _stored(subject.folder_of(kind) / "cortex.vtp"))
    around = electrode_layers(plan.montage, patches) + _outline(subject.folder_of(kind), plan.target.shape)
    away = np.asarray(surfaces.scalp.points, np.float64) - plan.target.center_mm
    nearest = away[np.linalg.norm(away, axis=1).argmin()]
    unit = f"V/m at {plan.total_current_ma:g} mA"
    return assembled(plan, surfaces, values, around, unit, nearest / np.linalg.norm(nearest))


def _outline(folder: Path, shape: str) -> tuple[Layer, ...]:
    """The outline that a plan left of a target that is no ball."""
    path = folder / OUTLINE
    if shape == "ball":
        return ()
    if not path.is_file():
        log.warning("the %s that is the target is not outlined, as there is no %s; 'target plan' makes it", shape, path)
        return ()
    return outline_layers(pv.read(path), shape)


def _check_follows(subject: Subject, files: str, head: Done[HeadMesh], cortex: Done[Cortex] | None) -> None:
    """Refuse a plan that was made of another mesh or cortex than the folder's."""
    after = subject.made_from(files).get("after", {})
    for done in (head, cortex):
        if done is not None and after.get(done.stage, done.digest) != done.digest:
            raise InputError(
                f"the plan in {subject.plan_folder} is outdated ({done.stage} changed); run 'target plan {subject.name}' again"
            )


def _stored(path: Path) -> dict[str, NDArray[np.floating]]:
    """The cortical field a plan left."""
    if not path.is_file():
        raise InputError(f"{path} is gone; run 'target plan' again")
    stored = pv.read(path)
    return {name: np.asarray(stored.point_data[name]) for name in ("magnE", "normalE")}
