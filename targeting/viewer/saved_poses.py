"""Poses that a person saved, in ``saved_poses.json`` beside the plan, which they never change.

The file is read before each change and appears only when it is whole, so that nothing saved is lost; one that cannot be
read is left alone.  Each pose says which image it is in and which coil it is for: a folder may be planned anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from meshes.errors import InputError
from targeting.plans.tms import Plan
from targeting.pose import Pose
from targeting.pose_gate import fault_at
from targeting.records.json_records import plain, read_json, read_record, require, write_json

FILE = "saved_poses.json"
VERSION = "1.0"


@dataclass(frozen=True)
class SavedPose:
    """A pose that a person saved, with its dose."""

    name: str
    pose: list[list[float]]  # coil → world, RAS mm of the image; +z into the head, +y away from the handle
    scalp_mm: list[float]  # scalp point under the coil
    angle_deg: float  # of the induced current in the scalp's tangent plane
    angle_from: str
    distance_mm: float  # smallest casing-to-scalp distance
    dose_v_per_m: float  # at 1 A/µs, as the plan counts it
    percent_of_plan: float
    coil: str
    target: str
    image_sha256: str
    saved: str  # ISO 8601, UTC


@dataclass(frozen=True)
class SavedPoses:
    """The content of ``saved_poses.json``."""

    poses: list[SavedPose]
    schema_version: str = VERSION


def read_saved(folder: Path) -> list[SavedPose]:
    """The poses saved in a folder; none if there is no file.

    Raises
    ------
    InputError
        If the file cannot be used; the line names it and the field.
    """
    path = folder / FILE
    if not path.exists():
        return []
    document = read_json(path, "a list of saved poses", f"there is no file {path}")
    try:
        version = document.get("schema_version") if isinstance(document, dict) else None
        require(version in (None, VERSION), f"it is of version {version!r} and this program reads {VERSION!r}")
        read: SavedPoses = read_record(SavedPoses, document, VERSION)
        for i, each in enumerate(read.poses):
            require(np.shape(each.pose) == (4, 4), f"poses[{i}].pose must be 4 × 4 numbers")
            require(len(each.scalp_mm) == 3, f"poses[{i}].scalp_mm must be three numbers")
            Pose(np.array(each.pose))
    except (InputError, ValueError) as error:
        raise InputError(
            f"{path} cannot be used: {error}; mend it or move it away, nothing is written over it"
        ) from None
    return read.poses


def save_pose(folder: Path, pose: SavedPose) -> list[SavedPose]:
    """Add a pose to the file; a name that is taken gets a number.  Returns all that are then in the file.

    Raises
    ------
    InputError
        If the coil is in the head or the file that is there cannot be used.
    WriteError
        If the new one cannot be written.
    """
    if fault := fault_at(pose.distance_mm):
        raise InputError(f"{pose.name!r} is not saved: {fault}")
    there = read_saved(folder)
    taken = {each.name for each in there}
    name, count = pose.name, 2
    while name in taken:
        name, count = f"{pose.name} ({count})", count + 1
    poses = [*there, SavedPose(**{**vars(pose), "name": name})]
    write_json(folder / FILE, plain(SavedPoses(poses)))
    return poses


def forget_pose(folder: Path, name: str) -> list[SavedPose]:
    """Delete a pose from the file; returns those that stay.

    Raises
    ------
    InputError
        If there is none of that name, or the file cannot be used or written.
    """
    there = read_saved(folder)
    poses = [each for each in there if each.name != name]
    if len(poses) == len(there):
        raise InputError(f"there is no saved pose {name!r} in {folder / FILE}")
    write_json(folder / FILE, plain(SavedPoses(poses)))
    return poses


def saved_pose(
    name: str,
    plan: Plan,
    coil: str,
    pose: np.ndarray,
    scalp_mm: np.ndarray,
    angle: tuple[float, str],
    dose: dict,
) -> SavedPose:
    """The record of a pose that a person saves in the viewer.

    Parameters
    ----------
    name : str
        The person's name for it; "pose" where it is blank.
    plan : TmsPlan
        Its target and image.
    coil : str
        Name of the coil.
    pose : (4, 4) float
        Coil → world, RAS mm of the plan's image.
    scalp_mm : (3,) float
        Scalp point under the coil, RAS mm.
    angle : (float, str)
        Of the induced current, degrees, and what it is measured from.
    dose : dict
        What ``target serve`` answers for the pose at 1 A/µs.
    """
    return SavedPose(
        name=name.strip() or "pose",
        pose=np.asarray(pose, float).tolist(),
        scalp_mm=np.asarray(scalp_mm, float).tolist(),
        angle_deg=angle[0],
        angle_from=angle[1],
        distance_mm=dose["scalp_distance_mm"],
        dose_v_per_m=dose["dose_v_per_m"],
        percent_of_plan=dose["percent_of_plan"],
        coil=coil,
        target=f"{plan.target.side} {plan.target.name}".strip(),
        image_sha256=plan.frame.sha256,
        saved=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def of_image(poses: list[SavedPose], plan: Plan) -> list[SavedPose]:
    """Those whose coordinates are of the plan's image; the others mean other places."""
    return [each for each in poses if each.image_sha256 == plan.frame.sha256]
