"""Sessions at the window of ``target app``, as a person has them: run in a process of their own, under a virtual screen.

    python app_session.py from_empty_to_file FOLDER PICTURES

What was seen is printed as JSON; the window's pictures are written into PICTURES.
"""

import json
import os
import sys
import time
from pathlib import Path

from qtpy import QtCore, QtGui, QtWidgets
from qtpy.QtTest import QTest

from targeting.app.start import open_app
from targeting.subject import Subject

LEFT = QtCore.Qt.MouseButton.LeftButton
KEY = QtCore.Qt.Key
LONGEST_S = 900.0


class Person:
    """A window, and a person before it."""

    def __init__(self, folder: Path, pictures: Path) -> None:
        self.folder, self.pictures, self.seen = folder, pictures, {}
        self.window = open_app(folder)
        self.app = QtWidgets.QApplication.instance()
        self.settle()
        self.window.activateWindow()
        assert QTest.qWaitForWindowActive(self.window, 10_000)

    def settle(self, seconds: float = 0.1) -> None:
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

    def until(self, done, longest_s: float = LONGEST_S) -> None:
        end = time.monotonic() + longest_s
        while not done():
            assert time.monotonic() < end, "waited too long"
            self.app.processEvents()
            time.sleep(0.005)

    def click(self, button) -> None:
        assert button.isEnabled() and button.isVisible(), button.text()
        QTest.mouseClick(button, LEFT)
        self.settle()

    def picture(self, name: str) -> None:
        self.settle()
        self.window.grab().save(str(self.pictures / f"{name}.png"))

    def note(self, **what) -> None:
        self.seen |= what

    @property
    def step(self) -> int:
        return self.window.pages.currentIndex()

    def take_demonstration(self) -> None:
        head = self.window.head
        head.people.setFocus()
        QTest.keyClick(head.people, KEY.Key_Down)  # by the keyboard alone
        if head.name.text() != "colin27":
            head.people.setCurrentRow(0)
        self.settle()

    def by_tab(self) -> list[str]:
        """What the Tab key reaches, each by its name or its words."""
        found = []
        self.window.steps[self.step].setFocus()
        for _ in range(60):
            QTest.keyClick(self.app.focusWidget(), KEY.Key_Tab)
            each = self.app.focusWidget()
            words = each.text().replace("&", "") if isinstance(each, QtWidgets.QAbstractButton) else ""
            found.append(words or each.accessibleName())
        return sorted(set(found))

    def keys(self) -> list[str]:
        """The Alt keys of what can be seen and used."""
        seen = [each for each in self.window.findChildren(QtWidgets.QWidget) if each.isVisible() and each.isEnabled()]
        with_keys = [each for each in seen if isinstance(each, QtWidgets.QAbstractButton | QtWidgets.QLabel)]
        keys = [QtGui.QKeySequence.mnemonic(each.text()).toString() for each in with_keys]
        return sorted(key for key in keys if key)

    def go_on(self) -> None:
        """Press Next, and wait until it was checked."""
        self.click(self.window.next)
        self.until(lambda: not self.window.check.busy)
        self.settle()

    def checked(self) -> None:
        """Wait until what was answered is checked and drawn."""
        self.settle(0.6)
        target = self.window.target
        self.until(lambda: not (self.window.check.busy or target._large.busy or target._thumbnails.busy))
        self.settle()

    def refused(self, *names: str) -> dict[str, str]:
        target = self.window.target
        labels = {name: field.refused for name, field in target.fields.items()}
        labels |= {"aim": target.aim_refused, "side": target.side_refused, "": target.refused}
        return {name: label.text() for name, label in labels.items() if label.isVisible()}


def from_empty_to_file(me: Person) -> None:
    """The demonstration head: cancelled in the middle, planned, exported."""
    window = me.window
    me.picture("head")
    me.take_demonstration()
    window.head.density.set_value("fast")
    me.go_on()
    me.note(at=me.step)
    window.target.sides["pain_side", "right"].click()
    me.checked()
    me.note(side=window.target.side_words.text(), drawn=window.target.large.accessibleName())
    for name, value in {"stimulator": "magstim-rapid", "rmt_percent": 45.0, "protocol": "m1-pain-10hz"}.items():
        window.target.fields[name].set_value(value)
    me.checked()
    me.picture("target")
    me.note(refused=me.refused(), size=[window.frameGeometry().width(), window.frameGeometry().height()])
    me.click(window.next)
    me.until(lambda: window.working and "head mesh" in window.plan.progress_words.text())
    me.settle(1.0)
    start = time.monotonic()
    me.picture("at work")
    me.note(title=window.plan.title.text(), command=window.plan.command.text())
    me.note(words=window.plan.progress_words.text(), alive_s=time.monotonic() - start)
    me.click(window.plan.cancel)
    start = time.monotonic()
    me.until(lambda: not window.working)
    me.settle()
    me.note(
        cancel_s=time.monotonic() - start,
        cancelled=window.plan.said.text(),
        left=sorted(path.relative_to(me.folder).as_posix() for path in (me.folder / "colin27").rglob("*")),
        result_shown=window.plan.result.isVisible(),
    )
    me.picture("cancelled")
    me.click(window.next)  # plan again
    me.until(lambda: window.working)
    me.until(lambda: not window.working)
    me.settle()
    me.picture("plan")
    me.note(failed=window.plan.said.text(), decision=window.plan.title.text(), trust=window.plan.trust.text())
    me.note(facts=window.plan.facts.toPlainText(), warnings=window.plan.warnings.toPlainText())
    me.note(again=window.plan.command.text(), heard=window.plan.heard.toPlainText())
    export(me, me.folder / "for brainsight.txt")
    me.picture("exported")


