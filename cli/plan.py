"""``target plan``: the whole way from an MRI to a plan in one command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Name, Out, Pdf, Quiet, parameter_of, values_of, with_options
from cli.plan_warnings import Line
from cli.progress import tell
from cli.tables import summary
from meshes.choices import one_of
from meshes.errors import InputError
from targeting.modality import KINDS, TMS
from targeting.study.options import Option, options_of
from targeting.study.tes_request import TesRequest
from targeting.study.tms_request import TmsRequest
from targeting.tms.objective_names import OBJECTIVES

if TYPE_CHECKING:
    from targeting.plans.tes import TesPlan
    from targeting.plans.tms import TmsPlan
    from targeting.subject import Subject

UNSAFE = 3  # exit code of a plan with a danger that was not accepted
OBJECTIVE_LIST = "**Objectives**\n" + "".join(f"    {name}: {words}\n" for name, words in OBJECTIVES.items())

EXAMPLES = """
**Examples**

    target plan colin27

    target plan subject01 --t1 T1.nii.gz --aim m1-hand --side left --pdf

    target plan subject01 --aim psi --pain-side left --coil double-cone-110mm

    target plan subject01 --aim m1-hand --side left --hotspot -38,-20,55

    target plan subject01 --aim psi --pain-side left --rmt 52 --rmt-muscle leg --protocol psi-10hz

    target plan subject01 --aim mni:-37,-21,58 --direction normal --json > plan.json

    target plan subject01 --aim m1-hand --pain-side right --objective focality --avoid m1-face

    target plan subject01 --aim m1-hand --pain-side right --also psi

    target plan subject01 --aim m1-hand --pain-side right --with tms,tdcs

    target plan subject01 --aim psi --pain-side left --with hd-tdcs --max-current-ma 3 --max-electrodes 5

    target plan subject01 --aim m1-hand --side left --with hd-tdcs --avoid m1-face --avoid-cap 0.7

    target plan subject01 --with hd-tdcs --network mni:pain_network.nii.gz
"""


def plan_options() -> list[Option]:
    """The options of both kinds of plan: a coil's, then those that only montages have, and the dangers accepted of either."""
    coil, montage = options_of(TmsRequest), options_of(TesRequest)
    shared = {each.flag for each in coil.values()} - {montage["accept_risk"].flag}
    which = replace(montage["kind"], default=TMS)
    return [
        *(each for each in coil.values() if each.flag in shared),
        *(which if each.name == "kind" else each for each in montage.values() if each.flag not in shared),
    ]


@with_options(plan_options())
def plan_command(
    context: typer.Context,
    name: Name,
    out: Out = None,
    pdf: Pdf = False,
    quiet: Quiet = False,
    as_json: Json = False,
    **words: Any,
) -> None:
    """Plan a coil's pose or electrodes' places and currents: MRI, tissues, mesh, target, search, report and files."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from cli.coil_summary import coil_lines
        from cli.montage_summary import montage_lines
        from cli.plan_warnings import accepted_risks
        from targeting.planning.tes import plan_tes
        from targeting.planning.tms import plan_tms
        from targeting.plans import tes as tes_plan
        from targeting.plans import tms as tms_plan
        from targeting.subject import Subject

        subject = Subject.named(name, out)
        kinds = kinds_of(words["with_"])
        check_used(context, kinds)
        risks = accepted_risks(words["accept_risk"], kinds)
        of_coil, of_montage = values_of(TmsRequest, words), values_of(TesRequest, words)
        montages = {
            kind: TesRequest(**{**of_montage, "kind": kind, "accept_risk": risks[kind]}).checked()
            for kind in kinds
            if kind != TMS
        }
        lines: list[Line] = []
        documents, unsafe = {}, False
        for number, kind in enumerate(kinds, start=1):
            lines += [("", "")] if lines else []  # between two plans
            if len(kinds) > 1:
                tell(f"plan {number} of {len(kinds)}, {kind}")  # each counts its own steps
            if kind == TMS:
                coil_plan = plan_tms(subject, TmsRequest(**{**of_coil, "accept_risk": risks[kind]}))
                lines += coil_lines(coil_plan, made := folder_of(subject, coil_plan, kind))
                documents[kind] = tms_plan.to_dict(coil_plan)
                unsafe |= bool(coil_plan.unaccepted)
            else:
                montage_plan = plan_tes(subject, montages[kind])
                lines += montage_lines(montage_plan, made := folder_of(subject, montage_plan, kind))
                documents[kind] = tes_plan.to_dict(montage_plan)
                unsafe |= bool(montage_plan.unaccepted)
            if pdf:
                lines.append(paper_line(made))
    talk.answer(summary(lines), documents if len(kinds) > 1 else documents[kinds[0]])
    if unsafe:
        raise typer.Exit(UNSAFE)


plan_command.lists = OBJECTIVE_LIST  # type: ignore[attr-defined]  # below all options


def folder_of(subject: Subject, plan: TmsPlan | TesPlan, kind: str) -> Path:
    """The folder of a plan that was just made."""
    return subject.of(str(plan.search.name)).folder_of(kind)


def paper_line(folder: Path) -> Line:
    """The pages of a plan printed as PDF; that no browser can do it is said, and the plan stands."""
    from targeting.report.paper import write_papers

    try:
        return "pdf", ", ".join(str(each) for each in write_papers(folder))
    except InputError as error:
        return "warning", f"no PDF: {error}"


def kinds_of(words: str) -> list[str]:
    """What ``--with`` asks for: "tms", "tdcs", "hd-tdcs", or several with commas.

    Raises
    ------
    InputError
        If a word is none of them, or comes twice.

    Examples
    --------
    >>> kinds_of("tms,tdcs")
    ['tms', 'tdcs']
    """
    kinds = [one_of(word.strip(), (TMS, *KINDS), "modality of --with") for word in words.split(",")]
    if len(set(kinds)) < len(kinds):
        raise InputError(f"--with names a modality twice: {words}")
    return kinds


def check_used(context: typer.Context, kinds: list[str]) -> None:
    """Refuse options that none of the modalities asked for has a use for.

    Raises
    ------
    InputError
        Naming the first such option.
    """
    coil, montage = (
        {parameter_of(each) for each in options_of(request).values()} for request in (TmsRequest, TesRequest)
    )
    given = {
        name
        for name in context.params
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    } - {"with_"}
    if {"network", "aim"} <= given and TMS not in kinds:
        raise InputError("the map of --network is the target: leave out --aim")
    unused = (set() if TMS in kinds else coil - montage) | (set() if set(kinds) - {TMS} else montage - coil)
    for parameter in context.command.params:
        if parameter.name in unused & given:
            add = TMS if parameter.name in coil else "tdcs or hd-tdcs"
            raise InputError(
                f"{parameter.opts[0]} has no use with --with {','.join(kinds)}: leave it out, or add --with {add}"
            )
