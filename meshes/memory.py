"""The memory that this process may use: by the machine, by its container or batch job, and by the shell's limit.

A container, or a job of SLURM, has a control group whose limit the machine's own figures do not show; a process that grows
beyond it is killed without a word.  Both versions of control groups are read (Linux, Documentation/admin-guide/cgroup-v2.rst
and cgroup-v1/memory.rst): the group's limit, and what it uses less the file cache, which the kernel gives back.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

UNLIMITED = 2.0**60  # what version 1 writes for "no limit" is near 2^63
GROUPS, OWN_GROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
# limit, use, and the line of memory.stat that is file cache
FILES_V2 = ("memory.max", "memory.current", "inactive_file")
FILES_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def free_memory_bytes() -> float:
    """Memory that can be had now; infinity where the system does not tell."""
    return min([_machine()[0], *(free for free, _ in _groups()), _shell()[0]])


def total_memory_bytes() -> float:
    """The most that this process may ever have, swap not counted; infinity where the system does not tell."""
    return min([_machine()[1], *(total for _, total in _groups()), _shell()[1]])


def _machine() -> tuple[float, float]:
    """Free and total memory of the machine."""
    if sys.platform == "darwin":
        return _darwin()
    if sys.platform == "win32":
        return _windows()
    try:
        lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
        known = {words[0]: int(words[1]) * 1024.0 for words in lines if len(words) > 1}
        return known["MemAvailable:"], known["MemTotal:"]
    except (OSError, KeyError, ValueError):
        pass
    try:
        page = float(os.sysconf("SC_PAGE_SIZE"))
        return os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page
    except (ValueError, OSError, AttributeError):
        return float("inf"), float("inf")


def _darwin() -> tuple[float, float]:
    """What is free or can be given back, by ``vm_stat``; the size by ``sysctl``."""
    try:
        total = float(subprocess.run(["sysctl", "-n", "hw.memsize"], capture_output=True, check=True).stdout)
        told = subprocess.run(["vm_stat"], capture_output=True, check=True, text=True).stdout
        size = re.search(r"page size of (\d+)", told)
        pages = sum(int(n) for n in re.findall(r"Pages (?:free|inactive|speculative|purgeable): +(\d+)", told))
        return pages * float(size[1] if size else 4096), total
    except (OSError, ValueError, subprocess.SubprocessError):
        return float("inf"), float("inf")


def _windows() -> tuple[float, float]:
    """``GlobalMemoryStatusEx``."""

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("available", ctypes.c_ulonglong),
            ("rest", ctypes.c_ulonglong * 5),
        )

    status = Status(length=ctypes.sizeof(Status))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined]
        return float("inf"), float("inf")
    return float(status.available), float(status.total)


def _groups(own: Path | None = None, mounted: Path | None = None) -> Iterator[tuple[float, float]]:
    """Free memory and limit of this process's control groups, from the root to its own; those without a limit are left out."""
    try:
        lines = (own or OWN_GROUP).read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, files = mounted or GROUPS, FILES_V2
        elif "memory" in controllers.split(","):
            root, files = (mounted or GROUPS) / "memory", FILES_V1
        else:
            continue
        folder = root
        for part in ("", *filter(None, path.split("/"))):
            folder = folder / part  # in a container, whose own group is the root, the path may not be there
            yield from _group(folder, *files)


def _group(folder: Path, limit_file: str, use_file: str, cache: str) -> Iterator[tuple[float, float]]:
    try:
        limit = float((folder / limit_file).read_text())  # "max", where there is none, is no number
        used = float((folder / use_file).read_text())
        given_back = re.search(rf"^{cache} (\d+)", (folder / "memory.stat").read_text(), re.MULTILINE)
    except (OSError, ValueError):
        return
    if limit < UNLIMITED:
        yield max(limit - used + float(given_back[1] if given_back else 0), 0.0), limit


def _shell() -> tuple[float, float]:
    """What ``ulimit -v`` leaves."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return float("inf"), float("inf")
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        return float(max(limit - used, 0)), float(limit)
    except (ImportError, OSError, ValueError, AttributeError):
        return float("inf"), float("inf")
