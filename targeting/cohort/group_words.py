"""What a group of plans says in plain text: the answer in a line, facts of each kind of plan, and what must be known, too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from targeting.cohort.group import Group, KindOfPlan
from targeting.cohort.group_comparison import LEVEL, Comparison
from targeting.cohort.group_gain import NOT_AVERAGED
from targeting.cohort.group_heads import scalp_to_target_mm
from targeting.cohort.group_maps import FSLR
from targeting.cohort.group_plans import Planned
from targeting.cohort.group_table import handle_of, output_percent
from targeting.cohort.person import DANGER
from targeting.modality import TMS
from targeting.plans.tms import TmsPlan
from targeting.records.warnings import PlanWarning, danger, in_order, note, warning
from targeting.reviewing.summary import median_angle_deg
from targeting.words.fact import Fact
from targeting.words.numbers import degrees, direction_words, listed, number, point, three_digits

MOST_TOLD = 12  # people that a page names before the table must be asked
MOST_NAMED = 2  # kinds of plans whose dose the headline says
MOST_PEOPLE = 6  # that a sentence names
STANDARD = "standard montage (M1-SO)"


def people_words(n: int) -> str:
    """How many people.

    Examples
    --------
    >>> people_words(1), people_words(12)
    ('1 person', '12 people')
    """
    return "1 person" if n == 1 else f"{n:,} people"


def names_words(people: Sequence[str]) -> str:
    """Some people by their names, and how many more.

    Examples
    --------
    >>> names_words(["sub-01", "sub-02"]), names_words([f"sub-{i}" for i in range(9)])
    ('sub-01 and sub-02', 'sub-0, sub-1, sub-2, sub-3, sub-4, sub-5 and 3 more')
    """
    if len(people) <= MOST_PEOPLE:
        return listed(list(people))
    return listed([*people[:MOST_PEOPLE], f"{len(people) - MOST_PEOPLE} more"])


def kind_words(each: KindOfPlan) -> str:
    """The target with its side."""
    return f"{each.kind.target} {each.kind.side}".strip()


def headline(group: Group) -> str:
    """The answer in a line: how many people, their dose, and how many need a look."""
    known = [(each, each.dose_v_per_m) for each in group.kinds]
    doses = [f"{three_digits(dose)} V/m ({kind_words(each)})" for each, dose in known if dose is not None]
    if len(known) == 1 and doses:
        doses = [doses[0].partition(" (")[0]]
    if not doses:
        said = ", no dose as nobody counts"
    elif len(known) <= MOST_NAMED:
        median = "median dose" if any(len(each.counted) > 1 for each in group.kinds) else "dose"
        said = f", {median} {' and '.join(doses)}"
    else:
        said = f" with {len(known)} kinds of plans"
    return f"{people_words(len(group.people))}{said}; {look_words(group)}"


def look_words(group: Group) -> str:
    """How many people need a look."""
    n = len(group.doubtful)
    return "nobody needs a look" if n == 0 else f"{n} need{'s' if n == 1 else ''} a look"


def people_fact(group: Group) -> Fact:
    """Who has a plan, of those asked for."""
    missing = f"{len(group.missing)} without: see below" if group.missing else "everybody has a plan"
    return Fact("People", f"{len(group.people)} of {group.asked}", more=missing)


def look_fact(group: Group) -> Fact:
    """Who needs a look."""
    if not group.doubtful:
        return Fact("Need a look", "nobody", more="no head is flagged, and everybody has a plan")
    return Fact("Need a look", str(len(group.doubtful)), more=names_words([f"sub-{each}" for each in group.doubtful]))


def dose_fact(each: KindOfPlan) -> Fact:
    """The dose of those who count."""
    doses, n = each.doses_v_per_m, len(each.counted)
    name = f"Dose, {kind_words(each)}"
    if each.dose_v_per_m is None:
        return Fact(name, "–", more="nobody counts")
    spread = "" if n == 1 else f"median of {n}; {_range(doses)}; "
    return Fact(name, three_digits(each.dose_v_per_m), "V/m", f"{spread}at {each.kind.conditions}, {each.kind.tool}")


def gain_fact(each: KindOfPlan) -> Fact | None:
    """What individualising gains; None where it is not known."""
    gain = each.gain
    if gain is None:
        return None
    interval = (
        "" if gain.low is None or gain.high is None else f"95 % interval {_times(gain.low)} to {_times(gain.high)}; "
    )
    more = f"own ÷ {common_words(each)}, median of {gain.n}; {interval}".rstrip("; ")
    return Fact(f"Gain, {kind_words(each)}", f"× {_times(gain.median)}", more=more)


def common_words(each: KindOfPlan) -> str:
    """What is the same for all."""
    return "others’ mean pose" if each.kind.kind == TMS else STANDARD


def gain_sentence(each: KindOfPlan) -> str:
    """What individualising gains, in a plain sentence."""
    gain, coil = each.gain, each.kind.kind == TMS
    if gain is None:
        return "What individualising gains is not known."
    own, common = ("pose", "the others’ mean pose") if coil else ("montage", f"the {STANDARD} at the same current")
    more = sum(ratio > 1 for ratio in each.ratios)
    if gain.n == 1:
        return f"In the one person who is known their own {own} gives {_times(gain.median)} times the dose of {common}."
    interval = (
        "fewer than six people have no 95 % interval"
        if gain.low is None or gain.high is None
        else f"95 % interval {_times(gain.low)} to {_times(gain.high)}"
    )
    return (
        f"In the median person their own {own} gives {_times(gain.median)} times the dose of {common} ({interval}). "
        f"{more} of {people_words(gain.n)} get more by their own; the least gets {_times(min(each.ratios))} times, the most "
        f"{_times(max(each.ratios))} times."
    )


def unknown_sentences(each: KindOfPlan) -> list[str]:
    """Why what individualising gains is not known of some."""
    return [
        f"Not known of {names_words(people)}: {why}."
        for why, people in each.unknown.items()
        if why != NOT_AVERAGED or len(each.plans) > 1
    ]


def left_out_sentence(each: KindOfPlan, group: Group) -> str:
    """Who does not count, how many and why; "" where everybody does."""
    out = [one for one in each.plans if one.person not in each.counted]
    if not out:
        return ""
    reasons = [f"{one.person} ({'; '.join(flag.words for flag in group.flags_on(one))})" for one in out[:MOST_PEOPLE]]
    more = [f"{len(out) - MOST_PEOPLE} more"] if len(out) > MOST_PEOPLE else []
    return f"{people_words(len(out))} left out of all that follows: {listed([*reasons, *more])}."


def averaged_sentence(each: KindOfPlan) -> str:
    """What cannot be averaged, and why; "" where it can."""
    if len(each.counted) > 1:
        return ""
    if not each.counted:
        return "Nobody counts, so nothing is averaged: look at the heads, and accept those that are right in a table."
    return "Only one person counts: nothing can be averaged, and there is nobody to hold the pose against."


def kind_facts(each: KindOfPlan) -> list[Fact]:
    """The numbers of those who count."""
    counted = [one for one in each.plans if one.person in each.counted]
    facts = []
    if counted:
        doses = np.array(each.doses_v_per_m)
        more = f"at {each.kind.conditions}; {each.kind.dose}"
        if len(doses) > 1:
            mean, sd = three_digits(float(doses.mean())), three_digits(float(doses.std(ddof=1)))
            more = f"median; {_range(each.doses_v_per_m)}; mean {mean}, standard deviation {sd} V/m; {more}"
        facts.append(Fact("Dose", three_digits(float(np.median(doses))), "V/m", more))
    coils = [one.plan for one in counted if isinstance(one.plan, TmsPlan)]
    if coils:
        facts.append(_middle("From scalp to target", [scalp_to_target_mm(plan) for plan in coils], "mm"))
    depths = [pair.depth_mm for pair in each.pairs if pair.person in each.counted and pair.depth_mm is not None]
    if depths:
        facts.append(_middle("Depth of the target under the scalp", depths, "mm"))
    if coils:
        angles = [handle_of(plan)[0] for plan in coils]
        more = "to the midline, positive outwards"
        more += "" if len(angles) == 1 else f"; median, from {degrees(min(angles))} to {degrees(max(angles))}"
        facts.append(Fact("Handle", degrees(median_angle_deg(np.array(angles)) or 0.0), more=more))
    outputs = [percent for percent in map(output_percent, coils) if percent is not None]
    if outputs:
        facts.append(_middle("Output", [float(each) for each in outputs], "% MSO", 0))
    if each.pose is not None:
        handle = direction_words(each.pose.pose.handle)
        more = (
            f"mm in MNI152, the handle pointing {handle}; people’s places lie {number(each.pose.places_mm)} mm from it and "
            f"their handles {degrees(each.pose.handles_deg)} (root mean squares over {each.pose.n})"
        )
        facts.append(Fact("Mean pose", point(each.pose.pose.scalp_mm), more=more))
    return facts


def map_sentence(each: KindOfPlan) -> str:
    """How many people's maps the mean is of, and who has none."""
    counted = len(each.counted)
    if counted < 2:
        return ""
    if not each.maps:
        return "There are no maps of two people or more to be averaged."
    said = []
    for one in each.maps:
        where = "fs_LR 32k" if one.space == FSLR else "MNI152"
        fewer = "" if len(one.people) == counted else f" of the {counted} who count (the others have none)"
        said.append(f"on {where} of {people_words(len(one.people))}{fewer}")
    if all(one.space != FSLR for one in each.maps):
        said.append("on fs_LR of nobody, as the folds of the cortex are not known of two people or more")
    return f"Mean maps: {'; '.join(said)}."


