"""Things with a name as text: the name and what it is on one line, the facts below it, wrapped and indented."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 110


@dataclass(frozen=True)
class Entry:
    """One thing: its name, what it is, and what there is to know about it, a fact a line."""

    name: str
    title: str
    facts: Sequence[str]


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
