"""The safety table: as published, never interpolated, and what it says of a protocol's trains."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sessions import said, session

from targeting.dosing import check_trains, protocol_named
from targeting.dosing.reach import safe_percent_of_rmt, trains_words
from targeting.dosing.train_safety import longest_train, train_table

# the safety table


def test_the_table_is_the_published_one_and_has_its_sources():
    table = train_table()
    assert table.frequencies_hz == (1, 5, 10, 20, 25)
    assert table.intensities_percent_rmt == (90, 100, 110, 120, 130)
    assert table.seconds[2] == (5, 5, 5, 4.2, 2.9) and table.tested[2] == (True, True, True, False, False)
    assert table.seconds[3] == (2.05, 2.05, 1.6, 1.0, 0.55)
    assert "Rossi 2009" in table.source and "Rossi 2021" in table.source and "Chen 1997" in table.interval_source
    assert table.checked.startswith("unverified: ") and table.unverified
    assert "not re-read" in table.read  # provenance is kept, in its own place
    assert all(len(row) == 5 for row in (*table.seconds, *table.tested))


def test_stronger_or_faster_is_never_allowed_longer():
    table = train_table()
    for row in table.seconds:
        assert all(a >= b for a, b in itertools.pairwise(row))
    for column in zip(*table.seconds, strict=True):
        assert all(a >= b for a, b in itertools.pairwise(column))


def allowed_s(hz, percent):
    limit = longest_train(hz, percent)
    return 0.0 if limit is None else limit[0]


@given(st.floats(0.1, 40), st.floats(90, 160), st.floats(1, 2), st.floats(1, 2))
def test_between_entries_the_limit_never_rises_with_frequency_or_intensity(hz, percent, faster, stronger):
    assert allowed_s(hz * faster, percent) <= allowed_s(hz, percent)
    assert allowed_s(hz, percent * stronger) <= allowed_s(hz, percent)


def test_between_entries_the_stricter_neighbour_counts_and_above_the_table_nothing():
    assert longest_train(10, 119) == (4.2, False, 10, 120)
    assert longest_train(10.5, 100) == (2.05, False, 20, 100)
    assert longest_train(0.5, 90) == (1800, True, 1, 90)
    assert longest_train(10, 90) == (5, True, 10, 90) and longest_train(10, 89.9) is None  # the table starts at 90 %
    assert longest_train(26, 90) is None and longest_train(10, 131) is None
    assert "frequency" in said(longest_train, 0, 90)


@pytest.mark.parametrize(
    ("protocol", "percent", "kinds", "word"),
    [
        (session(pulses_per_train=40), 90, [], ""),
        (session(pulses_per_train=50), 110, [], ""),
        (session(pulses_per_train=51), 110, ["untested"], "5 s that were tried"),
        (session(pulses_per_train=31), 120, ["untested"], "up to 110 %"),  # only the interval
        (session(pulses_per_train=42), 120, ["margin", "untested"], "25 %"),
        (session(pulses_per_train=43), 120, ["exceeds", "untested"], "4.2 s"),
        (session(pulses_per_train=43), 112, ["exceeds", "untested"], "nearest stricter entry"),
        (session(), 140, ["exceeds", "untested"], "outside"),
        (session(inter_train_s=4.9), 90, ["untested"], "shorter than the 5 s"),
        (session(inter_train_s=1.0), 90, ["untested"], "shorter than the 5 s"),
        (session(inter_train_s=1.0), 101, ["exceeds"], "unsafe above 100 %"),
        (session(inter_train_s=1.0), 89.9, ["not covered"], "starts at 90 %"),
        (session(pulses_per_train=1000), 89.9, ["not covered"], "none is given with the protocol"),
        (session(pulses_per_train=1000, published_use="us"), 30, ["not covered"], "published use: us"),
        (session(inter_train_s=0.5, trains=1), 90, [], ""),
    ],
)
def test_what_the_tables_say_of_a_session(protocol, percent, kinds, word):
    findings = check_trains(protocol, percent)
    assert [each.kind for each in findings] == kinds
    assert word in " ".join(each.text for each in findings)
    assert all("\n" not in each.text for each in findings)


def test_a_published_session_under_the_table_is_not_covered_and_its_use_is_said():
    (finding,) = check_trains(protocol_named("m1-pain-20hz"), 80)
    assert finding.kind == "not covered" and "exceed" not in finding.text
    assert (
        "trains of 4 s at 20 Hz and 80 %" in finding.text and "it starts at 90 % of the motor threshold" in finding.text
    )
    assert "published use: 193 patients" in finding.text and "PMC11629460" in finding.text
    assert [each.kind for each in check_trains(protocol_named("m1-pain-20hz"), 90)] == ["exceeds"]
    assert [each.kind for each in check_trains(protocol_named("psi-10hz"), 120)] == ["exceeds", "untested"]


@pytest.mark.parametrize("percent", [70, 90, 100, 120, 140])
@pytest.mark.parametrize("name", ["itbs", "ctbs"])
def test_theta_bursts_are_not_conventional_trains(name, percent):
    (finding,) = check_trains(protocol_named(name), percent)
    assert finding.kind == "not covered" and "theta bursts (bursts of 3 pulses at" in finding.text
    assert "Oberman 2011" in finding.text and "Rossi 2021" in finding.text and "published use: " in finding.text


def test_the_rule_for_the_time_between_trains_says_when_it_is_an_extrapolation():
    found_on = dataclasses.replace(
        session(pulses_per_train=32, inter_train_s=4), frequency_hz=20.0
    )  # 1.6 s, Chen's own
    (own,) = (each for each in check_trains(found_on, 100) if "between trains" in each.text)
    assert "at 20 Hz in trains of 1.6 s)" in own.text and "extrapolation" not in own.text
    (other,) = check_trains(session(pulses_per_train=50, inter_train_s=4), 100)
    assert "at 20 Hz in trains of 1.6 s; an extrapolation to 10 Hz in trains of 5 s)" in other.text
    longer = dataclasses.replace(found_on, pulses_per_train=33)
    assert any("extrapolation to 20 Hz in trains of 1.65 s" in each.text for each in check_trains(longer, 100))


@pytest.mark.parametrize(
    ("protocol", "cap"),
    [
        (session(pulses_per_train=29), 130),
        (session(pulses_per_train=30), 120),  # 2.9 s at 130 %
        (session(pulses_per_train=100), 110),  # longer than was tried, but nothing is exceeded
        (protocol_named("m1-pain-5hz"), 130),
        (protocol_named("itbs"), None),
        (protocol_named("ctbs"), None),
    ],
)
def test_the_table_caps_an_output_at_its_own_intensities_or_says_nothing(protocol, cap):
    assert safe_percent_of_rmt(protocol) == cap


def test_trains_too_long_for_the_whole_table_are_capped_strictly_below_it():
    protocol = protocol_named("m1-pain-20hz")
    cap = safe_percent_of_rmt(protocol)
    assert cap > 89.999 and not any(each.kind == "exceeds" for each in check_trains(protocol, 89.999))
    assert cap < 90 and "(less than 90 % of the motor threshold)" in trains_words(protocol)
