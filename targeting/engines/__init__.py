"""Who solves the forward fields of a plan: the embedded engine, or SimNIBS where it is installed."""

from __future__ import annotations

from pathlib import Path

from meshes.choices import one_of
from targeting.engines.protocol import AGREEMENT, TITLES, Engine, by_engine, solved_by

__all__ = ["AGREEMENT", "ENGINES", "TITLES", "Engine", "by_engine", "engine_named", "solved_by"]

ENGINES = tuple(AGREEMENT)


def engine_named(name: str, folder: Path) -> Engine:
    """The engine of that name, ready to solve; nothing is written yet.

    Parameters
    ----------
    name : {"embedded", "simnibs"}
    folder : path
        Where a program that runs outside this one keeps its log, and its files while it runs.

    Raises
    ------
    InputError
        For an unknown name, or a program that is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from targeting.engines import engine_named
    >>> engine_named("embedded", Path("subject01")).name
    'embedded'
    """
    if one_of(name, ENGINES, "engine") == "simnibs":
        from targeting.engines.simnibs import find_simnibs

        return find_simnibs(folder)
    from targeting.engines.embedded import EmbeddedEngine

    return EmbeddedEngine()