def export(me: Person, file: Path, answer=None) -> None:
    """Export for Brainsight, the file's name and the answer to the question about it given by hand."""
    asked = []

    def choose(_parent, _title, proposed, _kinds, options=None):
        asked.append(proposed)
        return str(file), ""

    def question(_parent, _title, words, *_buttons):
        asked.append(words)
        return answer

    QtWidgets.QFileDialog.getSaveFileName = staticmethod(choose)
    QtWidgets.QMessageBox.question = staticmethod(question)
    plan = me.window.plan
    plan.navigator.setCurrentIndex(plan.navigator.findData("brainsight"))
    me.click(plan.export)
    me.until(lambda: not plan._exporting.busy)
    me.settle()
    me.seen.setdefault("exports", []).append({"asked": asked, "said": plan.said.text()})


def refusals(me: Person) -> None:
    """What is wrong is said at its field, and nothing is planned until it is mended."""
    window, head = me.window, me.window.head
    me.note(tab_in_head=me.by_tab(), keys=[me.keys()])
    me.go_on()
    me.note(no_name=head.refused["subject"].text(), step_without_name=me.step)
    QTest.keyClicks(head.name, "anna")
    me.go_on()
    me.note(no_head=head.refused["t1"].text())
    (me.folder / "notes.txt").write_text("no head")
    head.take(me.folder / "notes.txt")
    me.note(no_image=head.refused["t1"].text())
    me.picture("head refused")
    head.name.clear()
    me.take_demonstration()
    me.go_on()
    me.checked()
    me.note(no_side=me.refused(), tab_in_target=me.by_tab())
    me.click(window.next)
    me.checked()
    me.note(step_without_side=me.step)
    QTest.keyClick(window.target.sides["pain_side", "left"], KEY.Key_Space)
    rmt = window.target.fields["rmt_percent"]
    QTest.keyClicks(rmt.editor, "much")
    me.checked()
    me.note(no_number=me.refused(), side=window.target.side_words.text())
    rmt.editor.clear()
    QTest.keyClicks(rmt.editor, "145")
    me.checked()
    me.note(too_much=me.refused())
    me.picture("target refused")
    rmt.editor.clear()
    window.target.fields["protocol"].set_value("psi-10hz")
    me.checked()
    me.note(protocol=me.refused())
    window.target.fields["protocol"].set_value(None)
    QtWidgets.QFileDialog.getOpenFileName = staticmethod(lambda *_: ("", ""))
    coil = window.target.fields["coil"]
    coil.editor.setCurrentIndex(coil.editor.findText("a file …"))  # and no file is chosen
    me.note(no_file=[coil.editor.currentText(), coil.value])
    window.target.aim.setText("mni:-37,-21,58")
    me.checked()
    me.note(point=me.refused(), point_side=window.target.values.get("pain_side"))
    window.target.aim.setText("m1-hand")
    window.target.kind.setCurrentIndex(1)
    me.checked()
    me.note(with_pads=me.refused(), coil_shown=window.target.fields["coil"].editor.isVisible())
    me.picture("pads")
    me.seen["keys"].append(me.keys())
    me.note(step=me.step, written=sorted(path.name for path in me.folder.iterdir()))
    window.target.kind.setCurrentIndex(0)
    with Subject.named("colin27", me.folder / "colin27").locked():
        me.click(window.next)
        me.until(lambda: window.run is not None and not window.working)
        me.settle()
    me.note(locked=window.plan.said.text())
    me.click(window.next)
    me.until(lambda: window.working and "head mesh" in window.plan.progress_words.text())
    window.run._process.kill()  # as the system does where the memory is full
    me.until(lambda: not window.working)
    me.settle()
    me.note(killed=window.plan.said.text())
    me.seen["keys"].append(me.keys())
    me.picture("failed")


