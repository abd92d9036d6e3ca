"""One subject at work: head, registration, target, cortex, surfaces and conductor, each made when it is first asked for.

Both kinds of plan, :func:`make_head` and whatever works on a planned subject build on the same stages in the same folder.
A :class:`Study` makes them, or reuses what still stands; a :class:`RecordedStudy` only reads what an earlier run left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from atlases.aim import AimedTarget
from atlases.area_aim import in_cortex_folder
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.progress.record import Show
from targeting.records.warnings import PlanWarning, note, warning
from targeting.study.aim import Aim, target_side
from targeting.study.conduction import Conduction
from targeting.study.cortex_stage import CortexFacts, CortexSource, load_cortex, run_cortex
from targeting.study.head_choice import HeadChoice
from targeting.study.head_source import HeadSource
from targeting.study.head_stages import (
    Segmentation,
    load_mesh,
    load_registration,
    mesh_stage,
    register_stage,
    run_segment,
)
from targeting.study.options import as_flags, flags_of, takes
from targeting.study.request import HeadRequest
from targeting.study.steps import HEAD, steps_of, working_in
from targeting.study.surfaces import HeadSurfaces, surfaces_stage
from targeting.study.target_stage import aimed_in, load_target, target_stage
from targeting.study.tms_request import TmsRequest
from targeting.subject import Done, Stage, Subject

if TYPE_CHECKING:
    from atlases.scalp import Scalp
    from atlases.target import Target
    from atlases.warp import MniWarp
    from targeting.fem.anisotropy import ElementTensors
    from targeting.fem.conductor import HeadConductor

T = TypeVar("T")


@dataclass(frozen=True, eq=False, kw_only=True)
class Study:
    """One subject with its head, target and surfaces, each made by a stage when it is first asked for.

    Ask for its stages within ``subject.locked()``.

    Parameters
    ----------
    subject : Subject
        Name and folder.
    source : HeadSource
        Where the head comes from.
    density : {"standard", "fast"}
        Of the head mesh.
    cortex_source : CortexSource
        Where the mid-cortical surfaces come from.
    conduction : Conduction
        Conductivities, and directions in white matter.
    aim : Aim, optional
        The target as it was asked for; None where there is no target.
    right_hand_sides : int
        About how many solves to set the conductor up for.
    """

    subject: Subject
    source: HeadSource
    density: str = "standard"
    cortex_source: CortexSource = field(default_factory=CortexSource)
    conduction: Conduction = field(default_factory=lambda: Conduction.of())
    aim: Aim | None = None
    right_hand_sides: int = 1

    def run(self, stage: Stage[T]) -> Done[T]:
        """The stage's result: reused if it is still valid, else made now."""
        return self.subject.run(stage)

    @property
    def density_words(self) -> str:
        """The density of the mesh, as a plan tells it."""
        return self.density if self.source.way != "head" else "as given"

    @cached_property
    def tissues(self) -> Done[Segmentation]:
        """Stage "segment"."""
        return run_segment(self.subject, self.source)

    @cached_property
    def head(self) -> Done[HeadMesh]:
        """Stage "mesh"."""
        return self.run(mesh_stage(self.tissues, self.source, self.density))

    @cached_property
    def registration(self) -> Done[MniWarp]:
        """Stage "register".

        Raises
        ------
        InputError
            If the head cannot be registered to MNI152.
        """
        return self.run(register_stage(self.tissues, self.head))

    @property
    def registration_if_any(self) -> Done[MniWarp] | None:
        """The registration; None for a head that cannot be registered."""
        try:
            return self.registration
        except InputError:
            return None

    @property
    def registration_of_target(self) -> Done[MniWarp] | None:
        """The registration by which the target was found; None where the target was given in the subject's own space."""
        return self.registration if self.aim is not None and self.aim.in_mni else None

    @cached_property
    def target(self) -> Done[AimedTarget]:
        """Stage "target"."""
        assert self.aim is not None, "this study has no target"
        return self.run(target_stage(self.aim, self.head, self.registration_of_target, self.cortex))

    @cached_property
    def _cortex(self) -> tuple[Done[Cortex] | None, list[str]]:
        return run_cortex(self.subject, self.cortex_source, self.tissues, self.head, lambda: self.registration)

    @property
    def cortex(self) -> Done[Cortex] | None:
        """Stage "cortex"; None where no cortex can be found."""
        return self._cortex[0]

    @property
    def why_no_cortex(self) -> list[str]:
        """A line that says why there is no cortex; none where there is one."""
        return self._cortex[1]

    @property
    def cortex_facts(self) -> CortexFacts:
        """What is known of the cortex without its surfaces being read; only where there is a cortex."""
        return CortexFacts.kept_in(self.subject.folder)

    @property
    def cortex_notes(self) -> list[PlanWarning]:
        """What a plan says of its cortex: that there is none, or that its folds are not known; and why."""
        if self.cortex is None:
            return [warning(each) for each in self.why_no_cortex]
        why = self.cortex_facts.why_no_folds
        if not why:
            return []
        why = as_flags(why, flags_of(TmsRequest))
        return [note(f"the cortex was not brought onto the group's folds, so there are no areas by name: {why}")]

    def make_head_and_target(self) -> None:
        """Have what every plan begins with made now, in its usual order: head, cortex and target."""
        _ = self.head, self.cortex, self.target

    @cached_property
    def surfaces(self) -> Done[HeadSurfaces]:
        """Stage "surfaces": what pictures draw of the head."""
        return self.run(surfaces_stage(self.head, self.cortex))

    @cached_property
    def tensors(self) -> ElementTensors | None:
        """Conductivity tensors of white matter; None where it conducts alike in all directions."""
        return self.conduction.tensors(self.head.value)

    @cached_property
    def conductor(self) -> HeadConductor:
        """The head that conducts, set up once for all stages that solve."""
        from targeting.fem.conductor import HeadConductor

        sigma = self.conduction.conductivity_s_per_m
        return HeadConductor(self.head.value, sigma, self.tensors, right_hand_sides=self.right_hand_sides)

    @cached_property
    def near_target(self) -> HeadConductor:
        """The same with elements of second order near the target."""
        from targeting.fem.second_order import near_target

        return near_target(self.conductor, self.target.value.target)

    @cached_property
    def scalp(self) -> Scalp:
        """The outside of the head, with distances to it."""
        from atlases.scalp import Scalp

        return Scalp.of(self.head.value)


