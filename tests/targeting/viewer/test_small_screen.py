"""The window on a laptop's or a projector's screen: all of it can be reached."""

import json

import pytest
from screen import in_window, virtual_screen
from viewed_head import viewed_head

pytestmark = pytest.mark.slow


def test_all_of_the_window_is_on_a_small_screen(tmp_path):
    pytest.importorskip("pyvistaqt", reason="needs the extra 'viewer'")
    viewed_head(tmp_path / "ball")
    with virtual_screen("1280x720x24") as display:
        seen = json.loads(in_window("window_small.py", display, tmp_path / "ball").splitlines()[-1])
    assert seen["screen"] == [1280, 720]
    for name in ("window", "least", "slices", "status bar", "coil"):
        assert seen[name][0] <= 1280 and seen[name][1] <= 720, (name, seen)
