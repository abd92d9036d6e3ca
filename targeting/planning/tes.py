"""The road to a montage: an MRI goes in; electrodes with their currents, what they do, and a placement sheet come out.

It is :func:`targeting.planning.tms.plan` for electrodes: head, registration, target and cortex are the very same stages, in the
same folder.  What is of one kind of montage lies in a folder of its own, ``NAME/tdcs/`` or ``NAME/hd-tdcs/``, so that no
plan overwrites another's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from atlases.aim import side_for
from meshes.errors import InputError
from targeting.fem.conductivity import sigma_per_tet
from targeting.fem.conductor import HeadConductor
from targeting.goals.request import linear_direction
from targeting.goals.tes_stage import network_stage, places_stage, plan_goal_of, register_if
from targeting.networks.network_map import NetworkMap
from targeting.planning.tes_files import TesResults, make_tes_plan, write_tes_files
from targeting.plans.shared import checked_patient_id
from targeting.plans.tes import TesPlan, TesSearchSummary, read_tes_plan
from targeting.records.json_records import plain
from targeting.records.pole import SIGNED
from targeting.records.warnings import PlanWarning, warning
from targeting.study.aim import Aim, check_direction, target_notes, target_side
from targeting.study.command_line import command_line
from targeting.study.conduction import Conduction
from targeting.study.cortex_stage import CortexSource, run_cortex
from targeting.study.head_source import HeadSource
from targeting.study.head_stages import mesh_stage, register_stage, run_segment
from targeting.study.options import takes
from targeting.study.regions import Regions
from targeting.study.request import DEFAULT_AIM, Direction
from targeting.study.surfaces import surfaces_stage
from targeting.study.target_stage import target_stage
from targeting.study.tes_request import TesRequest
from targeting.study.tes_stages import confirm_stage, leadfield_stage, positions_stage, search_stage
from targeting.subject import Done, Stage, Subject
from targeting.tms.objective_names import DEFAULT, OBJECTIVES

CAP_ELECTRODES = 74  # right-hand sides of a leadfield: enough to pay for a factorisation
INTO, OUT_OF = (
    f"component of the volume-weighted mean E vector {way} the cortex at the target" for way in ("into", "out of")
)
ALONG_MAP = "mean of the field's component into the cortex, weighted by the map and with its sign"


@takes(TesRequest)
def plan_tes(
    subject: str | Subject,
    request: TesRequest | str | None = None,
    *,
    out: str | Path | None = None,
    **options: Any,
) -> TesPlan:
    """Plan tDCS of one target in one person; what is still valid in the subject's folder is reused.

    Parameters
    ----------
    subject : str or Subject
        A name: results go to ``./name/`` or to ``out``.  ``"colin27"`` needs no data of yours.
    request : TesRequest or {"tdcs", "hd-tdcs"}, optional
        What is asked for, or only its kind; default: a pair of pads.
    out : path, optional
        The subject's folder, instead of ``./name/``.
    **options
        Fields of :class:`~targeting.study.tes_request.TesRequest`; they replace those of ``request``.

    Returns
    -------
    TesPlan
        As it stands in ``plan.json`` in the subject's folder ``tdcs/`` or ``hd-tdcs/``, beside report, placement sheet,
        tables and fields.  ``unaccepted`` holds what forbids its use.

    Raises
    ------
    InputError
        If anything given cannot be used; nothing that stood in the folder is changed then.

    Examples
    --------
    >>> from targeting import plan_tes
    >>> plan_tes("subject01", "hd-tdc")
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: unknown modality of `kind` 'hd-tdc', did you mean 'hd-tdcs'? valid: tdcs, hd-tdcs
    """
    if isinstance(request, str):
        request = TesRequest(kind=request)
    asked = TesRequest.of(request, **options).checked()
    subject = subject if isinstance(subject, Subject) else Subject.named(subject, out)
    aim, side, pain_side, direction, density = asked.aim, asked.side, asked.pain_side, asked.direction, asked.density
    source = HeadSource.of(
        subject,
        t1=asked.t1,
        t2=asked.t2,
        labels=asked.labels,
        head=asked.head,
        threads=asked.threads,
        frame=asked.frame,
    )
    own = source.own(subject.folder)
    network = NetworkMap.of(asked.network, own.frame, own.world) if asked.network else None
    goal: Aim | None = None
    notes: list[PlanWarning] = []
    if network is None:
        side, notes = target_side(source, aim, side, pain_side, asked.hotspot_mm)
        notes += target_notes(aim)
        goal = Aim(aim, side, asked.hotspot_mm, asked.radius_mm).checked(own)
    elif aim != DEFAULT_AIM or asked.hotspot_mm is not None or asked.radius_mm is not None:
        raise InputError("the map of `network` is the target: leave out `aim`, `hotspot_mm` and `radius_mm`")
    elif side is not None or pain_side is not None:
        side = side_for(side, pain_side)  # of avoided regions by name
    sought = Regions.of(asked.avoid, asked.also, side, own)
    conduction = Conduction.of(
        asked.conductivity_s_per_m, asked.dti, asked.dti_mapping, asked.tensor_order, source.frame
    )
    sigma = conduction.conductivity_s_per_m
    check_direction(direction)
    patient = checked_patient_id(asked.patient_id)
    source.checked()
    surfaces = CortexSource.of(source, asked.cortex)

    with subject.locked():
        segmented = run_segment(subject, source)
        meshed = subject.run(mesh_stage(segmented, source, density))
        tensors = cache(lambda: conduction.tensors(meshed.value))
        solves = 1 if asked.montage else CAP_ELECTRODES
        conductor = cache(lambda: HeadConductor(meshed.value, sigma, tensors(), right_hand_sides=solves))
        register = cache(lambda: subject.run(register_stage(segmented, meshed)))
        aimed = None
        if goal is not None:
            aimed = subject.run(target_stage(goal, meshed, register_if(goal.in_mni, register)))
        folded, without = run_cortex(subject, surfaces, segmented, meshed, register)
        notes += [warning(each) for each in without]
        if network is not None:
            warp = register_if(network.in_mni, register)
            aimed = subject.run(network_stage(asked.kind, network, meshed, folded, warp, without))
        assert aimed is not None
        places = None
        if sought is not None:
            places = subject.run(places_stage(asked.kind, sought, meshed, register_if(sought.in_mni, register)))
        along, polarity = asked.along, asked.counted_polarity
        located = subject.run(positions_stage(meshed, register, asked.positions, asked.cap))
        led = None
        if asked.montage is None:
            led = subject.run(leadfield_stage(asked.kind, meshed, located, conduction, conductor, asked.cap))
        chosen = subject.run(search_stage(asked, meshed, aimed, located, led, along, polarity, folded, places))
        confirmed = subject.run(
            confirm_stage(asked, meshed, aimed, located, chosen, along, conduction, conductor, folded, places)
        )
        before = (segmented, meshed, aimed, folded, places, located, led, chosen, confirmed)
        stages: list[Done[Any]] = [each for each in before if each]
        thinned = subject.run(surfaces_stage(meshed, folded))

        def results() -> TesResults:
            from atlases.scalp import Scalp
            from atlases.scalp_tape import tape_measure

            sites = {each.name: each.center_mm for each in confirmed.value.electrodes}
            where = located.value
            return TesResults(
                subject=subject.name,
                request=asked,
                segmented=segmented.value,
                head=meshed.value,
                sigma_s_per_m=sigma_per_tet(meshed.value.tissue, sigma),  # of tensors, their volume-normalised size
                aimed=aimed.value,
                located=where,
                chosen=chosen.value,
                confirmed=confirmed.value,
                tape=tape_measure(Scalp.of(meshed.value), where.fiducials, where.vertex_mm, sites),
                objective=ALONG_MAP if network else _dose_words(along),
                polarity=polarity,
                search=replace(
                    _search_summary(asked, direction, along),
                    head=source.words,
                    mesh=density if source.way != "head" else "as given",
                    cortex=folded.value.source if folded else "none",
                    white_matter=conduction.words(tensors()),
                    command=command_line(asked, subject.name, source),
                ),
                conductivity_s_per_m=sigma,
                seconds={each.stage: each.seconds for each in stages},
                notes=notes,
                pain_side=pain_side or "",
                patient_id=patient,
                cortex=folded.value if folded else None,
                surfaces=thinned.value,
                goal=plan_goal_of(asked, aimed.value, places.value if places else None, chosen.value, confirmed.value),
            )

        told = {
            "notes": plain(notes),
            "subject": subject.name,
            "pain_side": pain_side,
            "patient_id": patient,
            "minutes": asked.minutes,
            "polarity": polarity,
            "accepted": sorted(asked.accept_risk),
            "avoid_cap": asked.stated_share,
            "wanted_v_per_m": asked.dose_v_per_m if network else None,
        }
        return subject.run(files_stage(asked.kind, results, stages, told)).value


def files_stage(
    kind: str, results: Callable[[], TesResults], after: list[Done[Any]], parameters: dict[str, Any]
) -> Stage[TesPlan]:
    """Stage "…-files": the plan and all that people read, in the folder named after the kind."""

    def make(room: Path) -> TesPlan:
        values = results()
        made = make_tes_plan(values)
        (room / kind).mkdir()
        write_tes_files(room / kind, values, made)
        return made

    def load(folder: Path) -> TesPlan:
        return read_tes_plan(folder / kind / "plan.json")

    from targeting.tes.safety import limits, session_checks

    table = {name: [limit.limit, limit.source] for name, limit in limits().items()}  # a changed table is another plan
    checks = [repr(each) for each in session_checks()]
    tables = {"limits": table, "checks": checks}
    return Stage(f"{kind}-files", 6, make, load, parameters={**parameters, **tables}, after=after)


def _dose_words(along: Direction) -> str:
    """What the dose is; ``along`` is :meth:`TesRequest.along`."""
    if isinstance(along, str) and along in SIGNED:
        return INTO if SIGNED[along] > 0 else OUT_OF
    return OBJECTIVES[linear_direction(DEFAULT, along)[0]]


def _search_summary(asked: TesRequest, direction: Direction, along: Direction) -> TesSearchSummary:
    """What was searched for, or which montage was given."""
    words = "none" if direction is None else direction if isinstance(direction, str) else "given"
    if asked.montage is not None:
        return TesSearchSummary(montage="from a file" if asked.montage_file else asked.montage, direction=words)
    return TesSearchSummary(
        direction=words,
        objective=asked.objective_for(along),
        max_current_ma=asked.total_ma,
        max_per_electrode_ma=asked.per_electrode_ma,
        max_electrodes=asked.electrodes,
        cap=asked.cap,
    )
