"""``target montages``: published montages by name, equal doses in a group, and temporal interference."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli import interference
from cli.console import at_work, talk_of
from cli.help import Command
from cli.lists import Entry, examples_of, group, listing
from cli.options import Anyway, Json, Quiet, number
from cli.tables import table
from meshes.errors import InputError
from targeting.modality import KINDS

app = group("Named montages of tDCS, equal doses, and temporal interference.")

EQUAL_EXAMPLES = """
**Examples**

    target montages equal-dose subject01 subject02 subject03

    target montages equal-dose subject01/m1-hand-left subject02/m1-hand-left --dose 0.25
"""
Plans = Annotated[
    list[Path], typer.Argument(metavar="FOLDER...", help="Subjects' folders, NAME/PLAN, or plan.json files.")
]
Dose = Annotated[
    float | None,
    typer.Option("--dose", metavar="V/m", parser=number, help="The dose wanted; default: the mean of the plans' own."),
]


@app.command("list", cls=Command, epilog=examples_of("montages"))
def list_command(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """List the montages: positions and currents for a target on the left, electrodes, paper, what was re-read there."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.plans.tes_words import electrode_words
        from targeting.tes.montages import montages
        from targeting.words.numbers import size, trimmed

        known = montages().values()
    entries = []
    for each in known:
        currents = ", ".join(electrode_words(name, ma) for name, ma in each.currents_ma.items())
        facts = (
            [] if each.published else ["UNPUBLISHED: proposed here, in no trial; to compare with, not to treat with"]
        )
        facts += [
            f"left: {currents}; {trimmed(each.minutes)} min; mirrored for the right",
            f"electrodes: {each.shape} {size(each.size_mm)} mm",
            f"paper: {each.paper}",
            f"checked: {each.checked}",
            f"note: {each.note}",
        ]
        entries.append(Entry(each.name, each.title, facts))
    talk.answer(listing(entries), [{**asdict(each), "currents_ma": each.currents_ma} for each in known])


@app.command("equal-dose", cls=Command, epilog=EQUAL_EXAMPLES)
def equal_dose_command(
    context: typer.Context,
    plans: Plans,
    dose: Dose = None,
    anyway: Anyway = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say which total current gives every subject of a group the same dose, and what it does to the safety items."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.plans.equal_dose import equal_dose
        from targeting.plans.tes import read_tes_plan
        from targeting.words.numbers import three_digits, trimmed

        files = [plan_file(path) for path in plans]
        read = [read_tes_plan(file) for file in files]
        for file in files:
            check_in_place(file, anyway)
        found = equal_dose(read, dose)
    numbers = ["dose V/m", "plan mA", "plan V/m", "set mA", "gives V/m"]
    rows = [
        [
            each.subject,
            three_digits(each.dose_v_per_m),
            trimmed(each.planned_ma),
            three_digits(each.planned_v_per_m),
            trimmed(each.current_ma),
            three_digits(each.given_v_per_m),
            ", ".join(each.beyond) or "-",
        ]
        for each in found
    ]
    shown = table(["subject", *numbers, "beyond a safety limit"], rows, right=numbers)
    talk.answer(shown, [asdict(each) for each in found])


app.command("interference", cls=Command, epilog=interference.EXAMPLES)(interference.interference_command)


def plan_file(path: Path) -> Path:
    """The montage's ``plan.json`` that a path means: the file, its folder, a plan's or the subject's, or NAME/PLAN.

    Raises
    ------
    InputError
        If a subject has several plans of montages, and none of them is named.
    """
    from targeting.subject import PLANS

    if not path.exists() and (path.parent / PLANS / path.name).is_dir():  # as other commands name it
        path = path.parent / PLANS / path.name
    if not path.is_dir():
        return path
    inside = [path / "plan.json", path / "tdcs" / "plan.json", path / "hd-tdcs" / "plan.json"]
    montages = [each for each in inside[1:] if each.is_file()] or [each for each in inside[:1] if each.is_file()]
    beside = {
        each.parents[1].name: each for kind in reversed(KINDS) for each in path.glob(f"{PLANS}/*/{kind}/plan.json")
    }
    if len(beside) > 1 and not montages:
        names = ", ".join(f"{path.name}/{plan}" for plan in sorted(beside))
        raise InputError(f"{path.name} has {len(beside)} plans of montages: say which ({names})")
    return (montages or list(beside.values()) or inside)[0]


def check_in_place(file: Path, anyway: bool) -> None:
    """Refuse (or warn of) a plan that is outdated; one that was taken out of its subject's folder cannot be asked."""
    from targeting.study.plan_state import check_stands, last_stage
    from targeting.subject import PLANS, Subject

    folder = file.absolute().parent.parent
    stage = last_stage(file.absolute().parent.name)
    if (folder / f"{stage}.json").is_file():
        home = folder.parents[1]
        beside = folder.parent.name == PLANS
        check_stands(Subject(home.name, home, folder.name) if beside else Subject(folder.name, folder), stage, anyway)
