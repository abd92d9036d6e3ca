"""Open the desktop viewer's window on a planned subject."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshes.choices import one_of
from meshes.errors import InputError
from targeting.scene.system_libraries import check_pictures, check_windows
from targeting.subject import Subject

if TYPE_CHECKING:
    from qtpy import QtWidgets

    from targeting.viewer.widgets.window import ViewerWindow

HINT = "the window needs the viewer's packages: pip install '.[viewer]'"


def show(
    subject: str | Subject, out: str | Path | None = None, modality: str | None = None, camera: str | None = None
) -> None:
    """Open a window on a planned subject; returns when it is closed.

    Parameters
    ----------
    subject : str or Subject
    out : path, optional
        The subject's folder, instead of ``./subject/``.
    modality : {"tms", "tdcs", "hd-tdcs"}, optional
        Default: the first of them that is planned.
    camera : one of :data:`targeting.scene.cameras.CAMERAS`, optional
        Where to look from at first; default: along the coil, or over the target.

    Raises
    ------
    InputError
        If nothing is planned there, there is no screen, or the viewer's packages are missing.

    Examples
    --------
    >>> from targeting.viewer import show
    >>> show("nobody")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: there is no plan in ...; run 'target plan nobody' first
    """
    until_closed(open_window(subject, out, modality, camera))


def open_window(
    subject: str | Subject, out: str | Path | None = None, modality: str | None = None, camera: str | None = None
) -> ViewerWindow:
    """Open a window on a planned subject and return it at once; errors as for :func:`show`.

    Parameters
    ----------
    subject : str or Subject
    out : path, optional
        The subject's folder, instead of ``./subject/``.
    modality : {"tms", "tdcs", "hd-tdcs"}, optional
        Default: the first of them that is planned.
    camera : one of :data:`targeting.scene.cameras.CAMERAS`, optional
        Where to look from at first; default: along the coil, or over the target.
    """
    from targeting.scene.cameras import CAMERAS
    from targeting.scene.planned import planned_modality

    named = Subject.planned(subject, out)
    kind = planned_modality(named, modality)  # the user's mistakes first
    if camera is not None:
        one_of(camera, CAMERAS if kind == "tms" else [name for name in CAMERAS if name != "coil"], "camera")
    check_screen()
    try:
        from qtpy import QtWidgets

        from targeting.viewer.widgets.window import ViewerWindow
    except ImportError as error:  # qtpy's own error, when there is no binding, is an ImportError, too
        raise InputError(f"{HINT} ({error})") from None
    from targeting.viewer.planned_view import PlannedView

    planned = PlannedView.of(named, modality=modality)
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(sys.argv[:1])
    application.setApplicationName("target")
    window = ViewerWindow(planned)
    if camera is not None:
        window.look(camera)
    window.show()
    return window


def check_screen(otherwise: str = "use `screenshot=FILE` or `export=FILE`") -> None:
    """Raise InputError where there is no screen, or not what windows need: Qt and VTK would end the program.

    ``otherwise``: what to do without a window.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise InputError(
            f"there is no screen to open a window on (DISPLAY is not set): {otherwise}, or run it under xvfb-run"
        )
    check_pictures()
    check_windows()


def until_closed(window: QtWidgets.QMainWindow) -> None:
    """Wait until a window that is shown is closed."""
    from qtpy import QtWidgets

    application = QtWidgets.QApplication.instance()
    assert application is not None
    let_interrupt(application)
    try:
        application.exec()
    finally:
        window.deleteLater()


def let_interrupt(application: Any) -> None:
    """Ctrl-C in the terminal closes the window: Python must run now and then to hear it."""
    import signal

    from qtpy import QtCore

    signal.signal(signal.SIGINT, lambda *_: application.closeAllWindows())
    pulse = QtCore.QTimer(application)
    pulse.timeout.connect(lambda: None)
    pulse.start(300)
