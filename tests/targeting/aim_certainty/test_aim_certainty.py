"""How sure the aim is: fields whose mean over patches elsewhere is known, on the group's cortex as the subject's."""

from dataclasses import replace

import numpy as np
import pytest
from folded_group import group_head, group_subject

from atlases import MniWarp, Target, targets
from atlases.named_patch import named_patch
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from targeting.aim_certainty.certainty import SPREAD_MM, aim_certainty, knows_folds
from targeting.aim_certainty.record import PlanAimCertainty, plan_aim_certainty
from targeting.aim_certainty.words import certainty_facts, certainty_line, knob_fact
from targeting.records.json_records import check_record


def field(size):
    """A field along x of a given size in each tetrahedron."""
    return np.stack([size, 0 * size, 0 * size], 1)


def found(name="m1-hand", side="left", size=lambda points: np.ones(len(points)), **options):
    patch = named_patch(targets()[name], side, group_subject())
    return aim_certainty(group_subject(), group_head(), patch, field(size(group_head().centroids_mm)), **options)


def test_an_even_field_gives_every_place_the_same():
    even = found()
    assert even.low_percent == pytest.approx(100) and even.high_percent == pytest.approx(100)
    assert even.spread_mm == SPREAD_MM and even.places > 30


def test_a_field_that_grows_evenly_in_a_direction_spreads_as_far_as_the_places():
    """A field that is 1 in the target's middle and grows by 3 % a millimetre forwards: places within 10 mm see 70 to 130 %."""
    middle = named_patch(targets()["m1-hand"], "left", group_subject()).center_mm
    grown = found(size=lambda points: 1 + 0.03 * (points[:, 1] - middle[1]))
    assert 70 < grown.low_percent < 95 and 105 < grown.high_percent < 130
    near = found(size=lambda points: 1 + 0.03 * (points[:, 1] - middle[1]), spread_mm=4.0)
    assert grown.low_percent < near.low_percent and near.high_percent < grown.high_percent
    assert near.places < grown.places
    twice = found(size=lambda points: 2 + 0.06 * (points[:, 1] - middle[1]))
    assert twice.low_percent == pytest.approx(grown.low_percent)  # a share


def test_a_field_that_dies_off_below_is_lost_in_the_walls():
    deep = found(size=lambda points: np.exp((points[:, 2] - 60) / 10))
    assert deep.low_percent < 80


def test_places_lie_in_the_targets_areas_and_those_beside_them():
    for side in ("left", "right"):
        hand = found(side=side)
        assert hand.areas[0] == "4" and "6d" in hand.areas
        assert not {"OP1", "46", ""} & set(hand.areas)


def test_the_hand_has_its_knob_and_other_targets_none():
    hand = found()
    assert 8 < hand.knob.away_mm < 20 and abs(hand.knob.along_mm) < 10 and hand.knob.knob_mm[0] < 0
    assert found("m1-leg").knob is None


def test_a_ball_of_the_users_is_tried_as_well():
    ball = Target.sphere([-38.0, -20.0, 60.0], 6.0)
    assert aim_certainty(
        group_subject(), group_head(), ball, field(np.ones(len(group_head().tets)))
    ).low_percent == pytest.approx(100)


@pytest.mark.parametrize("side", ["left", "right"])
def test_two_registrations_of_one_place_are_as_far_apart_as_the_warp_is_wrong(side):
    none, plain = MniWarp.identity(), np.eye(4)
    plain[:3, 3] = [3.0, -4.0, 12.0]
    moved = MniWarp(plain, none.displacement_mm, none.origin_mm, 1.0)
    assert found(side=side).registrations_apart_mm is None
    assert found(side=side, warp=none).registrations_apart_mm == pytest.approx(0, abs=1e-6)
    assert found(side=side, warp=moved).registrations_apart_mm == pytest.approx(13.0)


def test_what_cannot_be_told_is_refused():
    ones = field(np.ones(len(group_head().tets)))
    with pytest.raises(InputError, match="no cortex runs through"):
        aim_certainty(group_subject(), group_head(), Target.sphere([-12.0, -20.0, 8.0], 3.0), ones)
    with pytest.raises(InputError, match="gets no field"):
        aim_certainty(group_subject(), group_head(), Target.sphere([-38.0, -20.0, 60.0], 6.0), 0 * ones)
    whole = group_subject()
    assert knows_folds(whole, Target.sphere([-38.0, -20.0, 60.0], 6.0))
    right_only = replace(whole, folds={"rh": whole.folds["rh"]})
    for cortex in (None, right_only, Cortex(whole.left, whole.right, "none")):
        assert not knows_folds(cortex, Target.sphere([-38.0, -20.0, 60.0], 6.0))
    assert knows_folds(right_only, Target.sphere([38.0, -20.0, 60.0], 6.0))


def test_the_record_and_its_words():
    record = plan_aim_certainty(found())
    check_record(record, "aim_certainty")
    with pytest.raises(InputError, match="must not exceed"):
        check_record(replace(record, low_percent=101.0), "aim_certainty")
    both = certainty_facts(replace(record, registrations_apart_mm=4.2), "m1-hand")
    assert [each.text for each in both if each.name.startswith("Two registrations")] == ["4.2 mm"]
    elsewhere, why, knob = certainty_facts(record, "m1-hand")
    assert elsewhere.text == "100 to 100 %" and "10 mm along the cortex" in elsewhere.more
    assert "Sollmann 2013" in why.more and "nothing is published" not in why.more and why.name == "Why 10 mm"
    assert knob.name == "Hand knob" and "hand knob" in certainty_line(record)
    assert "nothing is published for this target" in certainty_facts(replace(record, knob=None), "psi")[1].more


@pytest.mark.parametrize(
    ("along_mm", "words"),
    [(4.0, "4 mm away from the midline"), (-6.4, "6 mm towards the midline"), (0.3, "level with it")],
)
def test_the_side_of_the_knob_that_the_target_lies_on(along_mm, words):
    record: PlanAimCertainty = plan_aim_certainty(found())
    assert words in knob_fact(replace(record.knob, along_mm=along_mm)).more
