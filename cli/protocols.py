"""``target protocols``: published rTMS sessions, one line each or everything of one, and the safety tables' word on it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.completion import completed
from cli.console import at_work, talk_of
from cli.help import Command
from cli.lists import Entry, examples_of, group, listing
from cli.options import Json, Quiet

if TYPE_CHECKING:
    from targeting.dosing import Finding, Protocol

app = group("Named rTMS sessions.")
SHOW_EXAMPLES = (
    "\n**Examples**\n\n    target protocols show m1-pain-10hz\n\n    target protocols show ours.toml --json\n"
)


@app.command("list", cls=Command, epilog=examples_of("protocols"))
def list_command(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """List the protocols: trains, intensity, sessions, grade of evidence, result."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.dosing import protocols

        known = protocols().values()
    entries = []
    for each in known:
        unverified = " (partly unverified)" if each.unverified else ""
        facts = [
            f"{each.session_words}; {each.pulses} pulses, {intensity(each)}; sessions: {each.sessions}{unverified}",
            f"evidence {each.evidence}; {each.result}",
        ]
        entries.append(Entry(each.name, each.title, facts))
    brief = (
        "name",
        "title",
        "target",
        "muscle",
        "frequency_hz",
        "intensity_fraction_rmt",
        "sessions",
        "evidence",
        "result",
    )
    rows = [{**{field: getattr(each, field) for field in brief}, "pulses": each.pulses} for each in known]
    talk.answer(listing(entries), rows)


@app.command("show", cls=Command, epilog=SHOW_EXAMPLES)
def show_command(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            autocompletion=completed("protocols"),
            help="A protocol (target protocols list) or your own .toml.",
        ),
    ],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Show all that is known of a protocol, what of it is unverified, and what the safety tables say of its trains."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.dosing import check_trains, protocol_named

        protocol = protocol_named(name)
        findings = check_trains(protocol, 100 * protocol.intensity_fraction_rmt)
    everything = {**asdict(protocol), "train_s": protocol.train_s, "pulses": protocol.pulses}
    everything |= {"session_s": protocol.session_s, "findings": [asdict(each) for each in findings]}
    talk.answer(listing([Entry(protocol.name, protocol.title, facts_of(protocol, findings))]), everything)


def intensity(protocol: Protocol) -> str:
    """The intensity in words: of whose threshold."""
    return f"{100 * protocol.intensity_fraction_rmt:g} % of the resting motor threshold of the {protocol.muscle}"


def facts_of(protocol: Protocol, findings: list[Finding]) -> list[str]:
    """All of a protocol that has a value, a fact a line, in the order a session is prepared in."""
    from targeting.dosing.protocols import EVIDENCE

    minutes = f"{protocol.session_s / 60:.1f} min"
    graded = (
        f"{protocol.evidence}, {EVIDENCE[protocol.evidence]} of this use (Lefaucheur 2020, Clin Neurophysiol 131:474)"
    )
    facts = {
        "population": protocol.population,
        "target": protocol.target,
        "session": f"{protocol.session_words}; {protocol.pulses} pulses in {minutes}, {protocol.pulse}",
        "intensity": intensity(protocol),
        "sessions": ", ".join(filter(None, [str(protocol.sessions), protocol.spacing])),
        "result": protocol.result,
        "evidence": EVIDENCE["none"] if protocol.evidence == "none" else graded,
        "published use": protocol.published_use,
        "paper": protocol.paper,
        "note": protocol.note,
    }
    statements = [f"{what}: {words}" for what, words in facts.items() if words]
    return [*statements, *filter(None, [protocol.checked]), *(f"safety: {each.text}" for each in findings)]
