"""Which heads of a cohort need a look: what their own check says, and what lies far from the others'.

A number is far from the others' by its robust z, 0.6745 (x − median) / MAD with MAD the median of the distances from the
median, where that is beyond 3.5 (Iglewicz & Hoaglin 1993, How to detect and handle outliers, ASQC Quality Press).  Medians of
fewer than five people say little, so with fewer none is far.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from targeting.cohort.group_plans import PlanKind, Planned
from targeting.plans.tms import TmsPlan
from targeting.report.volumes import ranges
from targeting.words.numbers import number, three_digits

FAR = 3.5
LEAST_PEOPLE = 5
OF_NORMAL = 0.6745  # MAD of a normal distribution, in its standard deviations
TABLES = ("anat/{}_desc-tissues_dseg.json", "nibs/{}_head.json")  # where the participant level tells of a head
PICTURE = "figures/{}_desc-headcheck_T1w.png"


@dataclass(frozen=True)
class Head:
    """A person's head as the participant level checked it.

    Parameters
    ----------
    person : str
    volumes_ml : mapping of str to float
        By the names of ``volumes.toml``; empty where nothing is known.
    own_flags : mapping of str to str
        Name → what is odd about that volume.
    picture : Path or None
        Of the outlines over the image.
    """

    person: str
    volumes_ml: Mapping[str, float]
    own_flags: Mapping[str, str]
    picture: Path | None


@dataclass(frozen=True)
class Flag:
    """Why a person needs a look.

    Parameters
    ----------
    person : str
    words : str
    kind : PlanKind, optional
        The plans it is about; None: the head, and so all of them.
    """

    person: str
    words: str
    kind: PlanKind | None = None


def read_heads(planned: Sequence[Planned]) -> list[Head]:
    """The heads that plans are of, each once, in the order of the people."""
    folders = {each.person: each.folder for each in planned}
    return [_head(person, folder) for person, folder in folders.items()]


def _head(person: str, folder: Path) -> Head:
    known: dict[str, dict[str, object]] = {}
    for path in (folder / each.format(person) for each in TABLES):
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            break
        except (OSError, ValueError):
            continue
    volumes = {name: float(ml) for name, ml in _mapping(known, "VolumesMl").items()}
    flags = {name: str(words) for name, words in _mapping(known, "VolumeFlags").items()}
    picture = folder / PICTURE.format(person)
    return Head(person, volumes, flags, picture if picture.is_file() else None)


def _mapping(known: object, name: str) -> dict[str, float | str]:
    found = known.get(name) if isinstance(known, dict) else None
    return found if isinstance(found, dict) else {}


def robust_z(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each of some numbers lies from their median, in robust standard deviations; all 0 where half are the same.

    Examples
    --------
    >>> robust_z([1.0, 2.0, 3.0, 4.0, 50.0]).round(2).tolist()
    [-1.35, -0.67, 0.0, 0.67, 31.7]
    """
    found = np.asarray(values, np.float64)
    away = found - np.median(found)
    mad = np.median(np.abs(away))
    return OF_NORMAL * away / mad if mad > 0 else np.zeros(len(found))


def scalp_to_target_mm(plan: TmsPlan) -> float:
    """From the scalp under the coil's centre to the target's centre."""
    return float(np.linalg.norm(np.subtract(plan.placements[0].scalp_mm, plan.target.center_mm)))


def flags_on(planned: Planned, flags: Sequence[Flag]) -> list[Flag]:
    """Of some flags those about a plan: about its head, and about what is of its kind."""
    return [each for each in flags if each.person == planned.person and each.kind in (None, planned.kind)]


def flags_of(heads: Sequence[Head], kinds: Mapping[PlanKind, Sequence[Planned]]) -> list[Flag]:
    """Why heads and plans need a look, person by person.

    Parameters
    ----------
    heads : sequence of Head
    kinds : mapping of PlanKind to sequence of Planned
        One plan of each person.
    """
    titles = {each.name: _small(each.title) for each in ranges()}
    found = [
        Flag(head.person, f"{titles.get(name, name)} {words}")
        for head in heads
        for name, words in head.own_flags.items()
    ]
    for name in dict.fromkeys(name for head in heads for name in head.volumes_ml):
        known = {head.person: head.volumes_ml[name] for head in heads if name in head.volumes_ml}
        found += _far(known, f"{titles.get(name, name)} of", "mL", 0)
    for kind, plans in kinds.items():
        doses = {each.person: each.dose_v_per_m for each in plans}
        found += _far(doses, f"{kind.target} {kind.side}: a dose of", "V/m", None, kind)
        coils = {each.person: scalp_to_target_mm(each.plan) for each in plans if isinstance(each.plan, TmsPlan)}
        found += _far(coils, f"{kind.target} {kind.side}: from scalp to target", "mm", 1, kind)
    order = [head.person for head in heads]
    return sorted(found, key=lambda each: order.index(each.person))


def _far(
    known: Mapping[str, float], what: str, unit: str, decimals: int | None, kind: PlanKind | None = None
) -> list[Flag]:
    """Flags of those whose number is far from the others'."""
    if len(known) < LEAST_PEOPLE:
        return []
    middle = float(np.median(list(known.values())))
    said = three_digits if decimals is None else lambda value: number(value, decimals)
    return [
        Flag(
            person,
            f"{what} {said(value)} {unit} is far from the others’ (median {said(middle)} {unit}; robust z {number(float(z))})",
            kind,
        )
        for (person, value), z in zip(known.items(), robust_z(list(known.values())), strict=True)
        if abs(z) > FAR
    ]


def _small(title: str) -> str:
    """A title within a sentence: "grey matter", but "CSF"."""
    return title if title.isupper() else title[:1].lower() + title[1:]
