"""``group.html``: the answer, the plans kind by kind, everybody in a table that can be sorted, and all heads on a sheet."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from targeting.cohort.group import Group, KindOfPlan
from targeting.cohort.group_comparison import LEVEL, PERMUTATIONS
from targeting.cohort.group_gain import COVERAGE
from targeting.cohort.group_heads import FAR, LEAST_PEOPLE, Head, scalp_to_target_mm
from targeting.cohort.group_maps import FSLR, MNI
from targeting.cohort.group_pictures import (
    brain_end,
    brain_peak_mm,
    cortex_picture,
    gain_picture,
    scale_end_of,
    slices_picture,
)
from targeting.cohort.group_plans import Planned
from targeting.cohort.group_table import TABLE, handle_of, output_percent
from targeting.cohort.group_words import (
    averaged_sentence,
    common_words,
    comparison_sentence,
    dose_fact,
    gain_fact,
    gain_sentence,
    group_warnings,
    headline,
    kind_facts,
    kind_words,
    left_out_sentence,
    look_fact,
    map_sentence,
    people_fact,
    people_words,
    unknown_sentences,
)
from targeting.modality import TMS
from targeting.plans.tms import TmsPlan
from targeting.report.figures import Figure
from targeting.report.head_check import KEYS
from targeting.report.page import render_page
from targeting.words.fact import Fact
from targeting.words.numbers import degrees, number, percent, three_digits

SHOWN = 20  # rows of the table before anybody asks for more
HEADS = (
    ("Person", ""),
    ("Target", ""),
    ("Side", ""),
    ("Dose", "V/m"),
    ("Own ÷ common", ""),
    ("Scalp to target", "mm"),
    ("Depth", "mm"),
    ("Handle", "to the midline"),
    ("Output", "% MSO"),
    ("Warnings", ""),
    ("State", ""),
)
NOTHING, LAST = "–", -9999.0  # of a value that is not known: what is shown, and what it is sorted by


@dataclass(frozen=True)
class Cell:
    """A cell of the table: what is shown, what stands small below it, what it is sorted by."""

    text: str
    more: str = ""
    value: float | str = ""


@dataclass(frozen=True)
class Row:
    """A row of the table; ``report`` is the address of the person's own page, "" without one."""

    cells: tuple[Cell, ...]
    report: str
    odd: bool


@dataclass(frozen=True)
class HeadPicture:
    """A head on the sheet: its picture as an address of its own, with its size, and what is flagged."""

    person: str
    uri: str
    width: int
    height: int
    flags: tuple[str, ...]
    accepted: str


@dataclass(frozen=True, eq=False)
class Section:
    """What the page says of one kind of plan."""

    anchor: str
    title: str
    facts: list[Fact]
    left_out: str
    averaged: str
    gain: Figure | None
    gain_words: str
    unknown: list[str]
    maps: list[Figure]
    map_words: str
    comparison: str
    comparison_map: Figure | None
    files: list[str]


def page_of(group: Group, folder: Path) -> str:
    """The whole page as HTML.

    Parameters
    ----------
    group : Group
    folder : Path
        Where the page will lie, for the links to people's own pages.
    """
    gains = [fact for fact in map(gain_fact, group.kinds) if fact is not None]
    look = look_fact(group)
    boxes = [
        (people_fact(group), ""),
        *((dose_fact(each), "") for each in group.kinds),
        *((each, "") for each in gains),
    ]
    boxes.append((look, "amber" if group.doubtful else "calm"))
    rows = _rows(group, folder)
    return render_page(
        "cohort/group.html.jinja",
        running=[group.dataset, headline(group)],
        group=group,
        said=_unbroken(group),
        boxes=boxes,
        warnings=group_warnings(group),
        sections=[_section(i, each, group) for i, each in enumerate(group.kinds, 1)],
        heads=HEADS,
        rows=rows,
        shown=SHOWN,
        table=TABLE,
        pictures=[_head_picture(each, group) for each in group.heads],
        keys=KEYS,
        how=_how(group),
    )


def _unbroken(group: Group) -> str:
    """The headline, with names and numbers that no line breaks."""
    said = headline(group).replace(" V/m", "\u00a0V/m")
    for name in map(kind_words, group.kinds):
        said = said.replace(name, name.replace("-", "\u2011").replace(" ", "\u00a0"))
    return said


def _section(number_of: int, each: KindOfPlan, group: Group) -> Section:
    files = [
        f"{one.space}_stat-{statistic}_desc-{each.kind.label}_efield"
        for one in each.maps
        for statistic in ("mean", "sd")
    ]
    comparison = each.comparison
    return Section(
        anchor=f"plan-{number_of}",
        title=each.kind.title,
        facts=[Fact("People", f"{len(each.counted)} of {len(each.plans)}", more="count"), *kind_facts(each)],
        left_out=left_out_sentence(each, group),
        averaged=averaged_sentence(each),
        gain=_gain_figure(each),
        gain_words=gain_sentence(each) if each.gain is not None else "",
        unknown=unknown_sentences(each),
        maps=_map_figures(each),
        map_words=map_sentence(each),
        comparison=comparison_sentence(comparison) if comparison is not None else each.not_compared,
        comparison_map=_comparison_figure(each),
        files=files,
    )


