"""A course's log: lines are only added, what is changed is found and said, and values are within their limits."""

import json
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta

import pytest
from sessions import said

from cli.main import run
from targeting.course.export import export_log
from targeting.course.log import add_to_log, read_log
from targeting.subject import Subject


@pytest.fixture
def subject(tmp_path):
    folder = tmp_path / "s1"
    folder.mkdir()
    return Subject.named("s1", folder)


@pytest.fixture
def kept(subject):
    """A log of three lines: subject, and its file."""
    for k, nrs in enumerate((7, 6, 4), start=1):
        add_to_log(subject, session=k, rmt_percent=50 + k, nrs=nrs, adverse="none")
    return subject, read_log(subject).path


def test_lines_are_added_and_nothing_before_them_changes(kept):
    subject, path = kept
    before = path.read_bytes()
    line = add_to_log(subject, session=4, nrs=3, adverse="headache, an hour", note="slept badly")
    assert path.read_bytes().startswith(before) and line.line == 4
    log = read_log(subject)
    assert log.faults == () and [each.nrs for each in log.lines] == [7, 6, 4, 3]
    assert [each.previous for each in log.lines[1:]] == [each.sha256 for each in log.lines[:-1]]
    assert log.lines[3].date == date.today().isoformat() and log.lines[3].rmt_percent is None
    assert list(path.parent.glob(".part-*")) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [rows[0], rows[1].replace('"nrs": 6.0', '"nrs": 2.0'), rows[2]], "line 2 was changed"),
        (lambda rows: [rows[0], rows[1].replace("none", "pain"), rows[2]], "line 2 was changed"),
        (lambda rows: [rows[0], rows[2]], "line 2 does not follow"),
        (lambda rows: [rows[1], rows[2]], "line 1 does not follow"),
        (lambda rows: [rows[0], rows[2], rows[1]], "line 2 does not follow"),
        (lambda rows: [rows[0], rows[0], rows[1], rows[2]], "line 2 does not follow"),
        (lambda rows: [rows[0], "{", rows[2]], "line 2 cannot be read"),
        (lambda rows: [rows[0], rows[1].replace(', "note": ""', ""), rows[2]], "line 2 was changed"),
    ],
)
def test_a_changed_log_is_found_and_nothing_is_added_to_it(kept, change, words, capsys):
    subject, path = kept
    path.write_text("\n".join(change(path.read_text(encoding="utf-8").splitlines())) + "\n", encoding="utf-8")
    changed = path.read_bytes()
    assert any(each.startswith(words) for each in read_log(subject).faults)
    assert words in said(add_to_log, subject, nrs=1)
    assert words in said(export_log, read_log(subject))
    assert path.read_bytes() == changed
    assert run(["log", "s1", "--out", str(subject.folder)]) == 1
    assert f"FAILED: {words}" in capsys.readouterr().out


def test_a_line_that_was_not_finished_is_found(kept):
    subject, path = kept
    path.write_bytes(path.read_bytes()[:-9])
    assert read_log(subject).faults == ("its last line is not whole",)
    path.write_bytes(b"\xff\xfe")
    assert "cannot be read" in said(read_log, subject)


def test_who_changes_all_later_hashes_too_is_found_by_the_last_one(kept):
    from dataclasses import asdict, replace

    subject, path = kept
    last = read_log(subject).lines[-1].sha256
    previous, rows = "0" * 64, []
    for line in read_log(subject).lines:
        forged = replace(line, nrs=1.0, previous=previous)
        forged = replace(forged, sha256=forged.hashed)
        previous = forged.sha256
        rows.append(json.dumps(asdict(forged)))
    path.write_text("\n".join(rows) + "\n")
    assert read_log(subject).faults == () and read_log(subject).lines[-1].sha256 != last


