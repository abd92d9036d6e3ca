"""The last stage of a montage: a :class:`~targeting.plans.tes.TesPlan` out of the road's values, and the files people use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atlases.target import is_center
from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from targeting.goals.tes_record import PlanTesGoal, tes_goal_warnings
from targeting.planning.on_scalp import landmarks_of
from targeting.planning.tms_files import head_warnings, plan_frame
from targeting.plans.dangers import side_dangers
from targeting.plans.tes import PlanStandard, TesPlan, TesSearchSummary, write_tes_plan
from targeting.records.montage import PlanElectrode
from targeting.records.places import plan_target
from targeting.records.pole import FREE, MIXED, OF_SCALP, SIGNED, PlanPole, acting_pole, pole_words
from targeting.records.warnings import PlanWarning, danger, in_order, note, warning
from targeting.study.head_stages import Segmented
from targeting.tes.optimise.limits import off_grid
from targeting.tes.safety import Exposure, check_safety, exposure_of, session_checks
from targeting.versions import versions

if TYPE_CHECKING:
    from atlases.aim import AimedTarget
    from atlases.scalp_tape import TapeMeasure
    from targeting.study.surfaces import HeadSurfaces
    from targeting.study.tes_request import TesRequest
    from targeting.study.tes_stages import HeadPositions
    from targeting.tes.montage_choice import ChosenMontage
    from targeting.tes.montage_confirm import ConfirmedMontage

FILES = ("plan.json", "plan.html", "placement_sheet.html", "montage.csv", "electrodes.tsv", "coordsystem.json")
DRAWING = "montage.geo"
CAP_PICTURE = "cap.png"
DEEP_RATIO = 1.5  # peak elsewhere over the target's mean from which a warning is due, as for coils
SHUNTED_SHARE = 0.75  # of the current that stays in the scalp, from which a warning is due


@dataclass(frozen=True, eq=False)
class TesResults:
    """Everything the stages before this one made."""

    subject: str
    request: TesRequest
    segmented: Segmented
    head: HeadMesh
    sigma_s_per_m: NDArray[np.float64]  # of each tetrahedron
    aimed: AimedTarget
    located: HeadPositions
    chosen: ChosenMontage
    confirmed: ConfirmedMontage
    tape: TapeMeasure
    objective: str
    polarity: str  # of :mod:`targeting.records.pole`
    search: TesSearchSummary
    conductivity_s_per_m: Mapping[str, float]
    seconds: Mapping[str, float]
    notes: Sequence[PlanWarning] = ()
    pain_side: str = ""
    patient_id: str = ""
    cortex: Cortex | None = None
    surfaces: HeadSurfaces | None = None
    goal: PlanTesGoal | None = None


def make_tes_plan(results: TesResults) -> TesPlan:
    """The plan, its safety items, its warnings and its provenance."""
    confirmed, request = results.confirmed, results.request
    exposure = _exposure(results)
    items = check_safety(exposure, request.accept_risk)
    montage = [_electrode(results, i) for i in range(len(confirmed.electrodes))]
    plan = TesPlan(
        subject=results.subject,
        kind=request.kind,
        frame=plan_frame(results.segmented),
        target=plan_target(results.aimed, results.head),
        montage_name=results.chosen.montage.name,
        montage=montage,
        total_current_ma=exposure.total_current_ma,
        minutes=request.minutes,
        objective=results.objective,
        dose=confirmed.dose,
        pole=_pole(results),
        standard=_standard(confirmed),
        optimum=results.chosen.optimum,
        goal=results.goal,
        landmarks=landmarks_of(results.tape, results.located.fiducials),
        safety=items,
        session_checks=list(session_checks()),
        charge_c=exposure.charge_c,
        brain_e_v_per_m=exposure.brain_e_v_per_m,
        eye_e_v_per_m=exposure.eye_e_v_per_m,
        search=replace(results.search, current_kept_by_scalp=round(confirmed.scalp_share, 3)),
        warnings=[],
        pain_side=results.pain_side,
        patient_id=results.patient_id,
        versions=versions(),
        seconds={stage: round(seconds, 2) for stage, seconds in results.seconds.items()},
        conductivity_s_per_m=dict(results.conductivity_s_per_m),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    beyond = [danger(item.words, item.name, request.accept_risk) for item in items if not item.within]
    return replace(plan, warnings=_warnings(results, plan, beyond))


def _warnings(results: TesResults, plan: TesPlan, beyond: Sequence[PlanWarning]) -> list[PlanWarning]:
    """All that a person must know, in order; first of each kind the safety items that are ``beyond`` their limits."""
    confirmed = results.confirmed
    tets, _ = results.aimed.target.weights(results.head)
    elsewhere = not is_center(results.head, tets, plan.dose.peak_mm)
    return in_order(
        [
            *beyond,
            *side_dangers(plan.target),
            *results.notes,
            *head_warnings(results.segmented, results.aimed, results.head),
            *([note(confirmed.note)] if confirmed.note else []),
            *warnings_of(plan, elsewhere, confirmed.scalp_share, results.located.fiducials.source),
        ]
    )


def warnings_of(plan: TesPlan, peak_elsewhere: bool, scalp_share: float, fiducials_from: str) -> list[PlanWarning]:
    """What the montage's field and its places on the scalp give to think of."""
    found = []
    dose = plan.dose
    ratio = dose.peak_e_v_per_m / dose.mean_e_v_per_m if dose.mean_e_v_per_m > 0 else np.inf
    if peak_elsewhere and ratio > DEEP_RATIO:
        where = ", ".join(f"{x:.0f}" for x in dose.peak_mm)
        found.append(
            f"the strongest field is not in the target: grey matter near ({where}) mm sees {ratio:.1f} times the target's "
            f"mean |E| ({dose.peak_e_v_per_m:.2g} against {dose.mean_e_v_per_m:.2g} V/m), and "
            f"{dose.stronger_cm3:.0f} cm³ of it more than the target's mean"
        )
    if plan.goal is not None:
        found += tes_goal_warnings(plan.goal, dose.dose_v_per_m)
    found += pole_warnings(plan)
    if plan.optimum is None and off_grid(np.array([each.current_ma for each in plan.montage]) / 1e3):
        found.append(
            "the currents are used as they were given, and not all are whole tenths of a milliampere: a stimulator may not "
            "take them as they stand"
        )
    if scalp_share > SHUNTED_SHARE:
        found.append(f"{scalp_share:.0%} of the current stays in the scalp: the electrodes lie close together")
    if fiducials_from.startswith("registration"):
        found.append(
            "nasion, inion and ears were found by registration, to about a centimetre: check the head's two measures on the "
            "placement sheet, or give the points with --positions"
        )
    return [warning(each) for each in found]


