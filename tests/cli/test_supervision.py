"""An interrupt ends the command within two seconds with one line, whatever it is doing; so do SIGTERM and SIGHUP."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from terminal import CTRL_C, ROOT, Terminal

from cli.supervision import INTERRUPTED

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="the watcher needs Linux"),
]

# the same main() with other work: each is a way in which real work has met an interrupt
WORK = {
    "sleeps": "time.sleep(60)",
    "holds the interpreter": "import re; re.match('(a+)+$', 'a' * 60 + 'b')",  # as compiled code does
    "swallows it": """
        while True:
            try:
                time.sleep(60)
            except BaseException:
                print("Traceback (most recent call last):", file=sys.stderr)
        """,
    "crashes on it": """
        try:
            time.sleep(60)
        except BaseException:
            import ctypes
            ctypes.string_at(0)
        """,
    "makes another error of it": """
        try:
            time.sleep(60)
        except BaseException as error:
            raise RuntimeError("compilation failed") from error
        """,
    "waits for a child": "import subprocess; subprocess.run(['sleep', '61.25'])",
    "waits for a child that will not": """
        import subprocess
        subprocess.run([sys.executable, "-c", "import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(61.25)"])
        """,
    "tidies up for long": """
        try:
            time.sleep(60)
        finally:
            time.sleep(60)
        """,
}


def command(work):
    work = textwrap.indent(textwrap.dedent(work).strip(), "    ")
    head = "import cli.main, os, sys, time\ndef run(words):\n    print('at work', os.getpid(), flush=True)\n"
    return [sys.executable, "-c", f"{head}{work}\n    return 0\ncli.main.run = run\ncli.main.main()\n"]


def worker_of(text):
    return int(text.split("at work")[1].split()[0])


def is_gone(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


@pytest.mark.parametrize("work", WORK)
def test_ctrl_c_is_one_line_and_130_within_two_seconds(tmp_path, work):
    with Terminal(command(WORK[work]), tmp_path) as terminal:
        assert "at work" in terminal.read(20, until="at work ")
        terminal.read(0.3)
        pressed = len(terminal.text)
        terminal.press()
        seconds, code = terminal.end()
    assert (code, terminal.last_lines(pressed)) == (130, [INTERRUPTED])
    assert seconds < 2
    assert is_gone(worker_of(terminal.text))
    assert not subprocess.run(["pgrep", "-f", "61[.]25"], capture_output=True).stdout


def test_a_second_ctrl_c_ends_the_tidying_up(tmp_path):
    with Terminal(command(WORK["tidies up for long"]), tmp_path) as terminal:
        terminal.read(20, until="at work ")
        pressed = len(terminal.text)
        terminal.press()
        terminal.read(0.5)
        terminal.press()
        seconds, code = terminal.end()
    said = [line for line in terminal.last_lines(pressed) if line != "^C"]  # the terminal's own, drawn late at times
    assert (code, said) == (130, [INTERRUPTED])
    assert seconds < 0.7


def test_ctrl_c_while_the_command_starts_is_no_traceback(tmp_path):
    words = [sys.executable, "-c", "import cli.main; print('up', flush=True); cli.main.main()", "plan", "colin27"]
    for delay in (0.0, 0.02, 0.1, 0.3):
        with Terminal(words, tmp_path) as terminal:
            terminal.read(20, until="up")
            terminal.read(0.02)  # main() itself
            time.sleep(delay)
            pressed = len(terminal.text)
            terminal.press(CTRL_C)
            seconds, code = terminal.end()
        assert (code, terminal.last_lines(pressed)[-1:]) == (130, [INTERRUPTED])
        assert "Traceback" not in terminal.text
        assert seconds < 2


def started(work, **how):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        command(work), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how
    )
    return child, worker_of(child.stdout.readline())


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, INTERRUPTED),
        (signal.SIGTERM, 143, "target: ended (SIGTERM); the next run resumes where this one stopped"),
        (signal.SIGHUP, 129, "target: ended (SIGHUP); the next run resumes where this one stopped"),
    ],
)
@pytest.mark.parametrize("to", ["the command", "its worker"])
def test_a_signal_from_elsewhere_is_one_line_and_its_code(number, code, said, to):
    child, worker = started("time.sleep(60)")
    os.kill(child.pid if to == "the command" else worker, number)
    assert child.communicate(timeout=10)[1] == said + "\n"
    assert child.returncode == code
    assert is_gone(worker)


def test_the_work_ends_with_the_command_that_is_killed():
    child, worker = started("time.sleep(60)")
    child.kill()
    child.communicate(timeout=10)
    end = time.monotonic() + 5
    while not is_gone(worker) and time.monotonic() < end:
        time.sleep(0.01)
    assert is_gone(worker)


@pytest.mark.parametrize(
    ("number", "why"),
    [(signal.SIGKILL, "the system stopped it (out of memory?)"), (signal.SIGSEGV, "it crashed (SIGSEGV)")],
)
def test_work_that_the_system_ends_is_one_line(number, why):
    child, worker = started("import subprocess; subprocess.run(['sleep', '62.25'])")
    time.sleep(0.2)
    os.kill(worker, number)
    assert child.communicate(timeout=10)[1] == f"target: {why}; the next run resumes where this one stopped\n"
    assert child.returncode == 128 + number
    assert not subprocess.run(["pgrep", "-f", "62[.]25"], capture_output=True).stdout


def test_what_the_caller_ignores_stays_ignored():
    how = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}  # nohup
    child, worker = started("time.sleep(0.5)", **how)
    os.kill(child.pid, signal.SIGHUP)
    os.kill(worker, signal.SIGHUP)
    assert child.communicate(timeout=10)[1] == ""
    assert child.returncode == 0


@pytest.mark.parametrize("code", [0, 2, 3])
def test_an_exit_code_passes(code):
    child, _ = started(f"return {code}")
    assert child.communicate(timeout=10)[1] == ""
    assert child.returncode == code


def test_the_library_leaves_signals_alone(capfd):
    from cli.main import run

    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert run(["--version"]) == 0
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


@pytest.mark.parametrize("work", ["sleeps", "swallows it"])
def test_without_a_watcher_the_process_ends_itself(work):
    words = command(WORK[work])
    words[2] = f"import signal\ndel signal.sigtimedwait\n{words[2]}"  # as on macOS
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert worker_of(child.stdout.readline()) == child.pid
    child.send_signal(signal.SIGINT)
    start = time.monotonic()
    said = child.communicate(timeout=10)[1].splitlines()
    assert child.returncode == 130
    assert time.monotonic() - start < 2
    assert work == "sleeps" or said[-1] == INTERRUPTED
