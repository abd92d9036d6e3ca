"""The search from coarse to fine against the search that looks everywhere: same poses, same doses."""

import numpy as np
import pytest
from heads import LEFT_SPOT, fibonacci_sphere
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from atlases import Target
from atlases.scalp import Scalp, thinned
from targeting import Coil, DoseMap, search_tms
from targeting.coils import coil_names
from targeting.tms.orientation import Orientation
from targeting.tms.survey import CLOSER_SHARE, COARSE_MM, promising

SPOTS = {
    "hand, left": (-38.6, -18.7, 64.8),
    "operculum, deep": (-40.0, 0.0, 8.0),
    "behind the ear": (55.0, -55.0, -5.0),
}
REACH_MM = 45.0


@pytest.fixture(scope="module")
def head(colin27_head):
    from targeting.fem import HeadConductor

    return HeadConductor(colin27_head)


@pytest.fixture(scope="module")
def its_scalp(head):
    return Scalp.of(head.head)


@pytest.mark.slow
@pytest.mark.parametrize(("spot", "name"), list(zip(SPOTS, coil_names(), strict=True)))
def test_the_optimum_is_that_of_the_search_that_looks_everywhere(head, its_scalp, spot, name):
    """benchmarks/search.py does so for each coil over the whole scalp."""
    target = Target.sphere(SPOTS[spot], 6.0)
    dose_map = DoseMap.build(head, target)
    same_as_everywhere(head, target, Coil.named(name), dose_map=dose_map, scalp=its_scalp, radius_mm=REACH_MM)


def same_as_everywhere(head, target, coil, **options):
    quick, everywhere = (search_tms(head, target, coil, closer_share=share, **options) for share in (CLOSER_SHARE, 0.0))
    assert quick.dose_v_per_m[0] == pytest.approx(everywhere.dose_v_per_m[0], rel=1e-9), coil.name
    assert np.abs(quick.poses[0] - everywhere.poses[0]).max() < 1e-9, coil.name
    assert quick.dose_v_per_m == pytest.approx(everywhere.dose_v_per_m, rel=0.02), coil.name  # the other ranks
    assert quick.tried < 0.5 * everywhere.tried
    # what the map of the scalp shows: everything at the places both looked at, as a glance shows it
    where, there = cKDTree(everywhere.scalp_points_mm).query(quick.scalp_points_mm)
    assert where.max() == 0.0
    both = np.isfinite(quick.best_dose_at_point_v_per_m) & np.isfinite(everywhere.best_dose_at_point_v_per_m[there])
    error = (quick.best_dose_at_point_v_per_m - everywhere.best_dose_at_point_v_per_m[there])[both]
    assert np.abs(error).max() < 0.08 * everywhere.dose_v_per_m[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        {"direction": [0.3, 0.9, 0.2]},
        {"direction": "normal"},
        {"orientation": Orientation("midline", "left", midline_deg=45.0)},
        {"hair_mm": 12.0, "tilt_deg": 10.0},
    ],
    ids=["along a vector", "along the normal", "one angle alone", "tilted, thick hair"],
)
def test_also_with_what_else_may_be_asked_for(conductor, scalp, dose_map, kind):
    same_as_everywhere(
        conductor, LEFT_SPOT, Coil.named("figure8-70mm"), dose_map=dose_map, scalp=scalp, radius_mm=50, **kind
    )


def test_places_that_tell_nothing_leave_all_open():
    points = np.random.default_rng(0).uniform(0, 60, (400, 3))
    few = thinned(points, COARSE_MM)
    assert promising(points, few, np.full(len(few), -np.inf), 0.8).all()
    assert promising(points, few, np.ones(len(few)), 0.0).all()
    assert promising(points, few, np.ones(len(few)), 0.8).all()  # the same everywhere: all may be the best


@given(st.integers(0, 2**32 - 1), st.floats(12.0, 40.0))
@settings(max_examples=40)
def test_no_place_of_a_smooth_map_is_left_out(seed, width_mm):
    """Sums of a few hills on a sphere, as wide as a coil's field: every place that has the share is promising."""
    rng = np.random.default_rng(seed)
    points = fibonacci_sphere(4000) * 95.0
    hills = fibonacci_sphere(4000)[rng.integers(0, 4000, 4)] * 95.0
    heights = rng.uniform(0.3, 1.0, 4)
    away2 = ((points[:, None] - hills) ** 2).sum(-1)
    worth = (heights * np.exp(-away2 / (2 * width_mm**2))).sum(1)
    few = thinned(points, COARSE_MM)
    kept = promising(points, few, worth[few], 0.8)
    assert kept[worth >= 0.8 * worth.max()].all()
    assert kept.mean() < 0.6
