"""Two people on two real Dask workers, one of which is killed in the middle: the same files as one after another."""

import hashlib
import os
import signal

import pytest
import quick_people

from meshes.errors import InputError
from targeting.cohort.dask_workers import work_by_dask
from targeting.cohort.dataset import Dataset
from targeting.cohort.participant_level import plan_for_each
from targeting.cohort.person import DONE, FAILED, REFUSED, Folders, Outcome, Person
from targeting.cohort.workers import Capacity
from targeting.made import FIXED
from targeting.study.request import HeadRequest
from targeting.study.tms_request import TmsRequest

pytest.importorskip("distributed", reason="Dask is not installed")
ASKED = TmsRequest(aim=quick_people.ASKED[1], side="left", placements=1)


def people_in(folder, labels=("01", "02"), damaged=()):
    """A dataset, and its people with heads that a plan takes half a minute for."""
    root, _ = quick_people.write_people(folder, labels, damaged)
    dataset = Dataset.at(root)
    heads = {label: HeadRequest(head=folder / "heads" / f"m2m_{label}") for label in labels}
    return dataset, [Person(dataset.participant(label), heads[label], (ASKED,)) for label in labels]


def hashes(folder):
    """SHA-256 of every derivative, by its path."""
    files = [each for each in sorted(folder.rglob("*")) if each.is_file()]
    return {each.relative_to(folder).as_posix(): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


def workers_of(pid):
    """Processes of Dask workers below a process."""
    import psutil

    return [each for each in psutil.Process(pid).children(recursive=True) if "spawn_main" in " ".join(each.cmdline())]


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing_but_time(tmp_path, monkeypatch):
    monkeypatch.setenv(FIXED, "1700000000")
    dataset, people = people_in(tmp_path, ("01", "02", "03"), damaged=("03",))
    folders = Folders(dataset.root, tmp_path / "out", tmp_path / "work")
    killed, last = [], {}
    for outcome in plan_for_each(people, dataset, folders, "dask", Capacity(2, 1)):
        last[outcome.name] = outcome
        if outcome.step == "head" and outcome.state == DONE and not killed:
            killed = workers_of(os.getpid())[:2]
            for each in killed:  # whichever has begun the next step
                os.kill(each.pid, signal.SIGKILL)
    assert killed
    assert {name: each.state for name, each in last.items()} == {
        "sub-01": DONE,
        "sub-02": DONE,
        "sub-03": REFUSED,
    }
    made = hashes(folders.derivatives)
    assert any(name.endswith("sub-02_desc-ras421942left_plan.json") for name in made)
    again = Folders(dataset.root, tmp_path / "again", tmp_path / "work")  # resumed: nothing is computed anew
    outcomes = list(plan_for_each(people[:2], dataset, again, "in-turn"))
    assert [each.state for each in outcomes] == [DONE] * 6
    assert hashes(again.derivatives) == made
    fresh = Folders(dataset.root, tmp_path / "fresh", tmp_path / "work-of-one")  # one after another, from nothing
    assert [each.state for each in plan_for_each(people[:1], dataset, fresh, "dask", Capacity(1, 1))] == [DONE] * 3
    of_one = {name: each for name, each in hashes(fresh.derivatives).items() if name.startswith("sub-01")}
    assert of_one == {name: each for name, each in made.items() if name.startswith("sub-01")}


@pytest.mark.slow
def test_a_task_that_kills_every_worker_is_given_up_and_named(tmp_path, monkeypatch):
    dataset, people = people_in(tmp_path)
    folders = Folders(dataset.root, tmp_path / "out", tmp_path / "work")
    outcomes = list(work_by_dask(people[:1], folders, Capacity(1, 1, memory_mb=300)))  # too little to import all
    assert [(each.name, each.step, each.state) for each in outcomes] == [("sub-01", "head", FAILED)]
    assert "workers died of it" in outcomes[0].words and "mem_mb" in outcomes[0].words
    assert Outcome.load(folders.work / "outcomes" / "sub-01.json") == outcomes[0]


def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("targeting.cohort.dask_workers.ANSWER_S", 1)
    dataset, people = people_in(tmp_path)
    folders = Folders(dataset.root, tmp_path / "out", tmp_path / "work")
    with pytest.raises(InputError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        list(work_by_dask(people, folders, Capacity(scheduler="tcp://127.0.0.1:9")))
