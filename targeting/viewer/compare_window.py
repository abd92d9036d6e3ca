"""A window with plans side by side: one camera turns all, one colour scale holds for all."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from meshes.errors import InputError, WriteError
from targeting.scene.cameras import CAMERAS
from targeting.scene.compare import draw_beside, look_beside
from targeting.scene.layer import Scene

if TYPE_CHECKING:
    from pyvistaqt import QtInteractor
    from qtpy import QtWidgets

SIZE = (1500, 760)


def show_beside(scenes: Sequence[Scene], camera: str = "target") -> None:
    """Open a window on scenes of one scale; returns when it is closed.

    Parameters
    ----------
    scenes : sequence of Scene
        As :func:`targeting.scene.compare.on_one_scale` gives them.
    camera : one of :data:`targeting.scene.cameras.CAMERAS`

    Raises
    ------
    InputError
        If there is no screen, or the viewer's packages are missing.
    """
    from targeting.viewer.start import until_closed

    until_closed(open_beside(scenes, camera))


def open_beside(scenes: Sequence[Scene], camera: str = "target") -> QtWidgets.QMainWindow:
    """Open the window and return it; its central widget is the plotter.  Otherwise as :func:`show_beside`."""
    from targeting.viewer.start import HINT, check_screen

    check_screen()
    try:
        from pyvistaqt import QtInteractor
        from qtpy import QtWidgets
    except ImportError as error:
        raise InputError(f"{HINT} ({error})") from None
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(sys.argv[:1])
    application.setApplicationName("target")
    window = QtWidgets.QMainWindow()
    window.setWindowTitle(" | ".join(scene.title for scene in scenes))
    window.resize(*SIZE)
    plotter = QtInteractor(window, shape=(1, len(scenes)), auto_update=False)
    plotter.setAccessibleName("plans side by side")
    window.setCentralWidget(plotter)
    _menus(window, plotter, scenes)
    window.show()
    draw_beside(scenes, plotter, camera)
    plotter.render()
    return window


def _menus(window: QtWidgets.QMainWindow, plotter: QtInteractor, scenes: Sequence[Scene]) -> None:
    """Cameras with the keys 1 to 7, and a screenshot."""
    from qtpy import QtGui, QtWidgets

    def look(name: str) -> None:
        look_beside(scenes, plotter, name)
        plotter.render()

    def shoot() -> None:
        path, _ = QtWidgets.QFileDialog.getSaveFileName(window, "Screenshot", "beside.png", "Pictures (*.png)")
        if not path:
            return
        try:
            write_picture(plotter, Path(path))
        except (InputError, WriteError) as error:
            QtWidgets.QMessageBox.warning(window, "target", str(error))

    file, view = window.menuBar().addMenu("&File"), window.menuBar().addMenu("&View")
    bar = window.addToolBar("Cameras")
    for words, keys, deed in (("S&creenshot …", "Ctrl+P", shoot), ("&Close", "Ctrl+W", window.close)):
        action = QtGui.QAction(words, window)
        action.setShortcut(keys)
        action.triggered.connect(lambda _checked=False, deed=deed: deed())
        file.addAction(action)
    for number, name in enumerate(CAMERAS, start=1):
        if name == "coil" and scenes[0].coil_pose_mm is None:
            continue
        action = QtGui.QAction(name.capitalize(), window)
        action.setShortcut(str(number))
        action.setToolTip(f"all pictures: {name} (key {number})")
        action.triggered.connect(lambda _checked=False, name=name: look(name))
        view.addAction(action)
        bar.addAction(action)


def write_picture(plotter: QtInteractor, path: Path) -> None:
    """What the window shows, as a ``.png``."""
    from matplotlib.image import imsave

    from meshes.whole_files import written_whole
    from targeting.scene.export import png_path

    path = png_path(path if path.suffix else path.with_suffix(".png"))
    image = plotter.screenshot(return_img=True)
    with written_whole(path) as temporary:
        imsave(temporary, image, format="png")
