"""Run by test_compare_window: opens plans side by side, presses keys, drags in one picture, and writes what both show."""

import sys
from dataclasses import replace
from pathlib import Path

from qtpy import QtCore, QtTest

from targeting.plans.tms import read_plan
from targeting.scene.compare import on_one_scale, told_apart
from targeting.scene.planned import planned_scene
from targeting.subject import Subject
from targeting.viewer.compare_window import open_beside, write_picture


def settle(seconds=0.3):
    QtTest.QTest.qWait(int(1000 * seconds))


def toward(plotter):
    """Where each of the two pictures is looked at from."""
    return [[round(-x, 3) for x in plotter.renderers[i].camera.GetDirectionOfProjection()] for i in range(2)]


def main(folder, out):
    scene = planned_scene(Subject.named("ball", folder))
    plan = read_plan(folder / "plan.json")
    other = replace(plan, coil=replace(plan.coil, name="another"))
    scenes = told_apart([scene, scene.without("coil").without("coil edges")], [plan, other])
    window = open_beside(on_one_scale(scenes), "left")
    plotter = window.centralWidget()
    window.activateWindow()
    QtTest.QTest.qWaitForWindowActive(window)
    settle(0.5)
    write_picture(plotter, out / "left.png")
    print("left", *toward(plotter))
    print("says:", plotter.renderers[1].actors["words legend 0"].input)
    QtTest.QTest.keyClick(window, QtCore.Qt.Key.Key_3)
    settle()
    print("top", *toward(plotter))
    start = QtCore.QPoint(plotter.width() // 4, plotter.height() // 3)
    button = QtCore.Qt.MouseButton.LeftButton
    QtTest.QTest.mousePress(plotter, button, pos=start)
    for step in range(1, 6):
        QtTest.QTest.mouseMove(plotter, start + QtCore.QPoint(12 * step, 9 * step))
        settle(0.05)
    QtTest.QTest.mouseRelease(plotter, button, pos=start + QtCore.QPoint(60, 45))
    settle()
    print("dragged", *toward(plotter))
    write_picture(plotter, out / "dragged.png")
    window.close()
    settle(0.1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
