"""Three slices of the image through a place: |E| over it, the target, the coil's focus, and the sides' letters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from qtpy import QtCore, QtGui, QtWidgets

from targeting.scene.brain_field import THRESHOLD, BrainField, contour, laid_over
from targeting.scene.colors import COIL, TARGET
from targeting.scene.directions import PLANES, Plane
from targeting.viewer.slices import STEP_MM, Slicer
from targeting.words.numbers import length_words, number

NEAR_MM = 3.0  # a mark this near to the plane is drawn firmly, a farther one faintly
FAINT = 110
SMALLEST = 150
BAR_MM = 50.0  # of the scale bar
MOST_LINES = 4  # of the words below the slices


@dataclass(frozen=True, eq=False)
class SliceField:
    """What is laid over the slices.

    Parameters
    ----------
    brain : BrainField
    unit : str
        "V/m at 1 A/µs".
    top_v_per_m : float
        End of the colour scale, that of the cortex beside.
    threshold_v_per_m : float or None
        |E| at motor threshold, whose contour is drawn.
    threshold_words : str
        What that is.
    """

    brain: BrainField
    unit: str
    top_v_per_m: float
    threshold_v_per_m: float | None = None
    threshold_words: str = ""

    @property
    def words(self) -> str:
        """What the colours and the line are."""
        line = f" Cyan line: {self.threshold_words}." if self.threshold_words else ""
        return f"|E| in {self.unit}, in the colours of the cortex.{line}"


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
        self.box = QtWidgets.QCheckBox("|&E| over the image")
        self.box.setChecked(True)
        self.box.toggled.connect(lambda _on: self._draw_field())
        self.words = QtWidgets.QLabel("|E| is being read …")
        self.words.setWordWrap(True)
        self.words.setMinimumHeight(MOST_LINES * self.words.fontMetrics().height())  # the slices keep their size
        self.words.setAlignment(QtCore.Qt.AlignmentFlag.AlignTop)
        self.words.setAccessibleName("the field in the slices")
        self.box.setEnabled(False)
        layout.addWidget(self.box)
        layout.addWidget(self.words)
        self._field: SliceField | None = None
        self._at_plan = True

    def give(self, slicer: Slicer, target_mm: NDArray[np.float64], radius_mm: float) -> None:
        """Take the image, once it is read."""
        for view in self.views:
            view.slicer, view.target, view.radius_mm = slicer, target_mm, radius_mm
        self.go_to(target_mm)

    def go_to(self, place_mm: NDArray[np.float64]) -> None:
        """Cut through a place."""
        for view in self.views:
            view.go_to(place_mm)

    def give_field(self, field: SliceField | None) -> None:
        """Take the plan's field in the brain, once it is read; None: the folder has it no more."""
        self._field = field
        self.box.setEnabled(field is not None)
        self._draw_field()

    def set_top(self, top_v_per_m: float) -> None:
        """Set the end of the colour scale."""
        if self._field is not None:
            self._field = replace(self._field, top_v_per_m=top_v_per_m)
            self._draw_field()

    def set_at_plan(self, at_plan: bool) -> None:
        """Whether the coil is where the field is of: elsewhere it is not drawn."""
        if at_plan != self._at_plan:
            self._at_plan = at_plan
            self._draw_field()

    def _draw_field(self) -> None:
        field = self._field
        shown = field if self._at_plan and self.box.isChecked() else None
        for view in self.views:
            view.show_field(shown)
        if field is None:
            self.words.setText("The folder has no field to lay over the image: 'target plan' makes it.")
        else:
            elsewhere = "The coil is moved: |E| in the slices is known for placement 1 only."
            self.words.setText(field.words if self._at_plan else elsewhere)

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
        self.field: SliceField | None = None
        self._strength: tuple[float, NDArray[np.float64]] | None = None  # of a plane's position
        self._contour: list[NDArray[np.float64]] = []
        self._picture: QtGui.QImage | None = None
        self.setMinimumSize(SMALLEST, SMALLEST)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(f"{plane.name} slice")
        self.setToolTip(f"{plane.name.capitalize()} slice: click to pick a place, wheel or ↑ ↓ for the next slice")

    def go_to(self, place_mm: NDArray[np.float64]) -> None:
        """Cut through a place."""
        self.place_mm = np.array(place_mm, np.float64)
        if self.slicer is not None:
            grey, strength = self.slicer.picture(self.plane, self.place_mm), self._strength_here()
            rgb = np.repeat(grey[..., None], 3, axis=2)
            self._contour = []
            if self.field is not None and strength is not None:
                rgb = laid_over(grey, strength, self.field.top_v_per_m)
                self._contour = contour(strength, self.field.threshold_v_per_m)
            height, width = grey.shape
            data, form = np.ascontiguousarray(rgb), QtGui.QImage.Format.Format_RGB888
            self._picture = QtGui.QImage(data.data, width, height, 3 * width, form).copy()  # the array goes away
        self.update()

    def show_field(self, field: SliceField | None) -> None:
        """Lay a field over the image, or none."""
        if field is None or self.field is None or field.brain is not self.field.brain:
            self._strength = None
        self.field = field
        self.go_to(self.place_mm)

    def _strength_here(self) -> NDArray[np.float64] | None:
        """|E| in this plane, cut anew when the plane has moved."""
        if self.field is None or self.slicer is None:
            return None
        position = float(self.place_mm[self.plane.across])
        if self._strength is None or self._strength[0] != position:
            view = self.slicer.view(self.plane, self.place_mm)
            self._strength = position, self.field.brain.in_plane(view)
        return self._strength[1]

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
        self._lines(painter, left, top, scale)
        self._cross(painter)
        if self.target is not None:
            self._ring(painter, self.target, self.radius_mm * scale / STEP_MM)
        if self.focus_mm is not None:
            self._saltire(painter, self.focus_mm)
        self._letters(painter)
        self._measure(painter, scale)

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

    def _lines(self, painter: QtGui.QPainter, left: float, top: float, scale: float) -> None:
        """The contour of the field at threshold."""
        lines = [
            QtGui.QPolygonF([QtCore.QPointF(left + x * scale, top + y * scale) for x, y in line])
            for line in self._contour
        ]
        for color, thick in (("black", 3.4), (THRESHOLD, 1.8)):
            painter.setPen(QtGui.QPen(QtGui.QColor(color), thick))
            for line in lines:
                painter.drawPolyline(line)

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

    def _measure(self, painter: QtGui.QPainter, scale: float) -> None:
        """Where the plane lies, in the lower left corner, and a scale bar in the lower right one."""
        font = painter.font()
        font.setBold(False)
        font.setPixelSize(12)
        painter.setFont(font)
        painter.setPen(QtGui.QColor("white"))
        place, across = float(self.place_mm[self.plane.across]), self.plane.across
        side = (" left" if place < 0 else " right") if across == 0 and round(place) else ""
        inner, edges = self.rect().adjusted(6, 3, -6, -4), QtCore.Qt.AlignmentFlag
        painter.drawText(inner, edges.AlignLeft | edges.AlignBottom, f"{'xyz'[across]} {number(place, 0)} mm{side}")
        length = BAR_MM / STEP_MM * scale
        right, low = float(self.width() - 8), float(self.height() - 6)
        painter.setPen(QtGui.QPen(QtGui.QColor("white"), 2))
        painter.drawLine(QtCore.QPointF(right - length, low), QtCore.QPointF(right, low))
        painter.drawText(
            QtCore.QRectF(right - length, low - 20, length, 16),
            edges.AlignHCenter | edges.AlignBottom,
            length_words(BAR_MM),
        )

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
