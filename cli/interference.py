"""``target montages interference``: the best two pairs for temporal interference in a planned subject."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import at_work, talk_of
from cli.options import Anyway, Frame, Json, Name, Out, Quiet, three_numbers

if TYPE_CHECKING:
    from targeting.interference.files import Found

EXAMPLES = """
**Examples**

    target plan subject01 --aim m1-hand --side left --with hd-tdcs

    target montages interference subject01

    target montages interference subject01 --aim psi --side right --direction normal

    target montages interference subject01 --least 0.15 --shares 0.5,0.35 --json
"""
SHOWN = 5


def interference_command(
    context: typer.Context,
    name: Name,
    aim: Annotated[
        str | None,
        typer.Option("--aim", metavar="TARGET", help="As for target plan; default: the target planned last."),
    ] = None,
    side: Annotated[str | None, typer.Option("--side", metavar="left|right", help="Side of the target.")] = None,
    pain_side: Annotated[
        str | None, typer.Option("--pain-side", metavar="left|right", help="Side of the pain, the target opposite.")
    ] = None,
    radius_mm: Annotated[float | None, typer.Option("--radius", metavar="MM", help="Radius of the target.")] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction",
            metavar="normal|x,y,z",
            help="The envelope along it; default: the largest over all directions, point by point.",
        ),
    ] = None,
    least: Annotated[
        float | None,
        typer.Option(
            "--least",
            metavar="V/m",
            help="Of all two pairs with this swing in the target the most focal, not the strongest.",
        ),
    ] = None,
    total_ma: Annotated[
        float, typer.Option("--max-current-ma", metavar="MA", help="Amplitude of both pairs together.")
    ] = 2.0,
    per_electrode_ma: Annotated[
        float, typer.Option("--max-per-electrode-ma", metavar="MA", help="Of one electrode.")
    ] = 1.0,
    shares: Annotated[
        str,
        typer.Option(
            "--shares",
            metavar="S,...",
            help="Of the current in one of the pairs, the other taking the rest; all are tried.",
        ),
    ] = "0.5",
    keep: Annotated[int, typer.Option("--keep", metavar="N", help="How many montages to list.")] = 10,
    cap: Annotated[
        str, typer.Option("--cap", metavar="10-10|10-5", help="Whose leadfield: that of a plan with the same --cap.")
    ] = "10-10",
    frame: Frame = None,
    anyway: Anyway = False,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find the best two pairs for temporal interference: every two pairs of the leadfield, the best one solved directly."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.interference.files import NAME
        from targeting.interference.request import InterferenceRequest
        from targeting.interference.stage import interference
        from targeting.subject import Subject

        request = InterferenceRequest(
            aim=aim,
            side=side,
            pain_side=pain_side,
            radius_mm=radius_mm,
            direction=direction if direction in (None, "normal") else three_numbers(direction, "--direction"),
            least_v_per_m=least,
            total_ma=total_ma,
            per_electrode_ma=per_electrode_ma,
            shares=numbers(shares, "--shares"),
            keep=keep,
            cap=cap,
            frame=frame,
        )
        subject = Subject.named(name, out)
        found = interference(subject, request, anyway=anyway).value
    talk.answer(summary(found, subject.folder / NAME), asdict(found))


def summary(found: Found, folder: Path) -> str:
    """The best of them in a screenful."""
    from targeting.words.target import target_line

    direct = found.direct
    along = "over all directions" if found.direction == "all" else f"along {found.direction}"
    lines = [
        f"target     {target_line(found.target)}",
        f"searched   {found.tried:,} montages of two pairs from {found.candidates} positions; swing of the envelope {along}, "
        "peak to peak",
        f"{'rank':<6}{'first pair':<18}{'second pair':<18}{'mA':>12}{'swing V/m':>11}{'elsewhere':>11}{'focality':>10}",
    ]
    for rank, each in enumerate(found.montages[:SHOWN], start=1):
        pairs = [" – ".join(pair) for pair in each.pairs]
        currents = " + ".join(f"{ma:.3g}" for ma in each.current_ma)
        lines.append(
            f"{rank:<6}{pairs[0]:<18}{pairs[1]:<18}{currents:>12}{each.swing_v_per_m:>11.3g}{each.elsewhere_v_per_m:>11.3g}"
            f"{each.focality:>10.2f}"
        )
    peak = ", ".join(f"{x:.0f}" for x in direct.peak_mm)
    return "\n".join(
        [
            *lines,
            f"solved     rank 1 with complete electrodes: {direct.swing_v_per_m:.3g} V/m in the target; over all directions "
            f"{direct.free_swing_v_per_m:.3g} there and {direct.elsewhere_v_per_m:.3g} in other grey matter "
            f"(focality {direct.focality:.2f})",
            f"elsewhere  peak {direct.peak_v_per_m:.3g} V/m, largest near ({peak}) mm; {direct.stronger_cm3:.1f} cm³ of other "
            f"grey matter swing more than the target; the carrier itself reaches {direct.carrier_v_per_m:.3g} V/m",
            *(f"note       {each}" for each in found.notes),
            f"files      {folder}: interference.json, two_pairs.csv, envelope.nii.gz, and the envelope on the cortex",
        ]
    )


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
    from meshes.errors import InputError

    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{option} takes numbers separated by commas, such as 0.5,0.3; not {text!r}") from None
