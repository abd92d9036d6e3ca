"""Plan electrodes: an MRI goes in; a montage with its currents, its field and a placement sheet come out.

It is :func:`targeting.planning.tms.plan` for electrodes: head, registration, target and cortex are the very same stages, in the
same folder.  What is of one kind of montage lies in a folder of its own, ``NAME/tdcs/`` or ``NAME/hd-tdcs/``, so that no
plan overwrites another's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlases.aim import AimedTarget, side_for
from atlases.area_aim import in_cortex_folder
from meshes.errors import InputError
from targeting.aim_certainty.stage import run_certainty
from targeting.fem.conductivity import sigma_per_tet
from targeting.goals.request import linear_direction
from targeting.goals.tes_goal import Places, plan_goal_of
from targeting.goals.tes_stage import places_stage
from targeting.networks.network_map import NetworkMap
from targeting.networks.stage import network_stage
from targeting.planning.listing import tell_replaced
from targeting.planning.steps import tes_steps
from targeting.planning.tes_files import TesResults, make_tes_plan, write_tes_files
from targeting.planning.tes_stages import confirm_stage, search_stage
from targeting.plans.shared import checked_patient_id
from targeting.plans.tes import TesPlan, TesSearchSummary, read_tes_plan
from targeting.progress.record import Show
from targeting.records.json_records import plain
from targeting.records.pole import SIGNED
from targeting.records.warnings import PlanWarning, note
from targeting.study.aim import Aim, check_direction, target_notes, target_side
from targeting.study.cap_stages import HeadPositions, leadfield_stage, positions_stage
from targeting.study.command_line import command_line
from targeting.study.conduction import Conduction
from targeting.study.head_choice import HeadChoice
from targeting.study.options import takes
from targeting.study.plan_name import with_plan
from targeting.study.regions import Regions
from targeting.study.request import DEFAULT_AIM, Direction
from targeting.study.steps import working_in
from targeting.study.study import Study
from targeting.study.tes_request import TesRequest
from targeting.subject import Done, Stage, Subject
from targeting.tms.objective_names import DEFAULT, OBJECTIVES

if TYPE_CHECKING:
    from atlases.warp import MniWarp
    from targeting.aim_certainty.certainty import AimCertainty
    from targeting.study.surfaces import HeadSurfaces
    from targeting.tes.leadfield import Leadfield
    from targeting.tes.montage_choice import ChosenMontage
    from targeting.tes.montage_confirm import ConfirmedMontage

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
    progress: Show | bool | None = None,
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
    progress : callable or bool, optional
        As for :func:`targeting.planning.tms.plan`.
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
    checked_request = TesRequest.of(request, **options).checked()
    question = check_tes(subject if isinstance(subject, Subject) else Subject.named(subject, out), checked_request)
    study = question.study
    with working_in(study.subject, tes_steps(question), progress):
        tell_replaced(
            study.subject, checked_request.kind, command_line(question.request, study.subject.name, study.source)
        )
        return study.run(files_stage(question, run_stages(question))).value


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
    """A request for a montage's plan that passed all checks, with the study that its stages need.

    Parameters
    ----------
    study : Study
        The subject, and the target.
    request : TesRequest
        The kind of montage, its limits, and what is best.
    regions : Regions, optional
        Regions to spare and further targets.
    notes : list of PlanWarning
        What is known before anything is made.
    patient_id : str
    """

    study: Study
    request: TesRequest
    regions: Regions | None
    notes: list[PlanWarning]
    patient_id: str

    @property
    def network(self) -> bool:
        """Whether a map over the cortex is the target."""
        return isinstance(self.study, NetworkStudy)


def check_tes(subject: Subject, request: TesRequest) -> TesQuestion:
    """Check what can be checked before anything is made.

    Raises
    ------
    InputError
        If anything given cannot be used.
    """
    side = request.side
    head = HeadChoice.of_plan(subject, request)
    source = head.source
    own = source.own(subject.folder)
    network = NetworkMap.of(request.network, own.frame, own.world) if request.network else None
    goal: Aim | None = None
    notes: list[PlanWarning] = []
    if network is None:
        side, notes = target_side(source, request.aim, side, request.pain_side, request.hotspot_mm)
        notes += target_notes(request.aim)
        goal = Aim(
            in_cortex_folder(request.aim, side, head.cortex), side, request.hotspot_mm, request.radius_mm
        ).checked(own)
    elif request.aim != DEFAULT_AIM or request.hotspot_mm is not None or request.radius_mm is not None:
        raise InputError("the map of `network` is the target: leave out `aim`, `hotspot_mm` and `radius_mm`")
    elif side is not None or request.pain_side is not None:
        side = side_for(side, request.pain_side)  # of avoided regions by name
    chosen, subject = subject.plan, with_plan(subject, request, side)
    request = head.told(request, chosen)
    sought = Regions.of(request.avoid, request.also, side, own)
    conduction = Conduction.of(
        request.conductivity_s_per_m, request.dti, request.dti_mapping, request.tensor_order, source.frame
    )
    check_direction(request.direction)
    patient = checked_patient_id(request.patient_id)
    source.checked()
    surfaces = head.cortex_source()
    shared: dict[str, Any] = {
        "subject": subject,
        "source": source,
        "density": head.density,
        "cortex_source": surfaces,
        "conduction": conduction,
        "right_hand_sides": 1 if request.montage else CAP_ELECTRODES,
    }
    study = Study(aim=goal, **shared) if network is None else NetworkStudy(kind=request.kind, network=network, **shared)
    return TesQuestion(request=request, study=study, regions=sought, notes=notes, patient_id=patient)


@dataclass(frozen=True, eq=False, kw_only=True)
class TesStages:
    """The stages of a montage's plan between the head and the files; None: it was not asked for."""

    registration: Done[MniWarp] | None
    places: Done[Places] | None
    positions: Done[HeadPositions]
    leadfield: Done[Leadfield] | None
    search: Done[ChosenMontage]
    confirmation: Done[ConfirmedMontage]
    certainty: Done[AimCertainty] | None
    no_certainty: list[str]
    surfaces: Done[HeadSurfaces]

    def all(self, study: Study) -> list[Done[Any]]:
        """All stages that the plan follows from, in their order."""
        of_every_plan = (study.tissues, study.head, self.registration, study.cortex, study.target)
        own = (self.places, self.positions, self.leadfield, self.search, self.confirmation, self.certainty)
        return [each for each in (*of_every_plan, *own) if each]


