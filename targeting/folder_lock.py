"""One run at a time in a folder: a lock the operating system drops when its holder dies, so it is never stale."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshes.errors import InputError

LOCK_NAME = ".target.lock"
ENDING_S, RETRY_S = 1.0, 0.05

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _taken(folder: Path) -> int:
    """The lock file's descriptor, locked; a holder that is just ending (of many GB, say) is waited for a little."""
    end = time.monotonic() + ENDING_S
    while True:
        # not truncated on opening: the holder's number is read from it
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _try_lock(descriptor)
            if _is_at(descriptor, folder / LOCK_NAME):
                return descriptor
        except OSError:
            if time.monotonic() > end:
                holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
                os.close(descriptor)
                raise InputError(
                    f"another run (process {holder}) is at work in {folder}; wait for it, or choose another --out"
                ) from None
        os.close(descriptor)
        time.sleep(RETRY_S)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one of that name: a run that left nothing takes its lock file away."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock.

    Raises
    ------
    InputError
        If another run holds it.
    """
    descriptor = _taken(folder)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
