"""The first step: whose head it is, what it is made from, and the folder it goes to."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from qtpy import QtCore, QtWidgets

from meshes.dicom import Series, keep, series_in
from meshes.errors import InputError
from targeting.app.draft import SUBJECT, Draft, Refusal
from targeting.app.dropped import DICOM, HEAD, SUBJECT_FOLDER, T1, Dropped, what_is
from targeting.app.people import subjects_in
from targeting.app.widgets.checking import Checker
from targeting.app.widgets.drop_area import DropArea
from targeting.app.widgets.fields import Field, refusal_label, show_refusal
from targeting.planning.listing import PlanRow, list_plans
from targeting.study.head_source import EMBEDDED
from targeting.subject import Subject

IMAGES = "MRI (*.nii *.nii.gz);;Mesh of a head (*.msh)"
DEMONSTRATION = f"{EMBEDDED}: the demonstration head, no data of yours needed"


class HeadStep(QtWidgets.QWidget):
    """Drop or choose a head, or take one that is here.

    Parameters
    ----------
    folder : Path
        Where subjects' folders lie.
    """

    changed = QtCore.Signal()
    plan_chosen = QtCore.Signal(object)  # PlanRow

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.given: Dropped | None = None
        self._converted: tempfile.TemporaryDirectory[str] | None = None
        self._dicom = Checker(self)
        self._dicom.told.connect(self._take_series)
        self._dicom.failed.connect(lambda why: self._refuse_drop(why))
        columns = QtWidgets.QHBoxLayout(self)
        columns.addLayout(self._new_head(), 3)
        columns.addLayout(self._people(), 2)
        self.list_people()

    # building

    def _new_head(self) -> QtWidgets.QVBoxLayout:
        column = QtWidgets.QVBoxLayout()
        self.drop = DropArea("Drop a T1 here: a NIfTI file, or the scanner’s folder of DICOM")
        self.drop.dropped.connect(self.take)
        file, folder = QtWidgets.QPushButton("Choose a &file …"), QtWidgets.QPushButton("Choose a &DICOM folder …")
        file.clicked.connect(self._ask_file)
        folder.clicked.connect(self._ask_dicom)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(file)
        buttons.addWidget(folder)
        buttons.addStretch(1)
        self.series = QtWidgets.QComboBox()
        self.series.setAccessibleName("series of the DICOM folder")
        self.series_label = QtWidgets.QLabel("Which &series is the T1?")
        self.series_label.setBuddy(self.series)
        self.series.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.t2 = Field("t2", self, "none")
        self.density = Field("density", self, "as it is; of a new head standard")
        self.frame = Field("frame", self, "as the image says")
        self.refused = {"t1": refusal_label("what is wrong with the image")}
        choose_t2 = QtWidgets.QPushButton("Choose a T2 …")
        choose_t2.clicked.connect(self._ask_t2)
        form = QtWidgets.QGridLayout()
        for row, field in enumerate((self.t2, self.density, self.frame)):
            field.add_to(form, 2 * row)
            field.changed.connect(self.changed)
        form.addWidget(choose_t2, 0, 2)
        column.addWidget(self.drop, 1)
        column.addWidget(self.refused["t1"])
        column.addLayout(buttons)
        column.addWidget(self.series_label)
        column.addWidget(self.series)
        column.addSpacing(8)
        column.addLayout(form)
        self._show_series(False)
        return column

    def _people(self) -> QtWidgets.QVBoxLayout:
        column = QtWidgets.QVBoxLayout()
        where = QtWidgets.QLabel("Folder the results go to")
        self.where = QtWidgets.QLineEdit(str(self.folder))
        self.where.setReadOnly(True)
        self.where.setAccessibleName("folder the results go to")
        change = QtWidgets.QPushButton("C&hange …")
        change.clicked.connect(self._ask_folder)
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.where, 1)
        row.addWidget(change)
        self.people = QtWidgets.QListWidget()
        self.people.setAccessibleName("subjects in this folder")
        self.people.itemSelectionChanged.connect(self._person_chosen)
        self.plans = QtWidgets.QListWidget()
        self.plans.setAccessibleName("plans of this subject")
        self.plans.itemActivated.connect(lambda _item: self._open_plan())
        self.open_plan = QtWidgets.QPushButton("&Open this plan")
        self.open_plan.setEnabled(False)
        self.open_plan.clicked.connect(self._open_plan)
        self.plans.itemSelectionChanged.connect(lambda: self.open_plan.setEnabled(self._chosen_plan() is not None))
        self.name = QtWidgets.QLineEdit()
        self.name.setPlaceholderText("such as subject01")
        self.name.setAccessibleName("name of the subject")
        self.name.textChanged.connect(lambda _text: self.changed.emit())
        name = QtWidgets.QLabel("Name of the s&ubject")
        name.setBuddy(self.name)
        self.refused[SUBJECT] = refusal_label("what is wrong with the name")
        for widget, stretch in (
            (where, 0),
            (row, 0),
            (QtWidgets.QLabel("Subjects here"), 0),
            (self.people, 2),
            (QtWidgets.QLabel("Their plans"), 0),
            (self.plans, 1),
            (self.open_plan, 0),
            (name, 0),
            (self.name, 0),
            (self.refused[SUBJECT], 0),
        ):
            if isinstance(widget, QtWidgets.QLayout):
                column.addLayout(widget)
            else:
                column.addWidget(widget, stretch)
        return column

    # what is answered

    def draft(self, kind: str, values: dict[str, Any], to_stay: bool = False) -> Draft:
        """The draft with this step's answers.

        Parameters
        ----------
        kind : str
        values : dict
            The second step's answers.
        to_stay : bool
            Copy a T1 that was converted from DICOM to where it is to stay: a plan is made of it.

        Raises
        ------
        InputError, WriteError
            If it cannot be copied.
        """
        answers = {field.option.name: field.value for field in (self.t2, self.density, self.frame)}
        if self.given is not None and self.given.kind in (T1, HEAD):
            answers[self.given.kind] = str(self.given.path)
        series = self.series.currentData()
        if self.given is not None and self.given.kind == DICOM and series is not None:
            kept = self.folder / f"{self.subject_name}_T1.nii.gz"
            answers["t1"] = str(keep(series, kept) if to_stay else series.image)
        return Draft(self.folder, self.subject_name, kind, values).with_values(**answers)

    @property
    def subject_name(self) -> str:
        """As it is typed."""
        return self.name.text().strip()

    @property
    def busy(self) -> bool:
        """Whether DICOM is being converted."""
        return self._dicom.busy

    def refuse(self, refusal: Refusal | None) -> None:
        """Show what is wrong at its field; None: nothing is."""
        fields = {each.option.name: each for each in (self.t2, self.density, self.frame)}
        for each in fields.values():
            each.refuse("")
        for label in self.refused.values():
            show_refusal(label, "")
        if refusal is None:
            return
        if refusal.field in fields:
            fields[refusal.field].refuse(refusal.words)
        else:
            show_refusal(self.refused.get(refusal.field, self.refused["t1"]), refusal.words)

    def close_up(self) -> None:
        """Let go of what was converted."""
        self._dicom.close()
        if self._converted is not None:
            self._converted.cleanup()

    # what is done

    def take(self, path: str | Path) -> None:
        """Take what was dropped or chosen."""
        self.refuse(None)
        try:
            given = what_is(path)
        except InputError as error:
            self._refuse_drop(str(error))
            return
        if given.kind == SUBJECT_FOLDER:
            self.set_folder(given.path.parent)
            self._choose_person(given.path.name)
            return
        self.people.clearSelection()
        if self.subject_name in (EMBEDDED, *self._names()):
            self.name.clear()
        self.given = given
        self._show_series(False)
        if given.kind == DICOM:
            self.drop.say(f"{given.path.name}: converting …", given.path)
            self._convert(given.path)
        else:
            self.drop.say(given.path.name, given.path)
        self.changed.emit()

    def set_folder(self, folder: Path) -> None:
        """Take another folder."""
        self.folder = folder
        self.where.setText(str(folder))
        self.list_people()
        self.changed.emit()

    def list_people(self, name: str = "") -> None:
        """List the folder's subjects anew, and choose one."""
        self.people.clear()
        names = self._names()
        for each, words in [(EMBEDDED, DEMONSTRATION), *((each, each) for each in names if each != EMBEDDED)]:
            item = QtWidgets.QListWidgetItem(words)
            item.setData(QtCore.Qt.ItemDataRole.UserRole, each)
            self.people.addItem(item)
        if name:
            self._choose_person(name)

    def _names(self) -> list[str]:
        try:
            return subjects_in(self.folder)
        except OSError:
            return []

    def _choose_person(self, name: str) -> None:
        for row in range(self.people.count()):
            if self.people.item(row).data(QtCore.Qt.ItemDataRole.UserRole) == name:
                self.people.setCurrentRow(row)

    def _person_chosen(self) -> None:
        self.plans.clear()
        self.open_plan.setEnabled(False)
        chosen = self.people.selectedItems()
        if not chosen:
            return
        name = chosen[0].data(QtCore.Qt.ItemDataRole.UserRole)
        self.given = None
        self._show_series(False)
        self.t2.set_value(None)
        self.drop.say("")
        self.name.setText(name)
        subject = Subject.named(name, self.folder / name)
        for row in list_plans(subject) if subject.folder.is_dir() else []:
            item = QtWidgets.QListWidgetItem(plan_words(row))
            item.setData(QtCore.Qt.ItemDataRole.UserRole, row)
            self.plans.addItem(item)
        self.changed.emit()

    def _open_plan(self) -> None:
        if (row := self._chosen_plan()) is not None:
            self.plan_chosen.emit(row)

    def _chosen_plan(self) -> PlanRow | None:
        """The plan that is chosen, if there is anything of it to open."""
        chosen = self.plans.selectedItems()
        row: PlanRow | None = chosen[0].data(QtCore.Qt.ItemDataRole.UserRole) if chosen else None
        return row if row is not None and row.kind else None

    def _refuse_drop(self, why: str) -> None:
        self.given = None
        self.drop.say("")
        self.changed.emit()
        show_refusal(self.refused["t1"], why)

    def _convert(self, folder: Path) -> None:
        self.series.clear()
        if self._converted is not None:
            self._converted.cleanup()
        self._converted = tempfile.TemporaryDirectory(prefix="target-dicom-")
        into = Path(self._converted.name)
        self._dicom.ask(lambda: series_in(folder, into))

    def _take_series(self, found: list[Series]) -> None:
        assert self.given is not None
        self.drop.say(f"{self.given.path.name}: {len(found)} series of DICOM", self.given.path)
        for each in found:
            self.series.addItem(each.words, each)
        self._show_series(True)
        self.changed.emit()

    def _show_series(self, shown: bool) -> None:
        self.series.setVisible(shown)
        self.series_label.setVisible(shown)

    def _ask_file(self) -> None:
        path, _ = QtWidgets.QFileDialog.getOpenFileName(self, "The T1 image", str(self.folder), IMAGES)
        if path:
            self.take(path)

    def _ask_dicom(self) -> None:
        path = QtWidgets.QFileDialog.getExistingDirectory(self, "The folder of DICOM", str(self.folder))
        if path:
            self.take(path)

    def _ask_t2(self) -> None:
        path, _ = QtWidgets.QFileDialog.getOpenFileName(self, "The T2 image", str(self.folder), IMAGES)
        if path:
            self.t2.set_value(path)

    def _ask_folder(self) -> None:
        path = QtWidgets.QFileDialog.getExistingDirectory(self, "Folder the results go to", str(self.folder))
        if path:
            self.set_folder(Path(path))


def plan_words(row: PlanRow) -> str:
    """A plan in a line of a list."""
    at = "1 A/µs" if row.total_current_ma is None else f"{row.total_current_ma:g} mA"
    dose = "" if row.dose_v_per_m is None else f", {row.dose_v_per_m:.3g} V/m at {at}"
    state = "" if row.state == "done" else f" ({row.state}: {row.why})"
    of = f"{row.kind}, {row.by}" if row.kind else row.state
    return f"{row.name}: {of}{dose}{state if row.kind else ''}"
