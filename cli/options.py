"""Options of the command line: those all commands share, and those made from a request's declarations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from keyword import iskeyword
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from cli.completion import completing, subjects
from cli.help import HELP_ALL, OUTPUT, HelpAll
from meshes.errors import InputError
from targeting.study.options import Kind, Option, Options, names_a_file, options_of

Command = TypeVar("Command", bound=Callable[..., None])
KEYWORD = inspect.Parameter.KEYWORD_ONLY
FEW = 15  # options that one help shows at once

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        autocompletion=subjects,
        help="The subject; results go to ./NAME/. 'colin27' is built in.",
    ),
]
PlanName = Annotated[
    str,
    typer.Argument(
        metavar="NAME[/PLAN]",
        autocompletion=subjects,
        help="The subject; with several plans which one (target plans NAME).",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", rich_help_panel=OUTPUT, help="Folder for the results, instead of ./NAME/."),
]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Take a plan that no longer follows from what it was made of; it is said.")
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet/--verbose",
        "-q/-v",
        rich_help_panel=OUTPUT,
        show_default=False,
        help="Only the answer; or also what goes on within each step.",
    ),
]
Pdf = Annotated[
    bool,
    typer.Option(
        "--pdf",
        rich_help_panel=OUTPUT,
        help="Print the report and its sheet as PDF, too, by the Chromium, Chrome or Edge here.",
    ),
]
Json = Annotated[bool, typer.Option("--json", rich_help_panel=OUTPUT, help="The answer as JSON on stdout.")]


def with_options(options: Iterable[Option]) -> Callable[[Command], Command]:
    """Let a command take declared options in place of its ``**words``, before ``--out`` or, at the end of the help, after it.

    Where some of them are common ones, the command's short help shows those, and ``--help-all`` every option.
    What is given arrives in ``words`` by :func:`parameter_of`, as the terminal has it; :func:`values_of` reads it.
    """
    options = list(options)
    common = frozenset(each.flag for each in options if each.common and len(options) > FEW)

    def taking(command: Command) -> Command:
        own = list(inspect.signature(command, eval_str=True).parameters.values())
        own = [each for each in own if each.kind is not inspect.Parameter.VAR_KEYWORD]
        names = [each.name for each in own]
        before = next(i for i, name in enumerate(names) if name in ("anyway", "out"))
        after = names.index("out") + 1
        first = [_parameter(each) for each in options if not each.at_end]
        last = [_parameter(each) for each in options if each.at_end]
        all_of_it = [inspect.Parameter(HELP_ALL, KEYWORD, default=False, annotation=HelpAll)] if common else []
        every = [*own[:before], *first, *own[before:after], *last, *own[after:], *all_of_it]
        every = [each.replace(kind=KEYWORD) for each in every]
        command.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in every}
        command.common = common  # type: ignore[attr-defined]
        return command

    return taking


def parameter_of(option: Option) -> str:
    """The name of an option among a command's parameters: its flag's.

    Examples
    --------
    >>> from targeting.study.tes_request import TesRequest
    >>> parameter_of(options_of(TesRequest)["objective"]), parameter_of(options_of(TesRequest)["kind"])
    ('tes_objective', 'with_')
    """
    name = option.flag.lstrip("-").replace("-", "_")
    return f"{name}_" if iskeyword(name) else name


def values_of(request: type[Options], words: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request that a command's words hold, as Python has them.

    Raises
    ------
    InputError
        If a point, a direction or a list of numbers cannot be read.
    """
    return {
        name: READ.get(each.kind, _as_it_is)(words[parameter_of(each)], each.flag)
        for name, each in options_of(request).items()
        if parameter_of(each) in words
    }


def _parameter(option: Option) -> inspect.Parameter:
    default = option.default
    if option.kind in (Kind.TEXTS, Kind.BY_NAME):
        default = None
    if option.kind is Kind.NUMBERS:
        default = ",".join(f"{each:g}" for each in option.default)
    read = TYPES.get(option.kind, str)
    about = typer.Option(
        option.flag,
        metavar=option.metavar or None,
        help=option.help,
        parser=_parser(option),
        show_default=option.show_default,
        rich_help_panel=option.panel or None,
        autocompletion=completing(option),
    )
    kind: Any = read if default is not None else read | None
    annotation: Any = Annotated[kind, about]
    return inspect.Parameter(parameter_of(option), KEYWORD, default=default, annotation=annotation)


def _parser(option: Option) -> Callable[[str], Any] | None:
    if option.kind is Kind.WHOLE and option.minimum is not None:
        least = option.minimum

        def at_least(text: str | int) -> int:
            if (value := whole(text)) < least:
                raise typer.BadParameter(f"it takes {least} or more, not {value}")
            return value

        return at_least
    return {Kind.NUMBER: number, Kind.WHOLE: whole}.get(option.kind)


