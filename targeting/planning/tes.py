"""Plan electrodes: an MRI goes in; a montage with its currents, its field and a placement sheet come out.

It is :func:`targeting.planning.tms.plan` for electrodes: head, registration, target and cortex are the very same stages, in the
same folder.  What is of one kind of montage lies in a folder of its own, ``NAME/tdcs/`` or ``NAME/hd-tdcs/``, so that no
plan overwrites another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlases.aim import AimedTarget, side_for
from meshes.choices import one_of
from meshes.errors import InputError
from targeting.fem.conductivity import sigma_per_tet
from targeting.goals.request import linear_direction
from targeting.goals.tes_goal import Places, plan_goal_of
from targeting.goals.tes_request import Sought
from targeting.goals.tes_stage import places_stage
from targeting.networks.network_map import NetworkMap
from targeting.networks.stage import network_stage
from targeting.planning.command_line import COMMAND, command_line
from targeting.planning.tes_files import TesResults, make_tes_plan, write_tes_files
from targeting.planning.tes_stages import confirm_stage, search_stage
from targeting.plans.patient import checked_patient_id
from targeting.plans.tes import TesPlan, read_tes_plan
from targeting.records.json_records import plain
from targeting.records.pole import SIGNED
from targeting.records.warnings import PlanWarning, warning
from targeting.study.aim import DEFAULT_AIM, Aim, Direction, check_direction, target_notes, target_side
from targeting.study.cap_stages import HeadPositions, leadfield_stage, positions_stage
from targeting.study.conduction import DEFAULT_MAPPING, DEFAULT_ORDER, Conduction
from targeting.study.cortex_stage import CortexSource
from targeting.study.head_source import DENSITIES, HeadSource
from targeting.study.study import Study
from targeting.study.tes_request import PADS, TesRequest
from targeting.subject import Done, Stage, Subject
from targeting.tms.objective_names import DEFAULT, OBJECTIVES

if TYPE_CHECKING:
    from targeting.study.surfaces import HeadSurfaces
    from targeting.tes.leadfield import Leadfield
    from targeting.tes.montage_choice import ChosenMontage
    from targeting.tes.montage_confirm import ConfirmedMontage

CAP_ELECTRODES = 74  # right-hand sides of a leadfield: enough to pay for a factorisation
INTO, OUT_OF = (
    f"component of the volume-weighted mean E vector {way} the cortex at the target" for way in ("into", "out of")
)
ALONG_MAP = "mean of the field's component into the cortex, weighted by the map and with its sign"


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
    patient_id: str | None = None,
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
    subject, t1, t2, labels, head, cortex, aim, side, pain_side, patient_id, hotspot_mm, radius_mm
        As for :func:`targeting.planning.tms.plan`.
    request : TesRequest or {"tdcs", "hd-tdcs"}
        Which kind of montage, its limits, what is best, and which risks are accepted.
    direction : {"normal"} or (3,) float, optional
        The dose is this component of the field instead of its strength.
    density, conductivity_s_per_m, dti, dti_mapping, tensor_order, threads, frame, out
        As for :func:`targeting.planning.tms.plan`.

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
    >>> from targeting.planning.tes import plan_tes
    >>> plan_tes("subject01", "hd-tdc")
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: unknown modality of --with 'hd-tdc', did you mean 'hd-tdcs'? valid: tdcs, hd-tdcs
    """
    given = dict(locals())
    subject = subject if isinstance(subject, Subject) else Subject.named(subject, out)
    asked = (request if isinstance(request, TesRequest) else TesRequest(kind=request)).checked(direction, aim)
    source = HeadSource.of(subject, t1=t1, t2=t2, labels=labels, head=head, threads=threads, frame=frame)
    own = source.own(subject.folder)
    network = NetworkMap.of(asked.network, own.frame, own.world) if asked.network else None
    goal: Aim | None = None
    notes: list[PlanWarning] = []
    if network is None:
        side, notes = target_side(source, aim, side, pain_side, hotspot_mm)
        notes += target_notes(aim)
        goal = Aim(aim, side, hotspot_mm, radius_mm).checked(own)
    elif aim != DEFAULT_AIM or hotspot_mm is not None or radius_mm is not None:
        raise InputError("the map of --network is the target: leave out --aim, --hotspot and --radius")
    elif side is not None or pain_side is not None:
        side = side_for(side, pain_side)  # of avoided regions by name
    sought = Sought.of(asked.avoid, asked.also, side, own)
    conduction = Conduction.of(conductivity_s_per_m, dti, dti_mapping, tensor_order, source.frame)
    one_of(density, DENSITIES, "density")
    check_direction(direction)
    patient = checked_patient_id(patient_id)
    source.checked()
    surfaces = CortexSource.of(source, cortex)

    shared: dict[str, Any] = {
        "subject": subject,
        "source": source,
        "density": density,
        "cortex_source": surfaces,
        "conduction": conduction,
        "right_hand_sides": 1 if asked.montage else CAP_ELECTRODES,
    }
    study: Study = Study(aim=goal, **shared)
    if network is not None:
        study = NetworkStudy(kind=asked.kind, network=network, **shared)
    question = TesQuestion(
        study=study,
        request=asked,
        regions=sought,
        direction=direction,
        along=asked.along(direction, aim),
        polarity=asked.polarity_for(direction, aim),
        notes=notes,
        pain_side=pain_side,
        patient_id=patient,
        command=command_line(plan_tes, given, subject.name, source, asked),
    )
    with subject.locked():
        stages = run_stages(question)
        return study.run(files_stage(question, stages)).value


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkStudy(Study):
    """A study whose target is a map over the cortex, for one kind of montage."""

    kind: str
    network: NetworkMap

    @cached_property
    def target(self) -> Done[AimedTarget]:
        """Stage "…-network"."""
        head, cortex = self.head, self.cortex
        registration = self.registration if self.network.in_mni else None
        return self.run(network_stage(self.kind, self.network, head, cortex, registration, self.why_no_cortex))


