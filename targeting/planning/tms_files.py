"""The last stage: a :class:`~targeting.plans.tms.Plan` out of the road's values, and the files people use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlases.scalp import Scalp
from targeting.coils.coil import Coil
from targeting.comparison.record import compare
from targeting.dosing.reach import NOT_ASKED, WITHIN, coil_on, reach_by_rating
from targeting.dosing.record import PlanDosing, dosing_warnings
from targeting.field_by_area.table import threshold_of
from targeting.goals.record import PlanGoal, goal_warnings
from targeting.navigation.exported import PlannedPose
from targeting.navigation.navigators import HeaderEntry, navigator_file, navigators_of_plans
from targeting.navigation.pose_file import write_poses
from targeting.planning.on_scalp import OnScalp
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
from targeting.plans.dangers import coil_dangers
from targeting.plans.gate import check_plan
from targeting.plans.handling import over_the_face, plan_angle, plan_pulse, pulse_warnings
from targeting.plans.tms import Placement, PlanCoil, TmsPlan, TmsSearchSummary, read_plan, write_plan
from targeting.plans.tms_words import pose_names
from targeting.pose import Pose
from targeting.pose_gate import PoseGate
from targeting.records.warnings import PlanWarning, in_order, note, warning
from targeting.robustness.record import plan_robustness
from targeting.study.pulse_request import PulseRequest
from targeting.tms.confirmation import Confirmation
from targeting.uncertainty.record import plan_uncertainty

if TYPE_CHECKING:
    from targeting.comparison.stage import Comparison
    from targeting.robustness.robustness import Robustness
    from targeting.tms import TmsSearch
    from targeting.uncertainty import DoseSpread

DRAWING = "coil.geo"


@dataclass(frozen=True, eq=False, kw_only=True)
class Results(PlanResults):
    """Results of the stages of a coil's plan."""

    coil: Coil
    search: TmsSearch
    confirmation: Confirmation
    search_summary: TmsSearchSummary
    pulse: PulseRequest = field(default_factory=PulseRequest)
    accepted_risks: Sequence[str] = ()
    place: OnScalp | None = None
    spread: DoseSpread | None = None
    robustness: Robustness | None = None
    dosing: PlanDosing | None = None
    comparison: Comparison | None = None
    compared_coils: Sequence[Coil] = ()
    goal: PlanGoal | None = None


def make_plan(results: Results) -> TmsPlan:
    """Make the plan with its warnings."""
    coil = results.coil
    plan = TmsPlan(
        **fields_of_both(results),
        coil=PlanCoil(coil.name, coil.max_didt_a_per_s, coil.source, coil.current_direction_y, coil.rated_on),
        placements=[_placement(results, rank) for rank in range(len(results.search.poses))],
        search=results.search_summary,
        tape=results.place.tape if results.place else None,
        uncertainty=plan_uncertainty(results.spread) if results.spread else None,
        robustness=plan_robustness(results.robustness) if results.robustness else None,
        dosing=results.dosing,
        goal=results.goal,
        pulse=plan_pulse(results.pulse, results.search),
        angle=plan_angle(results.search, results.coil, results.aimed_target.target.side),
        comparison=compare(results.comparison.coils, results.dosing) if results.comparison else [],
    )
    return replace(plan, warnings=_warnings(results, plan))


def _warnings(results: Results, plan: TmsPlan) -> list[PlanWarning]:
    """All that a person must know, in order; first of each kind what is of the output they get."""
    best = plan.placements[0]
    return in_order(
        [
            *coil_dangers(plan),
            *(dosing_warnings(results.dosing, results.accepted_risks) if results.dosing else []),
            *(warning(each) for each in (goal_warnings(results.goal, best.dose_v_per_m) if results.goal else [])),
            *results.notes,
            *area_notes(results),
            *head_warnings(results),
            *(note(each) for each in (results.comparison.left_out if results.comparison else [])),
            *warnings_of(plan, results.is_elsewhere(best.peak_mm)),
        ]
    )


