"""Write files whole or not at all: under a temporary name beside the final one, then renamed."""

from __future__ import annotations

import glob
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meshes.errors import WriteError

# of this machine: on a cluster's disk others write, too, whose processes are not seen from here
HERE = re.sub(r"[^A-Za-z0-9]", "", platform.node())[:40] or "here"


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """A temporary path in the same folder, with the same suffixes; renamed to ``path`` if the block ends well.

    If it does not, the temporary file is removed and an existing ``path`` stays as it was.  That of a process that was
    killed is removed when the same file is next written.

    Raises
    ------
    WriteError
        If the folder is missing or cannot be written, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from meshes.whole_files import written_whole
    >>> path = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with written_whole(path) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('whole', 1)
    """
    path = Path(path)
    temporary = path.with_name(f".part-{os.getpid()}.{HERE}-{path.name}")
    _clear_of_the_dead(path)
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise WriteError(f"cannot write {path}: {why}; check the folder, its permissions and the free space") from error
    finally:
        temporary.unlink(missing_ok=True)


def _clear_of_the_dead(path: Path) -> None:
    """Remove what killed processes of this machine left of this file; those that live, and other machines, may write it."""
    for part in path.parent.glob(f".part-*.{HERE}-{glob.escape(path.name)}"):
        owner = part.name.removeprefix(".part-").split(".")[0]
        if os.name == "posix" and owner.isdigit() and int(owner) != os.getpid() and not _lives(int(owner)):
            with suppress(OSError):
                part.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
