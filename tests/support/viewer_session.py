"""One session at the window, as a person has it: run in a process of its own, it writes pictures and what it saw.

    python viewer_session.py FOLDER PICTURES

It is not a test: ``test_viewer.py`` runs it once under a virtual screen and looks at what it wrote.
"""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from qtpy import QtCore, QtWidgets
from qtpy.QtTest import QTest

from targeting.viewer import open_window
from targeting.viewer.widgets.asking import write_picture

LEFT, RIGHT = QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.MouseButton.RightButton
ON_CASING, ON_HANDLE = np.array([30.0, 0.0, -5.0]), np.array([0.0, -90.0, -8.0])  # coil frame, mm
LONGEST_S = 60.0
SOURCES = 40  # of the field basis


class Session:
    """A window, and a person before it."""

    def __init__(self, folder: Path, pictures: Path) -> None:
        start = time.perf_counter()
        self.pictures, self.seen = pictures, {}
        self.window = open_window("ball", folder)
        self.app = QtWidgets.QApplication.instance()
        loaded = []
        self.window.loader.idle.connect(lambda: loaded.append(True))
        self.app.processEvents()
        self.seen["open_s"] = time.perf_counter() - start
        self.until(lambda: loaded)
        self.window.activateWindow()
        self.settle()

    def until(self, done) -> None:
        end = time.perf_counter() + LONGEST_S
        while not done():
            assert time.perf_counter() < end, "waited too long"
            self.app.processEvents()
            time.sleep(0.005)

    def settle(self, seconds: float = 0.05) -> None:
        end = time.perf_counter() + seconds
        self.until(lambda: time.perf_counter() > end)

    def picture(self, name: str) -> None:
        self.settle()
        write_picture(self.window, self.pictures / f"{name}.png")

    def pixel(self, place_mm) -> QtCore.QPoint:
        x, y = self.window.view.at(np.asarray(place_mm, float))
        return QtCore.QPoint(round(x), round(self.window.plotter.height() - 1 - y))

    def on_coil(self, place) -> QtCore.QPoint:
        pose = self.coil.pose
        return self.pixel(pose[:3, :3] @ place + pose[:3, 3])

    def drag(self, start, by, button=LEFT, steps=6, picture="") -> None:
        plotter = self.window.plotter
        QTest.mousePress(plotter, button, pos=start)
        self.settle()
        for k in range(1, steps + 1):
            QTest.mouseMove(plotter, start + QtCore.QPoint(*(round(k / steps * x) for x in by)))
            self.settle()
        if picture:
            self.window.grab().save(str(self.pictures / f"{picture}.png"))
            # once more on its way: a slow machine may have come to rest while the picture was saved
            QTest.mouseMove(plotter, start + QtCore.QPoint(*by) + QtCore.QPoint(1, 0))
            self.seen[picture] = self.pixels_of(self.coil.pose[:3, 3])
        QTest.mouseRelease(plotter, button, pos=start + QtCore.QPoint(*by))
        self.settle()

    def pixels_of(self, place_mm) -> dict:
        """Pixels drawn and shown, where a place is among them, and how far the mouse's ray there misses it, mm."""
        view, plotter = self.window.view, self.window.plotter
        at = view.at(place_mm)
        start, way = view.ray(*at)
        off = np.linalg.norm(np.cross(place_mm - start, way / np.linalg.norm(way)))
        drawn = np.prod(plotter.render_window.GetSize())
        return {
            "drawn": int(drawn),
            "shown": plotter.width() * plotter.height(),
            "at": at,
            "place": list(place_mm),
            "off_mm": float(off),
        }

    def note(self, name: str) -> None:
        """The coil and what the window says of it."""
        control, bar = self.window.control, self.window.bar
        self.seen[name] = {
            "pose": self.coil.pose.tolist(),
            "dose": bar.dose.text(),
            "words": bar.difference.text(),
            "field": bar.field.text(),
            "row": self.window.lists.placements.chosen,
            "saved_row": self.window.lists.saved_poses.chosen,
            "unsaved": control.unsaved,
            "largest": float(np.nanmax(self.window.view.values)) if self.window.view.values is not None else None,
            "undo": self.window.actions_by_name["undo"].isEnabled(),
        }

    @property
    def coil(self):
        return self.window.control.coil


def without_free_memory() -> None:
    """The field basis is not made by itself in this session: it waits for the menu."""
    from targeting.study import field_basis_stage

    field_basis_stage.free_memory_bytes = lambda: 1e6


