"""The one road, readable in a minute: an MRI goes in; a coil pose, its dose and a report come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from meshes.errors import InputError
from targeting.coils.coil import fingerprint
from targeting.coils.files import ChosenCoil
from targeting.comparison.request import asked_coils, compared_coils, why_compared, why_deep
from targeting.comparison.stage import comparison_stage, warp_if_any
from targeting.dosing.hotspot_stage import hotspot_stage
from targeting.dosing.request import DoseRequest
from targeting.dosing.stage import dosing_stage
from targeting.engines import engine_named
from targeting.fem.conductor import HeadConductor
from targeting.goals.request import ObjectiveRequest, linear_direction
from targeting.goals.stage import goal_stage, run_wanted
from targeting.planning.on_scalp import on_scalp
from targeting.planning.tms_files import Results, make_plan, write_files
from targeting.plans.shared import checked_patient_id
from targeting.plans.tms import Plan, TmsSearchSummary, read_plan
from targeting.records.json_records import plain
from targeting.records.warnings import TMS_RISKS, checked_risks, warning
from targeting.robustness.stage import robustness_stage
from targeting.study.aim import Aim, check_direction, coil_notes, target_side
from targeting.study.command_line import command_line
from targeting.study.conduction import Conduction
from targeting.study.cortex_stage import CortexSource, run_cortex
from targeting.study.head_source import HeadSource
from targeting.study.head_stages import mesh_stage, register_stage, run_segment
from targeting.study.options import takes
from targeting.study.pulse_request import PulseRequest
from targeting.study.request import Direction
from targeting.study.surfaces import surfaces_stage
from targeting.study.target_stage import target_stage
from targeting.study.tms_confirm import confirm_stage
from targeting.study.tms_request import TmsRequest
from targeting.study.tms_search import dose_map_stage, search_stage
from targeting.subject import Done, Stage, Subject
from targeting.tms.angle import AngleRequest
from targeting.tms.objective_names import DEFAULT, LINEAR, OBJECTIVES
from targeting.uncertainty.stage import RIGHT_HAND_SIDES, check_uncertainty, uncertainty_stage


@takes(TmsRequest)
def plan_tms(
    subject: str | Subject, request: TmsRequest | None = None, *, out: str | Path | None = None, **options: Any
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
    meshes.errors.InputError: nothing is known of subject 'subject01' yet: give `t1=FILE` (an MRI), `labels=FILE` or \
`head=FILE` (only 'colin27' is built in)
    """
    asked = TmsRequest.of(request, **options).checked()
    subject = subject if isinstance(subject, Subject) else Subject.named(subject, out)
    aim, pain_side, direction, density, uncertainty = (
        asked.aim,
        asked.pain_side,
        asked.direction,
        asked.density,
        asked.uncertainty,
    )
    hair_mm, tilt_deg, extra_mm = asked.hair_mm, asked.tilt_deg, asked.extra_mm
    source = HeadSource.of(
        subject,
        t1=asked.t1,
        t2=asked.t2,
        labels=asked.labels,
        head=asked.head,
        threads=asked.threads,
        frame=asked.frame,
    )
    side, notes = target_side(source, aim, asked.side, pain_side, asked.hotspot_mm)
    notes += coil_notes(aim)
    own = source.own(subject.folder)
    goal = Aim(aim, side, asked.hotspot_mm, asked.radius_mm).checked(own)
    chosen = ChosenCoil.of(asked.coil)
    coil_file, tool = chosen.file, chosen.coil
    others = asked_coils(asked.compare)
    objective, direction = linear_direction(asked.objective, direction)
    sought = ObjectiveRequest.of(asked, side, own)
    conduction = Conduction.of(
        asked.conductivity_s_per_m, asked.dti, asked.dti_mapping, asked.tensor_order, source.frame
    )
    sigma = conduction.conductivity_s_per_m
    if uncertainty:
        check_uncertainty(tool, sigma)
    dose_request = DoseRequest.of(asked, tool)
    turned = AngleRequest.of(asked.angle, aim, direction)
    protocol = dose_request.protocol if dose_request else None
    driven = PulseRequest.of(asked.pulse, asked.current, asked.stimulator, protocol)
    if sought:
        sought.check_beside(uncertainty, dose_request is not None and dose_request.is_the_target(goal))
    check_direction(direction)
    accepted = checked_risks(asked.accept_risk, TMS_RISKS)
    patient = checked_patient_id(asked.patient_id)
    source.checked()
    surfaces = CortexSource.of(source, asked.cortex)
    solver = engine_named(asked.engine, subject.folder)
    if conduction.anisotropy and solver.name != "embedded":
        raise InputError(f"`engine={solver.name}` gets no tensors from here: leave out `dti`, or `engine`")

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
        if dose_request and not dose_request.is_the_target(goal):
            warp = register() if dose_request.needs_registration(goal) else None
            near = (meshed, aimed, warp, tool, coil_file, hair_mm, conduction, conductor, folded, segmented)
            spot = subject.run(hotspot_stage(dose_request, *near))
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
        if dose_request:
            known = (meshed, aimed, registered, searched, confirmed, spot)
            dosed = subject.run(dosing_stage(dose_request, *known, tool, coil_file))
            stages += [spot, dosed] if spot else [dosed]
        deep = why_deep(aim, aimed.value.target, lambda: meshed.value)
        compared = None
        if coils := compared_coils(chosen, others, deep):
            warp = registered or warp_if_any(register)
            how_compared = (
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
                comparison_stage(coils, meshed, aimed, warp, mapped, searched, confirmed, spot, *how_compared)
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
                    command=command_line(asked, subject.name, source),
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


plan = plan_tms  # the short name


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
