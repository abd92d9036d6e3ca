"""The log in a subject's folder: all of every run, bounded, and never a reason to fail."""

import logging
import sys
import threading
from pathlib import Path

import pytest
from short_stages import INNER, run, stage

from meshes.errors import InputError
from targeting.progress import run_log
from targeting.progress.run_log import LOG_NAME

LOGGERS = [logging.getLogger(name) for name in ("meshes", "atlases", "targeting", "cli")]


def state():
    return [(each.level, each.propagate, list(each.handlers)) for each in LOGGERS]


def text(folder):
    return (folder / LOG_NAME).read_text(encoding="utf-8")


def test_every_run_is_added_with_its_command_versions_and_all_that_was_said(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/target", "plan", "s1", "--aim", "mni:-37,-21,58 or so"])
    run(tmp_path, stages=[stage("segment", words=["1018 nodes were off their interface"])])
    first = text(tmp_path)
    assert "run: target plan s1 --aim 'mni:-37,-21,58 or so'" in first and "/somewhere" not in first
    assert "with target " in first and "numpy " in first
    assert "INFO    meshes.mesher: 1018 nodes were off their interface" in first
    assert "segment: started" in first and "segment: done in 0.0 s" in first
    run(tmp_path, stages=[stage("segment")])
    assert text(tmp_path).startswith(first) and text(tmp_path).count("run: target plan") == 2
    assert "segment: reused" in text(tmp_path)[len(first) :]


def test_a_failure_stands_there_with_its_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, stages=[stage("segment", fault=ZeroDivisionError("by none"))])
    assert (
        "ERROR" in text(tmp_path) and "Traceback" in text(tmp_path) and "ZeroDivisionError: by none" in text(tmp_path)
    )


def test_an_interrupt_is_no_failure(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stages=[stage("segment", fault=KeyboardInterrupt())])
    assert "interrupted; the next run resumes" in text(tmp_path) and "Traceback" not in text(tmp_path)


def test_input_that_cannot_be_used_leaves_no_trace_but_what_was_made_before_it_does(tmp_path):
    wrong = stage("mesh", fault=InputError("no head"))
    with pytest.raises(InputError):
        run(tmp_path / "new", stages=[wrong])
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError):
        run(tmp_path / "half", stages=[stage("segment"), wrong])
    assert "InputError: no head" in text(tmp_path / "half")


def test_the_logs_of_the_program_stay_as_they_were(tmp_path, capfd):
    before = state()
    heard = []

    class Heard(logging.Handler):
        def emit(self, record):
            heard.append(record.getMessage())

    root = logging.getLogger()
    handler = Heard()
    root.addHandler(handler)
    try:
        run(tmp_path, stages=[stage("segment", words=["inner work"])])
        assert heard == []  # INFO was not asked for
        root.setLevel(logging.INFO)
        run(tmp_path / "b", stages=[stage("segment", words=["inner work"])])
    finally:
        root.removeHandler(handler)
        root.setLevel(logging.WARNING)
    assert heard == ["segment: started", "inner work", "segment: done in 0.0 s"]
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "c", stages=[stage("segment", fault=ZeroDivisionError())])
    assert state() == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk as Linux plays it")
@pytest.mark.parametrize("how", ["a folder in its place", "full"])
def test_a_log_that_cannot_be_written_is_no_failure(tmp_path, capfd, how):
    if how == "full":
        (tmp_path / LOG_NAME).symlink_to("/dev/full")
    else:
        (tmp_path / LOG_NAME).mkdir()
    made = run(tmp_path, stages=[stage("segment", words=["a word"] * 50)])
    assert made[0].value == "segment"
    assert capfd.readouterr() == ("", "")


def test_its_size_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(run_log, "MOST_BYTES", 5000)
    for number in range(20):
        run(tmp_path, stages=[stage("segment", words=["x" * 100] * 10, version=number)])
    logs = sorted(each.name for each in tmp_path.glob(f"{LOG_NAME}*"))
    assert logs == [LOG_NAME, f"{LOG_NAME}.1"]
    assert all((tmp_path / name).stat().st_size <= 5000 for name in logs)


def test_two_runs_in_two_threads_have_a_log_each(tmp_path):
    def one(key):
        run(tmp_path / key, stages=[stage(f"{key}{i}", 0.05, words=[f"word of {key}"]) for i in range(3)])

    before = state()
    threads = [threading.Thread(target=one, args=(key,)) for key in "ab"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert state() == before
    for key, other in ("ab", "ba"):
        assert text(tmp_path / key).count(f"word of {key}") == 3
        assert f"word of {other}" not in text(tmp_path / key)
    assert INNER.level == logging.NOTSET
