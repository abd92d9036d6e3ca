"""Options of a plan, each declared once: a request's field carries its help, flag, unit and limits.

A request is a frozen dataclass whose fields are made by :func:`option`.  From these declarations follow the checks of the
values, the command line (:mod:`cli.generated`), the command that makes a plan again (:mod:`targeting.study.command_line`) and
the tables of the documentation (:func:`option_rows`).  To add an option, add a field to the request, and use it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from meshes.choices import one_of
from meshes.errors import InputError

OPTION = "option"  # the key of a field's metadata
# of the command line's help, in this order
PANELS = ("Head", "Target", "Coil", "Electrodes", "Search", "Dosing", "Output")
Function = TypeVar("Function", bound=Callable[..., Any])


def names_a_file(text: str) -> bool:
    """Whether what is given for a point or a file is the file's name."""
    return text.lower().endswith(".json")


class Kind(Enum):
    """The kind of an option's value, which decides how it is written in a terminal."""

    TEXT = "text"
    FILE = "file"
    NUMBER = "number"
    WHOLE = "whole number"
    SWITCH = "yes or no"
    TEXTS = "texts"  # the flag again for each
    POINT = "point"  # x,y,z
    POINT_OR_FILE = "point or file"  # x,y,z, or a file that holds one
    DIRECTION = "direction"  # normal, or x,y,z
    NUMBERS = "numbers"  # with commas
    BY_NAME = "numbers by name"  # name=number, the flag again for each


@dataclass(frozen=True)
class Limits:
    """The range of a number, and the sentence that refuses another.

    Parameters
    ----------
    least, most : float
        The ends.
    words : str
        The sentence; ``{name}``, ``{least}``, ``{most}`` and ``{value}`` are filled in.
    open_below, open_above : bool
        Whether ``least`` or ``most`` is itself outside.
    """

    least: float
    most: float
    words: str = "{name} takes a number from {least} to {most}, not {value}"
    open_below: bool = False
    open_above: bool = False

    def check(self, value: float, name: str = "") -> None:
        """Refuse a value outside, NaN among them.

        Raises
        ------
        InputError
            In the sentence of the limits.

        Examples
        --------
        >>> Limits(0, 50, "hair must be between {least} and {most} mm, not {value}").check(80)
        Traceback (most recent call last):
        ...
        meshes.errors.InputError: hair must be between 0 and 50 mm, not 80
        """
        low = value > self.least if self.open_below else value >= self.least
        high = value < self.most if self.open_above else value <= self.most
        if not (low and high):
            ends = {"least": f"{self.least:g}", "most": f"{self.most:g}"}
            raise InputError(self.words.format(name=f"`{name}`", value=f"{value:g}", **ends))

    def __str__(self) -> str:
        low, high = (">" if self.open_below else "≥"), ("<" if self.open_above else "≤")
        return f"{low} {self.least:g}, {high} {self.most:g}"


def positive(most: float) -> Limits:
    """The limits of a number above zero."""
    return Limits(0, most, "{name} takes a number above 0, at most {most}; not {value}", open_below=True)


@dataclass(frozen=True)
class Option:
    """The declaration of one option, which is a field of a request.

    Parameters
    ----------
    kind : Kind
    default : Any
    help : str
        One sentence, as the command line's help has it.
    flag : str
        Of the command line; default: the field's name with dashes.
    metavar : str
        What the help writes for the value; default: the choices.
    unit : str
    choices : tuple of str
        The only words it takes.
    called : str
        What a refusal calls it; default: its name.
    label : str
        What a window calls it; default: its name.
    limits : Limits, optional
    minimum : int, optional
        The least whole number that the command line takes.
    more : str
        What the documentation says beyond ``help``.
    show_default : bool
        Whether the command line's help shows the default; not where the sentence says it.
    in_command : bool
        Whether the command that makes a plan again has it: not what changes no result, names a patient, or is said by the
        head's source.
    always : bool
        Whether that command has it also where it is the default.
    at_end : bool
        Whether the help lists it after all others.
    panel : str
        Of :data:`PANELS`: where the help lists it; default: the ``panel`` of the class that declares it.
    common : bool
        Whether it is one of the few that the short help shows.
    known : str
        What a shell completes its value from, such as "coils" (:mod:`cli.completion`); default: the words of ``metavar``.
    after : str
        The field it follows in help and command; default: the field declared before it.
    words : callable, optional
        The value as that command has it, where it is no plain text, number or file.
    name : str
        The field's, filled in by :func:`options_of`.
    """

    kind: Kind
    default: Any
    help: str
    flag: str = ""
    metavar: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()
    called: str = ""
    label: str = ""
    limits: Limits | None = None
    minimum: int | None = None
    more: str = ""
    show_default: bool = True
    in_command: bool = True
    always: bool = False
    at_end: bool = False
    panel: str = ""
    common: bool = False
    known: str = ""
    after: str = ""
    words: Callable[[Any], Any] | None = None
    name: str = ""

    def check(self, value: Any) -> None:
        """Refuse a value that is none of the choices or outside the limits; None is no value.

        Raises
        ------
        InputError
            In one line.
        """
        if value is None:
            return
        if self.choices:
            one_of(value, self.choices, self.called or self.name.replace("_", " "))
        if self.limits is not None:
            self.limits.check(value, self.name)


