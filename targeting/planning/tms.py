"""Plan a coil: an MRI goes in; the best pose, its dose and a report come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.coils.chosen import ChosenCoil
from targeting.comparison.request import WHY, asked_coils, compared_coils, why_compared, why_deep
from targeting.comparison.stage import comparison_stage
from targeting.dosing.request import DoseRequest
from targeting.dosing.stage import dosing_stage, hotspot_stage
from targeting.engines import SOLVED_BY, engine_named
from targeting.goals.request import ObjectiveRequest, linear_direction
from targeting.goals.stage import StagedObjective, goal_stage
from targeting.planning.command_line import COMMAND, command_line
from targeting.planning.on_scalp import on_scalp
from targeting.planning.tms_files import Results, make_plan, write_files
from targeting.planning.tms_stages import confirm_stage, dose_map_stage, search_stage
from targeting.plans.patient import checked_patient_id
from targeting.plans.tms import Plan, read_plan
from targeting.records.json_records import plain
from targeting.records.warnings import TMS_RISKS, PlanWarning, checked_risks, warning
from targeting.robustness.stage import robustness_stage
from targeting.stimulators.request import PulseRequest
from targeting.study.aim import DEFAULT_AIM, Aim, Direction, check_search, coil_notes, target_side
from targeting.study.coil_aim import CoilAim
from targeting.study.conduction import DEFAULT_MAPPING, DEFAULT_ORDER, Conduction
from targeting.study.cortex_stage import CortexSource
from targeting.study.head_source import DENSITIES, HeadSource
from targeting.study.study import Study
from targeting.subject import Done, Stage, Subject
from targeting.tms.angle import AngleRequest
from targeting.tms.objective_names import DEFAULT, LINEAR, OBJECTIVES
from targeting.uncertainty.stage import RIGHT_HAND_SIDES, check_uncertainty, uncertainty_stage

if TYPE_CHECKING:
    from atlases.warp import MniWarp
    from targeting.comparison.stage import Comparison
    from targeting.dosing.hotspot import Hotspot
    from targeting.dosing.record import PlanDosing
    from targeting.engines.protocol import Engine
    from targeting.goals.record import PlanGoal
    from targeting.robustness.robustness import Robustness
    from targeting.study.surfaces import HeadSurfaces
    from targeting.tms import DoseMap, TmsSearch
    from targeting.tms.confirmed import Confirmed
    from targeting.uncertainty import DoseSpread

DEFAULT_COIL, DEFAULT_HAIR_MM = "figure8-70mm", 4.0


def plan(
    subject: str | Subject,
    *,
    t1: str | Path | None = None,
    t2: str | Path | None = None,
    labels: str | Path | None = None,
    head: str | Path | None = None,
    cortex: str | Path | None = None,
    aim: str = DEFAULT_AIM,
    side: str | None = None,
    pain_side: str | None = None,
    patient_id: str | None = None,
    hotspot_mm: tuple[float, float, float] | None = None,
    radius_mm: float | None = None,
    coil: str | Path = DEFAULT_COIL,
    compare: Sequence[str | Path] = (),
    hair_mm: float = DEFAULT_HAIR_MM,
    direction: Direction = None,
    angle: str | None = None,
    pulse: str | None = None,
    current: str | None = None,
    tilt_deg: float = 0.0,
    extra_mm: float = 0.0,
    objective: str = DEFAULT,
    avoid: Sequence[str] = (),
    also: Sequence[str] = (),
    penalty: float | None = None,
    avoid_cap: float | None = None,
    least_dose: float | None = None,
    density: str = "standard",
    conductivity_s_per_m: Mapping[str, float] | None = None,
    engine: str = "embedded",
    dti: str | Path | None = None,
    dti_mapping: str = DEFAULT_MAPPING,
    tensor_order: str = DEFAULT_ORDER,
    uncertainty: bool = False,
    rmt_percent: float | None = None,
    rmt_muscle: str | None = None,
    rmt_at_mm: tuple[float, float, float] | None = None,
    rmt_pose: str | Path | None = None,
    match_field: float | None = None,
    protocol: str | Path | None = None,
    muscle_ratio: float | None = None,
    stimulator: str | None = None,
    accept_risk: Sequence[str] = (),
    threads: int = 2,
    frame: str | None = None,
    out: str | Path | None = None,
) -> Plan:
    """Plan TMS of one target in one person; what is still valid in the subject's folder is reused.

    Parameters
    ----------
    subject : str or Subject
        A name: results go to ``./name/`` or to ``out``.  ``"colin27"`` needs no input of one's own.
    t1, t2, labels, head : path, optional
        Where the head comes from: an MRI (and a T2), the user's tissue labels, or a finished mesh or charm folder.
        None of them: what the subject was made from before.
    cortex : path, optional
        A FreeSurfer subject's folder, or SimNIBS' head folder, with the cortical surfaces to use.  Default: those of
        the charm folder given as ``head``, else surfaces made from the tissues.
    aim : str
        A named target, ``mni:x,y,z``, ``ras:x,y,z`` (subject mm) or a NIfTI mask.
    side, pain_side : {"left", "right"}, optional
        Side of the target, or of the pain (the target is then on the other side).
    patient_id : str, optional
        Whom the plan is for, in words of one's own: stands on every page, and in no reproduction command.
    hotspot_mm : (3,) float, optional
        Measured motor hotspot, RAS mm; overrides the atlas for M1.
    radius_mm : float, optional
        Radius of the target, mm; default: the named target's.
    coil : str or path
        A built-in coil or a ``.ccd``, ``.tcd`` or ``.nii.gz`` file.
    compare : sequence of str or path
        Other coils to compare with it on this target; a deep target compares a figure-of-eight and a double cone anyway.
    hair_mm : float
        From the coil's casing to the scalp, mm.
    direction : {"normal"} or (3,) float, optional
        Rank by this component of the field instead of its strength.
    angle : str, optional
        "fold" (the current straight across the fold at the target), "midline:45" (the handle's degrees to the midline, back
        and outwards) or "free" (the largest dose); default: the fold for M1 targets, else free.
    pulse : {"monophasic", "biphasic", "half-sine"}, optional
        Form of the pulse; default: the protocol's, else biphasic if the stimulator has it.
    current : {"normal", "reverse"}, optional
        The stimulator's current-direction setting; default: the one in which the effective current runs as it is wanted.
    tilt_deg, extra_mm : float
        Try the coil tilted by up to this angle (0 to 20°) and up to this much farther off (0 to 50 mm), too.
    objective : str
        What placements are ranked by: a name of ``targeting.tms.objective_names.OBJECTIVES``.
    avoid : sequence of str
        Regions to spare: ``NAME[@side][/radius]``, ``mni:x,y,z[/radius]``, ``ras:x,y,z[/radius]`` or a NIfTI mask.
    also : sequence of str
        Further targets, written likewise: the smallest of all doses, each as a share of its own best, is made large.
    penalty, avoid_cap, least_dose : float, optional
        Weight of the avoided regions (default 1: a region that gets the target's dose halves the score); the share of the
        target's dose that none of them is to exceed; the share of the best dose that a pose must give (default 0.5).
    density : {"standard", "fast"}
        Of the head mesh.
    conductivity_s_per_m : mapping, optional
        Overrides of the table, by tissue name.
    engine : {"embedded", "simnibs"}
        Who solves the ranked poses directly, for the field in the files and the check of the dose; the search is
        always this project's own.  SimNIBS must be installed (``SIMNIBSDIR`` names its folder).
    dti : path, optional
        Diffusion tensors (NIfTI, six volumes, in the T1's world): white matter then conducts along its fibres.
    dti_mapping : {"vn", "dir"}
        How conductivity follows from diffusion: volume-normalised, or direct.
    tensor_order : {"fsl", "mrtrix"}
        Order and frame of the six volumes.
    uncertainty : bool
        Add the spread of the dose and of the best pose over published conductivities.
    rmt_percent : float, optional
        Resting motor threshold, % MSO, found with this coil and stimulator: what it means for the target, and the output of
        a protocol or of ``match_field``.
    rmt_muscle : {"hand", "leg", "face"}, optional
        Whose threshold it is; default: the hand's.
    rmt_at_mm : (3,) float, optional
        The cortical hotspot it was found at, RAS mm; default: that muscle's M1 on the target's side.
    rmt_pose : path or str, optional
        The coil's pose it was found at: a navigator's file (Brainsight, Localite, Softaxic, visor2), ``FILE:NAME`` where it
        holds several; default: the hotspot's best one.
    match_field : float, optional
        Share of the field at threshold that the target is to get, under all limits; a protocol's intensity is then one.
    protocol : str or path, optional
        A published protocol (``target protocols list``) or a ``.toml`` file: its own intensity sets the output.
    muscle_ratio : float, optional
        Threshold of the protocol's muscle over that of ``rmt_muscle``, where they are not the same.
    stimulator : str, optional
        Whose maximum dI/dt counts (``target stimulators list``); default: the coil's own rating.
    accept_risk : sequence of str
        Items of ``targeting.records.warnings.TMS_RISKS`` whose excess is accepted; ``unaccepted`` of the plan holds the rest.
    threads : int
        For the segmentation.
    frame : {"sform", "qform"}, optional
        Which frame of the image counts, where its two disagree.
    out : path, optional
        The subject's folder, instead of ``./name/``.

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
    >>> from targeting import plan
    >>> plan("subject01", aim="m1-hand")
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: nothing is known of subject 'subject01' yet: give --t1 FILE (an MRI), --labels FILE or \
--head FILE (only 'colin27' is built in)
    """
    given = dict(locals())
    subject = subject if isinstance(subject, Subject) else Subject.named(subject, out)
    source = HeadSource.of(subject, t1=t1, t2=t2, labels=labels, head=head, threads=threads, frame=frame)
    side, notes = target_side(source, aim, side, pain_side, hotspot_mm)
    notes += coil_notes(aim)
    own = source.own(subject.folder)
    goal = Aim(aim, side, hotspot_mm, radius_mm).checked(own)
    chosen = ChosenCoil.of(coil)
    coil_file, tool = chosen.file, chosen.coil
    others = asked_coils(compare)
    objective, direction = linear_direction(objective, direction)
    sought = ObjectiveRequest.of(objective, avoid, also, side, penalty, avoid_cap, least_dose, own)
    conduction = Conduction.of(conductivity_s_per_m, dti, dti_mapping, tensor_order, source.frame)
    sigma = conduction.conductivity_s_per_m
    if uncertainty:
        check_uncertainty(tool, sigma)
    request = DoseRequest.of(
        rmt_percent, rmt_muscle, rmt_at_mm, rmt_pose, match_field, protocol, muscle_ratio, stimulator, tool
    )
    turned = AngleRequest.of(angle, aim, direction)
    driven = PulseRequest.of(pulse, current, stimulator, request.protocol if request else None)
    if sought:
        sought.check_beside(uncertainty, request is not None and request.is_the_target(goal))
    one_of(density, DENSITIES, "density")
    check_search(hair_mm, direction, tilt_deg, extra_mm)
    accepted = checked_risks(accept_risk, TMS_RISKS)
    patient = checked_patient_id(patient_id)
    source.checked()
    surfaces = CortexSource.of(source, cortex)
    solver = engine_named(engine, subject.folder)
    if conduction.anisotropy and solver.name != "embedded":
        raise InputError(f"--engine {solver.name} gets no tensors from here: leave out --dti, or --engine")

    study = Study(
        subject=subject,
        source=source,
        density=density,
        cortex_source=surfaces,
        conduction=conduction,
        aim=goal,
        right_hand_sides=RIGHT_HAND_SIDES if uncertainty else 1,
    )
    aimed_coil = CoilAim(
        coil=tool,
        file=coil_file,
        hair_mm=hair_mm,
        direction=direction,
        tilt_deg=tilt_deg,
        extra_mm=extra_mm,
        angle=turned,
        pulse=driven,
    )
    asked = TmsQuestion(
        study=study,
        aim=aimed_coil,
        chosen=chosen,
        others=others,
        objective=objective,
        regions=sought,
        dose=request,
        engine=solver,
        uncertainty=uncertainty,
        accepted=accepted,
        notes=notes,
        pain_side=pain_side,
        patient_id=patient,
        command=command_line(plan, given, subject.name, source),
    )
    with subject.locked():
        stages = run_stages(asked)
        return study.run(files_stage(asked, stages)).value


@dataclass(frozen=True, eq=False, kw_only=True)
class TmsQuestion:
    """What a coil's plan is asked for, with everything checked.

    Parameters
    ----------
    study : Study
        The subject, and the target.
    aim : CoilAim
        The coil, and how it is held and driven.
    chosen : ChosenCoil
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
    uncertainty : bool
        Whether the spread over published conductivities is asked for.
    accepted : sequence of str
        Risks that are accepted.
    notes : list of PlanWarning
        What is known before anything is made.
    pain_side, patient_id : str, optional
    command : str
        What reproduces the plan.
    """

    study: Study
    aim: CoilAim
    chosen: ChosenCoil
    others: Sequence[ChosenCoil]
    objective: str
    regions: ObjectiveRequest | None
    dose: DoseRequest | None
    engine: Engine
    uncertainty: bool
    accepted: Sequence[str]
    notes: list[PlanWarning]
    pain_side: str | None
    patient_id: str
    command: str


@dataclass(frozen=True, eq=False, kw_only=True)
class TmsStages:
    """The stages of a coil's plan between the head and the files; None: it was not asked for, or cannot be had."""

    registration: Done[MniWarp] | None
    hotspot: Done[Hotspot] | None
    dose_map: Done[DoseMap]
    objective: StagedObjective | None
    search: Done[TmsSearch]
    robustness: Done[Robustness]
    confirmed: Done[Confirmed]
    goal: Done[PlanGoal] | None
    uncertainty: Done[DoseSpread] | None
    dosing: Done[PlanDosing] | None
    coils: Sequence[ChosenCoil]
    deep: str
    comparison: Done[Comparison] | None
    surfaces: Done[HeadSurfaces]

    def all(self, study: Study) -> list[Done[Any]]:
        """All stages that the plan follows from, in their order."""
        of_every_plan = (study.tissues, study.head, self.registration, study.target, study.cortex, self.dose_map)
        poses = (self.search, self.robustness, self.confirmed)
        objective = self.objective.after if self.objective else ()
        on_request = (self.goal, self.uncertainty, self.hotspot, self.dosing, self.comparison)
        return [each for each in (*of_every_plan, *poses, *objective, *on_request) if each]


def run_stages(asked: TmsQuestion) -> TmsStages:
    """Make every stage of the plan but the last, or reuse it where it still stands."""
    study, aim, run = asked.study, asked.aim, asked.study.run
    asked.engine.check([(each.coil, each.file) for each in (asked.chosen, *asked.others)], lambda: study.head.value)
    study.make_head_and_target()
    hotspot = run(hotspot_stage(asked.dose, study, aim)) if asked.dose and not _is_hotspot(asked) else None
    dose_map = run(dose_map_stage(study))
    objective = StagedObjective.run(asked.regions, study, aim, dose_map) if asked.regions else None
    search = run(search_stage(study, aim, dose_map, objective))
    robustness = run(robustness_stage(study, aim, dose_map, search))
    confirmed = run(confirm_stage(study, aim, search, asked.engine))
    # where the coil lies on the scalp is told by the registration, which the cortex mostly has had made
    registration = study.registration_of_target or (study.registration_if_any if study.cortex else None)
    goal = run(goal_stage(objective, dose_map, search, confirmed)) if objective else None
    uncertainty = run(uncertainty_stage(study, aim, search)) if asked.uncertainty else None
    dosing = run(dosing_stage(asked.dose, study, aim, search, confirmed, hotspot)) if asked.dose else None
    deep = why_deep(study.aim.name if study.aim else "", study.target.value.target, lambda: study.head.value)
    coils, comparison = compared_coils(asked.chosen, asked.others, deep), None
    if coils:
        of_plan = (dose_map, search, confirmed)
        comparison = run(comparison_stage(coils, study, aim, *of_plan, asked.engine, hotspot, objective))
    return TmsStages(
        registration=registration,
        hotspot=hotspot,
        dose_map=dose_map,
        objective=objective,
        search=search,
        robustness=robustness,
        confirmed=confirmed,
        goal=goal,
        uncertainty=uncertainty,
        dosing=dosing,
        coils=coils,
        deep=deep,
        comparison=comparison,
        surfaces=study.surfaces,
    )


def _is_hotspot(asked: TmsQuestion) -> bool:
    """Whether the target is the hotspot that the threshold was found at."""
    return asked.dose is not None and asked.study.aim is not None and asked.dose.is_the_target(asked.study.aim)


def _notes(asked: TmsQuestion, stages: TmsStages) -> list[PlanWarning]:
    """What is to be said of the plan besides what its numbers say."""
    found = [*asked.study.why_no_cortex, *(stages.hotspot.value.warnings if stages.hotspot else [])]
    return [*asked.notes, *(warning(each) for each in found), *(asked.regions.notes() if asked.regions else [])]


def _results(asked: TmsQuestion, stages: TmsStages) -> Results:
    """All that the plan and its files are written from."""
    study, aim = asked.study, asked.aim
    search, comparison, registration = stages.search.value, stages.comparison, stages.registration
    return Results(
        subject=study.subject.name,
        segmented=study.tissues.value,
        head=study.head.value,
        cortex=study.cortex.value if study.cortex else None,
        surfaces=stages.surfaces.value,
        place=on_scalp(search.scalp_mm[0], study.head.value, registration.value if registration else None),
        aimed=study.target.value,
        coil=aim.coil,
        found=search,
        pulse=aim.pulse,
        robust=stages.robustness.value,
        confirmed=stages.confirmed.value,
        objective=OBJECTIVES[asked.objective if asked.objective in LINEAR else DEFAULT],
        goal=stages.goal.value if stages.goal else None,
        search={
            "head": study.source.words,
            "mesh": study.density_words,
            "hair_mm": aim.hair_mm,
            "direction": _words(aim.direction),
            "tilt_deg": aim.tilt_deg,
            "extra_mm": aim.extra_mm,
            "poses_tried": search.tried,
            "cortex": study.cortex.value.source if study.cortex else "none",
            SOLVED_BY: f"{asked.engine.name} {asked.engine.version}",
            **({WHY: why_compared(stages.deep)} if comparison else {}),
            **study.conduction.words(study.tensors),
            COMMAND: asked.command,
        },
        conductivity_s_per_m=study.conduction.conductivity_s_per_m,
        seconds={each.stage: each.seconds for each in stages.all(study)},
        accepted=asked.accepted,
        notes=_notes(asked, stages),
        pain_side=asked.pain_side or "",
        patient_id=asked.patient_id,
        spread=stages.uncertainty.value if stages.uncertainty else None,
        dosing=stages.dosing.value if stages.dosing else None,
        compared=comparison.value if comparison else None,
        compared_coils=[each.coil for each in stages.coils],
    )


def files_stage(asked: TmsQuestion, stages: TmsStages) -> Stage[Plan]:
    """Stage "files": the plan and all that people and navigators read."""
    study, aim = asked.study, asked.aim

    def make(folder: Path) -> Plan:
        results = _results(asked, stages)
        made = make_plan(results)
        write_files(folder, results, made)
        return made

    parameters: dict[str, Any] = {
        "notes": plain(_notes(asked, stages)),
        "accepted": asked.accepted,
        "subject": study.subject.name,
        "pain_side": asked.pain_side,
        "patient_id": asked.patient_id,
        "coil_sha256": aim.coil_parameters["coil_sha256"],
        "coil_source": aim.coil.source,
        "engine": [asked.engine.name, asked.engine.version],
        "deep": stages.deep,
        "pulse": asdict(aim.pulse),
    }
    return Stage(
        "files",
        10,
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