def _gain_figure(each: KindOfPlan) -> Figure | None:
    gain = each.gain
    if gain is None:
        return None
    pairs = [pair for pair in each.pairs if pair.person in each.counted and pair.ratio is not None]
    band = "" if gain.low is None else f", the band its {percent(COVERAGE)} interval"
    return Figure(
        gain_picture(pairs, gain, common_words(each), f"V/m at {each.kind.conditions}"),
        "Own plan against the same for all",
        f"Left: each line is a person, the dose of the {common_words(each)} and of their own plan in the same target. Right: "
        f"their ratio; the line is the median{band}, dashed is no gain.",
        f"Paired dots of {people_words(len(pairs))}: dose with the {common_words(each)} and with the own plan, and beside them "
        f"the ratios. {gain_sentence(each)}",
    )


def _map_figures(each: KindOfPlan) -> list[Figure]:
    found = []
    of_space = {one.space: one for one in each.maps}
    conditions, title = each.kind.conditions, each.kind.title
    if FSLR in of_space:
        group_map = of_space[FSLR]
        n = people_words(len(group_map.people))
        top = scale_end_of(group_map.mean)
        words = f"mean |E| in V/m at {conditions}"
        alt = (
            "The group's cortex from the left, from above with left on the left, and from the right, coloured by the mean "
            f"|E| over {n}, {title}."
        )
        found.append(
            Figure(cortex_picture(group_map.mean, "magnE", words, top), "Mean", f"|E| over {n} on fs_LR 32k.", alt)
        )
        top = scale_end_of(group_map.sd)
        words = f"standard deviation of |E| in V/m at {conditions}"
        found.append(
            Figure(
                cortex_picture(group_map.sd, "magnE", words, top),
                "Standard deviation",
                f"Over the same {n}, on a scale of its own.",
                alt.replace("the mean |E|", "the standard deviation of |E|"),
            )
        )
    if MNI in of_space:
        group_map = of_space[MNI]
        n = people_words(len(group_map.people))
        top = scale_end_of(of_space[FSLR].mean) if FSLR in of_space else brain_end(group_map.mean)
        words = f"mean |E| in V/m at {conditions}"
        found.append(
            Figure(
                slices_picture(group_map.mean, _place_in_mni(each, group_map.mean), words, top),
                "Mean in MNI152",
                f"|E| over {n} within the template’s brain, through {_place_words(each)}; left is on the left.",
                f"Axial, coronal and sagittal slice of the MNI152 template, coloured by the mean |E| over {n}, {title}; left "
                "is on the left.",
            )
        )
    return found


def _place_in_mni(each: KindOfPlan, mean: NDArray[np.float64]) -> list[float]:
    """The target in MNI152, as far as plans have it; else where the mean field is largest within a brain."""
    asked = [one.plan.target.mni_mm for one in each.plans if one.plan.target.mni_mm is not None]
    return [float(x) for x in np.median(asked, axis=0)] if asked else brain_peak_mm(mean)


def _place_words(each: KindOfPlan) -> str:
    known = any(one.plan.target.mni_mm is not None for one in each.plans)
    return "the target" if known else "the largest mean"


def _comparison_figure(each: KindOfPlan) -> Figure | None:
    found = each.comparison
    if found is None or not found.differs.any():
        return None
    first, second = found.names
    shown = np.where(found.differs, found.difference_v_per_m, np.nan)
    top = float(np.nanmax(np.abs(shown)))
    return Figure(
        cortex_picture(shown, "normalE", f"{first} − {second}, mean |E| in V/m at {each.kind.conditions}", top),
        f"Where {first} and {second} differ",
        f"Difference of the means where p < {LEVEL:g} for all vertices together; red: {first} has more.",
        "The group's cortex from the left, from above and from the right, coloured where groups differ. "
        f"{comparison_sentence(found)}",
    )


def _rows(group: Group, folder: Path) -> list[Row]:
    rows = [_row(each, group, folder) for each in group.planned]
    for each in group.missing:
        blank = Cell(NOTHING, value=LAST)
        cells = (
            Cell(each.person, value=each.person),
            *[blank] * (len(HEADS) - 2),
            Cell(each.state, each.why, each.state),
        )
        rows.append(Row(cells, "", True))
    return sorted(rows, key=lambda row: str(row.cells[0].value))


