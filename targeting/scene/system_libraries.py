"""Check for the libraries of a Linux system that VTK and Qt need: without them they end the program.

Desktops have most of it; containers, servers and fresh installations often do not.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

from meshes.errors import InputError

FOR_PICTURES = "libegl1 libgl1"
FOR_WINDOWS = (
    f"{FOR_PICTURES} libglib2.0-0 libfontconfig1 libdbus-1-3 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 "
    "libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0"
)


def check_pictures() -> None:
    """Refuse to draw where VTK could not.

    Raises
    ------
    InputError
        Naming the library that is missing, and what to install.
    """
    if not sys.platform.startswith("linux"):
        return
    without_screen = [] if os.environ.get("DISPLAY") else ["libEGL.so.1"]
    for name in ("libX11.so.6", "libGL.so.1", *without_screen):
        if _why_not(name) is not None:
            raise InputError(
                f"no picture can be drawn, as the system has no {name}; on Debian or Ubuntu: apt install {FOR_PICTURES}"
            )


def check_windows() -> None:
    """Refuse to open a window where Qt (as the viewer's extra brings it) could not.

    Raises
    ------
    InputError
        Naming the library that is missing, and what to install.
    """
    if not sys.platform.startswith("linux") or importlib.util.find_spec("PySide6") is None:
        return
    why = None
    try:
        from PySide6 import QtCore, QtWidgets  # noqa: F401

        if os.environ.get("QT_QPA_PLATFORM", "xcb") == "xcb" and not os.environ.get("WAYLAND_DISPLAY"):
            plugins = QtCore.QLibraryInfo.path(QtCore.QLibraryInfo.LibraryPath.PluginsPath)
            why = _why_not(str(Path(plugins) / "platforms" / "libqxcb.so"))
    except ImportError as error:
        why = str(error)
    if why is not None:
        raise InputError(
            f"Qt cannot open a window ({why.splitlines()[0]}); on Debian or Ubuntu: apt install {FOR_WINDOWS}"
        )


def _why_not(library: str) -> str | None:
    """Why a shared library cannot be loaded; None if it can."""
    try:
        ctypes.CDLL(library)
    except OSError as error:
        return str(error)
    return None
