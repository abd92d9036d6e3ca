"""One run at a time in a folder: a lock that the operating system drops when its holder dies, so it is never stale."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from meshes.errors import InputError

LOCK_NAME = ".target.lock"
HOLDER_NAME = f"{LOCK_NAME}.pid"  # beside it, while the lock is held: the number of the process that holds it
ENDING_S, RETRY_S = 1.0, 0.05


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; a holder that is just ending (of many GB, say) is waited for a little.

    Raises
    ------
    InputError
        If another run holds it.
    """
    holder = folder / HOLDER_NAME
    try:
        held = filelock.FileLock(folder / LOCK_NAME, timeout=ENDING_S).acquire(poll_interval=RETRY_S)
    except filelock.Timeout:
        number = holder.read_text(encoding="ascii", errors="replace").strip() if holder.is_file() else ""
        raise InputError(
            f"another run (process {number or 'unknown'}) is at work in {folder}; wait for it, or choose another `out`"
        ) from None
    with held:
        holder.write_text(f"{os.getpid()}\n", encoding="ascii")
        try:
            yield
        finally:
            holder.unlink(missing_ok=True)
