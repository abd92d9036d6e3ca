"""The viewer's window: the 3D picture in the middle, lists to its left, slices to its right, the coil's strip below."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyvistaqt import QtInteractor
from qtpy import QtCore, QtGui, QtWidgets

from targeting.field_by_area.table import threshold_of
from targeting.plans.tms import Plan
from targeting.report.figures import threshold_words
from targeting.scene.brain_field import BrainField
from targeting.scene.live_cortex import LiveCortex
from targeting.viewer.coil_on_scalp import CoilOnScalp
from targeting.viewer.planned_view import PlannedView
from targeting.viewer.scene_view import Light, SceneView, place_words
from targeting.viewer.slices import PlanImage, Slicer
from targeting.viewer.widgets import asking
from targeting.viewer.widgets.coil_bar import CoilBar
from targeting.viewer.widgets.coil_control import CoilControl
from targeting.viewer.widgets.coil_mouse import CoilMouse
from targeting.viewer.widgets.controls import FieldControls, LayerControls
from targeting.viewer.widgets.lists import ElectrodeList, PoseLists
from targeting.viewer.widgets.loading import Loader
from targeting.viewer.widgets.menus import FOLLOW, MOUSE_AND_KEYS, STOP, make_actions
from targeting.viewer.widgets.slice_panel import SliceField, SlicePanel

SIZE = (1440, 900)
LEFT_WIDTH, RIGHT_WIDTH = 330, 290
REST_MS = 350  # after the last quick picture a full one is drawn
SAID_MS = 8000
BUTTONS_A_ROW = 4


class ViewerWindow(QtWidgets.QMainWindow):
    """A planned subject, to be looked at and, with a coil, to be tried out.

    Parameters
    ----------
    planned : PlannedView
    """

    def __init__(self, planned: PlannedView) -> None:
        super().__init__()
        self.planned, self.subject, self.plan = planned, planned.subject, planned.plan
        self.setWindowTitle(planned.scene.title)
        room = self.screen().availableSize()
        self.resize(min(SIZE[0], room.width()), min(SIZE[1], room.height()))
        self.plotter = QtInteractor(self, auto_update=False)
        self.plotter.setAccessibleName("the head in space")
        self.plotter.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.view = SceneView(self.plotter, planned.scene, self._paint)
        self.mouse = CoilMouse(self.plotter, self.view)
        self.loader = Loader(planned, self)
        self.image: PlanImage | None = None
        self.picked_mm: NDArray[np.float64] | None = None
        self.control: CoilControl | None = None
        self._draw = QtCore.QTimer(self, singleShot=True, interval=0)
        self._draw.timeout.connect(self.view.render)
        self._rest = QtCore.QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(lambda: self.redraw(False))
        has_coil = isinstance(self.plan, Plan)
        self.actions_by_name = make_actions(self, self._deeds(), self.look, has_coil)
        self._lay_out()
        self._connect()
        side = "right" if planned.scene.target_mm[0] > 0 else "left"
        self._camera = "coil" if has_coil else side
        self._draw.start()
        self._rest.start()
        self.plotter.setFocus()

    # building

    def _lay_out(self) -> None:
        scene = self.planned.scene
        self.layers, self.field = LayerControls(scene), FieldControls(scene, list(self.view.field))
        self.slices = SlicePanel()
        left, center = QtWidgets.QWidget(), QtWidgets.QWidget()
        column, middle = QtWidgets.QVBoxLayout(left), QtWidgets.QVBoxLayout(center)
        column.setContentsMargins(4, 4, 4, 4)
        for widget in (self.layers, self.field, self._cameras()):
            column.addWidget(widget)
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addWidget(self.plotter, 1)
        actions = self.actions_by_name
        if isinstance(self.plan, Plan):
            self.lists = PoseLists(self.plan, [actions["save"], actions["forget"]])
            self.bar = CoilBar([actions[name] for name in ("undo", "redo", "back")], actions["follow"])
            column.addWidget(self.lists, 1)
            middle.addWidget(self.bar)
            self.control = CoilControl(
                self, self.subject, self.plan, self.view, self.mouse, self.bar, self.lists, actions
            )
        else:
            self.electrodes = ElectrodeList(self.plan)
            column.addWidget(self.electrodes, 1)
        self.setCentralWidget(center)
        sides = QtCore.Qt.DockWidgetArea
        self._dock("What is shown", _scrolled(left), sides.LeftDockWidgetArea, LEFT_WIDTH)
        self._dock("Slices", self.slices, sides.RightDockWidgetArea, RIGHT_WIDTH)
        self.place_words = QtWidgets.QLabel("click the cortex to see what is there")
        self.place_words.setAccessibleName("the picked place")
        self.statusBar().addPermanentWidget(self.place_words)

    def _dock(self, title: str, widget: QtWidgets.QWidget, side: Any, width: int) -> None:
        dock = QtWidgets.QDockWidget(title, self)
        dock.setObjectName(title)
        widget.setMinimumWidth(width)
        dock.setWidget(widget)
        self.addDockWidget(side, dock)
        show = dock.toggleViewAction()
        show.setToolTip(f"Show or hide: {title}")
        self.actions_by_name["view menu"].menu().addAction(show)

    def _cameras(self) -> QtWidgets.QWidget:
        box = QtWidgets.QGroupBox("Views and pictures")
        grid = QtWidgets.QGridLayout(box)
        grid.setContentsMargins(8, 4, 8, 4)
        names = [*(name for name in self.actions_by_name if name.startswith("look ")), "screenshot", "export"]
        for i, name in enumerate(names):
            button = QtWidgets.QToolButton()
            button.setDefaultAction(self.actions_by_name[name])
            button.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
            button.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
            grid.addWidget(button, i // BUTTONS_A_ROW, i % BUTTONS_A_ROW)
        return box

    def _deeds(self) -> dict[str, Any]:
        return {
            "save": lambda: asking.save_pose(self),
            "brainsight": lambda: asking.export_pose(self, "brainsight"),
            "localite": lambda: asking.export_pose(self, "localite"),
            "screenshot": lambda: asking.screenshot(self),
            "export": lambda: asking.export_scene(self),
            "close": self.close,
            "undo": lambda: self._coil_control.undo(),
            "redo": lambda: self._coil_control.redo(),
            "back": lambda: self._coil_control.back_to_plan(),
            "previous": lambda: self._coil_control.step_placement(-1),
            "next": lambda: self._coil_control.step_placement(1),
            "forget": lambda: self._coil_control.forget(),
            "follow": lambda: (self.loader.stop_basis if self.loader.making_basis else self.loader.make_basis)(),
            "keys": lambda: QtWidgets.QMessageBox.information(self, "Mouse and keys", MOUSE_AND_KEYS),
        }

    @property
    def _coil_control(self) -> CoilControl:
        assert self.control is not None  # without a coil these actions are off
        return self.control

    def _connect(self) -> None:
        self.layers.toggled_layer.connect(self._toggle)
        self.layers.faded_layer.connect(self._fade)
        self.field.field_chosen.connect(self._choose_field)
        self.field.threshold_set.connect(self._threshold)
        self.field.top_set.connect(self._top)
        self.slices.picked.connect(self.pick)
        self.mouse.picked.connect(self.pick)
        self.mouse.turned_camera.connect(self._camera_turns)
        self.loader.image.connect(self._take_image)
        self.loader.no_image.connect(self.say)
        self.loader.light.connect(self._take_light)
        self.loader.field.connect(self._take_field)
        if isinstance(self.plan, Plan):
            assert self.control is not None
            self.control.changed.connect(self._coil_changed)
            self.control.focus.connect(self.slices.mark_focus)
            self.control.said.connect(self.say)
            self.loader.coil.connect(self._take_coil)
            self.loader.no_coil.connect(self._no_coil)
            self.loader.cortex.connect(self._take_cortex)
            self.loader.told.connect(self._basis_told)
            self.loader.basis_ended.connect(self._basis_ended)
        else:
            montage = self.plan.montage
            self.electrodes.chosen.connect(lambda row: self.pick(np.array(montage[row].scalp_mm)))

    # drawing

    def _paint(self) -> None:
        """The picture and the words beside it at once: apart, the window would be put together twice."""
        self.plotter.update()
        QtCore.QCoreApplication.sendPostedEvents(self, QtCore.QEvent.Type.UpdateRequest.value)

    def redraw(self, on_its_way: bool = False) -> None:
        """Draw the picture soon: quickly if more is to come, and once more at rest."""
        self.view.set_quick(on_its_way, few_pixels=True)
        if on_its_way:
            self._rest.start()
        else:
            self._rest.stop()
        self._draw.start()

    def look(self, name: str) -> None:
        """Turn to a camera by its name."""
        self._camera = name
        self.view.look(name)
        self.redraw()

    def say(self, words: str) -> None:
        """Show a line in the status bar for a while."""
        self.statusBar().showMessage(words, SAID_MS)

    def pick(self, place_mm: NDArray[np.float64]) -> None:
        """Go to a place: the slices, the words, a small ball on the head."""
        self.picked_mm = place_mm
        self.view.mark(place_mm)
        self.slices.go_to(place_mm)
        self._say_place()
        self.redraw()

    def _say_place(self) -> None:
        if self.picked_mm is not None:
            self.place_words.setText(place_words(self.picked_mm, self.view, self.image))

    def _coil_changed(self, on_its_way: bool) -> None:
        self.slices.set_at_plan(self._coil_control.at_plan)
        if not on_its_way:
            self._say_place()
        self.redraw(on_its_way)

    def _camera_turns(self, turning: bool) -> None:
        self.view.set_quick(turning)
        if not turning:
            self.redraw()

    def _toggle(self, name: str, on: bool) -> None:
        self.view.set_visible(name, on)
        self.redraw()

    def _fade(self, name: str, opacity: float) -> None:
        self.view.set_opacity(name, opacity)
        self.redraw(True)

    def _choose_field(self, scalars: str) -> None:
        self.view.show_field(self.view.field, scalars)
        if self.control is not None and self.control.coil is not None:
            self.control.show_field()
        self.redraw()

    def _threshold(self, v_per_m: float) -> None:
        self.view.set_threshold(v_per_m)
        self.redraw(True)

    def _top(self, v_per_m: float) -> None:
        self.view.set_top(v_per_m)
        self.slices.set_top(v_per_m)
        self.redraw()

    # what comes from the background

    def _take_image(self, image: PlanImage, slicer: Slicer) -> None:
        self.image = image
        self.slices.give(slicer, np.array(self.plan.target.center_mm), self.plan.target.ring_mm)
        if self.picked_mm is not None:
            self.slices.go_to(self.picked_mm)
        if self.control is not None:
            self.slices.mark_focus(self.control.focus_mm())

    def _take_light(self, light: Light) -> None:
        self.view.light = light

    def _take_field(self, field: BrainField | None) -> None:
        plan, scene = self.plan, self.view.scene
        threshold = threshold_of(plan.dosing) if isinstance(plan, Plan) else None
        words = "" if threshold is None else threshold_words(plan, threshold)
        given = None if field is None else SliceField(field, scene.unit, scene.top_v_per_m, threshold, words)
        self.slices.give_field(given)

    def _take_coil(self, coil: CoilOnScalp) -> None:
        assert self.control is not None
        self.control.give(coil)
        self.say("the coil can be moved now: drag it; F1 says how")

    def _no_coil(self, why: str) -> None:
        self.bar.difference.setText("the coil cannot be moved")
        self.bar.lasting = why
        self.bar.warn("")
        self._coil_control.not_ready = "the coil cannot be moved"
        self.actions_by_name["follow"].setEnabled(False)

    def _take_cortex(self, cortex: LiveCortex) -> None:
        self._coil_control.give_field(cortex)
        self.actions_by_name["follow"].setVisible(False)
        self.bar.follow.hide()

    def _basis_told(self, words: str, share: float) -> None:
        self.actions_by_name["follow"].setText(STOP)
        self.bar.show_progress(share)
        far = ", ".join(filter(None, (f"{round(100 * share)} %" if share >= 0 else "", words)))
        self._coil_control.tell_no_field("it is being made in the background" + (f" ({far})" if far else ""))

    def _basis_ended(self, why_not: str) -> None:
        self.actions_by_name["follow"].setText(FOLLOW)
        self.bar.progress.hide()
        self._coil_control.tell_no_field(f"it was not made: {why_not}" if why_not else "it is being read")

    def showEvent(self, event: QtGui.QShowEvent) -> None:  # noqa: N802
        """What takes long begins once the window is seen."""
        super().showEvent(event)
        if not self.loader.started:
            QtCore.QTimer.singleShot(0, self._begin)

    def _begin(self) -> None:
        self.look(self._camera)  # by the picture's own size, which it has only now
        self.loader.start()

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:  # noqa: N802
        """Not before unsaved poses are seen to; then everything is ended in order."""
        if not asking.may_close(self):
            event.ignore()
            return
        self._draw.stop()
        self._rest.stop()
        self.hide()
        self.loader.close()
        self.plotter.close()
        event.accept()


def _scrolled(widget: QtWidgets.QWidget) -> QtWidgets.QScrollArea:
    """A column that is scrolled where the screen is not as high as it is."""
    area = QtWidgets.QScrollArea()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area
