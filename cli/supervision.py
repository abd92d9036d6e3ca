"""A command that is interrupted ends within two seconds, whatever it is doing: one process works, another watches it.

Python hears a signal between two of its own instructions only.  Compiled code (a registration, a factorisation, a loop
of the mesher) may keep it from them for a minute, may swallow the interrupt, or crash on it.  So the command divides in
two as it starts.  The *worker* does everything; the first signal raises KeyboardInterrupt there, which tidies up on its
way.  The *watcher* only waits: it passes the signal on, ends a worker that is still there after ``GRACE_S`` with all its
child processes, and says in one line why the work ended.  Ending it is safe at any moment, because a result appears
under its name only when it is whole (:mod:`targeting.subject`, :mod:`meshes.whole_files`).

Only the command does this; the library leaves the signals of a notebook or a script alone.  The watcher needs fork and
sigtimedwait (Linux); elsewhere a thread ends the process, unless compiled code keeps the thread from running.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

INTERRUPTED = "target: interrupted; the next run resumes where this one stopped"
GRACE_S = 1.2  # for tidying up; then there is time left to take down a process of many GB
LIMIT_S = 1.9
CLEAR = b"\r\x1b[K\x1b[?25h"  # what is left of the line that told the progress; the cursor is shown again
SAME_SIGNAL_S = 0.3  # timeout(1), a terminal that closes and the like send one signal twice
HEEDED = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)


def supervised(work: Callable[[], int]) -> int:
    """Do the work, whose exit code is returned; a signal ends it with the code 128 + its number, as shells count."""
    heeded = [each for each in HEEDED if signal.getsignal(each) is not signal.SIG_IGN]  # nohup, a job in background
    if not hasattr(signal, "sigtimedwait") or _has_threads():
        return _worked(work, heeded, _end_myself_later)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [*heeded, signal.SIGCHLD])
    watcher = os.getpid()
    worker = os.fork()
    if worker:
        return _watched(worker, heeded)
    return _worked(work, heeded, _fall_silent, lambda: _join(watcher, mask))


def _has_threads() -> bool:
    """Whether other threads run (a debugger's): such a process is not to be divided."""
    threading = sys.modules.get("threading")
    return threading is not None and threading.active_count() > 1


def _worked(
    work: Callable[[], int],
    heeded: Iterable[int],
    on_signal: Callable[[int], None],
    ready: Callable[[], object] = lambda: None,
) -> int:
    """The work, in this process; its first signal raises KeyboardInterrupt and the others are ignored."""
    heard: list[int] = []

    def hear(number: int, frame: object) -> None:
        for each in heeded:
            signal.signal(each, signal.SIG_IGN)
        heard.append(number)
        on_signal(number)
        raise KeyboardInterrupt

    try:
        for each in heeded:
            signal.signal(each, hear)
        ready()
        return work()
    finally:
        if heard:  # at once: taking down compiled threads in the middle of their work is what crashes
            os._exit(128 + heard[0])


def _join(watcher: int, mask: Iterable[int]) -> None:
    """Let signals come, and end when the watcher does, even by kill -9."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != watcher:
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _fall_silent(number: int) -> None:
    """From now on the watcher speaks: what libraries print when they are interrupted is of no use to anybody."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)


def _end_myself_later(number: int) -> None:
    """Without a watcher: end after the grace, if the interrupt was swallowed."""
    import threading

    def end() -> None:
        _say(_why(number))
        os._exit(128 + number)

    timer = threading.Timer(GRACE_S, end)
    timer.daemon = True
    timer.start()


def _watched(worker: int, heeded: list[int]) -> int:
    """Wait for the worker; pass a signal on, end it when it takes too long, say why it ended."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # what a killed worker leaves running comes to us
    number, since, status = 0, 0.0, None
    while status is None:
        rest = since + GRACE_S - time.monotonic() if number else 3600.0
        got = signal.sigtimedwait([*heeded, signal.SIGCHLD], max(0.0, rest))
        if got is not None and got.si_signo == signal.SIGCHLD:
            status = _ended(worker)
        elif got is not None and not number:
            number, since = got.si_signo, time.monotonic()
            os.kill(worker, number)
        elif number and (got is None or time.monotonic() > since + SAME_SIGNAL_S):
            break
    if status is None:
        os.kill(worker, signal.SIGSTOP)  # it starts no more children
        _kill_family()
        while status is None and time.monotonic() < since + LIMIT_S:
            time.sleep(0.005)
            status = _ended(worker)
    code = os.waitstatus_to_exitcode(status) if status is not None else -signal.SIGKILL
    if number == 0 and (code < 0 or code - 128 in heeded):  # it got a signal of its own
        number = -code if code < 0 else code - 128
    if number == 0 or code == 0:  # 0: a server that ends so, or done at that very moment
        return code
    _kill_family()
    _say(_why(number))
    return 128 + number


def _why(number: int) -> str:
    if number == signal.SIGINT:
        return INTERRUPTED
    name = signal.Signals(number).name
    if number in HEEDED:
        return f"target: ended ({name}); the next run resumes where this one stopped"
    if name == "SIGKILL":
        return "target: the system stopped it (out of memory?); the next run resumes where this one stopped"
    return f"target: it crashed ({name}); the next run resumes where this one stopped"


def _say(line: str) -> None:
    clear = CLEAR if os.isatty(2) else b""
    with suppress(OSError):  # the terminal may be gone
        os.write(2, clear + line.encode() + b"\n")


def _ended(worker: int) -> int | None:
    """The worker's wait status once it has ended; other children that have are taken off the books."""
    status = None
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            if found[0] == worker:
                status = found[1]
    return status


def _kill_family() -> None:
    """End all descendants of this process."""
    from pathlib import Path

    parents = {}
    for each in Path("/proc").glob("[1-9]*/stat"):
        with suppress(OSError):  # it has ended
            parents[int(each.parent.name)] = int(each.read_bytes().rpartition(b")")[2].split()[1])
    family = {os.getpid()}
    for _ in parents:
        more = {each for each, parent in parents.items() if parent in family} - family
        if not more:
            break
        family |= more
    for member in family - {os.getpid()}:
        with suppress(OSError):
            os.kill(member, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
