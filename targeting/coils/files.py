"""A coil file is read and written by what its name ends in: ``.ccd``, ``.tcd``, ``.nii`` or ``.nii.gz``."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from meshes.errors import InputError
from targeting.coils.coil import Coil

T = TypeVar("T")


def read_coil(path: Path) -> Coil:
    """Read a coil file.

    Raises
    ------
    InputError
        If the file is missing, empty, of another kind, damaged, or no coil's (:mod:`targeting.coils.gate`).
    """
    from targeting.coils.ccd import read_ccd
    from targeting.coils.nifti import read_nifti_coil
    from targeting.coils.tcd import read_tcd

    readers = {".ccd": read_ccd, ".tcd": read_tcd, ".nii": read_nifti_coil, ".nii.gz": read_nifti_coil}
    path = Path(path)
    reader = _by_suffix(readers, path)
    if reader is None:
        raise InputError(
            f"{path.name} is no coil file: give a .ccd, .tcd or .nii.gz file, or a name of `target coils list`"
        )
    if not path.is_file():
        raise InputError(f"there is no coil file {path}: check the path")
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path.name} is empty: fetch the coil file again")
        return reader(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; check the file") from error


def write_coil(coil: Coil, path: Path) -> None:
    """Write a coil file; it appears under its name only when it is whole.

    Raises
    ------
    InputError
        If the format is unknown, cannot hold this coil's sources, or the file cannot be written.
    """
    from targeting.coils.ccd import write_ccd
    from targeting.coils.nifti import write_nifti_coil
    from targeting.coils.tcd import write_tcd

    writers = {".ccd": write_ccd, ".tcd": write_tcd, ".nii": write_nifti_coil, ".nii.gz": write_nifti_coil}
    path = Path(path)
    writer = _by_suffix(writers, path)
    if writer is None:
        raise InputError(f"{path.name} names no coil format: end it in .ccd (dipoles), .tcd (any) or .nii.gz (A-field)")
    writer(coil, path)


def _by_suffix(by_suffix: dict[str, T], path: Path) -> T | None:
    return next((each for suffix, each in by_suffix.items() if path.name.lower().endswith(suffix)), None)
