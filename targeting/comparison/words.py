"""The compared coils, in a table, a sentence and a verdict each: for the report, and a line each for the console."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from targeting.comparison.record import ComparedCoil
from targeting.plans.tms import Plan
from targeting.records.places import PlanTarget
from targeting.report.held_off import CLEAR_MM
from targeting.words.numbers import number, point, three_digits

HEADINGS = (
    ("Coil", ""),
    ("Dose", "V/m at 1 A/µs"),
    ("Peak elsewhere", "V/m at 1 A/µs"),
    ("Peak over dose", ""),
    ("Peak at x, y, z", "mm"),
    ("To target", "mm"),
    ("Above the dose", "cm³ of grey matter"),
)


def comparison_section(plan: Plan) -> str:
    """The report's section, or nothing."""
    rows = plan.comparison
    if not rows:
        return ""
    heads = "".join(
        f'<th scope="col">{title}{f"<small>{unit}</small>" if unit else ""}</th>' for title, unit in HEADINGS
    )
    body = "\n".join(_row(each, plan.target) for each in rows)
    verdicts = "\n".join(f"<dt>{escape(each.coil)}</dt><dd>{_verdict(each)}</dd>" for each in rows)
    return (
        '<section aria-labelledby="coils">\n<h2 id="coils">Which coil</h2>\n'
        f"<p>{escape(summary(rows))}</p>\n"
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of coils">\n'
        f'<table class="ranking">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>\n'
        f'<dl class="numbers">\n{verdicts}\n</dl>\n</section>'
    )


def summary(rows: Sequence[ComparedCoil]) -> str:
    """The comparison in a sentence: who stays superficial, and which coil gets farthest under the limits."""
    low, high = (f(each.peak_over_dose for each in rows) for f in (min, max))
    if low > 1:
        first = f"with every coil other grey matter gets more than the target, {low:.1f} to {high:.1f} times its dose"
    elif high > 1:
        focal = " and ".join(each.coil for each in rows if each.peak_over_dose <= 1)
        first = f"only with {focal} is the strongest field in the target"
    else:
        first = "with every coil the strongest field is in the target"
    shares = {each.coil: share for each in rows if (share := least_share(each)) is not None}
    second = ""
    if shares:
        best, *others = sorted(shares, key=lambda coil: -shares[coil])
        against = "".join(f", {coil} {_percent(shares[coil])} %" for coil in others)
        second = f"; of the field to match, the limits leave {best} {_percent(shares[best])} %{against}"
    given = {each.coil: each.given_fraction for each in rows if each.given_fraction is not None}
    if given:
        told = ", ".join(f"{100 * share:.0f} % with {coil}" for coil, share in given.items())
        second = f"; of the field at threshold the target gets {told}"
    return f"Each coil at its best pose: {first}{second}."


def least_share(row: ComparedCoil) -> float | None:
    """What the limits together leave of a field to match; None if one of them is not known, or none is to be matched."""
    shares = list(row.shares.values())
    known = [each for each in shares if each is not None]
    return min(known) if known and len(known) == len(shares) else None


def comparison_lines(plan: Plan) -> list[str]:
    """A line for each coil, for the console."""
    return [
        f"{each.coil}: dose {each.direct_dose_v_per_m:.3g} V/m, peak elsewhere {each.peak_e_v_per_m:.3g} V/m "
        f"({each.peak_over_dose:.1f} times the dose) at ({', '.join(f'{x:.0f}' for x in each.peak_mm)}) mm; {each.verdict}"
        for each in plan.comparison
    ]


def stronger_words(row: ComparedCoil) -> str:
    """The named targets that get more than the target."""
    if row.stronger is None:
        return "which named targets get more is not known: the head could not be registered"
    if not row.stronger:
        return "no other named target of that side gets more"
    return "more than the target get " + ", ".join(
        f"{name} ({ratio:.1f} times)" for name, ratio in row.stronger.items()
    )


def _row(each: ComparedCoil, target: PlanTarget) -> str:
    away = float(np.linalg.norm(np.array(each.peak_mm) - target.center_mm))
    cells = (
        three_digits(each.direct_dose_v_per_m),
        three_digits(each.peak_e_v_per_m),
        number(each.peak_over_dose, 2),
        point(each.peak_mm).replace("x ", "").replace("y ", "").replace("z ", ""),
        number(away, 0),
        number(each.above_mm3 / 1000, 2),
    )
    return f'<tr><th scope="row">{escape(each.coil)}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _verdict(each: ComparedCoil) -> str:
    title, _, numbers = each.verdict.partition(": ")
    first = f"<b>{escape(title[:1].upper() + title[1:])}:</b>"
    held = ""
    if each.middle_mm - each.distance_mm >= CLEAR_MM:
        held = f" Its casing holds the middle of its face {number(each.middle_mm)} mm off the scalp."
    return f"{first} <span>{escape(numbers)}. In mean |E|, {escape(stronger_words(each))}.{held}</span>"


def _percent(share: float) -> str:
    return f"{int(100 * share)}" if share < 1 else f"{100 * share:.0f}"
