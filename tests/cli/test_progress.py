"""How far a command is: a moving line on a terminal, a plain line a step in a file; no inner talk unless it is asked for."""

import io
import json
import re
import sys

import pytest
from short_stages import run, stage
from terminal import ESCAPES, Terminal

from cli.console import Talk, at_work
from cli.progress import Display, tell
from cli.supervision import INTERRUPTED

SHORT = """
import logging, os, pathlib, sys, tempfile
os.environ["TARGET_CACHE_DIR"] = tempfile.mkdtemp()
import cli.main
from cli.console import Talk, at_work
def run(words):
    from short_stages import run, stage
    with at_work(Talk(verbose="verbose" in words)):
        long = stage("mesh", SECONDS, words=["1018 nodes were off their interface"])
        run(pathlib.Path.cwd() / "s1", stages=[stage("segment"), long, stage("search")])
    print("the answer")
    return 0
cli.main.run = run
cli.main.main()
"""


def lines_of(stream):
    return [line.split(maxsplit=1) for line in stream.getvalue().splitlines()]


def shown(folder, **stages):
    stream = io.StringIO()
    display = Display(stream, **stages)
    display.start()
    try:
        run(folder, stages=[stage("segment"), stage("mesh", words=["nodes\n placed — 7"]), stage("search")])
    finally:
        display.stop()
    return stream


def test_a_file_gets_a_plain_line_for_each_step_and_one_clock(tmp_path):
    clocks, told = zip(*lines_of(shown(tmp_path)), strict=True)
    assert set(clocks) == {"0:00"}
    assert [re.sub(r"about \d+ seconds|a few seconds", "SOME TIME", each) for each in told] == [
        "step 1 of 3, SOME TIME left (a first guess): tissues of the head",
        "step 2 of 3, SOME TIME left (a first guess): head mesh",
        "step 3 of 3, SOME TIME left (a first guess): search for the best pose",
        "3 steps in 0:00",
    ]


def test_what_is_reused_is_one_line(tmp_path):
    shown(tmp_path)
    assert [each for _, each in lines_of(shown(tmp_path))] == [
        "reused: segment, mesh, search",
        "3 steps in 0:00, 3 of them reused",
    ]


def test_inner_talk_is_shown_if_it_is_asked_for(tmp_path):
    assert "nodes" not in shown(tmp_path / "a").getvalue()
    assert "  nodes placed — 7\n" in shown(tmp_path / "b", verbose=True).getvalue()


def test_warnings_are_always_shown_with_options_as_flags(tmp_path):
    import logging

    stream = io.StringIO()
    display = Display(stream)
    display.start()
    try:
        logging.getLogger("targeting.memory_need").warning("it needs much: take `density=fast`")
        logging.getLogger("meshes.environments").info("another process sets it up", extra={"for_everyone": True})
        tell("plan 1 of 2, tms")
    finally:
        display.stop()
    assert [each for _, each in lines_of(stream)] == [
        "warning: it needs much: take --density fast",
        "another process sets it up",
        "plan 1 of 2, tms",
    ]


def test_nothing_is_said_after_the_end(tmp_path):
    stream = shown(tmp_path)
    said = stream.getvalue()
    run(tmp_path / "later")
    assert stream.getvalue() == said


def test_what_a_stream_cannot_show_does_not_stop_the_run(tmp_path):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    display = Display(stream, verbose=True)
    display.start()
    run(tmp_path, stages=[stage("mesh", words=["30 µm — wide"])])
    display.stop()
    assert b"30 ?m ? wide" in raw.getvalue()


@pytest.mark.parametrize("talk", [Talk(quiet=True), Talk(quiet=True, as_json=True)])
def test_quiet_is_quiet(tmp_path, capfd, talk):
    with at_work(talk):
        run(tmp_path, stages=[stage("mesh", words=["nodes"])])
    assert capfd.readouterr() == ("", "")


def test_json_is_alone_on_stdout(tmp_path, capfd):
    talk = Talk(as_json=True)
    with at_work(talk):
        run(tmp_path)
    talk.answer("", {"answer": 42})
    out, err = capfd.readouterr()
    assert json.loads(out) == {"answer": 42} and "step 2 of 3" in err


@pytest.mark.parametrize(
    "words", [["--verbose", "lists"], ["lists", "-v"], ["-q", "lists"], ["lists", "--quiet"], ["lists"]]
)
def test_verbose_and_quiet_are_given_before_or_after_the_commands_name(words):
    import typer

    from cli.console import talk_of
    from cli.options import Json, Quiet

    app, heard = typer.Typer(), []

    @app.callback()
    def _flags(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
        context.obj = Talk(quiet, as_json)

    @app.command("lists")
    def _lists(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
        heard.append(talk_of(context, quiet, as_json))

    app(words, standalone_mode=False)
    flags = set(words) - {"lists"}
    assert (heard[0].quiet, heard[0].verbose) == (bool(flags & {"-q", "--quiet"}), bool(flags & {"-v", "--verbose"}))


@pytest.mark.slow
class TestTerminal:
    def started(self, folder, seconds, *words, **environment):
        from pathlib import Path

        support = Path(__file__).parents[1] / "support"
        code = f"import sys; sys.path.insert(0, {str(support)!r})" + SHORT.replace("SECONDS", str(seconds))
        return Terminal([sys.executable, "-c", code, *words], folder, environment)

    @pytest.mark.parametrize("columns", ["100", "46"])
    def test_one_line_moves_and_the_answer_follows(self, tmp_path, columns):
        with self.started(tmp_path, 2.0, COLUMNS=columns) as terminal:
            assert terminal.end(30)[1] == 0
        drawn = [ESCAPES.sub("", each) for each in re.split(r"[\r\n]", terminal.text)]
        assert all(len(each) <= int(columns) for each in drawn)
        at_work = [each for each in drawn if "step 2 of 3" in each]
        assert len({each[:6] for each in at_work}) >= 2  # the clock moves while a step is at work
        assert "1018 nodes" not in terminal.text
        assert [each.strip() for each in terminal.last_lines()[-2:]] == ["0:02  3 steps in 0:02", "the answer"]

    def test_verbose_stands_above_the_moving_line(self, tmp_path):
        with self.started(tmp_path, 0.1, "verbose") as terminal:
            assert terminal.end(30)[1] == 0
        assert "1018 nodes were off their interface" in map(str.strip, terminal.last_lines())

    def test_a_terminal_that_cannot_draw_gets_plain_lines(self, tmp_path):
        with self.started(tmp_path, 0.1, TERM="dumb") as terminal:
            assert terminal.end(30)[1] == 0
        assert "\x1b" not in terminal.text
        assert [each for each in terminal.text.splitlines() if "step" in each][1].endswith("head mesh")

    def test_ctrl_c_ends_on_one_line_that_says_how_to_go_on(self, tmp_path):
        with self.started(tmp_path, 60) as terminal:
            assert "step 2 of 3" in terminal.read(30, until="step 2 of 3")
            terminal.press()
            seconds, code = terminal.end()
        assert (code, terminal.last_lines()[-1]) == (130, INTERRUPTED) and seconds < 2
        assert terminal.text.rindex("\x1b[?25h") > terminal.text.rindex("\x1b[?25l")  # the cursor is there again
        log = (tmp_path / "s1" / "target.log").read_text()
        assert "1018 nodes" in log and log.splitlines()[-1].endswith(INTERRUPTED.removeprefix("target: "))
