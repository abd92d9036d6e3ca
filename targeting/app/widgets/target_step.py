"""The second step: the target from pictures, the side from the side of the pain, and what stimulates it from lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy import QtCore, QtGui, QtWidgets

from atlases.aim import side_for
from atlases.targets import targets
from meshes.errors import InputError
from targeting.app.draft import Refusal, has_own_side, side_words
from targeting.app.pictures import picture
from targeting.app.widgets.checking import Checker
from targeting.app.widgets.fields import Field, ListBox, refusal_label, show_refusal
from targeting.modality import HD, PADS, TMS
from targeting.study.request import DEFAULT_AIM

SMALL, LARGE = (156, 86), (560, 214)
KINDS = {TMS: "a coil (TMS)", PADS: "two pads (tDCS)", HD: "small electrodes (HD-tDCS)"}
COIL_FIELDS = {
    "coil": "",
    "stimulator": "not said",
    "rmt_percent": "not measured: no % of output is planned",
    "rmt_muscle": "hand",
    "protocol": "none",
    "muscle_ratio": "",
}
MONTAGE_FIELDS = {"montage": "the best for this head", "max_current_ma": "mA; 2 unless said"}
ANY_FIELDS = {
    "hotspot_mm": "x,y,z in the T1’s mm; not measured",
    "patient_id": "stands on every page",
    "name": "by its target, side, and coil or montage",
    "accept_risk": "none; the plan names what can be accepted",
}


class TargetStep(QtWidgets.QWidget):
    """Choose what is stimulated, on which side, and with what."""

    changed = QtCore.Signal()

    def __init__(self) -> None:
        super().__init__()
        self._thumbnails, self._large = Checker(self), Checker(self)
        self._drawn_for: str | None = ""  # the side of the small pictures
        self._thumbnails.told.connect(self._show_thumbnails)
        self._large.told.connect(self._show_picture)
        self._large.failed.connect(self._no_picture)
        self.fields = {
            name: Field(name, self, words) for name, words in {**COIL_FIELDS, **MONTAGE_FIELDS, **ANY_FIELDS}.items()
        }
        columns = QtWidgets.QHBoxLayout(self)
        columns.addLayout(self._targets(), 5)
        columns.addLayout(self._rest(), 6)
        self._connect()
        self._show_kind()
        self.aim.setText(DEFAULT_AIM)

    # building

    def _targets(self) -> QtWidgets.QVBoxLayout:
        column = QtWidgets.QVBoxLayout()
        self.pictures = QtWidgets.QListWidget()
        self.pictures.setViewMode(QtWidgets.QListView.ViewMode.IconMode)
        self.pictures.setResizeMode(QtWidgets.QListView.ResizeMode.Adjust)
        self.pictures.setMovement(QtWidgets.QListView.Movement.Static)
        self.pictures.setIconSize(QtCore.QSize(*SMALL))
        self.pictures.setGridSize(QtCore.QSize(SMALL[0] + 16, SMALL[1] + 42))
        self.pictures.setWordWrap(True)
        self.pictures.setAccessibleName("targets")
        for name, each in targets().items():
            item = QtWidgets.QListWidgetItem(each.title)
            item.setData(QtCore.Qt.ItemDataRole.UserRole, name)
            item.setToolTip(f"<p><b>{name}</b>: {each.note}</p>")
            item.setIcon(_icon(_blank(SMALL)))
            self.pictures.addItem(item)
        self.aim = QtWidgets.QLineEdit()
        self.aim.setAccessibleName("target")
        self.aim.setPlaceholderText("or area:OP1+OP4, mni:x,y,z, a mask …")
        label = QtWidgets.QLabel("&Target")
        label.setBuddy(self.aim)
        self.aim_refused = refusal_label("what is wrong with the target")
        row = QtWidgets.QHBoxLayout()
        row.addWidget(label)
        row.addWidget(self.aim, 1)
        column.addWidget(self.pictures, 1)
        column.addLayout(row)
        column.addWidget(self.aim_refused)
        return column

    def _rest(self) -> QtWidgets.QVBoxLayout:
        column = QtWidgets.QVBoxLayout()
        self.large = QtWidgets.QLabel()
        self.large.setFixedHeight(LARGE[1])
        self.large.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        column.addWidget(self.large)
        column.addWidget(self._sides())
        column.addWidget(self._means(), 1)
        self.refused = refusal_label("what is wrong")
        column.addWidget(self.refused)
        return column

    def _sides(self) -> QtWidgets.QGroupBox:
        box = QtWidgets.QGroupBox("On which side of the body is the pain?")
        grid = QtWidgets.QGridLayout(box)
        self.side_of = QtWidgets.QButtonGroup(self)
        words = {
            ("pain_side", "left"): "Pain on the &left",
            ("pain_side", "right"): "Pain on the &right",
            ("side", "left"): "No pain: left half of the brain",
            ("side", "right"): "No pain: right half of the brain",
        }
        self.sides: dict[tuple[str, str], QtWidgets.QRadioButton] = {}
        for k, (key, text) in enumerate(words.items()):
            self.sides[key] = QtWidgets.QRadioButton(text)
            self.side_of.addButton(self.sides[key])
            grid.addWidget(self.sides[key], k // 2, k % 2)
        self.side_words = QtWidgets.QLabel()
        self.side_words.setWordWrap(True)
        self.side_words.setAccessibleName("side of the target")
        font = self.side_words.font()
        font.setBold(True)
        self.side_words.setFont(font)
        self.side_refused = refusal_label("what is wrong with the side")
        grid.addWidget(self.side_words, 2, 0, 1, 2)
        grid.addWidget(self.side_refused, 3, 0, 1, 2)
        return box

    def _means(self) -> QtWidgets.QScrollArea:
        within = QtWidgets.QWidget()
        grid = QtWidgets.QGridLayout(within)
        grid.setContentsMargins(4, 4, 4, 4)
        grid.setColumnStretch(1, 1)
        self.kind = ListBox()
        self.kind.setAccessibleName("stimulation")
        for kind, words in KINDS.items():
            self.kind.addItem(words, kind)
        label = QtWidgets.QLabel("Stimulation by")
        label.setBuddy(self.kind)
        grid.addWidget(label, 0, 0)
        grid.addWidget(self.kind, 0, 1)
        for row, field in enumerate(self.fields.values()):
            field.add_to(grid, 1 + 2 * row)
        grid.setRowStretch(1 + 2 * len(self.fields), 1)
        self.means = area = QtWidgets.QScrollArea()
        area.setWidget(within)
        area.setAccessibleName("what stimulates")
        area.setWidgetResizable(True)
        area.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        area.setMinimumHeight(170)
        return area

    def _connect(self) -> None:
        self.pictures.itemSelectionChanged.connect(self._picture_chosen)
        self.aim.textChanged.connect(lambda _text: self._aim_changed())
        self.side_of.buttonToggled.connect(lambda _button, on: self._side_changed() if on else None)
        self.kind.currentIndexChanged.connect(lambda _index: self._show_kind())
        for field in self.fields.values():
            field.changed.connect(self.changed)

    # what is answered

    @property
    def chosen_kind(self) -> str:
        """What stimulates: "tms", "tdcs" or "hd-tdcs"."""
        return str(self.kind.currentData())

    @property
    def values(self) -> dict[str, Any]:
        """The answers by option; what is no number is said at its field.

        Raises
        ------
        InputError
            If there is such.
        """
        answers: dict[str, Any] = {"aim": self.aim.text().strip()}
        for key, button in self.sides.items():
            if button.isChecked():
                answers[key[0]] = key[1]
        bad = ""
        for name in self._shown():
            try:
                answers[name] = self.fields[name].value
            except InputError as error:
                self.fields[name].refuse(str(error))
                self.means.ensureWidgetVisible(self.fields[name].editor)
                bad = bad or name
        if bad:
            raise InputError(f"look at {self.fields[bad].option.label}")
        return {name: value for name, value in answers.items() if value is not None}

    @property
    def target_side(self) -> str | None:
        """The side of the brain that is chosen; None as long as none is."""
        chosen = next((key for key, button in self.sides.items() if button.isChecked()), None)
        return None if chosen is None else side_for(**{"side": None, "pain_side": None, chosen[0]: chosen[1]})

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Show what is wrong at the fields it concerns."""
        for field in self.fields.values():
            field.refuse("")
        labels = {"aim": self.aim_refused, "side": self.side_refused, "pain_side": self.side_refused, "": self.refused}
        for label in labels.values():
            show_refusal(label, "")
        for each in refusals:
            if each.field in self._shown():
                self.fields[each.field].refuse(each.words)
                self.means.ensureWidgetVisible(self.fields[each.field].editor)
            else:
                show_refusal(labels.get(each.field, self.refused), each.words)

    def close_up(self) -> None:
        """Wait for what is drawn."""
        self._thumbnails.close()
        self._large.close()

    def showEvent(self, event: QtGui.QShowEvent) -> None:  # noqa: N802
        """Pictures are drawn once they can be seen."""
        super().showEvent(event)
        self._draw()

    # what is shown

    def _shown(self) -> list[str]:
        own = COIL_FIELDS if self.chosen_kind == TMS else MONTAGE_FIELDS
        return [*own, *ANY_FIELDS]

    def _show_kind(self) -> None:
        for name, field in self.fields.items():
            field.show(name in self._shown())
        self.changed.emit()

    def _picture_chosen(self) -> None:
        chosen = self.pictures.selectedItems()
        if chosen:
            self.aim.setText(chosen[0].data(QtCore.Qt.ItemDataRole.UserRole))

    def _aim_changed(self) -> None:
        aim = self.aim.text().strip()
        for row in range(self.pictures.count()):
            item = self.pictures.item(row)
            item.setSelected(item.data(QtCore.Qt.ItemDataRole.UserRole) == aim)
        self._say_side()
        self._draw()
        self.changed.emit()

    def _side_changed(self) -> None:
        self._say_side()
        self._draw()
        self.changed.emit()

    def _say_side(self) -> None:
        chosen = {key[0]: key[1] for key, button in self.sides.items() if button.isChecked()}
        if not chosen and has_own_side(self.aim.text().strip()):
            self.side_words.setText("The coordinates have a side. Say the side of the pain, and the two are compared.")
        else:
            self.side_words.setText(side_words(chosen.get("side"), chosen.get("pain_side")))

    def _draw(self) -> None:
        if not self.isVisible():
            return
        aim, side = self.aim.text().strip(), self.target_side
        if self.large.pixmap().isNull():
            self.large.setText("drawing the brain …")
        self._large.ask(lambda: picture(aim, side, LARGE))

    def _draw_thumbnails(self) -> None:
        side = self.target_side
        if side != self._drawn_for:
            self._drawn_for = side
            self._thumbnails.ask(lambda: {name: picture(name, side, SMALL, words=False) for name in targets()})

    def _show_thumbnails(self, drawn: dict[str, NDArray[np.uint8]]) -> None:
        for row in range(self.pictures.count()):
            item = self.pictures.item(row)
            item.setIcon(_icon(_pixmap(drawn[item.data(QtCore.Qt.ItemDataRole.UserRole)])))

    def _show_picture(self, drawn: NDArray[np.uint8]) -> None:
        self.large.setPixmap(_pixmap(drawn))
        self._draw_thumbnails()
        where = {
            "left": " in its left half, drawn on the left",
            "right": " in its right half, drawn on the right",
            None: "",
        }
        self.large.setAccessibleName(f"the brain with {self.aim.text()}{where[self.target_side]}")

    def _no_picture(self, why: str) -> None:
        self.large.setText(why)
        self._draw_thumbnails()


def _icon(pixmap: QtGui.QPixmap) -> QtGui.QIcon:
    """An icon that looks the same when it is chosen: its colours say where the target is."""
    icon = QtGui.QIcon(pixmap)
    icon.addPixmap(pixmap, QtGui.QIcon.Mode.Selected)
    return icon


def _pixmap(rgb: NDArray[np.uint8]) -> QtGui.QPixmap:
    height, width = rgb.shape[:2]
    data = np.ascontiguousarray(rgb)
    image = QtGui.QImage(data.data, width, height, 3 * width, QtGui.QImage.Format.Format_RGB888)
    return QtGui.QPixmap.fromImage(image)


def _blank(size: tuple[int, int]) -> QtGui.QPixmap:
    pixmap = QtGui.QPixmap(*size)
    pixmap.fill(QtGui.QColor("white"))
    return pixmap
