"""Read electrodes of BIDS: ``*_electrodes.tsv``, and the ``*_coordsystem.json`` that says what its numbers mean.

The JSON may stand in any folder from the table's own up to the data set's root; the nearest that applies counts, and one
applies if it names nothing else than the table does (BIDS 1.10, "The inheritance principle").

Coordinate systems are taken as follows (ibid., appendix "Coordinate systems"): ``T1w`` and ``ScanRAS`` are the T1's RAS;
names of MNI templates are taken through the affine part of the registration; all those based on landmarks (``CapTrak``,
``EEGLAB``, ``EEGLAB-HJ``, ``CTF``, ``ElektaNeuromag``, ``4DBti``, ``KitYokogawa``, ``Other``) by the landmarks in
``AnatomicalLandmarkCoordinates``.
"""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from atlases.electrode_files import ElectrodeFormat
from atlases.electrode_set import HEAD, LANDMARKS, MNI, T1, UNITS_MM, ElectrodeFile, merge_landmarks, unit_of_ears
from atlases.fiducials import fiducial_named
from meshes.errors import InputError

log = logging.getLogger(__name__)

T1_FRAMES = ("t1w", "scanras")
MNI_FRAMES = ("mni", "icbm152", "ixi549space", "fsaverage", "colin27")
OTHER_TEMPLATES = ("icbm452", "talairach", "nihpd", "uncinfant", "oasis30")  # heads that the registration does not know
KINDS = ("EEG", "iEEG", "MEG")
UNKNOWN = ("n/a", "", "nan")
UNIT_WORDS = {"millimet": "mm", "centimet": "cm", "met": "m"}
ROOT_FILE = "dataset_description.json"


