"""Three slices of the image through a place, with the target, the coil's focus, and the sides' letters on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy import QtCore, QtGui, QtWidgets

from targeting.scene.colors import COIL, TARGET
from targeting.scene.directions import PLANES, Plane
from targeting.viewer.slices import STEP_MM, Slicer

NEAR_MM = 3.0  # a mark this near to the plane is drawn firmly, a farther one faintly
FAINT = 110
SMALLEST = 150


class SlicePanel(QtWidgets.QWidget):
    """The three planes, one over the other; ``picked`` carries a place (3,) that was clicked in one of them."""

    picked = QtCore.Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.views = [SliceView(plane, self) for plane in PLANES]
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(2)
        for view in self.views:
            layout.addWidget(view, 1)
            view.picked.connect(self.picked)

    def give(self, slicer: Slicer, target_mm: NDArray[np.float64], radius_mm: float) -> None:
        """Take the image, once it is read."""
        for view in self.views:
            view.slicer, view.target, view.radius_mm = slicer, target_mm, radius_mm
        self.go_to(target_mm)

    def go_to(self, place_mm: NDArray[np.float64]) -> None:
        """Cut through a place."""
        for view in self.views:
            view.go_to(place_mm)

    def mark_focus(self, place_mm: NDArray[np.float64] | None) -> None:
        """Where the coil's axis meets the cortex."""
        for view in self.views:
            view.focus_mm = place_mm
            view.update()