def test_a_correction_is_a_line_that_names_the_one_it_corrects(kept):
    subject, path = kept
    before = path.read_bytes()
    line = add_to_log(subject, corrects=2, nrs=5)
    assert path.read_bytes().startswith(before)
    assert (line.line, line.corrects, line.nrs, line.rmt_percent, line.session) == (4, 2, 5, 52, 2)
    log = read_log(subject)
    assert [each.line for each in log.standing] == [1, 3, 4] and log.corrected_by == {2: 4}
    assert "corrected by line 4 already" in said(add_to_log, subject, corrects=2, nrs=3)
    assert "no line 9" in said(add_to_log, subject, corrects=9, nrs=3)
    assert add_to_log(subject, corrects=4, session=3).session == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rmt_percent": 0.5}, "`rmt_percent` takes 1 to 100 %"),
        ({"rmt_percent": 101}, "not 101"),
        ({"rmt_percent": float("nan")}, "not nan"),
        ({"nrs": -1}, "`nrs` takes 0 to 10"),
        ({"nrs": 11}, "not 11"),
        ({"nrs": 5, "date": "30.11.2026"}, "YYYY-MM-DD"),
        ({"nrs": 5, "date": "2026-02-30"}, "YYYY-MM-DD"),
        ({"nrs": 5, "date": (date.today() + timedelta(days=2)).isoformat()}, "in the future"),
        ({"nrs": 5, "session": 0}, "from 1"),
        ({"nrs": 5, "session": "-3"}, "from 1"),
        ({"nrs": 5, "session": "gone.txt"}, "no file gone.txt"),
        ({"adverse": "two\nlines"}, "control characters"),
        ({"note": "  "}, "1 to 300 letters"),
        ({"session": 3}, "nothing is recorded"),
    ],
)
def test_values_beyond_their_limits_are_refused_and_nothing_is_written(subject, given, words):
    assert words in said(add_to_log, subject, **given)
    assert not (subject.folder / "course" / "log.jsonl").exists()


def test_limits_belong_to_the_range_and_a_file_is_known_by_its_hash(subject, tmp_path):
    assert add_to_log(subject, rmt_percent=100, nrs=0, adverse="None").adverse == "none"
    assert add_to_log(subject, rmt_percent=1, nrs=10, date="2026-11-01").date == "2026-11-01"
    (tmp_path / "day1.xml").write_text("<a/>")
    line = add_to_log(subject, session=tmp_path / "day1.xml", nrs=3)
    assert (line.file, len(line.file_sha256), line.session) == ("day1.xml", 64, None)
    assert "no subject folder" in said(add_to_log, Subject.named("nobody", tmp_path / "nobody"), nrs=3)
    assert not (tmp_path / "nobody").exists()


def test_the_table_has_every_line_and_is_never_written_over(kept):
    subject, path = kept
    add_to_log(subject, corrects=1, adverse="tingling\u00a0hand")
    table, about = export_log(read_log(subject))
    assert table.name == "log_lines-1-to-4.tsv" and table.parent == path.parent
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()]
    columns = json.loads(about.read_text(encoding="utf-8"))
    assert rows[0] == list(columns) and columns["rmt"]["Units"] == "%" and len(rows) == 5
    first, last = (dict(zip(rows[0], row, strict=True)) for row in (rows[1], rows[4]))
    assert (first["session_id"], first["corrected_by"], first["rmt"], first["file"]) == ("ses-01", "4", "51", "n/a")
    assert (last["corrects"], last["corrected_by"], last["adverse"]) == ("1", "n/a", "tingling\u00a0hand")
    assert export_log(read_log(subject)) == [table, about]  # the same again
    table.write_text("mine")
    assert "says something else" in said(export_log, read_log(subject)) and table.read_text() == "mine"
    add_to_log(subject, nrs=2)
    assert export_log(read_log(subject))[0].name == "log_lines-1-to-5.tsv"


def _add(job):
    folder, nrs = job
    for _ in range(40):  # whoever finds the log in use waits
        try:
            return add_to_log(Subject.named("s1", folder), nrs=nrs).line
        except Exception:
            continue
    return None


@pytest.mark.slow
def test_two_who_write_at_once_both_have_their_lines(subject):
    with ProcessPoolExecutor(3) as pool:
        lines = list(pool.map(_add, [(subject.folder, k % 10) for k in range(24)]))
    log = read_log(subject)
    assert sorted(lines) == list(range(1, 25)) and log.faults == () and len(log.lines) == 24


def test_the_command_adds_lists_and_exports(subject, capsys):
    name = ["log", "s1", "--out", str(subject.folder), "--quiet"]

    def log(*words):
        code = run([*name[:2], *words, *name[2:]])
        out = capsys.readouterr()
        return code, out.out, out.err

    assert log()[1].startswith("s1 has no log yet")
    assert log("add", "--session", "1", "--rmt", "52", "--nrs", "6", "--adverse", "none")[0] == 0
    assert log("add", "--session", "2", "--nrs", "4", "--json")[1].count('"nrs": 4.0') == 1
    code, out, _ = log()
    assert code == 0 and out.splitlines()[0].split()[:3] == ["line", "day", "session"] and "2 lines" in out
    assert json.loads(log("--json")[1])["whole"] is True
    assert log("export")[1].splitlines() == [
        str(subject.folder / "course" / f"log_lines-1-to-2{suffix}") for suffix in (".tsv", ".json")
    ]
    code, _, err = log("add", "--rmt", "120")
    assert code == 2 and "--rmt takes 1 to 100" in err
    code, _, err = log("--nrs", "5")
    assert code == 2 and "--nrs is for a new line" in err
    assert log("remove")[0] == 2 and "export" in log("exprt")[2]
