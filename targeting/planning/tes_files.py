"""The last stage of a montage: a :class:`~targeting.plans.tes.TesPlan` out of the road's values, and the files people use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from targeting.goals.tes_record import PlanTesGoal, tes_goal_warnings
from targeting.planning.on_scalp import landmarks_of
from targeting.planning.results import (
    DEEP_RATIO,
    PlanResults,
    area_notes,
    background_of,
    fields_of_both,
    head_warnings,
    write_field_by_area,
    write_field_in_volume,
    write_field_on_cortex,
)
from targeting.plans.dangers import side_dangers
from targeting.plans.tes import PlanStandard, TesPlan, TesSearchSummary, write_tes_plan
from targeting.records.montage import PlanElectrode
from targeting.records.pole import FREE, MIXED, OF_SCALP, SIGNED, PlanPole, acting_pole, pole_words
from targeting.records.warnings import PlanWarning, danger, in_order, note, warning
from targeting.tes.optimise.limits import off_grid
from targeting.tes.safety import Exposure, check_safety, exposure_of, session_checks

if TYPE_CHECKING:
    from atlases.scalp_tape import TapeMeasure
    from targeting.study.cap_stages import HeadPositions
    from targeting.study.tes_request import TesRequest
    from targeting.tes.montage_choice import ChosenMontage
    from targeting.tes.montage_confirm import ConfirmedMontage

FILES = ("plan.json", "plan.html", "placement_sheet.html", "montage.csv", "electrodes.tsv", "coordsystem.json")
DRAWING = "montage.geo"
CAP_PICTURE = "cap.png"
SHUNTED_SHARE = 0.75  # of the current that stays in the scalp, from which a warning is due


@dataclass(frozen=True, eq=False, kw_only=True)
class TesResults(PlanResults):
    """Results of the stages of a montage's plan."""

    request: TesRequest
    sigma_s_per_m: NDArray[np.float64]  # of each tetrahedron
    positions: HeadPositions
    search: ChosenMontage
    confirmation: ConfirmedMontage
    tape: TapeMeasure
    polarity: str  # of :mod:`targeting.records.pole`
    search_summary: TesSearchSummary
    goal: PlanTesGoal | None = None


def make_tes_plan(results: TesResults) -> TesPlan:
    """Make the plan with its safety items and its warnings."""
    confirmation, request = results.confirmation, results.request
    exposure = _exposure(results)
    items = check_safety(exposure, request.accept_risk)
    plan = TesPlan(
        **fields_of_both(results),
        kind=request.kind,
        montage_name=results.search.montage.name,
        montage=[_electrode(results, i) for i in range(len(confirmation.electrodes))],
        total_current_ma=exposure.total_current_ma,
        minutes=request.minutes,
        dose=confirmation.dose,
        pole=_pole(results),
        standard=_standard(confirmation),
        optimum=results.search.optimum,
        goal=results.goal,
        landmarks=landmarks_of(results.tape, results.positions.fiducials),
        safety=items,
        session_checks=list(session_checks()),
        charge_c=exposure.charge_c,
        brain_e_v_per_m=exposure.brain_e_v_per_m,
        eye_e_v_per_m=exposure.eye_e_v_per_m,
        search=replace(results.search_summary, current_kept_by_scalp=round(confirmation.scalp_share, 3)),
    )
    beyond = [danger(item.words, item.name, request.accept_risk) for item in items if not item.within]
    return replace(plan, warnings=_warnings(results, plan, beyond))


def _warnings(results: TesResults, plan: TesPlan, beyond: Sequence[PlanWarning]) -> list[PlanWarning]:
    """All that a person must know, in order; first of each kind the safety items that are ``beyond`` their limits."""
    confirmation = results.confirmation
    elsewhere = results.is_elsewhere(plan.dose.peak_mm)
    return in_order(
        [
            *beyond,
            *side_dangers(plan.target),
            *results.notes,
            *area_notes(results),
            *head_warnings(results),
            *([note(confirmation.note)] if confirmation.note else []),
            *warnings_of(plan, elsewhere, confirmation.scalp_share, results.positions.fiducials.source),
        ]
    )


