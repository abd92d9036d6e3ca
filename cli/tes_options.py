"""The options of ``target plan --with tdcs``, and what a montage's plan says in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.plan_warnings import unsafe_lines, warning_lines, who_lines
from meshes.errors import InputError

if TYPE_CHECKING:
    from targeting.plans.tes import TesPlan

With = Annotated[
    str,
    typer.Option(
        "--with",
        metavar="tms|tdcs|hd-tdcs",
        help="A coil, a pair of pads, or small electrodes; several with commas. Montages go to NAME/tdcs/, NAME/hd-tdcs/.",
    ),
]
MontageName = Annotated[
    str | None,
    typer.Option("--montage", metavar="NAME|FILE", help="tDCS: this montage (target montages list) or your own .csv."),
]
TesObjective = Annotated[
    str | None,
    typer.Option(
        "--tes-objective",
        metavar="NAME",
        help="tDCS: magnitude, intensity, energy, focality, pair or ring; default: pair, with hd-tdcs magnitude, with a "
        "polarity or direction intensity. With --network: projection (the default) or least-squares.",
    ),
]
TesDose = Annotated[
    float | None,
    typer.Option("--tes-dose", metavar="V/m", help="tDCS: the wanted field, for energy, focality, least-squares."),
]
MaxCurrent = Annotated[
    float | None, typer.Option("--max-current-ma", metavar="MA", help="tDCS: largest total current; default 2.")
]
MaxPerElectrode = Annotated[
    float | None,
    typer.Option("--max-per-electrode-ma", metavar="MA", help="tDCS: of one electrode; default 1 with hd-tdcs."),
]
MaxElectrodes = Annotated[
    int | None, typer.Option("--max-electrodes", metavar="N", help="hd-tdcs: how many may carry current; default 8.")
]
Minutes = Annotated[
    float | None, typer.Option("--minutes", metavar="MIN", help="tDCS: of a session, for the safety table; default 20.")
]
Positions = Annotated[
    Path | None,
    typer.Option(
        "--positions",
        metavar="FILE",
        help="tDCS: nasion, inion, ears (and own positions) in RAS mm, instead of those found by registration.",
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="MAP|mni:MAP",
        help="hd-tdcs: the target is this NIfTI map over the cortex, in the subject's space or (mni:) in MNI152; positive "
        "values want current into the cortex, as under an anode.",
    ),
]
Cap = Annotated[
    str,
    typer.Option(
        "--cap",
        metavar="10-10|10-5",
        help="hd-tdcs: the positions electrodes may go to. 10-5 has over 300: its leadfield takes 4 times the time, memory "
        "and disk (3.6 GB on a standard mesh).",
    ),
]

Polarity = Annotated[
    str | None,
    typer.Option(
        "--polarity",
        metavar="anodal|cathodal|free",
        help="tDCS: the most field into the cortex at the target (the anode acts), out of it, or of any sign; default: "
        "anodal for m1-* targets, else free.",
    ),
]

# parameters of the command that only coils, or only montages, have a use for
OF_COILS = (
    "coil", "compare", "hair_mm", "angle", "pulse", "current", "tilt_deg", "extra_mm", "objective", "penalty", "least_dose",
    "engine", "uncertainty", "rmt", "rmt_muscle", "rmt_at", "rmt_pose", "match_field", "protocol", "muscle_ratio",
    "stimulator",
)  # fmt: skip
OF_MONTAGES = (
    "montage", "tes_objective", "tes_dose", "max_current_ma", "max_per_electrode_ma", "max_electrodes", "minutes",
    "positions", "network", "cap", "polarity",
)  # fmt: skip


def check_used(context: typer.Context, kinds: list[str]) -> None:
    """Refuse options that none of the modalities asked for has a use for.

    Raises
    ------
    InputError
        Naming the first such option.
    """

    def given(name: str) -> bool:
        source = context.get_parameter_source(name) if name in context.params else None
        return source is not None and source.name == "COMMANDLINE"

    if given("network") and given("aim") and "tms" not in kinds:
        raise InputError("the map of --network is the target: leave out --aim")
    unused = (() if "tms" in kinds else OF_COILS) + (() if set(kinds) - {"tms"} else OF_MONTAGES)
    for parameter in context.command.params:
        if parameter.name in unused and given(parameter.name):
            option, add = parameter.opts[0], "tdcs or hd-tdcs" if parameter.name in OF_MONTAGES else "tms"
            raise InputError(f"{option} has no use with --with {','.join(kinds)}: leave it out, or add --with {add}")


def tes_summary(plan: TesPlan, folder: Path) -> str:
    """A montage's plan in a screenful."""
    from targeting.goals.tes_words import tes_goal_lines
    from targeting.plans.tes_words import dose_words, electrode_words, optimum_words, standard_name, standard_words
    from targeting.words.target import target_line

    lines = [
        *who_lines(plan),
        f"target     {target_line(plan.target)}",
        f"montage    {plan.montage_name}: {', '.join(electrode_words(each.name, each.current_ma) for each in plan.montage)}",
        f"dose       {dose_words(plan.dose)}",
        *([f"pole       {plan.pole.words}"] if plan.pole else []),
    ]
    if plan.standard is not None:
        lines.append(f"standard   {plan.standard.dose.montage}: {dose_words(plan.standard.dose)}")
    lines.append(f"{'standard' if plan.standard is None else '':<11}{standard_words(plan)}")
    if plan.optimum is not None:
        lines.append(f"optimum    {optimum_words(plan.optimum)}")
    lines += [f"goal       {each}" for each in tes_goal_lines(plan.goal, plan.dose.dose_v_per_m, standard_name(plan))]
    eyes = "" if plan.eye_e_v_per_m is None else f", {plan.eye_e_v_per_m:.2g} V/m in the eyes"
    lines += [
        f"safety     {plan.total_current_ma:g} mA for {plan.minutes:g} min, {plan.charge_c:.2g} C; "
        f"{plan.brain_e_v_per_m:.2g} V/m in the brain{eyes}",
        *warning_lines(plan.warnings),
        f"files      {folder / 'plan.html'} and, beside it, placement_sheet.html, plan.json, montage.csv and field files",
    ]
    return "\n".join([*unsafe_lines(plan), *lines])
