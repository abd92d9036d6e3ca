"""How strongly to stimulate, in words: the output asked for, what the target gets by it, its limits and its protocol."""

from __future__ import annotations

from html import escape

from targeting.dosing.motor_threshold import volts
from targeting.dosing.protocols import field_words
from targeting.dosing.record import (
    BY_FIELD,
    BY_PROTOCOL,
    PlanDosing,
    PlanProtocol,
    by_protocol_words,
    given_words,
    protocol_of,
)
from targeting.dosing.train_safety import train_table
from targeting.words.numbers import duration, number, point, three_digits

NONE_ASKED = "no output asked for: give --protocol or --match-field"


def dosing_words(dosing: PlanDosing) -> str:
    """The output and what the target gets, in a line."""
    return f"{output_words(dosing)}; {target_words(dosing)}; {sides(dosing)}"


def output_words(dosing: PlanDosing) -> str:
    """The output, of which threshold it is how much, and by what it is that and no more."""
    if dosing.given_percent is None:
        return NONE_ASKED
    return f"{dosing.given_percent} % MSO, {share_words(dosing)}{why_words(dosing)}"


def share_words(dosing: PlanDosing) -> str:
    """The output in percent of the motor threshold, and whose that is."""
    percent = number(dosing.percent_of_rmt or 0.0)
    if dosing.muscle_ratio is None or dosing.protocol is None:
        return f"{percent} % of the {threshold_words(dosing)} ({number(dosing.rmt_percent)} %)"
    taken = number(dosing.rmt_percent * dosing.muscle_ratio)
    return (
        f"{number(dosing.percent_of_own_rmt or 0.0)} % of the {dosing.protocol.muscle}'s motor threshold (taken as {taken} %, "
        f"{dosing.muscle_ratio:g} times the {dosing.muscle}'s) and {percent} % of the {dosing.muscle}'s "
        f"({number(dosing.rmt_percent)} %)"
    )


def why_words(dosing: PlanDosing) -> str:
    """By what the output is that and no more."""
    if dosing.asked == BY_PROTOCOL and dosing.protocol is not None:
        if dosing.clamp == "none":
            return f", the intensity of protocol {dosing.protocol.name}"
        return f"; protocol {dosing.protocol.name} takes {number(dosing.asked_percent or 0.0)} %, more than there is"
    if dosing.clamp == "none":
        return f" for {number(100 * (dosing.match_field or 1.0), 0)} % of the field at threshold"
    return f"; held by: {dosing.held_by}; the field asked for takes {number(dosing.asked_percent or 0.0)} %"


def target_words(dosing: PlanDosing) -> str:
    """What the target gets by the output; without one, at the motor threshold."""
    if dosing.given_fraction is None:
        size = "" if dosing.at_threshold_v_per_m is None else f"{volts(dosing.at_threshold_v_per_m)}, "
        return (
            f"with the coil here, 100 % of the {threshold_words(dosing)} gives the target "
            f"{size}{number(100 * dosing.at_threshold_fraction, 0)} % of the field that the hotspot gets by it"
            + ("" if dosing.threshold_v_per_m is None else f", {volts(dosing.threshold_v_per_m)}")
        )
    if dosing.asked == BY_PROTOCOL and dosing.protocol is not None:
        return given_words(dosing.given_fraction, dosing.target_v_per_m, by_protocol_words(dosing.protocol))
    size = ""
    if dosing.target_v_per_m is not None and dosing.threshold_v_per_m is not None:
        size = f", {volts(dosing.target_v_per_m)} of {volts(dosing.threshold_v_per_m)}"
    return f"the target gets {number(100 * dosing.given_fraction, 0)} % of the field at threshold{size}"


def threshold_words(dosing: PlanDosing) -> str:
    """Whose motor threshold was measured."""
    return f"{dosing.muscle}'s motor threshold" if dosing.muscle else "motor threshold"


def sides(dosing: PlanDosing) -> str:
    """On which side the threshold was found and the target lies."""
    if dosing.hotspot_side == dosing.target_side:
        return f"hotspot and target on the {dosing.target_side}"
    return f"hotspot on the {dosing.hotspot_side}, target on the {dosing.target_side}"


def dosing_section(dosing: PlanDosing | None) -> str:
    """The report's section, or nothing."""
    if dosing is None:
        return ""
    rows = [*_output(dosing), *_fields(dosing), *(_protocol(dosing.protocol) if dosing.protocol else [])]
    items = "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return (
        '<section aria-labelledby="output">\n<h2 id="output">How strongly</h2>\n'
        f"<p>From the {escape(threshold_words(dosing))}, {number(dosing.rmt_percent)} % of the stimulator’s maximum output "
        "(MSO). This holds for the coil, stimulator and pulse the threshold was found with. That the target answers to the "
        "same field as the motor cortex does is not known; a protocol’s intensity does not rest on it.</p>\n"
        f'<dl class="numbers">\n{items}\n</dl>\n</section>'
    )


