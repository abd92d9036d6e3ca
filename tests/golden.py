"""What the command line answers and writes, kept before a change of the code and compared after it.

    python tests/golden.py keep BEFORE [--head FOLDER] [--only NAME ...]    # in the code of before
    python tests/golden.py keep AFTER [--head FOLDER] [--only NAME ...]     # in the code of after
    python tests/golden.py compare BEFORE AFTER

Each case is a few command lines on the head that ships with the project.  Kept are their exit codes, what they say on stdout
and stderr, and every file they write for people and other programs.  Times, dates and versions are taken out; pictures
inside a page and files of arrays are kept as hashes, so that a difference is told by its place.  ``--head`` is a subject's
folder to start from (its head is then not made again).  All cases take about twenty minutes.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
HAND = "target plan colin27 --density fast --aim m1-hand --side left"
COMMANDS = [
    "plan",
    "segment",
    "mesh",
    "status",
    "export",
    "serve",
    "view",
    "review",
    "log",
    "verify",
    "basis",
    "doctor",
    "setup",
    "atlas",
    "coils",
    "montages",
    "protocols",
    "stimulators",
]
CASES: dict[str, list[str]] = {
    "hand": [HAND, "target status colin27", "target verify colin27 --quiet", "target export colin27 --to localite"],
    "hand-dosed": [
        f"{HAND} --rmt 52 --protocol m1-pain-10hz",
        "target plan colin27 --density fast --rmt 48 --match-field 0.9 --stimulator magstim-rapid --pain-side right "
        "--patient-id P7",
    ],
    "hand-turned": [f"{HAND} --angle midline:45 --pulse monophasic --hair-mm 6 --tilt 10 --extra-mm 2 --uncertainty"],
    "hand-goal": [f"{HAND} --objective focality --avoid m1-face --json", f"{HAND} --also psi --quiet"],
    "hand-normal": [f"{HAND} --direction normal --conductivity skull=0.008"],
    "insula": [
        "target plan colin27 --density fast --aim psi --pain-side left --rmt 52 --rmt-muscle leg --protocol psi-10hz "
        "--coil double-cone-110mm --compare circular-mc125"
    ],
    "point": ["target plan colin27 --density fast --aim mni:-37,-21,58 --radius 6 --json"],
    "tdcs": ["target plan colin27 --density fast --aim m1-hand --pain-side right --with tdcs"],
    "tdcs-named": ["target plan colin27 --density fast --aim m1-hand --side left --with tdcs --montage m1-so"],
    "hd-tdcs": [
        "target plan colin27 --density fast --aim m1-hand --side left --with hd-tdcs --avoid m1-face --avoid-cap 0.7",
        "target plan colin27 --density fast --aim psi --pain-side left --with hd-tdcs --tes-objective focality",
        "target montages interference colin27 --aim m1-hand --side left --keep 3",
    ],
    "both": ["target plan colin27 --density fast --aim m1-hand --pain-side right --with tms,hd-tdcs --also psi"],
    "help": [
        "target --help",
        *(f"target {each} --help" for each in COMMANDS),
        "target montages interference --help",
        "target montages equal-dose --help",
        "target atlas list",
        "target coils list",
        "target montages list",
        "target protocols list",
        "target protocols show m1-pain-10hz",
        "target stimulators list",
    ],
    "refused": [
        "target plan",
        "target plan nobody",
        "target plan colin27 --aim m1-hnad",
        "target plan colin27 --aim m1-hand --side left --hair-mm 80",
        "target plan colin27 --aim m1-hand --side left --tilt 40",
        "target plan colin27 --aim m1-hand --side left --extra-mm -1",
        "target plan colin27 --aim m1-hand --side left --coil figure8",
        "target plan colin27 --aim m1-hand --side left --coil none.ccd",
        "target plan colin27 --aim m1-hand --side left --angle fold:3",
        "target plan colin27 --aim m1-hand --side left --pulse biphasc",
        "target plan colin27 --aim m1-hand --side left --current reverse --stimulator magpro-r30",
        "target plan colin27 --aim m1-hand --side left --direction 1,2",
        "target plan colin27 --aim m1-hand --side left --objective focal",
        "target plan colin27 --aim m1-hand --side left --avoid m1-fac",
        "target plan colin27 --aim m1-hand --side left --penalty 2",
        "target plan colin27 --aim m1-hand --side left --rmt 520",
        "target plan colin27 --aim m1-hand --side left --match-field 0.9",
        "target plan colin27 --aim m1-hand --side left --protocol m1-pain",
        "target plan colin27 --aim m1-hand --side left --density finest",
        "target plan colin27 --aim m1-hand --side left --conductivity bone=0.01",
        "target plan colin27 --aim m1-hand --side left --dti none.nii.gz",
        "target plan colin27 --aim m1-hand --side left --engine comsol",
        "target plan colin27 --aim m1-hand --side left --accept-risk everything",
        "target plan colin27 --aim m1-hand --side left --with tacs",
        "target plan colin27 --aim m1-hand --side left --with tdcs --coil figure8-70mm",
        "target plan colin27 --aim m1-hand --side left --montage m1-so",
        "target plan colin27 --aim m1-hand --side left --with tdcs --montage m1",
        "target plan colin27 --aim m1-hand --side left --with tdcs --max-current-ma 8",
        "target plan colin27 --aim m1-hand --side left --with hd-tdcs --max-electrodes 1",
        "target plan colin27 --aim m1-hand --side left --with hd-tdcs --tes-objective best",
        "target plan colin27 --aim m1-hand --side left --with hd-tdcs --minutes 0",
        "target plan colin27 --aim m1-hand --side left --with hd-tdcs --cap 10-11",
        "target plan colin27 --hair 3",
        "target plan colin27 --t1 a.nii.gz --labels b.nii.gz",
        "target export colin27 --to navigator9",
        "target view colin27 --view sideways",
        "target serve nobody",
        "target montages interference nobody",
        "target montages equal-dose nobody nobody2",
    ],
    "seen": [HAND, "target view colin27 --screenshot view.png"],
}
VOLATILE = [  # what differs between two runs of the same code
    (r"\d{17}\.xml", "TIME.xml"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:?\d\d|Z)?", "DATE"),
    (r"\d{4}-\d\d-\d\d", "DAY"),
    (r"\b\d+:\d\d\b", "M:S"),
    (r"\b\d+(\.\d+)? (s|seconds|MB|GB|kB|min)\b", "N UNIT"),
    (r"( *\bN UNIT)+", " N UNIT"),  # 1 min 5 s, and as wide as the number was
    (r"sha256-[A-Za-z0-9+/=]{43,}", "sha256-HASH"),
    (r"\b[0-9a-f]{64}\b", "HASH"),
]
PICTURE = re.compile(r"data:image/[a-z+]+;base64,([A-Za-z0-9+/=]+)")
LONG = re.compile(r"[A-Za-z0-9+/=]{400,}")


def keep(folder: Path, head: Path | None, only: list[str]) -> None:
    """Run the cases with the code beside this file, and keep what they give in ``folder``."""
    with tempfile.TemporaryDirectory() as work:
        place = Path(work)
        if head is not None:
            shutil.copytree(head, place / "colin27")
        for name in only or CASES:
            print(name, flush=True)
            kept = folder / name
            shutil.rmtree(kept, ignore_errors=True)
            kept.mkdir(parents=True)
            said = []
            for command in CASES[name]:
                began = {path: path.stat().st_mtime_ns for path in files_of(place)}
                said.append(run(command, place))
                for path in files_of(place):
                    if path.stat().st_mtime_ns != began.get(path):
                        place_kept = re.sub(r"\d{17}", "TIME", path.relative_to(place).as_posix())
                        keep_file(path, kept / str(CASES[name].index(command)) / place_kept)
            (kept / "said.txt").write_text("\n\n".join(said), encoding="utf-8")


def run(command: str, place: Path) -> str:
    words = [sys.executable, "-c", "import sys; from cli.main import main; sys.exit(main())", *shlex.split(command)[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    environment |= {"MKL_NUM_THREADS": "1"}  # the last digits of a leadfield depend on how many threads factorised
    done = subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, check=False)
    lines = done.stderr.replace("\r", "\n").splitlines()
    errors = "\n".join(line for line in lines if not re.match(r"\s*\[?\s*\d+(:\d\d)+", line))  # but progress
    return settled(f"$ {command}\n[{done.returncode}]\n{done.stdout}\n{errors}", place)


def files_of(place: Path) -> list[Path]:
    ours = {".npz", ".lock", ".log", ".msh", ".vtp", ".h5"}
    return [path for path in sorted(place.rglob("*")) if path.is_file() and path.suffix not in ours]


def keep_file(path: Path, to: Path) -> None:
    """Texts as they are but for times; all else by its hash."""
    to.parent.mkdir(parents=True, exist_ok=True)
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = f"BYTES {hashlib.sha256(data).hexdigest()[:32]}"  # shorter than the hashes that are taken out
    if path.name == "plan.json":
        document = json.loads(text)
        document["seconds"] = dict.fromkeys(document.get("seconds", {}), 0)
        text = json.dumps(document, indent=1)
    elif path.suffix == ".json" and "stage" in text[:400]:
        return  # a stage's own record: times, hashes
    if path.suffix == ".html":
        text = PICTURE.sub(lambda found: f"PICTURE {hashlib.sha256(found[1].encode()).hexdigest()[:12]}", text)
        text = LONG.sub(lambda found: f"BYTES {hashlib.sha256(found[0].encode()).hexdigest()[:12]}", text)
        text = re.sub(r">\s*<", ">\n<", text)
    to.write_text(settled(text, path.parent), encoding="utf-8")


class PageOutline(HTMLParser):
    """A page's tags, attributes and texts, a line each: how it is escaped, indented and quoted does not count."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def handle_decl(self, decl: str) -> None:
        self.lines.append(f"<!{decl}>")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.lines.append(f"<{tag}{''.join(f' {name}={value!r}' for name, value in sorted(attrs))}>")

    def handle_endtag(self, tag: str) -> None:
        self.lines.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if data.strip():  # runs of white space are one, as a browser shows them
            self.lines.append(re.sub(r"[ \n\t]+", " ", data))


