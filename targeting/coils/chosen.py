"""A coil as a user names it: a built-in one, or a file, which later stages and other programs may want to read again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from targeting.coils.coil import Coil

SUFFIXES = (".ccd", ".tcd", ".nii", ".gz")


@dataclass(frozen=True, eq=False)
class ChosenCoil:
    """A coil, and the file it was read from if it was."""

    coil: Coil
    file: Path | None = None

    @classmethod
    def of(cls, word: str | Path) -> ChosenCoil:
        """A built-in coil by its name, or a coil file by its path (anything with a folder or a coil file's ending).

        Raises
        ------
        InputError
            If there is no such coil, or the file cannot be used.

        Examples
        --------
        >>> from targeting.coils.chosen import ChosenCoil
        >>> ChosenCoil.of("figure8-70mm").file is None
        True
        """
        path = Path(word)
        if isinstance(word, Path) or path.suffix.lower() in SUFFIXES or len(path.parts) > 1:
            return cls(Coil.read(path), path)
        return cls(Coil.named(str(word)))
