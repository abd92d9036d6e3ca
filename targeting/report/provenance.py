"""How a plan was made, and how to make it again: command, image, search, conductivities, times and versions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from targeting.plans.tes import TesPlan
from targeting.plans.tms import Plan
from targeting.records.json_records import plain
from targeting.words.fact import Fact
from targeting.words.numbers import duration

PROGRAM = "target"
UNITS = {"": "", "mm": " mm", "deg": "°", "s": " s"}
OPEN = (  # in a table's working note on where a number was read
    "unverified",
    "recalled",
    "from memory",
    "by memory",
    "second hand",
    "not re-read",
    "not checked",
    "not read again",
)


@dataclass(frozen=True)
class Provenance:
    """What ``provenance.html.jinja`` shows beside the plan's own frame.

    Parameters
    ----------
    command : str
        The command that makes the plan again; empty where the plan does not say.
    program : Fact
        The program's version, and those of the libraries it used.
    made : Fact
        When, and the format of plan.json.
    tables : dict of str to dict of str to str
        Title → rows, of what was set and how long it took.
    """

    command: str
    program: Fact
    made: Fact
    tables: dict[str, dict[str, str]]


def provenance(plan: Plan | TesPlan) -> Provenance:
    """How a plan was made: its command, search, conductivities, seconds and versions."""
    versions = plan.versions
    libraries = ", ".join(f"{name} {version}" for name, version in versions.items() if name != PROGRAM)
    return Provenance(
        command=plan.search.command or "",
        program=Fact("Program", f"{PROGRAM} {versions.get(PROGRAM, 'of unknown version')}", more=libraries),
        made=Fact("Made", plan.created or "at a time it does not say", more=f"plan format {plan.schema_version}"),
        tables=_tables(plan),
    )


def unverified(working_note: str) -> str:
    """The word, if a table's working note says that some part of its source could not be read again; else nothing.

    How a number came here is noted beside the data; a page says this one word of it.

    Examples
    --------
    >>> unverified("re-read in the abstract: up to 40 min"), unverified("re-read: 2 mA; recalled: 20 min")
    ('', 'unverified')
    """
    return "unverified" if any(each in working_note.lower() for each in OPEN) else ""


def _tables(plan: Plan | TesPlan) -> dict[str, dict[str, str]]:
    times = {**plan.seconds, "together": sum(plan.seconds.values())} if plan.seconds else {}
    tables = {
        "Search": dict(_named_value(*each) for each in plain(replace(plan.search, command=None)).items()),
        "Conductivity": {name: f"{value:g} S/m" for name, value in plan.conductivity_s_per_m.items()},
        "Time": {name: duration(seconds) for name, seconds in times.items()},
        "Versions": {**plan.versions, "plan format": plan.schema_version},
    }
    return {title: rows for title, rows in tables.items() if rows}


def _named_value(name: str, value: float | int | str) -> tuple[str, str]:
    """A search parameter in words: its name carries the unit, ``hair_mm`` is "hair", "4 mm"."""
    words, _, unit = name.rpartition("_")
    if unit not in UNITS or not words:
        words, unit = name, ""
    text = value if isinstance(value, str) else f"{value:,.10g}".replace(",", "\u202f").replace("-", "−")
    return words.replace("_", " "), text + UNITS[unit]
