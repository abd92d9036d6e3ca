"""``target montages interference``: the best two pairs for temporal interference in a planned subject."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.console import at_work, talk_of
from cli.options import Anyway, Json, Name, Out, Quiet, values_of, with_options
from targeting.interference.request import InterferenceRequest
from targeting.study.options import options_of

if TYPE_CHECKING:
    from targeting.interference.files import InterferenceResult

EXAMPLES = """
**Examples**

    target plan subject01 --aim m1-hand --side left --with hd-tdcs

    target montages interference subject01

    target montages interference subject01 --aim psi --side right --direction normal

    target montages interference subject01 --least 0.15 --shares 0.5,0.35 --json
"""
SHOWN = 5


@with_options(options_of(InterferenceRequest).values())
def interference_command(
    context: typer.Context,
    name: Name,
    anyway: Anyway = False,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
    **words: Any,
) -> None:
    """Find the best two pairs for temporal interference: every two pairs of the leadfield, the best one solved directly."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.interference.files import NAME
        from targeting.interference.stage import interference
        from targeting.subject import Subject

        subject = Subject.named(name, out)
        request = InterferenceRequest(**values_of(InterferenceRequest, words))
        result = interference(subject, request, anyway=anyway).value
    talk.answer(summary(result, subject.folder / NAME), asdict(result))


def summary(result: InterferenceResult, folder: Path) -> str:
    """The best of them in a screenful."""
    from targeting.words.target import target_line

    direct = result.direct
    along = "over all directions" if result.direction == "all" else f"along {result.direction}"
    lines = [
        f"target     {target_line(result.target)}",
        f"searched   {result.tried:,} montages of two pairs from {result.candidates} positions; swing of the envelope {along}, "
        "peak to peak",
        f"{'rank':<6}{'first pair':<18}{'second pair':<18}{'mA':>12}{'swing V/m':>11}{'elsewhere':>11}{'focality':>10}",
    ]
    for rank, each in enumerate(result.montages[:SHOWN], start=1):
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
            *(f"note       {each}" for each in result.notes),
            f"files      {folder}: interference.json, two_pairs.csv, envelope.nii.gz, and the envelope on the cortex",
        ]
    )
