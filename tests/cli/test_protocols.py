"""The library of protocols: every entry with its source and what of it is unverified; bursts; one's own files; the pages."""

import dataclasses
import json

import pytest

from atlases.targets import targets
from cli.main import run
from meshes.errors import InputError
from targeting.dosing import Protocol, check_trains, protocol_named, protocols
from targeting.dosing.protocols import MUSCLES, field_words

REQUIRED = ["m1-pain-10hz", "dlpfc-pain-10hz", "m1-pain-20hz", "m1-pain-5hz", "m1-pain-5hz-5days", "leg-pain-5hz-hcoil"]
REQUIRED += ["psi-10hz", "psi-pain-10hz", "psi-central-pain-10hz", "s2-pain-10hz", "itbs", "ctbs"]
NUMBERS = {"pulses_per_train", "trains", "inter_train_s", "intensity_fraction_rmt"}


def said(call, *arguments, **named):
    """The one line of the refusal."""
    with pytest.raises(InputError) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def session(**changed):
    values = {"frequency_hz": 10.0, "pulses_per_train": 40, "trains": 10, "inter_train_s": 26.0}
    return Protocol("own", **{**values, "intensity_fraction_rmt": 1.0, "sessions": 1, "paper": "test", **changed})


# the library


def test_the_library_has_what_the_trials_of_pain_used_good_and_bad():
    assert list(protocols()) == REQUIRED
    found = {name: each.result.split(":")[0] for name, each in protocols().items()}
    assert [name for name, word in found.items() if word == "negative"] == [
        "dlpfc-pain-10hz",
        "m1-pain-5hz-5days",
        "psi-central-pain-10hz",
    ]
    assert set(found.values()) == {"positive", "negative", "mixed", "none for pain"}


@pytest.mark.parametrize("name", REQUIRED)
def test_each_entry_is_complete(name):
    each = protocols()[name]
    for field in ("title", "paper", "population", "target", "result", "spacing", "published_use", "read"):
        assert getattr(each, field), field
    assert each.muscle in MUSCLES and each.pulse == "biphasic"
    # what the source of the numbers is known to be recalled for is marked, and only what is a field can be
    assert ("recalled" in each.read) or not each.unverified
    if "intensity_fraction_rmt" in each.unverified:
        assert "unverified" in each.published_use
    if " " not in each.target:
        assert each.target in targets()


@pytest.mark.parametrize(
    ("name", "pulses", "train_s", "session_s", "percent", "muscle", "sessions", "evidence"),
    [
        ("m1-pain-10hz", 3000, 10, 30 * 10 + 29 * 20, 80, "hand", 15, "A"),
        ("dlpfc-pain-10hz", 3000, 10, 880, 80, "hand", 15, "none"),
        ("m1-pain-20hz", 1600, 4, 20 * 4 + 19 * 84, 80, "hand", 4, "A"),
        ("m1-pain-5hz", 500, 10, 550, 90, "hand", 10, "A"),
        ("m1-pain-5hz-5days", 500, 10, 550, 90, "hand", 5, "A"),
        ("leg-pain-5hz-hcoil", 500, 10, 550, 90, "leg", 5, "none"),
        ("psi-10hz", 1500, 10, 15 * 10 + 14 * 50, 80, "leg", 1, "none"),
        ("psi-pain-10hz", 1500, 10, 850, 80, "leg", 5, "none"),
        ("psi-central-pain-10hz", 1500, 10, 850, 80, "leg", 16, "none"),
        ("s2-pain-10hz", 1000, 5, 290, 90, "hand", 1, "none"),
        ("itbs", 600, 2, 20 * 2 + 19 * 8, 80, "hand", 5, "none"),  # 192 s: no pause after the last train
        ("ctbs", 600, 40, 40, 90, "hand", 1, "none"),
    ],
)
def test_the_numbers(name, pulses, train_s, session_s, percent, muscle, sessions, evidence):
    each = protocol_named(name)
    assert (each.pulses, each.train_s, each.session_s) == (pulses, train_s, session_s)
    assert 100 * each.intensity_fraction_rmt == pytest.approx(percent)
    assert (each.muscle, each.sessions, each.evidence) == (muscle, sessions, evidence)


def test_what_the_abstracts_do_not_state_is_marked_unverified():
    # the abstract of Attal 2021 has 10 Hz, 3000 pulses and 15 sessions, and no more
    assert set(protocol_named("m1-pain-10hz").unverified) == NUMBERS
    assert not {"frequency_hz", "sessions"} & set(protocol_named("m1-pain-20hz").unverified)
    # Chowdhury 2024: pulses a train and trains are in it
    assert protocol_named("psi-10hz").unverified == ("inter_train_s", "intensity_fraction_rmt", "muscle")
    assert "frequency_hz" in protocol_named("psi-pain-10hz").unverified  # only the first page was at hand
    assert protocol_named("ctbs").unverified == () and protocol_named("ctbs").checked == ""
    marked = protocol_named("psi-10hz").checked
    assert marked == "unverified: pause between trains, intensity, muscle of the threshold"


