"""Read and write poses in any navigator's file; users name a file of poses as ``FILE`` or ``FILE:NAME``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meshes.errors import InputError
from targeting.navigation.navigators import NAVIGATORS, HeaderEntry, Navigator, navigator_of, writer_named
from targeting.navigation.records import Session, read_text, write_text
from targeting.pose import Pose
from targeting.pose_gate import PoseGate


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
        """Split ``FILE:NAME``: the file is the longest part before a colon that is one.

        Names may hold colons, and so may paths (a drive on Windows).  Where no such file exists, the suffix decides.
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
        """All rows of the file; its content says which navigator wrote it, not its suffix.

        Raises
        ------
        InputError
            If it is no file of a known navigator, is damaged, or is in a world that is none of the T1's.
        """
        return self.read_with_writer()[0]

    def read_with_writer(self) -> tuple[Session, Navigator]:
        """The same, and the navigator that wrote it; errors as for :meth:`read`."""
        if not self.path.is_file():
            raise InputError(f"cannot read {self.path}: there is no such file; give {_known_files()}")
        text, source = read_text(self.path), str(self.path)
        navigator = navigator_of(text)
        if navigator is None:
            raise InputError(f"{self.path} is no navigator's file that is known; give {_known_files()}")
        return NAVIGATORS.run(navigator, navigator.read, text, source), navigator


def write_poses(
    poses: Sequence[Pose], navigator: str, file: Path, gate: PoseGate, entry: HeaderEntry | None = None
) -> list[Path]:
    """Write poses for a navigator.

    Parameters
    ----------
    poses : sequence of Pose
        RAS mm of the T1.
    navigator : str
        One that can be written.
    file : Path
    gate : PoseGate
        Of the coil and the head.
    entry : HeaderEntry, optional
        The entry of the image's header that the world is by; None without an image.

    Returns
    -------
    list of Path
        The file, and those that go with it.

    Raises
    ------
    InputError
        If the navigator is unknown or only read, the folder does not exist, or a pose has the coil in the head.
    """
    kind = writer_named(navigator)
    assert kind.write is not None
    if not file.parent.is_dir():
        raise InputError(f"there is no folder {file.parent}; make it first")
    gate.check(poses, "nothing is written, pose")
    texts = {file.name: NAVIGATORS.run(kind, kind.write, poses, entry)}
    if kind.beside is not None:
        texts |= NAVIGATORS.run(kind, kind.beside, poses, entry, file.name)
    for name, text in texts.items():
        write_text(file.parent / name, text)
    return [file.parent / name for name in texts]


def _known_files() -> str:
    """The kinds of files that can be read, in words."""
    first = {
        each.read: each for each in reversed(NAVIGATORS.members().values())
    }  # of one reader's the one without a version
    *some, last = (f"{each.title} {each.suffix}" for each in reversed(first.values()))
    return f"a {', '.join(some)} or {last} file"


def _is_file(part: str) -> bool:
    try:
        return Path(part).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _looks_like_one(part: str) -> bool:
    return part.lower().endswith(tuple(each.suffix for each in NAVIGATORS.members().values()))
