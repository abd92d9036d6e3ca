"""``plans.tsv``: a row for each person and plan, for other programs; ``plans.json`` says what its columns are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from meshes.whole_files import written_whole
from targeting.cohort.group import Group
from targeting.cohort.group_gain import OwnAndCommon
from targeting.cohort.group_heads import scalp_to_target_mm
from targeting.cohort.group_plans import Planned
from targeting.plans.handling import handle_words
from targeting.plans.tms import TmsPlan
from targeting.tms.orientation import handle_deg

TABLE, ABOUT = "plans.tsv", "plans.json"
NOT_KNOWN = "n/a"  # as BIDS has it
DIGITS = ".6g"

Cell = Callable[[Planned, Group], Any]


def handle_of(plan: TmsPlan) -> tuple[float, str]:
    """The handle's angle to the midline, degrees, and how the coil is held, in the plan's own words."""
    if plan.angle is not None:
        return plan.angle.handle_deg, plan.angle.words
    pose = np.array(plan.placements[0].pose)  # a plan of before 1.6 has no words of its own
    return handle_deg(pose, plan.target.side), handle_words(pose, plan.target.side)


def output_percent(plan: TmsPlan) -> int | None:
    """The stimulator's output, % of the maximum; None where no threshold was given, or no output asked for."""
    return None if plan.dosing is None else plan.dosing.given_percent


def _of_coil(found: Callable[[TmsPlan], Any]) -> Cell:
    return lambda each, _: found(each.plan) if isinstance(each.plan, TmsPlan) else None


def _of_pair(found: Callable[[OwnAndCommon], Any]) -> Cell:
    def cell(each: Planned, group: Group) -> Any:
        pair = group.pair_of(each)
        return None if pair is None else found(pair)

    return cell


# each column: what it is, its unit, the words it may have, and the cell of a plan
COLUMNS: dict[str, tuple[str, str, dict[str, str], Cell]] = {
    "participant_id": ("The person.", "", {}, lambda each, _: f"sub-{each.label}"),
    "session": ("Session of the images that the head is made from.", "", {}, lambda each, _: each.session),
    "plan": ("Name of the plan, as its files have it.", "", {}, lambda each, _: each.name),
    "kind": (
        "Kind of stimulation.",
        "",
        {"tms": "a coil", "tdcs": "two pads", "hd-tdcs": "several small electrodes"},
        lambda each, _: each.kind.kind,
    ),
    "target": ("Name of the target.", "", {}, lambda each, _: each.kind.target),
    "target_side": (
        "Hemisphere of the target.",
        "",
        {"left": "the person's left", "right": "the person's right"},
        lambda each, _: each.kind.side,
    ),
    "pain_side": (
        "Side of the body that hurts.",
        "",
        {"left": "the person's left", "right": "the person's right"},
        lambda each, _: each.plan.pain_side,
    ),
    "tool": ("Coil or montage.", "", {}, lambda each, _: each.kind.tool),
    "state": (
        "How the person's work stands.",
        "",
        {
            "done": "the plan is made",
            "danger": "the plan holds a danger that nobody accepted: it is not to be used",
            "refused": "something that was given cannot be used",
            "failed": "the program failed",
            "no plan": "no run has ended, or its plan is gone",
        },
        lambda each, _: each.state,
    ),
    "dose_v_per_m": (
        "The dose in the target at the current of dose_at; what the dose is stands in dose.",
        "V/m",
        {},
        lambda each, _: each.dose_v_per_m,
    ),
    "dose_at": (
        "The current that the dose is for: rate of change of a coil's, or sum of a montage's anodes.",
        "",
        {},
        lambda each, _: each.kind.conditions.replace("µ", "u"),
    ),
    "dose": ("What the dose is.", "", {}, lambda each, _: each.kind.dose),
    "scalp_to_target_mm": (
        "From the scalp under the coil's centre to the target's centre.",
        "mm",
        {},
        _of_coil(scalp_to_target_mm),
    ),
    "target_depth_mm": (
        "From the target's centre to the nearest point of the scalp; n/a where the work folder is gone.",
        "mm",
        {},
        _of_pair(lambda pair: pair.depth_mm),
    ),
    "handle_deg": (
        "Angle of the coil's handle to the midline, in the scalp's tangent plane, from straight back; positive outwards.",
        "degree",
        {},
        _of_coil(lambda plan: handle_of(plan)[0]),
    ),
    "handle": ("How the coil is held, in the plan's words.", "", {}, _of_coil(lambda plan: handle_of(plan)[1])),
    "output_percent_mso": (
        "Output of the stimulator, share of its maximum; n/a where no motor threshold was given or no output asked for.",
        "%",
        {},
        _of_coil(output_percent),
    ),
    "common_dose_v_per_m": (
        "The dose in the same person's target of what is the same for all: the mean pose in MNI152 of the others who count "
        "(a coil), or the standard montage at the same current; n/a where the work folder is gone.",
        "V/m",
        {},
        _of_pair(lambda pair: pair.common_v_per_m),
    ),
    "own_to_common": (
        "dose_v_per_m over common_dose_v_per_m; n/a unless both are positive.",
        "",
        {},
        _of_pair(lambda pair: pair.ratio),
    ),
    "dangers": ("Dangers of the plan that nobody accepted.", "", {}, lambda each, _: each.dangers),
    "warnings": ("Warnings of the plan.", "", {}, lambda each, _: each.warnings),
    "flags": (
        "Why head or plan need a look.",
        "",
        {},
        lambda each, group: "; ".join(flag.words for flag in group.flags_on(each)),
    ),
    "accepted": (
        "Why a person who is flagged counts all the same.",
        "",
        {},
        lambda each, group: group.accepted.get(each.label) if group.flags_on(each) else None,
    ),
    "counts": (
        "Whether the plan counts in means, maps and tests.",
        "",
        {
            "yes": "it counts",
            "no": "it does not: it is flagged and not accepted, or of another session than the person's first",
        },
        lambda each, group: "yes" if group.counts(each) else "no",
    ),
    "remark": ("What else must be known, or why there is no plan.", "", {}, lambda each, _: each.remark),
}