@dataclass(frozen=True, eq=False, kw_only=True)
class TesQuestion:
    """What a montage's plan is asked for, with everything checked.

    Parameters
    ----------
    study : Study
        The subject, and the target.
    request : TesRequest
        The kind of montage, its limits, and what is best.
    regions : Sought, optional
        Regions to spare and further targets.
    direction, along : {"normal", "anodal", "cathodal"} or (3,) float, optional
        What was asked for, and what the dose is then the component along.
    polarity : str
        Of :mod:`targeting.records.pole`.
    notes : list of PlanWarning
        What is known before anything is made.
    pain_side, patient_id : str, optional
    command : str
        What reproduces the plan.
    """

    study: Study
    request: TesRequest
    regions: Sought | None
    direction: Direction
    along: Direction
    polarity: str
    notes: list[PlanWarning]
    pain_side: str | None
    patient_id: str
    command: str

    @property
    def network(self) -> bool:
        """Whether a map over the cortex is the target."""
        return isinstance(self.study, NetworkStudy)


@dataclass(frozen=True, eq=False, kw_only=True)
class TesStages:
    """The stages of a montage's plan between the head and the files; None: it was not asked for."""

    places: Done[Places] | None
    positions: Done[HeadPositions]
    leadfield: Done[Leadfield] | None
    search: Done[ChosenMontage]
    confirmed: Done[ConfirmedMontage]
    surfaces: Done[HeadSurfaces]

    def all(self, study: Study) -> list[Done[Any]]:
        """All stages that the plan follows from, in their order."""
        of_every_plan = (study.tissues, study.head, study.target, study.cortex)
        own = (self.places, self.positions, self.leadfield, self.search, self.confirmed)
        return [each for each in (*of_every_plan, *own) if each]


def run_stages(asked: TesQuestion) -> TesStages:
    """Make every stage of the plan but the last, or reuse it where it still stands."""
    study, request, run = asked.study, asked.request, asked.study.run
    study.make_head_and_target()
    places = run(places_stage(request.kind, asked.regions, study)) if asked.regions else None
    positions = run(positions_stage(study, request.positions, request.cap))
    leadfield = None
    if request.montage is None:
        leadfield = run(leadfield_stage(request.kind, study, positions, request.cap))
    search = run(search_stage(request, study, positions, leadfield, asked.along, asked.polarity, places))
    confirmed = run(confirm_stage(request, study, positions, search, asked.along, places))
    return TesStages(
        places=places,
        positions=positions,
        leadfield=leadfield,
        search=search,
        confirmed=confirmed,
        surfaces=study.surfaces,
    )


