"""Load in the background, one after the other, what the window shows once it is open: image, coil, thin cortex, field.

The field at other poses than the plan's comes from the field basis.  Where there is none it is made at once, while the
person looks: it keeps the processor busy for minutes, and Python threads would take turns with the window, so it gets a
process of its own, of low priority, which says each step on a line.  When the window closes it is ended, and what it had
begun is cleared away (:meth:`targeting.subject.Subject.locked`).
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from qtpy import QtCore

from meshes.errors import InputError, WriteError
from targeting.plans.tms import Plan
from targeting.progress.record import about
from targeting.scene.brain_field import BrainField
from targeting.scene.live_cortex import LiveCortex
from targeting.study.field_basis_stage import check_room, standing_basis
from targeting.study.study import RecordedStudy
from targeting.subject import Subject
from targeting.viewer.coil_on_scalp import CoilOnScalp, live_coil
from targeting.viewer.planned_view import PlannedView
from targeting.viewer.scene_view import Light
from targeting.viewer.slices import PlanImage, Slicer

log = logging.getLogger(__name__)

MAKE_BASIS = """
import logging, os, sys
getattr(os, "nice", lambda by: by)(10)
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
from meshes.errors import InputError, WriteError
from targeting.study.field_basis_stage import cortical_basis
try:
    cortical_basis(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
except (InputError, WriteError) as error:
    sys.exit(str(error))
"""
DONE_OF = re.compile(r"(\d+) of (\d+) done")
CHECKING = 0.15  # share of the time that the comparison with direct solves takes at the end
KILLED_MS = 3000


class Work(QtCore.QThread):
    """Runs a function once.

    ``made`` carries its result, ``failed`` one line for what went wrong.
    """

    made = QtCore.Signal(object)
    failed = QtCore.Signal(str)

    def __init__(self, function: Callable[[], Any], parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self._function = function

    def run(self) -> None:
        """In the thread; Qt calls it."""
        try:
            result = self._function()
        except (InputError, WriteError) as error:
            self.failed.emit(str(error))
        except Exception as error:  # a thread's exception would vanish, and the window wait for ever
            log.exception("in the background")
            self.failed.emit(f"{type(error).__name__}: {error}")
        else:
            self.made.emit(result)


class BasisProcess(QtCore.QObject):
    """``target basis NAME`` beside the window.

    ``step`` carries how far it is, in words, and the share that is done (0 to 1, or -1 if not known); ``finished`` is empty
    or says why there is no basis.
    """

    step = QtCore.Signal(str, float)
    finished = QtCore.Signal(str)

    def __init__(self, subject: Subject, parent: QtCore.QObject, sources: int | None = None) -> None:
        super().__init__(parent)
        self._process = QtCore.QProcess(self)
        self._process.setProcessChannelMode(QtCore.QProcess.ProcessChannelMode.SeparateChannels)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._ended)
        self._process.errorOccurred.connect(self._no_start)
        count = [] if sources is None else [str(sources)]
        self._subject = subject
        self._arguments = ["-c", MAKE_BASIS, subject.words, str(subject.folder), *count]
        self._stopped = False
        self._solving_since = 0.0

    def start(self) -> None:
        """Begin."""
        environment = QtCore.QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        self._process.setProcessEnvironment(environment)
        self._process.start(sys.executable, self._arguments)

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._process.state() != QtCore.QProcess.ProcessState.NotRunning

    def stop(self) -> None:
        """End it early and clear away what it had begun; compiled code heeds no gentler signal than this one."""
        if not self.running:
            return
        self._stopped = True
        self._process.kill()
        self._process.waitForFinished(KILLED_MS)
        self._subject.tidy()

    def _read(self) -> None:
        text = bytes(self._process.readAllStandardOutput().data()).decode("utf-8", "replace")
        found = DONE_OF.findall(text)
        if found:
            done, of = (int(number) for number in found[-1])
            self._solving_since = self._solving_since or time.monotonic()
            share = (1 - CHECKING) * done / max(of, 1)
            went_s = time.monotonic() - self._solving_since
            self.step.emit(f"{about(went_s * (1 - share) / share)} left" if done else "", share)

    def _ended(self, code: int, _status: object) -> None:
        errors = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace").strip().splitlines()
        why = "" if code == 0 else (errors[-1] if errors else f"it ended with code {code}")
        self.finished.emit("it was stopped" if self._stopped else why)

    def _no_start(self, error: object) -> None:
        if error == QtCore.QProcess.ProcessError.FailedToStart:
            self.finished.emit(f"{sys.executable} cannot be started")


class Loader(QtCore.QObject):
    """Emits each thing when it is there.

    ``told`` carries how far the field basis is, in words, and as a share (below 0: not known); ``basis_ended`` is empty, or
    says why there is none; ``idle`` comes when nothing is left to load.
    """

    image = QtCore.Signal(object, object)  # PlanImage, Slicer
    light = QtCore.Signal(object)
    coil = QtCore.Signal(object)
    no_coil = QtCore.Signal(str)
    cortex = QtCore.Signal(object)
    no_image = QtCore.Signal(str)
    field = QtCore.Signal(object)  # BrainField, or None
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
        self._left = [(self._read_image, self._image_read, self.no_image.emit)]
        if isinstance(self.planned.plan, Plan):
            self._left.append((lambda: live_coil(self.planned.subject), self._coil_ready, self.no_coil.emit))
        self._left.append((lambda: Light.of(surface), self.light.emit, lambda _why: None))
        self._left.append((self._read_field, self.field.emit, lambda _why: self.field.emit(None)))
        if isinstance(self.planned.plan, Plan):
            self._left.append((self._read_basis, self._basis_read, self.basis_ended.emit))
        self._next()

    def make_basis(self, sources: int | None = None) -> None:
        """Make the field basis in a process of its own, and take it when it is there."""
        if self.process is not None and self.process.running:
            return
        self.process = BasisProcess(self.planned.subject, self, sources)
        self.process.step.connect(self.told)
        self.process.finished.connect(self._basis_made)
        self.told.emit("", -1.0)
        self.process.start()

    def stop_basis(self) -> None:
        """Make it no more."""
        if self.process is not None:
            self.process.stop()

    @property
    def making_basis(self) -> bool:
        """Whether that process is at work."""
        return self.process is not None and self.process.running

    def close(self) -> None:
        """Stop; what is under way in the thread is waited for, as it cannot be broken off."""
        self._closed = True
        self._left.clear()
        self.stop_basis()
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

    def _read_field(self) -> BrainField | None:
        return BrainField.planned(self.planned.subject, self.planned.modality)

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
            check_room(self.planned.subject, RecordedStudy.of(self.planned.subject).head.value)
            return None
        cortex = LiveCortex.of(made, self._coil.live.coil, self.planned.scene.layer("cortex").surface)
        cortex.field(self._coil.pose)  # what is compiled once is compiled now
        return cortex

    def _basis_read(self, cortex: LiveCortex | None) -> None:
        if cortex is not None:
            self.cortex.emit(cortex)
        elif self._coil is not None and self.process is None:
            self.make_basis()

    def _basis_made(self, why_not: str) -> None:
        if self._closed:
            return
        self.basis_ended.emit(why_not)
        if not why_not:
            self._left.append((self._read_basis, self._basis_read, self.basis_ended.emit))
            if self._work is None:
                self._next()
