"""How far a run is and how long it will take, with a clock that the test turns."""

import json

import pytest

from targeting.progress import times
from targeting.progress.course import PACE_AFTER_S, Course
from targeting.progress.steps import Step, words_of
from targeting.progress.times import StepTimes, machine
from targeting.versions import package_version

SECONDS = {"segment": 1.0, "mesh": 100.0, "target": 9.0, "search": 90.0}
AFTER = {"segment": [], "mesh": ["segment"], "target": ["mesh"], "search": ["target"]}


class Clock:
    def __init__(self):
        self.s = 1000.0

    def __call__(self):
        return self.s


def record(stage, package=None):
    after = dict.fromkeys(AFTER[stage], "x")
    return {"made_from": {"package": package or package_version(), "after": after}}


def course(standing=(), learnt=True, clock=None, **package):
    steps = [Step(name, "embedded", "fast") for name in SECONDS]
    known = {each.key: SECONDS[each.stage] for each in steps} if learnt else {}
    found = {name: record(name, **package) for name in standing}
    return Course(steps, found.get, StepTimes(None, known), clock or Clock())


def test_a_run_from_nothing_counts_down_as_its_steps_take_what_they_took_before():
    clock = Clock()
    run = course(clock=clock)
    told = []
    for name, seconds in SECONDS.items():
        told.append(run.begin(name))
        clock.s += seconds
        told.append(run.end(name, seconds))
    told.append(run.finish())
    begun = [each for each in told if each.state == "begun"]
    assert [each.count for each in begun] == [f"step {i} of 4" for i in (1, 2, 3, 4)]
    assert [each.seconds_left for each in begun] == [200.0, 199.0, 99.0, 90.0]
    assert [each.fraction for each in begun] == [0.0, 1 / 200, 101 / 200, 110 / 200]
    assert (told[-1].fraction, told[-1].seconds_left, told[-1].seconds) == (1.0, 0.0, 200.0)
    assert not any(each.guessed for each in told)


def test_within_a_step_time_goes_on_and_a_late_step_is_not_over():
    clock = Clock()
    run = course(clock=clock)
    run.begin("segment")
    run.end("segment", 1.0)
    run.begin("mesh")
    clock.s += 60
    told = run.told()
    assert (told.state, told.seconds_left) == ("at work", 40.0 + 99.0)
    clock.s += 140  # twice the time it should take
    late = run.told()
    pace = (201 + PACE_AFTER_S) / (101 + PACE_AFTER_S)
    assert late.seconds_left == pytest.approx(20.0 + 99.0 * pace)
    assert told.fraction < late.fraction < run.end("mesh", 200.0).fraction


def test_what_stands_is_no_work_to_come():
    run = course(standing=["segment", "mesh", "target"])
    for name in ("segment", "mesh", "target"):
        told = run.reuse(name)
    assert (told.count, told.seconds_left, told.reused) == ("step 3 of 4", 90.0, 3)
    assert told.fraction == 110 / 200  # the bar begins where the last run ended


def test_a_step_that_is_made_anew_brings_those_after_it():
    run = course(standing=SECONDS)
    assert run.told().seconds_left == 0.0
    assert run.reuse("segment").seconds_left == 0.0
    assert run.begin("mesh").seconds_left == 100 + 9 + 90


def test_results_of_another_version_will_be_made_again():
    assert course(standing=SECONDS, package="0.0.1").told().seconds_left == 200.0


def test_a_slow_run_expects_slow_steps_to_come():
    run = course()
    run.begin("segment")
    run.end("segment", 1.0)
    run.begin("mesh")
    told = run.end("mesh", 200.0)
    assert told.seconds_left == pytest.approx(99 * (201 + PACE_AFTER_S) / (101 + PACE_AFTER_S))


def test_steps_that_are_left_out_come_late_or_were_not_foreseen():
    run = course()
    assert run.begin("mesh").count == "step 2 of 4"  # no segment: done
    run.end("mesh", 100.0)
    assert run.begin("comparison").count == "step 3 of 5"
    run.end("comparison", 5.0)
    assert run.begin("search").count == "step 5 of 5"
    late = run.begin("target")
    assert (late.name, late.count) == ("target", "step 5 of 5")
    assert run.end("target", 9.0).seconds_left >= 0
    assert run.finish().count == "step 5 of 5"


def test_without_steps_nothing_is_foreseen_but_what_is_at_work_is_told():
    run = Course(times=StepTimes())
    told = run.begin("basis")
    assert (told.count, told.seconds_left, str(told)) == ("", None, "basis of cortical fields")


