"""The window's dialogs: the name of a saved pose, the file to write, whether to close without saving."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy import QtWidgets

from meshes.errors import InputError, WriteError
from meshes.whole_files import written_whole
from targeting.navigation.navigators import NAVIGATORS
from targeting.viewer.export import WRITERS, export

if TYPE_CHECKING:
    from targeting.viewer.widgets.window import ViewerWindow


def save_pose(window: ViewerWindow) -> bool:
    """Ask for a name and save the pose; whether it was saved."""
    control = window.control
    if control is None or control.coil is None:
        return False
    number = len(control.saved) + 1
    name, sure = QtWidgets.QInputDialog.getText(window, "Save pose", "Name of this pose:", text=f"pose {number}")
    if sure:
        control.save(name)
    return sure and not control.unsaved


def export_pose(window: ViewerWindow, navigator: str) -> None:
    """Ask for a file and write the pose for a navigator."""
    control = window.control
    if control is None or control.coil is None:
        return
    kind = NAVIGATORS.named(navigator)
    path = _file(window, "Export pose", control.file_for(navigator), f"{kind.title} (*{kind.suffix})")
    if path:
        _try(window, lambda: control.export(navigator, path))


def screenshot(window: ViewerWindow) -> None:
    """Ask for a file and write the picture as it is seen."""
    path = _file(window, "Screenshot", str(window.subject.plan_folder / "view.png"), "Pictures (*.png)")
    if path:
        _try(window, lambda: write_picture(window, path))


def write_picture(window: ViewerWindow, path: str | Path) -> None:
    """Write the picture as it is seen, ``.png``.

    Raises
    ------
    InputError
        If it is no .png.
    WriteError
        If it cannot be written.
    """
    from matplotlib.image import imsave

    file = Path(path)
    if file.suffix.lower() != ".png":
        raise InputError(f"a screenshot is a .png file, not {file.name!r}")
    with written_whole(file) as temporary:
        imsave(temporary, window.view.screenshot(), format="png")
    window.say(f"written: {file}")


def export_scene(window: ViewerWindow) -> None:
    """Ask for a file and write the scene."""
    kinds = ";;".join(f"{suffix[1:]} (*{suffix})" for suffix in WRITERS)
    path = _file(window, "Export scene", str(window.subject.plan_folder / "view.html"), kinds)
    if path:
        _try(window, lambda: window.say(f"written: {export(window.view.scene, path)}"))


def may_close(window: ViewerWindow) -> bool:
    """Whether nothing that a person made would be lost, or they say it may be."""
    buttons = QtWidgets.QMessageBox.StandardButton
    if window.control is not None and window.control.unsaved:
        answer = QtWidgets.QMessageBox.question(
            window,
            "Unsaved pose",
            "The coil is at a pose that is not saved. Save it?",
            buttons.Save | buttons.Discard | buttons.Cancel,
            buttons.Save,
        )
        if answer == buttons.Cancel or (answer == buttons.Save and not save_pose(window)):
            return False
    return True


def _file(window: ViewerWindow, title: str, proposed: str, kinds: str) -> str:
    path, _ = QtWidgets.QFileDialog.getSaveFileName(window, title, proposed, kinds)
    return path


def _try(window: ViewerWindow, deed: Callable[[], Any]) -> None:
    try:
        deed()
    except (InputError, WriteError) as error:
        QtWidgets.QMessageBox.warning(window, "Not written", str(error))
