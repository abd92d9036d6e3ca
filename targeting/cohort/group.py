"""The group level: everybody's plans in one table and one page, what individualising gains, mean maps, and who needs a look.

A person counts in means, maps and tests if nothing about their head or plan is flagged (:mod:`targeting.cohort.group_heads`),
or if somebody looked at it and accepted it with a reason.  Who does not count is shown all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from meshes.errors import InputError
from targeting.cohort.dataset import Dataset, read_people_table
from targeting.cohort.group_comparison import Comparison, Groups, compare, groups_by, too_few
from targeting.cohort.group_gain import (
    MeanPose,
    Middle,
    OwnAndCommon,
    compared_with_others,
    compared_with_standard,
    median_interval,
)
from targeting.cohort.group_heads import Flag, Head, flags_of, flags_on, read_heads
from targeting.cohort.group_maps import MapOfGroup, average_in_mni, average_on_fslr, maps_on_fslr
from targeting.cohort.group_plans import PlanKind, Planned, Unplanned, kinds_of, once_each, read_plans
from targeting.cohort.people import ACCEPT
from targeting.cohort.person import Folders
from targeting.modality import TMS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Table:
    """What the group level reads of a table of the user's own; empty without one.

    Parameters
    ----------
    columns : tuple of str
    rows : mapping of str to mapping
        Label → column → value.
    """

    columns: tuple[str, ...] = ()
    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path | None, dataset: Dataset) -> Table:
        """The table, if one is given.

        Raises
        ------
        InputError
            If it cannot be read, or names somebody who is not in the dataset.
        """
        if path is None:
            return cls()
        return cls(*read_people_table(path, dataset.labels))

    @property
    def accepted(self) -> dict[str, str]:
        """Label → why a head that is flagged counts all the same."""
        return {label: row[ACCEPT] for label, row in self.rows.items() if ACCEPT in row}


@dataclass(frozen=True, eq=False)
class KindOfPlan:
    """The plans of one kind, summed up.

    Parameters
    ----------
    kind : PlanKind
    plans : tuple of Planned
        One of each person.
    counted : tuple of str
        The people who count.
    pairs : tuple of OwnAndCommon
        Each person's own dose beside that of what is the same for all, in the order of ``plans``.
    pose : MeanPose or None
        Of coils, if two or more count.
    maps : tuple of MapOfGroup
    comparison : Comparison or None
    not_compared : str
        Why groups that were asked for are not compared.
    """

    kind: PlanKind
    plans: tuple[Planned, ...]
    counted: tuple[str, ...]
    pairs: tuple[OwnAndCommon, ...]
    pose: MeanPose | None
    maps: tuple[MapOfGroup, ...]
    comparison: Comparison | None = None
    not_compared: str = ""

    @property
    def left_out(self) -> tuple[str, ...]:
        """The people who have such a plan and do not count."""
        return tuple(each.person for each in self.plans if each.person not in self.counted)

    @property
    def doses_v_per_m(self) -> list[float]:
        """Of those who count."""
        return [each.dose_v_per_m for each in self.plans if each.person in self.counted]

    @property
    def dose_v_per_m(self) -> float | None:
        """The median of those who count; None where nobody does."""
        return float(np.median(self.doses_v_per_m)) if self.counted else None

    @property
    def ratios(self) -> list[float]:
        """Own over common of those who count and whose both doses are known."""
        return [each.ratio for each in self.pairs if each.person in self.counted and each.ratio is not None]

    @property
    def gain(self) -> Middle | None:
        """The median of the ratios; None where there is none."""
        return median_interval(self.ratios) if self.ratios else None

    @property
    def unknown(self) -> dict[str, list[str]]:
        """Why the common dose of some is not known → whose."""
        found: dict[str, list[str]] = {}
        for each in self.pairs:
            if each.ratio is None:
                found.setdefault(each.why or "a dose is not positive", []).append(each.person)
        return found


@dataclass(frozen=True, eq=False)
class Group:
    """Everybody's plans, and what is known of them together.

    Parameters
    ----------
    dataset : str
        Its name.
    asked : int
        How many people were asked for.
    planned : tuple of Planned
        All plans, of all sessions.
    missing : tuple of Unplanned
    heads : tuple of Head
    flags : tuple of Flag
    accepted : mapping of str to str
        Label → why they count though they are flagged.
    kinds : tuple of KindOfPlan
    groups : Groups or None
        That were asked to be compared.
    """

    dataset: str
    asked: int
    planned: tuple[Planned, ...]
    missing: tuple[Unplanned, ...]
    heads: tuple[Head, ...]
    flags: tuple[Flag, ...]
    accepted: Mapping[str, str]
    kinds: tuple[KindOfPlan, ...]
    groups: Groups | None = None

    def flags_on(self, planned: Planned) -> list[Flag]:
        """What is flagged about a plan: its head, and what is of its kind."""
        return flags_on(planned, self.flags)

    def counts(self, planned: Planned) -> bool:
        """Whether a plan counts in what is said of its kind."""
        return any(each.kind == planned.kind and planned.person in each.counted for each in self.kinds)

    def pair_of(self, planned: Planned) -> OwnAndCommon | None:
        """A plan's own dose beside the common one."""
        pairs = [pair for each in self.kinds if each.kind == planned.kind for pair in each.pairs]
        return next((each for each in pairs if each.person == planned.person), None)

    @property
    def people(self) -> list[str]:
        """Labels of those who have a plan, each once."""
        return list(dict.fromkeys(each.label for each in self.planned))

    @property
    def doubtful(self) -> list[str]:
        """Labels of those who need a look: flagged and not accepted, with a danger or a failed run, or without a plan."""
        flagged = {each.person for each in self.flags}
        found = [
            each.label
            for each in self.planned
            if each.remark or (each.person in flagged and each.label not in self.accepted)
        ]
        return list(dict.fromkeys([*found, *(each.label for each in self.missing)]))


