"""The report's tables and lists as HTML; every text from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from targeting.plan_file import Placement, Plan, PlanRobustness, PlanUncertainty
from targeting.report.evidence import PlanEvidence
from targeting.report.folds import crossing_words
from targeting.report.words import by_engine, direction_words, duration, listed, number, point, three_digits

UNITS = {"": "", "mm": " mm", "deg": "°", "s": " s"}
TISSUES = {"wm": "white matter", "gm": "grey matter", "csf": "cerebrospinal fluid"}
NAVIGATORS = {"brainsight": "Brainsight", "localite": "Localite TMS Navigator"}


def ranking(placements: Sequence[Placement]) -> str:
    """Rows of the best placements."""
    best = placements[0]
    rows = []
    for each in placements:
        moved = float(np.linalg.norm(np.array(each.scalp_mm) - best.scalp_mm))
        cells = (
            three_digits(each.dose_v_per_m),
            number(100 * each.dose_v_per_m / best.dose_v_per_m if best.dose_v_per_m else 0.0),
            number(moved),
            number(each.angle_deg, 0),
            ", ".join(number(x) for x in each.scalp_mm),
            number(each.distance_mm),
        )
        rows.append(f'<tr><th scope="row">{each.rank}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "\n".join(rows)


def spread(uncertainty: PlanUncertainty) -> list[tuple[str, str]]:
    """Rows on what published conductivities make of the dose and of the best pose."""
    tissue, share = max(uncertainty.shares.items(), key=lambda each: each[1])
    low, high = three_digits(uncertainty.dose_low_v_per_m), three_digits(uncertainty.dose_high_v_per_m)
    return [
        (
            "Dose for published conductivities",
            f"<b>{low} to {high} V/m</b> <span>5 to 95 % of {uncertainty.draws} draws ({escape(uncertainty.distribution)}; "
            f"{escape(listed(uncertainty.sources))}); {escape(TISSUES.get(tissue, tissue))} accounts for {share:.0%} of the "
            "variance</span>",
        ),
        (
            "Best pose for published conductivities",
            f"<b>within {number(uncertainty.best_pose_shift_mm)} mm and {number(uncertainty.best_pose_turn_deg, 0)}°</b> "
            f"<span>of this one in 95 % of the draws; keeping this one loses at most "
            f"{number(100 * uncertainty.dose_lost_share)} % of the dose</span>",
        ),
    ]


def steadiness(robustness: PlanRobustness, best: Placement) -> list[tuple[str, str]]:
    """Rows on what placement errors make of the dose, and on the steadiest pose."""
    gain = robustness.robust_worst_v_per_m / robustness.worst_v_per_m - 1 if robustness.worst_v_per_m > 0 else 0.0
    moved = float(np.linalg.norm(np.array(robustness.robust_pose)[:3, 3] - np.array(best.pose)[:3, 3]))
    other = (
        f"<b>the same</b> <span>no other does better by more than {number(100 * max(gain, 0))} % of its worst case</span>"
        if gain < 0.01
        else f"<b>at ({', '.join(number(x) for x in robustness.robust_scalp_mm)}) mm</b> <span>{number(moved)} mm from "
        f"placement 1: {three_digits(robustness.robust_dose_v_per_m)} V/m, at worst "
        f"{three_digits(robustness.robust_worst_v_per_m)} V/m</span>"
    )
    return [
        (
            "Dose when the coil is not quite there",
            f"<b>at least {three_digits(robustness.worst_v_per_m)} V/m</b> <span>in 95 % of placements off by up to "
            f"{number(robustness.shift_mm, 0)} mm, {number(robustness.turn_deg, 0)}° and a tilt of "
            f"{number(robustness.tilt_deg, 0)}°; {three_digits(robustness.mean_v_per_m)} V/m on average</span>",
        ),
        (
            "90 % of the dose",
            f"<b>within {number(robustness.within_mm)} mm</b> <span>of the place at the same direction of the current; "
            f"turned there, from {number(robustness.turn_clockwise_deg, 0)}° clockwise to "
            f"{number(robustness.turn_counter_clockwise_deg, 0)}° counter-clockwise seen from outside</span>",
        ),
        ("Steadiest pose", other),
    ]


def numbers(evidence: PlanEvidence) -> str:
    """The plan's numbers with their units."""
    plan, best, target = evidence.plan, evidence.best, evidence.plan.target
    rows = [("Dose", f"<b>{three_digits(best.dose_v_per_m)} V/m</b> <span>{escape(plan.objective)}</span>")]
    if plan.robustness is not None:
        rows.extend(steadiness(plan.robustness, best))
    if plan.uncertainty is not None:
        rows.extend(spread(plan.uncertainty))
    if best.direct_dose_v_per_m is not None:
        off = 100 * (best.dose_v_per_m / best.direct_dose_v_per_m - 1) if best.direct_dose_v_per_m else 0.0
        direct = three_digits(best.direct_dose_v_per_m)
        rows.append(
            (
                f"Dose from a direct solve{escape(by_engine(plan.search))}",
                f"<b>{direct} V/m</b> <span>the search differs by {number(off, 2)} %</span>",
            )
        )
    if best.direct_mean_e_v_per_m is not None:
        rows.append(("Mean |E| in the target", f"<b>{three_digits(best.direct_mean_e_v_per_m)} V/m</b>"))
    rows.append(("Largest |E| in the target", f"<b>{three_digits(best.max_e_v_per_m)} V/m</b>"))
    away = float(np.linalg.norm(np.array(best.peak_mm) - target.center_mm))
    rows.append(
        (
            "Largest |E| in grey matter anywhere",
            f"<b>{three_digits(best.peak_e_v_per_m)} V/m</b> <span>at {point(best.peak_mm)} mm, {number(away)} mm from "
            "the target’s centre</span>",
        )
    )
    if best.dose_v_per_m > 0:
        ratio = best.peak_e_v_per_m / best.dose_v_per_m
        rows.append(("That peak over the dose", f"<b>{number(ratio, 2)}</b>"))
    if plan.coil.max_didt_a_per_s is not None:
        top = plan.coil.max_didt_a_per_s / 1e6
        rows.append(
            (
                "Dose at the coil’s rated maximum",
                f"<b>{three_digits(best.dose_v_per_m * top)} V/m</b> <span>at {three_digits(top)} A/µs</span>",
            )
        )
    field = direction_words(evidence.target_e_v_per_m)
    rows.append(("Mean field in the target runs", f"<b>{field}</b> <span>{crossing_words(evidence)}</span>"))
    moved = "as asked for" if target.snapped_mm == 0 else f"moved {number(target.snapped_mm)} mm to reach grey matter"
    rows += [
        ("Target’s centre", f"<b>{point(target.center_mm)} mm</b> <span>{moved}</span>"),
        (
            "Target’s size",
            f"<b>{number(target.radius_mm)} mm</b> radius, <b>{number(target.volume_mm3 / 1000, 2)} cm³</b> of it grey "
            f"matter, centre <b>{number(evidence.depth_mm)} mm</b> under the scalp",
        ),
    ]
    if target.mni_mm is not None:
        rows.append(("In MNI152 space", f"<b>{point(target.mni_mm)} mm</b>"))
    rows.append(("Where the target comes from", escape(target.source)))
    return "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)


