"""Read files of electrode positions, and lay them on a subject's scalp.

| suffix | what | frame |
|---|---|---|
| ``.csv`` | ``name,x,y,z``, in the order of its header; or SimNIBS' ``Kind,x,y,z,...,name`` | RAS mm of the T1 |
| ``.tsv`` | BIDS ``*_electrodes.tsv`` (:mod:`atlases.bids_electrodes`) | what its ``coordsystem.json`` says |
| ``.hpts`` | MNE: ``category name x y z`` | head |
| ``.pos`` | Polhemus, as CTF and FieldTrip write it: a count (or none), then ``[number] name x y z`` | head |
| ``.elc`` | ASA and ANT: ``Positions`` and ``Labels``, or ``name : x y z`` | head |
| ``.sfp`` | BESA and EGI: ``name x y z`` | head |

A third party adds a kind with an entry point of the group ``target.electrode_files`` that names an :class:`ElectrodeFormat`.

A digitiser knows nothing of the T1: its *head* frame is laid on the subject by nasion and pre-auricular points, which the
file must hold, by the rotation and shift that fit best; nothing is scaled but units, which the distance between the ears
tells (m, cm or mm).  Points of the head's shape and coils of an MEG are no electrodes and are left out; landmarks that were
measured twice are averaged, as FieldTrip does.  Then every electrode is held against the place its name has on this head
(:mod:`atlases.named_places`) and moved to the scalp.  How far that was tells a wrong frame: one line, no guess.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlases.electrode_set import HEAD, LANDMARKS, MNI, T1, ElectrodeFile, in_head_frame, merge_landmarks, merge_repeats
from atlases.fiducials import Fiducials, fiducial_named, fiducials_of
from atlases.named_places import OFF_SCALP_MM, check_places
from atlases.scalp import Scalp
from atlases.scalp_positions import (
    ELECTRODE,
    FIDUCIAL,
    KINDS,
    REFERENCE,
    ScalpPositions,
    columns_named,
    read_scalp_positions,
)
from atlases.ten_ten import ten_five
from atlases.warp import MniWarp
from meshes.errors import InputError
from meshes.plugins import Registry

log = logging.getLogger(__name__)

FIT_MM = 15.0  # landmarks of one head found twice, by hand and by registration, lie within this
MOSTLY_OFF_MM = 17.5  # of half the electrodes: a cap that sits 20 mm askew is at most 16 mm off in the median
SIDES = {"left": "lpa", "right": "rpa"}
SHAPE = re.compile(r"(?:(?:extra|hsp|headshape|head|shape)[ _-]?\d*)?", re.IGNORECASE)  # of their own, or nothing
COILS = re.compile(r"hpi\W*\w*|[nlr]_?coil|[nlr]c|coil\W*\w*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ElectrodeFormat:
    """A kind of files of electrode positions.

    Parameters
    ----------
    name : str
        "bids".
    suffix : str
        Of its files, lower case, with the dot.
    read : callable
        (path) → :class:`~atlases.electrode_set.ElectrodeFile`.  Raises InputError, or ValueError and LookupError, for a
        damaged file.
    recognises : callable, optional
        (path) → bool: whether a file with this suffix is of this kind; None: every one is.
    further_files : callable, optional
        (path) → role → path: what is read besides, so that a plan is made again when it changes.
    """

    name: str
    suffix: str
    read: Callable[[Path], ElectrodeFile]
    recognises: Callable[[Path], bool] | None = None
    further_files: Callable[[Path], Mapping[str, Path]] | None = None


ELECTRODE_FILES = Registry(
    "target.electrode_files",
    ElectrodeFormat,
    "kind of electrode files",
    {
        "csv": "atlases.electrode_files:CSV",
        "bids": "atlases.bids_electrodes:BIDS",
        "hpts": "atlases.electrode_files:HPTS",
        "pos": "atlases.electrode_files:POS",
        "elc": "atlases.electrode_files:ELC",
        "sfp": "atlases.electrode_files:SFP",
    },
)


def _format_of(path: Path) -> ElectrodeFormat:
    """The kind of a file: a plug-in's that recognises it, else by its suffix."""
    kinds = [each for each in ELECTRODE_FILES.members().values() if each.suffix == path.suffix.lower()]
    for each in kinds:
        if each.recognises and ELECTRODE_FILES.run(each, each.recognises, path):
            return each
    plain = next((each for each in kinds if each.recognises is None), None)
    if plain is None:
        suffixes = dict.fromkeys(each.suffix for each in ELECTRODE_FILES.members().values())
        raise InputError(f"{path.name}: electrode positions come as {', '.join(suffixes)}; convert the file")
    return plain


