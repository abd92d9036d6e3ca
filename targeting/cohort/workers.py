"""Who does a cohort's work: in this process one person after another, or a Dask cluster; others can register.

A step of one person is one task, which needs nothing but the disk.  So the same files come from one worker or ten, a worker
that dies costs its own task, and a run that was broken off goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from meshes.plugins import Registry
from targeting.cohort.person import Folders, Outcome, Person

NEED_MB = 6500  # of a person's work: SAMSEG's 6 GB and a little; a search on a standard mesh takes 5.7


@dataclass(frozen=True)
class Capacity:
    """What may be used.

    Parameters
    ----------
    workers : int
        People at work at a time.
    threads : int
        Of each.
    memory_mb : int or None
        Of all together; None: what there is.
    scheduler : str
        Address of a cluster that stands; "": none.
    """

    workers: int = 1
    threads: int = 2
    memory_mb: int | None = None
    scheduler: str = ""


Work = Callable[[Sequence[Person], Folders, Capacity], Iterator[Outcome]]


@dataclass(frozen=True)
class Workers:
    """A way to have a cohort's work done.

    Parameters
    ----------
    name : str
    title : str
        In a line, for who chooses.
    work : callable
        Of the people, the folders and the capacity: the outcome of each step as it ends.  The steps of one person
        (:data:`targeting.cohort.person.STEPS`) follow one another by :func:`targeting.cohort.person.do`, each given the
        outcome of the one before; what one person fails at stops nobody else.
    """

    name: str
    title: str
    work: Work


WORKERS = Registry(
    "target.workers",
    Workers,
    "kind of workers",
    {"in-turn": "targeting.cohort.in_turn:IN_TURN", "dask": "targeting.cohort.dask_workers:DASK"},
)
