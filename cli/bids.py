"""``target bids``: a BIDS app, for many people on one machine or a cluster."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.bids_people import PANEL, cohort_options, people_asked
from cli.console import at_work, talk_of
from cli.options import Json, Quiet, show_version, with_options
from cli.plan import check_used, kinds_of
from cli.progress import tell
from cli.tables import summary, table
from meshes.choices import one_of
from meshes.errors import InputError
from targeting.cohort.workers import NEED_MB, Capacity
from targeting.threads import thread_limits, usable_cores

if TYPE_CHECKING:
    from rich.console import RenderableType

    from targeting.cohort.dataset import Dataset
    from targeting.cohort.person import Folders, Outcome, Person

LEVELS = ("participant", "group")
CLUSTER = "Workers"

EXAMPLES = """
**Examples**

    target bids data derivatives/target participant --aim m1-hand --pain-side-column pain_side

    target bids data derivatives/target participant --participant-label 01 02 --aim psi --table people.tsv

    target bids data derivatives/target group --groups-column diagnosis

    target bids data derivatives/target participant --side left --write-slurm jobs
"""


@with_options(cohort_options())
def bids_command(
    context: typer.Context,
    bids_dir: Annotated[Path, typer.Argument(metavar="BIDS_DIR", help="The dataset.")],
    out: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder of the derivatives.")],
    level: Annotated[
        str,
        typer.Argument(metavar="LEVEL", help="participant: plans for each person; group: a table and a page of all."),
    ],
    more: Annotated[
        list[str] | None, typer.Argument(metavar="LABEL...", help="Further people, as after --participant-label.")
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--participant-label",
            "--participant_label",
            metavar="LABEL...",
            rich_help_panel=PANEL,
            help="Only these people.",
        ),
    ] = None,
    session: Annotated[
        str,
        typer.Option(
            "--session-label",
            metavar="LABEL",
            rich_help_panel=PANEL,
            help="Only images of this session; default: the first.",
        ),
    ] = "",
    people_table: Annotated[
        Path | None,
        typer.Option(
            "--table",
            metavar="FILE.tsv",
            rich_help_panel=PANEL,
            help="participant_id and columns called like options: side, coil, rmt, labels ...; at group also accept.",
        ),
    ] = None,
    groups_column: Annotated[
        str | None,
        typer.Option(
            "--groups-column",
            metavar="COLUMN",
            rich_help_panel=PANEL,
            help="At group: a column with two values, whose groups are compared place by place.",
        ),
    ] = None,
    t2w: Annotated[
        bool, typer.Option("--t2w/--no-t2w", rich_help_panel=PANEL, help="Take a T2 beside the T1, too.")
    ] = True,
    skip_bids_validation: Annotated[
        bool,
        typer.Option(
            "--skip-bids-validation",
            "--skip_bids_validation",
            "--skip-bids-validator",
            "--skip_bids_validator",
            rich_help_panel=PANEL,
            help="Do not run the BIDS validator.",
        ),
    ] = False,
    work_dir: Annotated[
        Path | None,
        typer.Option(
            "-w",
            "--work-dir",
            "--work_dir",
            metavar="DIR",
            rich_help_panel=CLUSTER,
            help="Heads and fields; default: OUTPUT_DIR/work.",
        ),
    ] = None,
    n_cpus: Annotated[
        int | None,
        typer.Option(
            "--n-cpus",
            "--n_cpus",
            metavar="N",
            min=1,
            rich_help_panel=CLUSTER,
            help="Cores in all; default: those here.",
        ),
    ] = None,
    mem_mb: Annotated[
        int | None,
        typer.Option("--mem-mb", "--mem_mb", metavar="MB", min=1000, rich_help_panel=CLUSTER, help="Memory in all."),
    ] = None,
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", min=1, rich_help_panel=CLUSTER, help="Cores of each person's work.")
    ] = 2,
    workers: Annotated[
        str | None,
        typer.Option(
            "--workers",
            metavar="in-turn|dask",
            rich_help_panel=CLUSTER,
            help="Default: dask where there is room for two.",
        ),
    ] = None,
    scheduler: Annotated[
        str, typer.Option("--scheduler", metavar="ADDRESS", rich_help_panel=CLUSTER, help="A Dask cluster that stands.")
    ] = "",
    write_slurm: Annotated[
        Path | None,
        typer.Option(
            "--write-slurm",
            metavar="DIR",
            rich_help_panel=CLUSTER,
            help="Only write a SLURM job array that does this.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="The version, and no more.", is_eager=True, callback=show_version)
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
    **words: Any,
) -> None:
    """Plan for everybody in a BIDS dataset, or sum up the plans: a BIDS app."""
    talk = talk_of(context, quiet, as_json)
    one_of(level, LEVELS, "level of analysis")
    if more and not labels:
        raise InputError(f"unexpected {more[0]!r}: people are named after --participant-label")
    wanted = [*(labels or ()), *(more or ())]
    capacity = _capacity(n_cpus, mem_mb, threads, scheduler)
    with at_work(talk):
        from targeting.cohort.dataset import Dataset
        from targeting.cohort.person import Folders

        folders = Folders(bids_dir.absolute(), out.absolute(), (work_dir or out / "work").absolute())
        dataset = Dataset.at(folders.dataset)
        people = dataset.asked(wanted)
        if level == "participant":
            if not skip_bids_validation:
                from targeting.cohort.validation import check_dataset

                tell(check_dataset(folders.dataset, people))
            check_used(context, kinds_of(words["with_"]))
            asked = people_asked(dataset, people, session, people_table, t2w, threads, words)
        answer: tuple[RenderableType, Any]
        if level == "group":
            from cli.bids_group import group_answer

            answer, codes = group_answer(dataset, people, folders, people_table, groups_column), [0]
        elif write_slurm is not None:
            of_cluster = capacity if n_cpus else _of_cluster(mem_mb, threads, len(asked))
            answer, codes = _slurm_answer(write_slurm, context, asked, folders, of_cluster), [0]
        else:
            outcomes = _work(asked, dataset, folders, workers, capacity)
            answer, codes = _outcomes_answer(outcomes), [each.exit_code for each in outcomes]
    talk.answer(*answer)
    worst = next((code for code in (1, 2, 3) if code in codes), 0)
    if worst:
        raise typer.Exit(worst)


def _capacity(n_cpus: int | None, mem_mb: int | None, threads: int, scheduler: str) -> Capacity:
    """What may be used; the threads are told to the libraries of this process before they are loaded."""
    cores = n_cpus or usable_cores()
    threads = min(threads, cores)
    at_a_time = max(1, cores // threads)
    if mem_mb:
        at_a_time = max(1, min(at_a_time, mem_mb // NEED_MB))
    os.environ.update(thread_limits(threads))
    return Capacity(at_a_time, threads, mem_mb, scheduler)


def _of_cluster(mem_mb: int | None, threads: int, people: int) -> Capacity:
    """Of a cluster whose cores were not told, which are not those here: everybody at a time, as far as the memory goes."""
    return Capacity(max(1, min(people, mem_mb // NEED_MB if mem_mb else people)), threads, mem_mb)


def _work(
    people: Sequence[Person], dataset: Dataset, folders: Folders, workers: str | None, capacity: Capacity
) -> list[Outcome]:
    """Have it done, and tell of each step as it ends."""
    from targeting.cohort.participant_level import plan_for_each
    from targeting.cohort.person import STEPS

    by = workers or usual_workers(len(people), capacity)
    tell(f"{len(people)} to do, {by}, {capacity.workers} at a time with {capacity.threads} threads each")
    last: dict[str, Outcome] = {}
    for outcome in plan_for_each(people, dataset, folders, by, capacity):
        last[outcome.name] = outcome
        ended = sum(not each.goes_on or each.step == list(STEPS)[-1] for each in last.values())
        tell(f"{outcome.name}: {outcome.step} {outcome.state}: {outcome.words} ({ended} of {len(people)} ended)")
    return [last[each.name] for each in people if each.name in last]


def usual_workers(people: int, capacity: Capacity) -> str:
    """Dask where it is installed and there is work and room for two at a time, or where a scheduler is named; else in turn."""
    from importlib.util import find_spec

    if capacity.scheduler:
        return "dask"
    return "dask" if people > 1 and capacity.workers > 1 and find_spec("distributed") else "in-turn"


def _outcomes_answer(outcomes: Sequence[Outcome]) -> tuple[RenderableType, list[dict[str, Any]]]:
    from targeting.cohort.person import plain

    rows = [(each.name, each.state, f"{each.seconds:.0f} s", each.words) for each in outcomes]
    return table(("person", "state", "took", ""), rows), [plain(each) for each in outcomes]


def _slurm_answer(
    folder: Path, context: typer.Context, people: Sequence[Person], folders: Folders, capacity: Capacity
) -> tuple[RenderableType, list[str]]:
    """A job array, one task a person, that gives this very command for each."""
    from targeting.cohort.slurm import write_job_array

    labels = [each.participant.label for each in people]
    written = write_job_array(folder, labels, said_again(context), folders, capacity)
    lines = [("written", ", ".join(map(str, written))), ("next", f"sbatch {shlex.quote(str(written[0]))}")]
    return summary(lines), [str(each) for each in written]


NOT_AGAIN = (  # what a job of one person is told in another way
    *("bids_dir", "out", "level", "more", "labels", "write_slurm", "workers", "scheduler", "n_cpus", "mem_mb"),
    *("work_dir", "skip_bids_validation", "quiet", "as_json"),
)


def said_again(context: typer.Context) -> list[str]:
    """The options of this command as they were given, without those that are another's on a cluster."""
    again: list[str] = []
    for each in context.command.params:
        source = context.get_parameter_source(str(each.name))
        if source is None or source.name != "COMMANDLINE" or each.name in NOT_AGAIN:
            continue
        value = context.params[str(each.name)]
        if isinstance(value, bool):
            again.append((each.opts if value else each.secondary_opts)[0])
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            again += [each.opts[0], str(one)]
    return again


bids_command.common |= frozenset(  # type: ignore[attr-defined]  # what the short help shows of its own
    ("--participant-label", "--table", "--work-dir", "--n-cpus", "--mem-mb", "--scheduler", "--write-slurm")
)
