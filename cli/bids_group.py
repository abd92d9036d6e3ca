"""``target bids ... group``: everybody's plans in a screenful, and the files that hold the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.progress import tell
from cli.tables import summary, table

if TYPE_CHECKING:
    from rich.console import Group as Lines

    from targeting.cohort.dataset import Dataset
    from targeting.cohort.group import Group
    from targeting.cohort.person import Folders

HEADS = ("plan", "people", "dose V/m", "own ÷ common", "95 % interval")


def group_answer(
    dataset: Dataset,
    people: Sequence[str],
    folders: Folders,
    people_table: Path | None = None,
    groups_column: str | None = None,
) -> tuple[Lines, dict[str, Any]]:
    """Sum up the plans of a cohort, write the table, the maps and the page, and say what they hold.

    Parameters
    ----------
    dataset : Dataset
    people : sequence of str
        Labels, without ``sub-``.
    folders : Folders
    people_table : Path, optional
        Whose column ``accept`` says which flagged heads count.
    groups_column : str, optional
        Whose two values make two groups to be compared.

    Returns
    -------
    shown : rich.console.Group
        What a terminal shows.
    document : dict
        The same and more as JSON's own kinds.

    Raises
    ------
    InputError
        If nobody has a plan, or what was given cannot be used.
    """
    from targeting.cohort.group import Table, sum_up
    from targeting.cohort.group_files import document_of, write_group

    group = sum_up(dataset, people, folders, Table.read(people_table, dataset), groups_column, tell)
    written = write_group(group, folders, tell)
    return group_summary(group, written), {**document_of(group), "files": [str(each) for each in written]}


def group_summary(group: Group, written: Sequence[Path]) -> Lines:
    """The group in a screenful: the answer, a row for each kind of plan, what must be known, and where the page is."""
    from rich.console import Group as Lines

    from targeting.cohort.group_words import (
        averaged_sentence,
        comparison_sentence,
        group_warnings,
        headline,
        unknown_sentences,
    )
    from targeting.words.numbers import number, three_digits

    rows = []
    for each in group.kinds:
        gain, dose = each.gain, each.dose_v_per_m
        interval = "" if gain is None or gain.low is None or gain.high is None else f"{gain.low:.2f} to {gain.high:.2f}"
        of_all = f"{len(each.counted)} of {len(each.plans)}"
        ratio = "" if gain is None else number(gain.median, 2)
        rows.append((each.kind.title, of_all, "" if dose is None else three_digits(dose), ratio, interval))
    said = [
        ("", words) for each in group.kinds for words in (averaged_sentence(each), *unknown_sentences(each)) if words
    ]
    compared = [
        ("groups", comparison_sentence(each.comparison) if each.comparison is not None else each.not_compared)
        for each in group.kinds
        if each.comparison is not None or each.not_compared
    ]
    warned = [(each.kind, each.text) for each in group_warnings(group)]
    files = [("page", str(written[0])), ("table", str(written[1]))]
    return Lines(headline(group), table(HEADS, rows, right=HEADS[1:]), summary([*said, *compared, *warned, *files]))
