"""A file that ends too soon or cannot be unpacked, met where no reader expected it: one line that names the file."""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from pathlib import Path
from types import TracebackType

DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError)


def damage(error: BaseException) -> str:
    """What to tell the user about an error of :data:`DAMAGED`."""
    path = _file_at_hand(error.__traceback__)
    what = f"{path} is" if path else "a file is"
    return f"{what} damaged or cut short ({error}); copy it again, or make it anew"


def _file_at_hand(traceback: TracebackType | None) -> Path | None:
    """The file that the innermost function which knows of one was at work on: a path, or something opened from it."""
    frames = []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    for frame in reversed(frames):
        for value in frame.f_locals.values():
            named = value if isinstance(value, str | Path) else getattr(value, "name", None)  # of an open file
            # a word may be a file's name by chance: a path has a suffix
            if isinstance(named, str | Path) and Path(named).suffix and _is_file(Path(named)):
                return Path(named)
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() and path.suffix not in (".py", ".pyc")
    except (OSError, ValueError):
        return False