def _output(dosing: PlanDosing) -> list[tuple[str, str]]:
    if dosing.given_percent is None or dosing.given_fraction is None or dosing.peak_fraction is None:
        return [
            ("Stimulator output", "<b>not asked for</b> <span>a protocol or a field to match would set it</span>"),
            *_at_threshold(dosing),
            *_stronger(dosing),
        ]
    rows = [
        (
            "Stimulator output",
            f"<b>{dosing.given_percent} % MSO</b> <span>{escape(share_words(dosing) + why_words(dosing))}</span>",
        )
    ]
    if dosing.asked == BY_FIELD:
        wanted = f"{number(100 * (dosing.match_field or 1.0), 0)} % of the field at motor threshold"
        asked = f"<b>{number(dosing.asked_percent or 0.0)} % MSO</b> <span>for {wanted} in the target</span>"
        rows.append(("To match the field asked for", asked))
        limits = ", ".join(f"{name} {number(percent)} %" for name, percent in dosing.limits_percent.items())
        rows.append(("Limits on an output that matches a field", f"<b>{escape(limits)}</b> <span>MSO</span>"))
    size = "" if dosing.target_v_per_m is None else f", {volts(dosing.target_v_per_m)}"
    share = f"<b>{number(100 * dosing.given_fraction, 0)} %</b> <span>of the field at motor threshold{size}"
    if dosing.asked == BY_PROTOCOL and dosing.protocol is not None:
        level = "subthreshold" if dosing.given_fraction < 1 else "at or above threshold"
        share += f": {level}, {by_protocol_words(dosing.protocol)}"
    rows.append(("The target then gets", share + "</span>"))
    rows.append(
        (
            "The strongest field in grey matter then is",
            f"<b>{number(100 * dosing.peak_fraction, 0)} %</b> <span>of the mean field at the hotspot at threshold</span>",
        )
    )
    return [*rows, *_stronger(dosing)]


def _at_threshold(dosing: PlanDosing) -> list[tuple[str, str]]:
    size = "" if dosing.at_threshold_v_per_m is None else f", {volts(dosing.at_threshold_v_per_m)}"
    return [
        (
            "At 100 % of the motor threshold the target would get",
            f"<b>{number(100 * dosing.at_threshold_fraction, 0)} %</b> <span>of the field that the hotspot gets{size}</span>",
        )
    ]


def _stronger(dosing: PlanDosing) -> list[tuple[str, str]]:
    if not dosing.stronger:
        return []
    more = ", ".join(f"{escape(name)} ({ratio:.1f} times)" for name, ratio in dosing.stronger.items())
    return [("Named targets that get more than this one", f"<b>{more}</b> <span>mean |E|, same side</span>")]


def _fields(dosing: PlanDosing) -> list[tuple[str, str]]:
    rows = [
        (
            "Field at the hotspot and at the target",
            f"<b>{three_digits(dosing.hotspot_e_v_per_m)} and {three_digits(dosing.target_e_v_per_m)} V/m</b> "
            "<span>at 1 A/µs, each at its own pose: size of the mean E vector</span>",
        ),
        (
            "Motor hotspot",
            f"<b>{point(dosing.hotspot_mm)} mm</b> <span>{sides(dosing)}; {escape(dosing.hotspot_source)}</span>",
        ),
    ]
    if dosing.threshold_v_per_m is not None:
        rows.append(("Field at the hotspot at threshold", f"<b>{three_digits(dosing.threshold_v_per_m)} V/m</b>"))
    if dosing.max_didt_a_per_s is not None:
        of = f"{dosing.max_didt_of}: " if dosing.max_didt_of else ""
        rows.append(
            (
                "dI/dt at 100 % MSO",
                f"<b>{three_digits(dosing.max_didt_a_per_s / 1e6)} A/µs</b> "
                f"<span>{escape(of + dosing.max_didt_source).rstrip(': ')}</span>",
            )
        )
    if dosing.didt_a_per_s is not None:
        rows.append(("dI/dt at this output", f"<b>{three_digits(dosing.didt_a_per_s / 1e6)} A/µs</b>"))
    return rows


def _protocol(told: PlanProtocol) -> list[tuple[str, str]]:
    protocol, table = protocol_of(told), train_table()
    sessions = f"{told.sessions} session{'' if told.sessions == 1 else 's'}"
    facts = [
        ", ".join(filter(None, [f"{protocol.pulses} pulses", duration(protocol.session_s), sessions, told.spacing])),
        told.paper,
        *([f"unverified: {', '.join(map(field_words, told.unverified))}"] if told.unverified else []),
        *([told.note] if told.note else []),
    ]
    findings = "; ".join(each.text for each in told.findings) or "within the published limits at this output"
    return [
        (
            f"Protocol {escape(told.name)}",
            f"<b>{escape(protocol.session_words)}</b> <span>{escape('. '.join(facts))}</span>",
        ),
        (
            "The protocol’s own intensity",
            f"<b>{number(100 * told.intensity_fraction_rmt, 0)} % of the {escape(whose(told))}</b> "
            f"<span>{number(told.own_percent)} % MSO; the target would get {number(100 * told.own_fraction, 0)} % of the "
            "field at threshold</span>",
        ),
        ("Its trains", f"<b>{escape(findings)}</b> <span>{escape(table.source)} ({escape(table.checked)})</span>"),
    ]


def whose(protocol: PlanProtocol) -> str:
    """Whose motor threshold a protocol is in percent of."""
    return f"{protocol.muscle}'s motor threshold" if protocol.muscle else "motor threshold"
