"""Faults: a plan is killed, interrupted, starved of disk and run twice at once; is the folder whole, the next run the same?

    python benchmarks/faults.py                      # 50 kills, 50 interrupts and the rest, about an hour
    python benchmarks/faults.py --times 10 --only kill --only interrupt
    python benchmarks/faults.py --keep FOLDER        # the folders stay there, and the undisturbed run is used again

The head is a small ball in a folder as charm lays one out, so that all stages run in half a minute.  After each fault the
folder must be *whole*: every file in it is one that a stage recorded, with the hash recorded, or belongs to a stage that
counts as outdated; nothing half-written has a final name.  A run that is then left alone must end well, and all of its
files must be those of a run that was never disturbed, byte for byte but for dates and durations.  What is not so is
*lost*.  Kinds of fault:

kill       kill -9 at random moments, each run resuming where the last one was killed
boundary   kill -9 just as a stage ends, for each stage; and as it begins to rename its files
interrupt  Ctrl-C in a terminal at random moments: one line, exit code 130, within 2 s (but for the 30 ms in which Python
           itself starts, before any code of this project)
terminate  SIGTERM likewise: exit code 143
disk       files of limited size (as on a full disk), for growing limits: one line, exit code 1
memory     the system kills the process that works, or memory is limited: one line
together   two runs on one folder: one plans, the other says so in one line
clock      the clock goes back ten years between two runs, and file times are nonsense

Writes ``benchmarks/results/faults.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "support")]

from terminal import Terminal  # noqa: E402

from cli.supervision import INTERRUPTED  # noqa: E402
from targeting.study.plan_state import STAGES  # noqa: E402
from targeting.subject import sha256  # noqa: E402

IN_A_ROW = 5
OURS = re.compile(r"  (segment|mesh)|/(meshes|atlases|targeting)/|/cli/(?!main|supervision)")
LIMIT_S = 2.0  # from Ctrl-C to the end
LONGEST_S = 900.0  # no run takes longer
TIMED = re.compile(
    r"(?<=InstrumentMarker)\d{17}|\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\+00:00| UTC)?)?"
    r"|\"(seconds|finished|created)\": (\{[^}]*\}|[^,\n]+)|(\d+(\.\d+)? (min|s)\b ?)+"
)
COMMAND = [sys.executable, "-c", "from cli.main import main; main()"]
WORDS = ["plan", "ball", "--aim", "ras:-20,-9,20", "--side", "left", "--angle", "midline:45", "--out", "ball"]
# each stage ends, and begins to place its files, by a call of ours: this kills it just there
AT_BOUNDARY = """
import os, signal, sys
from pathlib import Path
from targeting.subject import Subject
stage, moment = sys.argv.pop(1), sys.argv.pop(1)
commit, replace = Subject._commit, Path.replace
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def watched(self, what, *rest):
    here = what.name == stage
    if here and moment == "before":
        die()
    if here and moment == "between":
        def once(path, to):
            replace(path, to)
            die()
        Path.replace = once
    made = commit(self, what, *rest)
    if here:
        die()
    return made
