"""What a shell completes: the names of targets, areas, coils, montages, protocols, stimulators, and of subjects at hand.

``target --install-completion`` teaches the shell to ask.  Each answer is a new run of the program, so only tables are read
here; an option says which one it takes its words from (``known`` in its declaration), or its ``metavar`` lists them.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from targeting.study.options import Option

ASKED = "_TARGET_COMPLETE"  # the variable by which a shell asks, and the script it was given
WORD = re.compile(r"[a-z0-9][a-z0-9.:-]*")
Found = tuple[str, str]  # a word, and what it means

# what opens a path or a place instead of a name
PLACES = [
    ("area:", "an area of the cortex"),
    ("mni:", "x,y,z in MNI152 mm, or a mask"),
    ("ras:", "x,y,z in the T1's mm"),
]


def answer(command: Any) -> int:
    """Answer the shell on stdout; whatever is wrong, a person who presses Tab sees no error.

    Parameters
    ----------
    command : click's command
        The whole command line.
    """
    cut = _words_of_bash() if os.environ.get(ASKED) == "complete_bash" else 0
    said, code = io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        try:
            command.main(args=[], prog_name="target", complete_var=ASKED)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except Exception:
            return 1
    for line in said.getvalue().splitlines():
        print(line[cut:])  # noqa: T201
    return code


def _words_of_bash() -> int:
    """Join what bash takes apart at ``:`` and ``=``, as in area:OP1; how much of each answer bash has already."""
    words, at = os.environ.get("COMP_WORDS", "").split("\n"), int(os.environ.get("COMP_CWORD", "0"))
    words = words[: at + 1]
    joined: list[str] = []
    for word in words:
        if joined and word == "=" and joined[-1].startswith("--"):
            joined.append("")  # the value is a word of its own
        elif joined and joined[-1] == "" and word != ":":
            joined[-1] = word
        elif joined and (word == ":" or joined[-1].endswith(":")) and not joined[-1].startswith("-"):
            joined[-1] += word
        else:
            joined.append(word)
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(joined), str(len(joined) - 1)
    last = joined[-1] if joined else ""
    return last.rfind(":") + 1


def completing(option: Option) -> Callable[[str], list[Found]] | None:
    """What completes an option's value; None where it is a file, a number or free text."""
    if option.known:
        return completed(option.known)
    return choosing(option.metavar)


def completed(what: str) -> Callable[[str], list[Found]]:
    """What completes a name of a table, one of :data:`KNOWN`."""
    return _from(KNOWN[what])


def choosing(metavar: str) -> Callable[[str], list[Found]] | None:
    """What completes a value that is one of the words of a metavar; None if it lists none.

    Examples
    --------
    >>> choosing("normal|x,y,z")("")
    [('normal', '')]
    >>> choosing("FILE[:NAME]")
    """
    words = [word for word in metavar.split("|") if WORD.fullmatch(word)] if "|" in metavar else []
    return _from(lambda: [(word, "") for word in words]) if words else None


def _from(table: Callable[[], Iterable[Found]]) -> Callable[[str], list[Found]]:
    def complete(incomplete: str) -> list[Found]:
        begun = incomplete.rpartition(",")[0]  # of words with commas the last is completed
        begun += "," if begun else ""
        found = ((begun + word, words) for word, words in _deeper(table, incomplete[len(begun) :]))
        return [(word, words) for word, words in found if word.startswith(incomplete)]

    return complete


def _deeper(table: Callable[[], Iterable[Found]], incomplete: str) -> Iterable[Found]:
    """Of areas the names, and those that are joined by +."""
    if table is targets and incomplete.startswith("area:"):
        before, plus, _ = incomplete.removeprefix("area:").rpartition("+")
        return [(f"area:{before}{plus}{name}", words) for name, words in areas()]
    return table()


def subjects(incomplete: str) -> list[Found]:
    """The subjects whose folder lies in the current one, and the head that is built in; behind a slash the subject's plans."""
    subject, slash, _ = incomplete.partition("/")
    if slash:
        return [(name, "") for name in plans_of(subject) if name.startswith(incomplete)]
    found = [("colin27", "the head that is built in")]
    with contextlib.suppress(OSError):
        found += [(name, "") for name in subjects_here() if name != "colin27"]
    return [(name, words) for name, words in found if name.startswith(incomplete)]


def subjects_here() -> list[str]:
    """The names of the folders in the current one that hold a head or a plan."""
    from targeting.app.people import subjects_in

    return subjects_in(Path.cwd())


def plans_of(subject: str) -> list[str]:
    """The plans of a subject whose folder lies in the current one, as NAME/PLAN."""
    with contextlib.suppress(OSError):
        return sorted(f"{subject}/{each.name}" for each in (Path.cwd() / subject / "plans").iterdir() if each.is_dir())
    return []


def targets() -> Iterator[Found]:
    """The named targets, and how a place is begun."""
    yield from _listed("targets")
    yield from PLACES


def areas() -> Iterator[Found]:
    """The areas of the cortex, what clinicians call groups of them, and networks."""
    from atlases.areas import aliases, networks
    from atlases.areas import areas as all_areas

    yield from ((each.name, each.title) for each in aliases().values())
    yield from ((name, each.title) for name, each in all_areas().items())
    yield from ((name, "a network (Yeo 2011)") for name in networks())


def coils() -> Iterator[Found]:
    """The coils with a name, those of plug-ins among them."""
    from meshes.plugins import names_of_plugins

    yield from _listed("coils")
    yield from ((name, "") for name in names_of_plugins("target.coils"))


def montages() -> Iterator[Found]:
    """The named montages."""
    yield from _listed("montages")


def protocols() -> Iterator[Found]:
    """The named rTMS sessions."""
    from targeting.dosing.protocols import protocols as named

    yield from ((name, each.title) for name, each in named().items())


def stimulators() -> Iterator[Found]:
    """The named stimulators."""
    yield from _listed("stimulators")


def _listed(table: str) -> Iterable[Found]:
    """What the window lists of a table, too."""
    from targeting.app.choices import KNOWN

    return KNOWN[table]()


def exports() -> Iterator[Found]:
    """The navigators whose files a plan is written to, and paper."""
    from targeting.navigation.navigators import writers

    yield from ((name, each.title) for name, each in writers().items())
    yield "pdf", "the report on paper"


def objectives() -> Iterator[Found]:
    """What placements of a coil are ranked by."""
    from targeting.tms.objective_names import OBJECTIVES

    yield from OBJECTIVES.items()


def tes_objectives() -> Iterator[Found]:
    """What montages are chosen by."""
    from targeting.tes.objectives import TES_OBJECTIVES

    yield from ((name, "") for name in TES_OBJECTIVES.names())


def tissues() -> Iterator[Found]:
    """Tissues whose conductivity can be given."""
    from meshes.tissue_codes import TISSUE_NAMES

    yield from ((f"{name}=", "S/m") for name in TISSUE_NAMES.values())


KNOWN: dict[str, Callable[[], Iterable[Found]]] = {
    "targets": targets,
    "coils": coils,
    "montages": montages,
    "protocols": protocols,
    "stimulators": stimulators,
    "exports": exports,
    "objectives": objectives,
    "tes_objectives": tes_objectives,
    "tissues": tissues,
}
