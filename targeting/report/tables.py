"""The report's tables and lists as HTML; every text from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape

import numpy as np

from targeting.engines import by_engine
from targeting.navigation.navigators import product_of
from targeting.plans.tes import TesPlan
from targeting.plans.tms import Placement, Plan
from targeting.records.json_records import plain
from targeting.report.evidence import PlanEvidence
from targeting.report.folds import crossing_words
from targeting.report.held_off import held_off_cell
from targeting.report.turned import angle_facts
from targeting.report.volumes import STRETCHED
from targeting.robustness.words import steadiness_facts
from targeting.uncertainty.words import spread_facts
from targeting.words.numbers import direction_words, duration, number, point, three_digits
from targeting.words.target import size_words

UNITS = {"": "", "mm": " mm", "deg": "°", "s": " s"}


def ranking(placements: Sequence[Placement], side: str) -> str:
    """Rows of the best placements; ``side`` of the target, where the handle's outwards is."""
    from targeting.tms.orientation import handle_deg

    best = placements[0]
    rows = []
    for each in placements:
        moved = float(np.linalg.norm(np.array(each.scalp_mm) - best.scalp_mm))
        cells = (
            three_digits(each.dose_v_per_m),
            number(100 * each.dose_v_per_m / best.dose_v_per_m if best.dose_v_per_m else 0.0),
            number(moved),
            number(handle_deg(np.array(each.pose), side), 0),
            ", ".join(number(x) for x in each.scalp_mm),
            number(each.distance_mm),
            held_off_cell(each),
        )
        rows.append(f'<tr><th scope="row">{each.rank}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "\n".join(rows)


def numbers(evidence: PlanEvidence) -> str:
    """The plan's numbers with their units."""
    plan, best, target = evidence.plan, evidence.best, evidence.plan.target
    rows = [("Dose", f"<b>{three_digits(best.dose_v_per_m)} V/m</b> <span>{escape(plan.objective)}</span>")]
    if plan.robustness is not None:
        rows.extend(each.row for each in steadiness_facts(plan.robustness, best))
    if plan.uncertainty is not None:
        rows.extend(each.row for each in spread_facts(plan.uncertainty))
    if best.direct_dose_v_per_m is not None:
        off = 100 * (best.dose_v_per_m / best.direct_dose_v_per_m - 1) if best.direct_dose_v_per_m else 0.0
        direct = three_digits(best.direct_dose_v_per_m)
        rows.append(
            (
                f"Dose from a direct solve{escape(by_engine(plan.search.direct_solves_by))}",
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
                f"<b>{three_digits(best.dose_v_per_m * top)} V/m</b> <span>at {three_digits(top)} A/µs"
                f"{f': {escape(plan.coil.name)} on a {escape(plan.coil.rated_on)}' if plan.coil.rated_on else ''}</span>",
            )
        )
    rows.extend(each.row for each in angle_facts(plan))
    field = direction_words(evidence.target_e_v_per_m)
    rows.append(("Mean field in the target runs", f"<b>{field}</b> <span>{crossing_words(evidence)}</span>"))
    moved = "as asked for" if target.snapped_mm == 0 else f"moved {number(target.snapped_mm)} mm to reach grey matter"
    rows += [
        ("Target’s centre", f"<b>{point(target.center_mm)} mm</b> <span>{moved}</span>"),
        ("Target’s size", f"{size_words(target)}, centre <b>{number(evidence.depth_mm)} mm</b> under the scalp"),
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
    return (
        f"{listed}<p>{_image_to_load(plan.frame.image)}</p>"
        "<h3>Pose of the best placement</h3><p>Coil to world, mm. The coil’s z points into the head, its y away from "
        "the handle, x = y × z; the origin is the centre of the casing’s face.</p>"
        f'<div class="scroll"><table class="matrix"><tbody>{rows}</tbody></table></div>'
    )


def _image_to_load(image: str) -> str:
    """Which image a navigator needs beside the files, HTML."""
    if image == STRETCHED:
        return (
            "This head is a demonstration and has no image: a navigator cannot load the files with an image of this head. They "
            "show what such files are like."
        )
    named = f"<code>{escape(image)}</code>" if image else "the image of this plan"
    if image.lower().endswith((".msh", ".vtu")):
        named = f"the T1 that <code>{escape(image)}</code> was made from"
    return (
        f"In the navigator, load {named} first: the poses are in its frame. After loading, check that the coil stands on the "
        "correct side and that the handle points as shown above."
    )


def _made_for(name: str) -> str:
    product = product_of(name)
    return f" for {escape(product)}" if product else ""


def provenance(plan: Plan) -> str:
    """What the plan was made from, with what, and how long it took."""
    return image_of(plan) + f"<p>Coil model: {escape(plan.coil.source)}</p>" + provenance_tables(plan)


def image_of(plan: Plan | TesPlan) -> str:
    """The image that the plan's coordinates belong to."""
    i, j, k = plan.frame.shape
    sha = f'<br><span class="hash">sha256 {escape(plan.frame.sha256)}</span>' if plan.frame.sha256 else ""
    return (
        f"<p>Image: <code>{escape(plan.frame.image)}</code>, {i} × {j} × {k} voxels, frame “{escape(plan.frame.name)}”."
        f"{sha}</p>"
    )


def provenance_tables(plan: Plan | TesPlan) -> str:
    """How a plan was made: its search, conductivities, seconds and versions."""
    total = {
        **{name: duration(s) for name, s in plan.seconds.items()},
        "together": duration(sum(plan.seconds.values())),
    }
    search = dict(_named_value(*each) for each in plain(replace(plan.search, command=None)).items())
    conductivity = {name: f"{value:g} S/m" for name, value in plan.conductivity_s_per_m.items()}
    blocks = (
        ("Search", search),
        ("Conductivity", conductivity),
        ("Time", total if plan.seconds else {}),
        ("Versions", {**plan.versions, "plan format": plan.schema_version}),
    )
    return '<div class="tables">' + "".join(_table(title, rows) for title, rows in blocks if rows) + "</div>"


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
