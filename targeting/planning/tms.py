"""Plan a coil: an MRI goes in; the best pose, its dose and a report come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlases.area_aim import in_cortex_folder
from meshes.errors import InputError
from targeting.aim_certainty.stage import run_certainty
from targeting.coils.files import ChosenCoil
from targeting.comparison.request import asked_coils, compared_coils, why_compared, why_deep
from targeting.comparison.stage import comparison_stage
from targeting.dosing.request import DoseRequest
from targeting.dosing.stage import dosing_stage, hotspot_stage
from targeting.engines import engine_named
from targeting.goals.request import ObjectiveRequest, linear_direction
from targeting.goals.stage import StagedObjective, goal_stage
from targeting.modality import TMS
from targeting.planning.listing import tell_replaced
from targeting.planning.on_scalp import on_scalp
from targeting.planning.steps import tms_steps
from targeting.planning.tms_files import Results, make_plan, write_files
from targeting.planning.tms_stages import confirm_stage, dose_map_stage, search_stage
from targeting.plans.shared import checked_patient_id
from targeting.plans.tms import Plan, TmsSearchSummary, read_plan
from targeting.progress.record import Show
from targeting.records.json_records import plain
from targeting.records.warnings import TMS_RISKS, PlanWarning, checked_risks, note, warning
from targeting.robustness.stage import robustness_stage
from targeting.study.aim import Aim, check_direction, coil_notes, target_side
from targeting.study.coil_aim import CoilAim
from targeting.study.command_line import command_line
from targeting.study.conduction import Conduction
from targeting.study.head_choice import HeadChoice
from targeting.study.options import takes
from targeting.study.plan_name import with_plan
from targeting.study.pulse_request import PulseRequest
from targeting.study.request import Direction
from targeting.study.steps import working_in
from targeting.study.study import Study
from targeting.study.tms_request import TmsRequest
from targeting.subject import Done, Stage, Subject
from targeting.tms.angle import AngleRequest
from targeting.tms.objective_names import DEFAULT, LINEAR, OBJECTIVES
from targeting.uncertainty.stage import RIGHT_HAND_SIDES, check_uncertainty, uncertainty_stage

if TYPE_CHECKING:
    from atlases.warp import MniWarp
    from targeting.aim_certainty.certainty import AimCertainty
    from targeting.comparison.stage import Comparison
    from targeting.dosing.hotspot import Hotspot
    from targeting.dosing.record import PlanDosing
    from targeting.engines.protocol import Engine
    from targeting.goals.record import PlanGoal
    from targeting.robustness.robustness import Robustness
    from targeting.study.surfaces import HeadSurfaces
    from targeting.tms import DoseMap, TmsSearch
    from targeting.tms.confirmation import Confirmation
    from targeting.uncertainty import DoseSpread


@takes(TmsRequest)
def plan_tms(
    subject: str | Subject,
    request: TmsRequest | None = None,
    *,
    out: str | Path | None = None,
    progress: Show | bool | None = None,
    **options: Any,
) -> Plan:
    """Plan TMS of one target in one person; what is still valid in the subject's folder is reused.

    Parameters
    ----------
    subject : str or Subject
        A name: results go to ``./name/`` or to ``out``.  ``"colin27"`` needs no data of yours.
    request : TmsRequest, optional
        What is asked for.
    out : path, optional
        The subject's folder, instead of ``./name/``.
    progress : callable or bool, optional
        Is given a :class:`~targeting.progress.record.Progress` at each step's begin and end, and every second between, from
        a thread of its own.  Default: a bar in a notebook, silence elsewhere; False: silence.
    **options
        Fields of :class:`~targeting.study.tms_request.TmsRequest`; they replace those of ``request``.

    Returns
    -------
    Plan
        As it stands in ``plan.json``, beside the report, the navigators' files and the field.

    Raises
    ------
    InputError
        If anything given cannot be used; nothing that stood in the folder is changed then.

    Examples
    --------
    >>> from targeting import plan_tms
    >>> plan_tms("subject01", aim="m1-hand")
    Traceback (most recent call last):
    ...
    targeting.study.head_source.UnknownSubjectError: nothing is known of subject 'subject01' yet: give `t1=FILE` \
