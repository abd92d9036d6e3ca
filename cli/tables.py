"""Commands that list things with a name, and the list: name and what it is on one line, the facts below it, indented."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import typer

WIDTH = 110


@dataclass(frozen=True)
class Entry:
    """One thing: its name, what it is, and what there is to know about it, a fact a line."""

    name: str
    title: str
    facts: Sequence[str]


def group(what: str) -> typer.Typer:
    """The command that ``list`` belongs to; ``what`` is its help."""
    app = typer.Typer(help=what, no_args_is_help=True)
    app.callback(help=what)(lambda: None)  # without one, a command with a single part is that part
    return app


def examples_of(command: str) -> str:
    """The examples below the help of ``target COMMAND list``."""
    return f"\n**Examples**\n\n    target {command} list\n\n    target {command} list --json\n"


def listing(entries: Sequence[Entry]) -> str:
    """The entries below one another, their facts in a column right of the longest name.

    Examples
    --------
    >>> print(listing([Entry("ring", "a ring of wire", ["radius 9 mm", "source: measured"])]))
    ring  a ring of wire
          radius 9 mm
          source: measured
    """
    column = max((len(entry.name) for entry in entries), default=0) + 2
    lines = []
    for entry in entries:
        lines.append(f"{entry.name:<{column}}{entry.title}")
        for fact in entry.facts:
            lines += textwrap.wrap(
                fact, WIDTH, initial_indent=" " * column, subsequent_indent=" " * (column + 2), break_on_hyphens=False
            )
    return "\n".join(lines)
