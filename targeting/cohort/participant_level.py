"""The participant level: a head and plans for each person asked for, and what is kept of them as a BIDS dataset."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from meshes.errors import InputError
from targeting.cohort.dataset import Dataset
from targeting.cohort.derivatives import describe_dataset
from targeting.cohort.person import REFUSED, Folders, Outcome, Person
from targeting.cohort.workers import WORKERS, Capacity

log = logging.getLogger(__name__)


def check_folders(folders: Folders) -> None:
    """Refuse folders of which one would be written into another that must stay as it is.

    Raises
    ------
    InputError
        If derivatives or work would lie among the dataset's own files.
    """
    dataset, derivatives, work = (each.resolve() for each in (folders.dataset, folders.derivatives, folders.work))
    if derivatives == dataset or dataset.is_relative_to(derivatives):
        raise InputError(
            f"{folders.derivatives} holds the dataset itself; give a folder of its own, such as derivatives/target"
        )
    if work == dataset or dataset.is_relative_to(work):
        raise InputError(f"the work folder {folders.work} holds the dataset itself; give another one")
    if work == derivatives:
        raise InputError(f"the work folder cannot be the derivatives' own {folders.derivatives}; give another one")


def plan_for_each(
    people: Sequence[Person],
    dataset: Dataset,
    folders: Folders,
    workers: str = "in-turn",
    capacity: Capacity | None = None,
) -> Iterator[Outcome]:
    """Make everybody's head and plans; what is valid in the work folder is reused, and one person's fault stops nobody else.

    Parameters
    ----------
    people : sequence of Person
    dataset : Dataset
    folders : Folders
    workers : str
        Of :data:`targeting.cohort.workers.WORKERS`.
    capacity : Capacity, optional

    Yields
    ------
    Outcome
        Of each step as it ends.

    Raises
    ------
    InputError
        If nothing can be begun: unknown workers, folders that cannot be used.
    """
    member = WORKERS.named(workers)
    check_folders(folders)
    describe_dataset(folders, dataset)
    able = []
    for person in people:
        if why := _why_no_head(person):
            outcome = Outcome(person.name, "head", REFUSED, why)
            outcome.save(folders)
            yield outcome
        else:
            able.append(person)
    yield from WORKERS.run(member, member.work, able, folders, capacity or Capacity())


def _why_no_head(person: Person) -> str:
    """Why no head can be made, in words; "" where one can be tried."""
    files = [Path(each) for each in (person.head.t1, person.head.labels, person.head.head) if each is not None]
    if not files:
        return f"there is no T1w image to make a head from: {person.participant.chosen}"
    if files[0].is_symlink() and not files[0].exists():  # as git-annex leaves what it has not fetched
        return f"{files[0]} is a link to what is not here; fetch it first (datalad get)"
    return ""
