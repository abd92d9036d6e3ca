"""Tables of answers: plain where nobody's terminal is, whole on any width, with words as they are."""

import io
import json
import sys
from pathlib import Path

import pytest
from plans import one_plan
from rich.console import Console

from cli.console import Talk
from cli.interference import interference_summary
from cli.lists import Entry, listing
from cli.main import run
from cli.tables import checklist, plain, summary, table
from targeting.interference.files import DirectSwing, InterferenceResult, TwoPairs

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


def test_the_best_two_pairs_stand_in_a_table_between_what_was_asked_and_what_a_solve_gave():
    pairs = [["C3", "Fp2"], ["T7", "Cz"]]
    montages = [TwoPairs(pairs, [1.0, 0.75], 0.2, 0.1, 2.0), TwoPairs(pairs, [0.5, 1.25], 0.1234, 0.0987, 1.25)]
    direct = DirectSwing(0.21, 0.3, 0.11, 1.909, 0.5, [-40.0, 1.0, 50.0], 3.25, 0.9)
    found = InterferenceResult("ball", one_plan().target, "all", 64, 1234567, 1000, 1.75, montages, direct, ["a note"])
    lines = plain(interference_summary(found, Path("ball/interference"))).splitlines()
    assert lines[0].startswith("target     left m1-hand at x −37.0, y −21.0, z 58.0 mm")
    assert lines[1].startswith("searched   1,234,567 montages of two pairs from 64 positions")
    assert lines[2].split() == [
        "rank",
        "first",
        "pair",
        "second",
        "pair",
        "mA",
        "swing",
        "V/m",
        "elsewhere",
        "focality",
    ]
    assert lines[3].split() == ["1", "C3", "–", "Fp2", "T7", "–", "Cz", "1", "+", "0.75", "0.200", "0.100", "2.00"]
    assert lines[4].split() == ["2", "C3", "–", "Fp2", "T7", "–", "Cz", "0.5", "+", "1.25", "0.123", "0.0987", "1.25"]
    assert len(lines[2]) == len(lines[3]) == len(lines[4])
    assert lines[5].startswith("solved     rank 1 with complete electrodes: 0.210 V/m in the target")
    assert "largest near x −40.0, y 1.0, z 50.0 mm" in lines[6] and lines[7] == "note       a note"
