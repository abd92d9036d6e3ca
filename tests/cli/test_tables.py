"""Tables of answers: plain where nobody's terminal is, whole on any width, with words as they are."""

import io
import json
import sys

import pytest
from rich.console import Console

from cli.console import Talk
from cli.lists import Entry, listing
from cli.main import run
from cli.tables import checklist, plain, summary, table

LONG = "what was found is told in a sentence that is longer than a terminal is wide, " * 4 + "no more"
NAMES = "[bold]session[/bold] :brain: 3.50 V/m"
SHOWN = [
    table(["stage", "seconds"], [[NAMES, "7.1"], [LONG, "10.0"]], right=["seconds"]),
    checklist([(NAMES, "FAILED", LONG), ("mesh", "ok", LONG)], "FAILED: mesh"),
    summary([("dose", NAMES), ("", LONG), ("DANGER", LONG)]),
    listing([Entry("ring", NAMES, [LONG, "measured"]), Entry("longer-name", LONG, [])]),
]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def on_a_terminal(shown, width, monkeypatch):
    """What a terminal of some width is sent."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    Talk().answer(shown, {})
    return stream.getvalue()


def letters(text):
    """All that is no space: what wrapping leaves as it is; of sentences side by side in another order."""
    return sorted("".join(text.split()))


@pytest.mark.parametrize("shown", SHOWN)
def test_a_pipe_gets_plain_text_with_nothing_cut(shown, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    Talk().answer(shown, {})
    text = capsys.readouterr().out
    assert text == plain(shown) + "\n"
    assert not set(text) & set("\x1b…─│┃━")
    flat = " ".join(text.split())
    assert " ".join(LONG.split()) in flat and NAMES in flat
    assert all(line == line.rstrip() for line in text.splitlines())


def test_a_row_in_a_pipe_is_one_line_and_numbers_end_at_one_edge():
    head, first, second = plain(SHOWN[0]).splitlines()
    assert second.startswith(LONG)
    assert len(head) == len(first) == len(second) == len(LONG) + 2 + len("seconds")
    assert plain(SHOWN[1]).splitlines()[-1] == "FAILED: mesh"
    assert len(plain(SHOWN[2]).splitlines()) == 3


@pytest.mark.parametrize("width", [200, 80, 40])
@pytest.mark.parametrize("shown", SHOWN)
def test_a_terminal_gets_all_of_it_within_its_width(shown, width, monkeypatch):
    text = on_a_terminal(shown, width, monkeypatch)
    assert "\x1b[1" in text  # names or states stand out
    bare = io.StringIO()
    Console(
        file=bare, width=width, force_terminal=False, color_system=None, markup=False, highlight=False, emoji=False
    ).print(shown)
    assert max(map(len, bare.getvalue().splitlines())) <= width
    assert letters(bare.getvalue()) == letters(plain(shown)) and "…" not in text


def test_quiet_on_a_terminal_is_plain_and_json_is_json(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    Talk(quiet=True).answer(SHOWN[1], {})
    assert stream.getvalue() == plain(SHOWN[1]) + "\n"
    Talk(quiet=True, as_json=True).answer(SHOWN[1], {"passed": False})
    assert json.loads(stream.getvalue().removeprefix(plain(SHOWN[1]))) == {"passed": False}


def test_danger_is_red_on_a_terminal(monkeypatch):
    assert "\x1b[1;31mDANGER" in on_a_terminal(summary([("DANGER", "the coil is in the head")]), 80, monkeypatch)


def test_a_list_wraps_on_a_narrow_terminal_without_losing_a_name(monkeypatch, capfd):
    assert run(["coils", "list", "--json"]) == 0
    known = json.loads(capfd.readouterr().out)
    entries = [Entry(row["name"], row["title"], [row["note"]]) for row in known]
    text = on_a_terminal(listing(entries), 60, monkeypatch)
    assert all(row["name"] in text for row in known)
