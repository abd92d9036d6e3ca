"""A place to drop a file or folder on."""

from __future__ import annotations

from pathlib import Path

from qtpy import QtCore, QtGui, QtWidgets

LARGE_PT = 3  # points over the usual size


class DropArea(QtWidgets.QLabel):
    """Says what may be dropped, and then what was.

    ``dropped`` carries the path of a file or folder of this machine.
    """

    dropped = QtCore.Signal(str)

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        font = self.font()
        font.setPointSize(font.pointSize() + LARGE_PT)
        self.setFont(font)
        self.setAcceptDrops(True)
        self.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.setWordWrap(True)
        self.setMinimumHeight(150)
        self.setFrameShape(QtWidgets.QFrame.Shape.StyledPanel)
        self.setStyleSheet(
            "DropArea { border: 2px dashed palette(mid); border-radius: 8px; padding: 12px; color: palette(window-text); }"
        )
        self.say("")

    def say(self, words: str, path: Path | None = None) -> None:
        """Say what was dropped; "": what may be."""
        self.setText(words or self._words)
        self.setToolTip(str(path or ""))
        self.setAccessibleName(f"image of the head: {words}" if words else self._words)

    def dragEnterEvent(self, event: QtGui.QDragEnterEvent) -> None:  # noqa: N802
        """Take files of this machine, one at a time."""
        urls = event.mimeData().urls()
        if len(urls) == 1 and urls[0].isLocalFile():
            event.acceptProposedAction()

    def dropEvent(self, event: QtGui.QDropEvent) -> None:  # noqa: N802
        """Say which it is."""
        event.acceptProposedAction()
        self.dropped.emit(event.mimeData().urls()[0].toLocalFile())
