"""The hand knob: found on the group's own cortex where anatomists have it, on both sides and in a mirror."""

from dataclasses import replace

import numpy as np
import pytest
from folded_group import group_subject, mirrored

from atlases.hand_knob import HALF_MM, LEAST_BEND_MM, hand_knob
from meshes.cortical_surface import Cortex, CorticalSurface

SIDES = ("left", "right")


@pytest.mark.parametrize("side", SIDES)
def test_the_knob_is_where_the_sulcus_bends_backwards(side):
    knob = hand_knob(group_subject(), side)
    x, y, z = knob.knob_mm
    assert (x < 0) == (side == "left")
    # under the often used point of the motor hand, (-37, -21, 58)
    assert 30 < abs(x) < 40 and -30 < y < -20 and 44 < z < 52
    assert knob.bend_mm > 2 * LEAST_BEND_MM and 10 < knob.depth_mm < 22
    # it lies behind the floor on both its sides, less what the whole sulcus runs backwards towards the midline
    half = round(HALF_MM)
    medial, lateral = (knob.floor_mm[knob.place + each] for each in (-half, half))
    assert y < (medial[1] + lateral[1]) / 2 - LEAST_BEND_MM


@pytest.mark.parametrize("side", SIDES)
def test_the_floor_runs_from_the_midline_outwards_through_the_sulcus(side):
    knob = hand_knob(group_subject(), side)
    out = np.abs(knob.floor_mm[:, 0])
    assert out[0] < 20 and out[-1] > 43
    assert np.linalg.norm(np.diff(knob.floor_mm, axis=0), axis=1).max() < 1.3
    assert knob.along_mm(knob.floor_mm[knob.place + 7]) == 7 and knob.along_mm(knob.floor_mm[0]) == -knob.place


def test_a_mirrored_person_has_the_knob_of_the_other_side():
    for side, other in zip(SIDES, SIDES[::-1], strict=True):
        here, there = hand_knob(mirrored(group_subject()), side), hand_knob(group_subject(), other)
        assert np.linalg.norm(here.knob_mm * (-1, 1, 1) - there.knob_mm) < 3.0


def test_a_head_turned_and_moved_has_it_in_the_same_fold():
    turn = np.radians(8.0)
    matrix = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    whole = group_subject()

    def moved(points):
        return points @ matrix.T + [5.0, -12.0, 7.0]

    surfaces = [CorticalSurface(moved(each.points_mm), each.triangles) for each in (whole.left, whole.right)]
    folds = {
        side: replace(each, white_mm=moved(each.white_mm), pial_mm=moved(each.pial_mm))
        for side, each in whole.folds.items()
    }
    knob = hand_knob(Cortex(*surfaces, "moved", folds), "left")
    assert np.linalg.norm(knob.knob_mm - moved(hand_knob(whole, "left").knob_mm)) < 3.0


def test_there_is_none_without_folds_or_in_a_straight_sulcus():
    whole = group_subject()
    assert hand_knob(replace(whole, folds={"rh": whole.folds["rh"]}), "left") is None
    flat = whole.left.points_mm * (1, 0.01, 1)  # seen from above everything lies on a line
    assert hand_knob(replace(whole, left=CorticalSurface(flat, whole.left.triangles)), "left") is None
