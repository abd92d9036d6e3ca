"""A motor threshold given to the whole road: the other stages are stood in for, these two and the plan are real."""

import pytest

from cli.main import run
from meshes.errors import InputError
from targeting.plans.tms import read_plan
from targeting.study.plan_state import stages_of


def test_without_a_threshold_nothing_is_added(short_road):
    made, ran = short_road.plan()
    assert made.dosing is None and ran == {"search", "files"}
    assert not (short_road.subject.folder / "dosing.json").exists()


AT = (-40.0, -20.0, 50.0)


def test_a_protocol_adds_the_block_its_warnings_come_first_and_a_change_redoes_only_what_depends_on_it(short_road):
    made, ran = short_road.plan(rmt_percent=50, rmt_muscle="leg", rmt_at_mm=AT, protocol="psi-10hz")
    assert ran == {"search", "hotspot", "dosing", "files"}
    # 80 % of 50, where the field at threshold would take 75 and used to give 60
    assert (made.dosing.given_percent, made.dosing.clamp, made.dosing.muscle) == (40, "none", "leg")
    assert made.dosing.given_fraction == pytest.approx(0.8 / 1.5)
    assert made.dosing.target_side == made.dosing.hotspot_side == "left" and made.unaccepted == []
    texts = {each.text: each.kind for each in made.warnings}
    assert texts["motor hotspot: moved"] == "warning" and "of the image" in texts
    (uncovered,) = (text for text in texts if "not covered by the table" in text)
    (gets,) = (
        text for text in texts if "subthreshold in the target, at the protocol's intensity: 46 V/m, 53 %" in text
    )
    assert texts[uncovered] == texts[gets] == "note"
    assert not any("out of reach" in text for text in texts)
    assert read_plan(short_road.subject.folder / "plan.json") == made
    assert {"hotspot", "dosing"} <= made.seconds.keys()
    assert stages_of(short_road.subject)[-3:] == ["hotspot", "dosing", "files"]
    states = {row.stage: row.state for row in short_road.subject.status(["hotspot", "dosing"])}
    assert states["hotspot"] == "done"
    assert "--rmt 50 --rmt-muscle leg --rmt-at -40,-20,50 --protocol psi-10hz" in made.search.command

    again, ran = short_road.plan(rmt_percent=40, rmt_at_mm=AT)
    assert ran == {"dosing", "files"}
    assert again.dosing.protocol is None and again.dosing.given_percent is None
    matched, ran = short_road.plan(rmt_percent=40, rmt_at_mm=AT, match_field=1.0)
    assert ran == {"dosing", "files"}
    assert (matched.dosing.given_percent, matched.dosing.clamp) == (30, "peak")  # 40 × 1.5 / 2
    _, ran = short_road.plan()
    assert ran == {"files"}
    assert stages_of(short_road.subject)[-3:] != ["hotspot", "dosing", "files"]


@pytest.fixture
def told(short_road, capfd):
    """What ``target plan`` says: exit code, output lines, error lines."""
    words = [
        "plan",
        "colin27",
        "--as",
        ".",
        "--out",
        str(short_road.subject.folder),
        "--aim",
        "ras:-45,-20,45",
        "--density",
        "fast",
    ]

    def told(*asked):
        code = run([*words, "--rmt", "50", "--rmt-at", "-40,-20,50", *map(str, asked), "--quiet"])
        out, err = capfd.readouterr()
        return code, out.splitlines(), err.splitlines()

    return told


def test_a_matched_field_on_the_command_line(told):
    code, out, _ = told("--match-field", 0.9, "--stimulator", "magstim-rapid")
    (line,) = (each for each in out if each.startswith("output"))
    # 0.9 × 75 = 67.5 % asked; 2 V/m somewhere: 0.9 × 50 × 1.5 / 2 = 33.75
    assert code == 0 and line.startswith(
        "output     33 % MSO, 66.0 % of the hand's motor threshold (50.0 %); held by: "
    )
    assert (
        "the field asked for takes 67.5 %" in line
        and "44 % of the field at threshold, 38 V/m of 86 V/m; hotspot and" in line
    )
    warnings = [each for each in out if each.startswith("warning")]
    assert "the target would need 67.5 % MSO for 90 %" in warnings[0]


def test_a_threshold_alone_gives_no_output(told):
    code, out, _ = told()
    (line,) = (each for each in out if each.startswith("output"))
    assert code == 0 and line.startswith("output     no output asked for: give --protocol or --match-field")
    assert "MSO" not in line and "57 V/m, 67 % of the field that the hotspot gets by it, 86 V/m" in line


def test_a_protocol_beyond_a_limit_ends_with_3_until_that_is_accepted(told, tmp_path):
    own = tmp_path / "strong.toml"
    own.write_text(
        "frequency_hz = 10\npulses_per_train = 100\ntrains = 10\ninter_train_s = 50\nsessions = 1\n"
        'intensity_fraction_rmt = 1.2\npaper = "ours"\n'
    )
    code, out, _ = told("--protocol", own)
    assert code == 3 and out[0].startswith("UNSAFE")
    (danger,) = (each for each in out if each.startswith("DANGER"))
    assert "exceed the longest safe train of 4.2 s" in danger and "--accept-risk trains" in danger
    assert any(line.startswith("output     60 % MSO") for line in out)  # nothing is changed silently
    code, out, _ = told("--protocol", own, "--accept-risk", "trains")
    assert code == 0 and not out[0].startswith("UNSAFE") and any("(accepted)" in line for line in out)


def test_another_muscles_threshold_and_the_old_option_are_refused_in_one_line(told, short_road):
    code, out, err = told("--protocol", "psi-10hz")
    assert code == 2 and out == [] and len(err) == 1 and "--rmt-muscle leg" in err[0] and "--muscle-ratio" in err[0]
    code, out, err = told("--dose-fraction", "0.9")
    assert code == 2 and out == [] and "--dose-fraction" in " ".join(err)
    assert not short_road.subject.folder.exists()


def test_a_bad_request_leaves_what_stood_as_it_was(short_road):
    with pytest.raises(InputError, match="`rmt_percent=PERCENT`"):
        short_road.plan(protocol="psi-10hz")
    assert not short_road.subject.folder.exists()