def pole_warnings(plan: TesPlan) -> list[str]:
    """What to know of the polarity, a line each."""
    pole = plan.pole
    if pole is None:
        return []
    found = []
    if pole.polarity == FREE and plan.optimum is not None:
        found.append(
            "the size of the field has no polarity: with anode and cathode exchanged the dose is the same; they are turned "
            "so that the mean field enters the cortex at the target, and --polarity anodal makes that component large"
        )
    if pole.inward_of == OF_SCALP:
        found.append(
            "the cortex's mean normal in the target is not clear or no surface is known: into the cortex is taken as the "
            "way from the nearest scalp to the target"
        )
    if pole.polarity in SIGNED and pole.acting == MIXED:
        found.append(f"{pole.words}: a {pole.polarity} montage does little here that its name says")
    return found


def write_tes_files(room: Path, results: TesResults, plan: TesPlan) -> None:
    """Write the plan, the report, the sheet, the tables and the field files into a folder."""
    from matplotlib.image import imsave

    from meshes.rasterise import labels_on_grid
    from targeting.fem.cortical_field import CorticalField, write_cortical_field
    from targeting.files.fields import write_field_files
    from targeting.files.geo import electrode_views, target_view, write_geo
    from targeting.report.evidence import TesEvidence
    from targeting.report.tes import write_tes_report
    from targeting.report.tes_cap import cap_picture, sides
    from targeting.report.tes_sheet import write_placement_sheet
    from targeting.scene.parts import OUTLINE
    from targeting.tes.montage_files import write_bids, write_montage_table

    write_tes_plan(room / "plan.json", plan)
    write_montage_table(room / "montage.csv", plan.montage)
    write_bids(room, plan.montage, plan.landmarks, plan.frame)
    e, conditions = results.confirmed.e_v_per_m, f"{plan.total_current_ma:g} mA"
    affine, shape = results.segmented.affine_mm, results.segmented.frame.shape
    patches = results.confirmed.patches_mm
    target = target_view(plan.target.center_mm, f"{plan.target.name} {plan.target.side}".strip())
    write_geo(room / DRAWING, [*electrode_views(plan.montage, patches), target])
    on_cortex = None
    if results.cortex is not None:
        on_cortex = CorticalField.of(results.cortex, results.head, e)
        write_cortical_field(room, on_cortex, conditions)
    background = results.segmented.background()
    if background is None:
        background = labels_on_grid(results.head, affine, shape).astype(np.float32)
    tets, _ = results.aimed.target.weights(results.head)
    evidence = TesEvidence(
        plan=plan,
        head=results.head,
        e_v_per_m=e,
        target_tets=tets,
        background=background,
        background_affine_mm=affine,
        on_cortex=on_cortex,
        surfaces=results.surfaces,
        target=results.aimed.target,
        patches_mm=patches,
    )
    end = evidence.scale_end_v_per_m
    write_field_files(room, results.head, e, affine, shape, end, conditions, drawings=[DRAWING])
    if evidence.outline is not None:
        evidence.outline.save(room / OUTLINE)
    imsave(room / CAP_PICTURE, np.hstack([cap_picture(evidence, side) for side in sides(evidence)]))
    write_tes_report(room / "plan.html", evidence)
    write_placement_sheet(room / "placement_sheet.html", evidence)


