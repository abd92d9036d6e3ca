"""What to do next, for a person who does not know yet: the command alone, without a subject, or with one that is not known."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

WELCOME = """\
target plans brain stimulation (TMS, tDCS) on a person's MRI. Try it on the head that is built in: target plan colin27
With your own MRI: target head NAME --t1 T1.nii.gz, then target plan NAME --aim m1-hand --side left
All commands: target --help; one of them: target plan --help; is all well here? target doctor"""

MOST = 3  # names in a line


def said(message: str, further: Sequence[str] = ()) -> None:
    """Say on stderr what is wrong, and below it, indented, what to do.

    On a terminal lines end between words and ``target:`` is red; elsewhere a line is whole, however long.
    """
    if not sys.stderr.isatty():
        sys.stderr.write("\n  ".join([message, *further]) + "\n")
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    name, colon, rest = message.partition(":")
    console.print(Text.assemble((name + colon, "bold red"), rest))
    for line in further:
        console.print(Padding(Text(line), (0, 0, 0, 2)))


def without_subject(command: str) -> list[str]:
    """The lines for a command that was given no NAME.

    Parameters
    ----------
    command : str
        As it was typed: "target plan".
    """
    from cli.completion import subjects_here

    here = _some(subjects_here())
    if command == "target plan":
        return [
            f"which subject? The head that is built in: {command} colin27",
            f"your own: {command} NAME --t1 {_mri()} --aim m1-hand --side left{f'; here already: {here}' if here else ''}",
            f"the targets: target atlas list; all else: {command} --help",
        ]
    planned = (
        f"here: {here}"
        if here
        else "none lies in this folder; 'target plan colin27' makes one of the head that is built in"
    )
    return [f"which subject? {command} NAME ({planned}). See '{command} --help'."]


def unknown_subject(name: str) -> list[str]:
    """What follows the line that says that nothing is known of a subject."""
    from cli.completion import subjects_here

    here = _some(subjects_here())
    known = f"subjects in this folder: {here}" if here else "no subject lies in this folder"
    return [
        f"such as: target plan {name} --t1 {_mri()} --aim m1-hand --side left",
        f"{known}; without an MRI: target plan colin27",
    ]


def _mri() -> str:
    """An MRI in this folder, or the name of one."""
    with suppress(OSError):
        names = sorted(each.name for each in Path.cwd().iterdir() if each.name.endswith((".nii", ".nii.gz")))
        names.sort(key=lambda name: "t1" not in name.lower())
        if names and " " not in names[0]:
            return names[0]
    return "T1.nii.gz"


def _some(names: list[str]) -> str:
    return ", ".join([*names[:MOST], *(["..."] if len(names) > MOST else [])])
