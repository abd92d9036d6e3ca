"""Recruitment curves: they find the place and the threshold they were made with, and count for what they are worth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from targeting.mapping.certainty import certainty_of, threshold_of
from targeting.mapping.direction import preferred_direction
from targeting.mapping.recruitment import LINEAR, SIGMOID, curves_of, explained, log_amplitude


def fields(rng, pulses=80, places=30):
    return rng.uniform(20, 100, (pulses, places)).astype(np.float32)


def sigmoid(e, middle=60.0, width=6.0):
    return 1.0 + 2.2 / (1 + np.exp(-(e - middle) / width))  # log10 µV, 10 µV to 1.6 mV


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 29), st.floats(45, 75))
def test_the_place_and_the_threshold(seed, place, middle):
    rng = np.random.default_rng(seed)
    e = fields(rng)
    y = sigmoid(e[:, place].astype(float), middle) + rng.normal(0, 0.15, len(e))
    r2, likelihood = explained(e, y[None])
    assert r2[0].argmax() == likelihood[0].argmax() == place
    certainty = certainty_of(likelihood[0], 50.0 * rng.random((30, 3)), np.ones(30))
    assert certainty.spot == place
    truth = middle + 6.0 * np.log((np.log10(50) - 1) / (2.2 - (np.log10(50) - 1)))
    found = threshold_of(e, y, certainty.probability)
    assert found.low < truth < found.high
    assert found.value == pytest.approx(truth, rel=0.1)


def test_a_line_where_it_is_a_line():
    rng = np.random.default_rng(3)
    e = fields(rng)
    y = 1.0 + 0.02 * e[:, 4].astype(float)
    assert explained(e, y[None], curve=LINEAR)[0][0].max() == pytest.approx(1.0, abs=1e-5)
    found = threshold_of(e, y + rng.normal(0, 0.01, len(y)), np.eye(30)[4], LINEAR)
    assert found.value == pytest.approx((np.log10(50) - 1) / 0.02, rel=0.02)


def test_responses_that_fall_with_the_field_are_of_no_place():
    e = fields(np.random.default_rng(4), places=1)
    assert explained(e, -e[:, 0].astype(float)[None])[0].max() < 1e-5


def test_sets_of_weights_are_sets_of_pulses():
    rng = np.random.default_rng(5)
    e = fields(rng)
    y = sigmoid(e[:, 0].astype(float)) + rng.normal(0, 0.3, len(e))
    some = np.arange(80) < 50
    by_weight = explained(e, np.stack([y, y]), np.stack([some, np.ones(80)]))
    # the shapes of the grid are of all pulses' largest field: give both the same
    top = e.max(axis=0)
    alone = explained(np.vstack([e[:50], top]), np.append(y[:50], 0.0)[None], np.append(np.ones(50), 0.0)[None])
    assert by_weight[0][0] == pytest.approx(alone[0][0], abs=2e-3)
    assert by_weight[1][1] == pytest.approx(explained(e, y[None])[1][0], abs=2e-2)


def test_what_responses_depend_on_besides_is_taken_out_under_every_set_of_weights():
    rng = np.random.default_rng(9)
    e = fields(rng)
    beside = rng.normal(size=(80, 2))
    y = sigmoid(e[:, 7].astype(float)) + beside @ [0.8, -0.5]
    some = np.arange(80) < 60
    without = explained(e, np.stack([y, y]), np.stack([some, np.ones(80)]))[0]
    found = explained(e, np.stack([y, y]), np.stack([some, np.ones(80)]), beside=beside)[0]
    assert without.max() < 0.8
    assert found.argmax(axis=1).tolist() == [7, 7]
    assert found.max(axis=1).min() > 0.99


def test_no_threshold_where_the_curve_does_not_reach_it():
    rng = np.random.default_rng(6)
    e = fields(rng, places=2)
    y = 2.5 + 0.5 * (e[:, 0] > 60) + rng.normal(0, 0.05, len(e))  # 300 µV and more, whatever the field
    assert threshold_of(e, y, np.array([1.0, 0.0])) is None


def test_small_amplitudes_are_the_amplifiers():
    assert log_amplitude([0.0, 3.0, 10.0, 100.0]).tolist() == [1.0, 1.0, 1.0, 2.0]


def test_the_direction_that_a_muscle_prefers():
    rng = np.random.default_rng(7)
    angle = rng.uniform(0, 2 * np.pi, 120)
    poses = np.repeat(np.diag([1.0, -1.0, -1.0, 1.0])[None], 120, axis=0)  # coils that look down
    size = rng.uniform(40, 100, 120)
    e = size[:, None] * np.column_stack([np.cos(angle), np.sin(angle), np.zeros(120)])
    alike = sigmoid(size) + rng.normal(0, 0.2, 120)
    part = size.astype(np.float32)
    assert preferred_direction(e, part, alike, poses) is None
    toward = np.array([0.6, 0.8, 0.0])  # to the right and to the front
    found = preferred_direction(e, part, alike + 0.4 * (e / size[:, None]) @ toward, poses)
    assert found.toward @ toward > 0.97
    along = (e / size[:, None]) @ toward
    assert found.lacking == pytest.approx(0.4 * (1 - along), abs=0.12)


def test_every_shape_of_the_grid_is_tried_once():
    e = fields(np.random.default_rng(8), places=3)
    shapes = {(float(each.middle_v_per_m[0]), float(each.width_v_per_m[0])) for each in curves_of(e, np.ones((1, 80)))}
    assert len(shapes) == len(list(curves_of(e, np.ones((1, 80)), curve=SIGMOID))) > 50
