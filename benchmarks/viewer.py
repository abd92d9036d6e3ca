"""The viewer: how soon its window opens, and how often a second dose, field and picture follow a coil that is dragged.

    xvfb-run python benchmarks/viewer.py SUBJECT --out FOLDER [--steps 40]

The subject is planned (``target plan``); with its basis (``target basis``) the cortical field follows, too.  Times are those
of a drag by mouse events, from the event to the finished picture, and of what is computed in it: the pose at rest on the
scalp, the dose, the cortical field and its colours.  Under Xvfb all pictures are drawn by the processor.  Prints a table
and writes ``benchmarks/results/viewer.json``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

START = time.perf_counter()  # imports count

import numpy as np  # noqa: E402
from history import keep  # noqa: E402

OPEN_S, FRAMES_PER_S = 5.0, 10.0
WAIT_S = 180.0


def measure(subject: str, out: Path | None, steps: int) -> dict[str, object]:
    """Open the window and drag."""
    from targeting.viewer import open_window

    window = open_window(subject, out)
    from qtpy import QtCore, QtWidgets
    from qtpy.QtTest import QTest

    app = QtWidgets.QApplication.instance()
    ready: list[float] = []
    window.loader.idle.connect(lambda: ready.append(time.perf_counter() - START))
    while not window.view.pictures:
        app.processEvents()
    opened, cpu = time.perf_counter() - START, time.process_time()
    while not ready and time.perf_counter() - START < WAIT_S:
        app.processEvents()
        time.sleep(0.01)
    drawn, computed = [], []

    def timed(function, kept):
        def run(*arguments):
            start = time.perf_counter()
            result = function(*arguments)
            kept.append(time.perf_counter() - start)
            return result

        return run

    begun: list[float] = []
    picture = window.plotter.render_window  # tells of every picture, whoever asked for it
    picture.AddObserver("StartEvent", lambda *_: begun.append(time.perf_counter()))
    picture.AddObserver("EndEvent", lambda *_: drawn.append(time.perf_counter() - begun[-1]))
    window.mouse._steps.timeout.disconnect()
    window.mouse._steps.timeout.connect(timed(window.mouse._step, computed))

    pose = window.control.coil.pose
    x, y = window.view.at(pose[:3, :3] @ [30.0, 0.0, -5.0] + pose[:3, 3])
    left = QtCore.Qt.MouseButton.LeftButton

    def dragged(start):
        """Seconds and processor seconds of each step of a drag from a place in the picture."""
        QTest.mousePress(window.plotter, left, pos=start)
        whole, cpu = [], []
        for k in range(1, steps + 1):
            before, cpu_before = time.perf_counter(), time.process_time()
            pictures = len(drawn)
            QTest.mouseMove(window.plotter, start - QtCore.QPoint(2 * k, k))
            while len(drawn) == pictures:
                app.processEvents()
            app.processEvents()  # what a second picture would cost counts, too
            whole.append(time.perf_counter() - before)
            cpu.append(time.process_time() - cpu_before)
        QTest.mouseRelease(window.plotter, left, pos=start - QtCore.QPoint(2 * steps, steps))
        return whole, cpu

    turned, _ = dragged(QtCore.QPoint(window.plotter.width() - 20, window.plotter.height() // 3))  # beside the head
    window.look("coil")
    del drawn[:]
    whole, cpu = dragged(QtCore.QPoint(round(x), round(window.plotter.height() - 1 - y)))
    follows = window.control.cortex is not None
    window.control.back_to_plan()
    found = {
        "open_s": opened,
        "ready_s": ready[0] if ready else None,
        "field_follows": follows,
        "picture": [window.plotter.width(), window.plotter.height()],
        "step_ms": 1e3 * float(np.median(whole)),
        "step_cpu_ms": 1e3 * float(np.median(cpu)),
        "turn_ms": 1e3 * float(np.median(turned)),
        "computed_ms": 1e3 * float(np.median(computed)),
        "drawn_ms": 1e3 * float(np.median(drawn)),
        "steps_per_s": 1 / float(np.median(whole)),
        "full_picture_ms": 1e3 * window.view.full_s,
        "load": list(os.getloadavg()),
        "cores": os.cpu_count(),
    }
    window.close()
    return found


def main() -> int:
    """Measure, print, write; 1 if it opens or follows too slowly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subject")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--steps", type=int, default=40)
    asked = parser.parse_args()
    found = measure(asked.subject, asked.out, asked.steps)
    print(f"window open after     {found['open_s']:.1f} s (all loaded after {found['ready_s'] or float('nan'):.0f} s)")
    print(f"a step of a drag      {found['step_ms']:.0f} ms, {found['steps_per_s']:.1f} a second")
    print(
        f"  computing           {found['computed_ms']:.1f} ms, {'with' if found['field_follows'] else 'without'} the field"
    )
    print(f"  drawing             {found['drawn_ms']:.0f} ms ({found['full_picture_ms']:.0f} ms for a picture at rest)")
    print(f"a turn of the camera  {found['turn_ms']:.0f} ms")
    print(f"  processor time      {found['step_cpu_ms']:.0f} ms; load {found['load'][0]:.1f} on {found['cores']} cores")
    keep("viewer", found)
    return int(found["open_s"] > OPEN_S or found["steps_per_s"] < FRAMES_PER_S)


if __name__ == "__main__":
    sys.exit(main())
