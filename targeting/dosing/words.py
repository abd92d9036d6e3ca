"""How strongly to stimulate, in words: the stimulator's output, what the target gets by it, its limits and its protocol."""

from __future__ import annotations

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
from targeting.words.fact import Fact
from targeting.words.numbers import duration, number, point, three_digits

NONE_ASKED = "no output asked for: give --protocol or --match-field"


def dosing_line(dosing: PlanDosing) -> str:
    """For a terminal: the output and what the target gets, in a line."""
    return f"{output_words(dosing)}; {target_words(dosing)}; {sides_words(dosing)}"


def output_words(dosing: PlanDosing) -> str:
    """The output, its share of the motor threshold, and what sets it."""
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
    """What sets the output, and what holds it there."""
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


def sides_words(dosing: PlanDosing) -> str:
    """On which side the threshold was found and the target lies."""
    if dosing.hotspot_side == dosing.target_side:
        return f"hotspot and target on the {dosing.target_side}"
    return f"hotspot on the {dosing.hotspot_side}, target on the {dosing.target_side}"


def dosing_facts(dosing: PlanDosing) -> list[Fact]:
    """The output, what the target gets by it, the fields it rests on and the protocol, each as a fact."""
    return [*_output(dosing), *_fields(dosing), *(_protocol(dosing.protocol) if dosing.protocol else [])]


def _output(dosing: PlanDosing) -> list[Fact]:
    if dosing.given_percent is None or dosing.given_fraction is None or dosing.peak_fraction is None:
        return [
            Fact("Stimulator output", "not asked for", more="a protocol or a field to match would set it"),
            _at_threshold(dosing),
            *_stronger(dosing),
        ]
    by = share_words(dosing) + why_words(dosing)
    facts = [Fact("Stimulator output", f"{dosing.given_percent}", "% MSO", by)]
    if dosing.asked == BY_FIELD:
        objective = (
            f"for {number(100 * (dosing.match_field or 1.0), 0)} % of the field at motor threshold in the target"
        )
        limits = ", ".join(f"{name} {number(percent)} %" for name, percent in dosing.limits_percent.items())
        facts += [
            Fact("To match the field asked for", number(dosing.asked_percent or 0.0), "% MSO", objective),
            Fact("Limits on an output that matches a field", limits, more="MSO"),
        ]
    share = "of the field at motor threshold"
    share += "" if dosing.target_v_per_m is None else f", {volts(dosing.target_v_per_m)}"
    if dosing.asked == BY_PROTOCOL and dosing.protocol is not None:
        level = "subthreshold" if dosing.given_fraction < 1 else "at or above threshold"
        share += f": {level}, {by_protocol_words(dosing.protocol)}"
    peak = number(100 * dosing.peak_fraction, 0)
    return [
        *facts,
        Fact("The target then gets", number(100 * dosing.given_fraction, 0), "%", share),
        Fact("The strongest field in grey matter then is", peak, "%", "of the mean field at the hotspot at threshold"),
        *_stronger(dosing),
    ]


def _at_threshold(dosing: PlanDosing) -> Fact:
    size = "" if dosing.at_threshold_v_per_m is None else f", {volts(dosing.at_threshold_v_per_m)}"
    share = number(100 * dosing.at_threshold_fraction, 0)
    name = "At 100 % of the motor threshold the target would get"
    return Fact(name, share, "%", f"of the field that the hotspot gets{size}")


def _stronger(dosing: PlanDosing) -> list[Fact]:
    if not dosing.stronger:
        return []
    stronger = ", ".join(f"{name} ({ratio:.1f} times)" for name, ratio in dosing.stronger.items())
    return [Fact("Named targets that get more than this one", stronger, more="mean |E|, same side")]


def _fields(dosing: PlanDosing) -> list[Fact]:
    both = f"{three_digits(dosing.hotspot_e_v_per_m)} and {three_digits(dosing.target_e_v_per_m)}"
    where = f"{sides_words(dosing)}; {dosing.hotspot_source}"
    facts = [
        Fact(
            "Field at the hotspot and at the target",
            both,
            "V/m",
            "at 1 A/µs, each at its own pose: size of the mean E vector",
        ),
        Fact("Motor hotspot", point(dosing.hotspot_mm), "mm", where),
    ]
    if dosing.threshold_v_per_m is not None:
        facts.append(Fact("Field at the hotspot at threshold", three_digits(dosing.threshold_v_per_m), "V/m"))
    if dosing.max_didt_a_per_s is not None:
        source = f"{dosing.max_didt_of}: {dosing.max_didt_source}" if dosing.max_didt_of else dosing.max_didt_source
        top = three_digits(dosing.max_didt_a_per_s / 1e6)
        facts.append(Fact("dI/dt at 100 % MSO", top, "A/µs", source.rstrip(": ")))
    if dosing.didt_a_per_s is not None:
        facts.append(Fact("dI/dt at this output", three_digits(dosing.didt_a_per_s / 1e6), "A/µs"))
    return facts


def _protocol(protocol: PlanProtocol) -> list[Fact]:
    session, table = protocol_of(protocol), train_table()
    sessions = f"{protocol.sessions} session{'' if protocol.sessions == 1 else 's'}"
    pulses = [f"{session.pulses} pulses", duration(session.session_s), sessions, protocol.spacing]
    about = [
        ", ".join(filter(None, pulses)),
        protocol.paper,
        *([f"unverified: {', '.join(map(field_words, protocol.unverified))}"] if protocol.unverified else []),
        *([protocol.note] if protocol.note else []),
    ]
    own = (
        f"{number(protocol.own_percent)} % MSO; the target would get {number(100 * protocol.own_fraction, 0)} % of the "
        "field at threshold"
    )
    findings = "; ".join(each.text for each in protocol.findings) or "within the published limits at this output"
    intensity = f"{number(100 * protocol.intensity_fraction_rmt, 0)} % of the {protocol_threshold(protocol)}"
    return [
        Fact(f"Protocol {protocol.name}", session.session_words, more=". ".join(about)),
        Fact("The protocol’s own intensity", intensity, more=own),
        Fact("Its trains", findings, more=f"{table.source} ({table.checked})"),
    ]


def protocol_threshold(protocol: PlanProtocol) -> str:
    """The motor threshold that a protocol's intensity is a share of."""
    return f"{protocol.muscle}'s motor threshold" if protocol.muscle else "motor threshold"
