"""Who is told of a run: a callback, each step, in order, from a thread of its own; nobody who did not ask."""

import logging
import threading
import time

import pytest
from short_stages import NAMES, run, stage

from meshes.errors import InputError
from targeting import plan_tes, plan_tms
from targeting.progress import watching
from targeting.progress.watching import showing
from targeting.study.plan_state import BEFORE_SEARCH
from targeting.study.study import make_head


def states(told):
    return [(each.name, each.state) for each in told if each.state != "at work"]


def test_a_callback_hears_of_every_step_and_of_the_end(tmp_path):
    told = []
    run(tmp_path, told.append)
    assert states(told) == [*((name, state) for name in NAMES for state in ("begun", "done")), ("", "finished")]
    assert [each.step for each in told if each.state == "begun"] == [1, 2, 3]
    assert {each.steps for each in told} == {3}
    assert [each.fraction for each in told] == sorted(each.fraction for each in told)
    again = []
    run(tmp_path, again.append)
    assert states(again) == [*((name, "reused") for name in NAMES), ("", "finished")]
    assert again[-1].reused == 3 and again[0].seconds_left == 0.0


def test_a_long_step_is_told_of_while_it_is_at_work_from_another_thread(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "TICK_S", 0.1)
    told, threads = [], set()

    def show(progress):
        told.append(progress)
        threads.add(threading.get_ident())

    run(tmp_path, show, [stage("segment", 0.5)], names=("segment",))
    at_work = [each for each in told if each.state == "at work"]
    assert len(at_work) >= 2 and at_work[0].seconds < at_work[1].seconds
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_a_callback_that_fails_is_said_once_and_the_run_goes_on(tmp_path, caplog):
    def show(progress):
        raise RuntimeError("my own fault")

    assert [each.value for each in run(tmp_path, show)] == list(NAMES)
    said = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert said == ["progress is no longer told: my own fault (RuntimeError)"]


def test_a_run_that_breaks_off_says_so(tmp_path):
    told = []
    with pytest.raises(InputError):
        run(tmp_path, told.append, [stage("segment"), stage("mesh", fault=InputError("no head"))])
    assert told[-1].state == "failed" and told[-1].name == "mesh"
    assert str(told[-1]).startswith("broke off after 0:00 in step 2 of 3: head mesh")


def test_nobody_is_told_who_did_not_ask(tmp_path, capfd):
    run(tmp_path)
    run(tmp_path, False)
    assert capfd.readouterr() == ("", "")
    assert not [each for each in threading.enumerate() if each.name == "progress"]


def test_who_watches_the_program_hears_of_every_run_and_of_stages_outside_one(tmp_path):
    from targeting.subject import Subject

    told, own = [], []
    with showing(told.append):
        run(tmp_path / "a")
        run(tmp_path / "b", own.append)
        run(tmp_path / "c", False)
        subject = Subject.named("s1", tmp_path / "d")
        with subject.locked():
            subject.run(stage("basis"))
    assert len(states(told)) == 7 + 2 and len(states(own)) == 7
    assert [each.count for each in told if each.name == "basis"] == ["", ""]


def test_two_runs_in_two_threads_keep_apart(tmp_path):
    told = {"a": [], "b": []}
    stages = {key: [stage(f"{key}{i}", 0.05) for i in range(4)] for key in told}
    threads = [
        threading.Thread(
            target=run, args=(tmp_path / key, told[key].append, stages[key], [each.name for each in stages[key]])
        )
        for key in told
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for key, heard in told.items():
        assert {each.name[:1] for each in heard} == {key, ""}
        assert states(heard)[-1] == ("", "finished") and len(states(heard)) == 9


def test_a_listener_that_hangs_does_not_hold_up_who_presses_ctrl_c(tmp_path):
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, lambda _: time.sleep(20), [stage("segment", fault=KeyboardInterrupt())])
    assert time.monotonic() - started < 3 * watching.TICK_S


