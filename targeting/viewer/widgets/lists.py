"""The left dock's lower half: placements with the saved poses beneath, or a montage's electrodes."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy import QtCore, QtGui, QtWidgets

from targeting.plans.tes import TesPlan
from targeting.plans.tes_words import session_fact
from targeting.plans.tms import Plan
from targeting.viewer.rows import (
    ELECTRODE_HEAD,
    PLACEMENT_HEAD,
    PLACEMENT_TIPS,
    SAVED_HEAD,
    electrode_rows,
    placement_rows,
    saved_rows,
)
from targeting.viewer.saved_poses import SavedPose
from targeting.viewer.widgets.coil_bar import button_of

SAVED_HEIGHT, ROW_HEIGHT = 110, 22


class StepList(QtWidgets.QTableWidget):
    """Rows of text to step through with the mouse or the arrow keys.

    ``stepped`` carries the number of the row a person chose, by click or key.
    """

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
        """The row that is marked."""
        rows = self.selectionModel().selectedRows()
        return rows[0].row() if rows else None

    def _changed(self, row: int, _column: int, before: int, _before_column: int) -> None:
        if row >= 0 and row != before and not QtWidgets.QApplication.mouseButtons():  # a click says so itself
            self.stepped.emit(row)


class PoseLists(QtWidgets.QWidget):
    """``placement`` and ``saved`` carry the number of what was chosen."""

    placement = QtCore.Signal(int)
    saved = QtCore.Signal(int)

    def __init__(self, plan: Plan, actions: list[QtGui.QAction]) -> None:
        super().__init__()
        self.placements = StepList("placements", PLACEMENT_HEAD, PLACEMENT_TIPS)
        self.placements.fill(placement_rows(plan))
        self.placements.choose(0)
        self.saved_poses = StepList("saved poses", SAVED_HEAD)
        self.saved_poses.setMaximumHeight(SAVED_HEIGHT)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        title = QtWidgets.QLabel("Placements, best first: dose in V/m at 1 A/µs")
        layout.addWidget(title)
        layout.addWidget(self.placements, 1)
        layout.addWidget(self.saved_poses)
        row = QtWidgets.QHBoxLayout()
        for action in actions:
            row.addWidget(button_of(action))
        row.addStretch(1)
        layout.addLayout(row)
        self.placements.stepped.connect(self._placement)
        self.saved_poses.stepped.connect(self._saved)

    def show_saved(self, poses: list[SavedPose], chosen: int | None = None) -> None:
        """The saved poses, one of them marked."""
        self.saved_poses.fill(saved_rows(poses))
        self.saved_poses.choose(chosen)

    def choose(self, placement: int | None, saved: int | None = None) -> None:
        """Mark where the coil is; nothing, where no row says it."""
        self.placements.choose(placement)
        self.saved_poses.choose(saved)

    def _placement(self, row: int) -> None:
        self.saved_poses.choose(None)
        self.placement.emit(row)

    def _saved(self, row: int) -> None:
        self.placements.choose(None)
        self.saved.emit(row)


class ElectrodeList(QtWidgets.QWidget):
    """``chosen`` carries the number of an electrode."""

    chosen = QtCore.Signal(int)

    def __init__(self, plan: TesPlan) -> None:
        super().__init__()
        self.table = StepList("electrodes", ELECTRODE_HEAD)
        self.table.fill(electrode_rows(plan))
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        words = QtWidgets.QLabel(f"{plan.montage_name}: {session_fact(plan).text}")
        words.setWordWrap(True)
        layout.addWidget(words)
        layout.addWidget(self.table, 1)
        self.table.stepped.connect(self.chosen)
