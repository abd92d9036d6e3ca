"""Which head a person's plan is made in: the one there is, made as it was; or, for a person without one, a new one.

A plan names the head's options only where there is no head yet.  What would make the head anew, and with it outdate every
plan made in it, is refused: that is said with ``target head``, or :func:`targeting.make_head`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from meshes.errors import InputError
from meshes.formats.cortex_files import cortex_files, layer_files
from targeting.study.cortex_stage import CortexSource
from targeting.study.head_source import HeadSource
from targeting.study.head_stages import files_of_head
from targeting.study.request import DENSITIES, HeadOptions, HeadRequest, PlanOptions
from targeting.subject import Subject, sha256

Asked = TypeVar("Asked", bound=PlanOptions)


@dataclass(frozen=True)
class HeadChoice:
    """Where a head comes from, how it is meshed, and the folder its surfaces come from, if the user has some.

    ``gone``: that folder was given to an earlier run and is no longer there, so what was read from it must serve.
    """

    source: HeadSource
    density: str
    cortex: Path | None
    gone: bool = False

    @classmethod
    def of(cls, subject: Subject, options: HeadOptions) -> HeadChoice:
        """What is asked for; what is not said is as the subject's head was made, else the default.

        Raises
        ------
        InputError
            If there is no head, and none is given.
        """
        source = HeadSource.of(
            subject,
            t1=options.t1,
            t2=options.t2,
            labels=options.labels,
            head=options.head,
            threads=options.threads,
            frame=options.frame,
        )
        cortex = options.cortex if isinstance(options, PlanOptions | HeadRequest) else None
        density = options.density or _density_of(subject) or DENSITIES[0]
        if cortex is not None:
            return cls(source, density, Path(cortex))
        kept = _cortex_of(subject)
        return cls(source, density, kept, gone=kept is not None and not kept.exists())

    @classmethod
    def of_plan(cls, subject: Subject, options: PlanOptions) -> HeadChoice:
        """The same for a plan, which takes the head there is.

        Raises
        ------
        InputError
            Also if the options are those of another head than the subject's.
        """
        choice = cls.of(subject, options)
        if subject.record("mesh") is None:
            return choice
        made, wanted = _density_of(subject), options.density
        if made and wanted and made != wanted:
            raise _another(subject, f"was meshed at density {made}", "density", wanted)
        if options.cortex is not None and subject.record("cortex") is not None:
            kept = _cortex_files_from(subject)
            files = {**cortex_files(options.cortex), **layer_files(options.cortex)}
            if _other_role(subject, "cortex", files):
                of = f"has the surfaces of {kept.name}" if kept else "has surfaces of its own"
                raise _another(subject, of, "cortex", Path(options.cortex).name)
        return replace(choice, source=choice.source if choice.source.remembered else _same_head(subject, choice.source))

    def told(self, request: Asked, plan: str) -> Asked:
        """The request with what it left to the head, and the plan's name if it was chosen: what a command repeats."""
        density = None if self.source.way == "head" or self.density == DENSITIES[0] else self.density
        return replace(request, density=density, cortex=self.cortex, name=plan or request.name)

    def cortex_source(self) -> CortexSource:
        """Where the surfaces come from.

        Raises
        ------
        InputError
            If the folder has none, or a file in it is damaged.
        """
        return CortexSource(gone=True) if self.gone else CortexSource.of(self.source, self.cortex)


def _same_head(subject: Subject, given: HeadSource) -> HeadSource:
    """The source of the subject's head, if the one given is none other; a T2 or a frame that is left out is as it was.

    Raises
    ------
    InputError
        If it is another.
    """
    before = subject.made_from("segment")
    if not before:
        return given
    way, frame = before["parameters"]["way"], before["parameters"]["frame"]
    if way != given.way:
        was = {"embedded": "colin27", "t1": "an MRI", "labels": "labels", "head": "a finished mesh"}[way]
        raise _another(subject, f"was made from {was}", "" if given.way == "embedded" else given.way, "...")
    if frame and given.frame and frame != given.frame:
        raise _another(subject, f"was made by the {frame} of its image", "frame", given.frame)
    files = files_of_head(given.files["head"]) if way == "head" else given.files
    if role := _other_role(subject, "segment", files):
        option = way if way == "head" else role
        raise _another(subject, f"was made from another {role.upper()} file", option, given.named(option))
    further = {"t2": Path(before["paths"]["t2"])} if "t2" in before["paths"] else {}
    return replace(given, files={**further, **given.files}, frame=given.frame or frame)


def _another(subject: Subject, made: str, option: str, value: str) -> InputError:
    plans = len(subject.plans())
    outdated = f" (its {plans} plan{'s' * (plans > 1)} will be outdated)" if plans else ""
    anew = f"'target head {subject.name}" + (f" --{option} {value}'" if option else "'")
    return InputError(
        f"the head of {subject.name} {made}: plan in that head as it is, or make the head anew with {anew}{outdated}"
    )


def _other_role(subject: Subject, stage: str, files: Mapping[str, Path]) -> str:
    """The first of the files that a stage was not made from, by its place and by what is in it; "" where there is none."""
    before = subject.made_from(stage)
    for role, path in files.items():
        there, digest = before["paths"].get(role), before["files"].get(role)
        if there is None or (path.is_file() and path.absolute() != Path(there) and sha256(path) != digest):
            return role
    return ""


def _density_of(subject: Subject) -> str | None:
    parameters = subject.made_from("mesh").get("parameters", {})
    return parameters.get("density")


def _cortex_files_from(subject: Subject) -> Path | None:
    """The folder that the surfaces were read from; None where they were made."""
    paths = subject.made_from("cortex").get("paths", {})
    first = next((Path(path) for role, path in paths.items() if role.startswith("lh")), None)
    if first is None:
        return None
    return first.parents[1] if first.parent.name in ("surf", "surfaces") else first.parent


def _cortex_of(subject: Subject) -> Path | None:
    """The folder of the user's that the surfaces were taken from; None where they were made, or came with a charm folder."""
    folder, head = _cortex_files_from(subject), subject.made_from("segment")
    if not head or head["parameters"]["way"] != "head":
        return folder
    return None if any(folder in Path(path).parents for path in head["paths"].values()) else folder
