"""Electrode positions of one's own, from the usual files, onto a subject's scalp.

| suffix | what | frame |
|---|---|---|
| ``.csv`` | ``name,x,y,z`` with or without a header; or SimNIBS' ``Kind,x,y,z,...,name`` | RAS mm of the T1 |
| ``.tsv`` | BIDS ``*_electrodes.tsv`` with its ``*_coordsystem.json`` beside it | what that says |
| ``.hpts`` | MNE: ``category name x y z`` | head |
| ``.pos`` | Polhemus, as CTF and FieldTrip write it: a count, then ``number [name] x y z`` | head |
| ``.elc`` | ASA: ``Positions`` and ``Labels`` | head |
| ``.sfp`` | BESA and EGI: ``name x y z`` | head |

A digitiser knows nothing of the T1: its *head* frame is laid on the subject by nasion and pre-auricular points, which the
file must hold, by the rotation and shift that fit best; nothing is scaled but units, which the distance between the ears
tells (m, cm or mm).  Then every electrode is moved to the scalp.  How far that was tells a wrong frame: one line, no guess.

BIDS' coordinate systems are taken as follows (specification 1.10, appendix "Coordinate systems"): ``T1w`` and ``ScanRAS``
are the T1's RAS; names of MNI templates are taken through the affine part of the registration; all those based on
landmarks (``CapTrak``, ``EEGLAB``, ``EEGLAB-HJ``, ``CTF``, ``ElektaNeuromag``, ``4DBti``, ``KitYokogawa``, ``Other``) by
the landmarks in ``AnatomicalLandmarkCoordinates``.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlases.fiducials import Fiducials, fiducial_named, fiducials_of, given_fiducials
from atlases.scalp import Scalp
from atlases.scalp_foot import scalp_feet
from atlases.scalp_positions import ELECTRODE, KINDS, REFERENCE, ScalpPositions, read_scalp_positions
from atlases.warp import MniWarp
from meshes.errors import InputError

LANDMARKS = ("nasion", "lpa", "rpa")
T1, HEAD, MNI = "T1", "head", "MNI"
T1_FRAMES = ("t1w", "scanras")
MNI_FRAMES = ("mni", "icbm", "fsaverage", "colin27")
UNITS_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
EARS_MM = (90.0, 220.0)
FIT_MM = 15.0  # landmarks of one head found twice, by hand and by registration, lie within this
OFF_SCALP_MM = 25.0  # hair and a digitiser's tip are less
SUFFIXES = (".csv", ".tsv", ".hpts", ".pos", ".elc", ".sfp")


@dataclass(frozen=True, eq=False)
class ElectrodeFile:
    """Electrodes as a file has them.

    Parameters
    ----------
    names : tuple of str
    points_mm : (n, 3) float64
    frame : {"T1", "head", "MNI"}
    landmarks_mm : mapping
        Nasion, inion, lpa and rpa, (3,) each, in the same frame, as far as it has them; for "head" all but the inion.
    source : str
        The file's name.
    """

    names: tuple[str, ...]
    points_mm: NDArray[np.float64]
    frame: str
    landmarks_mm: Mapping[str, NDArray[np.float64]]
    source: str = ""

    @property
    def fiducials(self) -> Fiducials | None:
        """The subject's own fiducials, if the file has them in the T1's frame.

        Raises
        ------
        InputError
            If it has some of the four, and not all.
        """
        if self.frame != T1 or not set(self.landmarks_mm) - {"inion"}:  # Iz alone is an electrode
            return None
        return given_fiducials(dict(self.landmarks_mm), f"the file {self.source}")

    @property
    def needs_registration(self) -> bool:
        """Whether it takes the registration to MNI152 to lay it on a subject."""
        return self.frame == MNI or self.fiducials is None


def read_electrodes(path: str | Path) -> ElectrodeFile:
    """Read a file of electrode positions.

    Raises
    ------
    InputError
        If it is missing or damaged, of no known kind, or does not say what its coordinates mean.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path], ElectrodeFile]] = {
        ".csv": _read_csv,
        ".tsv": _read_bids,
        ".hpts": _read_hpts,
        ".pos": _read_pos,
        ".elc": _read_elc,
        ".sfp": _read_sfp,
    }
    if path.suffix.lower() not in readers:
        raise InputError(f"{path.name}: electrode positions come as {', '.join(SUFFIXES)}; convert the file")
    try:
        found = readers[path.suffix.lower()](path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is not a {path.suffix} file of electrode positions: check the file") from error
    if not found.names and not found.landmarks_mm:
        raise InputError(f"{path.name} holds no electrodes: check the file")
    if not np.isfinite(found.points_mm).all():
        raise InputError(f"{path.name}: a coordinate is not a finite number")
    return found


def files_read(path: Path) -> dict[str, Path]:
    """Role → file of all that :func:`read_electrodes` reads."""
    return {"positions": path, **({"coordsystem": coordsystem_file(path)} if path.suffix.lower() == ".tsv" else {})}


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
        If the file's landmarks do not fit the subject's fiducials, or electrodes come to lie off the scalp.
    """
    points = file.points_mm
    if file.frame == MNI:
        if warp is None:
            raise InputError(f"{file.source} is in MNI space, which needs the registration of this head")
        points = points @ warp.affine_mm[:3, :3].T + warp.affine_mm[:3, 3]
    elif file.frame == HEAD:
        points = _aligned(file, fiducials)
    feet = scalp_feet(scalp, points)[0] if len(points) else points
    off = np.linalg.norm(feet - points, axis=1)
    if len(off) and (np.median(off) > OFF_SCALP_MM / 2 or off.max() > OFF_SCALP_MM):
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
        raise InputError(
            f"the file's nasion and pre-auricular points miss this head's by {miss.max():.0f} mm: it is of another head, "
            "or give the four fiducials of this one"
        )
    aligned: NDArray[np.float64] = (file.points_mm - here.mean(0)) @ rotation + there.mean(0)
    return aligned


def _of_head(path: Path, names: list[str], points: NDArray, landmarks: dict[str, NDArray]) -> ElectrodeFile:
    """Electrodes in a digitiser's head frame; its unit is what makes the ears lie as far apart as they do."""
    missing = [name for name in LANDMARKS if name not in landmarks]
    if missing:
        raise InputError(
            f"{path.name} holds no {', '.join(missing)}: without nasion and both pre-auricular points its electrodes "
            "cannot be laid on this head"
        )
    apart = float(np.linalg.norm(landmarks["lpa"] - landmarks["rpa"]))
    unit = [mm for mm in UNITS_MM.values() if EARS_MM[0] <= mm * apart <= EARS_MM[1]]
    if not unit:
        raise InputError(f"{path.name}: its pre-auricular points are {apart:g} apart, which is no head in m, cm or mm")
    points = np.asarray(points, float).reshape(-1, 3)
    return ElectrodeFile(
        tuple(names), unit[0] * points, HEAD, {k: unit[0] * v for k, v in landmarks.items()}, path.name
    )


def _split(path: Path, rows: list[tuple[str, list[float]]]) -> ElectrodeFile:
    """Rows of a digitiser, its landmarks among the electrodes by name."""
    landmarks, names, points = {}, [], []
    for name, point in rows:
        mark = {"left": "lpa", "right": "rpa"}.get(name.lower()) or fiducial_named(name)
        if mark is None or mark == "inion":
            names.append(name)
            points.append(point)
        else:
            landmarks[mark] = np.array(point)
    return _of_head(path, names, np.array(points), landmarks)


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8-sig", errors="strict").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _point(cells: list[str]) -> list[float]:
    if len(cells) != 3:
        raise ValueError("three coordinates")
    return [float(cell) for cell in cells]


def _read_csv(path: Path) -> ElectrodeFile:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if any(cell.strip() for cell in row)]
    if rows and any(row[0] in KINDS for row in rows):
        both = read_scalp_positions(path)
        cap = both.of_kind(ELECTRODE, REFERENCE)
        return ElectrodeFile(cap.names, cap.points_mm, T1, fiducials_of(both), path.name)
    try:
        float(rows[0][1])
    except ValueError:
        rows = rows[1:]  # a header
    landmarks = {mark: np.array(_point(row[1:4])) for row in rows if (mark := fiducial_named(row[0]))}
    rows = [row for row in rows if fiducial_named(row[0]) in (None, "inion")]  # Iz is an electrode, too
    points = np.array([_point(row[1:4]) for row in rows]).reshape(-1, 3)
    return ElectrodeFile(tuple(row[0] for row in rows), points, T1, landmarks, path.name)


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
    rows = []
    for line in _lines(path)[1:]:
        cells = line.split()
        rows.append((cells[-4], _point(cells[-3:])))  # "3 Fp1 x y z", "3 x y z" or "nasion x y z"
    return _split(path, rows)


