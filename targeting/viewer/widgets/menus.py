"""The window's actions: what the menus, the buttons and the keys do, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qtpy import QtGui, QtWidgets

from targeting.scene.cameras import CAMERAS


@dataclass(frozen=True)
class Item:
    """One action: its menu, its words, its keys, what it is good for."""

    menu: str
    name: str
    words: str
    keys: str
    tip: str


FOLLOW, STOP = "&Make the field follow", "&Stop making the field"
ITEMS = (
    Item("File", "save", "&Save pose …", "Ctrl+S", "Save where the coil is, under a name, beside the plan"),
    Item(
        "File", "brainsight", "Export pose for &Brainsight …", "Ctrl+Shift+B", "Write this pose as a Brainsight target"
    ),
    Item("File", "localite", "Export pose for &Localite …", "Ctrl+Shift+L", "Write this pose as a Localite marker"),
    Item("File", "screenshot", "S&creenshot …", "Ctrl+P", "Write the picture as it is seen, as .png"),
    Item("File", "export", "&Export scene …", "Ctrl+E", "Write the scene as .html, .gltf or .vtp"),
    Item("File", "close", "&Close", "Ctrl+W", "Close the window"),
    Item("Coil", "undo", "&Undo", "Ctrl+Z", "Take the coil's last move back"),
    Item("Coil", "redo", "&Redo", "Ctrl+Shift+Z", "Make the move again"),
    Item("Coil", "back", "&Back to plan", "Ctrl+B", "Put the coil to placement 1"),
    Item("Coil", "previous", "&Previous placement", "PgUp", "The next better placement of the plan"),
    Item("Coil", "next", "&Next placement", "PgDown", "The next placement of the plan"),
    Item("Coil", "forget", "&Delete saved pose", "", "Delete the chosen pose from the saved ones"),
    Item(
        "Coil",
        "follow",
        FOLLOW,
        "",
        "Make, or stop making, the field basis, by which the field follows the coil: minutes, once",
    ),
    Item("Help", "keys", "&Mouse and keys", "F1", "What the mouse and the keys do"),
)
COIL_ONLY = ("save", "brainsight", "localite", "undo", "redo", "back", "previous", "next", "forget", "follow")

MOUSE_AND_KEYS = """
<b>On the coil</b><br>
drag: along the scalp &nbsp;·&nbsp; drag the handle, right-drag, or wheel: turn (Shift: 5°)<br>
arrow keys: 1 mm (Shift: 5 mm) &nbsp;·&nbsp; , and . : turn 1° (Shift: 5°)<br><br>
<b>Elsewhere</b><br>
drag: turn the view &nbsp;·&nbsp; Shift+drag: shift it &nbsp;·&nbsp; wheel: nearer, farther<br>
click: pick the cortex (Ctrl+click: the scalp); the slices go there<br><br>
<b>Keys</b><br>
1 … 7: the view from the left, right, top, front, back, the target, the coil<br>
Page up, page down: step through the placements &nbsp;·&nbsp; Ctrl+Z, Ctrl+Shift+Z: undo, redo<br>
Ctrl+S: save the pose &nbsp;·&nbsp; Ctrl+P: screenshot &nbsp;·&nbsp; Ctrl+E: export the scene
"""


def make_actions(
    window: QtWidgets.QMainWindow, do: dict[str, Callable[[], Any]], look: Callable[[str], Any], coil: bool
) -> dict[str, QtGui.QAction]:
    """Fill a window's menus, and return their actions.

    Parameters
    ----------
    window : QMainWindow
    do : dict of callable
        What each of :data:`ITEMS` does, by its name.
    look : callable
        (camera) turns the view to a camera of :data:`targeting.scene.cameras.CAMERAS`.
    coil : bool
        Whether there is a coil to move; if not, :data:`COIL_ONLY` are hidden.

    Returns
    -------
    dict of QAction
        By name; those of the cameras are "look left", "look right" and so on.
    """
    actions: dict[str, QtGui.QAction] = {}
    menus = {name: window.menuBar().addMenu(f"&{name}") for name in ("File", "View", "Coil", "Help")}
    if not coil:
        menus["Coil"].menuAction().setVisible(False)
    for item in ITEMS:
        action = _action(window, item.words, item.keys, item.tip)
        action.triggered.connect(lambda _checked=False, function=do[item.name]: function())
        if item.name in COIL_ONLY and not coil:
            action.setVisible(False)
            action.setEnabled(False)
        menus[item.menu].addAction(action)
        actions[item.name] = action
    for number, name in enumerate(CAMERAS, start=1):
        if name == "coil" and not coil:
            continue
        at = "at" if name in ("target", "coil") else "from"
        action = _action(window, name.capitalize(), str(number), f"Look {at} the {name}")
        action.triggered.connect(lambda _checked=False, name=name: look(name))
        menus["View"].addAction(action)
        actions[f"look {name}"] = action
    menus["View"].addSeparator()
    actions["view menu"] = menus["View"].menuAction()
    return actions


def _action(window: QtWidgets.QMainWindow, words: str, keys: str, tip: str) -> QtGui.QAction:
    action = QtGui.QAction(words, window)
    if keys:
        action.setShortcut(QtGui.QKeySequence(keys))
    action.setToolTip(tip + (f" ({keys})" if keys else ""))
    action.setStatusTip(tip)
    return action
