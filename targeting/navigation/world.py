"""Convert the poses of a navigator's file to the coordinates of the plan, by the header of the plan's T1.

Brainsight names its coordinate systems after the entry of the NIfTI header that gives them (``Q`` the qform, ``S`` the sform;
before version 2.5.3 by the entry's code alone), and visor2 repeats the qform.  With F the voxel → mm matrix of that entry in
this T1's header and A the one the plan's world is by, a pose P of the file is A · F⁻¹ · P here: P itself where the two agree.
A name that this T1's header has no entry for is another image's, and is refused: nothing could be held against anything.

InVesalius and Nexstim count from a corner of the image (:mod:`targeting.navigation.image_space`).  Places in MNI152 come
back through the subject's own map to it, and the axes through its derivative, made a rotation again.  That is no more exact
than two maps of one head agree: this program's warp and its affine part alone are apart by 1.8 mm in the median and 3.1 mm
at most (69 scalp points above z = 20 mm of a head that is not the template; 0.9 and 2.3 mm on colin27).  The navigator's
own map is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from meshes.errors import InputError
from meshes.images import open_nifti
from meshes.world import FRAMES_AGREE_MM, SUBJECT_CODES, frames_apart_mm
from targeting.navigation.brainsight import KINDS, system_of
from targeting.navigation.image_space import ImageSpace
from targeting.navigation.records import (
    INVESALIUS,
    MNI,
    NEED_AN_IMAGE,
    SHEAR_TOLERANCE,
    Mark,
    Record,
    Session,
    rigid_pose,
)
from targeting.navigation.visor2 import ImageFingerprint

if TYPE_CHECKING:
    from atlases.warp import MniWarp

CODES = {kind: code for code, kind in KINDS.items()}
STEP_MM = 1.0  # of the map's derivative
MNI_APART_MM, MNI_MOST_APART_MM = 2, 3  # see above
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
    sha256 : str
        Of the image's file; empty where it is not known.
    """

    name: str
    affine_mm: NDArray[np.float64]
    shape: tuple[int, ...]
    entries: Mapping[str, Entry]
    sha256: str = ""

    @classmethod
    def of(cls, path: Path, name: str, affine_mm: NDArray[np.float64], sha256: str = "") -> HeaderWorlds:
        """Of a NIfTI file.

        Parameters
        ----------
        path : Path
            Its file here.
        name : str
            What people know it by.
        affine_mm : (4, 4) float64
            Voxel index → world mm that plans of it are in.
        sha256 : str
            Of the file, for what names its image by it; empty where it is not known.

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
        return cls(name, affine, tuple(image.shape[:3]), entries, sha256)

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


def in_the_plans_world(session: Session, worlds: HeaderWorlds | None, warp: MniWarp | None = None) -> Session:
    """A file's poses in RAS mm of the plan.

    Parameters
    ----------
    session : Session
    worlds : HeaderWorlds or None
        Of the plan's T1; None where the plan has none (a mesh alone): its RAS mm is then taken to be the file's.
    warp : MniWarp, optional
        The subject's map to MNI152, for a file that is in it.

    Raises
    ------
    InputError
        If the file names another image, or its world is none that this T1's header has, is ambiguous, or is not the plan's
        by a turn and a shift.
    """
    if worlds is not None and worlds.sha256 and session.image_sha256 not in ("", worlds.sha256):
        raise InputError(
            f"{session.source} was written for an image of SHA-256 {session.image_sha256[:12]}…, and {worlds.name} has "
            f"{worlds.sha256[:12]}…: take the file that is of this image, or name the subject that it is of"
        )
    if session.system == MNI:
        return _out_of_mni(session, warp)
    if session.system in NEED_AN_IMAGE:
        return _out_of_an_image(session, worlds)
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
    return _carried(session, lambda matrix: to_plan @ matrix)


def _carried(session: Session, carry: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Session:
    """All poses and points through a map of (4, 4) matrices; the result is RAS mm of the plan."""

    def record(each: Record) -> Record:
        if each.pose is None:
            return each
        return replace(each, pose=rigid_pose(carry(each.pose.matrix_mm), each.name, f"{session.source}, carried over"))

    def mark(each: Mark) -> Mark:
        there = np.eye(4)
        there[:3, 3] = each.point_mm
        return Mark(each.name, carry(there)[:3, 3])

    return replace(
        session,
        records=tuple(map(record, session.records)),
        marks=tuple(map(mark, session.marks)),
        system="",
        image=None,
    )


def _out_of_an_image(session: Session, worlds: HeaderWorlds | None) -> Session:
    """From millimetres along the image's axes."""
    if worlds is None:
        raise InputError(
            f"{session.source} is in {session.system} coordinates, which count from a corner of the T1, and none is known "
            "here; name a subject whose head was made from that T1"
        )
    space = ImageSpace.of(worlds.affine_mm, worlds.shape, worlds.name)
    to_plan = space.of_invesalius_mm if session.system == INVESALIUS else space.of_nexstim_mm(worlds.name)
    return _carried(session, lambda matrix: to_plan @ matrix)


def _out_of_mni(session: Session, warp: MniWarp | None) -> Session:
    """From MNI152 through the subject's map to it."""
    if warp is None:
        raise InputError(
            f"{session.source} is in {MNI}, a template's space: its places were moved there and are not this head's; save the "
            "session in the coordinates of the T1 itself, or carry it over with 'target import' to a registered subject"
        )

    def carry(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        center, carried = matrix[:3, 3], np.eye(4)
        around = warp.to_subject(np.vstack([center, center + STEP_MM * np.eye(3)]))
        u, _, vt = np.linalg.svd((around[1:] - around[0]).T / STEP_MM @ matrix[:3, :3])
        carried[:3, :3], carried[:3, 3] = u @ vt, around[0]
        return carried

    remark = (
        f"carried over from {MNI} through this head's own map: two maps of one head differ by {MNI_APART_MM} mm on the scalp "
        f"and up to {MNI_MOST_APART_MM}, and by more if the navigator's is a rougher one; save the session in the T1's "
        "coordinates if you can"
    )
    return replace(_carried(session, carry), remarks=(*session.remarks, remark))
