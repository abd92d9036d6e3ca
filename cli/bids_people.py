"""What a cohort's command line and tables ask of each person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.options import parameter_of, typed, values_of
from cli.plan import kinds_of, plan_options
from cli.plan_warnings import accepted_risks
from cli.progress import tell
from meshes.errors import InputError
from targeting.cohort.people import personal_options
from targeting.modality import TMS
from targeting.study.options import Kind, Option, options_of
from targeting.study.request import HeadRequest
from targeting.study.tes_request import TesRequest
from targeting.study.tms_request import TmsRequest

if TYPE_CHECKING:
    from targeting.cohort.dataset import Dataset
    from targeting.cohort.person import Person

FILES = ("t1", "t2", "labels", "head", "cortex")  # come from the dataset or from a table
NOT_FOR_MANY = (*FILES, "hotspot_mm", "patient_id", "threads", "rmt_at_mm", "rmt_pose")
PANEL = "People"


def cohort_options() -> list[Option]:
    """A plan's options but those of one person alone; and for each that a table may have, the column that has it."""
    shared = [each for each in plan_options() if each.name not in NOT_FOR_MANY]
    return [*shared, *column_options().values()]


def column_options() -> dict[str, Option]:
    """``--pain-side-column`` and the like, by the option whose words the column has."""
    return {
        name: Option(
            kind=Kind.TEXT,
            default=None,
            help=f"Column of participants.tsv with each person's --{name}.",
            flag=f"--{name}-column",
            metavar="COLUMN",
            panel=PANEL,
            common=name == "pain-side",
            name=f"{each.name}_column",
        )
        for name, each in personal_options().items()
        if each.name not in FILES
    }


def people_asked(
    dataset: Dataset,
    labels: Sequence[str],
    session: str,
    people_table: Path | None,
    t2w: bool,
    threads: int,
    words: Mapping[str, Any],
) -> list[Person]:
    """Each person with what is asked for them: everybody's words, and above them those of a table.

    Parameters
    ----------
    dataset : Dataset
    labels : sequence of str
        Of whom, without ``sub-``.
    session : str
        Whose images count; "": the first one's.
    people_table : Path or None
        With columns called like options.
    t2w : bool
        Whether a T2 is taken, too.
    threads : int
        Of the segmentation.
    words : mapping
        The command's options, as the terminal has them.

    Raises
    ------
    InputError
        If a table cannot be read, or words in it cannot be used; the line names the person.
    """
    from targeting.cohort.people import words_from_participants, words_from_table
    from targeting.cohort.person import Person

    columns = {name: words[parameter_of(each)] for name, each in column_options().items()}
    own = words_from_participants(dataset, {name: column for name, column in columns.items() if column})
    further = words_from_table(people_table, dataset.labels) if people_table else {}
    options, people = personal_options(), []
    for label in labels:
        said = {**own.get(label, {}), **further.get(label, {})}
        participant = dataset.participant(label, session, t2w)
        try:
            _check_has_use(said, words["with_"])
            mine = {parameter_of(options[name]): typed(options[name], word) for name, word in said.items()}
            plans = _requests({**words, **mine})
            files = {
                name: mine.get(parameter_of(each)) for name, each in options_of(HeadRequest).items() if name in FILES
            }
            given = any(files[name] for name in ("t1", "labels", "head"))
            images = {} if given else {"t1": participant.t1, "t2": participant.t2}
            head = HeadRequest(
                **{**files, **images}, density=words["density"], frame=words["frame"], threads=threads
            ).checked()
        except InputError as error:
            raise InputError(f"sub-{label}: {error}") from None
        tell(f"{participant.name}: {'by the table' if given else participant.chosen}")
        people.append(Person(participant, head, plans))
    return people


def _check_has_use(said: Mapping[str, str], kinds: str) -> None:
    """Refuse what a table says of a person that none of the plans asked for takes."""
    taken = {name for kind in kinds_of(kinds) for name in options_of(TmsRequest if kind == TMS else TesRequest)}
    for name in said:
        if personal_options()[name].name not in taken:
            raise InputError(f"the table's {name} has no use with --with {kinds}: leave it out, or add --with {TMS}")


def _requests(words: Mapping[str, Any]) -> tuple[TmsRequest | TesRequest, ...]:
    """The plans that the words ask for; the head is made before."""
    kinds = kinds_of(words["with_"])
    risks = accepted_risks(words["accept_risk"], kinds)
    found: list[TmsRequest | TesRequest] = []
    for kind in kinds:
        request: type[TmsRequest] | type[TesRequest] = TmsRequest if kind == TMS else TesRequest
        values = {**values_of(request, words), "accept_risk": risks[kind]}
        values = {name: value for name, value in values.items() if name not in (*FILES, "density", "frame")}
        found.append(request(**(values if kind == TMS else {**values, "kind": kind})).checked())
    return tuple(found)
