"""From a motor threshold to an output: numbers by hand, limits, units, and the safety table."""

import dataclasses
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes.errors import InputError
from targeting.dosing import Protocol, check_trains, dose_from_threshold, protocol_named, ratings
from targeting.dosing.reach import safe_percent_of_rmt, trains_words
from targeting.dosing.train_safety import longest_train, train_table

fields = st.floats(0.05, 5.0)
thresholds = st.floats(1.0, 100.0)


def said(call, *arguments, **named):
    """The one line of the refusal."""
    with pytest.raises(InputError) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# the mathematics


def test_numbers_by_hand_within_the_limits():
    # 50 % of 120 A/µs is 60 A/µs: 60 × 1.5 = 90 V/m at the hotspot; 90 % of it, 81 V/m, from 1.62 V/m at 1 A/µs: 50 A/µs
    dose = dose_from_threshold(50, 1.5, 1.62, fraction=0.9, max_didt_a_per_s=120e6)
    assert dose.threshold_v_per_m == pytest.approx(90.0)
    assert dose.target_v_per_m == pytest.approx(81.0)
    assert dose.didt_a_per_s == pytest.approx(50e6)
    assert dose.asked_percent == dose.given_percent == pytest.approx(100 * 50 / 120)
    assert dose.percent_of_rmt == pytest.approx(100 * 50 / 60)
    assert dose.given_fraction == pytest.approx(0.9)
    assert dose.clamp == "none" and dose.warnings() == []


def test_held_at_120_percent_of_the_threshold():
    # asked: 50 × 1.2 / 0.8 = 75 %; limit 60 %: the target gets 60/75 of 60 V/m
    dose = dose_from_threshold(50, 1.2, 0.8, max_didt_a_per_s=100e6)
    assert (dose.asked_percent, dose.given_percent, dose.clamp) == (
        pytest.approx(75),
        pytest.approx(60),
        "motor threshold",
    )
    assert dose.percent_of_rmt == pytest.approx(120)
    assert dose.given_fraction == pytest.approx(0.8) and dose.target_v_per_m == pytest.approx(48)
    (line,) = dose.warnings()
    assert "need 75.0 % MSO for 100 %" in line and "60.0 % MSO (120 % of the motor threshold)" in line
    assert "gets 80 % of it (48 of 60 V/m)" in line


def test_held_at_the_stimulators_maximum():
    # 120 % of 90 is 108: the stimulator ends first
    dose = dose_from_threshold(90, 1.0, 0.75, fraction=0.9)
    assert (dose.asked_percent, dose.given_percent, dose.clamp) == (pytest.approx(108), 100, "stimulator")
    assert dose.given_fraction == pytest.approx(0.9 * 100 / 108)
    (line,) = dose.warnings()
    assert "108.0 % MSO for 90 %" in line and "100.0 % MSO (100 % of the stimulator's maximum)" in line
    assert "gets 83 % of it" in line and "V/m" not in line


def test_an_output_right_at_the_limit_is_not_called_held():
    assert dose_from_threshold(50, 1.2, 1.0).clamp == "none"
    assert dose_from_threshold(50, 1.2000001, 1.0).clamp == "motor threshold"


@given(thresholds, fields, fields, st.floats(0.1, 2.0))
def test_twice_the_field_at_the_target_halves_the_output(rmt, hotspot, target, fraction):
    one = dose_from_threshold(rmt, hotspot, target, fraction)
    two = dose_from_threshold(rmt, hotspot, 2 * target, fraction)
    assert two.asked_percent == pytest.approx(one.asked_percent / 2)
    assert dose_from_threshold(rmt, 2 * hotspot, target, fraction).asked_percent == pytest.approx(2 * one.asked_percent)


@given(thresholds, fields, fields, st.floats(0.1, 2.0), st.floats(20e6, 300e6))
def test_what_is_given_is_within_the_limits_and_means_the_field_it_says(rmt, hotspot, target, fraction, top):
    dose = dose_from_threshold(rmt, hotspot, target, fraction, top)
    assert dose.given_percent <= min(100, 1.2 * rmt) * (1 + 1e-12)
    assert dose.given_percent <= dose.asked_percent
    assert dose.target_v_per_m == pytest.approx(dose.given_fraction * dose.threshold_v_per_m)
    assert (dose.clamp == "none") == (len(dose.warnings()) == 0)
    # the output in % does not depend on the rating
    assert dose.given_percent == dose_from_threshold(rmt, hotspot, target, fraction).given_percent


def test_a_rating_in_a_per_us_is_refused():
    assert "A/s" in said(dose_from_threshold, 50, 1.0, 1.0, max_didt_a_per_s=114.73)
    for rating in ratings():
        assert 50e6 < rating.max_didt_a_per_s < 300e6
        assert rating.max_didt_a_per_s == rating.max_didt_a_per_us * 1e6


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((0, 1, 1), "threshold"),
        ((101, 1, 1), "threshold"),
        ((math.nan, 1, 1), "threshold"),
        ((50, 0, 1), "hotspot"),
        ((50, 1, math.inf), "target"),
        ((50, 1, 1, 0), "fraction"),
        ((50, 1, 1, 90), "0.9"),
        ((50, 1, 1, math.nan), "fraction"),
    ],
)
def test_impossible_numbers_are_refused(arguments, word):
    assert word in said(dose_from_threshold, *arguments)


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


def session(**changed):
    values = {"pulses_per_train": 40, "trains": 10, "inter_train_s": 26.0, "intensity_fraction_rmt": 1.0}
    return Protocol("own", 10.0, **{**values, **changed}, sessions=1, paper="test")


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
    assert cap < 90 and trains_words(protocol).startswith("below 90 % of the motor threshold")