def sum_up(
    dataset: Dataset,
    labels: Sequence[str],
    folders: Folders,
    table: Table | None = None,
    groups_column: str | None = None,
    told: Callable[[str], None] = log.info,
) -> Group:
    """Sum up the plans of a cohort; nothing is written.

    Parameters
    ----------
    dataset : Dataset
    labels : sequence of str
        Of the people, without ``sub-``.
    folders : Folders
        With derivatives; where a person's work folder is gone, what needs it is left out.
    table : Table, optional
        Whose column ``accept`` says which flagged heads count.
    groups_column : str, optional
        A column, of the table or of participants.tsv, whose two values make two groups to be compared.
    told : callable
        Is given a line as each part begins.

    Raises
    ------
    InputError
        If nobody has a plan, or the groups cannot be compared.
    """
    table = table or Table()
    groups = groups_by(groups_column, labels, dataset, table.columns, table.rows) if groups_column else None
    planned, missing = read_plans(folders, labels)
    kinds = {kind: once_each(plans) for kind, plans in kinds_of(planned).items()}
    heads = read_heads(planned)
    flags = flags_of(heads, kinds)
    accepted = {label: why for label, why in table.accepted.items() if label in labels}
    counted = {
        kind: [each for each in plans if each.label in accepted or not flags_on(each, flags)]
        for kind, plans in kinds.items()
    }
    if groups is not None:
        faults = [too_few(groups, [each.label for each in plans]) for plans in counted.values()]
        if all(faults):
            raise InputError(faults[0])
    summed = [_summed(kind, plans, counted[kind], folders, groups, told) for kind, plans in kinds.items()]
    return Group(
        dataset.name,
        len(labels),
        tuple(planned),
        tuple(missing),
        tuple(heads),
        tuple(flags),
        accepted,
        tuple(summed),
        groups,
    )


def _summed(
    kind: PlanKind,
    plans: Sequence[Planned],
    counted: Sequence[Planned],
    folders: Folders,
    groups: Groups | None,
    told: Callable[[str], None],
) -> KindOfPlan:
    people = [each.person for each in counted]
    if kind.kind == TMS:
        pairs, pose = compared_with_others(plans, people, folders, told)
    else:
        pairs, pose = compared_with_standard(plans, folders, told), None
    told(f"{kind.title}: maps")
    on_fslr = maps_on_fslr(counted)
    maps = [average_on_fslr(on_fslr), average_in_mni(counted)]
    comparison, why = None, ""
    if groups is not None:
        told(f"{kind.title}: comparison by {groups.column}")
        try:
            comparison = compare(on_fslr, groups, {each.person: each.label for each in counted})
        except InputError as error:
            why = str(error)
    return KindOfPlan(
        kind,
        tuple(plans),
        tuple(people),
        tuple(pairs),
        pose,
        tuple(each for each in maps if each is not None),
        comparison,
        why,
    )
