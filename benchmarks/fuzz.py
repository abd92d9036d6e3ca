"""Fuzz every reader of outside files for as long as one likes: the table of ``tests/test_fuzz.py``, other examples each time.

    python benchmarks/fuzz.py --minutes 60
    python benchmarks/fuzz.py --minutes 5 --only coil --keep faults      # the damaged files that broke something

Prints how many damaged files each parser saw, read and refused, its slowest, and every fault: an exception that is no line
for the user, or a file that took too long or too much memory.  Exit code 1 if there was one.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "support")]

from test_fuzz import PARSERS, little_memory, said_or_read  # noqa: E402

EXAMPLES = 100  # of a parser in a round


class Tally:
    """What one parser did with its damaged files."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.slowest_s = 0.0
        self.faults: dict[str, bytes] = {}
        self.words: dict[str, str] = {}

    def line(self, name: str) -> str:
        """A row of the table."""
        counts = [self.counts[what] for what in ("read", "refused", "faults")]
        return f"{name:28s}" + "".join(f"{count:9d}" for count in counts) + f"{self.slowest_s:9.2f}"


def run_round(name: str, number: int, folder: Path, tally: Tally) -> None:
    """One round of damaged files for one parser."""
    parser = PARSERS[name]
    path = folder / f"{re.sub('[^A-Za-z]+', '-', name)}{parser.suffix}"
    parser.write(path)
    valid = path.read_bytes()

    @seed(number)
    @settings(
        max_examples=min(EXAMPLES, 3 * parser.examples),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(parser.damaged(valid))
    def each(content: bytes) -> None:
        path.write_bytes(content)
        began = time.perf_counter()
        try:
            with little_memory():
                found = said_or_read(parser.read, path)
            tally.counts["refused" if isinstance(found, str) else "read"] += 1
        except Exception as error:
            tally.counts["faults"] += 1
            at = traceback.extract_tb(error.__traceback__)
            ours = next((f for f in reversed(at) if str(ROOT) in f.filename and "tests" not in f.filename), at[-1])
            where = f"{Path(ours.filename).name}:{ours.lineno}"
            kind = f"{type(error).__name__} in {where}"
            tally.faults.setdefault(kind, content)
            tally.words.setdefault(kind, " ".join(str(error).split())[:120])
        tally.slowest_s = max(tally.slowest_s, time.perf_counter() - began)

    each()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="", help="parsers whose name holds this")
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--keep", type=Path, help="a folder for the files that broke something")
    asked = parser.parse_args()
    tallies = {name: Tally() for name in PARSERS if asked.only in name}
    ends = time.monotonic() + 60 * asked.minutes
    with tempfile.TemporaryDirectory() as folder:
        for number in itertools.count(asked.seed):
            for name, tally in tallies.items():
                run_round(name, number, Path(folder), tally)
                if time.monotonic() > ends:
                    break
            if time.monotonic() > ends:
                break
    print(f"{'parser':28s}{'read':>9s}{'refused':>9s}{'faults':>9s}{'slowest':>9s}")
    for name, tally in tallies.items():
        print(tally.line(name))
    for name, tally in tallies.items():
        for number, (fault, content) in enumerate(tally.faults.items()):
            print(f"{name}: {fault}: {tally.words[fault]}")
            if asked.keep:
                asked.keep.mkdir(exist_ok=True)
                (asked.keep / f"{re.sub('[^A-Za-z]+', '-', name)}-{number}{PARSERS[name].suffix}").write_bytes(content)
    return int(any(tally.faults for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
