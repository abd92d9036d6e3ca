"""The registry of navigators: their file formats, and the frames in which they stream a coil's pose.

A third party adds a navigator with an entry point of the group ``target.navigators`` that names a :class:`Navigator`.  Files
of ours and of plug-ins are then recognised, read and written in the same way (:mod:`targeting.navigation.pose_file`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.choices import one_of
from meshes.errors import InputError
from meshes.plugins import Registry
from targeting.navigation.records import Session, rigid_pose
from targeting.pose import Pose

SAME = np.eye(4)
Frame = tuple[NDArray[np.float64], NDArray[np.float64]]  # world → RAS mm of the T1, and our coil frame → the vendor's


@dataclass(frozen=True)
class HeaderEntry:
    """The entry of a NIfTI header that gives the world of poses: "sform" or "qform", and its code."""

    form: str
    code: int


@dataclass(frozen=True, kw_only=True)
class Navigator:
    """A navigator's file format.

    Parameters
    ----------
    name : str
        As users give it: lower case, "localite".
    title : str
        As its maker writes it: "Localite".
    suffix : str
        Of its files, with the dot.
    recognises : callable
        (text) → bool: whether a text is a file of this navigator.
    read : callable
        (text, source) → :class:`~targeting.navigation.records.Session`: all rows of a file.  ``source`` names the file
        in messages.  Raises InputError for a damaged file.
    write : callable, optional
        (poses, entry) → str: a file's text for a sequence of :class:`~targeting.pose.Pose` in RAS mm of the T1.  ``entry``
        is the :class:`HeaderEntry` that gives this world, None without an image.  From a plan they are a
        :class:`~targeting.navigation.exported.PlannedPose` each and a :class:`~targeting.navigation.exported.PlanImage`.
        None: the format is only read.
    beside : callable, optional
        (poses, entry, file name) → mapping of name to text: further files of the same export.
    only_read : str
        Why it is not written, for a format that is not.
    how : str
        How its user loads the file: what to press, and which coordinate system to choose.
    with_every_plan : bool
        Whether ``target plan`` writes it, too.
    product : str
        The full name of the program, where it is more than the title: "Localite TMS Navigator".
    file_name : str
        Usual name of a plan's file; ``{time}`` in it stands for the plan's time, ``{subject}`` for the person.
    frames : mapping of str to (matrix, matrix)
        How poses are streamed, by the frame's name: the (4, 4) matrix from the navigator's world to RAS mm of the T1, and
        that from our coil frame to the navigator's.  With M the matrix streamed, the pose is W · M · C.
    """

    name: str
    title: str
    suffix: str
    recognises: Callable[[str], bool]
    read: Callable[[str, str], Session]
    write: Callable[[Sequence[Pose], HeaderEntry | None], str] | None = None
    beside: Callable[[Sequence[Pose], HeaderEntry | None, str], Mapping[str, str]] | None = None
    only_read: str = ""
    how: str = ""
    with_every_plan: bool = False
    product: str = ""
    file_name: str = ""
    frames: Mapping[str, Frame] = field(default_factory=dict)


NAVIGATORS = Registry(
    "target.navigators",
    Navigator,
    "navigator",
    {
        "brainsight": "targeting.navigation.brainsight:BRAINSIGHT",
        "brainsight-v12": "targeting.navigation.brainsight:BRAINSIGHT_OLD",
        "localite": "targeting.navigation.localite:LOCALITE",
        "localite-lps": "targeting.navigation.localite:LOCALITE_LPS",
        "softaxic": "targeting.navigation.softaxic:SOFTAXIC",
        "visor2": "targeting.navigation.visor2:VISOR2",
        "invesalius": "targeting.navigation.invesalius:INVESALIUS_MARKERS",
        "navinibs": "targeting.navigation.navinibs:NAVINIBS",
        "nexstim": "targeting.navigation.nexstim:NEXSTIM_SESSION",
        "robot": "targeting.navigation.robot:ROBOT",
        "nibs-bids": "targeting.navigation.nibs_bids:NIBS_BIDS",
    },
)
LOOKS_LIKE = {"{": "visor2", "<": "localite"}  # by the first character: who explains what is wrong with a damaged file


def writers() -> dict[str, Navigator]:
    """The navigators that poses can be written for, by name."""
    return {name: each for name, each in NAVIGATORS.members().items() if each.write}


def own_writers() -> list[Navigator]:
    """Those of our own."""
    return [each for name, each in writers().items() if name in NAVIGATORS.own]


def navigators_of_plans() -> list[str]:
    """The navigators that every plan is written for; all others, and those of plug-ins, are written by ``target export``.

    So no plug-in can keep a plan from being finished.
    """
    return [each.name for each in own_writers() if each.with_every_plan]


def navigator_of(text: str) -> Navigator | None:
    """The navigator that a file's text is of; for a damaged file the one it looks like; None if it looks like none."""
    for each in NAVIGATORS.members().values():
        if NAVIGATORS.run(each, each.recognises, text):
            return each
    like = LOOKS_LIKE.get(text.lstrip()[:1])
    return NAVIGATORS.named(like) if like else None


