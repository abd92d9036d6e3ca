"""A coil file is read by what its name ends in: ``.ccd``, ``.tcd``, ``.nii`` or ``.nii.gz``."""

from __future__ import annotations

from pathlib import Path

from meshes.errors import InputError
from targeting.coils.coil import Coil


def read_coil(path: Path) -> Coil:
    """Read a coil file.

    Raises
    ------
    InputError
        If the file is missing, empty, of another kind, or damaged.
    """
    from targeting.coils.ccd import read_ccd
    from targeting.coils.nifti import read_nifti_coil
    from targeting.coils.tcd import read_tcd

    readers = {".ccd": read_ccd, ".tcd": read_tcd, ".nii": read_nifti_coil, ".nii.gz": read_nifti_coil}
    path = Path(path)
    reader = next((reader for suffix, reader in readers.items() if path.name.lower().endswith(suffix)), None)
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
