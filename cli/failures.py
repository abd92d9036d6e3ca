"""What goes wrong without being the user's mistake, told in one line: a file cut short, a solver that gives up.

A failed solver's traceback is kept in a log file, which the line names.
"""

from __future__ import annotations

import gzip
import lzma
import sys
import traceback
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError)


def damage(error: BaseException) -> str:
    """What to tell the user about an error of :data:`DAMAGED`."""
    path = _file_at_hand(error)
    what = f"{path} is" if path else "a file is"
    return f"{what} damaged or cut short ({error}); copy it again, or make it anew"


def solver_failed(error: Exception) -> bool:
    """Whether a linear solve gave no result."""
    solver = sys.modules.get("targeting.fem.solver")  # not imported: nothing was solved
    return solver is not None and isinstance(error, solver.SolveError)


def with_log(error: Exception) -> str:
    """The error's message, and the log file that its traceback was written to: in the subject's folder, else in this one."""
    text = "".join(traceback.format_exception(error))
    name = f"failed-{datetime.now():%Y%m%d-%H%M%S}.log"
    for folder in filter(None, (_folder_at_hand(error), Path.cwd())):
        with suppress(OSError):
            (folder / name).write_text(text, encoding="utf-8")
            return f"{error} (log: {folder / name})"
    return f"{error} (no log: neither the subject's folder nor this one can be written)"


def _file_at_hand(error: BaseException) -> Path | None:
    """The file that the innermost function which knows of one was at work on: a path, or something opened from it."""
    for value in _values(error):
        named = value if isinstance(value, str | Path) else getattr(value, "name", None)  # of an open file
        # a word may be a file's name by chance: a path has a suffix
        if isinstance(named, str | Path) and Path(named).suffix and _is_file(Path(named)):
            return Path(named)
    return None


def _folder_at_hand(error: BaseException) -> Path | None:
    """The folder of the subject that was worked on."""
    from targeting.subject import Subject

    folders = (value.folder for value in _values(error) if isinstance(value, Subject))
    return next((folder for folder in folders if folder.is_dir()), None)


def _values(error: BaseException) -> Iterator[Any]:
    """The local variables of the functions that the error came through, the innermost first."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        yield from list(frame.f_locals.values())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() and path.suffix not in (".py", ".pyc")
    except (OSError, ValueError):
        return False