def warnings_of(plan: TesPlan, peak_elsewhere: bool, scalp_share: float, fiducials_from: str) -> list[PlanWarning]:
    """Warnings of a montage's field and of its places on the scalp.

    Parameters
    ----------
    plan : TesPlan
    peak_elsewhere : bool
        Whether |E| in grey matter is largest outside the target.
    scalp_share : float
        Share of the current that stays in the scalp, 0 to 1.
    fiducials_from : str
        Where nasion, inion and ears come from; "registration …" if they were found by registration.
    """
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


def write_tes_files(folder: Path, results: TesResults, plan: TesPlan) -> None:
    """Write the plan, the report, the sheet, the tables and the field files into a folder."""
    from matplotlib.image import imsave

    from targeting.files.geo import electrode_views, target_view, write_geo
    from targeting.report.evidence import TesEvidence
    from targeting.report.tes import write_tes_report
    from targeting.report.tes_cap import cap_picture, sides
    from targeting.report.tes_sheet import write_placement_sheet
    from targeting.scene.parts import OUTLINE
    from targeting.tes.montage_files import write_bids, write_montage_table

    conditions, patches = f"{plan.total_current_ma:g} mA", results.confirmation.patches_mm
    write_tes_plan(folder / "plan.json", plan)
    write_montage_table(folder / "montage.csv", plan.montage)
    write_bids(folder, plan.montage, plan.landmarks, plan.frame)
    target = target_view(plan.target.center_mm, f"{plan.target.name} {plan.target.side}".strip())
    write_geo(folder / DRAWING, [*electrode_views(plan.montage, patches), target])
    on_cortex = write_field_on_cortex(folder, results, results.confirmation.e_v_per_m, conditions)
    evidence = TesEvidence(
        plan=plan,
        head=results.head,
        e_v_per_m=results.confirmation.e_v_per_m,
        target_tets=results.target_tets,
        background=background_of(results),
        background_affine_mm=results.segmentation.affine_mm,
        on_cortex=on_cortex,
        by_area=write_field_by_area(folder, on_cortex, conditions),
        surfaces=results.surfaces,
        target=results.aimed_target.target,
        patches_mm=patches,
    )
    write_field_in_volume(folder, results, evidence, DRAWING, conditions)
    if evidence.outline is not None:
        evidence.outline.save(folder / OUTLINE)
    imsave(folder / CAP_PICTURE, np.hstack([cap_picture(evidence, side) for side in sides(evidence)]))
    write_tes_report(folder / "plan.html", evidence)
    write_placement_sheet(folder / "placement_sheet.html", evidence)


def _exposure(results: TesResults) -> Exposure:
    electrodes = results.confirmation.electrodes
    return exposure_of(
        results.head,
        results.confirmation.e_v_per_m,
        results.sigma_s_per_m,
        {each.name: 1e3 * each.current_a for each in electrodes},
        {each.name: each.area_mm2 for each in electrodes},
        results.request.minutes,
    )


def _electrode(results: TesResults, i: int) -> PlanElectrode:
    each = results.confirmation.electrodes[i]
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


def _standard(confirmation: ConfirmedMontage) -> PlanStandard | None:
    usual, ours = confirmation.standard, confirmation.dose
    if usual is None:
        return None
    per_ma, usual_per_ma = ours.dose_v_per_m / ours.total_current_ma, usual.dose_v_per_m / usual.total_current_ma
    both = per_ma > 0 and usual_per_ma > 0  # along a direction a dose may be against it
    return PlanStandard(
        dose=usual,
        electrodes=dict(confirmation.standard_ma),
        dose_ratio=per_ma / usual_per_ma if both else None,
        focality_ratio=ours.focality / usual.focality,
        same_dose_ma=usual.dose_v_per_m / per_ma if both else None,
    )


def _pole(results: TesResults) -> PlanPole | None:
    found, dose = results.confirmation.pole, results.confirmation.dose
    if found is None:
        return None
    acting = acting_pole(found.ours_v_per_m, dose.mean_e_v_per_m)
    usual = results.confirmation.standard
    return PlanPole(
        polarity=results.polarity,
        acting=acting,
        normal_v_per_m=found.ours_v_per_m,
        standard_normal_v_per_m=found.standard_v_per_m,
        inward=list(found.inward),
        inward_of=found.inward_of,
        words=pole_words(acting, found.ours_v_per_m, usual.montage if usual else "", found.standard_v_per_m),
    )
