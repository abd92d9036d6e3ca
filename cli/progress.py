"""How far a command is, on stderr: one line that moves on a terminal, a plain line for each step in a file or a pipe.

There is one clock, the command's.  What the library tells of its inner work is shown with ``--verbose`` only; it stands in
the log of the subject's folder anyway (:mod:`targeting.progress.run_log`).
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, TextIO

from targeting.progress.record import Progress, clock
from targeting.progress.watching import showing

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PACKAGES = ("meshes", "atlases", "targeting")
ALWAYS = "for_everyone"  # on a log record: not the inner work, but why a person has to wait


def tell(text: str) -> None:
    """Show a line among the progress, for everyone."""
    logging.getLogger("targeting").info(text, extra={ALWAYS: True})


class Display(logging.Handler):
    """Shows runs and the library's warnings on ``stream`` between ``start()`` and ``stop()``.

    Parameters
    ----------
    stream : text file
    verbose : bool
        Also what the library tells of its inner work.
    """

    def __init__(self, stream: TextIO, verbose: bool = False) -> None:
        super().__init__(logging.INFO)
        self.verbose = verbose
        self.lines: _PlainLines | _MovingLine = _MovingLine(stream) if _moves(stream) else _PlainLines(stream)
        self._runs = ExitStack()
        self._levels: dict[str, int] = {}

    def start(self) -> None:
        """Listen to the library and its runs."""
        self._runs.enter_context(showing(self.lines.show))
        for name in PACKAGES:
            logger = logging.getLogger(name)
            self._levels[name] = logger.level
            logger.addHandler(self)
            logger.setLevel(logging.INFO)

    def stop(self) -> None:
        """Stop listening and leave the cursor on an empty line."""
        for name in PACKAGES:
            logging.getLogger(name).removeHandler(self)
            logging.getLogger(name).setLevel(self._levels[name])
        self._runs.close()
        self.lines.close()

    def emit(self, record: logging.LogRecord) -> None:
        """Show a warning, or with ``verbose`` any word of the library."""
        if hasattr(record, "event"):
            return  # a stage's begin or end, which comes as progress
        is_warning = record.levelno >= logging.WARNING
        if is_warning or self.verbose or getattr(record, ALWAYS, False):
            text = _as_flags(" ".join(record.getMessage().split()))
            self.lines.say(f"warning: {text}" if is_warning else text, is_warning)


class _PlainLines:
    """One line for each step that is made, with the time since the command began."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.began = time.monotonic()
        self.reused: list[str] = []

    def show(self, progress: Progress) -> None:
        if progress.state == "reused":
            self.reused.append(progress.name)
        elif progress.state == "begun":
            self._tell_reused()
            self._line(str(progress))
        elif progress.ended:
            self._tell_reused()
            if progress.state == "finished":
                self._line(str(progress))

    def say(self, text: str, is_warning: bool = False) -> None:
        self._line(text)

    def close(self) -> None:
        self._tell_reused()

    def _tell_reused(self) -> None:
        if self.reused:
            self._line(f"reused: {', '.join(self.reused)}")
            self.reused = []

    def _line(self, text: str) -> None:
        line = f"{clock(time.monotonic() - self.began):>6}  {text}\n"
        encoding = self.stream.encoding or "utf-8"
        self.stream.write(line.encode(encoding, "replace").decode(encoding))
        self.stream.flush()


class _MovingLine:
    """One line that is drawn again in place, and above it what is to stay."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self.console = Console(file=stream, highlight=False)
        self.began = time.monotonic()
        self.bar: Bar | None = None
        self.task: TaskID | None = None

    def show(self, progress: Progress) -> None:
        if progress.ended:
            self.close()
            if progress.state == "finished":
                self.console.print(self._now(progress), style="dim", markup=False)
            return
        if self.bar is None:
            self._begin()
        assert self.bar is not None and self.task is not None
        total = 1.0 if progress.steps else None  # None: it moves without an end
        self.bar.update(self.task, total=total, completed=progress.fraction, description=self._now(progress))

    def say(self, text: str, is_warning: bool = False) -> None:
        self.console.print(text, style="yellow" if is_warning else "dim", markup=False)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = self.task = None

    def _now(self, progress: Progress) -> str:
        return f"{clock(time.monotonic() - self.began):>6}  {progress}"

    def _begin(self) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        columns = (
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=4)),
        )
        self.bar = Bar(
            *columns,
            console=self.console,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
            refresh_per_second=4,
        )
        self.task = self.bar.add_task("", total=1.0)
        self.bar.start()


def _moves(stream: TextIO) -> bool:
    """Whether a line can be drawn again in place."""
    import os

    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def _as_flags(text: str) -> str:
    """What the library tells, with options as the terminal names them."""
    if "`" not in text:
        return text
    from targeting.study.options import as_flags, flags_of
    from targeting.study.tes_request import TesRequest
    from targeting.study.tms_request import TmsRequest

    return as_flags(text, flags_of(TmsRequest, TesRequest))