def test_every_entry_passes_the_safety_tables_at_its_own_intensity_or_is_said_not_to_be_in_them():
    for each in protocols().values():
        kinds = [finding.kind for finding in check_trains(each, 100 * each.intensity_fraction_rmt)]
        assert "exceeds" not in kinds
        assert ("not covered" in kinds) == (each.intensity_fraction_rmt < 0.9 or each.burst_pulses > 1)


# bursts


def test_bursts_are_counted_by_their_own_rate():
    bursts = session(frequency_hz=5, pulses_per_train=30, burst_pulses=3, burst_hz=50.0, trains=20, inter_train_s=8)
    assert (bursts.train_s, bursts.pulses, bursts.session_s) == (2, 600, 192)
    assert bursts.rhythm_words == "bursts of 3 pulses at 50 Hz, 5 bursts a second"
    plain = session(frequency_hz=5, pulses_per_train=30)
    assert (plain.train_s, plain.rhythm_words) == (6, "5 Hz")


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"burst_pulses": 3}, "needs burst_hz"),
        ({"burst_hz": 50.0}, "burst_pulses of 2 or more"),
        ({"burst_pulses": 3, "burst_hz": 50.0, "pulses_per_train": 40}, "whole bursts of 3"),
        ({"burst_pulses": 3, "burst_hz": 50.0, "pulses_per_train": 30, "frequency_hz": 50.0}, "bursts a second"),
        ({"burst_pulses": 0, "burst_hz": 50.0}, "burst_pulses is a whole number"),
        ({"burst_pulses": 2.0, "burst_hz": 50.0}, "burst_pulses is a whole number"),
        ({"burst_pulses": 2, "burst_hz": True}, "burst_hz is a number"),
        ({"burst_pulses": 2, "burst_hz": 0.1}, "burst_hz is a number"),
    ],
)
def test_bursts_that_do_not_fit_are_refused(changed, word):
    assert word in said(session, **changed)


# the fields


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"muscle": "hnad"}, "did you mean 'hand'"),
        ({"muscle": 7}, "muscle is text in quotes"),
        ({"pulse": "biphasc"}, "did you mean 'biphasic'"),
        ({"evidence": "D"}, "A, B, C, none"),
        ({"unverified": ["trian"]}, "did you mean 'trains'"),
        ({"unverified": "trains"}, "list of field names"),
        ({"unverified": [1]}, "list of field names"),
        ({"population": 3}, "population is text"),
        ({"target": None}, "target is text"),
        ({"result": 3}, "result is text"),
        ({"spacing": 3}, "spacing is text"),
        ({"published_use": 3}, "published_use is text"),
        ({"read": 3}, "read is text"),
    ],
)
def test_a_field_that_is_not_one_is_refused(changed, word):
    assert word in said(session, **changed)


def test_defaults_are_the_usual_ones():
    own = session()
    assert (own.muscle, own.pulse, own.evidence, own.burst_pulses, own.burst_hz) == (
        "hand",
        "biphasic",
        "none",
        1,
        None,
    )
    assert own.unverified == () and session(unverified=["trains"]).unverified == ("trains",)


def test_every_number_has_words_for_the_clinic():
    for field in (*NUMBERS, "frequency_hz", "burst_hz", "burst_pulses"):
        assert "_" not in field_words(field)


# one's own


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
    assert "check the path" in said(protocol_named, tmp_path / "none.toml")


# the command


def test_the_list_is_compact(capfd):
    assert run(["protocols", "list"]) == 0
    out = capfd.readouterr().out
    assert len(out.splitlines()) < 6 * len(protocols())
    assert "20 trains of 2 s, bursts of 3 pulses at 50 Hz" in out and "evidence A; positive" in out


@pytest.mark.parametrize("name", REQUIRED)
def test_show_tells_everything_of_one(capfd, name):
    each = protocol_named(name)
    assert run(["protocols", "show", name]) == 0
    out = capfd.readouterr().out
    assert max(map(len, out.splitlines())) <= 110
    flat = " ".join(out.split())
    for field in ("name", "title", "population", "target", "result", "spacing", "published_use", "paper", "note"):
        assert getattr(each, field) in flat, field
    assert f"of the {each.muscle}" in flat and each.session_words in flat and each.checked in flat
    assert all(finding.text in flat for finding in check_trains(each, 100 * each.intensity_fraction_rmt))
    assert each.read not in flat
    assert run(["protocols", "show", name, "--json"]) == 0
    row = json.loads(capfd.readouterr().out)
    assert row["unverified"] == list(each.unverified) and row["pulses"] == each.pulses
    assert [finding["kind"] for finding in row["findings"]] == [
        finding.kind for finding in check_trains(each, 100 * each.intensity_fraction_rmt)
    ]


def test_show_suggests_a_name_and_takes_a_file(capfd, tmp_path):
    assert run(["protocols", "show", "itsb"]) == 2
    assert "did you mean 'itbs'" in capfd.readouterr().err
    path = tmp_path / "ours.toml"
    path.write_text(OWN)
    assert run(["protocols", "show", str(path)]) == 0
    out = capfd.readouterr().out
    assert "12 trains of 10 s, 5 Hz, 10.5 s between them; 600 pulses" in out and "target:" not in out