def navigator(evidence: PlanEvidence) -> str:
    """Which files to load, for which image, and the pose itself."""
    plan = evidence.plan
    files = "".join(f"<li><code>{escape(name)}</code>{_made_for(name)}</li>" for name in evidence.navigator_files)
    listed = f'<ul class="files">{files}</ul>' if files else "<p>No navigator file was written with this report.</p>"
    rows = "".join(
        "<tr>" + "".join(f"<td>{number(value, 4)}</td>" for value in row) + "</tr>" for row in evidence.best.pose
    )
    image = f"<code>{escape(plan.frame.image)}</code>" if plan.frame.image else "the image of this plan"
    return (
        f"{listed}<p>In the navigator, load {image} first: the poses are in its frame. After loading, check that the "
        "coil stands on the correct side and that the handle points as shown above.</p>"
        "<h3>Pose of the best placement</h3><p>Coil to world, mm. The coil’s z points into the head, its y away from "
        "the handle, x = y × z; the origin is the centre of the casing’s face.</p>"
        f'<div class="scroll"><table class="matrix"><tbody>{rows}</tbody></table></div>'
    )


def _made_for(name: str) -> str:
    known = [title for word, title in NAVIGATORS.items() if word in name.lower()]
    return f" for {known[0]}" if known else ""


def provenance(plan: Plan) -> str:
    """What the plan was made from, with what, and how long it took."""
    i, j, k = plan.frame.shape
    sha = f'<br><span class="hash">sha256 {escape(plan.frame.sha256)}</span>' if plan.frame.sha256 else ""
    image = (
        f"<p>Image: <code>{escape(plan.frame.image)}</code>, {i} × {j} × {k} voxels, frame “{escape(plan.frame.name)}”."
        f"{sha}</p><p>Coil model: {escape(plan.coil.source)}</p>"
    )
    total = {
        **{name: duration(s) for name, s in plan.seconds.items()},
        "together": duration(sum(plan.seconds.values())),
    }
    search = dict(_named_value(name, value) for name, value in plan.search.items())
    conductivity = {name: f"{value:g} S/m" for name, value in plan.conductivity_s_per_m.items()}
    blocks = (
        ("Search", search),
        ("Conductivity", conductivity),
        ("Time", total if plan.seconds else {}),
        ("Versions", {**plan.versions, "plan format": plan.schema_version}),
    )
    return image + '<div class="tables">' + "".join(_table(title, rows) for title, rows in blocks if rows) + "</div>"


def _named_value(name: str, value: float | int | str) -> tuple[str, str]:
    """A search parameter in words: its name carries the unit, ``hair_mm`` is "hair", "4 mm"."""
    words, _, unit = name.rpartition("_")
    if unit not in UNITS or not words:
        words, unit = name, ""
    text = value if isinstance(value, str) else f"{value:,.10g}".replace(",", "\u202f").replace("-", "−")
    return words.replace("_", " "), text + UNITS[unit]


def _table(title: str, rows: Mapping[str, str]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in rows.items()
    )
    return f"<div><h3>{title}</h3><table><tbody>{body}</tbody></table></div>"