def write_table(folder: Path, group: Group) -> list[Path]:
    """Write the table and what its columns are.

    Parameters
    ----------
    folder : Path
        Must exist.
    group : Group
    """
    rows = [[_text(cell(each, group)) for *_, cell in COLUMNS.values()] for each in group.planned]
    known_of_missing = ("participant_id", "state", "remark")
    for each in group.missing:
        told = dict(zip(known_of_missing, (each.person, each.state, each.why), strict=True))
        rows.append([_text(told.get(name)) for name in COLUMNS])
    names = list(COLUMNS)
    if group.groups is not None:
        names.append("group")
        labels = [*(each.label for each in group.planned), *(each.label for each in group.missing)]
        rows = [[*row, _text(group.groups.of_label.get(label))] for row, label in zip(rows, labels, strict=True)]
    rows.sort(key=lambda row: row[0])  # people without a plan among the others
    lines = ["\t".join(names), *("\t".join(row) for row in rows)]
    written = [folder / TABLE, folder / ABOUT]
    about = json.dumps(_described(group), indent=1, ensure_ascii=False)
    for path, text in zip(written, ("\n".join(lines), about), strict=True):
        with written_whole(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    return written


def _described(group: Group) -> dict[str, Any]:
    about: dict[str, Any] = {}
    for name, (words, unit, levels, _) in COLUMNS.items():
        about[name] = {
            "Description": words,
            **({"Units": unit} if unit else {}),
            **({"Levels": levels} if levels else {}),
        }
    if group.groups is not None:
        about["group"] = {
            "Description": f"Column {group.groups.column} of the people's table, by which groups are compared."
        }
    return about


def _text(value: Any) -> str:
    """A cell as BIDS has it: no tabs or line ends within, ``n/a`` for what is not known."""
    if isinstance(value, float):
        return format(value, DIGITS) if np.isfinite(value) else NOT_KNOWN
    return " ".join(str(value).split()) if value not in (None, "") else NOT_KNOWN
