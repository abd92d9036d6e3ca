"""The table of the package's own coils, ``builtin.toml``: their names and windings, read without what makes coils of them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def coil_table() -> dict[str, dict[str, Any]]:
    """Each coil's entry by its name.

    Examples
    --------
    >>> coil_table()["circular-mc125"]["wings"]
    1
    """
    return tomllib.loads(files("targeting.coils").joinpath("builtin.toml").read_text(encoding="utf-8"))