(an MRI), `labels=FILE` or `head=FILE` (only 'colin27' is built in)
    """
    checked_request = TmsRequest.of(request, **options).checked()
    question = check_tms(subject if isinstance(subject, Subject) else Subject.named(subject, out), checked_request)
    study = question.study
    with working_in(study.subject, tms_steps(question), progress):
        tell_replaced(study.subject, TMS, command_line(question.request, study.subject.name, study.source))
        return study.run(files_stage(question, run_stages(question))).value


plan = plan_tms  # the short name


@dataclass(frozen=True, eq=False, kw_only=True)
class TmsQuestion:
    """A request for a coil's plan that passed all checks, with the study and options that its stages need.

    Parameters
    ----------
    request : TmsRequest
        As it was asked for.
    study : Study
        The subject, and the target.
    aim : CoilAim
        The coil, and how it is held and driven.
    plan_coil : ChosenCoil
        The same coil, as it was named.
    others : sequence of ChosenCoil
        To compare with it.
    objective : str
        A name of :data:`targeting.tms.objective_names.OBJECTIVES`.
    regions : ObjectiveRequest, optional
        Of an objective other than the dose.
    dose : DoseRequest, optional
        A motor threshold, and what output it is to give.
    engine : Engine
        Who solves the ranked poses.
    accepted_risks : sequence of str
        Risks that are accepted.
    notes : list of PlanWarning
        What is known before anything is made.
    patient_id : str
    """

    request: TmsRequest
    study: Study
    aim: CoilAim
    plan_coil: ChosenCoil
    others: Sequence[ChosenCoil]
    objective: str
    regions: ObjectiveRequest | None
    dose: DoseRequest | None
    engine: Engine
    accepted_risks: Sequence[str]
    notes: list[PlanWarning]
    patient_id: str


def check_tms(subject: Subject, request: TmsRequest) -> TmsQuestion:
    """Check what can be checked before anything is made.

    Raises
    ------
    InputError
        If anything given cannot be used.
    """
    head = HeadChoice.of_plan(subject, request)
    source = head.source
    side, notes = target_side(source, request.aim, request.side, request.pain_side, request.hotspot_mm)
    notes += coil_notes(request.aim)
    chosen, subject = subject.plan, with_plan(subject, request, side)
    request = head.told(request, chosen)
    own = source.own(subject.folder)
    goal = Aim(in_cortex_folder(request.aim, side, head.cortex), side, request.hotspot_mm, request.radius_mm).checked(
        own
    )
    plan_coil = ChosenCoil.of(request.coil)
    others = asked_coils(request.compare)
    objective, direction = linear_direction(request.objective, request.direction)
    sought = ObjectiveRequest.of(request, side, own)
    conduction = Conduction.of(
        request.conductivity_s_per_m, request.dti, request.dti_mapping, request.tensor_order, source.frame
    )
    if request.uncertainty:
        check_uncertainty(plan_coil.coil, conduction.conductivity_s_per_m)
    dose_request = DoseRequest.of(request, plan_coil.coil)
    turned = AngleRequest.of(request.angle, request.aim, direction)
    protocol = dose_request.protocol if dose_request else None
    driven = PulseRequest.of(request.pulse, request.current, request.stimulator, protocol)
    if sought:
        sought.check_beside(request.uncertainty, dose_request is not None and dose_request.is_the_target(goal))
    check_direction(direction)
    accepted = checked_risks(request.accept_risk, TMS_RISKS)
    patient = checked_patient_id(request.patient_id)
    source.checked()
    surfaces = head.cortex_source()
    solver = engine_named(request.engine, subject.folder)
    if conduction.anisotropy and solver.name != "embedded":
        raise InputError(f"`engine={solver.name}` gets no tensors from here: leave out `dti`, or `engine`")
    return TmsQuestion(
        request=request,
        study=Study(
            subject=subject,
            source=source,
            density=head.density,
            cortex_source=surfaces,
            conduction=conduction,
            aim=goal,
            right_hand_sides=RIGHT_HAND_SIDES if request.uncertainty else 1,
        ),
        aim=CoilAim(
            coil=plan_coil.coil,
            file=plan_coil.file,
            hair_mm=request.hair_mm,
            direction=direction,
            tilt_deg=request.tilt_deg,
            extra_mm=request.extra_mm,
            angle=turned,
            pulse=driven,
        ),
        plan_coil=plan_coil,
        others=others,
        objective=objective,
        regions=sought,
        dose=dose_request,
        engine=solver,
        accepted_risks=accepted,
        notes=notes,
        patient_id=patient,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class TmsStages:
    """The stages of a coil's plan between the head and the files; None: it was not asked for, or cannot be had."""

    registration: Done[MniWarp] | None
    hotspot: Done[Hotspot] | None
    dose_map: Done[DoseMap]
    objective: StagedObjective | None
    search: Done[TmsSearch]
    robustness: Done[Robustness]
    confirmation: Done[Confirmation]
    certainty: Done[AimCertainty] | None
    no_certainty: list[str]
    goal: Done[PlanGoal] | None
    uncertainty: Done[DoseSpread] | None
    dosing: Done[PlanDosing] | None
    coils: Sequence[ChosenCoil]
    deep: str
    comparison: Done[Comparison] | None
    surfaces: Done[HeadSurfaces]

    def all(self, study: Study) -> list[Done[Any]]:
        """All stages that the plan follows from, in their order."""
        of_every_plan = (study.tissues, study.head, self.registration, study.cortex, study.target, self.dose_map)
        poses = (self.search, self.robustness, self.confirmation, self.certainty)
        objective = self.objective.after if self.objective else ()
        on_request = (self.goal, self.uncertainty, self.hotspot, self.dosing, self.comparison)
        return [each for each in (*of_every_plan, *poses, *objective, *on_request) if each]