def warnings_of(plan: TmsPlan, peak_elsewhere: bool) -> list[PlanWarning]:
    """Warnings of the best placement and of its coil."""
    best = plan.placements[0]
    found = []
    mean = best.direct_mean_e_v_per_m or best.dose_v_per_m
    ratio = best.peak_e_v_per_m / mean
    if peak_elsewhere and ratio > DEEP_RATIO:
        where = ", ".join(f"{x:.0f}" for x in best.peak_mm)
        found.append(
            f"the strongest field is not in the target: grey matter at ({where}) mm sees {ratio:.1f} times the "
            f"target's mean |E| ({best.peak_e_v_per_m:.2g} against {mean:.2g} V/m at 1 A/µs)"
        )
    if plan.dosing is None:  # else the dosing's own warnings tell
        found += _reach_words(plan, mean)
    if plan.pulse is not None:
        found += pulse_warnings(plan.pulse)
    if over_the_face(np.array(best.pose), plan.target.side):
        found.append("the handle points over the face: hold the coil so only if you mean to")
    return [warning(each) for each in found]


def _reach_words(plan: TmsPlan, mean_v_per_m: float) -> list[str]:
    """That the field taken as motor threshold cannot be matched, or that nobody knows."""
    coil = plan.coil
    if coil.max_didt_a_per_s is None:
        return ["the coil file states no maximum dI/dt: whether the dose can be reached is not known"]
    if plan.comparison:  # whose verdict of the plan's own coil says more
        own = plan.comparison[0]
        return [] if own.reach in (WITHIN, NOT_ASKED) else [f"{own.coil}: {own.verdict}"]
    reach = reach_by_rating(mean_v_per_m, coil.max_didt_a_per_s, coil_on(coil.name, coil.rated_on))
    return [] if reach.verdict == WITHIN else [reach.words]


def write_files(folder: Path, results: Results, plan: TmsPlan) -> None:
    """Write the plan, the report, the treatment sheet, the navigators' files, the field files and the coil's drawing.

    Raises
    ------
    RuntimeError
        If a pose in plan.json, read again as others will, has the coil in the head (:mod:`targeting.pose_gate`).
    """
    from targeting.files.geo import coil_views, target_view, write_geo
    from targeting.report import write_report
    from targeting.report.evidence import TmsEvidence
    from targeting.report.treatment import SHEET, write_treatment_sheet
    from targeting.scene.parts import OUTLINE

    write_plan(folder / "plan.json", plan)
    scalp = Scalp.of(results.head)
    check_plan(read_plan(folder / "plan.json"), scalp, [results.coil, *results.compared_coils])
    image = results.segmentation.frame.as_written_for(results.segmentation.folder)
    for navigator in navigators_of_plans():
        write_navigator(plan, navigator, folder, PoseGate(scalp, results.coil), image)
    best = Pose(np.array(plan.placements[0].pose))
    target = target_view(plan.target.center_mm, f"{plan.target.name} {plan.target.side}".strip())
    write_geo(folder / DRAWING, [*coil_views(results.coil, best), target])
    on_cortex = write_field_on_cortex(folder, results, results.confirmation.e_v_per_m)
    evidence = TmsEvidence(
        plan=plan,
        head=results.head,
        e_v_per_m=results.confirmation.e_v_per_m,
        target_tets=results.target_tets,
        scalp_points_mm=results.search.scalp_points_mm,
        best_dose_at_point_v_per_m=results.search.best_dose_at_point_v_per_m,
        angles_deg=np.asarray(results.search.angles_deg, dtype=np.float64),
        dose_by_angle_v_per_m=results.search.dose_by_angle_v_per_m,
        casing=results.coil.casing,
        background=background_of(results),
        background_affine_mm=results.segmentation.affine_mm,
        navigator_files=tuple(navigator_file(navigator, plan.created) for navigator in navigators_of_plans()),
        on_cortex=on_cortex,
        surfaces=results.surfaces,
        around_mm=results.robustness.points_mm if results.robustness else None,
        share_around=results.robustness.share if results.robustness else None,
        positions=results.place.positions if results.place else None,
        target=results.aimed_target.target,
        by_area=write_field_by_area(folder, on_cortex, "1 A/µs", threshold_of(results.dosing)),
    )
    write_field_in_volume(folder, results, evidence, DRAWING)
    if evidence.outline is not None:
        evidence.outline.save(folder / OUTLINE)
    write_report(folder / "plan.html", evidence)
    write_treatment_sheet(folder / SHEET, evidence)


