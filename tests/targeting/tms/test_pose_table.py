"""The table of all places and angles, and the best angle between its samples."""

import numpy as np
import pytest
from heads import LEFT_SPOT

from targeting import Coil
from targeting.tms.placement import place
from targeting.tms.pose_table import PoseTable, allowed_doses

ANGLES = np.arange(-180.0, 180.0, 5.0)


def table_of(e, angles=ANGLES):
    points = np.zeros((len(e), 3))
    return PoseTable(points, angles, 4.0, np.asarray(e, np.float32), np.full(e.shape[:2], 4.0, np.float32))


def field(angle_deg, third=0.05):
    forward, sideways = np.array([0.2, 1.0, 0.1]), np.array([0.3, 0.1, 0.5])
    turn = np.radians(np.asarray(angle_deg, float))[..., None]
    return forward * np.cos(turn) + sideways * np.sin(turn) + third * forward * np.cos(3 * turn)


@pytest.mark.parametrize("unit", [None, np.array([0.6, 0.0, 0.8])])
def test_the_best_angle_between_samples_is_that_of_a_fine_search(unit):
    fine = np.arange(-180.0, 180.0, 0.01)
    e = field(fine)
    dose = allowed_doses(e[None], unit)[0]
    best, angle = table_of(field(ANGLES)[None]).best(unit)
    assert best[0] == pytest.approx(dose.max(), rel=1e-6)
    circle = 360.0 if unit is not None else 180.0  # the size of the field is the same half a turn on
    away = (angle[0] - fine[dose.argmax()] + circle / 2) % circle - circle / 2
    assert away == pytest.approx(0.0, abs=0.02)


def test_where_the_casing_catches_the_sample_counts():
    e = field(ANGLES)[None].copy()
    e[0, 30:33] = np.nan
    best, angle = table_of(e).best(None)
    doses = allowed_doses(e, None)[0]
    assert best[0] == pytest.approx(doses.max(), rel=1e-6) and angle[0] == ANGLES[doses.argmax()]


def test_nothing_allowed_is_minus_infinity():
    best, _ = table_of(np.full((1, len(ANGLES), 3), np.nan)).best(None)
    assert best[0] == -np.inf


def test_only_angles_that_may_be_are_chosen():
    e, may = field(ANGLES)[None], np.zeros((1, len(ANGLES)), bool)
    assert table_of(e).best(None, may)[0][0] == -np.inf
    may[0, 10:13] = True
    best, angle = table_of(e).best(None, may)
    doses = np.where(may, allowed_doses(e, None), -np.inf)[0]
    assert angle[0] == ANGLES[doses.argmax()] and best[0] == pytest.approx(doses.max(), rel=1e-6)


def test_a_reversed_current_reverses_every_field():
    table = table_of(field(ANGLES)[None])
    assert (table.reversed.mean_e_v_per_m == -table.mean_e_v_per_m).all()


def test_the_table_is_that_of_poses_placed_one_by_one(scalp, dose_map):
    coil = Coil.named("double-cone-110mm")
    points = scalp.samples(scalp.points_mm[scalp.nearest(LEFT_SPOT.center_mm)], 30.0, 15.0)
    told = []
    table = PoseTable.of(
        scalp, coil, dose_map, points, ANGLES, 4.0, 1e6, progress=lambda done, of: told.append((done, of))
    )
    assert told[-1] == (len(points), len(points)) and table.tried == len(points) * len(ANGLES)
    assert table.refused == 0
    for p, a in ((0, 0), (2, 17), (len(points) - 1, 71)):
        pose, distance = place(scalp, coil, points[p][None], ANGLES[a : a + 1], 4.0)
        one = dose_map.mean_e_v_per_m(coil, pose[0])[0]
        assert distance[0, 0] == pytest.approx(table.distance_mm[p, a], abs=0.05)
        assert np.linalg.norm(one - table.mean_e_v_per_m[p, a]) < 0.005 * np.linalg.norm(one)
