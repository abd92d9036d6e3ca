"""The strip under the picture: the dose, how far the coil is from the plan, and what can be done with its pose."""

from __future__ import annotations

from qtpy import QtCore, QtGui, QtWidgets

from targeting.viewer.coil_on_scalp import CoilOnScalp
from targeting.words.numbers import degrees, three_digits

LARGE_PT = 4  # points over the usual size
WARNING = "color: #b3261e"


class CoilBar(QtWidgets.QWidget):
    """The strip with the dose and the buttons below the picture; the buttons are the menu's actions."""

    def __init__(self, actions: list[QtGui.QAction], follow: QtGui.QAction) -> None:
        super().__init__()
        self.dose = QtWidgets.QLabel("…")
        font = self.dose.font()
        font.setPointSize(font.pointSize() + LARGE_PT)
        font.setBold(True)
        self.dose.setFont(font)
        self.dose.setAccessibleName("dose")
        self.difference = QtWidgets.QLabel("at 1 A/µs   ·   placement 1   ·   getting the coil ready …")
        self.difference.setAccessibleName("difference to the plan")
        self.difference.setWordWrap(True)
        self.difference.setMinimumWidth(240)
        self.warning = QtWidgets.QLabel()
        self.warning.setStyleSheet(WARNING)
        self.warning.setWordWrap(True)
        self.warning.hide()
        self.lasting = ""  # a warning that stays, whatever the pose
        self.field = QtWidgets.QLabel()
        self.field.setWordWrap(True)
        self.field.setAccessibleName("the field that is shown")
        self.progress = QtWidgets.QProgressBar()
        self.progress.setMaximumWidth(220)
        self.progress.hide()
        self.buttons = [button_of(action) for action in actions]
        self.follow = button_of(follow)
        first, second = QtWidgets.QHBoxLayout(), QtWidgets.QHBoxLayout()
        first.setSpacing(10)
        for widget, stretch in ((self.dose, 0), (self.difference, 1), *((button, 0) for button in self.buttons)):
            first.addWidget(widget, stretch)
        for widget, stretch in ((self.field, 1), (self.progress, 0), (self.follow, 0)):
            second.addWidget(widget, stretch)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(2)
        layout.addLayout(first)
        layout.addWidget(self.warning)
        layout.addLayout(second)

    def show_pose(self, coil: CoilOnScalp, words: str) -> None:
        """The dose and the difference where the coil is; ``words`` go before them: "placement 1", "moved" ..."""
        answer = coil.dose()
        self.dose.setText(f"{three_digits(answer['dose_v_per_m'])} V/m")
        self.dose.setToolTip("Dose in the target at 1 A/µs")
        angle, source = coil.angle_deg
        there = coil.difference(answer["percent_of_plan"])
        self.difference.setText(f"at 1 A/µs   ·   {words}   ·   angle {degrees(angle)}   ·   {there.words()}")
        self.difference.setToolTip(f"Angle of the induced current from {source}")
        self.warn("; ".join(answer["warnings"]))

    def warn(self, words: str) -> None:
        """Show a warning, or none, after the one that stays."""
        both = "; ".join(each for each in (self.lasting, words) if each)
        self.warning.setText(both)
        self.warning.setVisible(bool(both))

    def show_progress(self, share: float) -> None:
        """How far the field in the background is; below 0: not known."""
        self.progress.setVisible(True)
        self.progress.setRange(0, 100 if share >= 0 else 0)
        self.progress.setValue(max(0, round(100 * share)))


def button_of(action: QtGui.QAction) -> QtWidgets.QToolButton:
    """A button that does an action, says its tip and is greyed with it."""
    button = QtWidgets.QToolButton()
    button.setDefaultAction(action)
    button.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextOnly)
    button.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
    return button
