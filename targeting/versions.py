"""The versions a result was made with, for plans and sidecars."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

# what computes; the rest only draws or talks
LIBRARIES = ("numpy", "scipy", "numba", "nibabel", "nilearn", "antspyx", "pyamg", "pypardiso")
DISTRIBUTION = "target-nibs"  # on the Python registry, where "target" is another project


@cache
def package_version() -> str:
    """Version of this project, "0+unknown" when it runs from a checkout that was never installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0+unknown"


def versions() -> dict[str, str]:
    """Name → version of Python, this project and the libraries that compute (those that are installed)."""
    found = {"target": package_version(), "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


__version__ = package_version()
