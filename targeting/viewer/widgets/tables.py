"""A list to step through with the mouse or the arrow keys."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy import QtCore, QtWidgets

ROW_HEIGHT = 22


class StepList(QtWidgets.QTableWidget):
    """Rows of text; ``stepped`` carries the number of the row a person chose, by click or key."""

    stepped = QtCore.Signal(int)

    def __init__(self, name: str, head: Sequence[str], tips: Sequence[str] = ()) -> None:
        super().__init__(0, len(head))
        self.setAccessibleName(name)
        self.setHorizontalHeaderLabels(list(head))
        for column, tip in enumerate(tips):
            self.horizontalHeaderItem(column).setToolTip(tip)
        self.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)  # Tab goes on to the next widget
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QtWidgets.QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        self.currentCellChanged.connect(self._changed)
        self.cellClicked.connect(lambda row, _column: self.stepped.emit(row))

    def fill(self, rows: Sequence[Sequence[str]]) -> None:
        """Show these rows; none is chosen."""
        blocker = QtCore.QSignalBlocker(self)
        self.setRowCount(len(rows))
        for i, row in enumerate(rows):
            for j, text in enumerate(row):
                item = QtWidgets.QTableWidgetItem(text)
                item.setToolTip(text)
                self.setItem(i, j, item)
        self.choose(None)
        blocker.unblock()

    def choose(self, row: int | None) -> None:
        """Mark a row, or none, without saying so."""
        blocker = QtCore.QSignalBlocker(self)
        if row is None:
            self.clearSelection()
            self.setCurrentItem(None)
        else:
            self.setCurrentCell(row, 0)
        blocker.unblock()

    @property
    def chosen(self) -> int | None:
        """The marked row."""
        rows = self.selectionModel().selectedRows()
        return rows[0].row() if rows else None

    def _changed(self, row: int, _column: int, before: int, _before_column: int) -> None:
        if row >= 0 and row != before and not QtWidgets.QApplication.mouseButtons():  # a click says so itself
            self.stepped.emit(row)
