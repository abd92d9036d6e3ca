"""Commands that list things with a name, and the list: name and what it is, the facts below it, indented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from cli.help import Group

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 110  # of sentences: nobody reads lines as long as a wide screen


@dataclass(frozen=True)
class Entry:
    """One thing in a list: its name, what it is, and what there is to know about it."""

    name: str
    title: str
    facts: Sequence[str]


def group(what: str) -> typer.Typer:
    """The command that ``list`` belongs to; ``what`` is its help."""
    app = typer.Typer(cls=Group, help=what, no_args_is_help=True)
    app.callback(cls=Group, help=what)(lambda: None)  # without one, a command with a single part is that part
    return app


def examples_of(command: str) -> str:
    """The examples below the help of ``target COMMAND list``."""
    return f"\n**Examples**\n\n    target {command} list\n\n    target {command} list --json\n"


def listing(entries: Sequence[Entry]) -> Table:
    """The entries below one another, each with its facts.

    Examples
    --------
    >>> from cli.tables import plain
    >>> print(plain(listing([Entry("ring", "a ring of wire", ["radius 9 mm", "source: measured"])])))
    ring  a ring of wire
          - radius 9 mm
          - source: measured
    """
    from rich.console import Group
    from rich.table import Table

    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="bold", overflow="fold")
    made.add_column(max_width=WIDTH - 2 - max((len(entry.name) for entry in entries), default=0), overflow="fold")
    for entry in entries:
        facts = Table.grid(padding=(0, 1, 0, 0))
        for fact in entry.facts:
            facts.add_row("-", fact)
        made.add_row(entry.name, Group(entry.title, facts))
    return made
