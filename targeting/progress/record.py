"""How far a run is, as it is told to people: "step 3 of 11, about 4 minutes left"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

STATES = ("begun", "at work", "done", "reused", "finished", "failed")


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    step, steps : int
        "step 3 of 11"; ``steps`` is 0 where it is not known how many there will be.
    name : str
        The stage, as ``target status`` lists it; "" before the first and after the last.
    words : str
        What it does, for people.
    state : {"begun", "at work", "done", "reused", "finished", "failed"}
        What has just become of the step, or ("finished", "failed") of the run.
    fraction : float
        0 to 1, by the time that steps take; what still stands from an earlier run counts as done.
    seconds : float
        Since the run began.
    seconds_left : float or None
        Until it ends; None where that is not known.
    guessed : bool
        Whether that rests on the times that came with the package, as this machine has made no such step yet.
    reused : int
        Steps so far whose results still stood.

    Examples
    --------
    >>> now = Progress(3, 11, "mesh", "head mesh", "begun", 0.1, 12.0, 236.0)
    >>> str(now)
    'step 3 of 11, about 4 minutes left: head mesh'
    """

    step: int
    steps: int
    name: str
    words: str
    state: str
    fraction: float
    seconds: float
    seconds_left: float | None
    guessed: bool = False
    reused: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self.state in ("finished", "failed")

    @property
    def count(self) -> str:
        """Such as "step 3 of 11"; "" where the number of steps is not known."""
        return f"step {self.step} of {self.steps}" if self.steps else ""

    @property
    def left(self) -> str:
        """Such as "about 4 minutes left"; "" where that is not known."""
        if self.seconds_left is None:
            return ""
        return f"{about(self.seconds_left)} left" + (" (a first guess)" if self.guessed else "")

    @property
    def ending(self) -> str:
        """How the run ended, such as "11 steps in 3:20, 5 of them reused" or "broke off after 0:12 in step 3 of 11: search"."""
        reused = f", {self.reused} of them reused" if self.reused else ""
        if self.state == "failed":
            return f"broke off after {clock(self.seconds)} in {self.count}: {self.words}"
        return f"{self.steps} steps in {clock(self.seconds)}{reused}"

    def __str__(self) -> str:
        if self.ended:
            return self.ending
        before = ", ".join(filter(None, (self.count, self.left)))
        return ": ".join(filter(None, (before, self.words)))


Show: TypeAlias = Callable[[Progress], object]  # what a run tells its progress to


def about(seconds: float) -> str:
    """A time to come in round words.

    Examples
    --------
    >>> [about(each) for each in (3, 34, 80, 95, 236, 4000, 9000)]
    ['a few seconds', 'about 40 seconds', 'about 80 seconds', 'about 2 minutes', 'about 4 minutes', 'about 67 minutes', \
'about 2.5 hours']
    """
    if seconds <= 5:
        return "a few seconds"
    if seconds <= 90:
        return f"about {10 * -(-int(seconds) // 10)} seconds"
    if seconds <= 90 * 60:
        return f"about {round(seconds / 60)} minutes"
    return f"about {round(2 * seconds / 3600) / 2:g} hours"


def clock(seconds: float) -> str:
    """A time that went by, in minutes and seconds.

    Examples
    --------
    >>> clock(7.4), clock(200), clock(4000)
    ('0:07', '3:20', '1:06:40')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
