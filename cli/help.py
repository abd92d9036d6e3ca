"""The help of a command: usage, what it does, its options in panels, examples.

A command with many options has a few common ones (:class:`~targeting.study.options.Option` declares which).  ``--help`` shows
those, and ``--help-all`` every option, a panel for each theme.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from targeting.study.options import PANELS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

WIDTH = 110  # at most: nobody reads lines as long as a wide screen
ARGUMENTS, OPTIONS, COMMANDS, OUTPUT = "Arguments", "Options", "Commands", PANELS[-1]
HELP_ALL = "help_all"  # the parameter


def _show_all(context: typer.Context, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        show_help(context, every=True)
        raise typer.Exit()


HelpAll = Annotated[
    bool,
    typer.Option(
        "--help-all", is_eager=True, callback=_show_all, rich_help_panel=OUTPUT, help="Show every option, and exit."
    ),
]


class Command(TyperCommand):
    """A command whose help is :func:`show_help`."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help; nothing is left for the formatter."""
        show_help(ctx)


class Group(TyperGroup):
    """A command made of commands, whose help is :func:`show_help`."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help; nothing is left for the formatter."""
        show_help(ctx)


def show_help(context: Any, every: bool = False) -> None:
    """Print the help of a context's command.

    Parameters
    ----------
    context : typer.Context
    every : bool
        With every option in its panel, not the common ones alone.
    """
    from rich.padding import Padding

    console = _console()
    command = context.command
    console.print()
    for paragraph in (_usage(context), *_paragraphs(command.help or "")):
        console.print(Padding(paragraph, (0, 1, 1, 1)))
    for panel in _panels(context, every):
        console.print(panel)
    console.print()
    lists = getattr(command.callback, "lists", "") if every else ""
    _show_remarks(console, f"{command.epilog or ''}\n{lists}")


def _console() -> Console:
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    console.width = min(console.width, WIDTH)
    return console


def _usage(context: Any) -> Text:
    from rich.text import Text

    return Text.assemble(("Usage: ", "yellow"), (" ".join([context.command_path, *_pieces(context.command)]), "bold"))


def _pieces(command: Any) -> Iterator[str]:
    yield "[OPTIONS]"
    for each in command.params:
        if each.param_type_name == "argument":
            yield _name(each) if each.required else f"[{_name(each)}]"
    if hasattr(command, "commands"):
        yield "COMMAND ..."


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name).upper().strip("[]{}")


def _paragraphs(words: str) -> Iterator[Text]:
    for paragraph in re.split(r"\n\s*\n", words.strip()):
        if paragraph:
            yield _said(" ".join(paragraph.split()))


def _said(words: str) -> Text:
    """Words for a person: what stands in backticks is a command's or a file's, and shown so."""
    from rich.text import Text

    said = Text()
    for i, part in enumerate(re.split(r"`+", words.replace("**", ""))):
        said.append(part, "bold" if i % 2 else "")
    return said


def _panels(context: Any, every: bool) -> Iterator[Panel]:
    command = context.command
    parameters = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option"]
    if arguments:
        yield _panel(ARGUMENTS, [(_label([_name(each)]), "", _said(each.help or "")) for each in arguments])
    common = common_of(command)
    if common and not every:
        few = [each for each in options if set(each.opts) & common]
        rest = len(options) - len(few)
        yield _panel(OPTIONS, _rows(few), f"{rest} more: {context.command_path} --help-all")
    else:
        by_theme: dict[str, list[Any]] = {}
        for each in options:
            by_theme.setdefault(_theme(each, bool(common)), []).append(each)
        for theme in sorted(by_theme, key=_place):
            yield _panel(theme, _rows(sorted(by_theme[theme], key=lambda each: not set(each.opts) & common)))
    if hasattr(command, "commands"):
        rows = [
            (_label([name]), "", _said(_first(each)))
            for name, each in command.commands.items()
            if not getattr(each, "hidden", False)
        ]
        yield _panel(COMMANDS, rows)


def common_of(command: Any) -> frozenset[str]:
    """The flags of the options that a command's short help shows; none where it shows all."""
    return getattr(command.callback, "common", frozenset())


def _theme(option: Any, many: bool) -> str:
    declared = getattr(option, "rich_help_panel", None)
    return (declared or OUTPUT) if many else OPTIONS


def _place(theme: str) -> int:
    return PANELS.index(theme) if theme in PANELS else -1


def _first(command: Any) -> str:
    return " ".join((command.short_help or command.help or "").split("\n\n")[0].split())


Row = tuple["Text", str, "Text"]  # flags or a name, what a value looks like, what it means


def _rows(options: Sequence[Any]) -> list[Row]:
    longest_first = [sorted(each.opts, key=len, reverse=True) for each in options]
    return [(_label(names), _value(each), _meaning(each)) for names, each in zip(longest_first, options, strict=True)]


def _label(names: Sequence[str]) -> Text:
    from rich.text import Text

    return Text(", ".join(names), "bold cyan", no_wrap=True)


def _value(option: Any) -> str:
    """What a value looks like; nothing for a switch."""
    return "" if getattr(option, "is_flag", False) else str(option.metavar or "")


def _meaning(option: Any) -> Text:
    from rich.text import Text

    said, default = _said(option.help or ""), option.default
    if option.required:
        said.append(" [required]", "red")
    shown = option.show_default and not callable(default) and default not in (None, False, True, (), [], "")
    return Text.assemble(said, (f" [default: {_short(default)}]", "dim")) if shown else said


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _panel(title: str, rows: Sequence[Row], below: str = "") -> Panel:
    from rich.console import Group as Rows
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(no_wrap=True)
    if any(value for _, value, _ in rows):
        grid.add_column(style="yellow", max_width=24, overflow="fold")
    grid.add_column(ratio=1)
    for label, value, meaning in rows:
        grid.add_row(label, *([_folded(value)] if len(grid.columns) == 3 else []), meaning)
    inside = Rows(grid, Text(below, "dim")) if below else grid
    return Panel(inside, title=title, title_align="left", border_style="dim")


def _folded(value: str, most: int = 24) -> str:
    """Choices in lines that end at a bar, not within a word.

    Examples
    --------
    >>> print(_folded("left|right|top|front|back|target|coil"))
    left|right|top|front|
    back|target|coil
    """
    lines = [""]
    for word in re.findall(r"[^|]+\|?", value):
        if lines[-1] and len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


def _show_remarks(console: Console, words: str) -> None:
    """What stands below the options: headings, examples one below the other, remarks."""
    from rich.padding import Padding
    from rich.text import Text

    for paragraph in re.split(r"\n\s*\n(?! )", words.strip("\n")):
        told = [line for line in paragraph.split("\n") if line and not line.startswith("    ")]
        if told:
            heading = told[0].startswith("**")
            console.print(Padding(_said(" ".join(told)), (0, 1)), style="bold" if heading else "")
        for line in paragraph.split("\n"):
            if line.startswith("    "):
                console.print(Text(f"   {line.strip()}"), soft_wrap=True)  # whole, to be copied
        console.print()