def test_the_first_run_guesses_by_the_times_that_came_along():
    told = course(learnt=False).told()
    there = sum(Step(name, "embedded", "fast").measured_s for name in SECONDS)
    assert told.guessed and told.seconds_left == there > 30
    assert "(a first guess)" in told.left
    assert not course().told().guessed


@pytest.mark.parametrize("stage", ["segment", "mesh", "cortex"])
def test_what_counts_for_the_time_is_where_the_head_comes_from_and_its_density(stage):
    times_s = {way: Step(stage, way, "standard").measured_s for way in ("t1", "head", "embedded")}
    assert times_s["t1"] >= times_s["embedded"] and times_s["t1"] > times_s["head"]
    assert Step("mesh", "t1", "standard").measured_s > Step("mesh", "t1", "fast").measured_s


def test_every_stage_of_a_plan_has_words_and_a_time():
    from targeting.modality import KINDS
    from targeting.study.plan_state import BEFORE_SEARCH, BESIDE, ON_REQUEST, STAGES, stage_names

    montages = [name for kind in KINDS for name in stage_names(kind)]
    for stage in (*STAGES, *BEFORE_SEARCH, *ON_REQUEST, *BESIDE, *montages, "surfaces", "interference"):
        assert words_of(stage) != stage or stage == "target", stage
        assert Step(stage, "t1", "fast").measured_s > 0, stage
    for stage in STAGES:
        assert Step(stage, "head").measured_s > 0, stage


class TestLearning:
    @pytest.fixture(autouse=True)
    def cache(self, tmp_path, monkeypatch):
        monkeypatch.setattr(times, "FILE", "step_times.json")
        monkeypatch.setenv("TARGET_CACHE_DIR", str(tmp_path))
        self.file = tmp_path / "step_times.json"

    def test_a_step_is_known_to_the_next_run_and_the_newest_counts_most(self):
        step = Step("mesh", "t1", "fast")
        StepTimes.of_this_machine().learn(step, 40.0)
        assert StepTimes.of_this_machine().expected_s(step) == 40.0
        StepTimes.of_this_machine().learn(step, 20.0)
        known = StepTimes.of_this_machine()
        assert known.expected_s(step) == 30.0 and known.knows(step)
        assert not known.knows(Step("mesh", "t1", "standard"))

    def test_a_slow_machine_is_expected_to_be_slow_at_what_it_has_not_made(self):
        mesh, search = Step("mesh", "embedded", "fast"), Step("search", "embedded", "fast")
        StepTimes.of_this_machine().learn(mesh, 3 * mesh.measured_s)
        assert StepTimes.of_this_machine().expected_s(search) == pytest.approx(3 * search.measured_s)

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "7", '{"MACHINE": 7}', '{"MACHINE": {"mesh/t1/fast": "soon"}}', "\x00", "[" * 100_000]
    )
    def test_a_damaged_file_is_no_file(self, text):
        self.file.write_text(text.replace("MACHINE", machine()))
        step = Step("mesh", "t1", "fast")
        known = StepTimes.of_this_machine()
        assert not known.knows(step) and known.expected_s(step) == step.measured_s
        known.learn(step, 50.0)
        assert StepTimes.of_this_machine().expected_s(step) == 50.0

    def test_numbers_that_are_no_times_are_passed_over(self):
        bad = {"mesh/t1/fast": float("nan"), "search/t1/fast": -3, "files/t1/fast": float("inf"), "odd": 3.0}
        self.file.write_text(json.dumps({machine(): bad}))
        known = StepTimes.of_this_machine()
        assert set(known.seconds) == {"odd"} and known.pace == 1.0

    def test_another_machines_times_are_kept_and_not_taken(self):
        self.file.write_text(json.dumps({"another": {"mesh/t1/fast": 7.0}}))
        step = Step("mesh", "t1", "fast")
        assert not StepTimes.of_this_machine().knows(step)
        StepTimes.of_this_machine().learn(step, 50.0)
        assert json.loads(self.file.read_text())["another"] == {"mesh/t1/fast": 7.0}

    def test_the_file_does_not_grow_with_a_clusters_machines(self):
        self.file.write_text(json.dumps({f"node{i}": {"mesh/t1/fast": 7.0} for i in range(500)}))
        StepTimes.of_this_machine().learn(Step("mesh"), 1.0)
        known = json.loads(self.file.read_text())
        assert len(known) == times.MOST_MACHINES and machine() in known and "node499" in known

    def test_a_cache_that_cannot_be_written_is_no_failure(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("TARGET_CACHE_DIR", str(tmp_path / "file" / "below"))
        known = StepTimes.of_this_machine()
        known.learn(Step("mesh"), 1.0)
        assert known.knows(Step("mesh"))
