"""The subject folder: reuse, just what depends is redone, killed runs, two runs at once."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes import InputError
from meshes.errors import WriteError
from targeting.progress.run_log import LOG_NAME
from targeting.study.head_source import HeadSource
from targeting.study.study import Study
from targeting.subject import MAKING, Done, Stage, Subject

ROOT = Path(__file__).parents[3]


class Kitchen:
    """Three stages in a row, counting how often each is made: pick (reads a file) → chop → cook."""

    def __init__(self, folder: Path) -> None:
        self.subject = Subject.named("s1", folder / "s1")
        self.basket = folder / "basket.txt"
        self.basket.write_text("leek\n")
        self.made: list[str] = []

    def stage(self, name: str, make: object, after: list[Done[str]], **parameters: object) -> Stage[str]:
        def write(there: Path) -> str:
            self.made.append(name)
            text = make()  # type: ignore[operator]
            (there / f"{name}.txt").write_text(text)
            return text

        files = {"basket": self.basket} if name == "pick" else {}
        return Stage(name, 1, write, lambda folder: (folder / f"{name}.txt").read_text(), files, parameters, after)

    def run(self, size: int = 1, salt: float = 0.5) -> Done[str]:
        self.made.clear()
        with self.subject.locked():
            picked = self.subject.run(self.stage("pick", lambda: self.basket.read_text().strip(), []))
            chopped = self.subject.run(self.stage("chop", lambda: f"{picked.value}/{size}", [picked], size=size))
            return self.subject.run(self.stage("cook", lambda: f"{chopped.value}+{salt}", [chopped], salt=salt))

    def states(self) -> list[str]:
        return [row.state for row in self.subject.status(["pick", "chop", "cook"])]


@pytest.fixture
def kitchen(tmp_path):
    return Kitchen(tmp_path)


def test_a_second_run_reuses_everything(kitchen):
    first = kitchen.run()
    assert kitchen.made == ["pick", "chop", "cook"]
    again = kitchen.run()
    assert kitchen.made == []
    assert (first.reused, again.reused) == (False, True)
    assert first.value == again.value == "leek/1+0.5"
    assert kitchen.states() == ["done"] * 3


def test_a_changed_parameter_redoes_what_depends_on_it_and_no_more(kitchen):
    kitchen.run()
    assert kitchen.run(salt=0.7).value == "leek/1+0.7"
    assert kitchen.made == ["cook"]
    assert kitchen.run(size=2, salt=0.7).value == "leek/2+0.7"
    assert kitchen.made == ["chop", "cook"]


def test_a_changed_input_is_seen_by_its_content(kitchen):
    kitchen.run()
    os.utime(kitchen.basket, (0, 0))
    kitchen.run()
    assert kitchen.made == []
    kitchen.basket.write_text("onion\n")
    assert kitchen.states() == ["outdated"] * 3
    assert kitchen.run().value == "onion/1+0.5"
    assert kitchen.made == ["pick", "chop", "cook"]


def test_a_stage_redone_with_the_same_result_leaves_the_rest_valid(kitchen):
    kitchen.run()
    kitchen.basket.write_text("leek \n")  # stripped: picks the same
    kitchen.run()
    assert kitchen.made == ["pick"]


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_text("LEEK/1")])
def test_a_result_that_was_removed_or_changed_is_made_again(kitchen, damage):
    kitchen.run()
    damage(kitchen.subject.folder / "chop.txt")
    assert kitchen.states() == ["done", "outdated", "outdated"]
    assert kitchen.run().value == "leek/1+0.5"
    assert kitchen.made == ["chop"]
    assert kitchen.states() == ["done"] * 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stage": "chop"}'])
def test_a_damaged_sidecar_counts_as_missing(kitchen, text):
    kitchen.run()
    (kitchen.subject.folder / "chop.json").write_text(text)
    kitchen.run()
    assert kitchen.made == ["chop"]


def test_the_sidecar_says_what_the_stage_was_made_from(kitchen):
    kitchen.run(salt=0.7)
    sidecar = json.loads((kitchen.subject.folder / "cook.json").read_text())
    assert sidecar["made_from"]["parameters"] == {"salt": 0.7}
    assert sidecar["made_from"]["after"].keys() == {"chop"}
    assert sidecar["seconds"] >= 0
    assert sidecar["versions"].keys() >= {"target", "python", "numpy"}
    pick = json.loads((kitchen.subject.folder / "pick.json").read_text())
    assert len(pick["made_from"]["files"]["basket"]) == 64


def test_a_failing_stage_leaves_the_old_result_and_no_room(kitchen):
    kitchen.run()
    before = (kitchen.subject.folder / "cook.txt").read_text()

    def fail() -> str:
        raise RuntimeError("burnt")

    with pytest.raises(RuntimeError, match="burnt"), kitchen.subject.locked():
        picked = kitchen.subject.recorded("pick", lambda folder: "")
        kitchen.subject.run(kitchen.stage("cook", fail, [picked], salt=9.0))
    assert (kitchen.subject.folder / "cook.txt").read_text() == before
    assert not list(kitchen.subject.folder.glob(f"{MAKING}*"))


def test_outputs_of_an_older_run_that_are_not_made_any_more_go(tmp_path):
    subject = Subject.named("s1", tmp_path / "s1")

    def stage(names):
        return Stage(
            "write",
            1,
            lambda folder: [(folder / n).write_text(n) for n in names],
            lambda f: [],
            parameters={"names": names},
        )

    with subject.locked():
        subject.run(stage(["a", "b"]))
        subject.run(stage(["b", "c"]))
    seen = {p.name for p in subject.folder.iterdir() if not p.name.startswith(".")}
    assert seen == {"b", "c", "write.json", LOG_NAME}


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from targeting.subject import Stage, Subject

    def slow(there):
        (there / "big.bin").write_bytes(b"half of it")
        if sys.argv[2] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        (there / "big.bin").write_bytes(b"all of it")

    subject = Subject.named("s1", sys.argv[1])
    with subject.locked():
        quick = subject.run(Stage("quick", 1, lambda there: (there / "q.txt").write_text("q"), lambda f: None))
        done = subject.run(Stage("slow", 1, slow, lambda f: None, after=[quick]))
    print(quick.reused, done.reused)
"""


