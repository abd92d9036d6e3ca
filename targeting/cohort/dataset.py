"""A BIDS dataset: who is in it, and which image of each a head is made from.

Only what a plan needs is read: ``dataset_description.json``, ``participants.tsv``, and the T1w and T2w images in ``anat``
folders (BIDS 1.10).  Which of several images is taken follows from :data:`RULES`, in their order, and is said in words.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshes.errors import InputError
from meshes.images import open_nifti

DESCRIPTION, PARTICIPANTS = "dataset_description.json", "participants.tsv"
LABEL = re.compile(r"[A-Za-z0-9]+")
NOT_KNOWN = ("", "n/a")
FINE_MM = 1.5  # the largest voxel of a T2 that helps to find the skull


@dataclass(frozen=True)
class Image:
    """An image of an ``anat`` folder, with the entities of its name.

    Parameters
    ----------
    path : Path
    suffix : str
        ``T1w`` or ``T2w``.
    entities : mapping of str to str
        ``{"sub": "01", "acq": "mprage", ...}``.

    Examples
    --------
    >>> Image.of(Path("sub-01_ses-pre_run-2_T1w.nii.gz")).entities
    {'sub': '01', 'ses': 'pre', 'run': '2'}
    """

    path: Path
    suffix: str
    entities: Mapping[str, str]

    @classmethod
    def of(cls, path: Path) -> Image:
        """By its file's name."""
        *pairs, suffix = path.name.split(".")[0].split("_")
        return cls(path, suffix, dict(each.split("-", 1) for each in pairs if "-" in each))


@dataclass(frozen=True)
class Rule:
    """Of several images those that are least by ``by`` stay; ``words`` say of them why they were taken."""

    words: str
    by: Callable[[Image], object]


def as_counted(label: str) -> tuple[list[str | int], str]:
    """A label to sort by, its numbers as numbers: "2" comes before "10", "pre" after both.

    Examples
    --------
    >>> sorted(["10", "2", "pre2", "pre10", ""], key=as_counted)
    ['', '2', '10', 'pre2', 'pre10']
    >>> as_counted("01") < as_counted("1")  # alike as numbers, yet two sessions
    True
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", label)], label


def _run_of(image: Image) -> int:
    run = image.entities.get("run", "0")
    return int(run) if run.isdigit() else 0


RULES = (
    Rule("of the first session", lambda each: as_counted(each.entities.get("ses", ""))),
    Rule("without a contrast agent", lambda each: "ce" in each.entities),
    Rule("the magnitude of a single echo", lambda each: sum(name in each.entities for name in ("part", "echo", "inv"))),
    Rule("of no special acquisition", lambda each: "acq" in each.entities),
    Rule("not reconstructed otherwise", lambda each: "rec" in each.entities),
    Rule("of the first run", _run_of),
)


@dataclass(frozen=True)
class Participant:
    """A person of a dataset, and the images of theirs that count.

    Parameters
    ----------
    label : str
        Without ``sub-``.
    session : str
        Without ``ses-``; "" where the dataset has no sessions.
    t1, t2 : Path or None
    chosen : str
        Which image was taken and by what rules, in words; or why there is none.
    values : mapping of str to str
        The person's row of ``participants.tsv``.
    """

    label: str
    session: str
    t1: Path | None
    t2: Path | None
    chosen: str
    values: Mapping[str, str]

    @property
    def name(self) -> str:
        """``sub-01`` or ``sub-01_ses-pre``, which begins the names of files."""
        return f"sub-{self.label}" + (f"_ses-{self.session}" if self.session else "")

    @property
    def place(self) -> Path:
        """``sub-01`` or ``sub-01/ses-pre``, the person's folder in a dataset."""
        return Path(*self.name.split("_"))