def run_stages(question: TmsQuestion) -> TmsStages:
    """Make every stage of the plan but the last, or reuse it where it still stands."""
    study, aim, run = question.study, question.aim, question.study.run
    question.engine.check(
        [(each.coil, each.file) for each in (question.plan_coil, *question.others)], lambda: study.head.value
    )
    study.make_head_and_target()
    hotspot = run(hotspot_stage(question.dose, study, aim)) if question.dose and not _is_hotspot(question) else None
    dose_map = run(dose_map_stage(study))
    objective = StagedObjective.run(question.regions, study, aim, dose_map) if question.regions else None
    search = run(search_stage(question.request, study, aim, dose_map, objective))
    robustness = run(robustness_stage(study, aim, dose_map, search))
    confirmation = run(confirm_stage(study, aim, search, question.engine))
    certainty, no_certainty = run_certainty(study, confirmation)
    # where the coil lies on the scalp is told by the registration, which the cortex mostly has had made
    registration = study.registration_of_target or (study.registration_if_any if study.cortex else None)
    goal = run(goal_stage(objective, dose_map, search, confirmation)) if objective else None
    uncertainty = run(uncertainty_stage(study, aim, search)) if question.request.uncertainty else None
    dosing = run(dosing_stage(question.dose, study, aim, search, confirmation, hotspot)) if question.dose else None
    deep = why_deep(study.aim.name if study.aim else "", study.target.value.target, lambda: study.head.value)
    coils, comparison = compared_coils(question.plan_coil, question.others, deep), None
    if coils:
        of_plan = (dose_map, search, confirmation)
        comparison = run(comparison_stage(coils, study, aim, *of_plan, question.engine, hotspot, objective))
    return TmsStages(
        registration=registration,
        hotspot=hotspot,
        dose_map=dose_map,
        objective=objective,
        search=search,
        robustness=robustness,
        confirmation=confirmation,
        certainty=certainty,
        no_certainty=no_certainty,
        goal=goal,
        uncertainty=uncertainty,
        dosing=dosing,
        coils=coils,
        deep=deep,
        comparison=comparison,
        surfaces=study.surfaces,
    )


