"""The one road, readable in a minute: an MRI goes in; a coil pose, its dose and a report come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.coils.chosen import ChosenCoil
from targeting.coils.fingerprint import fingerprint
from targeting.comparison.request import asked_coils, compared_coils, why_compared, why_deep
from targeting.comparison.stage import comparison_stage, warp_if_any
from targeting.dosing.hotspot_stage import hotspot_stage
from targeting.dosing.request import DoseRequest
from targeting.dosing.stage import dosing_stage
from targeting.engines import engine_named
from targeting.fem.conductor import HeadConductor
from targeting.goals.request import ObjectiveRequest, linear_direction
from targeting.goals.stage import goal_stage, run_wanted
from targeting.planning.command_line import command_line
from targeting.planning.on_scalp import on_scalp
from targeting.planning.tms_files import Results, make_plan, write_files
from targeting.plans.shared import checked_patient_id
from targeting.plans.tms import Plan, TmsSearchSummary, read_plan
from targeting.records.json_records import plain
from targeting.records.warnings import TMS_RISKS, checked_risks, warning
from targeting.robustness.stage import robustness_stage
from targeting.stimulators.request import PulseRequest
from targeting.study.aim import DEFAULT_AIM, Aim, Direction, check_search, coil_notes, target_side
from targeting.study.conduction import DEFAULT_MAPPING, DEFAULT_ORDER, Conduction
from targeting.study.cortex_stage import CortexSource, run_cortex
from targeting.study.head_source import DENSITIES, HeadSource
from targeting.study.head_stages import mesh_stage, register_stage, run_segment
from targeting.study.surfaces import surfaces_stage
from targeting.study.target_stage import target_stage
from targeting.study.tms_confirm import confirm_stage
from targeting.study.tms_search import dose_map_stage, search_stage
from targeting.subject import Done, Stage, Subject
from targeting.tms.angle import AngleRequest
from targeting.tms.objective_names import DEFAULT, LINEAR, OBJECTIVES
from targeting.uncertainty.stage import RIGHT_HAND_SIDES, check_uncertainty, uncertainty_stage

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

    with subject.locked():
        segmented = run_segment(subject, source)
        meshed = subject.run(mesh_stage(segmented, source, density))
        solver.check([(tool, coil_file), *((other.coil, other.file) for other in others)], lambda: meshed.value)
        tensors = cache(lambda: conduction.tensors(meshed.value))
        solves = RIGHT_HAND_SIDES if uncertainty else 1
        conductor = cache(  # set up once for all stages that solve
            lambda: HeadConductor(meshed.value, sigma, tensors(), right_hand_sides=solves)
        )
        register = cache(lambda: subject.run(register_stage(segmented, meshed)))
        registered = register() if goal.in_mni else None
        aimed = subject.run(target_stage(goal, meshed, registered))
        folded, without = run_cortex(subject, surfaces, segmented, meshed, register)
        notes += [warning(each) for each in without]
        spot = None
        if request and not request.is_the_target(goal):
            warp = register() if request.needs_registration(goal) else None
            near = (meshed, aimed, warp, tool, coil_file, hair_mm, conduction, conductor, folded, segmented)
            spot = subject.run(hotspot_stage(request, *near))
            notes += [warning(each) for each in spot.value.warnings]
        inward = folded if direction == "normal" else None  # all else does not depend on the surface
        mapped = subject.run(dose_map_stage(meshed, aimed, conduction, conductor))
        wanted = None
        if sought:
            warp = register() if sought.in_mni else None
            of = (mapped, tool, coil_file, hair_mm, direction, inward, conduction, conductor)
            wanted = run_wanted(subject, sought, meshed, aimed, warp, *of)
            notes += sought.notes()
        how = (tool, coil_file, hair_mm, direction, folded, tilt_deg, extra_mm, wanted, turned, driven)
        searched = subject.run(search_stage(meshed, aimed, mapped, *how))
        steady = subject.run(
            robustness_stage(meshed, aimed, mapped, searched, tool, coil_file, hair_mm, direction, inward)
        )
        confirmed = subject.run(
            confirm_stage(meshed, aimed, searched, tool, coil_file, direction, conduction, conductor, solver, inward)
        )
        measured = registered or (warp_if_any(register) if folded else None)  # as the cortex has it, mostly
        before = (segmented, meshed, measured, aimed, folded, mapped, searched, steady, confirmed)
        stages: list[Done[Any]] = [each for each in before if each]
        reached = None
        if wanted:
            reached = subject.run(goal_stage(wanted, mapped, searched, confirmed, tool, coil_file))
            stages += [*wanted.after, reached]
        spread = None
        if uncertainty:
            what = (meshed, aimed, searched, tool, coil_file, hair_mm, direction, conduction, conductor, inward)
            spread = subject.run(uncertainty_stage(*what))
            stages.append(spread)
        dosed = None
        if request:
            known = (meshed, aimed, registered, searched, confirmed, spot)
            dosed = subject.run(dosing_stage(request, *known, tool, coil_file))
            stages += [spot, dosed] if spot else [dosed]
        deep = why_deep(aim, aimed.value.target, lambda: meshed.value)
        compared = None
        if coils := compared_coils(chosen, others, deep):
            warp = registered or warp_if_any(register)
            asked = (
                hair_mm,
                direction,
                tilt_deg,
                extra_mm,
                conduction,
                conductor,
                solver,
                folded,
                wanted,
                turned,
                driven,
            )
            compared = subject.run(
                comparison_stage(coils, meshed, aimed, warp, mapped, searched, confirmed, spot, *asked)
            )
            stages.append(compared)
        thinned = subject.run(surfaces_stage(meshed, folded))

        def results() -> Results:
            return Results(
                subject=subject.name,
                segmented=segmented.value,
                head=meshed.value,
                cortex=folded.value if folded else None,
                surfaces=thinned.value,
                place=on_scalp(searched.value.scalp_mm[0], meshed.value, measured.value if measured else None),
                aimed=aimed.value,
                coil=tool,
                found=searched.value,
                pulse=driven,
                robust=steady.value,
                confirmed=confirmed.value,
                objective=OBJECTIVES[objective if objective in LINEAR else DEFAULT],
                goal=reached.value if reached else None,
                search=TmsSearchSummary(
                    head=source.words,
                    mesh=density if source.way != "head" else "as given",
                    hair_mm=hair_mm,
                    direction=_words(direction),
                    tilt_deg=tilt_deg,
                    extra_mm=extra_mm,
                    poses_tried=searched.value.tried,
                    cortex=folded.value.source if folded else "none",
                    direct_solves_by=f"{solver.name} {solver.version}",
                    coils_compared_because=why_compared(deep) if compared else None,
                    white_matter=conduction.words(tensors()),
                    command=command_line(plan, given, subject.name, source),
                ),
                conductivity_s_per_m=sigma,
                seconds={each.stage: each.seconds for each in stages},
                accepted=accepted,
                notes=notes,
                pain_side=pain_side or "",
                patient_id=patient,
                spread=spread.value if spread else None,
                dosing=dosed.value if dosed else None,
                compared=compared.value if compared else None,
                compared_coils=[each.coil for each in coils],
            )

        told: dict[str, Any] = {
            "notes": plain(notes),
            "accepted": accepted,
            "subject": subject.name,
            "pain_side": pain_side,
            "patient_id": patient,
            "coil_sha256": fingerprint(tool),
            "coil_source": tool.source,
            "engine": [solver.name, solver.version],
            "deep": deep,
            "pulse": asdict(driven),
        }
        return subject.run(files_stage(results, stages, coil_file, told)).value


def files_stage(
    results: Callable[[], Results], after: list[Done[Any]], coil_file: Path | None, parameters: dict[str, Any]
) -> Stage[Plan]:
    """Stage "files": the plan and all that people and navigators read."""

    def make(room: Path) -> Plan:
        values = results()
        made = make_plan(values)
        write_files(room, values, made)
        return made

    def load(folder: Path) -> Plan:
        return read_plan(folder / "plan.json")

    files = {"coil": coil_file} if coil_file else {}  # its rated maximum stands in the plan
    return Stage("files", 10, make, load, files=files, parameters=parameters, after=after)


def _words(direction: Direction) -> str:
    if direction is None:
        return "none"
    return direction if isinstance(direction, str) else ",".join(f"{x:g}" for x in direction)
