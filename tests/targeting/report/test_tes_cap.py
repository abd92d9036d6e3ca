"""The pictures of electrodes on the head: from which sides, with or without the target, and words that no line crosses."""

from types import SimpleNamespace

import numpy as np
import pytest

from targeting.report.tes_cap import ABOVE, SIDES, shows_target, sides
from targeting.scene.raster.canvas import CLEAR_OF_WORDS, Canvas

WAYS = {side.name: np.array(side.toward_viewer) for side in (ABOVE, *SIDES)}


def evidence(facing, outward):
    unit = {name: np.array(way) / np.linalg.norm(way) for name, way in facing.items()}
    return SimpleNamespace(facing=unit, target_mm=60 * np.array(outward), outward=np.array(outward))


@pytest.mark.parametrize(
    ("facing", "found"),
    [
        ({"C3": (-0.6, 0, 0.8), "Fp2": (0.45, 0.87, 0.2)}, ["above", "the front"]),  # M1-SO: not edge-on from the right
        ({"C4": (0.6, 0, 0.8), "Fp1": (-0.45, 0.87, 0.2)}, ["above", "the front"]),
        ({"C3": (-0.6, 0, 0.8), "F8": (0.8, 0.55, 0.2)}, ["above", "the right"]),
        ({"C5": (-0.9, 0, 0.4), "T9": (-1, 0, -0.3), "P5": (-0.7, -0.6, 0.4)}, ["above", "the left"]),
        ({"Oz": (0, -1, 0.1), "Fp2": (0.45, 0.87, 0.2)}, ["above", "behind", "the front"]),
        ({"C3": (-0.6, 0, 0.8), "C1": (-0.3, 0, 0.95)}, ["above", "the left"]),  # all on top: the target's side
    ],
)
def test_every_electrode_is_seen_from_where_it_faces(facing, found):
    assert [side.name for side in sides(evidence(facing, (-0.68, 0.18, 0.71)))] == found


@pytest.mark.parametrize(("outward", "hidden"), [((-0.68, 0.18, 0.71), "the right"), ((0.68, 0.18, 0.71), "the left")])
def test_a_target_on_the_left_is_not_drawn_on_the_right(outward, hidden):
    where = evidence({}, outward)
    assert [side.name for side in (ABOVE, *SIDES) if not shows_target(where, side)] == [hidden]


@pytest.mark.parametrize("label", [(200.0, 40.0), (60.0, 150.0), (300.0, 160.0)])
def test_a_leader_ends_at_its_words(label):
    blank = np.full((200, 400, 3), 230, np.uint8)
    alone, led = Canvas(blank), Canvas(blank)
    box = alone.words(label, "F10 −1 mA", 27, "#1f5fa8", weight="bold").get_window_extent(alone._agg.get_renderer())
    led.leader(np.array([180.0, 120.0]), label, "F10 −1 mA", "#1f5fa8", 27)
    changed = np.argwhere((alone.rgb() != led.rgb()).any(-1))
    assert len(changed) > 20  # there is a line
    rows, columns = changed.T
    inside = (abs(columns - label[0]) < box.width / 2) & (abs(rows - label[1]) < box.height / 2)
    assert not inside.any()
    gap = np.maximum(abs(columns - label[0]) - box.width / 2, abs(rows - label[1]) - box.height / 2)
    assert gap.min() < 2 * CLEAR_OF_WORDS  # and it reaches them


@pytest.mark.slow
def test_words_over_what_they_name_have_no_leader():
    blank = np.full((200, 400, 3), 230, np.uint8)
    alone, led = Canvas(blank), Canvas(blank)
    alone.words((200, 100), "Cz", 27, "#1f5fa8", weight="bold")
    led.leader(np.array([203.0, 102.0]), (200, 100), "Cz", "#1f5fa8", 27)
    assert (alone.rgb() == led.rgb()).all()
