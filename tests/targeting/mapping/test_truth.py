"""Simulated muscles on colin27 at known places: what a map of 100 pulses finds, and whether it knows how well it does.

The muscles lie anywhere on crowns and rims near the hand's M1, mostly between the places that the map looks at.  Each draw
gives 100 pulses out of one pool, the recorded poses off the true ones by a navigator's jitter
(tests/support/mapping_sessions.py).
"""

import numpy as np
import pytest
from mapping_sessions import moved, responses_uv

from atlases.scalp import Scalp
from meshes.formats.embedded_cortex import embedded_cortex
from targeting import Coil
from targeting.fem import HeadConductor
from targeting.mapping.certainty import FOUND_WITHIN_MM, certainty_of, threshold_of
from targeting.mapping.direction import current_directions
from targeting.mapping.localise import explained_by, localise
from targeting.mapping.places import QUANTITIES, SEARCHED_MM, Places
from targeting.mapping.recruitment import log_amplitude
from targeting.study.field_basis_stage import cortical_rows
from targeting.tms.field_basis import FieldBasis, Rows
from targeting.tms.placement import place

pytestmark = pytest.mark.slow

HAND_MM = np.array([-40.2, -25.5, 62.9])
POOL, PULSES, DRAWS = 400, 100, 200
DIDT_A_PER_S = 70e6
ABOVE_THRESHOLD = 1.5  # the strongest of the pool's fields at the muscle
CROWNS = 0.6  # of the largest field anywhere near


class Muscles:
    """One head, one pool of pulses, and muscles whose responses are drawn from them."""

    def __init__(self, head):
        thin, _ = cortical_rows(embedded_cortex(), head)
        away = np.linalg.norm(thin.left.points_mm - HAND_MM, axis=1)
        near = away <= SEARCHED_MM
        surface = thin.left
        points = surface.points_mm[near]
        conductor = HeadConductor(head, right_hand_sides=100)
        basis = FieldBasis.build(conductor, Rows.at_points(head, points, surface.vertex_areas_mm2[near]), 100)
        self.places = Places(
            points, surface.normals[near], surface.vertex_areas_mm2[near], SEARCHED_MM - away[near], basis
        )
        whole = np.cumsum(near) - 1
        self.triangles = whole[surface.triangles[near[surface.triangles].all(axis=1)]]
        rng, scalp, coil = np.random.default_rng(0), Scalp.of(head), Coil.named("figure8-70mm")
        over = scalp.points_mm[scalp.nearest(HAND_MM)]
        grid = scalp.points_mm[np.linalg.norm(scalp.points_mm - over, axis=1) < 20.0]
        poses, _ = place(scalp, coil, grid[rng.choice(len(grid), POOL)], rng.uniform(-180, 180, (POOL, 1)), 4.0)
        didt = np.full(POOL, DIDT_A_PER_S)
        self.beside = current_directions(poses[:, 0])
        self.poses = poses[:, 0]
        self.recorded = self.places.fields(coil, poses[:, 0], didt)
        self.true = self.places.fields(coil, moved(poses[:, 0], rng), didt)

    def drawn(self, quantity, seed=1):
        """Where each muscle is (D, 3), the responses to all pulses (D, POOL), and which count (D, POOL)."""
        rng, places = np.random.default_rng(seed), self.places
        largest = places.quantity(self.recorded, "magnitude").max(axis=0)
        crowns = (largest >= CROWNS * largest.max())[self.triangles].all(axis=1)
        middles = places.points_mm[self.triangles].mean(axis=1)
        may = self.triangles[crowns & (np.linalg.norm(middles - HAND_MM, axis=1) < 20.0)]
        corners, share = may[rng.integers(len(may), size=DRAWS)], rng.dirichlet([1, 1, 1], DRAWS)
        e = np.einsum("dk,ndkx->dnx", share, self.true[:, corners])
        normal = np.einsum("dk,dkx->dx", share, places.normals[corners])
        along = np.einsum("dnx,dx->dn", e, normal / np.linalg.norm(normal, axis=1, keepdims=True))
        size = np.linalg.norm(e, axis=2)
        part = {"magnitude": size, "normal": np.abs(along), "tangential": np.sqrt(np.maximum(size**2 - along**2, 0))}
        threshold = part[quantity].max(axis=1, keepdims=True) / ABOVE_THRESHOLD
        counted = np.stack([np.isin(np.arange(POOL), rng.choice(POOL, PULSES, replace=False)) for _ in range(DRAWS)])
        spots = np.einsum("dk,dkx->dx", share, places.points_mm[corners])
        return spots, responses_uv(part[quantity] / threshold, rng), counted