def _exposure(results: TesResults) -> Exposure:
    laid = results.confirmed.electrodes
    return exposure_of(
        results.head,
        results.confirmed.e_v_per_m,
        results.sigma_s_per_m,
        {each.name: 1e3 * each.current_a for each in laid},
        {each.name: each.area_mm2 for each in laid},
        results.request.minutes,
    )


def _electrode(results: TesResults, i: int) -> PlanElectrode:
    each = results.confirmed.electrodes[i]
    nasion, inion, left, right = results.tape.places_mm[each.name]
    return PlanElectrode(
        name=each.name,
        scalp_mm=list(each.center_mm),
        current_ma=1e3 * each.current_a,
        shape=each.shape,
        size_mm=list(each.size_mm),
        y_axis=list(each.y_axis),
        area_mm2=each.area_mm2,
        density_a_per_m2=abs(each.current_a) / (each.area_mm2 * 1e-6),
        from_nasion_mm=nasion,
        from_inion_mm=inion,
        from_left_ear_mm=left,
        from_right_ear_mm=right,
    )


def _standard(confirmed: ConfirmedMontage) -> PlanStandard | None:
    usual, ours = confirmed.standard, confirmed.dose
    if usual is None:
        return None
    per_ma, usual_per_ma = ours.dose_v_per_m / ours.total_current_ma, usual.dose_v_per_m / usual.total_current_ma
    both = per_ma > 0 and usual_per_ma > 0  # along a direction a dose may be against it
    return PlanStandard(
        dose=usual,
        electrodes=dict(confirmed.standard_ma),
        dose_ratio=per_ma / usual_per_ma if both else None,
        focality_ratio=ours.focality / usual.focality,
        same_dose_ma=usual.dose_v_per_m / per_ma if both else None,
    )


def _pole(results: TesResults) -> PlanPole | None:
    found, dose = results.confirmed.pole, results.confirmed.dose
    if found is None:
        return None
    acting = acting_pole(found.ours_v_per_m, dose.mean_e_v_per_m)
    usual = results.confirmed.standard
    return PlanPole(
        polarity=results.polarity,
        acting=acting,
        normal_v_per_m=found.ours_v_per_m,
        standard_normal_v_per_m=found.standard_v_per_m,
        inward=list(found.inward),
        inward_of=found.inward_of,
        words=pole_words(acting, found.ours_v_per_m, usual.montage if usual else "", found.standard_v_per_m),
    )


def _list(array: np.ndarray) -> list:
    return np.asarray(array, dtype=np.float64).tolist()
