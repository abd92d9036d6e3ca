"""The safety table, protocols, stimulators."""

import dataclasses
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes.errors import InputError
from targeting import Coil
from targeting.coils import coil_names
from targeting.dosing import (
    Protocol,
    check_trains,
    protocol_named,
    protocols,
    ratings,
    stimulator_rating,
)
from targeting.dosing.train_safety import longest_train, train_table



def said(call, *arguments, **named):
    """The one line of the refusal."""
    with pytest.raises(InputError) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# the safety table


def test_the_table_is_the_published_one_and_has_its_sources():
    table = train_table()
    assert table.frequencies_hz == (1, 5, 10, 20, 25)
    assert table.intensities_percent_rmt == (90, 100, 110, 120, 130)
    assert table.seconds[2] == (5, 5, 5, 4.2, 2.9) and table.tested[2] == (True, True, True, False, False)
    assert table.seconds[3] == (2.05, 2.05, 1.6, 1.0, 0.55)
    assert "Rossi 2009" in table.source and "Rossi 2021" in table.source and "Chen 1997" in table.interval_source
    assert "not re-read" in table.checked
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


@given(st.floats(0.1, 40), st.floats(10, 160), st.floats(1, 2), st.floats(1, 2))
def test_between_entries_the_limit_never_rises_with_frequency_or_intensity(hz, percent, faster, stronger):
    assert allowed_s(hz * faster, percent) <= allowed_s(hz, percent)
    assert allowed_s(hz, percent * stronger) <= allowed_s(hz, percent)


def test_between_entries_the_stricter_neighbour_counts_and_above_the_table_nothing():
    assert longest_train(10, 119) == (4.2, False, 10, 120)
    assert longest_train(10.5, 100) == (2.05, False, 20, 100)
    assert longest_train(10, 60) == (5, True, 10, 90)
    assert longest_train(26, 90) is None and longest_train(10, 131) is None
    assert "frequency" in said(longest_train, 0, 90)


def session(**changed):
    values = {"pulses_per_train": 40, "trains": 10, "inter_train_s": 26.0, "intensity_fraction_rmt": 1.0}
    return Protocol("own", **{"frequency_hz": 10.0, **values, **changed}, sessions=1, paper="test")


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
        (session(inter_train_s=1.0), 90, ["exceeds"], "unsafe"),
        (session(inter_train_s=0.5, trains=1), 90, [], ""),
    ],
)
def test_what_the_tables_say_of_a_session(protocol, percent, kinds, word):
    findings = check_trains(protocol, percent)
    assert [each.kind for each in findings] == kinds
    assert word in " ".join(each.text for each in findings)
    assert all("\n" not in each.text for each in findings)


def test_published_protocols_parse_and_say_what_was_checked():
    assert set(protocols()) == {"m1-pain-10hz", "m1-pain-20hz", "psi-10hz"}
    for each in protocols().values():
        assert each.paper and "re-read" in each.checked and each.title
    attal = protocol_named("m1-pain-10hz")
    assert (attal.pulses, attal.train_s, attal.session_s) == (3000, 10.0, 30 * 10 + 29 * 20)
    # published sessions go beyond the table, and that is said
    assert [each.kind for each in check_trains(attal, 80)] == ["untested"]
    assert [each.kind for each in check_trains(protocol_named("psi-10hz"), 120)] == ["exceeds", "untested"]


OWN = """frequency_hz = 5
pulses_per_train = 50
trains = 12
inter_train_s = 10.5
intensity_fraction_rmt = 0.9
sessions = 10
paper = "ours"
"""


def test_a_protocol_of_ones_own(tmp_path):
    path = tmp_path / "ours.toml"
    path.write_text(OWN)
    own = protocol_named(path)
    assert (own.name, own.pulses, own.train_s, own.title) == ("ours", 600, 10.0, "")
    assert protocol_named(str(path)) == own
    path.write_text("[slow]\n" + OWN)
    assert protocol_named(path) == dataclasses.replace(own, name="slow")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (OWN.replace("sessions = 10", ""), "lacks sessions"),
        (OWN.replace("trains = 12", "trians = 12"), "trains"),
        (OWN.replace("trains = 12", "trains = 1.5"), "whole number"),
        (OWN.replace("trains = 12", "trains = true"), "whole number"),
        (OWN.replace("frequency_hz = 5", "frequency_hz = nan"), "frequency_hz"),
        (OWN.replace("= 0.9", "= 90"), "intensity_fraction_rmt"),
        (OWN.replace('"ours"', '" "'), "paper"),
        (OWN.replace('"ours"', "7"), "text"),
        ("frequency_hz = ", "not TOML"),
        ("", "lacks"),
    ],
)
def test_a_bad_protocol_file_is_one_line(tmp_path, text, word):
    path = tmp_path / "ours.toml"
    path.write_text(text)
    assert word in said(protocol_named, path)


def test_unknown_names_are_refused_with_what_there_is(tmp_path):
    assert "did you mean 'm1-pain-10hz'" in said(protocol_named, "m1-pain-10h")
    assert "magstim-rapid" in said(stimulator_rating, "magstim-rapd", "figure8-70mm")
    assert "not in the table" in said(stimulator_rating, "magpro-x100", "figure8-70mm")
    assert "check the path" in said(protocol_named, tmp_path / "none.toml")


def test_every_rating_has_its_source_and_agrees_with_the_built_in_coils():
    assert all("doi" in each.source and each.coils for each in ratings())
    pairs = [(each.stimulator, coil.lower()) for each in ratings() for coil in each.coils]
    assert len(set(pairs)) == len(pairs)
    for name in coil_names():
        (row,) = (each for each in ratings() if name in each.coils)
        assert stimulator_rating(row.stimulator, name.upper()) == row
        assert row.max_didt_a_per_s == pytest.approx(Coil.named(name).max_didt_a_per_s)