def option(kind: Kind, default: Any, help: str, **about: Any) -> Any:  # noqa: A002
    """Declare an option of a request: a dataclass field that carries an :class:`Option`.

    Parameters
    ----------
    kind : Kind
        What its value is.
    default : object
    help : str
        What it is, in one line, as the command line's help shows it.
    **about
        Further parameters of :class:`Option`.
    """
    return field(default=default, metadata={OPTION: Option(kind, default, help, **about)})


def like(request: type[Options], name: str, **changes: Any) -> Any:
    """A field declared as another request's is, but for ``changes``."""
    same = replace(options_of(request)[name], after="", **changes)
    return field(default=same.default, metadata={OPTION: same})


@dataclass(frozen=True, kw_only=True)
class Options:
    """What all requests have: made from keywords, and checked by what their fields declare."""

    panel: ClassVar[str] = ""  # of the help, for the fields that a class declares and that name none

    def __init_subclass__(cls) -> None:
        cls.__repr__ = Options.__repr__  # type: ignore[method-assign]  # or dataclass would write one with every field

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in given_options(self).items())
        return f"{type(self).__name__}({given})"

    def __post_init__(self) -> None:
        for each in options_of(type(self)).values():
            value = getattr(self, each.name)
            if each.kind is Kind.FILE and isinstance(value, str):
                object.__setattr__(self, each.name, Path(value))
            if each.kind is Kind.TEXTS:
                object.__setattr__(self, each.name, tuple(value))

    @classmethod
    def of(cls, request: Self | None = None, /, **options: Any) -> Self:
        """A request, its fields as keywords, or both: a keyword replaces the request's own.

        Parameters
        ----------
        request : Options, optional
            Of this class; default: one with all defaults.
        **options
            Fields by name.

        Raises
        ------
        InputError
            If it is another kind of request, or there is no such field; the line names the nearest.

        Examples
        --------
        >>> from targeting.study.request import HeadOptions
        >>> HeadOptions.of(densty="fast")
        Traceback (most recent call last):
        ...
        meshes.errors.InputError: unknown option 'densty', did you mean 'density'? valid: t1, t2, labels, head, density, \
threads, frame
        """
        if request is not None and not isinstance(request, cls):
            raise InputError(f"a request is a {cls.__name__} here, not a {type(request).__name__}: {request!r}"[:200])
        for name in options:
            one_of(name, options_of(cls), "option")
        return cls(**options) if request is None else replace(request, **options)

    def checked(self) -> Self:
        """The same, if every value is one of its choices and within its limits.

        Raises
        ------
        InputError
            In one line: which is not, and what it takes.
        """
        self.check_values()
        return self

    def check_values(self) -> None:
        """Raise InputError if a value is none of its choices or outside its limits."""
        for each in options_of(type(self)).values():
            each.check(getattr(self, each.name))


def options_of(request: type[Options]) -> dict[str, Option]:
    """The options of a request by field name, in the order in which they are written."""
    hashable: Any = request
    return _options_of(hashable)


@cache
def _options_of(request: Any) -> dict[str, Option]:
    order: list[str] = []
    panels: dict[str, str] = {}
    for each in reversed(request.__mro__):
        before = ""
        for name in inspect.get_annotations(each):
            declared = _declared(each, name)
            if declared is None:
                continue
            before = declared.after or before
            if name in order:
                order.remove(name)
            order.insert(order.index(before) + 1 if before else len(order), name)
            panels[name] = declared.panel or each.panel
            before = name
    own = {each.name: each.metadata[OPTION] for each in fields(request) if OPTION in each.metadata}
    return {
        name: replace(
            own[name],
            name=name,
            flag=own[name].flag or "--" + name.replace("_", "-"),
            label=own[name].label or name.replace("_", " "),
            panel=panels[name],
        )
        for name in order
    }


