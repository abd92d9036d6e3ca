"""Whose heads lie in a folder: its subjects by name."""

from __future__ import annotations

from pathlib import Path

HEADS = ("segment.json", "head.msh", "plan.json")  # a folder with one of these is a subject's


def is_subject(folder: Path) -> bool:
    """Whether a folder holds a head or a plan."""
    return any((folder / name).is_file() for name in HEADS)


def subjects_in(folder: Path) -> list[str]:
    """The names of the folders in a folder that hold a head or a plan, sorted.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    folders = (each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    return sorted(each.name for each in folders if is_subject(each))