def _read_sfp(path: Path) -> ElectrodeFile:
    return _split(path, [(cells[0], _point(cells[1:4])) for cells in (line.split() for line in _lines(path))])


def _read_elc(path: Path) -> ElectrodeFile:
    lines = _lines(path)
    start, end = lines.index("Positions"), lines.index("Labels")
    points = [_point(line.split(":")[-1].split()) for line in lines[start + 1 : end]]
    labels = " ".join(lines[end + 1 :]).split()
    return _split(path, list(zip(labels, points, strict=True)))


def _read_bids(path: Path) -> ElectrodeFile:
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = [row for row in csv.DictReader(file, delimiter="\t") if "n/a" not in (row["x"], row["y"], row["z"])]
    system, folder = _coordsystem(path), path.name
    kind = next((key[: -len("CoordinateSystem")] for key in system if key.endswith("CoordinateSystem")), "EEG")
    frame = str(system.get(f"{kind}CoordinateSystem", "")).lower()
    unit = _unit(system.get(f"{kind}CoordinateUnits"), folder)
    names = tuple(row["name"] for row in table)
    points = unit * np.array([_point([row["x"], row["y"], row["z"]]) for row in table]).reshape(-1, 3)
    if frame in T1_FRAMES:
        return ElectrodeFile(names, points, T1, {}, path.name)
    if frame.startswith(MNI_FRAMES):
        return ElectrodeFile(names, points, MNI, {}, path.name)
    known = system.get("AnatomicalLandmarkCoordinates") or {}
    its_unit = _unit(system.get("AnatomicalLandmarkCoordinateUnits", system.get(f"{kind}CoordinateUnits")), folder)
    its_frame = str(system.get("AnatomicalLandmarkCoordinateSystem", frame)).lower()
    landmarks = {}
    for name, value in known.items() if its_frame == frame else ():
        mark = fiducial_named(name)
        if mark:
            landmarks[mark] = its_unit * np.array(value, float)
    missing = [name for name in LANDMARKS if name not in landmarks]
    if missing:
        raise InputError(
            f"{path.name}: its coordsystem.json names the frame {frame or 'of nothing'!r} and holds no landmarks in it "
            f"({', '.join(missing)}): give AnatomicalLandmarkCoordinates, or coordinates in T1w"
        )
    return ElectrodeFile(names, points, HEAD, landmarks, path.name)


def coordsystem_file(path: Path) -> Path:
    """The JSON that belongs to an ``*_electrodes.tsv``: of the same entities, or the one in its folder.

    Raises
    ------
    InputError
        If there is none, or it is not clear which.
    """
    stem = path.name.removesuffix("electrodes.tsv")
    own = path.with_name(f"{stem}coordsystem.json")
    found = [own] if own.is_file() else sorted(path.parent.glob("*coordsystem.json"))
    if len(found) != 1:
        raise InputError(
            f"{path.name} needs its coordsystem.json beside it, which says what its coordinates mean; "
            f"there {'is none' if not found else f'are {len(found)}'}"
        )
    return found[0]


def _coordsystem(path: Path) -> dict[str, Any]:
    found = coordsystem_file(path)
    try:
        system = json.loads(found.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{found.name} is not JSON: check the file") from error
    if not isinstance(system, dict):
        raise InputError(f"{found.name} is not a coordsystem.json: check the file")
    return system


def _unit(value: object, name: str) -> float:
    if value not in UNITS_MM:
        raise InputError(f"{name}: its coordsystem.json must give the units m, cm or mm, not {value!r}")
    return UNITS_MM[str(value)]
