"""Who is told how far a run is: stages tell here, and whoever runs them says who listens.

A run and its listener find each other through a context variable, so that two runs in two threads keep apart.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from targeting.progress.course import Course
from targeting.progress.record import Progress, Show

log = logging.getLogger(__name__)

TICK_S = 1.0  # between two reports while a step is at work
PATIENCE_S = 10.0  # for a listener that hangs: it does not hold the run up for ever


class Watched:
    """A run that somebody watches.

    All is told from one thread of its own: at each step's begin and end, and about every second between.  What goes wrong
    there does not touch the run.

    Parameters
    ----------
    course : Course
    show : callable, optional
        Is given each :class:`Progress`; None: nobody is told, but the times are learnt.
    """

    def __init__(self, course: Course, show: Show | None) -> None:
        self.course, self.show = course, show
        self._lock = threading.Lock()
        self._news: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        self._teller: threading.Thread | None = None  # from the first news on

    def stage(self, name: str, event: str, seconds: float = 0.0) -> None:
        """A stage is "started", "done" or "reused"."""
        with self._lock:
            if event == "started":
                told = self.course.begin(name)
            elif event == "done":
                told = self.course.end(name, seconds)
            else:
                told = self.course.reuse(name)
        self._put(told)

    def end(self, well: bool) -> None:
        """Tell the end, and wait until it was heard."""
        with self._lock:
            told = self.course.finish() if well else self.course.fail()
        self._put(told)
        self.close(PATIENCE_S if well else TICK_S)  # who presses Ctrl-C does not wait

    def close(self, patience_s: float = PATIENCE_S) -> None:
        """Tell no more."""
        self._news.put(None)
        if self._teller is not None:
            self._teller.join(patience_s)

    def _put(self, told: Progress) -> None:
        if self.show is None:
            return
        self._news.put(told)
        if self._teller is None:
            self._teller = threading.Thread(target=self._tell, name="progress", daemon=True)
            self._teller.start()

    def _tell(self) -> None:
        assert self.show is not None
        while True:
            try:
                news = self._news.get(timeout=TICK_S)
            except queue.Empty:
                with self._lock:
                    news = self.course.told()
            if news is None:
                return
            try:
                self.show(news)
            except Exception as error:
                log.warning("progress is no longer told: %s (%s)", error, type(error).__name__)
                return


_watched: ContextVar[Watched | None] = ContextVar("watched", default=None)
_show: ContextVar[Show | None] = ContextVar("show", default=None)


def tell(stage: str, event: str, seconds: float = 0.0) -> None:
    """A stage is "started", "done" (after some seconds) or "reused": tell whoever watches the run."""
    watched = _watched.get()
    if watched is not None:
        watched.stage(stage, event, seconds)


@contextmanager
def watched(course: Course, progress: Show | bool | None = None) -> Iterator[None]:
    """Let what runs in this block be watched.

    Parameters
    ----------
    course : Course
    progress : callable or bool, optional
        Who is told.  None: who watches the whole program (:func:`showing`), else a bar in a notebook and nobody elsewhere.
        False: nobody.
    """
    watching = Watched(course, show_of(progress))
    token = _watched.set(watching)
    try:
        yield
    except BaseException:
        watching.end(well=False)
        raise
    else:
        watching.end(well=True)
    finally:
        _watched.reset(token)


@contextmanager
def showing(show: Show) -> Iterator[None]:
    """Let all runs in this block be shown by ``show``, also stages that run outside any :func:`watched` block."""
    watching = Watched(Course(), show)
    tokens = _watched.set(watching), _show.set(show)
    try:
        yield
    finally:
        watching.close()
        _watched.reset(tokens[0])
        _show.reset(tokens[1])


def show_of(progress: Show | bool | None) -> Show | None:
    """Who is told, by what a caller gave; None: nobody."""
    if callable(progress):
        return progress
    if progress is False:
        return None
    ambient = _show.get()
    if ambient is not None:
        return ambient
    if not in_notebook():
        return None
    from targeting.progress.notebook import NotebookBar

    return NotebookBar()


def in_notebook() -> bool:
    """Whether this is a notebook's kernel (its displays can be drawn), not a terminal's IPython."""
    with suppress(AttributeError):
        return sys.modules["IPython"].get_ipython().kernel is not None if "IPython" in sys.modules else False
    return False
