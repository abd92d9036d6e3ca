"""Carry a navigator's file over to a subject: from the file's world to RAS mm of the T1 that the head was made from."""

from __future__ import annotations

from meshes.errors import InputError
from targeting.navigation.records import MNI, Session
from targeting.navigation.world import in_the_plans_world
from targeting.study.head_stages import FrameImage, load_registration
from targeting.subject import Subject


def carried_over(session: Session, subject: Subject) -> tuple[Session, str]:
    """A file's poses and points in RAS mm of the subject's T1, and the name of that image.

    Parameters
    ----------
    session : Session
        As :meth:`targeting.navigation.pose_file.PoseFile.read` gives it.
    subject : Subject

    Raises
    ------
    InputError
        If the subject has no head, the file names another image, or its world is none that this T1 is known in.
    """
    subject.check_there()
    frame = FrameImage.kept_in(subject.folder)
    warp = None
    if session.system == MNI:
        try:
            warp = load_registration(subject.folder)
        except (OSError, InputError):
            warp = None  # a head that is not registered, which is then said
    return in_the_plans_world(session, frame.worlds(subject.folder), warp), frame.name
