"""How to make the plan again: the command, the version, and the image it holds for."""

from __future__ import annotations

from targeting.plans.tes import TesPlan
from targeting.plans.tms import Plan
from targeting.report.parts import esc, number_rows

PROGRAM = "target"


def reproduce(plan: Plan | TesPlan) -> str:
    """The report's section."""
    command = plan.search.command or ""
    if command:
        told = (
            "<p>Run this in the folder with the files it names:</p>\n"
            f'<pre class="command" id="command" tabindex="0">{esc(command)}</pre>\n'
            '<button type="button" hidden data-does="copy" data-of="command">Copy the command</button>\n'
        )
    else:
        told = "<p>The plan does not say which command made it.</p>\n"
    program = esc(plan.versions.get(PROGRAM, "of unknown version"))
    made = esc(plan.created or "at a time it does not say")
    rows = [
        ("Program", f"<b>{PROGRAM} {program}</b> <span>{_libraries(plan)}</span>"),
        ("Image", f'<b>{esc(plan.frame.image)}</b> <span class="hash">{_hash(plan)}</span>'),
        ("Frame of all coordinates", f"<b>{esc(plan.frame.name)}</b>"),
        ("Made", f"<b>{made}</b> <span>plan format {esc(plan.schema_version)}</span>"),
    ]
    return (
        '<section aria-labelledby="reproduce">\n<h2 id="reproduce">How to reproduce it</h2>\n'
        f'{told}<dl class="numbers">\n{number_rows(rows)}\n</dl>\n'
        "<p>The same version on the same image makes the same plan. All inputs of all steps, with their SHA-256, stand in the "
        "<code>.json</code> files of the steps in the subject’s folder.</p>\n</section>"
    )


def _libraries(plan: Plan | TesPlan) -> str:
    return esc(", ".join(f"{name} {version}" for name, version in plan.versions.items() if name != PROGRAM))


def _hash(plan: Plan | TesPlan) -> str:
    return f"SHA-256 {esc(plan.frame.sha256)}" if plan.frame.sha256 else "its hash is not known"
