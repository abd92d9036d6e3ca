"""What the window gets after it is seen, one after the other in a thread: image, coil, thin cortex, field basis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy import QtCore

from targeting.plans.tms import Plan
from targeting.scene.live_cortex import LiveCortex
from targeting.study.field_basis_stage import standing_basis
from targeting.viewer.coil_on_scalp import CoilOnScalp, live_coil
from targeting.viewer.plan_image import PlanImage
from targeting.viewer.planned_view import PlannedView
from targeting.viewer.scene_view import Light
from targeting.viewer.slices import Slicer
from targeting.viewer.widgets.background import BasisProcess, Work


class Loader(QtCore.QObject):
    """Emits each thing when it is there.

    ``told`` carries a line and the share done (below 0: not known) of what takes long; ``no_field`` one for why the
    field does not follow; ``idle`` comes when nothing is left to load.
    """

    image = QtCore.Signal(object, object)  # PlanImage, Slicer
    light = QtCore.Signal(object)
    coil = QtCore.Signal(object)
    no_coil = QtCore.Signal(str)
    cortex = QtCore.Signal(object)
    no_field = QtCore.Signal(str)
    told = QtCore.Signal(str, float)
    basis_ended = QtCore.Signal(str)
    idle = QtCore.Signal()

    def __init__(self, planned: PlannedView, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self.planned = planned
        self.process: BasisProcess | None = None
        self._coil: CoilOnScalp | None = None
        self._work: Work | None = None
        self._closed = False
        self.started = False
        self._left: list[tuple[Callable[[], Any], Callable[[Any], None], Callable[[str], None]]] = []

    def start(self) -> None:
        """Begin; returns at once."""
        self.started = True
        surface = self.planned.scene.layer("cortex").surface
        self._left = [(self._read_image, self._image_read, self.no_field.emit)]
        if isinstance(self.planned.plan, Plan):
            self._left.append((lambda: live_coil(self.planned.subject), self._coil_ready, self.no_coil.emit))
        self._left.append((lambda: Light.of(surface), self.light.emit, lambda _why: None))
        if isinstance(self.planned.plan, Plan):
            self._left.append((self._read_basis, self._basis_read, self.no_field.emit))
        self._next()

    def make_basis(self, sources: int | None = None) -> None:
        """Make the field basis in a process of its own, and take it when it is there."""
        if self.process is not None and self.process.running:
            return
        self.process = BasisProcess(self.planned.subject, self, sources)
        self.process.step.connect(self.told)
        self.process.finished.connect(self._basis_made)
        self.told.emit("making the field basis", -1.0)
        self.process.start()

    @property
    def making_basis(self) -> bool:
        """Whether that process is at work."""
        return self.process is not None and self.process.running

    def close(self) -> None:
        """Stop; what is under way in the thread is waited for, as it cannot be broken off."""
        self._closed = True
        self._left.clear()
        if self.process is not None:
            self.process.stop()
        if self._work is not None:
            self._work.wait()

    def _next(self) -> None:
        if self._closed:
            return
        if not self._left:
            self._work = None
            self.idle.emit()
            return
        function, made, failed = self._left.pop(0)
        self._work = Work(function, self)
        self._work.made.connect(lambda result: None if self._closed else made(result))
        self._work.failed.connect(lambda why: None if self._closed else failed(why))
        self._work.finished.connect(self._next)
        self._work.start(QtCore.QThread.Priority.LowPriority)

    def _read_image(self) -> tuple[PlanImage, Slicer]:
        image = PlanImage.of(self.planned.subject)
        return image, Slicer.of(image)

    def _image_read(self, both: tuple[PlanImage, Slicer]) -> None:
        self.image.emit(*both)

    def _coil_ready(self, coil: CoilOnScalp) -> None:
        self._coil = coil
        self.coil.emit(coil)

    def _read_basis(self) -> LiveCortex | None:
        if self._coil is None:
            return None
        made = standing_basis(self.planned.subject)
        if made is None:
            return None
        cortex = LiveCortex.of(made, self._coil.live.coil, self.planned.scene.layer("cortex").surface)
        cortex.field(self._coil.pose)  # what is compiled once is compiled now
        return cortex

    def _basis_read(self, cortex: LiveCortex | None) -> None:
        if cortex is not None:
            self.cortex.emit(cortex)

    def _basis_made(self, why_not: str) -> None:
        self.basis_ended.emit(why_not)
        if not why_not and not self._closed:
            self._left.append((self._read_basis, self._basis_read, self.no_field.emit))
            if self._work is None:
                self._next()
