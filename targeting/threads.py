"""How many cores there are, and how many threads compiled libraries use: limits by variables, set before they are loaded."""

from __future__ import annotations

import os

VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"),
)


def thread_limits(threads: int) -> dict[str, str]:
    """Variables of the environment in which a process uses so many threads.

    Examples
    --------
    >>> thread_limits(2)["NUMBA_NUM_THREADS"]
    '2'
    """
    return dict.fromkeys(VARIABLES, str(threads))


def usable_cores() -> int:
    """How many cores this process may use."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()) or 1
