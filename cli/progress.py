"""The progress line: what the library logs, with the elapsed time of the stage it is in.

On a terminal one line is redrawn in place while a stage runs; elsewhere (a file, CI) each step is a line of its own.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from typing import TextIO

PACKAGES = ("meshes", "atlases", "targeting")
REDRAW_S = 0.2


class Progress(logging.Handler):
    """Shows the library's INFO lines on ``stream`` between ``start()`` and ``stop()``."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(logging.INFO)
        self.stream = stream
        self.live = stream.isatty()
        self.stage = ""
        self.step = ""
        self.started = time.monotonic()
        self.ended = threading.Event()
        self.ticker = threading.Thread(target=self._tick, daemon=True)

    def start(self) -> None:
        """Listen to the library."""
        for name in PACKAGES:
            logger = logging.getLogger(name)
            logger.addHandler(self)
            logger.setLevel(logging.INFO)
        if self.live:
            self.ticker.start()

    def stop(self) -> None:
        """Stop listening and leave the cursor on an empty line."""
        for name in PACKAGES:
            logging.getLogger(name).removeHandler(self)
        self.ended.set()
        if self.live:
            self.ticker.join()
            self._clear()
            self.stream.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Show one step; records of :mod:`targeting.subject` carry ``event`` and ``stage``."""
        event = getattr(record, "event", "step")
        if event == "started":
            self.stage, self.step, self.started = record.stage, "", time.monotonic()  # type: ignore[attr-defined]
            if self.live:
                self._draw()
        elif event == "reused":
            self._line(f"  {record.stage:<9} reused")  # type: ignore[attr-defined]
        elif event == "done":
            self._line(f"  {self.stage:<9} {time.monotonic() - self.started:6.1f} s")
            self.stage = ""
        else:
            self.step = _as_flags(" ".join(record.getMessage().split()))
            if self.live and record.levelno < logging.WARNING:
                self._draw()
            else:  # what is drawn over cannot be read
                self._line(self._now())

    def _now(self) -> str:
        return f"  {self.stage:<9} {time.monotonic() - self.started:6.1f} s  {self.step}"

    def _line(self, text: str) -> None:
        if self.live:
            self._clear()
        self.stream.write(self._printable(text) + "\n")
        self.stream.flush()

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns - 1
        self.stream.write("\r" + self._printable(self._now())[:width] + "\x1b[K")
        self.stream.flush()

    def _clear(self) -> None:
        self.stream.write("\r\x1b[K")

    def _printable(self, text: str) -> str:
        encoding = self.stream.encoding or "utf-8"
        return text.encode(encoding, "replace").decode(encoding)

    def _tick(self) -> None:
        while not self.ended.wait(REDRAW_S):
            with self.lock:  # type: ignore[union-attr]
                if self.stage:
                    self._draw()


def _as_flags(text: str) -> str:
    """What the library tells, with options as the terminal names them."""
    if "`" not in text:
        return text
    from targeting.study.options import as_flags, flags_of
    from targeting.study.tes_request import TesRequest
    from targeting.study.tms_request import TmsRequest

    return as_flags(text, flags_of(TmsRequest, TesRequest))
