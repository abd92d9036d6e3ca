"""How strongly to stimulate, in words: the output for the target from a motor threshold, its limits and its protocol."""

from __future__ import annotations

from html import escape

from targeting.dosing.train_safety import train_table
from targeting.plans.dosing import PlanDosing, PlanProtocol
from targeting.report.words import duration, number, point, three_digits


def dosing_words(dosing: PlanDosing) -> str:
    """The output and what the target gets, in a line."""
    volts = ""
    if dosing.target_v_per_m is not None and dosing.threshold_v_per_m is not None:
        volts = f", {dosing.target_v_per_m:.0f} of {dosing.threshold_v_per_m:.0f} V/m"
    asked = ""
    if dosing.clamp != "none":
        asked = f" (asked {dosing.asked_percent:.1f} %, held by the {_limit(dosing)})"
    return (
        f"{dosing.given_percent:.1f} % MSO{asked}, {dosing.percent_of_rmt:.0f} % of the motor threshold: the target gets "
        f"{100 * dosing.given_fraction:.0f} % of the field at threshold{volts}; {sides(dosing)}"
    )


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
        f"<p>From a motor threshold of {number(dosing.rmt_percent)} % of the stimulator’s maximum output (MSO). This holds "
        "for the coil, stimulator and pulse the threshold was found with, and takes the target to answer to the same "
        "field as the motor cortex does.</p>\n"
        f'<dl class="numbers">\n{items}\n</dl>\n</section>'
    )


def _output(dosing: PlanDosing) -> list[tuple[str, str]]:
    wanted = f"{number(100 * dosing.fraction, 0)} % of the field at motor threshold"
    rows = [
        (
            "Stimulator output asked for",
            f"<b>{number(dosing.asked_percent)} % MSO</b> <span>for {wanted} in the target</span>",
        ),
        (
            "Stimulator output",
            f"<b>{number(dosing.given_percent)} % MSO</b> <span>{number(dosing.percent_of_rmt, 0)} % of the motor threshold"
            + (f"; held by the {_limit(dosing)}</span>" if dosing.clamp != "none" else "; within the limits</span>"),
        ),
        (
            "The target then gets",
            f"<b>{number(100 * dosing.given_fraction, 0)} %</b> <span>of the field at motor threshold"
            + (
                f", {three_digits(dosing.target_v_per_m)} V/m</span>"
                if dosing.target_v_per_m is not None
                else "</span>"
            ),
        ),
        (
            "The strongest field in grey matter then is",
            f"<b>{number(100 * dosing.peak_fraction, 0)} %</b> <span>of the mean field at the hotspot at threshold</span>",
        ),
    ]
    if dosing.stronger:
        more = ", ".join(f"{escape(name)} ({ratio:.1f} times)" for name, ratio in dosing.stronger.items())
        rows.append(("Named targets that get more than this one", f"<b>{more}</b> <span>mean |E|, same side</span>"))
    return rows


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
    if dosing.max_didt_a_per_s is not None and dosing.didt_a_per_s is not None:
        rows.append(
            (
                "dI/dt at this output",
                f"<b>{three_digits(dosing.didt_a_per_s / 1e6)} A/µs</b> <span>of "
                f"{three_digits(dosing.max_didt_a_per_s / 1e6)} at 100 % MSO: {escape(dosing.max_didt_source)}</span>",
            )
        )
    return rows


def _protocol(protocol: PlanProtocol) -> list[tuple[str, str]]:
    train_s = protocol.pulses_per_train / protocol.frequency_hz
    session = protocol.trains * train_s + (protocol.trains - 1) * protocol.inter_train_s
    table = train_table()
    findings = "; ".join(protocol.findings) or "within the published limits at this output"
    return [
        (
            f"Protocol {escape(protocol.name)}",
            f"<b>{protocol.trains} trains of {train_s:g} s at {protocol.frequency_hz:g} Hz</b> "
            f"<span>{protocol.inter_train_s:g} s between them, {protocol.trains * protocol.pulses_per_train} pulses, "
            f"{duration(session)}, sessions: {protocol.sessions}; {escape(protocol.paper)}. {escape(protocol.checked)}. "
            f"{escape(protocol.note)}</span>",
        ),
        (
            "The protocol’s own rule",
            f"<b>{number(protocol.own_percent)} % MSO</b> <span>{100 * protocol.intensity_fraction_rmt:.0f} % of the motor "
            f"threshold: the target would get {100 * protocol.own_fraction:.0f} % of the field at threshold</span>",
        ),
        ("Its trains", f"<b>{escape(findings)}</b> <span>{escape(table.source)} ({escape(table.checked)})</span>"),
    ]


def _limit(dosing: PlanDosing) -> str:
    return "stimulator’s maximum" if dosing.clamp == "stimulator" else "limit of 120 % of the motor threshold"
