"""The field of a finished plan as an image in memory: nibabel's, whose voxels are a numpy array."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib

from meshes.choices import one_of
from meshes.errors import InputError
from meshes.images import open_nifti
from targeting.modality import KINDS, TMS
from targeting.study.plan_state import check_stands, last_stage
from targeting.subject import Subject

IMAGES = {"T1": "magnE.nii.gz", "MNI152": "magnE_MNI152.nii.gz"}


def field_image(
    subject: str | Subject, *, kind: str = TMS, space: str = "T1", out: str | Path | None = None, anyway: bool = False
) -> nib.Nifti1Image:
    """|E| of a subject's plan as an image: of placement 1 at 1 A/µs, or of the montage at its currents.

    Parameters
    ----------
    subject : str or Subject
    kind : {"tms", "tdcs", "hd-tdcs"}
        Which of the subject's plans.
    space : {"T1", "MNI152"}
        On the grid of the subject's own image, or of the template (2 mm).
    out : path, optional
        The subject's folder, instead of ``./subject/``.
    anyway : bool
        Take a plan that no longer follows from what it was made of, too.

    Returns
    -------
    nibabel.Nifti1Image
        V/m in all tissues, 0 outside the head; ``image.get_fdata()`` is the array.  ``image.affine`` takes its
        indices to RAS mm.

    Raises
    ------
    InputError
        If there is no such plan, or it no longer follows from what it was made of.

    Examples
    --------
    >>> field_image("nobody", space="MNI")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: unknown space 'MNI', did you mean 'MNI152'? valid: T1, MNI152
    """
    one_of(kind, (TMS, *KINDS), "kind of plan")
    one_of(space, IMAGES, "space")
    subject = Subject.planned(subject, out)
    folder = subject.folder_of(kind)
    if not (folder / "plan.json").is_file():
        of_kind = "" if kind == TMS else f" --with {kind}"
        raise InputError(f"there is no {kind} plan in {folder}; make it with 'target plan {subject.name}{of_kind}'")
    check_stands(subject, last_stage(kind), anyway)
    stored = open_nifti(folder / IMAGES[space])
    voxels = stored.volume()
    image = nib.load(stored.path)
    assert isinstance(image, nib.Nifti1Image)
    return nib.Nifti1Image(voxels, image.affine, image.header)
