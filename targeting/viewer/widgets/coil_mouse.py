"""The mouse and the keys on the picture: dragging the coil, turning it, picking a place.  The rest goes to the camera.

- left drag on the casing: along the scalp, keeping the place where it was grabbed under the mouse;
- left drag on the handle, right drag on the coil, or the wheel over it: turn;
- arrow keys: a millimetre in the picture's directions; ``,`` and ``.``: a degree; with Shift five times as much;
- a click elsewhere picks the cortex, or with Ctrl the scalp.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy import QtCore, QtGui

from targeting.coils.coil import Coil
from targeting.pose import Pose
from targeting.scene.layer import FAINT
from targeting.scene.parts import coil_layers
from targeting.viewer.coil_on_scalp import CoilOnScalp
from targeting.viewer.scene_view import SceneView
from targeting.viewer.surface_rays import Surface

CLICK_PX = 4.0  # a press that moves less is a click
TURN_DEG_PER_PX = 0.5
STEP_MM, STEP_DEG, LARGE = 1.0, 1.0, 5.0
EDGE_ON = 0.25  # |cosine| between the mouse's ray and the scalp's normal, below which its plane says nothing
ARROWS = {
    QtCore.Qt.Key.Key_Left: (-1, 0),
    QtCore.Qt.Key.Key_Right: (1, 0),
    QtCore.Qt.Key.Key_Up: (0, 1),
    QtCore.Qt.Key.Key_Down: (0, -1),
}
TURNS = {QtCore.Qt.Key.Key_Comma: 1, QtCore.Qt.Key.Key_Less: 1}
TURNS |= {QtCore.Qt.Key.Key_Period: -1, QtCore.Qt.Key.Key_Greater: -1}


class CoilMouse(QtCore.QObject):
    """An event filter on the plotter's widget.

    ``began``, ``stepped`` and ``ended`` frame a move; ``picked`` carries a place (3,).
    """

    began = QtCore.Signal()
    stepped = QtCore.Signal()
    ended = QtCore.Signal()
    picked = QtCore.Signal(object)
    turned_camera = QtCore.Signal(bool)  # a button went down on the background, or up

    def __init__(self, widget: Any, view: SceneView) -> None:
        super().__init__(widget)
        self.widget, self.view = widget, view
        self.coil: CoilOnScalp | None = None
        self.parts: dict[str, Surface] = {}
        self.dragging = ""
        self._pressed: NDArray[np.float64] | None = None
        self._at = np.zeros(2)
        self._offset = np.zeros(2)
        self._heading = np.zeros(3)
        self._from: NDArray[np.float64] | None = None
        self._steps = QtCore.QTimer(self, singleShot=True, interval=0)  # many moves of the mouse, one of the coil
        self._steps.timeout.connect(self._step)
        widget.setMouseTracking(True)
        widget.installEventFilter(self)

    def give(self, coil: CoilOnScalp) -> None:
        """Take the coil, which can be moved from now on."""
        self.coil = coil
        self.parts = parts_of(coil.live.coil)

    def eventFilter(self, _watched: Any, event: Any) -> bool:  # noqa: N802
        """Qt calls this for every event: true for an event that is used up."""
        kind = event.type()
        if kind == QtCore.QEvent.Type.MouseButtonPress:
            return self._press(event)
        if kind == QtCore.QEvent.Type.MouseMove:
            return self._move(event)
        if kind == QtCore.QEvent.Type.MouseButtonRelease:
            return self._release(event)
        if kind == QtCore.QEvent.Type.Wheel:
            return self._wheel(event)
        if kind == QtCore.QEvent.Type.KeyPress:
            return self._key(event)
        return False

    # what the mouse is on

    def part_at(self, at: NDArray[np.float64]) -> str:
        """Which part of the coil lies under a point of the picture: "coil", "handle", or "" where neither is seen."""
        if self.coil is None or not self.view.scene.layer("coil").visible:
            return ""
        start, way = self.view.ray(*at)
        best, found = self._depth(start, self._head_hit(start, way)), ""
        for name, surface in self.parts.items():
            depth = self._depth(start, surface.hit(start, way, self.coil.pose))
            if depth < best:
                best, found = depth, name
        return found

    def place_at(self, at: NDArray[np.float64], scalp: bool = False) -> NDArray[np.float64] | None:
        """The place of the head that is pointed at."""
        start, way = self.view.ray(*at)
        on_head = None if scalp else self._head_hit(start, way)
        return self._hit("scalp", start, way) if on_head is None else on_head

    def _head_hit(self, start: NDArray[np.float64], way: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The first of what is seen of the head and hides what is behind it."""
        for name in ("scalp", "cortex"):
            layer = self.view.scene.layer(name)
            if layer.visible and layer.opacity >= FAINT:
                hit = self._hit(name, start, way)
                if hit is not None:
                    return hit
        return None

    def _hit(self, name: str, start: NDArray[np.float64], way: NDArray[np.float64]) -> NDArray[np.float64] | None:
        return self.view.surface(name).hit(start, way)

    @staticmethod
    def _depth(start: NDArray[np.float64], hit: NDArray[np.float64] | None) -> float:
        return np.inf if hit is None else float(np.linalg.norm(hit - start))

    def _position(self, event: Any) -> NDArray[np.float64]:
        """In the picture's pixels, from its lower left corner."""
        scale = self.widget.devicePixelRatioF()
        point = event.position()
        return np.array([point.x(), self.widget.height() - 1 - point.y()]) * scale

    # events

    def _press(self, event: QtGui.QMouseEvent) -> bool:
        at, button = self._position(event), event.button()
        self.widget.setFocus(QtCore.Qt.FocusReason.MouseFocusReason)
        part = self.part_at(at) if not self.dragging else ""
        if (
            part
            and self.coil is not None
            and button in (QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.MouseButton.RightButton)
        ):
            right = button == QtCore.Qt.MouseButton.RightButton
            self.dragging = "twist" if right else "move" if part == "coil" else "turn"
            self._pressed, self._at = at, at
            self._offset = np.array(self.view.at(self.coil.stand.scalp_mm)) - at
            self._heading, self._from = self.coil.stand.heading, self._in_plane(at)
            self.coil.grab()
            self.widget.setCursor(QtCore.Qt.CursorShape.ClosedHandCursor)
            self.began.emit()
            return True
        self._pressed = at
        self.turned_camera.emit(True)
        return False

    def _move(self, event: QtGui.QMouseEvent) -> bool:
        at = self._position(event)
        if self.dragging:
            self._at = at
            if not self._steps.isActive():
                self._steps.start()
            return True
        if not event.buttons():
            over = self.part_at(at)
            shapes = {"coil": QtCore.Qt.CursorShape.OpenHandCursor, "handle": QtCore.Qt.CursorShape.SizeHorCursor}
            self.widget.setCursor(shapes.get(over, QtCore.Qt.CursorShape.ArrowCursor))
        return False

    def _release(self, event: QtGui.QMouseEvent) -> bool:
        at = self._position(event)
        if self.dragging and self.coil is not None:
            self._steps.stop()
            self._at = at
            self._step()
            self.coil.drop()
            self.dragging = ""
            self.widget.unsetCursor()
            self.ended.emit()
            return True
        self.turned_camera.emit(False)
        still = self._pressed is not None and np.abs(at - self._pressed).max() < CLICK_PX
        if still and event.button() == QtCore.Qt.MouseButton.LeftButton:
            place = self.place_at(at, bool(event.modifiers() & QtCore.Qt.KeyboardModifier.ControlModifier))
            if place is not None:
                self.picked.emit(place)
        return False

    def _wheel(self, event: QtGui.QWheelEvent) -> bool:
        if self.coil is None or self.dragging or not self.part_at(self._position(event)):
            return False
        delta = event.angleDelta()
        self._turn((1 if delta.y() + delta.x() > 0 else -1) * STEP_DEG * _factor(event))
        return True

    def _key(self, event: QtGui.QKeyEvent) -> bool:
        key, factor = event.key(), _factor(event)
        plain = not event.modifiers() & QtCore.Qt.KeyboardModifier.ControlModifier
        if self.coil is not None and plain and key in ARROWS:
            across, up = self._picture_axes()
            x, y = ARROWS[key]
            self.coil.nudge(STEP_MM * factor * (x * across + y * up))
            self.stepped.emit()
            self.ended.emit()
            return True
        if self.coil is not None and plain and key in TURNS:
            self._turn(TURNS[key] * STEP_DEG * factor)
            return True
        if key in (QtCore.Qt.Key.Key_Tab, QtCore.Qt.Key.Key_Backtab):
            return False
        event.ignore()  # to the window; VTK has keys of its own (q ends, w shows wires) that would surprise
        return True

    # moves

    def _step(self) -> None:
        assert self.coil is not None and self._pressed is not None
        if self.dragging == "move":
            place = self._on_scalp(self._at + self._offset)
            moved = self.coil.move_to(place)
        else:
            now = self._in_plane(self._at)
            if self.dragging == "turn" and now is not None and self._from is not None:
                out = -self.coil.pose[:3, 2]
                degrees = float(np.degrees(np.arctan2(np.cross(self._from, now) @ out, self._from @ now)))
            else:
                degrees = TURN_DEG_PER_PX * float(self._pressed[0] - self._at[0])
            moved = self.coil.turn_to(self._heading, degrees)
        if moved:
            self.stepped.emit()

    def _turn(self, degrees: float) -> None:
        assert self.coil is not None
        self.coil.turn(degrees)
        self.stepped.emit()
        self.ended.emit()

    def _on_scalp(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scalp point under a pixel; beyond the head's outline the nearest to its ray."""
        assert self.coil is not None
        start, way = self.view.ray(*at)
        hit = self.coil.surface.hit(start, way)
        if hit is not None:
            return hit
        unit = way / np.linalg.norm(way)
        passing = start + unit * (unit @ (self.coil.stand.scalp_mm - start))
        return self.coil.live.scalp.feet(passing)[0][0]

    def _in_plane(self, at: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """From the scalp point to where the mouse's ray meets the tangent plane; None if that is seen edge on."""
        assert self.coil is not None
        start, way = self.view.ray(*at)
        out, unit = -self.coil.pose[:3, 2], way / np.linalg.norm(way)
        if abs(out @ unit) < EDGE_ON:
            return None
        return start + unit * (out @ (self.coil.stand.scalp_mm - start)) / (out @ unit) - self.coil.stand.scalp_mm

    def _picture_axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        camera = self.view.plotter.renderer.GetActiveCamera()
        up, way = np.array(camera.GetViewUp()), np.array(camera.GetDirectionOfProjection())
        across = np.cross(way, up)
        return across / np.linalg.norm(across), up


def parts_of(coil: Coil) -> dict[str, Surface]:
    """Casing and handle in the coil's own frame, to be met by rays."""
    return {layer.name: Surface.of(layer.surface) for layer in coil_layers(coil, Pose(np.eye(4)))}


def _factor(event: Any) -> float:
    return LARGE if event.modifiers() & QtCore.Qt.KeyboardModifier.ShiftModifier else 1.0
