"""``regions.tsv``: the field in each area as a table for other programs; ``regions.json`` says what its columns are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atlases.areas import MMP_NAME, MMP_SOURCE
from atlases.fslr import TERMS
from meshes.choices import one_of
from meshes.errors import InputError
from meshes.images import whole_file
from meshes.whole_files import written_whole
from targeting.field_by_area.table import AreaField
from targeting.modality import KINDS, TMS
from targeting.subject import Subject

if TYPE_CHECKING:
    import pandas as pd

TABLE, ABOUT = "regions.tsv", "regions.json"
NOT_KNOWN = "n/a"  # as in BIDS
COLUMNS = {
    "side": ("Hemisphere: left or right.", ""),
    "area": (f"Area of {MMP_NAME}, taken to the person by the folds of the cortex.", ""),
    "number": ("Number of the area in the parcellation, 1 to 180.", ""),
    "title": ("What the area is, by the parcellation's authors.", ""),
    "area_cm2": ("Size on the person's mid-cortical surface.", "cm2"),
    "known_share": ("Part of the area where the field is known; all fields are of that part.", ""),
    "mean_v_per_m": ("Mean of |E| over the area.", "V/m"),
    "p95_v_per_m": ("What |E| exceeds in 5 % of the area.", "V/m"),
    "peak_v_per_m": ("Largest |E|.", "V/m"),
    "normal_v_per_m": ("Mean of E along the inward normal, with its sign: positive into the cortex.", "V/m"),
    "normal_size_v_per_m": ("Mean of the size of that component.", "V/m"),
    "peak_x_mm": ("Where |E| is largest, RAS of the T1: x.", "mm"),
    "peak_y_mm": ("The same: y.", "mm"),
    "peak_z_mm": ("The same: z.", "mm"),
    "above_cm2": ("Where |E| is above the field at motor threshold at the output of the plan; n/a without one.", "cm2"),
}


def write_regions(
    folder: Path, rows: Sequence[AreaField], conditions: str, threshold_v_per_m: float | None = None
) -> list[Path]:
    """Write the table and what its columns are; nothing where no area is known.

    Parameters
    ----------
    folder : Path
        Must exist.
    rows : sequence of AreaField
        The largest mean first.
    conditions : str
        The currents that the field is for, such as "1 A/µs".
    threshold_v_per_m : float, optional
        What ``above_cm2`` is held against.

    Returns
    -------
    list of Path
    """
    if not rows:
        return []
    lines = ["\t".join(COLUMNS), *("\t".join(_cells(each)) for each in rows)]
    columns = {
        name: {"Description": text, **({"Units": unit} if unit else {})} for name, (text, unit) in COLUMNS.items()
    }
    about = {
        **columns,
        "Conditions": f"fields at {conditions}",
        "ThresholdVPerM": threshold_v_per_m,
        "Source": MMP_SOURCE,
        "Acknowledgement": TERMS,
    }
    written = [folder / TABLE, folder / ABOUT]
    for path, text in zip(written, ("\n".join(lines), json.dumps(about, indent=1, ensure_ascii=False)), strict=True):
        with written_whole(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    return written


def _cells(row: AreaField) -> list[str]:
    numbers = (
        row.area_cm2,
        row.known_share,
        row.mean_v_per_m,
        row.p95_v_per_m,
        row.peak_v_per_m,
        row.normal_v_per_m,
        row.normal_size_v_per_m,
        *row.peak_mm,
    )
    above = NOT_KNOWN if row.above_cm2 is None else f"{row.above_cm2:.6g}"
    return [row.side, row.name, str(row.number), row.title, *(f"{each:.6g}" for each in numbers), above]


def read_regions(path: str | Path) -> pd.DataFrame:
    """Read a ``regions.tsv``; areas are words, also those that look like numbers.

    Raises
    ------
    InputError
        If it is missing or no such table.
    """
    import pandas as pd

    path = whole_file(path)
    try:
        words = {"side": str, "area": str, "title": str}
        table = pd.read_csv(path, sep="\t", dtype=words, na_values=[NOT_KNOWN], keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no table of areas; make the plan again") from error
    if list(table.columns) != list(COLUMNS):
        raise InputError(f"{path} is no table of areas; make the plan again")
    return table


def regions(subject: str | Subject, *, out: str | Path | None = None, kind: str = TMS) -> pd.DataFrame:
    """The field in each area under a subject's plan, the largest mean first.

    Parameters
    ----------
    subject : str or Subject
    out : path, optional
        The subject's folder, instead of ``./subject/``.
    kind : {"tms", "tdcs", "hd-tdcs"}
        Which of the subject's plans.

    Returns
    -------
    pandas.DataFrame
        A row for each area and side: the columns of ``regions.tsv``.

    Raises
    ------
    InputError
        If the plan, or the folds of the cortex under it, are not there.

    Examples
    --------
    >>> regions("nobody")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: ...regions.tsv is not there: plan the subject first; a head whose folds are not known has \
no areas, and its plan says why
    """
    one_of(kind, (TMS, *KINDS), "kind of plan")
    subject = Subject.planned(subject, out)
    path = subject.folder_of(kind) / TABLE
    if not path.is_file():
        raise InputError(
            f"{path} is not there: plan the subject first; a head whose folds are not known has no areas, and its plan "
            "says why"
        )
    return read_regions(path)