def comparison_sentence(found: Comparison) -> str:
    """Where two groups differ, and what so few people could tell at most."""
    who = " and ".join(f"{name} ({n})" for name, n in zip(found.names, found.people, strict=True))
    floor = f"{people_words(sum(found.people))} can give no p below {found.smallest_p:.2g}"
    if found.smallest_p >= LEVEL:
        return f"Between {who} no difference could be found: {floor}."
    n = int(found.differs.sum())
    if n == 0:
        least = float(np.nanmin(found.p)) if np.isfinite(found.p).any() else 1.0
        return f"Between {who} |E| differs at no vertex; the smallest p for all vertices together is {least:.2g} ({floor})."
    at = int(np.nanargmax(np.where(found.differs, np.abs(found.t), np.nan)))
    difference = float(found.difference_v_per_m[at])
    first, second = found.names if difference > 0 else found.names[::-1]
    return (
        f"|E| differs between {who} at {n:,} of {np.isfinite(found.p).sum():,} vertices (p < {LEVEL:g} for all vertices "
        f"together; {floor}). At the clearest {first} has {three_digits(abs(difference))} V/m more than {second}."
    )


def group_warnings(group: Group) -> list[PlanWarning]:
    """What must be known before the numbers are used: dangers, who is left out and why, who has no plan; then notes."""
    dangers = [
        danger(f"plan of {each.person}, {each.kind.title}: {each.remark}")
        for each in group.planned
        if each.state == DANGER
    ]
    found = [*_flagged(group), *_failed(group)]
    found += [f"no plan of {each.person}: {each.why}" for each in group.missing]
    more = [f"and {len(found) - MOST_TOLD} more; the table has them all"] if len(found) > MOST_TOLD else []
    told = [warning(each) for each in [*found[:MOST_TOLD], *more]]
    return in_order([*dangers, *told, *map(note, _notes(group))])


