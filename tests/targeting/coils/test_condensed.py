"""A coil of fewer parts with the same field."""

from dataclasses import replace

import numpy as np
import pytest
from heads import LEFT_SPOT

from targeting import Coil
from targeting.coils import coil_names
from targeting.coils.condensed import condensed, probe_points_mm
from targeting.coils.equivalent import searchable
from targeting.coils.sources import CurrentElements
from targeting.tms.placement import allowed, place
from targeting.tms.pose_table import half_turn_sign


def parts(coil):
    return sum(len(source.points_mm) for source in coil.sources)


@pytest.mark.slow
@pytest.mark.parametrize("name", coil_names())
def test_doses_are_those_of_all_parts(scalp, dose_map, name):
    coil = Coil.named(name)
    fewer = condensed(coil)
    assert parts(fewer) < 0.6 * parts(searchable(coil))
    points = scalp.samples(LEFT_SPOT.center_mm, 150.0, 25.0)
    for distance_mm in (2.0, 12.0):
        poses, distance = place(scalp, coil, points, np.array([-100.0, 10.0, 60.0]), distance_mm)
        poses = poses[allowed(distance, distance_mm)]
        assert len(poses) > 50
        all_parts, few = (dose_map.mean_e_v_per_m(each, poses) for each in (coil, fewer))
        size = np.linalg.norm(all_parts, axis=1)
        wrong = np.linalg.norm(few - all_parts, axis=1)
        assert (wrong / size)[size > 0.2 * size.max()].max() < 0.005
        assert (wrong / size.max()).max() < 0.002


def test_wires_are_condensed_as_wires():
    turns = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    loop = 40.0 * np.c_[np.cos(turns), np.sin(turns), np.full(400, -0.2)]
    wires = CurrentElements(loop, np.roll(loop, -1, axis=0) - loop)
    built_in = Coil.named("circular-mc125")
    coil = Coil("loop", (wires,), built_in.casing, None, 0, "a ring")
    fewer = condensed(coil).sources[0]
    assert isinstance(fewer, CurrentElements) and len(fewer.points_mm) < 120


def test_probe_points_lie_before_the_casing():
    for name in ("figure8-70mm", "double-cone-110mm"):
        coil = Coil.named(name)
        points = probe_points_mm(coil)
        assert len(points) > 500
        nearest = np.linalg.norm(points[:, None] - coil.casing.points_mm, axis=2).min(1)
        assert nearest.min() >= 6.0
        # under the coil's middle they start before the face, not behind the coil
        middle = np.linalg.norm(points[:, :2], axis=1) < 20
        assert points[middle, 2].min() > 0


def test_a_half_turn_of_a_figure_of_eight_reverses_its_field(scalp, dose_map):
    for name, sign in (("figure8-70mm", -1), ("double-cone-110mm", -1)):
        coil = Coil.named(name)
        assert half_turn_sign(coil) == sign
        pose = place(scalp, coil, scalp.points_mm[500][None], np.array([33.0]), 4.0)[0][0, 0]
        turned = pose @ np.diag([-1.0, -1.0, 1.0, 1.0])
        e, there = dose_map.mean_e_v_per_m(coil, [pose, turned])
        assert np.linalg.norm(there - sign * e) < 1e-6 * np.linalg.norm(e)


def test_a_lopsided_coil_has_no_half_turn():
    coil = Coil.named("figure8-70mm")
    dipoles = coil.sources[0]
    shifted = replace(coil, sources=(replace(dipoles, points_mm=dipoles.points_mm + np.array([0.0, 2.0, 0.0])),))
    stronger = dipoles.moments_a_m2 * np.where(dipoles.points_mm[:, :1] > 0, 1.1, 1.0)
    uneven = replace(coil, sources=(replace(dipoles, moments_a_m2=stronger),))
    tongue = replace(coil.casing, points_mm=np.vstack([coil.casing.points_mm, [[0.0, 120.0, -5.0]]]))
    assert [half_turn_sign(each) for each in (shifted, uneven, replace(coil, casing=tongue))] == [0, 0, 0]