def _is_hotspot(question: TmsQuestion) -> bool:
    """Whether the target is the hotspot that the threshold was found at."""
    return (
        question.dose is not None and question.study.aim is not None and question.dose.is_the_target(question.study.aim)
    )


def _notes(question: TmsQuestion, stages: TmsStages) -> list[PlanWarning]:
    """What is to be said of the plan besides what its numbers say."""
    found = stages.hotspot.value.warnings if stages.hotspot else []
    return [
        *question.notes,
        *(note(each) for each in stages.no_certainty),
        *question.study.cortex_notes,
        *(warning(each) for each in found),
        *(question.regions.notes() if question.regions else []),
    ]


def _results(question: TmsQuestion, stages: TmsStages) -> Results:
    """All that the plan and its files are written from."""
    study, aim = question.study, question.aim
    search, comparison, registration = stages.search.value, stages.comparison, stages.registration
    return Results(
        subject=study.subject.name,
        segmentation=study.tissues.value,
        head=study.head.value,
        cortex=study.cortex.value if study.cortex else None,
        surfaces=stages.surfaces.value,
        certainty=stages.certainty.value if stages.certainty else None,
        warp=registration.value if registration else None,
        place=on_scalp(search.scalp_mm[0], study.head.value, registration.value if registration else None),
        aimed_target=study.target.value,
        coil=aim.coil,
        search=search,
        pulse=aim.pulse,
        robustness=stages.robustness.value,
        confirmation=stages.confirmation.value,
        objective=OBJECTIVES[question.objective if question.objective in LINEAR else DEFAULT],
        goal=stages.goal.value if stages.goal else None,
        search_summary=TmsSearchSummary(
            head=study.source.words,
            mesh=study.density_words,
            hair_mm=aim.hair_mm,
            direction=_words(aim.direction),
            tilt_deg=aim.tilt_deg,
            extra_mm=aim.extra_mm,
            poses_tried=search.tried,
            cortex=study.cortex.value.source if study.cortex else "none",
            direct_solves_by=f"{question.engine.name} {question.engine.version}",
            coils_compared_because=why_compared(stages.deep) if comparison else None,
            white_matter=study.conduction.words(study.tensors),
            command=command_line(question.request, study.subject.name, study.source),
            name=study.subject.plan,
        ),
        conductivity_s_per_m=study.conduction.conductivity_s_per_m,
        seconds={each.stage: each.seconds for each in stages.all(study)},
        accepted_risks=question.accepted_risks,
        notes=_notes(question, stages),
        pain_side=question.request.pain_side or "",
        patient_id=question.patient_id,
        spread=stages.uncertainty.value if stages.uncertainty else None,
        dosing=stages.dosing.value if stages.dosing else None,
        comparison=comparison.value if comparison else None,
        compared_coils=[each.coil for each in stages.coils],
    )


def files_stage(question: TmsQuestion, stages: TmsStages) -> Stage[Plan]:
    """Stage "files": the plan and all that people and navigators read."""
    study, aim = question.study, question.aim

    def make(folder: Path) -> Plan:
        results = _results(question, stages)
        made = make_plan(results)
        write_files(folder, results, made)
        return made

    parameters: dict[str, Any] = {
        "notes": plain(_notes(question, stages)),
        "accepted": question.accepted_risks,
        "subject": study.subject.name,
        "pain_side": question.request.pain_side,
        "patient_id": question.patient_id,
        "coil_sha256": aim.coil_parameters["coil_sha256"],
        "coil_source": aim.coil.source,
        "engine": [question.engine.name, question.engine.version],
        "deep": stages.deep,
        "pulse": asdict(aim.pulse),
    }
    return Stage(
        "files",
        14,
        make,
        lambda folder: read_plan(folder / "plan.json"),
        files=aim.files,  # the coil's rated maximum stands in the plan
        parameters=parameters,
        after=stages.all(study),
    )


def _words(direction: Direction) -> str:
    if direction is None:
        return "none"
    return direction if isinstance(direction, str) else ",".join(f"{x:g}" for x in direction)
