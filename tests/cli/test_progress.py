"""The progress line, on a terminal and in a file."""

import io
import logging
import time

import pytest

from cli.progress import Progress

LOG = logging.getLogger("targeting.subject")
STEPS = logging.getLogger("meshes.anything")


class Terminal(io.StringIO):
    encoding = "ascii"

    def isatty(self):
        return True


def story():
    LOG.info("mesh", extra={"stage": "mesh", "event": "started"})
    STEPS.info("nodes\n placed — %d", 7)
    LOG.info("mesh: 0.1 s", extra={"stage": "mesh", "event": "done", "seconds": 0.1})
    LOG.info("search: reused", extra={"stage": "search", "event": "reused"})


def told(stream, wait_s=0.0):
    progress = Progress(stream)
    progress.start()
    try:
        LOG.info("mesh", extra={"stage": "mesh", "event": "started"})
        time.sleep(wait_s)
        story()
    finally:
        progress.stop()
    return stream.getvalue()


def test_a_file_gets_a_line_a_step_with_elapsed_time():
    lines = told(io.StringIO()).splitlines()
    assert [line.split() for line in lines] == [
        ["mesh", "0.0", "s", "nodes", "placed", "—", "7"],
        ["mesh", "0.0", "s"],
        ["search", "reused"],
    ]


def test_a_terminal_gets_one_line_redrawn_as_time_passes():
    text = told(Terminal(), wait_s=0.7)
    assert "\x1b[K" in text
    assert "mesh         0.4 s" in text or "mesh         0.6 s" in text
    assert "placed ? 7" in text  # what the terminal cannot show does not stop the run
    assert text.count("\n") == 2  # what stays: the stage that ended, the stage reused


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_nothing_is_said_after_the_end(stream):
    told(stream)
    said = stream.getvalue()
    story()
    assert stream.getvalue() == said