def run_stages(question: TesQuestion) -> TesStages:
    """Make every stage of the plan but the last, or reuse it where it still stands."""
    study, request, run = question.study, question.request, question.study.run
    study.make_head_and_target()
    places = run(places_stage(request.kind, question.regions, study)) if question.regions else None
    positions = run(positions_stage(study, request.positions, request.cap))
    leadfield = None
    if request.montage is None:
        leadfield = run(leadfield_stage(request.kind, study, positions, request.cap))
    search = run(search_stage(request, study, positions, leadfield, places))
    confirmation = run(confirm_stage(request, study, positions, search, places))
    certainty, no_certainty = (None, []) if question.network else run_certainty(study, confirmation, request.kind)
    return TesStages(
        registration=study.registration_of_target or (study.registration_if_any if study.cortex else None),
        places=places,
        positions=positions,
        leadfield=leadfield,
        search=search,
        confirmation=confirmation,
        certainty=certainty,
        no_certainty=no_certainty,
        surfaces=study.surfaces,
    )


def _notes(question: TesQuestion, stages: TesStages) -> list[PlanWarning]:
    """What is to be said of the plan besides what its numbers say."""
    return [*question.notes, *(note(each) for each in stages.no_certainty), *question.study.cortex_notes]


def _results(question: TesQuestion, stages: TesStages) -> TesResults:
    """All that the plan and its files are written from."""
    from atlases.scalp_tape import tape_measure

    study, positions, confirmation = question.study, stages.positions.value, stages.confirmation.value
    sites = {each.name: each.center_mm for each in confirmation.electrodes}
    head, target, cortex = study.head.value, study.target.value, study.cortex.value if study.cortex else None
    sigma = study.conduction.conductivity_s_per_m
    places = stages.places.value if stages.places else None
    return TesResults(
        subject=study.subject.name,
        request=question.request,
        segmentation=study.tissues.value,
        head=head,
        sigma_s_per_m=sigma_per_tet(head.tissue, sigma),  # of tensors, their volume-normalised size
        aimed_target=target,
        positions=positions,
        search=stages.search.value,
        confirmation=confirmation,
        tape=tape_measure(study.scalp, positions.fiducials, positions.vertex_mm, sites),
        objective=ALONG_MAP if question.network else _dose_words(question.request.along),
        polarity=question.request.counted_polarity,
        search_summary=replace(
            _search_summary(question.request),
            head=study.source.words,
            mesh=study.density_words,
            cortex=cortex.source if cortex else "none",
            white_matter=study.conduction.words(study.tensors),
            command=command_line(question.request, study.subject.name, study.source),
            name=study.subject.plan,
        ),
        conductivity_s_per_m=sigma,
        seconds={each.stage: each.seconds for each in stages.all(study)},
        notes=_notes(question, stages),
        pain_side=question.request.pain_side or "",
        patient_id=question.patient_id,
        cortex=cortex,
        surfaces=stages.surfaces.value,
        certainty=stages.certainty.value if stages.certainty else None,
        warp=stages.registration.value if stages.registration else None,
        goal=plan_goal_of(question.request, target, places, stages.search.value, confirmation),
    )


def files_stage(question: TesQuestion, stages: TesStages) -> Stage[TesPlan]:
    """Stage "…-files": the plan and all that people read, in the folder named after the kind."""
    from targeting.tes.safety import limits, session_checks

    study, request = question.study, question.request

    def make(folder: Path) -> TesPlan:
        results = _results(question, stages)
        made = make_tes_plan(results)
        (folder / request.kind).mkdir()
        write_tes_files(folder / request.kind, results, made)
        return made

    parameters = {
        "notes": plain(_notes(question, stages)),
        "subject": study.subject.name,
        "pain_side": question.request.pain_side,
        "patient_id": question.patient_id,
        "minutes": request.minutes,
        "polarity": question.request.counted_polarity,
        "accepted": sorted(request.accept_risk),
        "avoid_cap": request.stated_share,
        "wanted_v_per_m": request.dose_v_per_m if question.network else None,
        # a changed table is another plan
        "limits": {name: [limit.limit, limit.source] for name, limit in limits().items()},
        "checks": [repr(each) for each in session_checks()],
    }
    return Stage(
        f"{request.kind}-files",
        10,
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


def _search_summary(request: TesRequest) -> TesSearchSummary:
    """What was searched for, or which montage was given."""
    direction = request.direction
    words = "none" if direction is None else direction if isinstance(direction, str) else "given"
    if request.montage is not None:
        return TesSearchSummary(montage="from a file" if request.montage_file else request.montage, direction=words)
    return TesSearchSummary(
        direction=words,
        objective=request.objective_for(request.along),
        max_current_ma=request.total_ma,
        max_per_electrode_ma=request.per_electrode_ma,
        max_electrodes=request.electrodes,
        cap=request.cap,
    )