@dataclass(frozen=True, eq=False, kw_only=True)
class RecordedStudy(Study):
    """What an earlier run left in a subject's folder; nothing is made.

    Parameters
    ----------
    refused : callable
        The message for a stage, by its name, that is not there or was changed.
    """

    source: HeadSource = field(default_factory=lambda: HeadSource("", {}))
    refused: Callable[[str], str]

    @classmethod
    def of(cls, subject: Subject, refused: Callable[[str], str] | None = None, solved_by: str = "") -> RecordedStudy:
        """The study of a planned subject.

        Parameters
        ----------
        subject : Subject
        refused : callable, optional
            As for the class.
        solved_by : str
            The stage whose conductivities count, such as "dosemap"; "" where nothing is solved.
        """
        what = subject.plan_folder

        def gone(stage: str) -> str:
            return f"the {stage} in {what} is gone or changed; run 'target plan {subject.name}' again"

        conduction = Conduction.recorded(subject.made_from(solved_by)) if solved_by else Conduction({})
        return cls(subject=subject, refused=refused or gone, conduction=conduction)

    def standing(self, stage: str, load: Callable[[Path], T]) -> Done[T]:
        """A stage's result as it stands in the folder.

        Raises
        ------
        InputError
            If it does not stand there.
        """
        done = self.subject.recorded(stage, load)
        if done is None:
            raise InputError(self.refused(stage))
        return done

    @cached_property
    def head(self) -> Done[HeadMesh]:
        """Stage "mesh"."""
        return self.standing("mesh", load_mesh)

    @cached_property
    def registration(self) -> Done[MniWarp]:
        """Stage "register"."""
        return self.standing("register", load_registration)

    @cached_property
    def target(self) -> Done[AimedTarget]:
        """Stage "target"."""
        return self.standing("target", lambda folder: load_target(folder / "target.npz"))

    @cached_property
    def _cortex(self) -> tuple[Done[Cortex] | None, list[str]]:
        return self.subject.recorded("cortex", load_cortex), []


