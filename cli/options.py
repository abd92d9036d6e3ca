"""Options of the command line: those all commands share, and those made from a request's declarations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from keyword import iskeyword
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from meshes.errors import InputError
from targeting.study.options import Kind, Option, Options, options_of

Command = TypeVar("Command", bound=Callable[..., None])

Name = Annotated[str, typer.Argument(metavar="NAME", help="The subject; results go to ./NAME/. 'colin27' is built in.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results, instead of ./NAME/.")]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Take a plan that no longer follows from what it was made of; it is said.")
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet/--verbose", "-q/-v", show_default=False, help="Only the answer; or also what goes on within each step."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="The answer as JSON on stdout.")]


def with_options(options: Iterable[Option]) -> Callable[[Command], Command]:
    """Let a command take declared options in place of its ``**words``, before ``--out`` or, at the end of the help, after it.

    What is given arrives in ``words`` by :func:`parameter_of`, as the terminal has it; :func:`values_of` reads it.
    """

    def taking(command: Command) -> Command:
        own = list(inspect.signature(command, eval_str=True).parameters.values())
        own = [each for each in own if each.kind is not inspect.Parameter.VAR_KEYWORD]
        names = [each.name for each in own]
        before = next(i for i, name in enumerate(names) if name in ("anyway", "out"))
        after = names.index("out") + 1
        first = [_parameter(each) for each in options if not each.at_end]
        last = [_parameter(each) for each in options if each.at_end]
        every = [*own[:before], *first, *own[before:after], *last, *own[after:]]
        every = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in every]
        command.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in every}
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
        min=option.minimum,
        show_default=option.show_default,
    )
    kind: Any = read if default is not None else read | None
    annotation: Any = Annotated[kind, about]
    return inspect.Parameter(
        parameter_of(option), inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


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
    Kind.DIRECTION: direction_of,
    Kind.NUMBERS: numbers,
    Kind.BY_NAME: named_numbers,
}
