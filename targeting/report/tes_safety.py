"""The safety table of a montage's report: every item beside its limit, and what the limits rest on."""

from __future__ import annotations

from targeting.plans.tes import TesPlan
from targeting.report.parts import esc, row, sentence
from targeting.report.provenance import unverified


def safety_rows(plan: TesPlan) -> str:
    """Rows of the table: item, here, limit, whether within."""

    def verdict(within: bool, accepted: bool) -> str:
        return "yes" if within else "no, accepted" if accepted else "<b>no</b>"

    return "\n".join(
        row(
            f"{esc(item.title)}<small>{esc(item.what)}</small>",
            f"{item.value:.3g} {esc(item.unit)}",
            f"{item.limit:g} {esc(item.unit)}",
            verdict(item.within, item.accepted),
        )
        for item in plan.safety
    )


def _open(checked: str) -> str:
    return f" <small>({unverified(checked)})</small>" if unverified(checked) else ""


def session_checks(plan: TesPlan) -> str:
    """What is to be seen to at every session, as a list; empty for a plan of an earlier version."""
    if not plan.session_checks:
        return ""
    lines = "".join(
        f"<li><b>{esc(sentence(each.title))}</b>: {esc(each.what)}. "
        f"<small>{esc(each.source)}</small>{_open(each.checked)}</li>"
        for each in plan.session_checks
    )
    return f'<h3>To be seen to at every session</h3><ul class="files">{lines}</ul>'


def safety_sources(plan: TesPlan) -> str:
    """What the limits rest on."""
    lines = "".join(
        f"<li>{esc(sentence(item.title))}: {esc(item.source)}{_open(item.checked)}</li>" for item in plan.safety
    )
    return (
        "<p>Within these limits stimulation was given to people without a serious adverse effect, or the field stays below "
        f'animal lesions by a margin; none is a threshold of harm.</p><ul class="files">{lines}</ul>'
    )
