"""Whether the field differs between two groups of people: a permutation test at every vertex of the group's cortex.

People's labels are shuffled and the largest |t| of all vertices is kept each time, so that a p-value holds for all vertices
together (max-T, family-wise error: Westfall & Young 1993; Winkler 2014, NeuroImage 92:381, as nilearn does it).  Nothing is
supposed of the field's distribution, only that labels could be exchanged if there were no difference.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.cohort.dataset import PARTICIPANTS, Dataset
from targeting.cohort.group_maps import PersonMaps

LEAST_PEOPLE = 3  # of a group
PERMUTATIONS = 5000  # p near 0.05 is then right to 0.006 (two standard errors)
SEED = 20  # of the shuffling, so that a run can be repeated
LEVEL = 0.05


@dataclass(frozen=True)
class Groups:
    """Who belongs to which of two groups.

    Parameters
    ----------
    column : str
        Of the table that says it.
    names : (str, str)
    of_label : mapping of str to str
        Person's label → name of their group; those who are not in it are in neither.
    """

    column: str
    names: tuple[str, str]
    of_label: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The test at each vertex: the first group's field minus the second's.

    Parameters
    ----------
    names, people : (str, str), (int, int)
        Of the two groups.
    t : (v,) float64
        t of two samples; NaN where not everybody has a value.
    p : (v,) float64
        For all vertices together; NaN as t.
    difference_v_per_m : (v,) float64
        Of the means.
    smallest_p : float
        That so few people could give.
    """

    names: tuple[str, str]
    people: tuple[int, int]
    t: NDArray[np.float64]
    p: NDArray[np.float64]
    difference_v_per_m: NDArray[np.float64]
    smallest_p: float

    @property
    def differs(self) -> NDArray[np.bool_]:
        """Where p is below :data:`LEVEL`, (v,)."""
        return np.nan_to_num(self.p, nan=1.0) < LEVEL


def groups_by(
    column: str,
    labels: Sequence[str],
    dataset: Dataset,
    columns: Collection[str] = (),
    rows: Mapping[str, Mapping[str, str]] | None = None,
) -> Groups:
    """The two groups that a column makes of the people; those without a value are in neither.

    Parameters
    ----------
    column : str
        Of the table if it is there, else of participants.tsv.
    labels : sequence of str
        The people, without ``sub-``.
    dataset : Dataset
    columns, rows : optional
        Of a table of the user's own: its columns, and label → column → value.

    Raises
    ------
    InputError
        If there is no such column, or its values are not two.
    """
    by_table = column in columns
    if not by_table:
        have = [each for each in (*columns, *dataset.columns) if each != "participant_id"]
        if not have:
            raise InputError(f"{dataset.root} has no {PARTICIPANTS} with a column {column!r} to make groups by")
        one_of(column, have, f"column of {PARTICIPANTS}")
    told = (rows or {}) if by_table else dataset.rows
    of_label = {label: told[label][column] for label in labels if column in told.get(label, {})}
    names = sorted(set(of_label.values()))
    if len(names) != 2:
        few = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        have_words = f"{len(names)} ({few})" if names else "none"
        raise InputError(f"column {column!r} has {have_words} different values among these people; two make two groups")
    return Groups(column, (names[0], names[1]), of_label)


def too_few(groups: Groups, labels: Sequence[str]) -> str:
    """Why people cannot be compared, in words; "" where there are enough of both groups."""
    sizes = [sum(groups.of_label.get(label) == name for label in labels) for name in groups.names]
    if min(sizes) >= LEAST_PEOPLE:
        return ""
    have = " and ".join(f"{size} of {name}" for size, name in zip(sizes, groups.names, strict=True))
    return f"a comparison by {groups.column} takes at least {LEAST_PEOPLE} people a group, and has {have}"


def smallest_p(first: int, second: int, permutations: int = PERMUTATIONS) -> float:
    """The smallest two-sided p that a permutation test of two groups can give.

    Of the ways to choose the first group one is the one that is, and where both are as large, so is its mirror image, whose
    |t| is the same.  No p is below one over the number of shufflings, either.

    Examples
    --------
    >>> smallest_p(3, 3), round(smallest_p(4, 5), 4)
    (0.1, 0.0079)
    """
    ways = math.comb(first + second, first)
    return max((2 if first == second else 1) / ways, 1 / (permutations + 1))


def compare(
    maps: PersonMaps,
    groups: Groups,
    labels: Mapping[str, str],
    permutations: int = PERMUTATIONS,
    seed: int = SEED,
) -> Comparison:
    """Test the field of two groups at every vertex.

    Parameters
    ----------
    maps : PersonMaps
    groups : Groups
    labels : mapping of str to str
        Person → label.
    permutations : int
        How often labels are shuffled.
    seed : int

    Raises
    ------
    InputError
        If a group has fewer than three people with a map.
    """
    from nilearn.mass_univariate import permuted_ols

    of_map = [labels[person] for person in maps.people]
    if why := too_few(groups, of_map):
        raise InputError(f"{why} with a map on fs_LR")
    group = np.array([groups.of_label.get(label, "") for label in of_map])
    first, second = (group == name for name in groups.names)
    chosen = first | second
    everybody = np.isfinite(maps.values[chosen]).all(axis=0)
    values = maps.values[chosen][:, everybody]
    # nilearn before 0.13 gives a tuple unless told otherwise; the option goes with 0.15
    options: dict[str, Any] = (
        {"output_type": "dict"} if "output_type" in inspect.signature(permuted_ols).parameters else {}
    )
    found = permuted_ols(
        first[chosen].astype(np.float64)[:, None],
        values,
        model_intercept=True,
        n_perm=permutations,
        two_sided_test=True,
        random_state=seed,
        n_jobs=1,
        **options,
    )
    difference = maps.values[first].mean(axis=0) - maps.values[second].mean(axis=0)
    sizes = int(first.sum()), int(second.sum())

    def at_all(known: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = np.full(maps.values.shape[1], np.nan)
        whole[everybody] = known
        return whole

    return Comparison(
        groups.names,
        sizes,
        at_all(found["t"][0]),
        at_all(10.0 ** -found["logp_max_t"][0]),
        np.where(everybody, difference, np.nan),
        smallest_p(*sizes, permutations),
    )
