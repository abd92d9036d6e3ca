"""``target protocols``: published rTMS sessions, and what the safety tables say of them at their own intensity."""

from __future__ import annotations

from dataclasses import asdict

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Quiet
from cli.tables import Entry, examples_of, group, listing

app = group("Named rTMS sessions.")


@app.command("list", epilog=examples_of("protocols"))
def list_command(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """List the protocols: trains, intensity, paper, what was re-read there, and the safety tables' word on them."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.dosing import check_trains, protocols

        known = protocols().values()
        findings = {each.name: check_trains(each, 100 * each.intensity_fraction_rmt) for each in known}
    entries = []
    for each in known:
        facts = [
            f"{each.trains} trains of {each.train_s:g} s at {each.frequency_hz:g} Hz, {each.inter_train_s:g} s between "
            f"them, {each.pulses} pulses, {100 * each.intensity_fraction_rmt:g} % of the motor threshold; "
            f"sessions: {each.sessions}",
            f"paper: {each.paper}",
            f"checked: {each.checked}",
            f"note: {each.note}",
            *(f"safety: {finding.text}" for finding in findings[each.name]),
        ]
        entries.append(Entry(each.name, each.title, facts))
    rows = [{**asdict(each), "findings": [asdict(finding) for finding in findings[each.name]]} for each in known]
    talk.answer(listing(entries), rows)