def run_child(folder, what):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), what], cwd=ROOT, capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_run_leaves_nothing_half_written_and_resumes(tmp_path):
    folder = tmp_path / "s1"
    assert run_child(folder, "die").returncode == -signal.SIGKILL
    assert (folder / "quick.json").is_file()
    assert not (folder / "big.bin").exists()
    assert not (folder / "slow.json").exists()
    resumed = run_child(folder, "live")
    assert resumed.stdout.split() == ["True", "False"], resumed.stderr
    assert (folder / "big.bin").read_bytes() == b"all of it"
    assert not list(folder.glob(f"{MAKING}*"))


@pytest.mark.slow
def test_two_runs_at_once_are_refused_and_the_lock_dies_with_its_holder(tmp_path):
    folder = tmp_path / "s1"
    with Subject.named("s1", folder).locked():
        second = run_child(folder, "live")
        assert second.returncode == 1
        assert f"another run (process {os.getpid()}) is at work" in second.stderr
    assert run_child(folder, "die").returncode == -signal.SIGKILL
    assert run_child(folder, "live").returncode == 0


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b/c", "a/", "/b", "../x", "/tmp/x", "a\\b", "-x", ".x", "a b", "é", "a\n", "x" * 101]
)
def test_names_with_a_path_or_odd_letters_are_refused(name):
    with pytest.raises(InputError, match="subject name"):
        Subject.named(name)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True))
def test_plain_names_are_taken(name):
    assert Subject.named(name).folder == Path.cwd() / name


def test_a_file_in_the_folders_place_is_one_line(tmp_path):
    (tmp_path / "s1").write_text("mine")
    with pytest.raises(InputError, match="is a file, not a folder"):
        Subject.named("s1", tmp_path / "s1")
    with pytest.raises(WriteError, match="cannot write in"), Subject.named("s1", tmp_path / "s1" / "deeper").locked():
        pass
    assert (tmp_path / "s1").read_text() == "mine"


def test_a_folder_that_nothing_was_written_into_goes_again(tmp_path):
    with pytest.raises(InputError), Subject.named("s1", tmp_path / "new" / "s1").locked():
        raise InputError("bad input")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_the_old_result_stands(kitchen):
    kitchen.run()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(WriteError, match=r"cannot write in .*; free some space"), kitchen.subject.locked():
            kitchen.subject.run(kitchen.stage("pick", lambda: "x" * 100_000, [], size=9))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (kitchen.subject.folder / "pick.txt").read_text() == "leek"
    assert kitchen.states() == ["done"] * 3


