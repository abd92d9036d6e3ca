"""Run by test_field_follows: drags the coil before there is a field basis, waits for it, and closes a window in the middle.

    python window_drag.py FOLDER OTHER_FOLDER

OTHER_FOLDER is of the same planned ball.  What was seen is the last line, as JSON.
"""

import functools
import json
import sys
import time
from pathlib import Path

import numpy as np
from qtpy import QtCore
from viewer_session import ON_CASING, Session

from targeting.viewer.widgets.loading import Loader

SOURCES = 40
Loader.make_basis = functools.partialmethod(Loader.make_basis, SOURCES)


def note(me: Session) -> dict:
    """What the picture, the strip below it and the slices say."""
    view, bar = me.window.view, me.window.bar
    values = view.values
    points = view.scene.layer("cortex").surface.points
    written = view.plotter.renderer.actors.get("color bar words")
    return {
        "pose": me.coil.pose.tolist(),
        "dose": bar.dose.text(),
        "bar": bar.field.text(),
        "picture": written.input if written else "",
        "strongest": None if values is None else points[int(np.nanargmax(values))].tolist(),
        "slices": [each.field is not None for each in me.window.slices.views],
        "slices' words": me.window.slices.words.text(),
    }


def drag_and_follow(folder: Path) -> dict:
    me = Session(folder, folder)
    seen = {"planned": note(me)}
    told = []
    me.window.loader.told.connect(lambda words, share: told.append((words, share)))
    me.drag(me.on_coil(ON_CASING), (-40, -25))
    seen["first drag"] = note(me)
    assert me.window.control.cortex is None, "the basis was faster than the hand"
    me.until(lambda: any(share > 0 for _, share in told))
    seen["being made"] = note(me)
    slowest, last = 0.0, time.perf_counter()
    while me.window.control.cortex is None:
        me.app.processEvents()
        now = time.perf_counter()
        slowest, last = max(slowest, now - last), now
        time.sleep(0.005)
    me.settle()
    seen["there"], seen["slowest_s"], seen["told"] = note(me), slowest, told
    me.drag(me.on_coil(ON_CASING), (50, 30))
    seen["second drag"] = note(me)
    me.window.actions_by_name["back"].trigger()
    me.settle()
    seen["back"] = note(me)
    me.window.close()
    return seen


def close_in_the_middle(folder: Path) -> dict:
    me = Session(folder, folder)
    told = []
    me.window.loader.told.connect(lambda words, share: told.append(share))
    me.until(lambda: any(share > 0.1 for share in told))
    making = sorted(each.name for each in folder.rglob(".making-*"))
    start = time.perf_counter()
    me.window.close()
    closed_s = time.perf_counter() - start
    return {
        "making": making,
        "closed_s": closed_s,
        "running": me.window.loader.making_basis,
        "files": sorted(each.name for each in folder.iterdir()),
    }


def main(folder: Path, other: Path) -> None:
    seen = drag_and_follow(folder)
    QtCore.QCoreApplication.processEvents()
    seen["closed"] = close_in_the_middle(other)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
