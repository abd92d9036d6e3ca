"""Tables of answers, laid out by rich: rows below their columns' names, checks with a verdict, and summaries of a result.

On a terminal they have its width and a few colours.  For a file, a pipe and ``--quiet`` they are plain text, in which a row
is one line however long it is.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, Group, RenderableType
    from rich.table import Table
    from rich.text import Text

PLAIN_WIDTH = 100_000  # of a row that no screen limits
LABEL_WIDTH = 10  # of a summary's names, so that those of two plans stand below one another
BAD, DOUBTFUL = "bold red", "yellow"
STYLES = {"FAILED": BAD, "DANGER": BAD, "UNSAFE": BAD, "warning": DOUBTFUL, "outdated": DOUBTFUL, "note": "cyan"}


def plain(shown: RenderableType) -> str:
    """What is shown as text without colours, a row to a line, without spaces at the end.

    Examples
    --------
    >>> print(plain(table(["stage", "seconds", "why"], [["mesh", "7.1", ""], ["target", "10.0", "mesh changed"]], ["seconds"])))
    stage   seconds  why
    mesh        7.1
    target     10.0  mesh changed
    """
    text = io.StringIO()
    _console(file=text, width=PLAIN_WIDTH, force_terminal=False, color_system=None).print(shown)
    return "\n".join(line.rstrip() for line in text.getvalue().removesuffix("\n").split("\n"))


def show(shown: RenderableType) -> None:
    """Print on the terminal that stdout is."""
    _console().print(shown)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[str] = ()) -> Table:
    """Rows below their columns' names; those named in ``right`` are of numbers and end at one edge."""
    from rich.table import Table

    made = Table(
        *columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=any(columns)
    )
    for column, name in zip(made.columns, columns, strict=True):
        column.justify = "right" if name in right else "left"
        column.overflow = "fold"
    for row in rows:
        made.add_row(*map(_cell, row))
    return made


def checklist(rows: Iterable[tuple[str, str, str]], verdict: str) -> Group:
    """What was looked at, how it stands and what was found, and the verdict below."""
    from rich.console import Group

    return Group(table(["", "", ""], rows), verdict)


def summary(lines: Iterable[tuple[str, str]]) -> Table:
    """What is told of a result: a name and a statement a line; an empty name goes on with the one above.

    Examples
    --------
    >>> print(plain(summary([("dose", "1.42 V/m"), ("", "mean |E| in the target 1.5 V/m")])))
    dose       1.42 V/m
               mean |E| in the target 1.5 V/m
    """
    from rich.table import Table

    made = Table.grid(padding=(0, 1, 0, 0))
    made.add_column(style="bold", overflow="fold", min_width=LABEL_WIDTH)
    made.add_column(overflow="fold")
    for name, statement in lines:
        made.add_row(_cell(name), statement)
    return made


def _console(**where: Any) -> Console:
    """A console that prints words as they are: a name in brackets is none of rich's codes."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False, **where)


def _cell(words: str) -> Text:
    from rich.text import Text

    return Text(words, style=STYLES.get(words, ""))
