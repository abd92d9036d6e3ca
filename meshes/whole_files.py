"""A file appears under its name only when it is whole: written under a temporary name beside it, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshes.errors import WriteError


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """A temporary path in the same folder, with the same suffixes; renamed to ``path`` if the block ends well.

    If it does not, the temporary file is removed and an existing ``path`` stays as it was.

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
    temporary = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise WriteError(f"cannot write {path}: {why}; check the folder, its permissions and the free space") from error
    finally:
        temporary.unlink(missing_ok=True)
