"""The course of a run: which of its steps are done, and what the rest will take.

What a run will have to make is foreseen from the records of the last one: a step whose record is there, and whose
predecessors stand, is taken to stand as well.  If it turns out otherwise, all that follows it is counted in at that moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from targeting.progress.record import Progress
from targeting.progress.steps import Step
from targeting.progress.times import StepTimes
from targeting.versions import package_version

Record = Mapping[str, Any]
PACE_AFTER_S = 10.0  # from how much work on this run's own speed tells more than the past
OVERDUE = 0.1  # of the time a late step has taken: what it may still take
MOST_OF_A_STEP = 0.95  # of a bar's part for a step, until it is done
GUESSED_SHARE = 0.2  # of the time left, from which a guess makes the whole a guess


def _nothing(stage: str) -> Record | None:
    return None


@dataclass
class Course:
    """How far a run is, told stage by stage.

    Parameters
    ----------
    steps : sequence of Step
        All that are foreseen, in their order; none: it is not known what will come.
    record : callable
        The record that the last run left of a stage (:meth:`targeting.subject.Subject.record`), or None.
    times : StepTimes
    now : callable
        A clock, in seconds.
    """

    steps: Sequence[Step] = ()
    record: Callable[[str], Record | None] = _nothing
    times: StepTimes = field(default_factory=StepTimes.of_this_machine)
    now: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._course = list(self.steps)  # with those that come unforeseen
        self._foreseen = bool(self.steps)
        self._records = {each.stage: self.record(each.stage) for each in self.steps}
        self._expected = {
            each.stage: self.times.expected_s(each) for each in self.steps
        }  # not changed by what is learnt
        self._began = self.now()
        self._at = -1  # the step at work or last told of
        self._since: float | None = None  # when it began; None: nothing is at work
        self._reused: set[str] = set()
        self._made: dict[str, float] = {}  # seconds it took

    def begin(self, stage: str) -> Progress:
        """A stage's work begins."""
        self._go_to(stage)
        self._since = self.now()
        return self.told("begun")

    def reuse(self, stage: str) -> Progress:
        """A stage's result still stands."""
        self._go_to(stage)
        self._reused.add(stage)
        return self.told("reused")

    def end(self, stage: str, seconds: float) -> Progress:
        """A stage was made."""
        self._go_to(stage)
        step = self._course[self._at]
        self._made[stage] = seconds
        if self._foreseen:
            self.times.learn(step, seconds)
        self._since = None
        return self.told("done")

    def finish(self) -> Progress:
        """The run is over, and all went well."""
        self._at, self._since = len(self._course), None
        return self.told("finished")

    def fail(self) -> Progress:
        """The run broke off."""
        return self.told("failed")

    def told(self, state: str = "at work") -> Progress:
        """How far the run is now."""
        step = self._course[self._at] if 0 <= self._at < len(self._course) else None
        return Progress(
            step=min(self._at + 1, len(self._course)),
            steps=len(self._course) if self._foreseen else 0,
            name=step.stage if step else "",
            words=step.words if step else "",
            state=state,
            fraction=self._fraction(),
            seconds=self.now() - self._began,
            seconds_left=self._seconds_left() if self._foreseen else None,
            guessed=self._foreseen and self._guessed(),
            reused=len(self._reused),
        )

    def _go_to(self, stage: str) -> None:
        """Make a stage the one that is told of, also one that comes later than foreseen, or was not foreseen at all."""
        known = [i for i, each in enumerate(self._course) if each.stage == stage]
        if not known:
            like = self._course[0] if self._foreseen else Step("")
            self._at += 1
            self._course.insert(self._at, Step(stage, like.way, like.density))
            self._records[stage] = None
            self._expected[stage] = self.times.expected_s(self._course[self._at])
        elif known[0] > self._at:
            self._at = known[0]
        else:
            self._course.insert(self._at, self._course.pop(known[0]))

    def _ahead(self) -> list[Step]:
        """Steps that are still to be made, as far as can be foreseen."""
        made = set(self._made)
        ahead = []
        for i, step in enumerate(self._course):
            if step.stage in self._made or step.stage in self._reused or i < self._at:
                continue
            at_work = i == self._at and self._since is not None
            if at_work or not self._stands(step.stage, made):
                made.add(step.stage)
                if not at_work:
                    ahead.append(step)
        return ahead

    def _stands(self, stage: str, made: set[str]) -> bool:
        """Whether a stage is likely to be reused, when some others are made anew."""
        record = self._records[stage]
        if record is None:
            return False
        made_from = record["made_from"]
        return made_from.get("package") == package_version() and not set(made_from.get("after", ())) & made

    def _pace(self) -> float:
        """How much slower this run is than expected so far; a step that is late counts already."""
        took = dict(self._made)
        if self._since is not None and self._at_work_s() > self._expected[self._name]:
            took[self._name] = self._at_work_s()
        return (sum(took.values()) + PACE_AFTER_S) / (sum(self._expected[name] for name in took) + PACE_AFTER_S)

    @property
    def _name(self) -> str:
        return self._course[self._at].stage

    def _at_work_s(self) -> float:
        return 0.0 if self._since is None else self.now() - self._since

    def _rest_of_step(self) -> float:
        if self._since is None:
            return 0.0
        return max(self._expected[self._name] * self._pace() - self._at_work_s(), OVERDUE * self._at_work_s())

    def _seconds_left(self) -> float:
        return self._rest_of_step() + self._pace() * self._sum(self._ahead())

    def _guessed(self) -> bool:
        to_make = self._ahead() + ([self._course[self._at]] if self._since is not None else [])
        guesses = [each for each in to_make if not self.times.knows(each)]
        return self._sum(guesses) > GUESSED_SHARE * self._sum(to_make)

    def _fraction(self) -> float:
        """The share of the steps' time that lies behind, reused steps with what they would take."""
        if self._at >= len(self._course):
            return 1.0
        total = self._sum(self._course)
        if self._at < 0 or not total:
            return 0.0
        behind, whole = self._sum(self._course[: self._at]), self._expected[self._name]
        if self._since is not None:
            whole = min(self._at_work_s() / self._pace(), MOST_OF_A_STEP * whole)
        return (behind + whole) / total

    def _sum(self, steps: Sequence[Step]) -> float:
        return sum(self._expected[each.stage] for each in steps)
