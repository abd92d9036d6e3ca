"""Run another program as a child process: its output goes to a log, its progress is reported, its failure is one line."""

from __future__ import annotations

import ctypes
import logging
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from meshes.errors import InputError

log = logging.getLogger(__name__)
_SYSTEM = ctypes.CDLL(None) if sys.platform == "linux" else None  # before the fork, where little may be done


def run_logged(
    program: str,
    command: Sequence[str],
    log_file: Path,
    *,
    progress: Callable[[str], str | None],
    environment: Mapping[str, str],
    advice: str,
    limit_s: float | None = None,
) -> None:
    """Run a program to its end; an interrupt, and any other exception here, ends it too.

    Parameters
    ----------
    program : str
        Its name in messages.
    command : sequence of str
    log_file : path
        Gets everything it prints.
    progress : callable
        What to tell the user about a line it printed, or None.
    environment : mapping
    advice : str
        What to do if it cannot be started.
    limit_s : float, optional
        It is ended after so many seconds.

    Raises
    ------
    InputError
        If it cannot be started, fails or takes too long: its last words, and where the log is.
    """
    late = threading.Event()
    with log_file.open("w", encoding="utf-8") as file:
        try:
            child = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=dict(environment),
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        except OSError as error:
            raise InputError(f"{program} cannot be started: {error.strerror}; {advice}") from error

        def too_late() -> None:
            late.set()
            stop(child)

        clock = threading.Timer(limit_s or 0, too_late)
        try:
            if limit_s is not None:
                clock.start()
            assert child.stdout is not None
            for line in child.stdout:
                file.write(line)
                if said := progress(line):
                    log.info(said)
            code = child.wait()
        finally:
            clock.cancel()
            stop(child)
            if clock.is_alive():  # it may be stopping the child itself
                clock.join()
    if late.is_set():
        raise InputError(f"{program} was stopped: it took longer than {limit_s:g} s (log: {log_file})")
    if code:
        text = log_file.read_text(encoding="utf-8")
        why = "the system stopped it (out of memory?)" if code in (-9, 137) else last_words(text)
        raise InputError(f"{program} failed: {why} (log: {log_file})")


def _end_with_parent() -> None:
    """In the child, before its program starts: the system is to kill it if we are killed, so that it cannot go on writing.

    prctl(2), option PR_SET_PDEATHSIG; what another program starts by itself is not told.
    """
    assert _SYSTEM is not None
    _SYSTEM.prctl(1, signal.SIGKILL, 0, 0, 0)


def stop(child: subprocess.Popen[str]) -> None:
    """End a child that still runs: ask, then insist."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def last_words(text: str) -> str:
    """The last line of a log that says something, on one line and not too long; an error's line before any other."""
    lines = [line.strip() for line in text.splitlines() if re.search(r"\w", line)]
    errors = [line for line in lines if re.match(r"(ERROR|error|[\w.]*(Error|Exception)\b)", line)]
    return (errors or lines or ["it said nothing"])[-1][:300]