def look_at_layers(me: Session) -> None:
    window = me.window
    for name in ("front", "top", "left"):
        window.actions_by_name[f"look {name}"].trigger()
        me.picture(name)
        me.seen[f"head in {name}"] = window.view.at(np.zeros(3))[0]
    window.actions_by_name["look front"].trigger()
    for name in ("coil", "cortex", "scalp"):
        box = window.layers.boxes[name]
        QTest.mouseClick(box, LEFT, pos=QtCore.QPoint(8, box.height() // 2))
        me.picture(f"front without {name}")
        me.seen[f"box {name}"] = box.isChecked()
        QTest.mouseClick(box, LEFT, pos=QtCore.QPoint(8, box.height() // 2))
    window.actions_by_name["look left"].trigger()
    QTest.mouseClick(window.layers.boxes["coil"], LEFT, pos=QtCore.QPoint(8, 8))
    me.picture("field")
    window.field.threshold.setValue(window.field.threshold.maximum())
    me.picture("field above the top")
    window.field.threshold.setValue(0)
    window.field.choice.setCurrentIndex(1)
    me.picture("normal")
    window.field.choice.setCurrentIndex(0)


def pick(me: Session) -> None:
    """On the cortex, the coil out of the way, and in a slice."""
    window = me.window
    spot = np.array([-40.0, 5.0, 8.0])
    QTest.mouseClick(window.plotter, LEFT, pos=me.pixel(spot))
    me.settle()
    me.seen["picked"] = [window.picked_mm.tolist(), window.place_words.text()]
    axial = window.slices.views[0]
    blob = np.array([-30.0, 10.0, 20.0])
    QTest.mouseClick(window.slices.views[1], LEFT, pos=window.slices.views[1].shown_at(blob).toPoint())
    me.settle()
    me.seen["picked in a slice"] = window.picked_mm.tolist()
    axial.go_to(blob)
    window.slices.box.setChecked(False)
    axial.grab().save(str(me.pictures / "axial.png"))
    window.slices.box.setChecked(True)
    target = np.array(window.plan.target.center_mm)
    axial.go_to(target)
    axial.grab().save(str(me.pictures / "axial field.png"))
    field = axial.field
    axial.show_field(replace(field, threshold_v_per_m=0.6 * float(np.nanmax(axial._strength[1]))))
    axial.grab().save(str(me.pictures / "axial contour.png"))
    axial.show_field(field)
    me.seen["target in the axial slice"] = [axial.shown_at(target).x(), axial.shown_at(target).y()]
    axial.go_to(blob)
    me.seen["blob in the axial slice"] = [axial.shown_at(blob).x(), axial.width()]
    QTest.mouseClick(window.layers.boxes["coil"], LEFT, pos=QtCore.QPoint(8, 8))


def move_the_coil(me: Session) -> None:
    window = me.window
    window.actions_by_name["look coil"].trigger()
    me.settle()
    me.note("planned")
    me.drag(me.on_coil(ON_CASING), (-40, -25), picture="dragging")
    me.seen["at rest"] = me.pixels_of(np.array(me.seen["dragging"]["place"]))
    me.note("dragged")
    me.picture("dragged")
    me.drag(me.on_coil(ON_HANDLE), (60, 0))
    me.note("turned")
    window.actions_by_name["undo"].trigger()
    me.note("undone")
    window.actions_by_name["redo"].trigger()
    me.note("redone")
    me.drag(me.on_coil(ON_CASING), (20, 0), RIGHT)
    me.note("twisted")
    window.plotter.setFocus()
    for key in (QtCore.Qt.Key.Key_Right, QtCore.Qt.Key.Key_Right, QtCore.Qt.Key.Key_Comma):
        QTest.keyClick(window.plotter, key)
        me.settle()
    me.note("by keys")
    window.actions_by_name["back"].trigger()
    me.note("back")


def follow(me: Session) -> None:
    """The field basis, made from the window."""
    ended = []
    window = me.window
    window.loader.basis_ended.connect(ended.append)
    window.loader.make_basis(SOURCES)
    me.until(lambda: ended)
    me.seen["basis"] = ended[0]
    me.until(lambda: window.control.cortex is not None)
    me.note("plan with basis")
    me.drag(me.on_coil(ON_CASING), (-40, -25))
    me.note("dragged with basis")
    shown = window.view.scene.layer("cortex").surface
    me.seen["strongest at"] = shown.points[int(np.nanargmax(window.view.values))].tolist()
    me.picture("dragged with basis")
    window.actions_by_name["export"].setEnabled(True)
    from targeting.viewer.export import export

    export(window.view.scene, me.pictures / "scene.vtp")


def lists(me: Session) -> None:
    window = me.window
    window.actions_by_name["back"].trigger()
    window.lists.placements.setFocus()
    QTest.keyClick(window.lists.placements, QtCore.Qt.Key.Key_Down)
    me.settle()
    me.note("second")
    QTest.keyClick(window.lists.placements, QtCore.Qt.Key.Key_Up)
    me.settle()
    me.note("first again")
    me.drag(me.on_coil(ON_CASING), (0, 30))
    QtWidgets.QInputDialog.getText = staticmethod(lambda *_, **__: ("my pose", True))
    window.actions_by_name["save"].trigger()
    me.note("saved")
    for navigator in ("brainsight", "localite"):
        window.control.export(navigator, str(me.pictures / f"{navigator}.out"))
    window.actions_by_name["back"].trigger()
    item = window.lists.saved_poses.visualItemRect(window.lists.saved_poses.item(0, 0)).center()
    QTest.mouseClick(window.lists.saved_poses.viewport(), LEFT, pos=item)
    me.settle()
    me.note("saved chosen")


def leave(me: Session) -> None:
    """With an unsaved pose: once thinking better of it, then leaving it."""
    window, asked = me.window, []

    def answer(button):
        def press():
            box = me.app.activeModalWidget()
            asked.append(box.text())
            box.button(button).click()

        QtCore.QTimer.singleShot(300, press)

    me.drag(me.on_coil(ON_CASING), (10, 10))
    answer(QtWidgets.QMessageBox.StandardButton.Cancel)
    window.close()
    me.seen["stayed"] = window.isVisible()
    answer(QtWidgets.QMessageBox.StandardButton.Discard)
    window.close()
    me.seen["gone"], me.seen["asked"] = not window.isVisible(), asked


def main(folder: Path, pictures: Path) -> None:
    without_free_memory()
    me = Session(folder, pictures)
    for part in (look_at_layers, pick, move_the_coil, follow, lists, leave):
        part(me)
    (pictures / "seen.json").write_text(json.dumps(me.seen, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