@dataclass(frozen=True, eq=False)
class MadeHead:
    """A subject's head, and what a plan would find in it.

    Parameters
    ----------
    subject : Subject
        Name and folder.
    mesh : HeadMesh
        RAS mm of the T1.
    warp : MniWarp
        MNI152 ↔ subject: what scalp positions are found by.
    """

    subject: Subject
    mesh: HeadMesh
    warp: MniWarp
    _study: Study

    @property
    def cortex(self) -> Cortex | None:
        """The cortex with its folds, made (minutes, of an MRI) when first asked for; None where none can be found."""
        with working_in(self.subject, steps_of(self._study, ["cortex"])):
            cortex = self._study.cortex
        return cortex.value if cortex else None

    def target(
        self, aim: str, side: str | None = None, *, pain_side: str | None = None, radius_mm: float | None = None
    ) -> Target:
        """The target as a plan with the same words finds it: a named one by the folds of this cortex, where they are known.

        Parameters
        ----------
        aim : str
            As for :func:`targeting.planning.tms.plan`: a name, an area, coordinates or a mask.
        side, pain_side : {"left", "right"}, optional
            The side of the brain, or of the pain (the target is then opposite).
        radius_mm : float, optional
            Of a ball, instead of the target's own extent.

        Raises
        ------
        InputError
            If the aim cannot be read, has no side or contradicts it, or lies outside the head.
        """
        side, _ = target_side(self._study.source, aim, side, pain_side, None)
        own = self._study.source.own(self.subject.folder)
        name = in_cortex_folder(aim, side, self._study.cortex_source.folder)
        asked = Aim(name, side, radius_mm=radius_mm).checked(own)
        study = replace(self._study, aim=asked)
        with working_in(self.subject, steps_of(study, ["cortex"] if asked.needs_cortex else [])):
            cortex = study.cortex if asked.needs_cortex else None
            return aimed_in(asked, study.head.value, study.registration_of_target, cortex).target


@takes(HeadRequest)
def make_head(
    subject: str | Subject,
    request: HeadRequest | None = None,
    *,
    out: str | Path | None = None,
    progress: Show | bool | None = None,
    **options: Any,
) -> MadeHead:
    """Segment, mesh and register a head, in which plans are then made; what is still valid in the subject's folder is reused.

    What is not said stays as the subject's head was made.  What is said and new makes the head anew: plans made in the old
    one are outdated then.

    Parameters
    ----------
    subject : str or Subject
        A name: the head goes to ``./name/`` or to ``out``.  ``"colin27"`` needs no data of yours.
    request : HeadRequest, optional
        What the head is made from.
    out : path, optional
        The subject's folder, instead of ``./name/``.
    progress
        As for :func:`targeting.planning.tms.plan`.
    **options
        Fields of :class:`~targeting.study.request.HeadRequest`; they replace those of ``request``.

    Raises
    ------
    InputError
        If anything given cannot be used; nothing that stood in the folder is changed then.

    Examples
    --------
    >>> from targeting import make_head
    >>> make_head("colin27", density="fine")
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: unknown density 'fine'; valid: standard, fast
    """
    subject = subject if isinstance(subject, Subject) else Subject.named(subject, out)
    choice = HeadChoice.of(subject, HeadRequest.of(request, **options).checked())
    source = choice.source.checked()
    study = Study(subject=subject, source=source, density=choice.density, cortex_source=choice.cortex_source())
    with working_in(subject, steps_of(study, HEAD), progress):
        mesh, registration = study.head, study.registration
        return MadeHead(subject, mesh.value, registration.value, study)
