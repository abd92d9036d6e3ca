"""The colours of warnings and of the target, to be read on a light window and on a dark one."""

from __future__ import annotations

from qtpy import QtGui

LIGHT = {"danger": "#b3261e", "warning": "#8a5200", "note": "#46525e", "well": "#1b6e3c"}
DARK = {"danger": "#ff9d94", "warning": "#ffca70", "note": "#b9c4cf", "well": "#8fd6a5"}


def ink(kind: str, palette: QtGui.QPalette) -> str:
    """The colour of a "danger", a "warning", a "note", or of what went "well"."""
    dark = palette.color(QtGui.QPalette.ColorRole.Window).lightness() < 128
    return (DARK if dark else LIGHT)[kind]
