"""A plan's poses for a navigator, in a file of the person's choice: what ``target export`` does."""

from __future__ import annotations

from pathlib import Path

from targeting.app.decision import Decision
from targeting.navigation.navigators import navigator_file
from targeting.planning.tms_files import write_navigator
from targeting.plans.gate import plan_gate
from targeting.plans.tms import read_plan
from targeting.study.head_stages import FrameImage
from targeting.study.plan_state import check_stands


def proposed_file(decision: Decision, navigator: str) -> Path:
    """Where it would lie by its usual name."""
    plan = read_plan(decision.folder / "plan.json")
    return decision.folder / navigator_file(navigator, plan.created)


def export_to(decision: Decision, navigator: str, file: Path) -> Path:
    """Write the poses; every one passes the gate that keeps a coil out of the head.

    Raises
    ------
    InputError
        If the plan is outdated, or a pose has the coil in the head.
    WriteError
        If the file cannot be written.
    """
    check_stands(decision.subject)
    plan = read_plan(decision.folder / "plan.json")
    gate, frame = plan_gate(decision.subject, plan), FrameImage.kept_in(decision.subject.folder)
    return write_navigator(plan, navigator, file, gate, frame)
