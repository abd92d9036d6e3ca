"""A cohort's work in this process, one person after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from targeting.cohort.person import STEPS, Folders, Outcome, Person, do
from targeting.cohort.workers import Capacity, Workers


def work_in_turn(people: Sequence[Person], folders: Folders, capacity: Capacity) -> Iterator[Outcome]:
    """Each person's steps, one after another.

    Parameters
    ----------
    people : sequence of Person
    folders : Folders
    capacity : Capacity
        Its threads are those of the environment.

    Yields
    ------
    Outcome
        Of each step; of a person whose work went wrong, the last one.
    """
    for person in people:
        outcome = None
        for step in STEPS:
            outcome = do(step, person, folders, outcome)
            yield outcome
            if not outcome.goes_on:
                break


IN_TURN = Workers("in-turn", "in this process, one person after another", work_in_turn)