def read_electrodes(path: str | Path) -> ElectrodeFile:
    """Read a file of electrode positions.

    Raises
    ------
    InputError
        If it is missing or damaged, of no known kind, does not say what its coordinates mean, or has a name twice.
    """
    path = Path(path)
    try:
        kind = _format_of(path)
        found = ELECTRODE_FILES.run(kind, kind.read, path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        told = f": {error}" if isinstance(error, _LineError) else ": check the file"
        raise InputError(f"{path.name} is not a {path.suffix} file of electrode positions{told}") from error
    if not found.names and not found.landmarks_mm:
        raise InputError(f"{path.name} holds no electrodes: check the file")
    if not np.isfinite(found.points_mm).all():
        raise InputError(f"{path.name}: a coordinate is not a finite number")
    return merge_repeats(found)


def files_read(path: Path) -> dict[str, Path]:
    """Role → file of all that :func:`read_electrodes` reads."""
    kind = _format_of(path)
    return {"positions": path, **(kind.further_files(path) if kind.further_files else {})}


def placed(file: ElectrodeFile, scalp: Scalp, fiducials: Fiducials, warp: MniWarp | None) -> ScalpPositions:
    """A file's electrodes on a subject's scalp.

    Parameters
    ----------
    file : ElectrodeFile
    scalp : Scalp
    fiducials : Fiducials
        The subject's.
    warp : MniWarp, optional
        The subject's, for a file in MNI space.

    Raises
    ------
    InputError
        If the file's landmarks do not fit the subject's fiducials, an electrode lies elsewhere than its name says, or off
        the scalp.
    """
    points = file.points_mm
    if file.frame == MNI:
        if warp is None:
            raise InputError(f"{file.source} is in MNI space, which needs the registration of this head")
        points = points @ warp.affine_mm[:3, :3].T + warp.affine_mm[:3, 3]
    elif file.frame == HEAD:
        points = _aligned(file, fiducials)
    feet = scalp.feet(points)[0] if len(points) else points
    off = np.linalg.norm(feet - points, axis=1)
    check_places(file.source, file.names, points, feet, ten_five(scalp, fiducials), file.frame == HEAD)
    if len(off) and (np.median(off) > MOSTLY_OFF_MM or off.max() > OFF_SCALP_MM):
        worst = file.names[int(off.argmax())]
        raise InputError(
            f"electrode {worst} of {file.source} comes to lie {off.max():.0f} mm off the scalp: its coordinates are of "
            "another frame or another head"
        )
    return ScalpPositions(file.names, (ELECTRODE,) * len(file.names), feet)


def _aligned(file: ElectrodeFile, fiducials: Fiducials) -> NDArray[np.float64]:
    """Points in the head frame → the subject, by the best rigid fit of the three landmarks (Kabsch 1976)."""
    here = np.stack([file.landmarks_mm[name] for name in LANDMARKS])
    there = np.stack([getattr(fiducials, f"{name}_mm") for name in LANDMARKS])
    u, _, vt = np.linalg.svd((here - here.mean(0)).T @ (there - there.mean(0)))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ flip @ vt
    miss = np.linalg.norm((here - here.mean(0)) @ rotation + there.mean(0) - there, axis=1)
    if miss.max() > FIT_MM:
        worst = {"lpa": "left ear", "rpa": "right ear"}.get(LANDMARKS[int(miss.argmax())], "nasion")
        raise InputError(
            f"nasion and ears of {file.source} miss this head's by {miss.max():.0f} mm (most the {worst}): it is of another "
            "head, or give the electrodes as .csv in RAS mm of the T1 with this head's nasion, inion, LPA and RPA among them"
        )
    aligned: NDArray[np.float64] = (file.points_mm - here.mean(0)) @ rotation + there.mean(0)
    return aligned


class _LineError(ValueError):
    """A line that cannot be understood, in words."""


def _split(path: Path, rows: list[tuple[str, list[float]]]) -> ElectrodeFile:
    """Rows of a digitiser, its landmarks among the electrodes by name; coils are left out."""
    marks, names, points = [], [], []
    for name, point in rows:
        mark = SIDES.get(name.lower()) or fiducial_named(name)
        if mark is not None and mark != "inion":
            marks.append((mark, point))
        elif not COILS.fullmatch(name):
            names.append(name)
            points.append(point)
    return in_head_frame(path.name, names, np.array(points), marks)


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8-sig", errors="strict").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _point(cells: list[str]) -> list[float]:
    if len(cells) != 3:
        raise ValueError("three coordinates")
    return [float(cell) for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_csv(path: Path) -> ElectrodeFile:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if any(cell.strip() for cell in row)]
    if rows and any(row[0] in KINDS for row in rows):
        both = read_scalp_positions(path)
        cap = both.of_kind(ELECTRODE, REFERENCE)
        marks = [(m, p.tolist()) for m, p in fiducials_of(both).items()]
        own = both.of_kind(FIDUCIAL)
        given = [(m, p.tolist()) for n, p in zip(own.names, own.points_mm, strict=True) if (m := fiducial_named(n))]
        marks = [each for each in marks if each[0] not in dict(given)] + given
        return ElectrodeFile(cap.names, cap.points_mm, T1, merge_landmarks(marks, 1.0, path.name), path.name)
    has_header = bool(rows) and not any(_is_number(cell) for cell in rows[0])
    columns = columns_named(rows[0], path.name) if has_header else None
    named, axes, mm = columns or (_name_column(rows), None, 1.0)
    axes = axes or [named + 1, named + 2, named + 3]
    marks, names, points = [], [], []
    for number, row in enumerate(rows[has_header:], 1 + has_header):
        name, cells = row[named], [row[i] if i < len(row) else "" for i in axes]
        if not all(_is_number(cell) for cell in cells):
            raise _LineError(f"row {number} ({name}) has no three coordinates")
        point = [mm * float(cell) for cell in cells]
        if (mark := fiducial_named(name)) is not None:
            marks.append((mark, point))
        if mark in (None, "inion"):  # Iz is an electrode, too
            names.append(name)
            points.append(point)
    return ElectrodeFile(
        tuple(names), np.array(points, float).reshape(-1, 3), T1, merge_landmarks(marks, 1.0, path.name), path.name
    )


def _name_column(rows: list[list[str]]) -> int:
    """Where names stand in a table without a header: behind a column that counts, if there is one."""
    counted = all(len(row) > 4 and row[0].isdigit() and not _is_number(row[1]) for row in rows)
    return int(counted and bool(rows))


def _read_hpts(path: Path) -> ElectrodeFile:
    numbered = {"1": "lpa", "2": "nasion", "3": "rpa"}
    rows = []
    for line in _lines(path):
        category, name, *cells = line.split()
        if category == "cardinal":
            rows.append((numbered.get(name, name), _point(cells[:3])))
        elif category == "eeg":
            rows.append((name if not name.isdigit() else f"EEG{int(name):03d}", _point(cells[:3])))
    return _split(path, rows)


def _read_pos(path: Path) -> ElectrodeFile:
    """The count may be missing; a row with a number alone, or with no name, is a point of the head's shape."""
    lines = [line.split() for line in _lines(path)]
    count = int(lines[0][0]) if lines and len(lines[0]) == 1 and lines[0][0].isdigit() else None
    headed = bool(lines) and (count is not None or not any(_is_number(cell) for cell in lines[0]))
    rows = lines[headed:]
    if count is not None and len(rows) < count:
        raise _LineError(f"it says {count} points and holds {len(rows)}: it is cut short")
    kept = []
    for row in rows:
        numbered = len(row) > 4 and row[0].isdigit()  # "3 Fp1 x y z"
        name = " ".join(row[1:-3] if numbered else row[:-3])
        if not SHAPE.fullmatch(name) and (numbered or not name.isdigit()):
            kept.append((name, _point(row[-3:])))
    if len(kept) < len(rows):
        log.info("%s: %d points of the head's shape are no electrodes and left out", path.name, len(rows) - len(kept))
    found = _split(path, kept)
    if not found.names:
        raise InputError(
            f"{path.name} holds {len(rows) - len(kept)} numbered points of a head's shape and no electrode by name: give a "
            "file with the electrodes' names"
        )
    return found


def _read_sfp(path: Path) -> ElectrodeFile:
    rows = [line.split() for line in _lines(path)]
    return _split(path, [(" ".join(row[:-3]), _point(row[-3:])) for row in rows])


def _read_elc(path: Path) -> ElectrodeFile:
    """Labels stand behind the positions, or before each with a colon; points of the head's shape follow, if any."""
    lines = _lines(path)
    words = [line.lower() for line in lines]
    rows = []
    for line in lines[words.index("positions") + 1 :]:
        name, _, cells = line.rpartition(":")
        if not all(_is_number(cell) for cell in cells.split()):
            break
        rows.append((name.strip(), _point(cells.split())))
    if all(name for name, _ in rows):
        return _split(path, rows)
    behind = lines[words.index("labels") + 1 :]
    ends = [i for i, line in enumerate(behind) if "headshapepoints" in line.lower()]
    labels = (line.split() for line in (behind[: ends[0]] if ends else behind))
    return _split(path, list(zip([name for row in labels for name in row], [point for _, point in rows], strict=True)))


CSV = ElectrodeFormat(name="csv", suffix=".csv", read=_read_csv)
HPTS = ElectrodeFormat(name="hpts", suffix=".hpts", read=_read_hpts)
POS = ElectrodeFormat(name="pos", suffix=".pos", read=_read_pos)
ELC = ElectrodeFormat(name="elc", suffix=".elc", read=_read_elc)
SFP = ElectrodeFormat(name="sfp", suffix=".sfp", read=_read_sfp)
