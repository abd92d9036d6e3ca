"""Slow things beside the window: a function in a thread, and the field basis in a process of its own.

The basis keeps both cores busy for minutes, and Python threads would take turns with the window; so it gets a process,
which says each step on a line.  Ended early it leaves nothing half-made (:mod:`targeting.subject`).
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from qtpy import QtCore

from meshes.errors import InputError
from targeting.subject import Subject

log = logging.getLogger(__name__)

MAKE_BASIS = """
import logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
from meshes.errors import InputError
from targeting.study.field_basis_stage import cortical_basis
try:
    cortical_basis(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
except InputError as error:
    sys.exit(str(error))
"""
DONE_OF = re.compile(r"(\d+) of (\d+) done")


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
        except InputError as error:
            self.failed.emit(str(error))
        except Exception as error:  # a thread's exception would vanish, and the window wait for ever
            log.exception("in the background")
            self.failed.emit(f"{type(error).__name__}: {error}")
        else:
            self.made.emit(result)


class BasisProcess(QtCore.QObject):
    """``target basis NAME`` beside the window.

    ``step`` carries a line and the share that is done (0 to 1, or -1 if not known); ``finished`` is empty or says why
    there is no basis.
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
        self._arguments = ["-c", MAKE_BASIS, subject.name, str(subject.folder), *count]
        self._stopped = False

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
        """End it early; what it had begun is cleared by the next run."""
        self._stopped = True
        if self.running:
            self._process.terminate()
            if not self._process.waitForFinished(3000):
                self._process.kill()
                self._process.waitForFinished(3000)

    def _read(self) -> None:
        text = bytes(self._process.readAllStandardOutput().data()).decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines:
            found = DONE_OF.search(lines[-1])
            self.step.emit(lines[-1], int(found[1]) / max(int(found[2]), 1) if found else -1.0)

    def _ended(self, code: int, _status: object) -> None:
        errors = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace").strip().splitlines()
        why = "" if code == 0 else (errors[-1] if errors else f"it ended with code {code}")
        self.finished.emit("it was stopped" if self._stopped else why)

    def _no_start(self, error: object) -> None:
        if error == QtCore.QProcess.ProcessError.FailedToStart:
            self.finished.emit(f"{sys.executable} cannot be started")
