"""``target log``: the staff's record of a course, line by line."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import Talk, at_work, talk_of
from cli.options import Json, Out, PlanName, Quiet, number, whole
from cli.tables import table
from meshes.choices import one_of
from meshes.errors import InputError

if TYPE_CHECKING:
    from targeting.course.log import CourseLog
    from targeting.subject import Subject

ACTIONS = LIST, ADD, EXPORT = ("list", "add", "export")

EXAMPLES = """
**Examples**

    target log subject01 add --session 1 --rmt 52 --nrs 6 --adverse none

    target log subject01 add --session monday.xml --nrs 5 --date 2026-11-30

    target log subject01 add --corrects 2 --nrs 4

    target log subject01

    target log subject01 export
"""


def log_command(
    context: typer.Context,
    name: PlanName,
    action: Annotated[
        str, typer.Argument(metavar="[list|add|export]", help="List the lines, add one, or write a table.")
    ] = LIST,
    session: Annotated[
        str | None, typer.Option("--session", metavar="N|FILE", help="The session's number, or its navigator's file.")
    ] = None,
    rmt: Annotated[
        float | None,
        typer.Option("--rmt", metavar="PERCENT", parser=number, help="Resting motor threshold, % MSO, 1 to 100."),
    ] = None,
    nrs: Annotated[
        float | None, typer.Option("--nrs", metavar="0-10", parser=number, help="Pain on the numeric rating scale.")
    ] = None,
    adverse: Annotated[
        str | None, typer.Option("--adverse", metavar="none|WORDS", help="Adverse events; none where there were none.")
    ] = None,
    date: Annotated[str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="The day; default: today.")] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="WORDS", help="What else is to be kept.")] = None,
    corrects: Annotated[
        int | None,
        typer.Option("--corrects", metavar="LINE", parser=whole, help="The line that this one stands in the place of."),
    ] = None,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Keep a course's log: threshold, pain and adverse events. Lines are only added; a change in them is found and said."""
    talk = talk_of(context, quiet, as_json)
    given: dict[str, Any] = {
        "session": session,
        "rmt_percent": rmt,
        "nrs": nrs,
        "adverse": adverse,
        "date": date,
        "note": note,
        "corrects": corrects,
    }
    with at_work(talk):
        from targeting.course.export import export_log
        from targeting.course.log import add_to_log, read_log
        from targeting.subject import Subject

        one_of(action, ACTIONS, "action of target log")
        if action != ADD and (some := [key for key, value in given.items() if value is not None]):
            raise InputError(f"`{some[0]}` is for a new line: target log {name} add")
        subject = _of_plan(Subject.named(name, out))
        if action == ADD:
            line = add_to_log(subject, **given)
        log = read_log(subject)
        written = [str(path) for path in export_log(log)] if action == EXPORT else []
    if action == ADD:
        talk.answer(f"line {line.line} of {log.path}; its hash is {line.sha256[:12]}", asdict(line))
    elif action == EXPORT:
        talk.answer("\n".join(written), {"files": written})
    else:
        _list(talk, log, subject.name)


def _of_plan(subject: Subject) -> Subject:
    """The person with the plan that is meant: the one named, the only one, or none in particular."""
    return subject if len(subject.plans()) > 1 and not subject.plan else subject.planned(subject)


def _list(talk: Talk, log: CourseLog, name: str) -> None:
    """Show the lines, and say what is not as it was written; then the exit code is 1."""
    from rich.console import Group

    columns = ["line", "day", "session", "plan", "RMT % MSO", "pain 0-10", "adverse events", "note", ""]
    rows = [
        [
            str(each.line),
            each.date,
            each.file or ("" if each.session is None else str(each.session)),
            each.plan,
            *("" if value is None else f"{value:g}" for value in (each.rmt_percent, each.nrs)),
            each.adverse,
            each.note,
            f"corrected by line {log.corrected_by[each.line]}" if each.line in log.corrected_by else "",
        ]
        for each in log.lines
    ]
    document = {
        "file": str(log.path),
        "whole": not log.faults,
        "faults": list(log.faults),
        "lines": [{**asdict(each), "corrected_by": log.corrected_by.get(each.line)} for each in log.lines],
    }
    none = f"{name} has no log yet; begin it with 'target log {name} add'"
    last = f"{len(log.lines)} lines, the last with hash {log.lines[-1].sha256[:12]}" if log.lines else ""
    faults = f"FAILED: {'; '.join(log.faults)}: the log is not as it was written" if log.faults else last
    talk.answer(Group(table(columns, rows), faults) if rows or log.faults else none, document)
    if log.faults:
        raise typer.Exit(1)