@dataclass(frozen=True)
class Dataset:
    """A BIDS dataset as far as plans need it.

    Parameters
    ----------
    root : Path
    name : str
        By its description.
    labels : tuple of str
        Of all people with a folder, in their order, without ``sub-``.
    columns : tuple of str
        Of ``participants.tsv``, ``participant_id`` first; empty without one.
    rows : mapping of str to mapping
        Label → column → value, of ``participants.tsv``.
    """

    root: Path
    name: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]

    @classmethod
    def at(cls, root: str | Path) -> Dataset:
        """Read the dataset in a folder.

        Raises
        ------
        InputError
            If it is no BIDS dataset of raw data, has nobody in it, or its table of participants is damaged.
        """
        root = Path(root)
        about = _description(root)
        if about.get("DatasetType") == "derivative":
            raise InputError(f"{root} holds derivatives, not raw data; give the dataset that they were made from")
        labels = tuple(sorted(each.name[4:] for each in root.glob("sub-*") if each.is_dir()))
        if not labels:
            raise InputError(f"{root} has no folder sub-LABEL, so nobody is in it")
        odd = [each for each in labels if not LABEL.fullmatch(each)]
        if odd:
            raise InputError(f"{root}: sub-{odd[0]} is no name that BIDS allows: letters and digits after sub-")
        path = root / PARTICIPANTS
        columns, rows = read_table(path) if path.is_file() else ((), {})
        return cls(root, str(about.get("Name") or root.name), labels, columns, rows)

    def asked(self, labels: Sequence[str] = ()) -> tuple[str, ...]:
        """The labels asked for, with or without ``sub-``; all where none is.

        Raises
        ------
        InputError
            If there is no such person.
        """
        wanted = tuple(dict.fromkeys(each.removeprefix("sub-") for each in labels))
        unknown = [each for each in wanted if each not in self.labels]
        if unknown:
            have = ", ".join(self.labels[:10]) + (" ..." if len(self.labels) > 10 else "")
            raise InputError(f"{self.root} has no sub-{', sub-'.join(unknown)}; it has {have}")
        return wanted or self.labels

    def participant(self, label: str, session: str = "", with_t2: bool = True) -> Participant:
        """A person with the images that count.

        Parameters
        ----------
        label : str
        session : str
            Without ``ses-``; "": the first one with a T1.
        with_t2 : bool
            Whether a T2 of the same session is taken, too.
        """
        session = session.removeprefix("ses-")
        found = [each for each in self._images(label) if session in ("", each.entities.get("ses"))]
        t1, words = chosen_image([each for each in found if each.suffix == "T1w"])
        of = session if t1 is None else t1.entities.get("ses", "")
        t2 = None
        if t1 is not None and with_t2:
            beside = [each for each in found if each.suffix == "T2w" and each.entities.get("ses", "") == of]
            t2, more = chosen_image([each for each in beside if _is_fine(each.path)])
            words += f"; {more}" if beside else ""
        values = self.rows.get(label, {})
        return Participant(label, of, t1.path if t1 else None, t2.path if t2 else None, words, values)

    def _images(self, label: str) -> list[Image]:
        person = self.root / f"sub-{label}"
        files = [*person.glob("anat/*"), *person.glob("ses-*/anat/*")]
        endings = tuple(f"_{suffix}.nii{packed}" for suffix in ("T1w", "T2w") for packed in ("", ".gz"))
        return [Image.of(each) for each in sorted(files) if each.name.endswith(endings)]


def chosen_image(images: Sequence[Image]) -> tuple[Image | None, str]:
    """The image that the rules leave of several, and how it was chosen, in words; None where none is left, or more than one.

    Examples
    --------
    >>> names = ["sub-01_run-2_T1w.nii.gz", "sub-01_run-1_T1w.nii.gz", "sub-01_ce-gd_T1w.nii.gz"]
    >>> chosen_image([Image.of(Path(each)) for each in names])[1]
    'sub-01_run-1_T1w.nii.gz, of 3: without a contrast agent, of the first run'
    >>> chosen_image([])
    (None, 'no image')
    """
    left, why = list(images), []
    for rule in RULES:
        least = min(map(rule.by, left), default=None)  # type: ignore[type-var]
        kept = [each for each in left if rule.by(each) == least]
        if len(kept) < len(left):
            why.append(rule.words)
        left = kept
    if not left:
        return None, "no image"
    if len(left) > 1:
        names = ", ".join(each.path.name for each in left)
        return None, f"the rules do not tell {names} apart: leave one in, or give the image in a table"
    told = f"{left[0].path.name}, of {len(images)}: {', '.join(why)}" if len(images) > 1 else left[0].path.name
    return left[0], told


def read_table(path: Path) -> tuple[tuple[str, ...], dict[str, dict[str, str]]]:
    """A table of participants: its columns, and label → column → value; what is not known (``n/a``) is left out.

    Raises
    ------
    InputError
        If it cannot be read, has no ``participant_id``, or names somebody twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter="\t", strict=True)
            columns = tuple(each.strip() for each in reader.fieldnames or ())
            lines = [{str(key).strip(): str(value or "").strip() for key, value in row.items()} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table with tabs: {error}") from error
    if "participant_id" not in columns:
        raise InputError(f"{path} has no column participant_id; columns are separated by tabs")
    rows: dict[str, dict[str, str]] = {}
    for row in lines:
        label = row.pop("participant_id").removeprefix("sub-")
        if label in rows:
            raise InputError(f"{path} names sub-{label} twice")
        rows[label] = {name: value for name, value in row.items() if value.lower() not in NOT_KNOWN}
    return columns, rows


def read_people_table(path: Path, labels: Sequence[str]) -> tuple[tuple[str, ...], dict[str, dict[str, str]]]:
    """A table of the user's own, as :func:`read_table` reads it.

    Raises
    ------
    InputError
        Also if it names somebody who is not among the labels of the dataset.
    """
    columns, rows = read_table(path)
    for label in rows:
        if label not in labels:
            raise InputError(f"{path.name} names sub-{label}, who is not in the dataset")
    return columns, rows


def _description(root: Path) -> Mapping[str, object]:
    path = root / DESCRIPTION
    try:
        about = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{root} is no BIDS dataset: there is no {path}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if not isinstance(about, dict):
        raise InputError(f"{path} is damaged: it holds no object")
    return about


def _is_fine(path: Path) -> bool:
    """Whether an image's voxels are small enough, by its header; of one that cannot be read the segmentation tells."""
    try:
        return max(open_nifti(path).header.get_zooms()[:3]) <= FINE_MM
    except InputError:
        return False
