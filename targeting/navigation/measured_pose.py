"""The pose at which a coil really was: the mean of the chosen rows of a navigator's file, checked against the head.

Every row passes the gate for measured poses.  Pulses that do not (test pulses into the air) are left out and counted; if most
of them are in the head or face away, the file is of another frame or another head, and is refused.  What is left must be one
place: all but a few strays within ``SAME_PLACE_MM`` and ``SAME_TURN_DEG`` of the pulse in their middle.  A recorded session
of a hand-held coil at one target (Localite's trigger markers) reaches 14.7 mm and 14°; sites that are told apart lie farther.
The pose is the mean place and the chordal mean of the rotations (Markley et al. 2007, J Guid Control Dyn 30:1193).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from meshes.errors import InputError
from targeting.navigation.choice import ALL_PULSES, ChosenRows, apart_deg, coil_pulses
from targeting.navigation.records import TARGET, Record
from targeting.pose import Pose
from targeting.pose_gate import OFF_HEAD, PoseGate, fault_at

SAME_PLACE_MM, SAME_TURN_DEG = 15.0, 30.0
STRAYS = 0.1  # the share of pulses that may lie elsewhere, and is left out


@dataclass(frozen=True, eq=False)
class MeasuredPose:
    """A pose at which the coil was, averaged from rows of a navigator's file.

    Parameters
    ----------
    pose : Pose
        RAS mm of the T1.
    poses : tuple of Pose
        The rows it is the mean of.
    words : str
        What the pose is of: "mean of 4 pulses", "target 'hotspot', row 2 of 2".
    rows : tuple of str
        Which pulses these are, and how far they spread.
    left_out : tuple of str
        How many were left out, and why.
    warnings : tuple of str
        What is to be checked, though the pose can be.
    deepest_mm : float
        How far the casing was in the head at most; 0 if it was not.
    """

    pose: Pose
    poses: tuple[Pose, ...]
    words: str
    rows: tuple[str, ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]
    deepest_mm: float

    @property
    def remarks(self) -> tuple[str, ...]:
        """Lines about the rows it was made from, for a person."""
        return self.rows + self.left_out


def measured(chosen: ChosenRows, gate: PoseGate, off_mm: float) -> MeasuredPose:
    """Average rows of a navigator's file to one pose, and check that the coil can have been there.

    Parameters
    ----------
    chosen : ChosenRows
        With its poses in RAS mm of the plan.
    gate : PoseGate
    off_mm : float
        How far from the scalp the coil is planned to be, mm.

    Raises
    ------
    InputError
        If the coil cannot have been there, or the pulses are not of one place; the line names the row.
    """
    poses, not_there = _let_in(chosen, gate, off_mm)
    kept, strays = _one_place(poses, chosen)
    pose = mean_pose(kept)
    if len(kept) > 1:
        words = f"mean of {len(kept)} pulses"
        rows = (*[chosen.words] * bool(chosen.words), _spread(pose, kept))
    else:
        words, rows = chosen.words or "one pulse", ()
    left_out = (*chosen.left_out, *not_there, *strays)
    distances_mm = sorted(gate.distance_mm(each) for each in kept)
    inside = [fault for each in distances_mm if (fault := fault_at(each))]
    warnings = []
    if inside:
        many = f"in {len(inside)} of {len(kept)} {chosen.kind}s of" if len(kept) > 1 else "at the pose in"
        most = ", at most," if len(inside) > 1 else ""
        warnings = [f"{many} {chosen.session.source}{most} {inside[0]}: check the navigator's registration"]
    return MeasuredPose(pose, kept, words, rows, left_out, tuple(warnings), -distances_mm[0] if inside else 0.0)


def mean_pose(poses: Sequence[Pose]) -> Pose:
    """The mean place and the chordal mean of the rotations."""
    from scipy.spatial.transform import Rotation

    matrices = np.array([pose.matrix_mm for pose in poses])
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_matrix(matrices[:, :3, :3]).mean().as_matrix()
    matrix[:3, 3] = matrices[:, :3, 3].mean(0)
    return Pose(matrix, name="delivered")


def apart(one: Pose, other: Pose) -> tuple[float, float]:
    """How far two poses are from each other: mm between the coils' centres, and degrees of rotation."""
    return float(np.linalg.norm(one.center_mm - other.center_mm)), apart_deg(one.matrix_mm, other.matrix_mm)


def row_words(record: Record, source: str) -> str:
    """The name and number of a row, for messages."""
    return f"{record.kind} {record.name or f'#{record.row}'!r} (row {record.row}) of {source}"


def _let_in(rows: ChosenRows, gate: PoseGate, off_mm: float) -> tuple[list[Pose], list[str]]:
    """The poses that the coil can have had, and what was left out."""
    source, many = rows.session.source, len(rows.records)
    placed = [(record, record.pose) for record in rows.records if record.pose is not None]
    said, _ = gate.measured_faults([pose for _, pose in placed], off_mm)
    faults = [(fault, record) for fault, (record, _) in zip(said, placed, strict=True) if fault]
    poses = [pose for fault, (_, pose) in zip(said, placed, strict=True) if not fault]
    if not faults:
        return poses, []
    wrong = [each for each in faults if not each[0].endswith(OFF_HEAD)]
    if not poses or 2 * len(wrong) > many:
        fault, record = (wrong or faults)[0]
        if many > 1:
            hint = f"nor can {len(faults) - 1} more of {many}; check the file's frame and the coil"
        elif record.kind == TARGET and coil_pulses(rows.session):
            hint = f"its recorded pulses are named '{source}:{ALL_PULSES}'"
        else:
            hint = "check its frame and the coil"
        raise InputError(f"{row_words(record, source)} cannot be of this coil at this head: {fault}; {hint}")
    kinds = Counter("in the head or facing away" if each in wrong else "with the coil off the head" for each in faults)
    return poses, [f"{n} of {many} pulses left out: {words}" for words, n in kinds.items()]


def _one_place(poses: list[Pose], rows: ChosenRows) -> tuple[tuple[Pose, ...], list[str]]:
    """The poses of one place, and what is said of strays."""
    center_mm = np.median([pose.center_mm for pose in poses], axis=0)
    middle = min(poses, key=lambda pose: float(np.linalg.norm(pose.center_mm - center_mm)))
    off = [apart(middle, each) for each in poses]
    near = [mm <= SAME_PLACE_MM and degrees <= SAME_TURN_DEG for mm, degrees in off]
    kept = tuple(pose for pose, is_near in zip(poses, near, strict=True) if is_near)
    away = len(poses) - len(kept)
    if away > STRAYS * len(poses):
        mm, degrees = (max(each) for each in zip(*off, strict=True))
        raise InputError(
            f"the {len(poses)} pulses of {rows.session.source} are not at one place: they lie up to {mm:.0f} mm and "
            f"{degrees:.0f}° apart, and no mean can be taken; name one of them, such as "
            f"'{rows.session.source}:{rows.records[0].name}', or give a file with the pulses of one place alone"
        )
    strays = f"{away} of {len(poses)} pulses left out: more than {SAME_PLACE_MM:.0f} mm or {SAME_TURN_DEG:.0f}° from the rest"
    return kept, [strays] if away else []


def _spread(mean: Pose, poses: Sequence[Pose]) -> str:
    mm, degrees = (max(each) for each in zip(*(apart(mean, pose) for pose in poses), strict=True))
    return f"all within {mm:.1f} mm and {degrees:.0f}° of their mean"