def existing(me: Person) -> None:
    """A subject that is here: its plan is opened, exported, not replaced without being asked, and looked at in 3D."""
    window, head = me.window, me.window.head
    me.note(people=[head.people.item(row).text() for row in range(head.people.count())])
    head.people.setCurrentRow(1)
    me.settle()
    me.note(name=head.name.text(), plans=[head.plans.item(row).text() for row in range(head.plans.count())])
    head.plans.setCurrentRow(0)
    me.picture("subject")
    me.click(head.open_plan)
    me.note(step=me.step, title=window.plan.title.text(), warnings=window.plan.warnings.toPlainText())
    me.note(tab_in_plan=me.by_tab(), keys=me.keys())
    buttons = QtWidgets.QMessageBox.StandardButton
    file = me.folder / "poses.txt"
    export(me, file)
    first = file.read_text()
    file.write_text("mine")
    export(me, file, buttons.No)
    me.note(kept=file.read_text())
    export(me, file, buttons.Yes)
    me.note(replaced=file.read_text() == first, first=first)
    opened = []
    QtGui.QDesktopServices.openUrl = staticmethod(lambda url: opened.append(url.toLocalFile()))
    me.click(window.plan.report)
    me.click(window.plan.folder)
    me.note(opened=opened)
    me.picture("existing plan")
    me.click(window.plan.look)
    loaded = []
    window.viewer.loader.idle.connect(lambda: loaded.append(True))
    me.until(lambda: loaded)
    me.note(viewer=window.viewer.windowTitle(), coil=window.viewer.control.coil is not None)
    window.viewer.close()
    begun = me.folder / "ball" / "plans" / "begun"
    begun.mkdir(parents=True)
    (begun / "search.json").write_text("{}")
    head.people.setCurrentRow(0)
    head.people.setCurrentRow(1)
    me.settle()
    me.note(plans_then=[head.plans.item(row).text() for row in range(head.plans.count())])
    head.plans.setCurrentRow(1)
    me.note(can_open=head.open_plan.isEnabled())


def dropped(me: Person) -> None:
    """A scanner's folder is dropped on the window."""
    from dicom_series import dicom_series

    scan = me.folder / "scan"
    dicom_series(scan / "2", "localizer", 2)
    dicom_series(scan / "3", "t1_mprage_sag", 3)
    data = QtCore.QMimeData()
    data.setUrls([QtCore.QUrl.fromLocalFile(str(scan))])
    drop = me.window.head.drop
    at = QtCore.QPointF(drop.width() / 2, drop.height() / 2)
    how = (QtCore.Qt.DropAction.CopyAction, data, LEFT, QtCore.Qt.KeyboardModifier.NoModifier)
    enter, leave = QtGui.QDragEnterEvent(at.toPoint(), *how), QtGui.QDropEvent(at, *how)
    QtCore.QCoreApplication.sendEvent(drop, enter)
    me.note(accepted=enter.isAccepted())
    QtCore.QCoreApplication.sendEvent(drop, leave)
    me.settle()
    me.until(lambda: not me.window.head.busy)
    me.settle()
    QTest.keyClicks(me.window.head.name, "anna")
    me.picture("dicom")
    series = me.window.head.series
    me.note(series=[series.itemText(row) for row in range(series.count())], said=drop.text())
    me.go_on()
    me.note(refused=me.window.head.refused["t1"].text(), step=me.step)
    me.note(written=sorted(path.name for path in me.folder.iterdir()))


def dark(me: Person) -> None:
    """The window in dark colours."""
    palette = QtGui.QPalette(QtGui.QColor("#2b2b2b"))
    roles = QtGui.QPalette.ColorRole
    for role, color in {
        roles.WindowText: "#eeeeee",
        roles.Text: "#eeeeee",
        roles.ButtonText: "#eeeeee",
        roles.Base: "#1e1e1e",
        roles.PlaceholderText: "#9a9a9a",
    }.items():
        palette.setColor(role, QtGui.QColor(color))
    me.app.setPalette(palette)
    refusals(me)
    me.picture("dark")


def main(session: str, folder: Path, pictures: Path) -> None:
    me = Person(folder, pictures)
    SESSIONS[session](me)
    nameless = [
        each
        for each in me.window.findChildren(QtWidgets.QWidget)
        if isinstance(each, QtWidgets.QLineEdit | QtWidgets.QComboBox | QtWidgets.QListWidget | QtWidgets.QTextBrowser)
        and not each.accessibleName()
        and each.objectName() != "qt_spinbox_lineedit"
    ]
    me.note(nameless=[type(each).__name__ for each in nameless])
    me.window.close()
    me.app.processEvents()
    print(json.dumps(me.seen))
    sys.stdout.flush()
    os._exit(0)  # Qt's and VTK's ending is tested elsewhere


SESSIONS = {each.__name__: each for each in (from_empty_to_file, refusals, existing, dropped, dark)}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
