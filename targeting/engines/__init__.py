"""Engines that solve the forward fields of a plan: the embedded one, SimNIBS where it is installed, and those of plug-ins."""

from __future__ import annotations

from pathlib import Path

from meshes.errors import InputError
from targeting.engines.protocol import ENGINES, Engine, EngineSpec, agreement_of, by_engine, engine_title, solved_by

__all__ = ["ENGINES", "Engine", "EngineSpec", "agreement_of", "by_engine", "engine_named", "engine_title", "solved_by"]


def engine_named(name: str, folder: Path) -> Engine:
    """Start the engine of that name; nothing is written yet.

    Parameters
    ----------
    name : str
        One of ``ENGINES``: "embedded", "simnibs" or a plug-in's.
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
    kind = ENGINES.named(name)
    engine = ENGINES.run(kind, kind.start, folder)
    if not isinstance(engine, Engine) or engine.name != name:
        raise InputError(f"the engine {name!r} of {ENGINES.origin(name)} starts something that is no such engine")
    return engine