def _row(each: Planned, group: Group, folder: Path) -> Row:
    pair, plan = group.pair_of(each), each.plan
    of_coil = plan if isinstance(plan, TmsPlan) else None
    counts = group.counts(each)
    report = each.file("", "report.html")
    cells = (
        Cell(each.person, value=each.person),
        Cell(each.kind.target, each.kind.tool, each.kind.title),
        Cell(each.kind.side or NOTHING, f"pain {plan.pain_side}" if plan.pain_side else "", each.kind.side),
        Cell(three_digits(each.dose_v_per_m), value=each.dose_v_per_m),
        _number(None if pair is None else pair.ratio, 2),
        _number(None if of_coil is None else scalp_to_target_mm(of_coil)),
        _number(None if pair is None else pair.depth_mm),
        _handle(of_coil),
        _number(None if of_coil is None else output_percent(of_coil), 0),
        Cell(str(each.warnings), _dangers(each.dangers), 1000 * each.dangers + each.warnings),
        _state(each, group),
    )
    link = f"../{report.relative_to(folder.parent).as_posix()}" if report.is_file() else ""
    return Row(cells, link, not counts or bool(each.remark))


def _handle(plan: TmsPlan | None) -> Cell:
    if plan is None:
        return Cell(NOTHING, value=LAST)
    angle, held = handle_of(plan)
    return Cell(degrees(angle), held.partition(", handle ")[2], angle)


def _dangers(dangers: int) -> str:
    return "" if not dangers else f"and {dangers} danger{'' if dangers == 1 else 's'}"


def _state(each: Planned, group: Group) -> Cell:
    """Whether a plan counts, and why not."""
    flags = "; ".join(flag.words for flag in group.flags_on(each))
    accepted = group.accepted.get(each.label) if flags else None
    said = "counts" if group.counts(each) else "left out" if flags and accepted is None else "other session"
    if each.remark:
        said = f"{each.state}, {said}"
    more = [each.remark, flags if accepted is None else f"accepted: {accepted}"]
    return Cell(said, "; ".join(filter(None, more)), said)


def _number(value: float | None, decimals: int = 1) -> Cell:
    return Cell(NOTHING, value=LAST) if value is None else Cell(number(value, decimals), value=value)


def _head_picture(head: Head, group: Group) -> HeadPicture:
    uri, width, height = "", 0, 0
    if head.picture is not None:
        data = head.picture.read_bytes()
        width, height = struct.unpack(">II", data[16:24]) if data[12:16] == b"IHDR" else (0, 0)
        uri = "data:image/png;base64," + base64.b64encode(data).decode("ascii")
    flags = tuple(each.words for each in group.flags if each.person == head.person)
    label = next(each.label for each in group.planned if each.person == head.person)
    return HeadPicture(head.person, uri, width, height, flags, group.accepted.get(label, "") if flags else "")


def _how(group: Group) -> list[str]:
    """How the numbers were found, in paragraphs."""
    said = [
        "Plans are summed up together where target, side, coil or montage, current and the meaning of the dose are the same. "
        "Of several sessions of a person the first counts."
    ]
    if any(each.kind.kind == TMS for each in group.kinds):
        said.append(
            "The common pose of a person is the mean of the others who count: each one’s scalp point under the coil and the "
            "direction of the handle there are taken to MNI152 by that person’s own registration; the mean place and the mean "
            "direction are taken back by the registration of the person they are laid on, who is left out of the mean, to the "
            "nearest place of the scalp. There the same coil is set down at the plan’s distance of hair, upright to the scalp, "
            "and its dose is read from the same dose map as the plan’s own. It is the pose of a navigated session without a "
            "model of the person; no tilt or further angle is tried."
        )
    if any(each.kind.kind != TMS for each in group.kinds):
        said.append(
            "A montage is held against the standard one (M1-SO) on the same head at the same total current, as its plan has it."
        )
    said.append(
        f"Intervals of medians are exact, by order statistics, with at least {percent(COVERAGE)} (Thompson 1936, Ann Math Stat "
        "7:122); the ratios of several people share the others’ poses, which the interval does not see."
    )
    said.append(
        "A person is flagged if a volume of their head lies outside what adults have, or if a volume, the dose or the distance "
        f"from scalp to target is far from the others’: a robust z beyond {FAR:g}, from median and MAD of at least "
        f"{LEAST_PEOPLE} people (Iglewicz & Hoaglin 1993). Who is flagged is left out of means, maps and tests unless the "
        "column “accept” of the table says why they count."
    )
    if group.groups is not None:
        said.append(
            f"Groups by {group.groups.column}: at each vertex of fs_LR the t of two samples, with labels shuffled "
            f"{PERMUTATIONS:,} times and the largest |t| of all vertices kept each time (max-T; Westfall & Young 1993; Winkler "
            "2014, NeuroImage 92:381), so that p holds for all vertices together."
        )
    return said