def write_navigator(
    plan: TmsPlan, navigator: str, path: Path, gate: PoseGate, image: HeaderEntry | None = None
) -> list[Path]:
    """Write the plan's poses for one navigator, with their target, entries and ends of the handle where its format has a place.

    Parameters
    ----------
    plan : TmsPlan
    navigator : str
        One of :func:`targeting.navigation.navigators.writers`.
    path : Path
        The file, or a folder, which gets a file of the navigator's usual name.
    gate : PoseGate
        Of the plan's coil and head; every pose passes it.
    image : HeaderEntry, optional
        The image the plan was made on (:meth:`targeting.study.head_stages.FrameImage.as_written_for`).

    Returns
    -------
    list of Path
        The file, and those that go with it.

    Raises
    ------
    InputError
        If the navigator is unknown or only read, needs an image that is not there, or a pose has the coil in the head.
    WriteError
        If the file cannot be written, because its folder is not there, say.
    """
    file = path / navigator_file(navigator, plan.created, plan.subject) if path.is_dir() else path
    return write_poses(planned_poses(plan), navigator, file, gate, image)


def planned_poses(plan: TmsPlan) -> list[PlannedPose]:
    """The plan's placements as navigators are told of them, the best first."""
    target = plan.target
    return [
        PlannedPose(
            np.array(each.pose),
            name,
            target_mm=np.array(target.center_mm),
            entry_mm=np.array(each.scalp_mm),
            target_name=f"{target.name} {target.side}".strip(),
            coil=plan.coil.name,
        )
        for each, name in zip(plan.placements, pose_names(plan), strict=True)
    ]


def _placement(results: Results, rank: int) -> Placement:
    search, confirmation = results.search, results.confirmation
    first = rank == 0
    return Placement(
        rank=rank + 1,
        pose=_list(search.poses[rank]),
        scalp_mm=_list(search.scalp_mm[rank]),
        angle_deg=float(search.angle_deg[rank]),
        angle_from=str(search.angle_from[rank]),
        distance_mm=float(search.distance_mm[rank]),
        dose_v_per_m=float(search.dose_v_per_m[rank]),
        max_e_v_per_m=float(confirmation.max_e_v_per_m[rank]),
        peak_e_v_per_m=float(confirmation.peak_e_v_per_m[rank]),
        peak_mm=_list(confirmation.peak_mm[rank]),
        direct_dose_v_per_m=float(confirmation.direct_dose_v_per_m[rank]) if first else None,
        direct_mean_e_v_per_m=float(confirmation.direct_mean_e_v_per_m[rank]) if first else None,
        **(_closer(search, rank) if len(search.closer_dose_v_per_m) else {}),
    )


def _closer(search: TmsSearch, rank: int) -> dict[str, Any]:
    """What the placement would be worth closer to the head, and what of the casing is in the way."""
    return {
        "closer_dose_v_per_m": float(search.closer_dose_v_per_m[rank]),
        "closer_depth_mm": float(search.closer_depth_mm[rank]),
        "closer_at_mm": _list(search.closer_at_mm[rank]),
    }


def _list(array: np.ndarray) -> list:
    return np.asarray(array, dtype=np.float64).tolist()
