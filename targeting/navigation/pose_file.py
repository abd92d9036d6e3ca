"""A navigator's file as it is named on the command line, ``FILE`` or ``FILE:NAME``, and what it holds, whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from meshes.errors import InputError
from targeting.navigation import brainsight, localite, softaxic, visor2
from targeting.navigation.records import Session
from targeting.navigation.rigid import read_text

TAKEN = "a Brainsight .txt, Localite .xml, Softaxic .stmpx or visor2 .mrk file"
SUFFIXES = (".txt", ".xml", ".stmpx", ".mrk")


@dataclass(frozen=True)
class PoseFile:
    """A file of poses and which of them is meant.

    Parameters
    ----------
    path : Path
    name : str or None
        Of a target, of what pulses were recorded for, of a coil, or of a row; None: what there is one of.

    Examples
    --------
    >>> from targeting.navigation.pose_file import PoseFile
    >>> PoseFile.of("C:/study/day 1.txt:M1: left").name
    'M1: left'
    >>> PoseFile.of("C:/study/day 1.txt").name is None
    True
    """

    path: Path
    name: str | None = None

    @classmethod
    def of(cls, word: str | Path) -> PoseFile:
        """Take ``FILE:NAME`` apart: the file is the longest part before a colon that is one.

        Names may hold colons, and so may paths (a drive on Windows); where no such file is there, its suffix tells.
        """
        text = str(word)
        parts = [text, *(text[:i] for i in range(len(text) - 1, 0, -1) if text[i] == ":")]
        for known in (_is_file, _looks_like_one):
            for part in parts:
                if known(part):
                    return cls(Path(part), text[len(part) + 1 :].strip() or None)
        return cls(Path(text))

    @property
    def words(self) -> str:
        """As it is given again elsewhere: without its folder."""
        return self.path.name if self.name is None else f"{self.path.name}:{self.name}"

    def read(self) -> Session:
        """All that the file holds, by what stands in it, whatever its suffix.

        Raises
        ------
        InputError
            If it is no file of a known navigator, is damaged, or is in a world that is none of the T1's.
        """
        if not self.path.is_file():
            raise InputError(f"cannot read {self.path}: there is no such file; give {TAKEN}")
        text, source = read_text(self.path), str(self.path)
        begins = text.lstrip()[:1]
        if begins == "{":
            return visor2.session_from_string(text, source)
        if begins == "<":
            return (softaxic if "<stmp" in text else localite).session_from_string(text, source)
        if not text.startswith("# Version:"):
            raise InputError(f"{self.path} is no navigator's file that is known; give {TAKEN}")
        return brainsight.session_from_string(text, source)


def _is_file(part: str) -> bool:
    try:
        return Path(part).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _looks_like_one(part: str) -> bool:
    return part.lower().endswith(SUFFIXES)
