"""Draft: what a person has answered so far, as the request it makes, and what the library says against it, field by field.

The window declares no option of its own: names, help, choices and limits are those of the requests' fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlases.aim import is_mask, parse_point, side_for
from atlases.area_aim import by_folds
from meshes.errors import InputError
from targeting.modality import TMS
from targeting.study.head_choice import HeadChoice
from targeting.study.head_source import EMBEDDED, UnknownSubjectError
from targeting.study.options import NAMED, Kind, Option, as_flags, names_a_file, options_of
from targeting.study.request import PlanOptions
from targeting.study.tes_request import TesRequest
from targeting.study.tms_request import TmsRequest
from targeting.subject import Subject

if TYPE_CHECKING:
    from targeting.planning.tes import TesQuestion
    from targeting.planning.tms import TmsQuestion

SUBJECT, FOLDER = "subject", "out"  # the fields that are no option of a request
OF_THE_WINDOW = {SUBJECT: "name of the subject", FOLDER: "folder"}
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
HEAD_FIELDS = ("t1", "t2", "labels", "head", "density", "frame")


@dataclass(frozen=True)
class Refusal:
    """What cannot be used: ``field`` is the option it concerns ("" where it is none alone), ``words`` the line for it."""

    field: str
    words: str


@dataclass(frozen=True)
class Draft:
    """A plan as it is asked for so far.

    Parameters
    ----------
    folder : Path
        Where subjects' folders lie.
    subject_name : str
    kind : {"tms", "tdcs", "hd-tdcs"}
    values : mapping
        Answers by the request's field; what is not answered is not in it.  Answers for another kind of plan do no harm.
    """

    folder: Path
    subject_name: str = ""
    kind: str = TMS
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> Subject:
        """The subject, in the folder of its name.

        Raises
        ------
        InputError
            If the name cannot be used.
        """
        if not self.subject_name:
            raise InputError(f"give the subject a name, such as subject01; {EMBEDDED} is the demonstration")
        return Subject.named(self.subject_name, self.folder / self.subject_name)

    @property
    def request(self) -> PlanOptions:
        """The request that the answers make; nothing is checked."""
        if self.kind == TMS:
            return TmsRequest.of(**_known(TmsRequest, self.values))
        return TesRequest.of(**{**_known(TesRequest, self.values), "kind": self.kind})

    def with_values(self, **values: Any) -> Draft:
        """The same with other answers; None takes one away."""
        changed = {name: value for name, value in {**self.values, **values}.items() if value is not None}
        return replace(self, values=changed)

    def question(self) -> TmsQuestion | TesQuestion:
        """The request, checked as a plan checks it.

        Raises
        ------
        InputError
            If anything in it cannot be used.
        """
        request = self.request.checked()
        if isinstance(request, TmsRequest):
            from targeting.planning.tms import check_tms

            return check_tms(self.subject, request)
        assert isinstance(request, TesRequest)
        from targeting.planning.tes import check_tes

        return check_tes(self.subject, request)

    def command(self) -> str:
        """The ``target plan`` command that makes the same plan; errors as for :meth:`question`."""
        from targeting.study.command_line import command_line

        question = self.question()
        return command_line(question.request, question.study.subject.name, question.study.source)

    def to_json(self) -> str:
        """The draft for another process."""
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in self.values.items()}
        return json.dumps({"folder": str(self.folder), "name": self.subject_name, "kind": self.kind, "values": plain})

    @classmethod
    def from_json(cls, text: str) -> Draft:
        """What :meth:`to_json` wrote."""
        known = json.loads(text)
        return cls(Path(known["folder"]), known["name"], known["kind"], known["values"])


def option_named(name: str) -> Option:
    """The declaration of an option, by its name in either request."""
    return {**options_of(TesRequest), **options_of(TmsRequest)}[name]


def head_refusal(draft: Draft) -> Refusal | None:
    """What is wrong with the first step's answers; None: nothing, as far as can be said before the head is made."""
    try:
        subject = draft.subject
    except InputError as error:
        return Refusal(SUBJECT, in_the_window(str(error)))
    if draft.subject_name == EMBEDDED and any(name in draft.values for name in ("t1", "t2", "labels", "head")):
        return Refusal(SUBJECT, f"{EMBEDDED} is the demonstration head: take another name for a head of your own")
    if subject.made_from("segment") and any(name in draft.values for name in ("t1", "t2", "labels", "head")):
        words = f"{subject.name} has a head in this folder: choose it from the list, or take another name"
        return Refusal(SUBJECT, words)
    given = {name: value for name, value in draft.values.items() if name in HEAD_FIELDS}
    try:
        HeadChoice.of_plan(subject, TmsRequest.of(**given).checked()).source.checked()
    except UnknownSubjectError:
        return Refusal("t1", f"{subject.name} is new here: drop or choose a T1 (NIfTI) or a folder of DICOM")
    except InputError as error:
        fields = [*(name for name in _named_in(error) if name in HEAD_FIELDS), *given, "t1"]
        return Refusal(fields[0], in_the_window(str(error)))
    return None