def _flagged(group: Group) -> list[str]:
    """Who is left out, person by person."""
    reasons: dict[str, list[str]] = {}
    labels = {each.person: each.label for each in group.planned}
    for flag in group.flags:
        if labels[flag.person] not in group.accepted:
            reasons.setdefault(flag.person, []).append(flag.words)
    return [f"left out: {person}, {'; '.join(words)}" for person, words in reasons.items()]


def _failed(group: Group) -> list[str]:
    return [f"of {each.person} {each.remark}" for each in group.planned if each.remark and each.state != DANGER]


def _notes(group: Group) -> list[str]:
    flagged = {each.person for each in group.flags}
    people = {each.label: each.person for each in group.planned if each.person in flagged}
    found = [
        f"flagged, and counts as accepted: {people[label]}, {why}"
        for label, why in group.accepted.items()
        if label in people
    ]
    if {"left", "right"} <= {each.kind.side for each in group.kinds}:
        found.append(
            "left and right targets are summed up apart; left is left, and no map is mirrored onto the other side"
        )
    for each in group.kinds:
        shapes = {shape: sum(one.plan.target.shape == shape for one in each.plans) for shape in ("patch", "ball")}
        if all(shapes.values()):
            found.append(
                f"{kind_words(each)}: the target is a patch of cortex in {people_words(shapes['patch'])}, whose folds are "
                f"known, and a ball in {people_words(shapes['ball'])}: their doses are of different volumes"
            )
    several = _more_sessions(group.planned)
    if several:
        found.append(
            f"of {names_words(several)} several sessions have the same plan; the first counts, the table has all"
        )
    return found


def _more_sessions(planned: Sequence[Planned]) -> list[str]:
    seen: dict[tuple[str, str], set[str]] = {}
    for each in planned:
        seen.setdefault((each.label, each.kind.label), set()).add(each.session)
    return list(dict.fromkeys(f"sub-{label}" for (label, _), sessions in seen.items() if len(sessions) > 1))


def _middle(name: str, values: Sequence[float], unit: str, decimals: int = 1) -> Fact:
    low, high = (number(each, decimals) for each in (min(values), max(values)))
    more = "" if len(values) == 1 else f"median; {low} to {high}"
    return Fact(name, number(float(np.median(values)), decimals), unit, more)


def _range(values: Sequence[float]) -> str:
    return f"{three_digits(min(values))} to {three_digits(max(values))}"


def _times(ratio: float) -> str:
    return number(ratio, 2)
