"""Temporal interference: the closed form against the beat itself, the search against every two pairs."""

from itertools import combinations

import numpy as np
import pytest
from heads import fibonacci_sphere
from hypothesis import given, settings
from hypothesis import strategies as st
from leadfields import random_leadfield, some

from meshes.errors import InputError
from targeting.interference import two_pairs
from targeting.interference.two_pairs import envelope, envelope_along, focal_interference, search_interference
from targeting.tes.optimise import Limits

DIRECTIONS = fibonacci_sphere(20_000)
components = st.floats(-1, 1, allow_subnormal=False)
vectors = st.tuples(components, components, components)


@settings(max_examples=60, deadline=None)
@given(vectors, vectors)
def test_no_direction_swings_more_than_the_closed_form(e1, e2):
    swings = envelope_along(np.array(e1), np.array(e2), DIRECTIONS)
    most = float(envelope(e1, e2))
    longest = max(np.linalg.norm(e1), np.linalg.norm(e2))
    assert swings.max() <= most * (1 + 1e-6) + 1e-12
    assert swings.max() >= most - 0.06 * longest  # the directions are 1.5° apart
    assert float(envelope(e2, np.negative(e1))) == pytest.approx(most, rel=1e-6, abs=1e-12)


def test_the_swing_is_that_of_the_beat():
    rng = np.random.default_rng(0)
    seconds = np.arange(0, 0.5, 1e-5)
    for _ in range(5):
        (e1, e2), n = rng.normal(size=(2, 3)), DIRECTIONS[rng.integers(len(DIRECTIONS))]
        beat = e1 @ n * np.exp(2j * np.pi * 1000 * seconds) + e2 @ n * np.exp(2j * np.pi * 1010 * seconds)
        assert np.ptp(np.abs(beat)) == pytest.approx(float(envelope_along(e1, e2, 3 * n)), rel=1e-4)


def every_two_pairs(n):
    pairs = list(combinations(range(n), 2))
    return [(p, q) for p, q in combinations(pairs, 2) if not set(p) & set(q)]


def swing(leadfield, region, two, currents, direction=None):
    e = [
        i * (leadfield.e_v_per_m_per_a[a, region.points] - leadfield.e_v_per_m_per_a[b, region.points]).astype(float)
        for (a, b), i in zip(two, currents, strict=True)
    ]
    return region.weights @ (envelope(*e) if direction is None else envelope_along(*e, np.array(direction)))


@pytest.mark.parametrize("direction", [None, [0.3, -1.0, 0.5]])
@pytest.mark.parametrize("limits", [Limits(), Limits(1.5e-3, 1e-3)])
def test_the_search_finds_the_best_of_every_two_pairs(direction, limits):
    leadfield = random_leadfield(8, 4)
    target, shares = some(leadfield), [0.5, 0.25]
    found = search_interference(leadfield, target, limits, direction, shares, keep=7)
    splits = [np.minimum(limits.total_a * np.array([s, 1 - s]), limits.per_electrode_a) for s in (0.25, 0.5, 0.75)]
    doses = [swing(leadfield, target, two, i, direction) for two in every_two_pairs(8) for i in splits]
    assert found.tried == len(doses)
    assert found.swing_v_per_m == pytest.approx(sorted(doses, reverse=True)[:7], rel=1e-5)
    for k in range(7):
        again = swing(leadfield, target, found.pairs[k], found.currents_a[k], direction)
        assert found.swing_v_per_m[k] == pytest.approx(again, rel=1e-5)
        elsewhere = swing(leadfield, target.outside(leadfield), found.pairs[k], found.currents_a[k])
        assert found.elsewhere_v_per_m[k] == pytest.approx(elsewhere, rel=1e-5)
    a, b = found.pairs[0, 0]
    assert found.words().startswith(f"E{a} – E{b} ")


def test_pairs_too_weak_to_win_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(two_pairs, "PAIRS_AT_ONCE", 1)
    leadfield = random_leadfield(16)
    target = some(leadfield, 0, 2)
    found = search_interference(leadfield, target, keep=40)
    assert found.computed < 0.8 * found.tried
    doses = [swing(leadfield, target, two, (1e-3, 1e-3)) for two in every_two_pairs(16)]
    assert found.swing_v_per_m == pytest.approx(sorted(doses, reverse=True)[:40], rel=1e-5)


@pytest.mark.slow
def test_the_most_focal_of_those_with_enough_swing(monkeypatch):
    monkeypatch.setattr(two_pairs, "PAIRS_AT_ONCE", 1)
    monkeypatch.setattr(two_pairs, "FINALISTS", 3)  # so few that hopeless ones are dropped halfway
    leadfield = random_leadfield(8, 2)
    target = some(leadfield)
    outside = target.outside(leadfield)
    wanted = 0.6 * search_interference(leadfield, target, keep=1).swing_v_per_m[0]
    found = focal_interference(leadfield, target, wanted, keep=3)
    ratios = []
    for two in every_two_pairs(8):
        there = swing(leadfield, target, two, (1e-3, 1e-3))
        if there >= wanted:
            ratios.append(there / swing(leadfield, outside, two, (1e-3, 1e-3)))
    assert found.focality == pytest.approx(sorted(ratios, reverse=True)[:3], rel=1e-5)
    assert (found.swing_v_per_m >= wanted * (1 - 1e-6)).all() and (np.diff(found.focality) <= 0).all()
    with pytest.raises(InputError, match=r"at most .* of envelope in spot under 2 mA in total and 1 mA per electrode"):
        focal_interference(leadfield, target, 3 * wanted)


def test_what_is_no_two_pairs_is_refused():
    leadfield = random_leadfield(5)
    with pytest.raises(InputError, match="four electrodes at least"):
        search_interference(leadfield, some(leadfield), Limits(electrodes=3))
    with pytest.raises(InputError, match="between 0 and 1"):
        search_interference(leadfield, some(leadfield), shares=[1.0])
    with pytest.raises(InputError, match="a direction is three numbers"):
        search_interference(leadfield, some(leadfield), direction=[0, 0, 0])
