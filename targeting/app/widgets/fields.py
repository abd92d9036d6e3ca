"""A field of the window for an option of a request: its label, its help, what it takes, and what is said against it."""

from __future__ import annotations

from typing import Any

from qtpy import QtCore, QtGui, QtWidgets

from targeting.app.choices import choices_of
from targeting.app.draft import option_named, value_of
from targeting.app.widgets.ink import ink
from targeting.study.options import Kind

FROM_FILE = "a file …"
LIST_WIDTH = 24  # letters of a list's entry that its closed form must show


class Field(QtCore.QObject):
    """An option as label, editor and line for its refusal.

    Parameters
    ----------
    name : str
        Of the option.
    words : str, optional
        What stands in the field as long as nothing is chosen.
    """

    changed = QtCore.Signal()

    def __init__(self, name: str, parent: QtWidgets.QWidget, words: str = "") -> None:
        super().__init__(parent)
        self.option = option = option_named(name)
        self.label = QtWidgets.QLabel(f"{option.label[:1].upper()}{option.label[1:]}")
        self.refused = refusal_label(f"what is wrong with the {option.label}")
        self.editor: QtWidgets.QComboBox | QtWidgets.QLineEdit
        choices = choices_of(option)
        self.editor = (
            _list(option.default, choices, words, "FILE" in option.metavar) if choices else _line(words or option.unit)
        )
        if isinstance(self.editor, QtWidgets.QComboBox):
            self.editor.currentIndexChanged.connect(self._chosen)
        else:
            self.editor.textChanged.connect(self.changed)
        about = " ".join(filter(None, [option.help, option.more, f"({option.limits})" if option.limits else ""]))
        self.label.setBuddy(self.editor)
        self.editor.setAccessibleName(option.label)
        self.editor.setAccessibleDescription(about)
        self.editor.setToolTip(f"<p>{about}</p>")
        self.editor.setObjectName(name)

    def add_to(self, grid: QtWidgets.QGridLayout, row: int) -> None:
        """Take two rows of a grid: the field, and below it the line for its refusal."""
        grid.addWidget(self.label, row, 0)
        grid.addWidget(self.editor, row, 1)
        grid.addWidget(self.refused, row + 1, 0, 1, 2)

    @property
    def value(self) -> Any:
        """What is chosen or typed, as Python has it; None: nothing.

        Raises
        ------
        InputError
            If a number is wanted and it is none.
        """
        if isinstance(self.editor, QtWidgets.QComboBox):
            return self.editor.currentData()
        return value_of(self.option, self.editor.text())

    def set_value(self, value: Any) -> None:
        """Show an answer; None: none, or of a list that always has one its first."""
        if isinstance(self.editor, QtWidgets.QLineEdit):
            number = self.option.kind is Kind.NUMBER and value is not None
            self.editor.setText(f"{value:g}" if number else "" if value is None else str(value))
            return
        at = 0 if value is None else self.editor.findData(value)
        if at < 0:
            self.editor.insertItem(1, str(value), str(value))
            at = 1
        self.editor.setCurrentIndex(at)

    def refuse(self, words: str) -> None:
        """Show what is wrong with it; "" takes that away."""
        show_refusal(self.refused, words)

    def show(self, shown: bool) -> None:
        """Show the field or hide it."""
        self.label.setVisible(shown)
        self.editor.setVisible(shown)
        if not shown:
            self.refuse("")

    def _chosen(self, index: int) -> None:
        assert isinstance(self.editor, QtWidgets.QComboBox)
        if self.editor.itemText(index) == FROM_FILE:
            path, _ = QtWidgets.QFileDialog.getOpenFileName(self.editor, self.option.label)
            self.set_value(path or None)
            return
        self.changed.emit()


def refusal_label(name: str) -> QtWidgets.QLabel:
    """The line below a field that says what is wrong with it; hidden until there is something."""
    label = QtWidgets.QLabel()
    label.setWordWrap(True)
    label.setAccessibleName(name)
    label.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
    label.hide()
    return label


def show_refusal(label: QtWidgets.QLabel, words: str) -> None:
    """Say what is wrong, in red and with a sign; "" hides the line."""
    label.setStyleSheet(f"color: {ink('danger', label.palette())}")
    label.setText(f"✕ {words}" if words else "")
    label.setVisible(bool(words))


def _list(default: Any, choices: list[tuple[str, str]], words: str, from_file: bool) -> QtWidgets.QComboBox:
    box = ListBox()
    box.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(LIST_WIDTH)
    if default is None:
        box.addItem(words or "–", None)
    for value, shown in choices:
        box.addItem(shown, value)
        box.setItemData(box.count() - 1, value, QtCore.Qt.ItemDataRole.ToolTipRole)
    if from_file:
        box.addItem(FROM_FILE, None)
    if default is not None:
        box.setCurrentIndex(max(0, box.findData(default)))
    return box


class ListBox(QtWidgets.QComboBox):
    """A list whose answer no turn of the wheel changes while the page is scrolled over it."""

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:  # noqa: N802
        """Leave it to the page."""
        event.ignore()


def _line(placeholder: str) -> QtWidgets.QLineEdit:
    line = QtWidgets.QLineEdit()
    line.setPlaceholderText(placeholder)
    return line