HALF_PLACED = """
    import os, signal, sys
    from pathlib import Path
    from targeting.subject import Stage, Subject

    def write(there):
        for name in sys.argv[2].split(","):
            (there / name).write_text(name)

    if sys.argv[3] == "die":
        replace = Path.replace
        def once(path, to):
            replace(path, to)
            os.kill(os.getpid(), signal.SIGKILL)
        Path.replace = once
    subject = Subject.named("s1", sys.argv[1])
    with subject.locked():
        subject.run(Stage("write", 1, write, lambda f: None, parameters={"names": sys.argv[2]}))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_run_killed_while_it_renames_leaves_no_file_that_nobody_knows(tmp_path):
    def child(names, what):
        words = [sys.executable, "-c", textwrap.dedent(HALF_PLACED), str(tmp_path / "s1"), names, what]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True)

    def files():
        return {p.name for p in (tmp_path / "s1").iterdir() if not p.name.startswith(".")} - {LOG_NAME}

    assert child("T1.nii,x", "die").returncode == -signal.SIGKILL
    assert files() == {"T1.nii"}
    assert child("T1.nii.gz", "live").returncode == 0  # another run, which makes other files
    assert files() == {"T1.nii.gz", "write.json"}
    assert child("a,b", "die").returncode == -signal.SIGKILL
    assert child("T1.nii.gz", "live").returncode == 0  # the old result stood, and stands again
    assert files() == {"T1.nii.gz", "write.json"}


def test_a_full_disk_while_the_sidecar_is_written_takes_the_new_files_away(kitchen, monkeypatch):
    kitchen.run()
    write = Path.write_text

    def full(path, text, *rest, **how):
        if path.name == "chop.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, text, *rest, **how)

    (kitchen.subject.folder / "chop.json").unlink()
    (kitchen.subject.folder / "chop.txt").unlink()
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(WriteError, match="no space left on device"):
        kitchen.run()
    monkeypatch.undo()
    assert not (kitchen.subject.folder / "chop.txt").exists()
    assert kitchen.run().value == "leek/1+0.5"


def test_a_holder_that_is_just_ending_is_waited_for(tmp_path):
    import threading

    from targeting.folder_lock import locked

    held, end = threading.Event(), threading.Event()

    def hold():
        with locked(tmp_path):
            held.set()
            end.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(5)
    threading.Timer(0.3, end.set).start()
    with locked(tmp_path):
        pass
    holder.join()


def test_a_lock_file_that_was_taken_away_locks_nothing(tmp_path):
    from targeting.folder_lock import HOLDER_NAME, LOCK_NAME, locked

    with locked(tmp_path):
        (tmp_path / LOCK_NAME).unlink()
        with locked(tmp_path):  # a new file, and a lock of its own
            assert (tmp_path / HOLDER_NAME).read_text() == f"{os.getpid()}\n"


def test_a_full_disk_is_not_a_head_without_cortex(tmp_path, monkeypatch):
    from targeting.study import cortex_stage as cortex

    def full():
        raise WriteError("cannot write in s1: no space left on device; free some space or choose another --out")

    class StudyOfFull(Study):
        registration = property(lambda _: full())

    subject = Subject.named("s1", tmp_path / "s1")
    with pytest.raises(WriteError, match="no space left"):
        cortex.run_cortex(subject, cortex.CortexSource(None), None, None, full)  # type: ignore[arg-type]
    with pytest.raises(WriteError, match="no space left"):
        _ = StudyOfFull(subject=subject, source=HeadSource("head", {})).registration_if_any


@pytest.mark.skipif(sys.platform == "win32", reason="process numbers")
def test_what_a_killed_process_left_of_a_file_goes_when_it_is_next_written(tmp_path):
    from meshes.whole_files import HERE, written_whole

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = [
        f".part-{dead.pid}.{HERE}-note.txt",
        f".part-{os.getppid()}.{HERE}-note.txt",
        f".part-{dead.pid}.{HERE}-other.txt",
        f".part-{dead.pid}.anothernode-note.txt",  # of a machine whose processes are not seen from here
        ".part-x-note.txt",
    ]
    for name in names:
        (tmp_path / name).write_text("half")
    with written_whole(tmp_path / "note.txt") as temporary:
        temporary.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"note.txt", *names[1:]}


def test_a_large_file_that_was_not_touched_is_not_read_again_but_by_status(tmp_path, monkeypatch):
    """Its time of writing is believed by the next run where it is recorded; what was written just now is always read."""
    from targeting import subject as module

    subject, read = Subject.named("s1", tmp_path / "s1"), []
    monkeypatch.setattr(module, "sha256", lambda path, whole=module.sha256: read.append(path.name) or whole(path))

    def make(folder):
        for name, seconds_ago in (("old.bin", 60), ("new.bin", 0)):
            (folder / name).write_bytes(b"result")
            now = (folder / name).stat().st_mtime - seconds_ago
            os.utime(folder / name, (now, now))

    stage = Stage("field", 1, make, lambda _: None)
    with subject.locked():
        subject.run(stage)
        read.clear()
        assert subject.run(stage).reused and read == ["new.bin"]
        (subject.folder / "old.bin").write_bytes(b"rotten")  # of the same size
        assert not subject.run(stage).reused
        kept = (subject.folder / "old.bin").stat()
        (subject.folder / "old.bin").write_bytes(b"rotten")
        os.utime(subject.folder / "old.bin", ns=(kept.st_atime_ns, kept.st_mtime_ns))  # as a disk spoils it
    (row,) = subject.status(["field"])
    assert (row.state, row.why) == ("outdated", "its files were changed or removed")
