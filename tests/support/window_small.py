"""Run by test_small_screen: opens the window of a planned ball and writes what of it is on the screen."""

import json
import sys
from pathlib import Path

from qtpy import QtWidgets
from qtpy.QtTest import QTest

from targeting.viewer import open_window


def main(folder: Path) -> None:
    window = open_window("ball", folder)
    QTest.qWait(1500)
    screen = window.screen().availableGeometry()
    seen = {
        "screen": [screen.width(), screen.height()],
        "window": [window.width(), window.height()],
        "least": [window.minimumSizeHint().width(), window.minimumSizeHint().height()],
    }
    corner = window.mapToGlobal(window.rect().topLeft())
    for name, widget in {"slices": window.slices, "status bar": window.statusBar(), "coil": window.bar}.items():
        at = widget.mapToGlobal(widget.rect().bottomRight()) - corner
        seen[name] = [at.x(), at.y()]
    print(json.dumps(seen))
    window.close()
    QtWidgets.QApplication.instance().processEvents()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
