"""Registries of named things (navigators, coils, engines, ...) that other distributions extend by entry points.

A registry lists our own members as ``name → "module:attribute"``, the form that an entry point has in a ``pyproject.toml``
too, and loads both in the same way, when they are first asked for.  Our own stand in the code and not in our metadata, so
that they are there in a source tree that was never installed, and cannot differ from an installed copy of another version.

A plug-in never breaks a plan: one that fails to import, is no member of the registry's kind, or takes a name that is in use
is left out, and one line in the log names its distribution and says why.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Generic, Protocol, TypeVar, cast

from meshes.choices import one_of
from meshes.errors import InputError

log = logging.getLogger(__name__)

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")  # it also stands in file names, and beside paths on the command line


class Named(Protocol):
    """A member of a registry: a frozen record with a name."""

    @property
    def name(self) -> str:
        """As users give it."""
        ...


Member = TypeVar("Member", bound=Named)
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Registry(Generic[Member]):
    """The members of one kind, ours and those of plug-ins.

    Parameters
    ----------
    group : str
        The entry points' group, such as ``target.navigators``.
    kind : type
        The record that each member is an instance of.
    what : str
        What a member is called in messages: "navigator".
    own : mapping of str to str or record
        Our own members: name → ``module:attribute``, or the member itself where a table of data makes it.

    Examples
    --------
    >>> from targeting.navigation.navigators import NAVIGATORS
    >>> NAVIGATORS.named("localite").suffix
    '.xml'
    """

    group: str
    kind: type[Member]
    what: str
    own: Mapping[str, str | Member]

    def names(self) -> tuple[str, ...]:
        """The names of all members: ours in the order of the table, then those of plug-ins."""
        return (*self.own, *self.plugins())

    def named(self, name: str) -> Member:
        """The member of that name.

        Raises
        ------
        InputError
            If there is none; the line lists those there are.
        """
        if name in self.own:
            return self._own(name)
        one_of(name, self.names(), self.what)
        return self.plugins()[name]

    def members(self) -> dict[str, Member]:
        """All members by name, ours first."""
        return {name: self._own(name) for name in self.own} | self.plugins()

    def plugins(self) -> dict[str, Member]:
        """The members that other distributions bring, by name."""
        return {name: member for name, (member, _) in self._loaded()[0].items()}

    def faults(self) -> tuple[str, ...]:
        """Which plug-ins are left out, a line each that names the distribution and says why."""
        return self._loaded()[1]

    def run(self, member: Member, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function of a member; what a plug-in's own code raises is told in one line that names its distribution.

        Raises
        ------
        InputError
            If the function raises one, or if a plug-in's raises anything else.
        """
        origin = self.origin(member.name)
        if not origin:
            return function(*arguments)
        try:
            return function(*arguments)
        except InputError:
            raise
        except Exception as error:  # whatever a stranger's code does
            raise InputError(f"the {self.what} {member.name!r} of {origin} failed: {_in_one_line(error)}") from error

    def origin(self, name: str) -> str:
        """Distribution and version that a plug-in comes from, "acme-coils 1.2"; "" for our own members."""
        return "" if name in self.own else self._loaded()[0].get(name, (None, ""))[1]

    def _own(self, name: str) -> Member:
        member = self.own[name]
        return cast(Member, EntryPoint(name, member, self.group).load()) if isinstance(member, str) else member

    def _loaded(self) -> tuple[dict[str, tuple[Member, str]], tuple[str, ...]]:
        return _load_plugins(self, tuple(sys.path))


@cache  # by sys.path, where distributions are looked for: each plug-in is loaded, and a faulty one told of, once
def _load_plugins(
    registry: Registry[Member], path: tuple[str, ...]
) -> tuple[dict[str, tuple[Member, str]], tuple[str, ...]]:
    """Members of plug-ins with their distribution, by name; and what is wrong with those that are left out."""
    found: dict[str, tuple[Member, str]] = {}
    faults = []
    for origin, point in _entry_points(registry.group):
        taken = found[point.name][1] if point.name in found else "target" if point.name in registry.own else ""
        member, fault = (None, f"the name is taken by {taken}") if taken else _load(registry, point)
        if fault:
            faults.append(f"the {registry.what} {point.name!r} of {origin} is left out: {fault}")
            log.warning("%s", faults[-1])
        else:
            found[point.name] = cast(Member, member), origin
    return found, tuple(faults)


def _entry_points(group: str) -> Iterator[tuple[str, EntryPoint]]:
    """The entry points of a group, each with its distribution and version; distributions in the order of their names."""
    found: dict[str, Distribution] = {}
    for each in distributions():
        try:  # most have none of ours, and parsing what they have takes longer than to look
            if f"[{group}]" in (each.read_text("entry_points.txt") or ""):
                found.setdefault(each.name, each)  # the first on the path counts, as for imports
        except (OSError, ValueError):
            log.debug("the entry points of %s cannot be read", each)
    for name in sorted(found):
        for point in found[name].entry_points.select(group=group):
            yield f"{name} {found[name].version}", point


def names_of_plugins(group: str) -> tuple[str, ...]:
    """The names that other distributions give to members of a group; none of them is imported or looked at."""
    return tuple(point.name for _, point in _entry_points(group) if NAME.fullmatch(point.name))


def _load(registry: Registry[Member], point: EntryPoint) -> tuple[object, str]:
    """What an entry point names, and what is wrong with it, in one line; "" if nothing."""
    if not NAME.fullmatch(point.name):
        return None, "a name is of lower-case letters, digits and -"
    try:
        member = point.load()
    except (Exception, SystemExit) as error:  # whatever a stranger's module does on import
        return None, _in_one_line(error)
    if not isinstance(member, registry.kind):
        return None, f"{point.value} is not a {registry.kind.__module__}.{registry.kind.__name__}"
    if member.name != point.name:
        return None, f"{point.value} calls itself {member.name!r}"
    return member, ""


def _in_one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
