"""A job array for SLURM, the scheduler of many clusters: two scripts for ``sbatch`` that plan for many people, one task each.

Nothing is submitted here.  Each task gives the command ``target bids`` for one person, needs nothing of the other tasks but
the disk, and ends with the command's exit code.  A second script sums up when all have ended.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from meshes.environments import cache_folder
from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.cohort.dataset import Dataset
from targeting.cohort.derivatives import describe_dataset
from targeting.cohort.participant_level import check_folders
from targeting.cohort.person import Folders
from targeting.cohort.workers import NEED_MB, Capacity
from targeting.made import made_at

TEMPLATE = "slurm.sh.jinja"
PEOPLE, LOGS = "people.txt", "logs"
SCRIPTS = {"participant": "target-array.sh", "group": "target-group.sh"}
LOG_NAMES = {"participant": "%A_%a.log", "group": "group_%j.log"}  # SLURM's: the job, and the number of the task
TIME = "01:00:00"  # about 10 minutes for a T1 by SAMSEG on two cores; the rest is for slower nodes and several plans


def write_job_array(
    folder: str | Path, labels: Sequence[str], options: Sequence[str], folders: Folders, capacity: Capacity
) -> list[Path]:
    """Write ``target-array.sh``, ``target-group.sh`` and ``people.txt`` into a folder, ready for ``sbatch``.

    Parameters
    ----------
    folder : path
        Made if it is not there; the tasks' logs go to ``logs`` in it.
    labels : sequence of str
        Of the people, without ``sub-``.
    options : sequence of str
        Of ``target bids``, as each task gives them again.
    folders : Folders
        On a disk that all nodes see under the same names.
    capacity : Capacity
        Its workers are how many tasks run at a time; its memory is shared out among them.

    Returns
    -------
    list of Path
        The files; the first is the script to submit.

    Raises
    ------
    InputError
        If the folder holds another array or has a name that SLURM cannot take, or the cohort's folders cannot be used.
    WriteError
        If the files cannot be written.
    """
    home = Path(folder).absolute()
    people = "".join(f"{each}\n" for each in labels)
    _check_folder(home, people)
    # now and not in each task: what is wrong with the folders is told before anything waits in a queue, and the files that
    # all tasks share stand, so that no two of them write one at the same time
    check_folders(folders)
    describe_dataset(folders, Dataset.at(folders.dataset))
    values = {
        "people": labels,
        "labels": home / PEOPLE,
        "scripts": {level: home / name for level, name in SCRIPTS.items()},
        "at_a_time": capacity.workers,
        "threads": capacity.threads,
        "memory_mb": capacity.memory_mb // capacity.workers if capacity.memory_mb else NEED_MB,
        "time": TIME,
        "programs": Path(sys.executable).parent,  # where this `target` is: another program may bear the name
        "cache": cache_folder().absolute(),
        "epoch": round(datetime.fromisoformat(made_at()).timestamp()),
        "here": Path.cwd(),
        "dataset": folders.dataset,
        "derivatives": folders.derivatives,
        "work": folders.work,
        "options": options,
    }
    texts = {home / PEOPLE: people}
    for level, name in SCRIPTS.items():
        log = f"{home / LOGS}/".replace("%", "%%") + LOG_NAMES[level]
        texts[home / name] = _templates().get_template(TEMPLATE).render(values, level=level, log=log)
    return _written(home, texts)


def _check_folder(home: Path, people: str) -> None:
    """Refuse a folder whose files somebody may still need, and names that SLURM would read as something else."""
    files = [home / name for name in (PEOPLE, *SCRIPTS.values())]
    there = [each.name for each in files if each.exists()]
    theirs = files[0].read_text(encoding="utf-8", errors="replace") if files[0].is_file() else ""
    if there and theirs != people:
        raise InputError(
            f"{home} has a {there[0]} that is not of these people; give another folder, so that nothing is lost"
        )
    if any(sign in str(home) for sign in "\\\n"):
        raise InputError(
            f"SLURM cannot write logs into {str(home)!r}; give a folder without \\ and line breaks in its path"
        )


def _written(home: Path, texts: dict[Path, str]) -> list[Path]:
    """Write the files, each whole, and make the folder of the logs: SLURM makes none, and loses what a task says."""
    try:
        (home / LOGS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {home / LOGS}: {error.strerror}; give another one") from error
    for path, text in texts.items():
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="surrogateescape")  # names of files are bytes
            temporary.chmod(0o755 if path.suffix == ".sh" else 0o644)
    return [home / name for name in (*SCRIPTS.values(), PEOPLE)]


def quoted(value: object) -> str:
    """A value as a shell reads it as one word; of several values, one word each.

    Examples
    --------
    >>> quoted(2), quoted("$5"), quoted(["--aim", "the spot"])
    ('2', "'$5'", "--aim 'the spot'")
    """
    return shlex.join(map(str, value)) if isinstance(value, list | tuple) else shlex.quote(str(value))


@cache
def _templates() -> Environment:
    """Templates of scripts, in which every value is quoted for the shell."""
    return Environment(
        loader=PackageLoader("targeting", "cohort"),
        finalize=quoted,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
