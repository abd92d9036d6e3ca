"""Convert the poses of a navigator's file to the coordinates of the plan, by the header of the plan's T1.

Brainsight names its coordinate systems after the entry of the NIfTI header that gives them (``Q`` the qform, ``S`` the sform;
before version 2.5.3 by the entry's code alone), and visor2 repeats the qform.  With F the voxel → mm matrix of that entry in
this T1's header and A the one the plan's world is by, a pose P of the file is A · F⁻¹ · P here: P itself where the two agree.
A name that this T1's header has no entry for is another image's, and is refused: nothing could be held against anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.images import open_nifti
from meshes.world import FRAMES_AGREE_MM, SUBJECT_CODES, frames_apart_mm
from targeting.navigation.brainsight import KINDS, system_of
from targeting.navigation.records import SHEAR_TOLERANCE, Session, rigid_pose
from targeting.navigation.visor2 import ImageFingerprint

CODES = {kind: code for code, kind in KINDS.items()}
FORMS = {"Q": "qform", "S": "sform"}


@dataclass(frozen=True, eq=False)
class Entry:
    """One entry of a NIfTI header: "sform" or "qform", its code, and voxel index → mm, (4, 4)."""

    form: str
    code: int
    affine_mm: NDArray[np.float64]

    @property
    def system(self) -> str:
        """Brainsight's name of its world."""
        return system_of(self.form, self.code)


@dataclass(frozen=True, eq=False)
class HeaderWorlds:
    """The worlds of a T1: the plan's, and those its header has.

    Parameters
    ----------
    name : str
        The image's, for messages.
    affine_mm : (4, 4) float64
        Voxel index → RAS mm of the plan.
    shape : (3,) int
    entries : mapping of str to Entry
        Those whose code is not 0, by "sform" and "qform".
    """

    name: str
    affine_mm: NDArray[np.float64]
    shape: tuple[int, ...]
    entries: Mapping[str, Entry]

    @classmethod
    def of(cls, path: Path, name: str, affine_mm: NDArray[np.float64]) -> HeaderWorlds:
        """Of a NIfTI file.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        image = open_nifti(path)
        header = image.header
        try:
            read = {"sform": header.get_sform(coded=True), "qform": header.get_qform(coded=True)}
        except (ValueError, HeaderDataError) as error:
            raise InputError(f"{path} has a damaged header; run 'target plan' again") from error
        affine = np.asarray(affine_mm, dtype=np.float64)
        entries = {
            form: Entry(form, int(code), _in_mm(np.asarray(matrix, dtype=np.float64), affine))
            for form, (matrix, code) in read.items()
            if code > 0
        }
        return cls(name, affine, tuple(image.shape[:3]), entries)

    @property
    def systems(self) -> str:
        """Brainsight's names of this image's worlds, in words."""
        return " and ".join(each.system for each in self.entries.values())

    def agree(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
        """Whether two matrices put this image's voxels to the same places."""
        return frames_apart_mm(one, other, self.shape) <= FRAMES_AGREE_MM


def _in_mm(matrix: NDArray[np.float64], affine_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """A header's matrix in mm, where the header is in metres or micrometres and the plan was told so."""
    size, size_mm = (np.cbrt(abs(np.linalg.det(each[:3, :3]))) for each in (matrix, affine_mm))
    for factor in (1e3, 1e-3):
        if abs(size * factor - size_mm) < 0.01 * size_mm:
            return np.diag([factor, factor, factor, 1.0]) @ matrix
    return matrix


def in_the_plans_world(session: Session, worlds: HeaderWorlds | None) -> Session:
    """A file's poses in RAS mm of the plan.

    Parameters
    ----------
    session : Session
    worlds : HeaderWorlds or None
        Of the plan's T1; None where the plan has none (a mesh alone): its RAS mm is then taken to be the file's.

    Raises
    ------
    InputError
        If the file's world is none that this T1's header has, is ambiguous, or is not the plan's by a turn and a shift.
    """
    if worlds is None:
        if session.system and CODES[session.system.rpartition(":")[2]] > SUBJECT_CODES:
            raise InputError(
                f"{session.source} is in {session.system}, a template's space, and this plan has no T1 to hold that against; "
                "plan with the T1, or export from Brainsight in a NIfTI system that is Scanner or Aligned"
            )
        return session
    if session.image is not None:
        return _moved(session, _of_fingerprint(session, session.image, worlds), worlds)
    if session.system:
        return _moved(session, _of_system(session, worlds), worlds)
    return session


def _of_system(session: Session, worlds: HeaderWorlds) -> Entry:
    """The entry that a Brainsight name means."""
    words = session.system.split(":")[1:]
    code, form = CODES[words[-1]], FORMS[words[0]] if len(words) == 2 else None
    held = [each for each in worlds.entries.values() if form in (None, each.form)]
    same = [each for each in held if each.code == code]
    if not same:  # Scanner and Aligned are both the subject's own; converters choose between them as they like
        same = [each for each in held if max(each.code, code) <= SUBJECT_CODES]
    if not same:
        raise InputError(
            f"{session.source} is in {session.system}, and {worlds.name}, on which this plan was made, has {worlds.systems} "
            "only: it is of another image, or of its header as it was; load this very T1 in Brainsight and export it again"
        )
    if len(same) == 2 and not worlds.agree(same[0].affine_mm, same[1].affine_mm):
        raise InputError(
            f"{session.source} is in {session.system}, which could be either of {worlds.systems} of {worlds.name}, and they "
            "lie apart; export it from Brainsight 2.5.3 or later, which names which"
        )
    return same[0]


def _of_fingerprint(session: Session, image: ImageFingerprint, worlds: HeaderWorlds) -> Entry:
    held = worlds.entries.get("qform")
    if held is None or not worlds.agree(held.affine_mm, image.affine_mm):
        why = "has no qform" if held is None else "lies elsewhere by its qform"
        raise InputError(
            f"{session.source} belongs to an image that is not {worlds.name}, which {why}: load it in visor2 and save again"
        )
    return held


def _moved(session: Session, entry: Entry, worlds: HeaderWorlds) -> Session:
    """The poses from an entry's world to the plan's."""
    if worlds.agree(entry.affine_mm, worlds.affine_mm):
        return session
    to_plan = worlds.affine_mm @ np.linalg.inv(entry.affine_mm)
    rotation = to_plan[:3, :3]
    if np.abs(rotation.T @ rotation - np.eye(3)).max() > SHEAR_TOLERANCE or np.linalg.det(rotation) < 0:
        raise InputError(
            f"{session.source} is in the {entry.form}'s frame of {worlds.name} ({entry.system}) and the plan is not; the two "
            "differ by more than a turn and a shift, so no pose can be carried over: export it in the plan's frame"
        )
    return replace(
        session,
        records=tuple(
            each
            if each.pose is None
            else replace(
                each, pose=rigid_pose(to_plan @ each.pose.matrix_mm, each.name, f"{session.source}, carried over")
            )
            for each in session.records
        ),
    )
