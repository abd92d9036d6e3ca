"""Coil files, read and written by the format that their name's ending stands for; and a coil as a user names it.

A third party adds a format with an entry point of the group ``target.coil_files`` that names a :class:`CoilFormat`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from meshes.errors import InputError
from meshes.plugins import Registry
from targeting.coils.coil import Coil


@dataclass(frozen=True, kw_only=True)
class CoilFormat:
    """A format of coil files.

    Parameters
    ----------
    name : str
        "ccd".
    suffixes : tuple of str
        Endings of its files, lower case, with the dot; the first is the usual one.
    holds : str
        What a file can hold, in a word or two: "dipoles".
    read : callable
        (path) → Coil.  Raises InputError for a damaged file, and for what cannot be a coil; a reader that ends in
        :func:`~targeting.coils.gate.coil_of_file` does.
    write : callable, optional
        (coil, path): write it.  Raises InputError for a coil that the format cannot hold.  None: the format is only read.
    """

    name: str
    suffixes: tuple[str, ...]
    holds: str
    read: Callable[[Path], Coil]
    write: Callable[[Coil, Path], None] | None = None


COIL_FILES = Registry(
    "target.coil_files",
    CoilFormat,
    "coil file format",
    {
        "ccd": "targeting.coils.ccd:CCD",
        "tcd": "targeting.coils.tcd:TCD",
        "nifti": "targeting.coils.nifti:NIFTI",
    },
)


def read_coil(path: Path) -> Coil:
    """Read a coil file.

    Raises
    ------
    InputError
        If the file is missing, empty, of another kind, damaged, or no coil's (:mod:`targeting.coils.gate`).
    """
    path = Path(path)
    kind = _format_of(path)
    if kind is None:
        usual = [each.suffixes[0] for each in COIL_FILES.members().values()]
        raise InputError(
            f"{path.name} is no coil file: give a {', '.join(usual[:-1])} or {usual[-1]} file, or a name of "
            "`target coils list`"
        )
    if not path.is_file():
        raise InputError(f"there is no coil file {path}: check the path")
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path.name} is empty: fetch the coil file again")
        return COIL_FILES.run(kind, kind.read, path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; check the file") from error


def write_coil(coil: Coil, path: Path) -> None:
    """Write a coil file; it appears under its name only when it is whole.

    Raises
    ------
    InputError
        If the format is unknown or cannot hold this coil's sources.
    WriteError
        If the file cannot be written.
    """
    path = Path(path)
    kind = _format_of(path)
    if kind is None or kind.write is None:
        writable = [f"{each.suffixes[0]} ({each.holds})" for each in COIL_FILES.members().values() if each.write]
        raise InputError(f"{path.name} names no coil format: end it in {', '.join(writable[:-1])} or {writable[-1]}")
    COIL_FILES.run(kind, kind.write, coil, path)


def _format_of(path: Path) -> CoilFormat | None:
    name = path.name.lower()
    return next((each for each in COIL_FILES.members().values() if name.endswith(each.suffixes)), None)


@dataclass(frozen=True, eq=False)
class ChosenCoil:
    """A coil, and the file it was read from if it was: later stages and other programs may read that again."""

    coil: Coil
    file: Path | None = None

    @classmethod
    def of(cls, word: str | Path) -> ChosenCoil:
        """A coil by its name, or a coil file by its path (anything with a folder or a coil file's ending).

        Raises
        ------
        InputError
            If there is no such coil, or the file cannot be used.

        Examples
        --------
        >>> from targeting.coils.files import ChosenCoil
        >>> ChosenCoil.of("figure8-70mm").file is None
        True
        """
        path = Path(word)
        endings = {suffix[suffix.rfind(".") :] for each in COIL_FILES.members().values() for suffix in each.suffixes}
        if isinstance(word, Path) or path.suffix.lower() in endings or len(path.parts) > 1:
            return cls(Coil.read(path), path)
        return cls(Coil.named(str(word)))
