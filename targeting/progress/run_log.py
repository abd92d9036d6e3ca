"""The log in a subject's folder: each run with its command and versions, all it said with the time, and how it failed.

It is a help and no more: where it cannot be written, the run goes on without it.
"""

from __future__ import annotations

import logging
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from logging.handlers import RotatingFileHandler
from pathlib import Path

from meshes.errors import InputError
from targeting.versions import versions

LOG_NAME = "target.log"
MOST_BYTES = 1_000_000  # then it becomes target.log.1, whose predecessor goes
PACKAGES = ("meshes", "atlases", "targeting", "cli")
LINE = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

log = logging.getLogger(__name__)


class RunLog(RotatingFileHandler):
    """One run's part of a folder's log; what it is of is written before its first line."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / LOG_NAME, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8", delay=True)
        self.setLevel(logging.INFO)
        self.setFormatter(logging.Formatter(LINE))
        self.is_new = not (folder / LOG_NAME).exists()
        self.has_results = False  # whether a stage was made, or still stood
        self._begun = False
        self._broken = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, unless another run's."""
        if self._broken or _open_log.get() not in (self, None):  # None: a thread that a library started
            return
        if not self._begun:
            self._begun = True
            made_with = ", ".join(f"{name} {version}" for name, version in versions().items())
            for line in (f"run: {_command()}", f"with {made_with}"):
                header = logging.LogRecord(__name__, logging.INFO, __file__, 0, line, None, None)
                header.created, header.msecs = record.created, record.msecs
                super().emit(header)
        super().emit(record)
        self.has_results |= getattr(record, "event", "") in ("done", "reused")

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):  # what is still to be written finds no room
            super().close()

    def forget(self) -> None:
        """Take the file away: input that cannot be used leaves no trace."""
        self.close()
        with suppress(OSError):
            Path(self.baseFilename).unlink(missing_ok=True)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Write no more: the disk may be full, or the folder not ours."""
        self._broken = True


@contextmanager
def logged(folder: Path) -> Iterator[None]:
    """Add what this block says to the folder's log; a failure with its traceback."""
    run = RunLog(folder)
    token = _open_log.set(run)
    _listen(run)
    try:
        yield
    except GeneratorExit:
        raise
    except KeyboardInterrupt:
        log.info("interrupted; the next run resumes where this one stopped")
        raise
    except BaseException as error:
        what = (type(error), error, error.__traceback__)
        run.handle(logging.LogRecord(__name__, logging.ERROR, __file__, 0, "failed", None, what))
        if isinstance(error, InputError) and run.is_new and not run.has_results:
            run.forget()
        raise
    finally:
        _listen_no_more(run)
        _open_log.reset(token)
        run.close()


def _command() -> str:
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else ""


_open_log: ContextVar[RunLog | None] = ContextVar("open_log", default=None)
_changing = threading.Lock()
_open: list[RunLog] = []
_before: dict[str, tuple[int, bool, logging.Handler]] = {}


class _Onwards(logging.Handler):
    """Hands on to the program's own handlers what they would get without a run's log, and no more."""

    def __init__(self, level: int, alone: bool) -> None:
        super().__init__(level)
        self.alone = alone  # so that a warning nobody handles still reaches stderr

    def emit(self, record: logging.LogRecord) -> None:
        if self.alone or logging.root.handlers:
            logging.root.callHandlers(record)


def _listen(run: RunLog) -> None:
    with _changing:
        if not _open:
            for name in PACKAGES:
                logger = logging.getLogger(name)
                onwards = _Onwards(logger.getEffectiveLevel(), not logger.handlers)
                _before[name] = logger.level, logger.propagate, onwards
                logger.setLevel(min(logging.INFO, logger.getEffectiveLevel()))
                if logger.propagate:
                    logger.addHandler(onwards)
                logger.propagate = False
        _open.append(run)
        for name in PACKAGES:
            logging.getLogger(name).addHandler(run)


def _listen_no_more(run: RunLog) -> None:
    with _changing:
        _open.remove(run)
        for name in PACKAGES:
            logging.getLogger(name).removeHandler(run)
        if not _open:
            for name, (level, propagate, onwards) in _before.items():
                logger = logging.getLogger(name)
                logger.setLevel(level)
                logger.propagate = propagate
                logger.removeHandler(onwards)
            _before.clear()