class SliceView(QtWidgets.QWidget):
    """One plane.  A click picks a place in it, the wheel steps through the planes, as the arrow keys do."""

    picked = QtCore.Signal(object)

    def __init__(self, plane: Plane, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self.plane = plane
        self.slicer: Slicer | None = None
        self.place_mm = np.zeros(3)
        self.target: NDArray[np.float64] | None = None
        self.radius_mm = 0.0
        self.focus_mm: NDArray[np.float64] | None = None
        self._picture: QtGui.QImage | None = None
        self.setMinimumSize(SMALLEST, SMALLEST)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(f"{plane.name} slice")
        self.setToolTip(f"{plane.name.capitalize()} slice: click to pick a place, wheel or ↑ ↓ for the next slice")

    def go_to(self, place_mm: NDArray[np.float64]) -> None:
        """Cut through a place."""
        self.place_mm = np.array(place_mm, np.float64)
        if self.slicer is not None:
            grey = np.ascontiguousarray(self.slicer.picture(self.plane, self.place_mm))
            height, width = grey.shape
            form = QtGui.QImage.Format.Format_Grayscale8
            self._picture = QtGui.QImage(grey.data, width, height, width, form).copy()  # the array goes away
        self.update()

    def shown_at(self, place_mm: NDArray[np.float64]) -> QtCore.QPointF:
        """Where on this widget a place is drawn."""
        assert self.slicer is not None
        left, top, scale = self._frame()
        column, row = self.slicer.pixel(self.plane, place_mm)
        return QtCore.QPointF(left + (column + 0.5) * scale, top + (row + 0.5) * scale)

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:  # noqa: N802
        """Qt draws."""
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), QtGui.QColor("black"))
        if self._picture is None or self.slicer is None:
            painter.setPen(QtGui.QColor("#c8d0d8"))
            painter.drawText(
                self.rect(), QtCore.Qt.AlignmentFlag.AlignCenter, f"{self.plane.name}: reading the image …"
            )
            return
        left, top, scale = self._frame()
        width, height = self._picture.width() * scale, self._picture.height() * scale
        painter.setRenderHints(QtGui.QPainter.RenderHint.SmoothPixmapTransform | QtGui.QPainter.RenderHint.Antialiasing)
        painter.drawImage(QtCore.QRectF(left, top, width, height), self._picture)
        self._cross(painter)
        if self.target is not None:
            self._ring(painter, self.target, self.radius_mm * scale / STEP_MM)
        if self.focus_mm is not None:
            self._saltire(painter, self.focus_mm)
        self._letters(painter)

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        """A click picks."""
        if self.slicer is not None and event.button() == QtCore.Qt.MouseButton.LeftButton:
            self._pick(event)

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        """A drag goes on picking."""
        if self.slicer is not None and event.buttons() & QtCore.Qt.MouseButton.LeftButton:
            self._pick(event)

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:  # noqa: N802
        """The next plane."""
        self._step(1 if event.angleDelta().y() > 0 else -1)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:  # noqa: N802
        """Arrow keys step."""
        step = {QtCore.Qt.Key.Key_Up: 1, QtCore.Qt.Key.Key_Down: -1}.get(event.key())
        if step is None:
            super().keyPressEvent(event)
        else:
            self._step(step)

    def _pick(self, event: QtGui.QMouseEvent) -> None:
        assert self.slicer is not None
        left, top, scale = self._frame()
        at = event.position()
        column, row = (at.x() - left) / scale - 0.5, (at.y() - top) / scale - 0.5
        self.picked.emit(self.slicer.place(self.plane, column, row, self.place_mm))

    def _step(self, by: int) -> None:
        if self.slicer is not None:
            place = self.place_mm.copy()
            place[self.plane.across] += by * STEP_MM
            self.picked.emit(place)

    def _frame(self) -> tuple[float, float, float]:
        """Left and top of the picture on the widget, and its pixels per picture pixel."""
        assert self.slicer is not None
        width, height = self.slicer.size(self.plane)
        scale = min(self.width() / width, self.height() / height)
        return (self.width() - width * scale) / 2, (self.height() - height * scale) / 2, scale

    def _color(self, name: str, place_mm: NDArray[np.float64], within_mm: float) -> QtGui.QColor:
        color = QtGui.QColor(name)
        if abs(place_mm[self.plane.across] - self.place_mm[self.plane.across]) > within_mm:
            color.setAlpha(FAINT)
        return color

    def _cross(self, painter: QtGui.QPainter) -> None:
        at = self.shown_at(self.place_mm)
        painter.setPen(QtGui.QPen(QtGui.QColor(255, 255, 255, 130), 1))
        for one, other in (
            ((0, at.y()), (at.x() - 5, at.y())),
            ((at.x() + 5, at.y()), (self.width(), at.y())),
            ((at.x(), 0), (at.x(), at.y() - 5)),
            ((at.x(), at.y() + 5), (at.x(), self.height())),
        ):
            painter.drawLine(QtCore.QPointF(*one), QtCore.QPointF(*other))

    def _ring(self, painter: QtGui.QPainter, place_mm: NDArray[np.float64], radius: float) -> None:
        painter.setPen(QtGui.QPen(self._color(TARGET, place_mm, max(self.radius_mm, NEAR_MM)), 2))
        painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        painter.drawEllipse(self.shown_at(place_mm), radius, radius)

    def _saltire(self, painter: QtGui.QPainter, place_mm: NDArray[np.float64]) -> None:
        at = self.shown_at(place_mm)
        for color, thick in ((QtGui.QColor(255, 255, 255, 160), 4), (self._color(COIL, place_mm, NEAR_MM), 2)):
            painter.setPen(QtGui.QPen(color, thick))
            for dx, dy in ((6, 6), (6, -6)):
                painter.drawLine(at + QtCore.QPointF(dx, dy), at - QtCore.QPointF(dx, dy))

    def _letters(self, painter: QtGui.QPainter) -> None:
        font = painter.font()
        font.setBold(True)
        font.setPixelSize(16)
        painter.setFont(font)
        inner = self.rect().adjusted(6, 3, -6, -3)
        edges = QtCore.Qt.AlignmentFlag
        for letter, edge in zip(
            self.plane.letters,
            (
                edges.AlignLeft | edges.AlignVCenter,
                edges.AlignRight | edges.AlignVCenter,
                edges.AlignTop | edges.AlignHCenter,
                edges.AlignBottom | edges.AlignHCenter,
            ),
            strict=True,
        ):
            painter.setPen(QtGui.QColor("black"))
            painter.drawText(inner.translated(1, 1), edge, letter)
            painter.setPen(QtGui.QColor("white"))
            painter.drawText(inner, edge, letter)
