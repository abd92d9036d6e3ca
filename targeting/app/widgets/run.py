"""A plan that is made beside the window, in a process of its own (:mod:`targeting.app.child`)."""

from __future__ import annotations

import json
import os
import sys

from qtpy import QtCore

from targeting.app.child import COMMAND, DONE, FAILED, GRACE_S, PROGRESS, SAID
from targeting.app.draft import Draft
from targeting.progress.record import Progress

ENDING_MS = round(2000 * GRACE_S)


class PlanRun(QtCore.QObject):
    """Makes the plan of a draft.

    ``commanded`` carries the command that does the same, ``told`` a :class:`Progress`, ``said`` a warning; at the end comes
    ``made`` with the plan's name, ``failed`` with a line, or ``stopped``.
    """

    commanded = QtCore.Signal(str)
    told = QtCore.Signal(object)
    said = QtCore.Signal(str)
    made = QtCore.Signal(str)
    failed = QtCore.Signal(str)
    stopped = QtCore.Signal()

    def __init__(self, draft: Draft, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self.draft = draft
        self._lines, self._plan, self._why, self._cancelled = b"", "", "", False
        self._process = QtCore.QProcess(self)
        self._process.setProcessChannelMode(QtCore.QProcess.ProcessChannelMode.ForwardedErrorChannel)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._ended)
        self._process.errorOccurred.connect(self._no_start)

    def start(self) -> None:
        """Begin."""
        environment = QtCore.QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        self._process.setProcessEnvironment(environment)
        self._process.start(sys.executable, ["-P", "-m", "targeting.app.child"])
        self._process.write(f"{self.draft.to_json()}\n".encode())

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._process.state() != QtCore.QProcess.ProcessState.NotRunning

    def cancel(self) -> None:
        """Break it off; ``stopped`` comes when it has ended."""
        self._cancelled = True
        self._process.closeWriteChannel()
        QtCore.QTimer.singleShot(ENDING_MS, self._process.kill)

    def end(self) -> None:
        """Break it off and wait until it has ended."""
        if self.running:
            self.cancel()
            if not self._process.waitForFinished(ENDING_MS):
                self._process.kill()
                self._process.waitForFinished(ENDING_MS)

    def _read(self) -> None:
        *lines, self._lines = (self._lines + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if PROGRESS in message:
                self.told.emit(Progress(**message[PROGRESS]))
            elif SAID in message:
                self.said.emit(message[SAID])
            elif COMMAND in message:
                self.commanded.emit(message[COMMAND])
            self._plan = message.get(DONE, self._plan)
            self._why = message.get(FAILED, self._why)

    def _ended(self, code: int, status: object) -> None:
        self._read()
        if self._plan:
            self.made.emit(self._plan)
        elif self._cancelled:
            self.draft.subject.tidy()
            self.stopped.emit()
        else:
            crashed = status == QtCore.QProcess.ExitStatus.CrashExit
            how = "the system stopped it (out of memory?)" if crashed else f"it ended with code {code}"
            self.failed.emit(self._why or f"{how}; what was finished is kept")

    def _no_start(self, error: object) -> None:
        if error == QtCore.QProcess.ProcessError.FailedToStart:
            self.failed.emit(f"{sys.executable} cannot be started")