def refusals(draft: Draft) -> list[Refusal]:
    """What the library says against the draft: one line for each answer outside its limits, else the plan's own first refusal.

    Which answer that one concerns is told by the option it names, or by trying without each of them.  The side is asked for
    the demonstration head, too, of which the library would assume it.
    """
    declared = options_of(type(draft.request))
    alone = []
    for name, value in draft.values.items():
        try:
            if name in declared:
                declared[name].check(value)
        except InputError as error:
            alone.append(Refusal(name, in_the_window(str(error))))
    if not has_own_side(str(draft.values.get("aim", ""))) and not {"side", "pain_side"} & set(draft.values):
        alone.append(Refusal("pain_side", side_words(None, None)))
    if alone:
        return alone
    refused = _refused(draft)
    return [] if refused is None else [Refusal(_concerned(draft, refused), in_the_window(str(refused)))]


def in_the_window(text: str) -> str:
    """A line of the library in the window's words: options by their labels, flags of the command line, too.

    Examples
    --------
    >>> in_the_window("the protocol needs it: give `rmt_percent=PERCENT` (--rmt)")
    'the protocol needs it: give “resting motor threshold” PERCENT (“resting motor threshold”)'
    """
    options = {**options_of(TesRequest), **options_of(TmsRequest)}
    labels = {name: f"“{each.label}”" for name, each in options.items()}
    labels |= {name: f"“{label}”" for name, label in OF_THE_WINDOW.items()}
    by_flag = {each.flag: labels[each.name] for each in options.values()}
    return FLAG.sub(lambda found: by_flag.get(found[0], found[0]), as_flags(text, labels))


def value_of(option: Option, text: str) -> Any:
    """What somebody typed into an option's field, as Python has it; None for nothing.

    Raises
    ------
    InputError
        If a number or a point is wanted and it is none.

    Examples
    --------
    >>> value_of(option_named("rmt_percent"), " 52,5 "), value_of(option_named("hotspot_mm"), "-38,-20,55")
    (52.5, (-38.0, -20.0, 55.0))
    >>> value_of(option_named("hotspot_mm"), "mapping.json")
    'mapping.json'
    """
    words = text.strip()
    if not words:
        return None
    if option.kind is Kind.TEXTS:
        return [each.strip() for each in words.split(",")]
    if option.kind is Kind.POINT_OR_FILE and names_a_file(words):
        return words
    if option.kind in (Kind.POINT, Kind.POINT_OR_FILE):
        return tuple(float(each) for each in parse_point(words, words))
    if option.kind is not Kind.NUMBER:
        return words
    try:
        return float(words.removesuffix(option.unit).strip().replace(",", "."))
    except ValueError:
        raise InputError(f"it takes a number{f' in {option.unit}' if option.unit else ''}, not {words!r}") from None


def has_own_side(aim: str) -> bool:
    """Whether a target says by itself on which side it is: coordinates do, and masks.

    Examples
    --------
    >>> has_own_side("m1-hand"), has_own_side("area:OP1"), has_own_side("mni:-37,-21,58")
    (False, False, True)
    """
    return (":" in aim and not by_folds(aim)) or is_mask(aim)


def side_words(side: str | None, pain_side: str | None) -> str:
    """On which side the target is, and why, before anything is planned.

    Examples
    --------
    >>> side_words(None, "left")
    'Pain on the LEFT of the body: the target is on the other side, in the RIGHT half of the brain.'
    """
    if pain_side is not None:
        other = side_for(None, pain_side).upper()
        pain = pain_side.upper()
        return f"Pain on the {pain} of the body: the target is on the other side, in the {other} half of the brain."
    if side is not None:
        return f"The target is in the {side.upper()} half of the brain; the plan does not know the side of the pain."
    return "Say on which side of the body the pain is. The target is in the other half of the brain."


def _known(request: type[PlanOptions], values: Mapping[str, Any]) -> dict[str, Any]:
    declared = options_of(request)
    return {name: value for name, value in values.items() if name in declared}


def _refused(draft: Draft) -> InputError | None:
    try:
        draft.question()
    except InputError as error:
        return error
    return None


def _concerned(draft: Draft, error: InputError) -> str:
    """The field a refusal concerns."""
    named = _named_in(error)
    for name in [*(name for name in named if name in draft.values), *named]:
        if name in options_of(type(draft.request)):
            return name
    for name in draft.values:
        without = _refused(draft.with_values(**{name: None}))
        if without is None or str(without) != str(error):
            return name
    return ""


def _named_in(error: InputError) -> list[str]:
    return [found[1].rpartition(".")[2] for found in NAMED.finditer(str(error))]