def navigator_file(navigator: str, created: str = "", subject: str = "") -> str:
    """The usual name of a plan's file for a navigator.

    Parameters
    ----------
    navigator : str
        One that can be written.
    created : str
        The plan's time (ISO 8601); "" for now.
    subject : str
        Whom it is for, where the format names files so (BIDS: letters and digits of it).

    Raises
    ------
    InputError
        If the navigator is unknown.

    Examples
    --------
    >>> from targeting.navigation.navigators import navigator_file
    >>> navigator_file("localite", "2026-03-01T09:30:05+00:00")
    'plan_localite_InstrumentMarker20260301093005000.xml'
    """
    each = writer_named(navigator)
    name = each.file_name or f"plan_{each.name}{each.suffix}"
    time = datetime.fromisoformat(created) if created else datetime.now(UTC)
    label = "".join(each for each in subject if each.isalnum()) or "plan"
    return name.format(time=f"{time:%Y%m%d%H%M%S}000", subject=label)


def writer_named(navigator: str) -> Navigator:
    """The navigator of that name, which can be written.

    Raises
    ------
    InputError
        If there is none, or its format is only read; the line says why.
    """
    members = NAVIGATORS.members()
    if (known := members.get(navigator)) is not None and known.write is None:
        why = known.only_read or "its format is only read"
        raise InputError(f"poses cannot be written for {known.title}: {why}; it can be {', '.join(writers())}")
    return members[one_of(navigator, writers(), "navigator")]


def navigator_of_file(file_name: str) -> Navigator | None:
    """The navigator that a plan's file is for, by the file's name; None if none is named in it.

    Examples
    --------
    >>> navigator_of_file("plan_localite_InstrumentMarker20260301093005000.xml").product
    'Localite TMS Navigator'
    """
    named = (each for name, each in writers().items() if name in file_name.lower())
    return max(named, key=lambda each: len(each.name), default=None)


def frames() -> dict[str, Frame]:
    """The frames in which a pose may be streamed: "ras" is this project's own, the others are the navigators'.

    Softaxic has none: what its axes mean is only known from a further point that its files hold.
    """
    found = {"ras": (SAME, SAME)}
    for each in NAVIGATORS.members().values():
        for name, frame in each.frames.items():
            found.setdefault(name, frame)  # no plug-in changes the meaning of a name that is there
    return found


def pose_in(frame: str, matrix_mm: ArrayLike, name: str = "pose", from_what: str = "live pose") -> Pose:
    """The pose that a navigator's matrix means: P = W · M · C, with M the matrix and W, C those of the frame.

    Parameters
    ----------
    frame : str
        One of :func:`frames`: "ras" (this project's own), "brainsight", "localite", "localite-lps" or "visor2".
    matrix_mm : (4, 4) array
        The navigator's coil → its world, mm.
    name, from_what : str
        For messages.

    Raises
    ------
    InputError
        If the frame is not known, or the matrix is not finite, rigid and right-handed.

    Examples
    --------
    >>> import numpy as np
    >>> from targeting.navigation.navigators import pose_in
    >>> over_vertex = np.diag([-1.0, -1.0, 1.0, 1.0])  # Brainsight's z points out of the head
    >>> pose_in("brainsight", over_vertex).direction_mm.tolist()
    [0.0, 0.0, -1.0]
    """
    known = frames()
    to_ras, to_coil = known[one_of(frame, known, "frame")]
    return rigid_pose(to_ras @ np.asarray(matrix_mm, dtype=np.float64) @ to_coil, name, from_what)