def show_version(asked: bool) -> None:
    """The version on stdout, and no more, if it is asked for."""
    if asked:
        from targeting.versions import package_version

        typer.echo(f"target {package_version()}")
        raise typer.Exit()


def typed(option: Option, word: str) -> Any:
    """A word of a table as the option would be on the command line; several words of one option stand with commas.

    Raises
    ------
    InputError
        If a number is none.

    Examples
    --------
    >>> from targeting.study.tms_request import TmsRequest
    >>> typed(options_of(TmsRequest)["rmt_percent"], "52"), typed(options_of(TmsRequest)["accept_risk"], "depth,eyes")
    (52.0, ['depth', 'eyes'])
    """
    if option.kind in (Kind.TEXTS, Kind.BY_NAME):
        return [each.strip() for each in word.split(",")]
    try:
        return (_parser(option) or TYPES.get(option.kind, str))(word)
    except typer.BadParameter as error:
        raise InputError(f"{option.flag}: {error.message}") from None


def number(text: str | float) -> float:
    """A number as it is typed; what already is one stays.

    Raises
    ------
    typer.BadParameter
        In plain words, whichever version of typer reads the command line.
    """
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"it takes a number, not {text!r}") from None


def whole(text: str | int) -> int:
    """A whole number as it is typed; what already is one stays.

    Raises
    ------
    typer.BadParameter
        In plain words, whichever version of typer reads the command line.
    """
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"it takes a whole number, not {text!r}") from None


def three_numbers(text: str | None, option: str) -> tuple[float, float, float] | None:
    """``x,y,z`` in millimetres, or None if the option was not given.

    Raises
    ------
    InputError
        If it is not three finite numbers.

    Examples
    --------
    >>> three_numbers("-38,-20,55", "--hotspot")
    (-38.0, -20.0, 55.0)
    """
    if text is None:
        return None
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{option} takes three numbers x,y,z in mm, such as -38,-20,55; not {text!r}") from None
    if not max(abs(x), abs(y), abs(z)) < float("inf"):  # false for NaN, too
        raise InputError(f"{option} takes three finite numbers in mm, not {text!r}")
    return x, y, z


def point_or_file(text: str | None, option: str) -> tuple[float, float, float] | Path | None:
    """``x,y,z`` in millimetres or a file, or None if the option was not given.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> point_or_file("-38,-20,55", "--hotspot"), point_or_file("mapping.json", "--hotspot").name
    ((-38.0, -20.0, 55.0), 'mapping.json')
    """
    if text is None or "," in text:
        return three_numbers(text, option)
    if not names_a_file(text):
        raise InputError(f"{option} takes three numbers x,y,z in mm, such as -38,-20,55, or a .json file; not {text!r}")
    return Path(text)


def direction_of(text: str | None, option: str) -> str | tuple[float, float, float] | None:
    """``normal`` or ``x,y,z``, or None if the option was not given.

    Raises
    ------
    InputError
        If it is neither.
    """
    return text if text in (None, "normal") else three_numbers(text, option)


def numbers(text: str, option: str) -> tuple[float, ...]:
    """Numbers separated by commas.

    Raises
    ------
    InputError
        If they are none.

    Examples
    --------
    >>> numbers("0.5, 0.3", "--shares")
    (0.5, 0.3)
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{option} takes numbers separated by commas, such as 0.5,0.3; not {text!r}") from None


def named_numbers(pairs: list[str] | None, option: str) -> dict[str, float] | None:
    """``name=value`` pairs as a mapping, or None if the option was not given.

    Raises
    ------
    InputError
        If one of them is not a name and a number.

    Examples
    --------
    >>> named_numbers(["skull=0.008"], "--conductivity")
    {'skull': 0.008}
    """
    if not pairs:
        return None
    numbers = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        try:
            numbers[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise InputError(f"{option} takes NAME=NUMBER, such as skull=0.008; not {pair!r}")
    return numbers


def texts(words: list[str] | None, option: str) -> tuple[str, ...]:
    """The words of an option that may be given again; none where it was not."""
    return tuple(words or ())


def _as_it_is(value: Any, option: str) -> Any:
    return value


TYPES: dict[Kind, Any] = {
    Kind.FILE: Path,
    Kind.NUMBER: float,
    Kind.WHOLE: int,
    Kind.SWITCH: bool,
    Kind.TEXTS: list[str],
    Kind.BY_NAME: list[str],
}
READ: dict[Kind, Callable[[Any, str], Any]] = {
    Kind.TEXTS: texts,
    Kind.POINT: three_numbers,
    Kind.POINT_OR_FILE: point_or_file,
    Kind.DIRECTION: direction_of,
    Kind.NUMBERS: numbers,
    Kind.BY_NAME: named_numbers,
}
