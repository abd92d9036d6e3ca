"""The window with plans side by side, on a screen without a monitor."""

import ast

import numpy as np
import pytest
from matplotlib.image import imread
from screen import in_window, virtual_screen
from viewed_head import viewed_head

from cli.main import run

pytestmark = pytest.mark.slow


def test_one_camera_turns_both_pictures(tmp_path):
    pytest.importorskip("pyvistaqt", reason="needs the extra 'viewer'")
    folder = tmp_path / "ball"
    viewed_head(folder)
    with virtual_screen() as display:
        told = in_window("window_beside.py", display, folder, tmp_path)
    seen = {}
    assert "says: ≠ coil: another (first: coil: figure8-70mm)" in told
    for line in told.splitlines():
        if line.startswith("says:"):
            continue
        name, _, both = line.partition(" ")
        first, second = both.replace("] [", "]|[").split("|")
        seen[name] = ast.literal_eval(first), ast.literal_eval(second)
    assert all(first == second for first, second in seen.values())
    assert seen["left"][0] == [-1, 0, 0] and seen["top"][0] == [0, 0, 1]
    assert np.degrees(np.arccos(seen["dragged"][0] @ np.array([0, 0, 1]))) > 5
    image = imread(tmp_path / "left.png")[..., :3]
    half = image.shape[1] // 2
    assert (
        np.abs(image[:, :half].mean((0, 1)) - image[:, -half:].mean((0, 1))).max() > 0.01
    )  # only the left has the coil
    assert image.std() > 0.05


def test_without_a_screen_one_line_tells_what_works(tmp_path, capfd, monkeypatch):
    pytest.importorskip("pyvistaqt", reason="needs the extra 'viewer'")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    viewed_head(tmp_path / "ball")
    assert run(["view", "ball", "--out", str(tmp_path / "ball"), "--beside", "ball", "--quiet"]) == 2
    assert "there is no screen" in capfd.readouterr().err
