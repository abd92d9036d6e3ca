"""A cohort's work on a Dask cluster: one of this machine's processes, or one that stands (``--scheduler ADDRESS``).

Dask (https://distributed.dask.org) is used, not imported, until it is asked for.  Each worker is a process that does one task
at a time, with a limit of memory; one that dies is started again, and its task is done by whichever worker is free.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

from meshes.errors import InputError
from targeting.cohort.person import FAILED, STEPS, Folders, Outcome, Person, do
from targeting.cohort.workers import Capacity, Workers
from targeting.threads import thread_limits

log = logging.getLogger(__name__)

DEATHS = 2  # workers that may die of one task until it is given up
ANSWER_S = 20  # for a scheduler to answer
HOW = "pip install '.[cohort]', or take the workers `in-turn`"


def work_by_dask(people: Sequence[Person], folders: Folders, capacity: Capacity) -> Iterator[Outcome]:
    """Everybody's steps on a cluster, as many at a time as it has workers.

    Parameters
    ----------
    people : sequence of Person
    folders : Folders
        On a disk that all workers see under the same names.
    capacity : Capacity

    Yields
    ------
    Outcome
        Of each step as it ends.

    Raises
    ------
    InputError
        If Dask is not installed, or nobody answers at the scheduler's address.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise InputError(f"Dask is not installed: {HOW}") from None
    with ExitStack() as stack:
        client = stack.enter_context(_client(stack, capacity, Client))
        log.info("what the workers do: %s", client.dashboard_link, extra={"for_everyone": True})
        futures, run = {}, uuid4().hex  # on a cluster that stands there may be others with a sub-01
        for order, person in enumerate(people):
            before: Any = None
            for step in STEPS:
                # the first person's later steps come before the next person's first: results early, few half-done
                key = f"{step}-{person.name}-{run}"
                before = client.submit(do, step, person, folders, before, pure=False, priority=-order, key=key)
                futures[before] = (step, person)
        ended: set[str] = set()
        for future in as_completed(list(futures)):
            step, person = futures[future]
            if person.name in ended:  # what follows a step that went wrong
                continue
            outcome = future.result() if future.status == "finished" else _lost(future, step, person, folders)
            if not outcome.goes_on:
                ended.add(person.name)
            yield outcome


def _client(stack: ExitStack, capacity: Capacity, client: Any) -> Any:
    """A client of the cluster that stands, or of one that is made here and ends with the work."""
    import dask

    dask.config.set({"distributed.scheduler.allowed-failures": DEATHS})
    if capacity.scheduler:
        try:
            return client(capacity.scheduler, timeout=ANSWER_S)
        except (OSError, ValueError) as error:
            raise InputError(f"no Dask scheduler answers at {capacity.scheduler!r}: {error}") from None
    from distributed import LocalCluster

    memory = f"{capacity.memory_mb // capacity.workers}MB" if capacity.memory_mb else "auto"
    cluster = stack.enter_context(
        LocalCluster(
            n_workers=capacity.workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=memory,
            env=thread_limits(capacity.threads),
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
            silence_logs=logging.ERROR,
        )
    )
    return client(cluster)


def _lost(future: Any, step: str, person: Person, folders: Folders) -> Outcome:
    """The outcome of a task whose workers died, or that could not be started."""
    error = future.exception()
    died = type(error).__name__ == "KilledWorker"
    words = (
        f"{DEATHS + 1} workers died of it, mostly for want of memory: give `mem_mb` more, or fewer workers"
        if died
        else f"{type(error).__name__}: {error}"
    )
    outcome = Outcome(person.name, step, FAILED, words)
    outcome.save(folders)
    return outcome


DASK = Workers("dask", "processes of this machine, or a Dask cluster that stands", work_by_dask)
