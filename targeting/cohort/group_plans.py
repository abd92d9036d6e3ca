"""The plans of a cohort as they lie in its derivatives, who has none and why, and which plans are of one kind.

Plans are of one kind where target, side, coil or montage, current and the meaning of the dose are the same.  Only those are
summed up together: left is left, and the dose of one coil is not averaged with that of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from meshes.errors import InputError
from targeting.cohort.dataset import Image, as_counted
from targeting.cohort.derivatives import label_of
from targeting.cohort.person import DANGER, DONE, OUTCOMES, Folders, Outcome
from targeting.modality import TMS
from targeting.plans import tes, tms
from targeting.plans.tes import TesPlan
from targeting.plans.tms import TmsPlan
from targeting.records.json_records import read_json
from targeting.records.warnings import DANGER as A_DANGER
from targeting.records.warnings import WARNING, of_kind
from targeting.words.numbers import total_current

NO_PLAN = "no plan"  # the state of a person whose work never ended, or was thrown away


@dataclass(frozen=True, order=True)
class PlanKind:
    """What plans have in common that are summed up together.

    Parameters
    ----------
    name : str
        Of the plan, as files have it: letters and digits.
    target, side : str
    kind : {"tms", "tdcs", "hd-tdcs"}
    tool : str
        Coil or montage.
    conditions : str
        The current that the dose is for: "1 A/µs", "2 mA".
    dose : str
        What the dose is, in words.
    label : str
        ``name``, or where that is not of this kind alone, with the tool; no two kinds have the same.
    """

    name: str
    target: str
    side: str
    kind: str
    tool: str
    conditions: str
    dose: str
    label: str = ""

    @property
    def title(self) -> str:
        """Target with its side, and the tool."""
        return f"{self.target} {self.side}".strip() + f", {self.tool}"


@dataclass(frozen=True, eq=False)
class Planned:
    """A plan of a person.

    Parameters
    ----------
    label : str
        Of the person, without ``sub-``.
    session : str
        Without ``ses-``; "" without sessions.
    folder : Path
        Of the person (or session) in the derivatives.
    name : str
        Of the plan, as its files have it.
    plan : TmsPlan or TesPlan
    state : str
        How the person's work stands: of :mod:`targeting.cohort.person`.
    remark : str
        What must be known of it: dangers, or that a later run failed.
    kind : PlanKind
    """

    label: str
    session: str
    folder: Path
    name: str
    plan: TmsPlan | TesPlan
    state: str
    remark: str
    kind: PlanKind

    @property
    def person(self) -> str:
        """``sub-01`` or ``sub-01_ses-pre``, as files begin."""
        return f"sub-{self.label}" + (f"_ses-{self.session}" if self.session else "")

    @property
    def dose_v_per_m(self) -> float:
        """The dose in the target: of a coil at 1 A/µs, of a montage at its current."""
        return dose_of_plan(self.plan)

    @property
    def dangers(self) -> int:
        """Dangers that nobody accepted."""
        return len(of_kind(self.plan.warnings, A_DANGER))

    @property
    def warnings(self) -> int:
        """Warnings."""
        return len(of_kind(self.plan.warnings, WARNING))

    def file(self, entities: str, ending: str) -> Path:
        """Another file of the plan in the derivatives: ``sub-01_space-fsLR_den-32k_desc-m1handleft_efield.dscalar.nii``."""
        parts = [self.person, *([entities] if entities else []), f"desc-{self.name}", ending]
        return self.folder / "nibs" / "_".join(parts)


@dataclass(frozen=True)
class Unplanned:
    """A person without a plan: how their work stands, and why."""

    label: str
    state: str
    why: str

    @property
    def person(self) -> str:
        """``sub-01``."""
        return f"sub-{self.label}"


def read_plans(folders: Folders, labels: Sequence[str]) -> tuple[list[Planned], list[Unplanned]]:
    """The plans of the people, in their order, and those who have none.

    Parameters
    ----------
    folders : Folders
    labels : sequence of str
        Without ``sub-``.

    Raises
    ------
    InputError
        If nobody has a plan.
    """
    planned: list[Planned] = []
    missing: list[Unplanned] = []
    for label in labels:
        home = folders.derivatives / f"sub-{label}"
        files = [*home.glob("nibs/*_plan.json"), *home.glob("ses-*/nibs/*_plan.json")]
        mine, faults = [], []
        for path in sorted(files):
            try:
                mine.append(_planned(path, folders))
            except InputError as error:
                faults.append(str(error))
        planned += mine
        if not mine:
            missing.append(_unplanned(label, folders, faults))
    if not planned:
        why = f": sub-{missing[0].label}, for example, {missing[0].why}" if missing else ""
        raise InputError(
            f"{folders.derivatives} holds no plan of anybody asked for, so there is nothing to sum up; run the "
            f"participant level first{why}"
        )
    return _told_apart(planned), missing


def read_plan_of_either(path: Path) -> TmsPlan | TesPlan:
    """The plan in a file, of a coil or of a montage.

    Raises
    ------
    InputError
        If it is neither; the line names the file.
    """
    document = read_json(path, "a plan", f"there is no plan at {path}")
    of_montage = isinstance(document, dict) and document.get("modality") == tes.MODALITY
    try:
        return tes.from_dict(document) if of_montage else tms.from_dict(document)
    except InputError as error:
        raise InputError(f"{path} cannot be used: {error}") from None


def dose_of_plan(plan: TmsPlan | TesPlan) -> float:
    """The dose of a plan in its target, V/m: of a coil in placement 1 at 1 A/µs, of a montage at its current."""
    return plan.placements[0].dose_v_per_m if isinstance(plan, TmsPlan) else plan.dose.dose_v_per_m


def kinds_of(planned: Iterable[Planned]) -> dict[PlanKind, list[Planned]]:
    """The plans kind by kind, kinds by their names."""
    found: dict[PlanKind, list[Planned]] = {}
    for each in planned:
        found.setdefault(each.kind, []).append(each)
    return dict(sorted(found.items()))


def once_each(planned: Sequence[Planned]) -> list[Planned]:
    """One plan of each person, so that nobody counts twice: of several sessions the first."""
    first: dict[str, Planned] = {}
    for each in sorted(planned, key=lambda one: as_counted(one.session)):
        first.setdefault(each.label, each)
    return [each for each in planned if first[each.label] is each]


def _planned(path: Path, folders: Folders) -> Planned:
    entities = Image.of(path).entities
    plan, name = read_plan_of_either(path), entities.get("desc", "")
    label, session = entities.get("sub", ""), entities.get("ses", "")
    person = path.name.partition("_desc-")[0]
    state, remark = DONE, ""
    if plan.unaccepted:
        state, remark = DANGER, "; ".join(each.text for each in plan.unaccepted)
    outcome = Outcome.load(folders.work / OUTCOMES / f"{person}.json")
    if outcome is not None and not outcome.goes_on:
        state = outcome.state
        remark = f"the last run was {outcome.state}, and the plan is of an earlier one: {outcome.words}"
    return Planned(label, session, path.parents[1], name, plan, state, remark, _kind_of(name, plan))


def _kind_of(name: str, plan: TmsPlan | TesPlan) -> PlanKind:
    if isinstance(plan, TmsPlan):
        kind, tool, conditions = TMS, plan.coil.name, "1 A/µs"
    else:
        kind, tool, conditions = plan.kind, plan.montage_name, total_current(plan.total_current_ma)
    return PlanKind(name, plan.target.name, plan.target.side, kind, tool, conditions, plan.objective)


def _told_apart(planned: Sequence[Planned]) -> list[Planned]:
    """The plans with labels of their kinds, by which files can be named."""
    labels: dict[PlanKind, str] = {}
    kinds = sorted({each.kind for each in planned})
    for kind in kinds:
        alone = sum(other.name == kind.name for other in kinds) == 1
        wanted = label = kind.name if alone else kind.name + label_of(kind.tool)
        number = 2
        while label in labels.values():
            label, number = f"{wanted}x{number}", number + 1
        labels[kind] = label
    return [replace(each, kind=replace(each.kind, label=labels[each.kind])) for each in planned]


def _unplanned(label: str, folders: Folders, faults: Sequence[str]) -> Unplanned:
    outcomes = folders.work / OUTCOMES
    files = [outcomes / f"sub-{label}.json", *sorted(outcomes.glob(f"sub-{label}_ses-*.json"))]
    ended = [each for each in map(Outcome.load, files) if each is not None]
    if faults:
        return Unplanned(label, NO_PLAN, "; ".join(faults))
    if not ended:
        return Unplanned(label, NO_PLAN, "no run of the participant level has ended")
    last = ended[-1]
    if last.goes_on:
        return Unplanned(
            label,
            NO_PLAN,
            f"the last run made {', '.join(dict.fromkeys(last.plans)) or 'none'}, which is gone from the folder",
        )
    return Unplanned(label, last.state, f"{last.step} {last.state}: {last.words}")
