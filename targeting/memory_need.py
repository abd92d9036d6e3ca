"""The memory a stage needs, said before it starts, and held against what there is."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from meshes.errors import InputError
from meshes.memory import free_memory_bytes, total_memory_bytes

log = logging.getLogger(__name__)

BYTES_PER_GB = 1e9


@dataclass(frozen=True)
class MemoryNeed:
    """The most memory that a stage will take at a time.

    Parameters
    ----------
    gb : float
    of : str
        What it follows from, such as "a mesh of 2.5 M tetrahedra".
    advice : str
        What to do where that is too much.
    """

    gb: float
    of: str
    advice: str


def check_memory(stage: str, need: MemoryNeed) -> None:
    """Say what a stage needs; warn if it is not free, refuse if the machine (container, job, shell) has not so much.

    Raises
    ------
    InputError
        With the need, what there is, and what to do.
    """
    free, total = free_memory_bytes() / BYTES_PER_GB, total_memory_bytes() / BYTES_PER_GB
    needs = f"{stage} needs about {need.gb:.1f} GB of memory ({need.of})"
    if need.gb > total:
        raise InputError(f"{needs}, and this machine, container or job has {total:.1f} GB in all: {need.advice}")
    if need.gb > free:
        log.warning("%s, and %.1f GB are free: close other programs, or %s", needs, free, need.advice)
    else:
        log.info("%s", needs)
