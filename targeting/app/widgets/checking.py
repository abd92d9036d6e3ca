"""Checks that take a second, such as reading an image, beside the window; only the last one asked for is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy import QtCore

from targeting.viewer.widgets.loading import Work


class Checker(QtCore.QObject):
    """``told`` carries a function's result, ``failed`` why there is none."""

    told = QtCore.Signal(object)
    failed = QtCore.Signal(str)

    def __init__(self, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self._work: Work | None = None
        self._next: Callable[[], Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether a result is still to come."""
        return self._work is not None

    def ask(self, function: Callable[[], Any]) -> None:
        """Run a function, after the one that runs; one that waits is dropped for it."""
        self._next = function
        if self._work is None:
            self._start()

    def close(self) -> None:
        """Wait for what runs; nothing more is told."""
        self._next = None
        self.blockSignals(True)
        if self._work is not None:
            self._work.wait()

    def _start(self) -> None:
        assert self._next is not None
        self._work, self._next = Work(self._next, self), None
        self._work.made.connect(self._made)
        self._work.failed.connect(self._failed)
        self._work.start()

    def _made(self, result: Any) -> None:
        if not self._superseded():
            self.told.emit(result)

    def _failed(self, why: str) -> None:
        if not self._superseded():
            self.failed.emit(why)

    def _superseded(self) -> bool:
        """Whether another function was asked for meanwhile; it is begun."""
        assert self._work is not None
        self._work.wait()
        self._work = None
        if self._next is None:
            return False
        self._start()
        return True
