"""What the window's lists offer: the names an option takes, each with a line for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from targeting.study.options import Option

Choice = tuple[str, str]  # what the request takes, and the words for it


def choices_of(option: Option) -> list[Choice]:
    """The names an option takes; none where it takes a number, a file or free text."""
    if option.known in KNOWN:
        return list(KNOWN[option.known]())
    words = option.choices or tuple(
        option.metavar.split("|") if option.metavar.islower() and "|" in option.metavar else ()
    )
    return [(word, word) for word in words]


def _targets() -> Iterator[Choice]:
    from atlases.targets import targets

    yield from ((name, each.title) for name, each in targets().items())


def _coils() -> Iterator[Choice]:
    from targeting.coils.table import coil_table

    yield from ((name, each["title"]) for name, each in coil_table().items())


def _protocols() -> Iterator[Choice]:
    from targeting.dosing.protocols import protocols

    for name, each in protocols().items():
        share = f"{100 * each.intensity_fraction_rmt:g} % of the {each.muscle}’s threshold"
        yield name, f"{each.title or name}: {each.pulses} pulses, {share}"


def _stimulators() -> Iterator[Choice]:
    from targeting.stimulators import stimulators

    yield from ((name, each.title) for name, each in stimulators().items())


def _montages() -> Iterator[Choice]:
    from targeting.tes.montages import montages

    yield from ((name, each.title) for name, each in montages().items())


KNOWN: dict[str, Callable[[], Iterator[Choice]]] = {
    "targets": _targets,
    "coils": _coils,
    "protocols": _protocols,
    "stimulators": _stimulators,
    "montages": _montages,
}