Subject._commit = watched
from cli.main import main
main()
"""
BACK_THEN = """
import sys, time
now, local = time.time, time.localtime
time.time = lambda: now() - 10 * 365 * 86400
time.localtime = lambda seconds=None: local(time.time() if seconds is None else seconds)
from cli.main import main
main()
"""


@dataclass
class Tally:
    """What became of one kind of fault."""

    runs: int = 0
    survived: int = 0
    lost: list[str] = field(default_factory=list)
    slowest_s: float = 0.0

    def also(self, faults: list[str]) -> None:
        """What the run after the last fault, left alone, got wrong."""
        if faults:
            self.survived -= 1
            self.lost += faults
        print(f"    then left alone: {'; '.join(faults) or 'the same'}", flush=True)

    def note(self, fault: str, faults: list[str]) -> None:
        """Count a fault and what was not right after it."""
        self.runs += 1
        self.survived += not faults
        self.lost += [f"{fault}: {each}" for each in faults]
        print(f"  {fault}: {'; '.join(faults) or 'ok'}", flush=True)


class Campaign:
    """One head, a run of it that nothing disturbs, and faults to other runs."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.head = ["--head", str(folder / "m2m_ball")]
        self.counter, self.slowest_s = 0, 0.0
        self.calm = folder / "calm"
        if not self.calm.exists():  # else kept from an earlier campaign
            make_head(folder / "m2m_ball")
            self.plan(self.folder("warm"))  # compiles
            self.calm.mkdir()
            self.plan(self.calm)
        start = time.monotonic()
        said = self.plan(self.calm)
        self.start_s = time.monotonic() - start  # all is reused
        self.order = re.findall(r"^  (\w+) +reused$", said, re.MULTILINE)
        self.stage_s = {
            each: json.loads((self.calm / "ball" / f"{each}.json").read_text())["seconds"] for each in self.order
        }
        self.seconds = self.start_s + sum(self.stage_s.values())
        self.right = contents(self.calm / "ball")
        print(f"undisturbed: {self.seconds:.1f} s, {len(self.right)} files", flush=True)

    def folder(self, name: str) -> Path:
        """A new folder to run in."""
        self.counter += 1
        folder = self.folder / f"{os.getpid()}-{self.counter:03}-{name}"
        folder.mkdir()
        return folder

    def start(self, folder: Path, command: list[str] = COMMAND, **how: Any) -> subprocess.Popen[str]:
        """The command, with all it says kept."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [*command, *WORDS, *self.head],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **how,
        )

    def plan(self, folder: Path) -> str:
        """A run that must end well; what it says on its way."""
        child = self.start(folder)
        said = child.communicate(timeout=LONGEST_S)[1]
        if child.returncode:
            raise RuntimeError(f"exit code {child.returncode}: {said[-500:]}")
        return said

    def after(self, folder: Path) -> list[str]:
        """What is wrong with the next run, left alone."""
        try:
            self.plan(folder)
        except RuntimeError as error:
            return [f"the next run failed, {error}"]
        found = contents(folder / "ball")
        differ = sorted(name for name in found.keys() | self.right.keys() if found.get(name) != self.right.get(name))
        return [f"the next run differs in {', '.join(differ)}"] if differ else []

    def begun(self, name: str, stage: str) -> Path:
        """A new folder with all stages before this one done."""
        folder = self.folder(name)
        shutil.copytree(self.calm / "ball", folder / "ball")
        for later in self.order[self.order.index(stage) :]:
            sidecar = folder / "ball" / f"{later}.json"
            for output in json.loads(sidecar.read_text())["outputs"]:
                (folder / "ball" / output).unlink()
            sidecar.unlink()
        return folder

    def chain(self, name: str, times: int, strike: Callable[[Path, float], list[str]], tally: Tally) -> None:
        """Faults at random moments in random stages: ``IN_A_ROW`` in one folder, each run resuming, then one left alone."""
        folder = None
        for n in range(times):
            if folder is None:
                stage = self.random.choice(self.order)
                folder, left = self.begun(name, stage), IN_A_ROW
            # the start, where all is imported, and then the stage and those after it
            moment = self.random.uniform(0, self.start_s + 1.5 * self.stage_s[stage] + 1)
            faults = strike(folder, moment)
            left -= 1
            faults += broken(folder / "ball")
            tally.note(f"{name} {n + 1} at {moment:.1f} s from {stage} on", faults)
            if not left or n == times - 1 or (folder / "ball" / "files.json").exists():
                tally.also(self.after(folder))
                folder = None

    def killed(self, folder: Path, moment: float) -> list[str]:
        """Kill -9 of the command."""
        child = self.start(folder, stdin=subprocess.DEVNULL)
        time.sleep(moment)
        child.kill()
        child.communicate()
        return []

    def interrupted(self, folder: Path, moment: float) -> list[str]:
        """Ctrl-C in a terminal."""
        with Terminal([*COMMAND, *WORDS, *self.head], folder) as terminal:
            terminal.read(moment)
            if terminal.child.poll() is not None:
                return []
            pressed = len(terminal.text)
            terminal.press()
            seconds, code = terminal.end()
            lines = terminal.last_lines(pressed)
        self.slowest_s = max(self.slowest_s, seconds)
        if code in (-signal.SIGINT, 1) and not OURS.search(terminal.text):  # Python itself was starting
            print("    (before the command had started)", flush=True)
            return []
        if code == 0 and (folder / "ball" / "files.json").exists():  # it was done
            return []
        faults = [f"exit code {code}"] if code != 130 else []
        faults += [f"{seconds:.2f} s"] if seconds > LIMIT_S else []
        said = [line for line in lines if line.strip() not in ("^C", INTERRUPTED, f"^C{INTERRUPTED}")]
        said = [line for line in said if not line.startswith("  ")]  # progress
        if said or not lines or not lines[-1].endswith(INTERRUPTED):
            faults.append(f"said {lines}")
        return faults

    def terminated(self, folder: Path, moment: float) -> list[str]:
        """SIGTERM, as a cluster sends it."""
        child = self.start(folder, stdin=subprocess.DEVNULL)
        time.sleep(moment)
        child.terminate()
        start = time.monotonic()
        said = child.communicate()[1]
        seconds = time.monotonic() - start
        if moment < 0.2 and child.returncode == -signal.SIGTERM:  # before Python itself was up
            return []
        faults = [f"exit code {child.returncode}"] if child.returncode not in (143, 0) else []
        faults += [f"{seconds:.2f} s"] if seconds > LIMIT_S else []
        return faults + ([f"said {said[-300:]}"] if "Traceback" in said else [])


def make_head(folder: Path) -> None:
    """A ball in a folder as charm leaves one: mesh, and a warp to MNI space that only scales."""
    import nibabel
    import numpy as np
    from heads import layered_ball

    (folder / "toMNI").mkdir(parents=True)
    layered_ball(14.0, (0.45, 0.45, 0.45)).write(folder / "ball.msh")
    scale, middle = 0.56, np.array([0.0, -18.0, 8.0])

    def field_of(values: Callable[[Any], Any], low: float, many: int) -> nibabel.Nifti1Image:
        affine = np.diag([3.0, 3.0, 3.0, 1.0])
        affine[:3, 3] = low
        points = np.stack(np.meshgrid(*3 * [np.arange(many)], indexing="ij"), -1) * 3.0 + low
        return nibabel.Nifti1Image(values(points)[:, :, :, None].astype(np.float32), affine)

    there = field_of(lambda points: (points - middle) * scale, -126.0, 80)
    nibabel.save(there, folder / "toMNI" / "MNI2Conform_nonl.nii.gz")
    back = field_of(lambda points: points / scale + middle, -105.0, 71)
    nibabel.save(back, folder / "toMNI" / "Conform2MNI_nonl.nii.gz")


def contents(folder: Path) -> dict[str, str]:
    """Hash of each file, of pages and JSON without dates and durations; hashes of files that have some are no content."""
    timed = {"plan.json", "plan.html", "treatment_sheet.html"}
    found = {}
    for path in sorted(
        each for each in folder.rglob("*") if each.is_file() and not each.name.startswith(".target.lock")
    ):
        content = path.read_bytes()
        if path.suffix in (".json", ".html"):
            text = content.decode()
            if path.name == "files.json":
                about = json.loads(text)
                text = json.dumps([about["made_from"], {n: h for n, h in about["outputs"].items() if n not in timed}])
            content = TIMED.sub("", text).encode()
        found[TIMED.sub("", path.relative_to(folder).as_posix())] = hashlib.sha256(content).hexdigest()
    return found


def broken(folder: Path) -> list[str]:
    """What is wrong with a folder as a fault left it."""
    faults, told = [], {".target.lock", ".target.lock.pid"}
    for sidecar in folder.glob("*.json"):
        if sidecar.stem not in (*STAGES, "surfaces"):
            continue
        try:
            outputs = json.loads(sidecar.read_text())["outputs"]
        except (ValueError, KeyError):
            faults.append(f"{sidecar.name} is no sidecar")
            continue
        told |= {sidecar.name, *outputs}
        for name, each in outputs.items():
            if not (folder / name).is_file() or sha256(folder / name) != each["sha256"]:
                faults.append(f"{name} is not what {sidecar.name} says")
    unfinished = [each for each in folder.glob(".making-*") if (each / ".placing.json").is_file()]
    for place in unfinished:  # killed in the middle of renaming: the next run takes those away
        told |= set(json.loads((place / ".placing.json").read_text() or "[]"))
    names = {each.name for each in folder.iterdir() if each.is_file()} if folder.is_dir() else set()
    return faults + [f"{name} is no stage's" for name in sorted(names - told)]


def boundaries(campaign: Campaign, rounds: int, tally: Tally) -> None:
    """Kill -9 around the end of every stage, resumed each time; each round has another moment for each stage."""
    moments = ("before", "between", "after")
    for turn in range(rounds):
        folder = campaign.folder("boundary")
        for n, stage in enumerate(campaign.order):
            moment = moments[(n + turn) % 3]
            child = campaign.start(folder, [sys.executable, "-c", AT_BOUNDARY, stage, moment])
            child.communicate(timeout=LONGEST_S)
            faults = [] if child.returncode == 128 + signal.SIGKILL else [f"exit code {child.returncode}"]
            tally.note(f"{moment} {stage} is in its place", faults + broken(folder / "ball"))
        tally.also(campaign.after(folder))


def full_disk(campaign: Campaign, tally: Tally) -> None:
    """No file may grow beyond a limit, in the order of the sizes that the stages write."""
    folder = campaign.folder("disk")
    sizes = sorted({path.stat().st_size for path in (campaign.calm / "ball").iterdir()})
    for size in sizes[2:-1:3]:  # each gets a little farther

        def limited(size: int = size) -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        child = campaign.start(folder, preexec_fn=limited)
        said = child.communicate(timeout=LONGEST_S)[1].strip().splitlines()
        faults = [] if child.returncode == 1 else [f"exit code {child.returncode}"]
        if not said or not re.match(r"target: cannot write .*(space|too large)", said[-1]) or "Traceback" in str(said):
            faults.append(f"said {said[-3:]}")
        tally.note(f"no file beyond {size} bytes", faults + broken(folder / "ball"))
    tally.note("space again", campaign.after(folder))


def little_memory(campaign: Campaign, tally: Tally) -> None:
    """The worker killed by the system, as the kernel does when memory is full; and a limit of address space."""
    for stage in ("cortex", "search", "files"):
        folder = campaign.begun("memory", stage)
        child = campaign.start(folder)
        time.sleep(campaign.start_s + 0.3 * campaign.stage_s[stage])
        worker = subprocess.run(["pgrep", "-P", str(child.pid)], capture_output=True, text=True).stdout.split()
        os.kill(int(worker[0]), signal.SIGKILL)
        said = child.communicate()[1].strip().splitlines()
        faults = [] if child.returncode == 137 and "out of memory?" in said[-1] else [f"{child.returncode}: {said[-1]}"]
        tally.note(f"killed by the system in {stage}", faults + broken(folder / "ball"))
        if stage == "search":
            tally.also(campaign.after(folder))
    folder = campaign.folder("memory")
    for gigabytes in (1.0, 1.5, 2.0):

        def limited(size: int = int(gigabytes * 1e9)) -> None:
            resource.setrlimit(resource.RLIMIT_AS, (size, size))

        child = campaign.start(folder, preexec_fn=limited)
        said = child.communicate(timeout=LONGEST_S)[1].strip().splitlines()
        ok = child.returncode == 0 or (said and said[-1].startswith("target: ") and "Traceback" not in str(said))
        faults = [] if ok else [f"{child.returncode}: {said[-1:]}"]
        tally.note(f"{gigabytes:g} GB of address space", faults + broken(folder / "ball"))
    tally.note("memory again", campaign.after(folder))


def together(campaign: Campaign, tally: Tally) -> None:
    """Two at once: a moment apart, in a new folder and in a finished one."""
    for n, apart in enumerate((0.0, 0.0, 0.3, 3.0)):
        folder = campaign.begun("together", "surfaces")
        one = campaign.start(folder)
        time.sleep(apart)
        two = campaign.start(folder)
        said = [each.communicate(timeout=LONGEST_S)[1] for each in (one, two)]
        ends = sorted(zip((one.returncode, two.returncode), said, strict=True))
        faults = []
        if [code for code, _ in ends] != [0, 2] or "another run (process" not in ends[1][1].splitlines()[-1]:
            faults.append(f"exit codes {[code for code, _ in ends]}, {ends[1][1][-200:]}")
        tally.note(f"two at once, {n + 1}", faults + broken(folder / "ball"))
    tally.also(campaign.after(folder))


def clock_back(campaign: Campaign, tally: Tally) -> None:
    """A finished folder with file times in the future and the past, then a run that takes itself to be ten years ago."""
    folder = campaign.begun("clock", "search")
    for n, path in enumerate(sorted((folder / "ball").rglob("*"))):
        os.utime(path, (0, 0) if n % 2 else (4e9, 4e9))
    child = campaign.start(folder, [sys.executable, "-c", BACK_THEN])
    said = child.communicate(timeout=LONGEST_S)[1]
    faults = [] if child.returncode == 0 else [f"exit code {child.returncode}: {said[-300:]}"]
    tally.note("ten years back", faults + broken(folder / "ball") + campaign.after(folder))


def campaigns(campaign: Campaign, times: int, only: list[str]) -> Iterator[tuple[str, Tally]]:
    """Each kind of fault and what became of it."""
    kinds: dict[str, Callable[[Tally], None]] = {
        "together": lambda tally: together(campaign, tally),
        "clock": lambda tally: clock_back(campaign, tally),
        "boundary": lambda tally: boundaries(campaign, 3 if times >= 50 else 1, tally),
        "interrupt": lambda tally: campaign.chain("interrupt", times, campaign.interrupted, tally),
        "kill": lambda tally: campaign.chain("kill", times, campaign.killed, tally),
        "disk": lambda tally: full_disk(campaign, tally),
        "memory": lambda tally: little_memory(campaign, tally),
        "terminate": lambda tally: campaign.chain("terminate", max(1, times // 5), campaign.terminated, tally),
    }
    for kind, faults in kinds.items():
        if not only or kind in only:
            print(kind, flush=True)
            tally = Tally()
            faults(tally)
            yield kind, tally


def main() -> int:
    """Run the campaign, print its table, keep it."""
    for number in (signal.SIGINT, signal.SIGHUP):  # a campaign in the background ignores them, and its children would
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50, help="random moments of each kind")
    parser.add_argument("--only", action="append", default=[], help="a kind of fault; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="target-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    campaign = Campaign(folder, asked.seed)
    results = Path(__file__).parent / "results" / "faults.json"
    table: dict[str, Any] = json.loads(results.read_text()) if asked.only and results.exists() else {"faults": {}}
    table |= {"undisturbed_s": round(campaign.seconds, 1), "cores": os.cpu_count()}
    for kind, tally in campaigns(campaign, asked.times, asked.only):
        table["faults"][kind] = {"runs": tally.runs, "survived": tally.survived, "lost": tally.lost}
        if kind == "interrupt":
            table["faults"][kind]["slowest_end_s"] = round(campaign.slowest_s, 2)
        results.write_text(json.dumps(table, indent=1) + "\n")
    print(f"{'fault':<12}{'runs':>6}{'survived':>10}{'lost':>6}")
    for kind, row in table["faults"].items():
        print(f"{kind:<12}{row['runs']:>6}{row['survived']:>10}{row['runs'] - row['survived']:>6}")
        for each in row["lost"]:
            print(f"  {each}")
    if asked.keep is None:
        shutil.rmtree(folder, ignore_errors=True)
    return int(any(row["lost"] for row in table["faults"].values()))


if __name__ == "__main__":
    sys.exit(main())
