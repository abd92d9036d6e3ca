"""The road to a montage: an MRI goes in; electrodes with their currents, what they do, and a placement sheet come out.

It is :func:`targeting.road.plan` for electrodes: head, registration, target and cortex are the very same stages, in the
same folder.  What is of one kind of montage lies in a folder of its own, ``NAME/tdcs/`` or ``NAME/hd-tdcs/``, so that no
plan overwrites another's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from meshes.choices import one_of
from targeting.conduction import DEFAULT_MAPPING, DEFAULT_ORDER, Anisotropy
from targeting.cortex_stages import CortexSource, run_cortex
from targeting.fem.conductivity import conductivities, sigma_per_tet
from targeting.fem.conductor import HeadConductor
from targeting.head_stages import DENSITIES, HeadSource, mesh_stage, register_stage, run_segment
from targeting.objective_names import DEFAULT, OBJECTIVES
from targeting.objective_request import linear_direction
from targeting.road import DEFAULT_AIM, check_direction, target_side
from targeting.subject import Done, Stage, Subject
from targeting.tes_output import TesResults, make_tes_plan, write_tes_files
from targeting.tes_plan import TesPlan, read_tes_plan
from targeting.tes_request import PADS, TesRequest
from targeting.tes_stages import confirm_stage, leadfield_stage, positions_stage, search_stage
from targeting.tms_stages import Aim, Direction, target_stage

CAP_ELECTRODES = 74  # right-hand sides of a leadfield: enough to pay for a factorisation


def plan_tes(
    subject: str | Subject,
    request: TesRequest | str = PADS,
    *,
    t1: str | Path | None = None,
    t2: str | Path | None = None,
    labels: str | Path | None = None,
    head: str | Path | None = None,
    cortex: str | Path | None = None,
    aim: str = DEFAULT_AIM,
    side: str | None = None,
    pain_side: str | None = None,
    hotspot_mm: tuple[float, float, float] | None = None,
    radius_mm: float | None = None,
    direction: Direction = None,
    density: str = "standard",
    conductivity_s_per_m: Mapping[str, float] | None = None,
    dti: str | Path | None = None,
    dti_mapping: str = DEFAULT_MAPPING,
    tensor_order: str = DEFAULT_ORDER,
    threads: int = 2,
    frame: str | None = None,
    out: str | Path | None = None,
) -> TesPlan:
    """Plan tDCS of one target in one person; what is still valid in the subject's folder is reused.

    Parameters
    ----------
    subject, t1, t2, labels, head, cortex, aim, side, pain_side, hotspot_mm, radius_mm
        As for :func:`targeting.road.plan`.
    request : TesRequest or {"tdcs", "hd-tdcs"}
        Which kind of montage, its limits, what is best, and which risks are accepted.
    direction : {"normal"} or (3,) float, optional
        The dose is this component of the field instead of its strength.
    density, conductivity_s_per_m, dti, dti_mapping, tensor_order, threads, frame, out
        As for :func:`targeting.road.plan`.

    Returns
    -------
    TesPlan
        As it stands in ``plan.json`` in the subject's folder ``tdcs/`` or ``hd-tdcs/``, beside report, placement sheet,
        tables and fields.  ``unaccepted`` holds the safety items it exceeds.

    Raises
    ------
    InputError
        If anything given cannot be used; nothing that stood in the folder is changed then.

    Examples
    --------
    >>> from targeting.tes_road import plan_tes
    >>> plan_tes("subject01", "hd-tdc")
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: unknown modality of --with 'hd-tdc', did you mean 'hd-tdcs'? valid: tdcs, hd-tdcs
    """
    subject = subject if isinstance(subject, Subject) else Subject.named(subject, out)
    asked = (request if isinstance(request, TesRequest) else TesRequest(kind=request)).checked(direction)
    source = HeadSource.of(subject, t1=t1, t2=t2, labels=labels, head=head, threads=threads, frame=frame)
    side, notes = target_side(source, aim, side, pain_side, hotspot_mm)
    goal = Aim(aim, side, hotspot_mm, radius_mm).checked()
    sigma = conductivities(conductivity_s_per_m)
    anisotropy = Anisotropy.of(dti, dti_mapping, tensor_order)
    one_of(density, DENSITIES, "density")
    check_direction(direction)
    source.checked()
    surfaces = CortexSource.of(source, cortex)

    with subject.locked():
        segmented = run_segment(subject, source)
        meshed = subject.run(mesh_stage(segmented, source, density))
        tensors = cache(lambda: anisotropy.tensors(meshed.value, sigma)) if anisotropy else None
        solves = 1 if asked.montage else CAP_ELECTRODES
        conductor = cache(lambda: HeadConductor(meshed.value, sigma, tensors and tensors(), right_hand_sides=solves))
        register = cache(lambda: subject.run(register_stage(segmented, meshed)))
        aimed = subject.run(target_stage(goal, meshed, register() if goal.in_mni else None))
        folded, without = run_cortex(subject, surfaces, segmented, meshed, register)
        notes += without
        inward = folded if direction == "normal" else None  # all else does not depend on the surface
        located = subject.run(positions_stage(meshed, register, asked.positions))
        led = None
        if asked.montage is None:
            led = subject.run(leadfield_stage(asked.kind, meshed, located, sigma, conductor, anisotropy))
        chosen = subject.run(search_stage(asked, meshed, aimed, located, led, direction, inward))
        confirmed = subject.run(
            confirm_stage(asked, meshed, aimed, located, chosen, direction, sigma, conductor, inward, anisotropy)
        )
        before = (segmented, meshed, aimed, folded, located, led, chosen, confirmed)
        stages: list[Done[Any]] = [each for each in before if each]

        def results() -> TesResults:
            from atlases.scalp import Scalp
            from targeting.tes.placement_sheet import tape_measure

            places = {each.name: each.center_mm for each in confirmed.value.electrodes}
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
                tape=tape_measure(Scalp.of(meshed.value), where.fiducials, where.vertex_mm, places),
                objective=OBJECTIVES[linear_direction(DEFAULT, direction)[0]],
                search=_search_words(asked, direction, folded.value.source if folded else "none"),
                conductivity_s_per_m=sigma,
                seconds={each.stage: each.seconds for each in stages},
                notes=notes,
                cortex=folded.value if folded else None,
            )

        told = {
            "notes": notes,
            "subject": subject.name,
            "minutes": asked.minutes,
            "accepted": sorted(asked.accept_risk),
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

    from targeting.tes.safety import limits

    table = {name: [limit.limit, limit.source] for name, limit in limits().items()}  # a changed table is another plan
    return Stage(f"{kind}-files", 1, make, load, parameters={**parameters, "limits": table}, after=after)


def _search_words(asked: TesRequest, direction: Direction, cortex: str) -> dict[str, float | int | str]:
    said: dict[str, float | int | str] = {
        "direction": "none" if direction is None else direction if isinstance(direction, str) else "given",
        "cortex": cortex,
    }
    if asked.montage is not None:
        return {"montage": "from a file" if asked.montage_file else asked.montage, **said}
    said |= {
        "objective": asked.objective_for(direction),
        "max_current_ma": asked.total_ma,
        "max_per_electrode_ma": asked.per_electrode_ma,
        "max_electrodes": asked.electrodes,
    }
    return said
