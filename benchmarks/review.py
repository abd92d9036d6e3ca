"""Seconds that ``target review`` takes for 10,000 recorded pulses: to read them, to hold them against the plan, to write.

    python benchmarks/review.py                                      # on a small made-up head
    python benchmarks/review.py --subject colin27 --out colin27      # on a plan of yours

Prints a line and writes ``benchmarks/results/review.json``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "support")]

from history import keep  # noqa: E402
from prescribed_ball import prescribed_ball  # noqa: E402
from recorded_sessions import localite_session  # noqa: E402

from targeting.live import LiveDose  # noqa: E402
from targeting.reviewing.files import document_of, table_of  # noqa: E402
from targeting.reviewing.page import page_of  # noqa: E402
from targeting.reviewing.recorded import read_recorded  # noqa: E402
from targeting.reviewing.review import reviewed  # noqa: E402
from targeting.study.carried_over import carried_over  # noqa: E402
from targeting.subject import Subject  # noqa: E402

PULSES = 10_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", default="")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject.planned(given.subject, given.out) if given.subject else prescribed_ball(Path(folder) / "ball")
        start = time.perf_counter()
        live = LiveDose.of(subject)
        prepared = time.perf_counter() - start
        planned = np.array(live.plan.placements[0].pose)
        hand = np.random.default_rng(0).normal(0, 1, (PULSES, 3))
        poses = []
        for each in hand:
            pose = planned.copy()
            pose[:3, 3] += each - 2 * planned[:3, 2]
            poses.append(pose)
        file = localite_session(Path(folder) / "session.xml", poses, 0.1 * np.arange(PULSES), percent=40.0)
        start = time.perf_counter()
        recorded = read_recorded([file], live.plan, lambda each: carried_over(each, subject)[0])
        read = time.perf_counter() - start
        found = reviewed(subject, recorded, live)
        held = time.perf_counter() - start - read
        table_of(found)
        document_of(found)
        page_of(found, live)
        shown = time.perf_counter() - start - read - held
    result = {
        "pulses": PULSES,
        "prepare_s": round(prepared, 2),
        "read_s": round(read, 2),
        "review_s": round(held, 2),
        "page_and_table_s": round(shown, 2),
    }
    print(", ".join(f"{name} {value}" for name, value in result.items()))
    print(keep("review", result))


if __name__ == "__main__":
    main()
