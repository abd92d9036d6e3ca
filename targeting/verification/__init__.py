"""Check that a planned folder is consistent: hashes, doses solved again, and what was written for other programs read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from meshes.errors import InputError
from targeting.modality import KINDS
from targeting.subject import Subject
from targeting.verification.check import Check, record_checks

__all__ = ["Check", "verify"]


def verify(subject: str | Subject, out: str | Path | None = None, exported: Sequence[str | Path] = ()) -> list[Check]:
    """Check a planned folder: what every stage left, what its plans say, and the files made of them.

    Nothing is written.  The winner's field is solved anew from the mesh and the pose in ``plan.json``: the dose map, the
    leadfield and the fields in the folder are not used.

    Parameters
    ----------
    subject : str or Subject
    out : path, optional
        The subject's folder, instead of ``./subject/``.
    exported : sequence of path
        Navigators' files that ``target export`` wrote elsewhere.

    Returns
    -------
    list of Check
        In the order they were made.

    Raises
    ------
    InputError
        If there is no plan in the folder.

    Examples
    --------
    >>> from targeting.verification import verify
    >>> verify("nobody")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: there is no plan in ...; run 'target plan nobody' first
    """
    from targeting.verification.coil import coil_checks
    from targeting.verification.montage import montage_checks

    subject = Subject.planned(subject, out)
    coil = (subject.plan_folder / "plan.json").exists() or bool(subject.made_from("files"))
    kinds = [
        kind for kind in KINDS if (subject.folder_of(kind) / "plan.json").exists() or subject.made_from(f"{kind}-files")
    ]
    if not coil and not kinds:
        raise InputError(f"there is no plan in {subject.plan_folder}; run 'target plan {subject.name}' first")
    if exported and not coil:
        raise InputError(f"{exported[0]} has no coil's poses to be compared with: {subject.name} has no plan of a coil")
    found = record_checks(subject)
    spoilt = {check.name for check in found if not check.passed}
    if coil:
        found += coil_checks(subject, spoilt, [Path(file) for file in exported])
    for kind in kinds:
        found += montage_checks(subject, kind, spoilt)
    return found
