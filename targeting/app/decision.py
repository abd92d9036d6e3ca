"""What a plan decides, as its report's first page does: whether to trust it, place, output, dose, and every warning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from targeting.app.draft import in_the_window
from targeting.modality import TMS
from targeting.plans.tes import TesPlan, read_tes_plan
from targeting.plans.tes_words import dose_words, electrode_words, session_fact, standard_words
from targeting.plans.tms import Plan, read_plan
from targeting.plans.tms_words import coil_fact, dose_box, handle_facts, output_box, place_box
from targeting.records.warnings import PlanWarning
from targeting.report.header import Trust, running_texts, trust_box
from targeting.scene.planned import planned_modality
from targeting.study.plan_state import last_stage, why_outdated
from targeting.subject import Subject
from targeting.words.fact import Fact

REPORT = "plan.html"
SHEETS = ("treatment_sheet.html", "placement_sheet.html")  # of a coil, of a montage


@dataclass(frozen=True)
class Decision:
    """A plan in a windowful.

    Parameters
    ----------
    subject : Subject
        With the plan.
    kind : {"tms", "tdcs", "hd-tdcs"}
    title : str
        Whom and what it is for, and the sides.
    trust : Trust
        Whether it may be used.
    facts : sequence of Fact
    warnings : sequence of PlanWarning
        All, the dangers first.
    command : str
        What makes it again in a terminal.
    folder : Path
        Of its files.
    outdated : str
        What it no longer follows from; "" while it stands.
    """

    subject: Subject
    kind: str
    title: str
    trust: Trust
    facts: Sequence[Fact]
    warnings: Sequence[PlanWarning]
    command: str
    folder: Path
    outdated: str

    @classmethod
    def of(cls, subject: Subject, kind: str | None = None) -> Decision:
        """Read a plan that is made.

        Raises
        ------
        InputError
            If it is not there, or cannot be read.
        """
        kind = planned_modality(subject, kind)
        folder = subject.folder_of(kind)
        plan = read_plan(folder / "plan.json") if kind == TMS else read_tes_plan(folder / "plan.json")
        facts = coil_facts(plan) if isinstance(plan, Plan) else montage_facts(plan)
        return cls(
            subject,
            kind,
            "  ·  ".join(running_texts(plan)),
            trust_box(plan.warnings),
            [replace(each, more=in_the_window(each.more)) for each in facts],
            [replace(each, text=in_the_window(each.text)) for each in plan.warnings],
            plan.search.command or "",
            folder,
            why_outdated(subject, last_stage(kind)),
        )

    @property
    def report(self) -> Path:
        """The page to check."""
        return self.folder / REPORT

    @property
    def sheet(self) -> Path | None:
        """The sheet of paper for the chair, where there is one."""
        return next((self.folder / name for name in SHEETS if (self.folder / name).is_file()), None)


def coil_facts(plan: Plan) -> list[Fact]:
    """Output, dose, place, handle and device."""
    return [output_box(plan.dosing), dose_box(plan), place_box(plan, ""), *handle_facts(plan), coil_fact(plan.coil)]


def montage_facts(plan: TesPlan) -> list[Fact]:
    """Electrodes, session, dose, and what the standard montage would give."""
    electrodes = ", ".join(electrode_words(each.name, each.current_ma) for each in plan.montage)
    return [
        Fact("Electrodes", electrodes, more=plan.montage_name),
        session_fact(plan),
        Fact("Dose in the target", dose_words(plan.dose)),
        Fact("Beside the standard montage", more=standard_words(plan)),
    ]