def outline_of(page: str) -> str:
    outline = PageOutline()
    outline.feed(page)
    outline.close()
    return "\n".join(outline.lines)


def settled(text: str, place: Path) -> str:
    return without_times(text.replace(str(place), "PLACE"))


def without_times(text: str) -> str:
    for pattern, by in VOLATILE:
        text = re.sub(pattern, by, text)
    return text


def compare(before: Path, after: Path) -> int:
    """Print what differs, file by file; the number of files that do."""
    names = sorted({path.relative_to(each) for each in (before, after) for path in each.rglob("*") if path.is_file()})
    names = [name for name in names if (before / name.parts[0]).is_dir() and (after / name.parts[0]).is_dir()]
    different = 0
    for name in names:
        old, new = ((each / name).read_text("utf-8") if (each / name).exists() else "" for each in (before, after))
        if name.suffix == ".html":
            old, new = outline_of(old), outline_of(new)
        old, new = without_times(old), without_times(new)  # what was kept with an earlier list, too
        if old != new:
            different += 1
            lines = difflib.unified_diff(
                old.splitlines(), new.splitlines(), f"before/{name}", f"after/{name}", "", "", 1, ""
            )
            print("\n".join(line[:240] for line in list(lines)[:80]))
    print(f"{len(names)} files, {different} different")
    return different


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    keeping = commands.add_parser("keep")
    keeping.add_argument("folder", type=Path)
    keeping.add_argument("--head", type=Path)
    keeping.add_argument("--only", nargs="+", choices=CASES, default=[])
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.command == "compare":
        raise SystemExit(min(1, compare(given.before, given.after)))
    keep(given.folder.resolve(), given.head, given.only)
