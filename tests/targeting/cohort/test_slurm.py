"""SLURM's scripts: every word arrives as it was given, nothing of others is overwritten, and a real SLURM runs them."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cohort_data import write_dataset
from quick_people import ASKED, write_people
from slurm_cluster import running_cluster, why_not

from meshes.errors import InputError
from targeting.cohort.person import Folders, Outcome
from targeting.cohort.slurm import write_job_array
from targeting.cohort.workers import NEED_MB, Capacity

ODD = 'it\'s $HOME "and" `more` #5%'
SPEAKS = """#!{python}
import json, os, sys
names = ("SOURCE_DATE_EPOCH", "TARGET_CACHE_DIR")
print(json.dumps([sys.argv[1:], os.getcwd(), [os.environ[each] for each in names]]))
sys.exit(3)
"""


@pytest.fixture
def folders(tmp_path):
    root = tmp_path / ODD
    return Folders(write_dataset(root / "data"), root / "out", root / "out" / "work")


@pytest.fixture
def words_of(tmp_path, monkeypatch):
    """Runs a script with a `target` that says what it was given, and where."""
    programs = tmp_path / "an environment's bin"
    programs.mkdir()
    (programs / "target").write_text(SPEAKS.format(python=sys.executable))
    (programs / "target").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))

    def run(script, task="2"):
        job = {"SLURM_ARRAY_TASK_ID": task, "SLURM_CPUS_PER_TASK": "4"}
        elsewhere = {
            name: word for name, word in os.environ.items() if name not in ("SOURCE_DATE_EPOCH", "TARGET_CACHE_DIR")
        }
        done = subprocess.run(
            ["bash", script], cwd="/", env={**elsewhere, **job}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 3, done.stderr  # the command's own
        return json.loads(done.stdout)

    return run


def directives(script: Path) -> list[str]:
    return [line.removeprefix("#SBATCH ") for line in script.read_text().splitlines() if line.startswith("#SBATCH")]


def test_every_word_arrives_as_it_was_given(tmp_path, folders, words_of, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("TARGET_CACHE_DIR", str(tmp_path / ODD / "cache"))
    monkeypatch.chdir(folders.dataset)
    options = ["--aim", f"{ODD}.nii.gz", "--table", "a table.tsv", "--no-t2w"]
    labels = ["01", "two words", ODD, "-4"]
    home = tmp_path / ODD / "jobs"
    array, group, people = write_job_array(home, labels, options, folders, Capacity(3, 4))
    assert (array, group, people) == (home / "target-array.sh", home / "target-group.sh", home / "people.txt")
    where = ["-w", str(folders.work), "--workers", "in-turn", "--n-cpus", "4", "--skip-bids-validation", *options]
    both = [str(folders.dataset), str(folders.derivatives)]
    surroundings = [str(folders.dataset), ["1700000000", str(tmp_path / ODD / "cache")]]
    for task, label in enumerate(labels, start=1):
        said = words_of(array, str(task))
        assert said == [["bids", *both, "participant", "--participant-label", label, *where], *surroundings]
    assert words_of(group) == [["bids", *both, "group", "--participant-label", *labels, *where], *surroundings]


def test_slurm_is_asked_for_what_a_task_needs(tmp_path, folders):
    array, group, _ = write_job_array(tmp_path / "50% of all", ["01", "02"], [], folders, Capacity(3, 4))
    logs = f"{tmp_path}/50%% of all/logs"
    assert directives(array) == [
        "--job-name=target-participant",
        "--array=1-2%3",
        "--cpus-per-task=4",
        f"--mem={NEED_MB}M",
        "--time=01:00:00",
        f"--output='{logs}/%A_%a.log'",
    ]
    assert directives(group)[-1] == f"--output='{logs}/group_%j.log'"
    assert not [each for each in directives(group) if each.startswith("--array")]
    assert (tmp_path / "50% of all" / "logs").is_dir()
    of_all = write_job_array(tmp_path / "less", ["01"], [], folders, Capacity(2, 4, memory_mb=30_000))[0]
    assert "--mem=15000M" in directives(of_all)
    for each in (array, group):
        subprocess.run(["bash", "-n", each], check=True)


def test_the_head_of_the_script_submits_both(tmp_path, folders, monkeypatch):
    array, group, _ = write_job_array(tmp_path / ODD / "jobs", ["01"], [], folders, Capacity())
    line = next(each for each in array.read_text().splitlines() if "--parsable" in each).removeprefix("#")
    (tmp_path / "sbatch").write_text('#!/bin/sh\necho "$@" >>"$CALLS"; echo 17\n')
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    subprocess.run(["bash", "-c", line], check=True)
    assert (tmp_path / "calls").read_text().splitlines() == [f"--parsable {array}", f"--dependency=afterany:17 {group}"]


def test_nothing_of_others_is_overwritten(tmp_path, folders):
    home = tmp_path / "jobs"
    array, _, people = write_job_array(home, ["01", "02"], ["--side", "left"], folders, Capacity())
    before = array.read_text()
    with pytest.raises(
        InputError, match=r"^.*jobs has a people\.txt that is not of these people; give another folder[^\n]*$"
    ):
        write_job_array(home, ["01"], ["--side", "right"], folders, Capacity())
    assert array.read_text() == before
    write_job_array(home, ["01", "02"], ["--side", "right"], folders, Capacity())  # the same people, asked otherwise
    assert "--side right" in array.read_text()
    people.unlink()
    array.write_text("mine")
    with pytest.raises(InputError, match=r"target-array\.sh that is not of these people"):
        write_job_array(home, ["01", "02"], [], folders, Capacity())
    assert array.read_text() == "mine"


@pytest.mark.parametrize("name", ["back\\slash", "two\nlines"])
def test_names_that_slurm_reads_otherwise_are_refused_in_a_line(tmp_path, folders, name):
    with pytest.raises(InputError, match="SLURM cannot") as error:
        write_job_array(tmp_path / name, ["01"], [], folders, Capacity())
    assert "\n" not in str(error.value)
    assert not (tmp_path / name).exists()


def test_folders_that_cannot_be_used_are_refused_before_anything_is_queued(tmp_path, folders):
    same = Folders(folders.dataset, folders.dataset, folders.work)
    with pytest.raises(InputError, match="holds the dataset itself"):
        write_job_array(tmp_path / "jobs", ["01"], [], same, Capacity())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot make the folder .*; give another one"):
        write_job_array(tmp_path / "file" / "jobs", ["01"], [], folders, Capacity())


def hashes(root: Path, but=("work", "logs")) -> dict[str, str]:
    files = [each for each in sorted(root.rglob("*")) if each.is_file() and each.relative_to(root).parts[0] not in but]
    return {each.relative_to(root).as_posix(): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


def ended(jobs, job: str) -> dict[str, tuple[str, str]]:
    """State and exit code of each task of an array, by its number."""
    tasks = [each for each in jobs if each.get("ArrayJobId") == job]
    return {each["ArrayTaskId"]: (each["JobState"], each["ExitCode"]) for each in tasks}


@pytest.mark.slow
def test_a_real_slurm_plans_for_three_and_again_with_the_same_bytes(tmp_path):
    if why := why_not():
        pytest.skip(why)
    dataset, table = write_people(tmp_path / "of 3", ["01", "02", "03"], damaged=["03"])
    out, home = tmp_path / "of 3" / "out", tmp_path / "of 3" / "jobs"
    command = [Path(sys.executable).with_name("target"), "bids", dataset, out, "participant", "--table", table, *ASKED]
    command += ["--with", "tdcs", "--threads", "1", "--n-cpus", "2", "--skip-bids-validation", "--write-slurm", home]
    subprocess.run(command, check=True, capture_output=True)
    scripts = [str(home / f"target-{name}.sh") for name in ("array", "group")]
    with running_cluster(tmp_path / "slurm") as cluster:
        array = cluster.say("sbatch", "--parsable", scripts[0])
        group = cluster.say("sbatch", "--parsable", f"--dependency=afterany:{array}", scripts[1])
        jobs = cluster.wait(400)
        logs = {each.name: each.read_text() for each in (home / "logs").iterdir()}
        assert set(logs) == {f"{array}_{task}.log" for task in (1, 2, 3)} | {f"group_{group}.log"}
        done = ("COMPLETED", "0:0")
        assert ended(jobs, array) == {"1": done, "2": done, "3": ("FAILED", "2:0")}, logs
        assert [each["JobState"] for each in jobs if each["JobId"] == group] == ["COMPLETED"], logs
        assert (out / "group" / "group.html").is_file()
        outcomes = {each.stem: Outcome.load(each) for each in (out / "work" / "outcomes").glob("*.json")}
        assert {name: each.state for name, each in outcomes.items()} == {
            "sub-01": "done",
            "sub-02": "done",
            "sub-03": "refused",
        }
        assert "03.msh is truncated or damaged" in outcomes["sub-03"].words
        assert outcomes["sub-03"].words in logs[f"{array}_3.log"]
        made = hashes(out)
        assert {"sub-01", "sub-02", "sub-03"} & {name.split("/")[0] for name in made} == {"sub-01", "sub-02"}
        shutil.rmtree(out / "sub-02")  # again: of one person everything stands, of the other the head
        shutil.rmtree(out / "work" / "sub-02" / "plans")
        array = cluster.say("sbatch", "--parsable", "--array=1,2", scripts[0])
        assert ended(cluster.wait(400), array) == {"1": done, "2": done}
    again = {each.stem: Outcome.load(each) for each in (out / "work" / "outcomes").glob("*.json")}
    assert again["sub-01"].seconds < 0.5 * min(outcomes["sub-01"].seconds, again["sub-02"].seconds)
    assert hashes(out) == made