def read_bids_electrodes(path: Path) -> ElectrodeFile:
    """Read a BIDS ``*_electrodes.tsv`` and the ``coordsystem.json`` that belongs to it.

    Raises
    ------
    InputError
        If columns, coordinates, frame, unit or landmarks are missing or contradict each other.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, delimiter="\t")
        table = [{str(key).strip().lower(): value for key, value in row.items()} for row in reader]
        columns = [name.strip().lower() for name in reader.fieldnames or ()]
    lacks = [name for name in ("name", "x", "y", "z") if name not in columns]
    if lacks:
        raise InputError(f"{path.name} has no column {', '.join(lacks)}: BIDS' electrodes have name, x, y and z")
    whole = [row for row in table if not {(row[axis] or "").strip().lower() for axis in "xyz"} & set(UNKNOWN)]
    if not whole:
        raise InputError(
            f"{path.name}: no electrode has three coordinates (n/a in x, y or z): it is the layout of a picture; give "
            "positions that were measured, or leave out `positions`"
        )
    if len(whole) < len(table):
        log.info(
            "%s: %d of %d electrodes have no place and are left out", path.name, len(table) - len(whole), len(table)
        )
    found = coordsystem_file(path)
    system = _coordsystem(found)
    kind = next((kind for kind in KINDS if f"{kind}CoordinateSystem" in system), KINDS[0])
    stated = str(system.get(f"{kind}CoordinateSystem", "")).strip()
    frame = stated.lower()
    unit = _unit(system.get(f"{kind}CoordinateUnits"), f"{kind}CoordinateUnits", found.name)
    names = tuple(row["name"].strip() for row in whole)
    points = UNITS_MM[unit] * np.array([[float(row[axis]) for axis in "xyz"] for row in whole])
    if frame in T1_FRAMES:
        return ElectrodeFile(names, points, T1, {}, path.name)
    if frame.startswith(MNI_FRAMES):
        return ElectrodeFile(names, points, MNI, {}, path.name)
    if frame.startswith(OTHER_TEMPLATES):
        raise InputError(
            f"{path.name} is in the space of {stated} ({found.name}), another head than MNI152: give positions in T1w"
        )
    return _by_landmarks(path, found, system, kind, names, points)


def _by_landmarks(
    path: Path, json_file: Path, system: dict[str, Any], kind: str, names: tuple[str, ...], points: np.ndarray
) -> ElectrodeFile:
    """Electrodes in a frame that landmarks in the same JSON tie to the head."""
    stated = str(system.get(f"{kind}CoordinateSystem", "")).strip()
    key = "AnatomicalLandmarkCoordinateUnits"
    unit = _unit(system.get(key, system.get(f"{kind}CoordinateUnits")), key, json_file.name)
    known = system.get("AnatomicalLandmarkCoordinates") or {}
    of_marks = str(system.get("AnatomicalLandmarkCoordinateSystem", stated)).strip()
    marks = [(mark, value) for name, value in known.items() if (mark := fiducial_named(name)) and _is_point(value)]
    if of_marks.lower() != stated.lower() and marks:
        raise InputError(
            f"{json_file.name}: its electrodes are in {stated or 'no named system'} and its landmarks in {of_marks}: give both "
            "in one, or the electrodes in T1w"
        )
    missing = [name for name in LANDMARKS if name not in dict(marks)]
    if missing:
        raise InputError(
            f"{path.name}: {json_file.name} names {f'the frame {stated}' if stated else 'no frame'} and holds no landmarks in "
            f"it ({', '.join(missing)}): give AnatomicalLandmarkCoordinates, or coordinates in T1w"
        )
    at = merge_landmarks(marks, UNITS_MM[unit], json_file.name)
    apart = float(np.linalg.norm(at["lpa"] - at["rpa"])) / UNITS_MM[unit]
    fits = unit_of_ears(apart)
    if fits != unit:
        looks = f"which fits {fits}: correct the unit" if fits else "which is no head in m, cm or mm"
        raise InputError(f"{json_file.name}: its ears lie {apart:g} {unit} apart, {looks}")
    return ElectrodeFile(names, points, HEAD, at, path.name)


def coordsystem_file(path: Path) -> Path:
    """The JSON that belongs to an ``*_electrodes.tsv``: the nearest up to the data set's root that applies to it.

    In the table's own folder one that says more than the table's name (``space-``) is taken, too, if it is the only one.

    Raises
    ------
    InputError
        If there is none, or it is not clear which.
    """
    own = _entities(path, "electrodes.tsv")
    for folder in _up_to_root(path.parent):
        every = {each: _entities(each, "coordsystem.json") for each in sorted(folder.glob("*coordsystem.json"))}
        applies = {each: said for each, said in every.items() if said.items() <= own.items()}
        if not applies and folder == path.parent:
            applies = {
                each: said for each, said in every.items() if all(own.get(key, said[key]) == said[key] for key in said)
            }
        closest = [each for each, said in applies.items() if len(said) == max(map(len, applies.values()))]
        if len(closest) > 1:
            raise InputError(
                f"{path.name}: {' and '.join(each.name for each in closest)} beside each other both say what its coordinates "
                "mean; leave the one that belongs to it"
            )
        if closest:
            return closest[0]
    raise InputError(
        f"{path.name} needs its coordsystem.json, which says what its coordinates mean: there is none beside it or in the "
        "folders above, up to the data set's root"
    )


def _entities(path: Path, ending: str) -> dict[str, str]:
    """BIDS entities of a file's name: key → label."""
    parts = path.name.removesuffix(ending).split("_")
    return {key: label for key, _, label in (part.partition("-") for part in parts) if label}


def _up_to_root(folder: Path) -> list[Path]:
    """A folder and those above it, up to the data set's root: what holds its description, or else its ``sub-`` folder."""
    folders = [folder.resolve(), *folder.resolve().parents]
    described = [i for i, each in enumerate(folders) if (each / ROOT_FILE).is_file()]
    of_subject = [i + 1 for i, each in enumerate(folders) if each.name.startswith("sub-") and i + 1 < len(folders)]
    last = described[0] if described else of_subject[-1] if of_subject else 0
    return [folder, *folders[1 : last + 1]]


def _coordsystem(json_file: Path) -> dict[str, Any]:
    try:
        system = json.loads(json_file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{json_file.name} is not JSON: check the file") from error
    if not isinstance(system, dict):
        raise InputError(f"{json_file.name} is not a coordsystem.json: check the file")
    return system


def _is_point(value: object) -> bool:
    try:
        point = np.array(value, float)
    except (TypeError, ValueError):
        return False
    return point.shape == (3,) and bool(np.isfinite(point).all())


def _unit(value: object, key: str, name: str) -> str:
    word = str(value).strip().lower()
    unit = word if word in UNITS_MM else next((u for start, u in UNIT_WORDS.items() if word.startswith(start)), None)
    if unit is None:
        said = f"not {value!r}" if value is not None else "and it is missing"
        raise InputError(f"{name}: {key} must be m, cm or mm, {said}")
    return unit


BIDS = ElectrodeFormat(
    name="bids",
    suffix=".tsv",
    read=read_bids_electrodes,
    further_files=lambda path: {"coordsystem": coordsystem_file(path)},
)
