"""Which head a person's plan is made in: the one there is, made as it was; or, for a person without one, a new one.

A plan names the head's options only where there is no head yet.  What would make the head anew, and with it outdate every
plan made in it, is refused: that is said with ``target head``, or :func:`targeting.make_head`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from meshes.errors import InputError
from targeting.study.cortex_stage import CortexSource
from targeting.study.head_source import HeadSource
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
        before = subject.made_from("segment")
        if before and not choice.source.remembered:
            ways = {"embedded": "colin27", "t1": "an MRI", "labels": "labels", "head": "a finished mesh"}
            way = before["parameters"]["way"]
            if way != choice.source.way:
                raise _another(subject, f"was made from {ways[way]}", choice.source.way, "...")
            for role, path in choice.source.files.items():
                if _is_other(path, before["paths"].get(role), before["files"].get(role)):
                    raise _another(subject, f"was made from another {role.upper()} file", role, path.name)
        kept, folder = _cortex_of(subject), options.cortex
        if folder is not None and subject.record("cortex") is not None and kept != Path(folder).absolute():
            of = f"has the surfaces of {kept.name}" if kept else "has surfaces of its own"
            raise _another(subject, of, "cortex", Path(folder).name)
        return choice

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


def _another(subject: Subject, made: str, option: str, value: str) -> InputError:
    plans = len(subject.plans())
    outdated = f" (its {plans} plan{'s' * (plans > 1)} will be outdated)" if plans else ""
    return InputError(
        f"the head of {subject.name} {made}: leave the option out to plan in that head, or make the head anew with "
        f"'target head {subject.name} --{option} {value}'{outdated}"
    )


def _is_other(path: Path, before: str | None, digest: str | None) -> bool:
    """Whether a file is not the one of before: neither by its place nor by what is in it."""
    if before is None:
        return not path.is_dir()  # a charm folder is known by the files in it
    return path.is_file() and path.absolute() != Path(before) and sha256(path) != digest


def _density_of(subject: Subject) -> str | None:
    parameters = subject.made_from("mesh").get("parameters", {})
    return parameters.get("density")


def _cortex_of(subject: Subject) -> Path | None:
    """The folder of the user's that the surfaces were taken from; None where they were made, or came with the head."""
    paths = subject.made_from("cortex").get("paths", {})
    first = next((Path(path) for role, path in paths.items() if role.startswith("lh")), None)
    if first is None:
        return None
    folder = first.parents[1] if first.parent.name in ("surf", "surfaces") else first.parent
    head = subject.made_from("segment").get("paths", {}).values()
    return None if any(folder in Path(path).parents for path in head) else folder