def _declared(request: type, name: str) -> Option | None:
    known = getattr(request, "__dataclass_fields__", {}).get(name)
    declared: Option | None = known.metadata.get(OPTION) if known is not None else None
    return declared


def takes(request: type[Options]) -> Callable[[Function], Function]:
    """Let a function's signature and help show the fields of the request that it takes as keywords."""

    def with_fields(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        annotations = {each.name: each.type for each in fields(request)}
        more = [
            inspect.Parameter(
                each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=annotations[each.name]
            )
            for each in options_of(request).values()
        ]
        function.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
        rows = [f"{row.name} : {row.type}, default {row.default}\n    {row.help}" for row in option_rows(request)]
        section = "Other Parameters\n----------------\n" + "\n".join(rows)
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{section}\n"
        return function

    return with_fields


@dataclass(frozen=True)
class OptionRow:
    """One option as a row of the documentation."""

    name: str
    flag: str
    type: str
    unit: str
    default: str
    limits: str
    help: str


def option_rows(request: type[Options]) -> list[OptionRow]:
    """The options of a request, for a table of the documentation.

    Examples
    --------
    >>> from targeting.study.request import HeadOptions
    >>> {row.name: row.limits for row in option_rows(HeadOptions)}["density"]
    'standard, fast'
    """
    types = {each.name: str(each.type) for each in fields(request)}
    return [
        OptionRow(
            name=each.name,
            flag=f"{each.flag} {each.metavar}".strip(),
            type=types[each.name],
            unit=each.unit,
            default=repr(each.default),
            limits=", ".join(each.choices) or str(each.limits or ""),
            help=" ".join(filter(None, [each.help, each.more])),
        )
        for each in options_of(request).values()
    ]


NAMED = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)?)(?:=([^`]*))?`")  # `hair_mm`, `t1=FILE`, `TesRequest.objective`


def flags_of(*requests: type[Options]) -> dict[str, str]:
    """Flag by name of the options of some requests; a name that means different flags is written with its request's.

    Examples
    --------
    >>> from targeting.study.tes_request import TesRequest
    >>> from targeting.study.tms_request import TmsRequest
    >>> flags = flags_of(TmsRequest, TesRequest)
    >>> flags["tilt_deg"], flags["objective"], flags["TesRequest.objective"]
    ('--tilt', '--objective', '--tes-objective')
    """
    flags: dict[str, str] = {}
    for request in requests:
        for name, declared in options_of(request).items():
            flags[f"{request.__name__}.{name}"] = declared.flag
            flags.setdefault(name, declared.flag)
    return flags


def as_flags(text: str, flags: Mapping[str, str]) -> str:
    """Translate a message of the library for the terminal: options in backticks become flags, all else stays.

    Parameters
    ----------
    text : str
        Names an option as Python does: a name in backticks, or a name with a value.
    flags : mapping
        Flag by name (:func:`flags_of`).

    Examples
    --------
    >>> as_flags("give `t1=FILE`, or leave out `hair_mm`; `HeadMesh` stays", {"t1": "--t1", "hair_mm": "--hair-mm"})
    'give --t1 FILE, or leave out --hair-mm; `HeadMesh` stays'
    """

    def flag(found: re.Match[str]) -> str:
        known = flags.get(found[1])
        if known is None:
            return found[0]
        return known if found[2] in (None, "True") else f"{known} {found[2]}"

    return NAMED.sub(flag, text)


def given_options(request: Options) -> dict[str, Any]:
    """The fields of a request that are not as they are by default, in the order of :func:`options_of`."""
    values = {each.name: getattr(request, each.name) for each in options_of(type(request)).values()}
    declared = options_of(type(request))
    return {name: value for name, value in values.items() if not _same(value, declared[name].default)}


def _same(value: Any, default: Any) -> bool:
    if isinstance(value, Sequence) and isinstance(default, Sequence) and not isinstance(value, str):
        return list(value) == list(default)
    return bool(value == default) or (default is None and value in ((), []))