@pytest.mark.parametrize("function", [plan_tms, plan_tes, make_head])
def test_all_that_takes_long_takes_progress(function):
    import inspect

    taken = inspect.signature(function).parameters["progress"]
    assert taken.kind is inspect.Parameter.KEYWORD_ONLY and taken.default is None
    assert "progress" in function.__doc__


HEAD = ("segment", "mesh", "register", "cortex", "target")
POSES = ("search", "robustness", "confirm", "aim-certainty")


@pytest.mark.parametrize(
    ("options", "own"),
    [
        ({}, ["dosemap", *POSES]),
        (
            {"also": ["psi@left"], "rmt_percent": 52, "rmt_at_mm": (-38, -20, 55), "compare": ["circular-mc125"]},
            ["hotspot", "dosemap", *BEFORE_SEARCH, *POSES, "goal", "dosing", "comparison"],
        ),
        (
            {"aim": "psi", "rmt_percent": 52, "uncertainty": True},
            ["hotspot", "dosemap", *POSES, "uncertainty", "dosing"],
        ),
    ],
)
def test_the_steps_of_a_coils_plan_are_foreseen_from_what_is_asked_for(tmp_path, options, own):
    from targeting import TmsRequest
    from targeting.planning.steps import tms_steps
    from targeting.planning.tms import check_tms
    from targeting.subject import Subject

    question = check_tms(Subject.named("colin27", tmp_path / "s"), TmsRequest(**{"side": "left", **options}).checked())
    steps = tms_steps(question)
    assert [each.stage for each in steps] == [*HEAD, *own, "surfaces", "files"]
    assert {(each.way, each.density) for each in steps} == {("embedded", "standard")}


@pytest.mark.parametrize(
    ("options", "own"),
    [
        ({"kind": "tdcs"}, ["positions", "tdcs-leadfield", "tdcs-search", "tdcs-confirm", "tdcs-aim-certainty"]),
        (
            {"kind": "tdcs", "montage": "m1-so"},
            ["positions", "tdcs-search", "tdcs-confirm", "tdcs-aim-certainty"],
        ),
        (
            {"kind": "hd-tdcs", "avoid": ["m1-face"], "cap": "10-5"},
            ["hd-tdcs-places", "positions-10-5", "hd-tdcs-leadfield-10-5"]
            + [f"hd-tdcs-{name}" for name in ("search", "confirm", "aim-certainty")],
        ),
    ],
)
def test_the_steps_of_a_montages_plan_are_foreseen_from_what_is_asked_for(tmp_path, options, own):
    from targeting import TesRequest
    from targeting.planning.steps import tes_steps
    from targeting.planning.tes import check_tes
    from targeting.subject import Subject

    question = check_tes(Subject.named("colin27", tmp_path / "s"), TesRequest(side="left", **options).checked())
    steps = [each.stage for each in tes_steps(question)]
    assert steps == [*HEAD, *own, "surfaces", f"{options['kind']}-files"]


@pytest.mark.alone
@pytest.mark.usefixtures("registered_anew")
def test_once_learnt_the_time_left_is_right_within_a_factor_of_two(tmp_path):
    make_head("colin27", density="fast", out=tmp_path / "learn")
    told = []
    make_head("colin27", density="fast", out=tmp_path / "made", progress=told.append)
    end = told[-1].seconds
    assert told[-1].state == "finished" and not any(each.guessed for each in told)
    begun = {each.name: each for each in told if each.state == "begun"}
    assert list(begun) == ["segment", "mesh", "register"]
    for each in begun.values():
        assert 0.5 < each.seconds_left / (end - each.seconds) < 2.0, each
    half = [each for each in told if each.state == "at work" and 0.3 * end < each.seconds < 0.7 * end]
    assert len(half) > 3
    for each in half:
        assert 0.4 < each.seconds_left / (end - each.seconds) < 2.5, each