def _notes(asked: TesQuestion) -> list[PlanWarning]:
    """What is to be said of the plan besides what its numbers say."""
    return [*asked.notes, *(warning(each) for each in asked.study.why_no_cortex)]


def _results(asked: TesQuestion, stages: TesStages) -> TesResults:
    """All that the plan and its files are written from."""
    from atlases.scalp_tape import tape_measure

    study, positions, confirmed = asked.study, stages.positions.value, stages.confirmed.value
    sites = {each.name: each.center_mm for each in confirmed.electrodes}
    head, target, cortex = study.head.value, study.target.value, study.cortex.value if study.cortex else None
    sigma = study.conduction.conductivity_s_per_m
    places = stages.places.value if stages.places else None
    return TesResults(
        subject=study.subject.name,
        request=asked.request,
        segmented=study.tissues.value,
        head=head,
        sigma_s_per_m=sigma_per_tet(head.tissue, sigma),  # of tensors, their volume-normalised size
        aimed=target,
        located=positions,
        chosen=stages.search.value,
        confirmed=confirmed,
        tape=tape_measure(study.scalp, positions.fiducials, positions.vertex_mm, sites),
        objective=ALONG_MAP if asked.network else _dose_words(asked.along),
        polarity=asked.polarity,
        search={
            "head": study.source.words,
            "mesh": study.density_words,
            **_search_words(asked.request, asked.direction, asked.along, cortex.source if cortex else "none"),
            **study.conduction.words(study.tensors),
            COMMAND: asked.command,
        },
        conductivity_s_per_m=sigma,
        seconds={each.stage: each.seconds for each in stages.all(study)},
        notes=_notes(asked),
        pain_side=asked.pain_side or "",
        patient_id=asked.patient_id,
        cortex=cortex,
        surfaces=stages.surfaces.value,
        goal=plan_goal_of(asked.request, target, places, stages.search.value, confirmed),
    )


def files_stage(asked: TesQuestion, stages: TesStages) -> Stage[TesPlan]:
    """Stage "…-files": the plan and all that people read, in the folder named after the kind."""
    from targeting.tes.safety import limits, session_checks

    study, request = asked.study, asked.request

    def make(folder: Path) -> TesPlan:
        results = _results(asked, stages)
        made = make_tes_plan(results)
        (folder / request.kind).mkdir()
        write_tes_files(folder / request.kind, results, made)
        return made

    parameters = {
        "notes": plain(_notes(asked)),
        "subject": study.subject.name,
        "pain_side": asked.pain_side,
        "patient_id": asked.patient_id,
        "minutes": request.minutes,
        "polarity": asked.polarity,
        "accepted": sorted(request.accept_risk),
        "avoid_cap": request.stated_share,
        "wanted_v_per_m": request.dose_v_per_m if asked.network else None,
        # a changed table is another plan
        "limits": {name: [limit.limit, limit.source] for name, limit in limits().items()},
        "checks": [repr(each) for each in session_checks()],
    }
    return Stage(
        f"{request.kind}-files",
        6,
        make,
        lambda folder: read_tes_plan(folder / request.kind / "plan.json"),
        parameters=parameters,
        after=stages.all(study),
    )


def _dose_words(along: Direction) -> str:
    """What the dose is; ``along`` is :meth:`TesRequest.along`."""
    if isinstance(along, str) and along in SIGNED:
        return INTO if SIGNED[along] > 0 else OUT_OF
    return OBJECTIVES[linear_direction(DEFAULT, along)[0]]


def _search_words(
    asked: TesRequest, direction: Direction, along: Direction, cortex: str
) -> dict[str, float | int | str]:
    said: dict[str, float | int | str] = {
        "direction": "none" if direction is None else direction if isinstance(direction, str) else "given",
        "cortex": cortex,
    }
    if asked.montage is not None:
        return {"montage": "from a file" if asked.montage_file else asked.montage, **said}
    said |= {
        "objective": asked.objective_for(along),
        "max_current_ma": asked.total_ma,
        "max_per_electrode_ma": asked.per_electrode_ma,
        "max_electrodes": asked.electrodes,
        "cap": asked.cap,
    }
    return said
