"""``target montages interference``: the best two pairs for temporal interference in a planned subject."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.console import at_work, talk_of
from cli.options import Anyway, Json, Out, PlanName, Quiet, values_of, with_options
from cli.tables import summary, table
from targeting.interference.request import InterferenceRequest
from targeting.study.options import options_of

if TYPE_CHECKING:
    from rich.console import Group

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
    name: PlanName,
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

        subject = Subject.planned(name, out)
        request = InterferenceRequest(**values_of(InterferenceRequest, words))
        result = interference(subject, request, anyway=anyway).value
    talk.answer(interference_summary(result, subject.plan_folder / NAME), asdict(result))


def interference_summary(result: InterferenceResult, folder: Path) -> Group:
    """The best of them in a screenful."""
    from rich.console import Group

    from targeting.words.numbers import number, point, three_digits, trimmed
    from targeting.words.target import target_line

    direct = result.direct
    along = "over all directions" if result.direction == "all" else f"along {result.direction}"
    request_lines = [
        ("target", target_line(result.target)),
        (
            "searched",
            f"{result.tried:,} montages of two pairs from {result.candidates} positions; swing of the envelope {along}, "
            "peak to peak",
        ),
    ]
    numbers = ["mA", "swing V/m", "elsewhere", "focality"]
    rows = [
        [
            str(rank),
            *(" – ".join(pair) for pair in each.pairs),
            " + ".join(map(trimmed, each.current_ma)),
            three_digits(each.swing_v_per_m),
            three_digits(each.elsewhere_v_per_m),
            number(each.focality, 2),
        ]
        for rank, each in enumerate(result.montages[:SHOWN], start=1)
    ]
    swing, free = three_digits(direct.swing_v_per_m), three_digits(direct.free_swing_v_per_m)
    solution_lines = [
        (
            "solved",
            f"rank 1 with complete electrodes: {swing} V/m in the target; over all directions {free} V/m there and "
            f"{three_digits(direct.elsewhere_v_per_m)} V/m in other grey matter (focality {number(direct.focality, 2)})",
        ),
        (
            "elsewhere",
            f"peak {three_digits(direct.peak_v_per_m)} V/m, largest near {point(direct.peak_mm)} mm; "
            f"{number(direct.stronger_cm3)} cm³ of other grey matter swing more than the target; the "
            f"carrier itself reaches {three_digits(direct.carrier_v_per_m)} V/m",
        ),
        *(("note", each) for each in result.notes),
        ("files", f"{folder}: interference.json, two_pairs.csv, envelope.nii.gz, and the envelope on the cortex"),
    ]
    best = table(["rank", "first pair", "second pair", *numbers], rows, right=numbers)
    return Group(summary(request_lines), best, summary(solution_lines))
