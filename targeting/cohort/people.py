"""What is asked of each person of a cohort: everybody's options, and those that a table has for this one.

A table is ``participants.tsv`` with columns that are named, or one of the user's own whose columns are called like options:
``side``, ``pain-side``, ``coil``, ``rmt``, ``labels`` ...  What a table says of a person replaces what is said for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.cohort.dataset import Dataset, read_people_table
from targeting.study.options import Kind, Option, options_of
from targeting.study.tms_request import TmsRequest

# what may differ from person to person, by the fields of a request
OF_A_PERSON = (
    *("aim", "side", "pain_side", "coil", "rmt_percent", "rmt_muscle", "hotspot_mm", "protocol", "stimulator"),
    *("accept_risk", "t1", "t2", "labels", "head", "cortex"),
)
ACCEPT = (
    "accept"  # a column of the same table that the group level reads: why a head that was flagged counts all the same
)
SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}


def personal_options() -> dict[str, Option]:
    """The options that may differ from person to person, by the name of their column.

    Examples
    --------
    >>> list(personal_options())[:4], personal_options()["rmt"].name
    (['aim', 'side', 'pain-side', 'coil'], 'rmt_percent')
    """
    declared = options_of(TmsRequest)
    return {declared[name].flag.lstrip("-"): declared[name] for name in OF_A_PERSON}


def words_from_participants(dataset: Dataset, columns: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Label → option's column name → word, of ``participants.tsv``.

    Parameters
    ----------
    dataset : Dataset
    columns : mapping of str to str
        Option (``pain-side``) → column of the table.

    Raises
    ------
    InputError
        If there is no such column, or no such table.
    """
    for column in columns.values():
        if not dataset.columns:
            raise InputError(f"{dataset.root} has no participants.tsv, so no column {column!r}")
        one_of(column, [each for each in dataset.columns if each != "participant_id"], "column of participants.tsv")
    said = {
        label: {option: row[column] for option, column in columns.items() if column in row}
        for label, row in dataset.rows.items()
    }
    return {label: _checked(words, f"sub-{label}", dataset.root) for label, words in said.items()}


def words_from_table(path: Path, labels: Sequence[str]) -> dict[str, dict[str, str]]:
    """Label → option's column name → word, of a table whose columns are called like options.

    Parameters
    ----------
    path : Path
    labels : sequence of str
        Of everybody in the dataset.

    Raises
    ------
    InputError
        If it cannot be read, or a column or a person in it is unknown.
    """
    columns, rows = read_people_table(path, labels)
    options = personal_options()
    for column in columns:
        if column not in ("participant_id", ACCEPT):
            one_of(column.replace("_", "-"), options, f"column of {path.name}")
    return {
        label: _checked(
            {name.replace("_", "-"): word for name, word in row.items() if name != ACCEPT},
            f"{path.name}, sub-{label}",
            path.parent,
        )
        for label, row in rows.items()
    }


def _checked(words: dict[str, str], where: str, folder: Path) -> dict[str, str]:
    """The words with sides as options take them, and files found beside the table."""
    found = dict(words)
    for name in ("side", "pain-side"):
        if name in words:
            side = SIDES.get(words[name].lower())
            if side is None:
                raise InputError(f"{where}: {name} is {words[name]!r}; left (L), right (R) or n/a")
            found[name] = side
    options = personal_options()
    for name, word in words.items():
        if options[name].kind is Kind.FILE and not Path(word).is_absolute():
            found[name] = str(folder / word)
    return found
