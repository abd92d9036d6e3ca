"""Open the window of ``target app``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from meshes.errors import InputError
from targeting.viewer.request import check_viewer
from targeting.viewer.start import check_screen, until_closed

if TYPE_CHECKING:
    from targeting.app.widgets.window import AppWindow


def open_app(folder: str | Path | None = None) -> AppWindow:
    """Open the window and return it at once.

    Parameters
    ----------
    folder : path, optional
        Where subjects' folders lie; default: this one.

    Raises
    ------
    InputError
        If there is no such folder or no screen, or the viewer's packages are missing.
    """
    where = Path.cwd() if folder is None else Path(folder).absolute()
    if not where.is_dir():
        raise InputError(f"there is no folder {where}: make it, or name another")
    check_viewer("'target plan' works without")
    check_screen("use 'target plan'")
    from qtpy import QtWidgets

    from targeting.app.widgets.window import AppWindow

    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(sys.argv[:1])
    application.setApplicationName("target")
    window = AppWindow(where)
    window.show()
    return window


def run_app(folder: str | Path | None = None) -> None:
    """Open the window and wait until it is closed; errors as for :func:`open_app`."""
    until_closed(open_app(folder))