@pytest.fixture(scope="module")
def muscles(colin27_head):
    return Muscles(colin27_head)


@pytest.mark.parametrize(("quantity", "within_5mm"), [("magnitude", 0.90), ("tangential", 0.65), ("normal", 0.50)])
def test_the_hotspot_of_200_muscles(muscles, quantity, within_5mm):
    spots, mep_uv, counted = muscles.drawn(quantity)
    places = muscles.places
    looked_at = places.reached(muscles.recorded)
    parts = {name: places.quantity(muscles.recorded, name)[:, looked_at] for name in QUANTITIES}
    found = explained_by(parts, log_amplitude(mep_uv), counted, beside=muscles.beside)
    points, areas = places.points_mm[looked_at], places.areas_mm2[looked_at]
    maps = [certainty_of(each, points, areas) for each in found.of_places(areas)]
    off = np.array([np.linalg.norm(points[each.spot] - spot) for each, spot in zip(maps, spots, strict=True)])
    radius = np.array([each.radius_mm for each in maps])
    given = radius <= FOUND_WITHIN_MM
    likely = np.array(QUANTITIES)[found.of_quantities(areas).argmax(axis=0)]
    print(
        f"{quantity}: within 5 mm {np.mean(off <= 5):.3f}, 90 % within {np.quantile(off, 0.9):.1f} mm, in the region "
        f"{np.mean(off <= np.maximum(radius, 2.0)):.3f}, hotspot given {given.mean():.3f}, of these within 5 mm "
        f"{np.mean(off[given] <= 5):.3f}, within 10 mm {np.mean(off[given] <= 10):.3f}, quantity right "
        f"{np.mean(likely == quantity):.3f}"
    )
    assert np.mean(off <= 5) >= within_5mm
    # places lie 3 mm apart: a region of one place holds what is nearer to it than to the next
    assert np.mean(off <= np.maximum(radius, 2.0)) >= 0.9
    assert np.mean(off[given] <= FOUND_WITHIN_MM) >= 0.9
    assert np.mean(likely == quantity) > 0.5


def test_the_threshold_of_muscles(muscles):
    _, mep_uv, counted = muscles.drawn("magnitude", seed=2)
    places = muscles.places
    looked_at = places.reached(muscles.recorded)
    e = places.quantity(muscles.recorded, "magnitude")[:, looked_at]
    best = e.max(axis=0) / DIDT_A_PER_S
    held, values = [], []
    for mep, some in list(zip(mep_uv, counted, strict=True))[:100]:
        y, areas = log_amplitude(mep[some]), places.areas_mm2[looked_at]
        found = explained_by({"magnitude": e[some]}, y[None], beside=muscles.beside[some]).of_places(areas)[0]
        certainty = certainty_of(found, places.points_mm[looked_at], areas)
        within = threshold_of(e[some] / best, y, certainty.probability)
        if within is None:  # too few responses below the threshold: then it is not given
            continue
        held.append(within.low <= DIDT_A_PER_S / ABOVE_THRESHOLD <= within.high)
        values.append(within.value * ABOVE_THRESHOLD / DIDT_A_PER_S)
    print(
        f"threshold: in the interval {np.mean(held):.3f}, of the truth {np.quantile(values, [0.1, 0.5, 0.9]).round(2)}"
    )
    assert len(held) >= 80
    assert np.mean(held) >= 0.9
    assert np.median(values) == pytest.approx(1, abs=0.05)


def test_shuffled_responses_are_found_nowhere(muscles):
    _, mep_uv, counted = muscles.drawn("magnitude", seed=3)
    rng = np.random.default_rng(3)
    for mep, some in list(zip(mep_uv, counted, strict=True))[:5]:
        e = muscles.recorded[some]
        assert localise(muscles.places, e, mep[some], muscles.poses[some]).best_r2 > 0.5
        nothing = localise(muscles.places, e, rng.permutation(mep[some]), muscles.poses[some])
        assert nothing.faults
        assert nothing.certainty.radius_mm > FOUND_WITHIN_MM
