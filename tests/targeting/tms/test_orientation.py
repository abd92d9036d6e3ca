"""How a coil may be turned: the handle away from the face, the current across the fold, the stimulator's setting, in words."""

from dataclasses import replace

import numpy as np
import pytest
from heads import LEFT_SPOT
from hypothesis import given
from hypothesis import strategies as st

from atlases import Target, targets
from meshes import InputError
from meshes.cortical_surface import Cortex, CorticalSurface
from targeting import Coil, search_tms
from targeting.coils.fields import vector_potential
from targeting.dosing import Protocol, protocols
from targeting.plans.handling import clock_of, handle_words, plan_angle, pulse_warnings
from targeting.study.pulse_request import PulseRequest
from targeting.tms.angle import AngleRequest
from targeting.tms.direction import direction_vector, fold_at
from targeting.tms.orientation import (
    BELIEVED_DEG,
    Drive,
    Orientation,
    faces_away,
    handle_deg,
    handle_directions,
    held_both_ways,
    orientation_of,
)
from targeting.tms.placement import reference_directions

FIGURE8 = Coil.named("figure8-70mm")
UP = np.array([0.0, 0.0, 1.0])
M1 = replace(LEFT_SPOT, current_toward=(1.0, 1.0, 0.0))  # forward and towards the midline
NEAR = {"radius_mm": 40.0, "keep": 2}


def folds(handle, side="left", wavelength_mm=14.0, height_mm=6.0):
    """A sheet of straight folds under the vertex: a current across them has its handle at this angle to the midline."""
    step = np.arange(-40.0, 40.5, 1.0)
    u, v = np.meshgrid(step, step, indexing="ij")
    across = -handle_directions(UP[None], handle, side)[0]
    along = np.cross(UP, across)
    wave = height_mm * np.sin(2 * np.pi * u / wavelength_mm) if height_mm else 0 * u
    points = u[..., None] * across + v[..., None] * along + (60.0 + wave)[..., None] * UP
    n = len(step)
    corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    triangles = np.vstack([np.c_[corner, corner + n, corner + 1], np.c_[corner + 1, corner + n, corner + n + 1]])
    sheet = CorticalSurface(points.reshape(-1, 3), triangles)
    empty = CorticalSurface(np.zeros((3, 3)) - 500, np.array([[0, 1, 2]]))
    return Cortex(sheet, empty, "made up") if side == "left" else Cortex(empty, sheet, "made up")


def under_vertex(side="left", toward=True):
    x = -1.0 if side == "left" else 1.0
    target = Target.sphere([0.0, 0.0, 60.0], 7.0, name="m1-hand", side=side)
    return replace(target, current_toward=(-x, 1.0, 0.0)) if toward else target


def turned(handle, side="left", usual=45.0, **kinds):
    return orientation_of("fold", None, usual, under_vertex(side), folds(handle, side, **kinds), UP)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("handle", [20.0, 45.0, 70.0])
def test_a_fold_is_found_with_its_sense(handle, side):
    toward = np.array([1.0 if side == "left" else -1.0, 1.0, 0.0])
    fold = fold_at(folds(handle, side), np.array([0.0, 0.0, 60.0]), UP, toward)
    assert fold.is_clear and fold.coherence > 0.9
    expected = -handle_directions(UP[None], handle, side)[0]
    assert np.degrees(np.arccos(fold.across @ expected)) < 1.0
    assert fold.across @ toward > 0  # from behind to the front, never the other way


def test_a_flat_cortex_has_no_wall_and_no_cortex_no_fold():
    flat = folds(45.0, height_mm=0.0)
    assert not fold_at(flat, np.array([0.0, 0.0, 60.0]), UP, np.array([1.0, 1.0, 0.0])).is_clear
    assert fold_at(flat, np.array([0.0, 0.0, -90.0]), UP, np.array([1.0, 1.0, 0.0])) is None
    fallen_back = orientation_of("fold", None, 45.0, under_vertex(), flat, UP)
    assert fallen_back.name == "midline:45" and "no clear wall" in fallen_back.why
    assert orientation_of("fold", None, 45.0, under_vertex(), None, UP).name == "midline:45"


def test_a_fold_far_from_the_published_angle_is_not_believed():
    believed, odd = turned(45.0 + BELIEVED_DEG - 2), turned(45.0 + BELIEVED_DEG + 5)
    assert believed.rule == "fold"
    assert odd.name == "midline:45" and "not believed" in odd.why
    assert turned(45.0 + BELIEVED_DEG + 5, usual=None).rule == "fold"  # nothing is published of the target


@given(handle=st.floats(16, 74), side=st.sampled_from(["left", "right"]))
def test_the_handle_stays_near_the_fold_and_within_what_is_usual(handle, side):
    rule = turned(handle, side)
    middle = -rule.handles(UP[None])[0]
    pose = np.eye(4)
    pose[:3, :3] = np.stack([np.cross(middle, -UP), middle, -UP], axis=1)
    center = handle_deg(pose, side)
    for end in (center - rule.reach_deg, center + rule.reach_deg):
        assert abs(end - handle) <= 20 + 1.0
        assert 15 - 1e-6 <= end <= 75 + 1e-6


def test_a_mirrored_fold_gives_the_mirrored_handle():
    left, right = turned(35.0, "left"), turned(35.0, "right")
    a, b = left.handles(UP[None])[0], right.handles(UP[None])[0]
    assert a[0] < 0 < b[0] and np.allclose(a * [-1, 1, 1], b, atol=0.02)


def test_handles_face_away_from_the_face():
    back, forward = np.array([0, -1.0, 0]), np.array([0, 1.0, 0])
    assert faces_away(back, "left") and not faces_away(forward, "left")
    assert faces_away(np.array([0, 0, 1.0]), "left") and not faces_away(np.array([0, 0, -1.0]), "right")
    outwards, across = np.array([-1.0, 0, 0]), np.array([1.0, 0, 0])
    assert faces_away(outwards, "left") and not faces_away(across, "left")
    assert faces_away(across, "right") and not faces_away(outwards, "right")


@given(st.floats(-179, 180), st.sampled_from(["left", "right"]), st.floats(-1, 1), st.floats(-1, 1))
def test_an_angle_to_the_midline_is_the_handles(deg, side, x, y):
    normal = np.array([x, y, 1.2]) / np.linalg.norm([x, y, 1.2])
    handle = handle_directions(normal[None], deg, side)[0]
    pose = np.eye(4)
    pose[:3, :3] = np.stack([np.cross(-handle, -normal), -handle, -normal], axis=1)
    assert handle_deg(pose, side) == pytest.approx(deg, abs=1e-6)
    assert abs(handle @ normal) < 1e-9 and np.linalg.det(pose) == pytest.approx(1)
    if 1 < deg < 179:
        _, superior = reference_directions(normal[None])
        assert not superior[0]
        leftward = np.cross(normal, [0.0, 1.0, 0.0])
        assert (handle @ leftward > 0) == (side == "left")  # outwards


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("facing", "back"), [(1.0, 1.0), (-1.0, -1.0)], ids=["forehead", "occiput"])
def test_on_forehead_and_occiput_back_is_over_the_top_or_down_and_outwards_is_outwards(facing, back, side):
    normal = np.array([[0.05, facing, 0.1]]) / np.linalg.norm([0.05, facing, 0.1])
    straight, outwards = (handle_directions(normal, deg, side)[0] for deg in (0.0, 90.0))
    assert straight[2] * back > 0.9
    assert outwards[0] * (-1 if side == "left" else 1) > 0.9


# searches on a head of five tissues


@pytest.fixture(scope="module")
def searched(conductor, scalp, dose_map):
    def run(coil, orientation=None, drive=None, **more):
        return search_tms(
            conductor,
            M1,
            coil,
            dose_map=dose_map,
            scalp=scalp,
            orientation=orientation,
            drive=drive,
            **{**NEAR, **more},
        )

    return run


@pytest.fixture(scope="module")
def towards(scalp):
    """Free, but the current is wanted forward and towards the midline."""
    return Orientation("free", "left", toward=np.array([1.0, 1.0, 0.0]) / np.sqrt(2))


@pytest.mark.slow
def test_two_files_of_one_coil_with_other_signs_have_the_same_handle(searched, towards):
    usual, reversed_ = (searched(coil, towards, Drive(-1)) for coil in (FIGURE8, FIGURE8.driven(-1)))
    assert faces_away(-usual.poses[:, :3, 1], "left").all()
    assert np.allclose(usual.poses, reversed_.poses, atol=1e-3)  # the search's table holds single numbers
    assert (usual.current, reversed_.current) == ("reverse", "normal")
    assert usual.as_wanted == reversed_.as_wanted == 1
    assert np.allclose(usual.mean_e_v_per_m, reversed_.mean_e_v_per_m, rtol=1e-3, atol=1e-3)
    assert (usual.mean_e_v_per_m @ [1.0, 1.0, 0.0] > 0).all()
    assert np.allclose(usual.angle_deg, reversed_.angle_deg, atol=0.05)


@pytest.mark.slow
def test_the_effective_phase_is_the_second_of_a_biphasic_pulse(searched, towards):
    monophasic, biphasic = searched(FIGURE8, towards, Drive(1)), searched(FIGURE8, towards, Drive(-1))
    assert np.allclose(monophasic.poses, biphasic.poses, atol=1e-9)
    assert (monophasic.current, biphasic.current) == ("normal", "reverse")
    assert monophasic.effective_sign == biphasic.effective_sign == 1


@pytest.mark.slow
def test_a_setting_that_is_given_turns_no_handle(searched, towards):
    free, held = searched(FIGURE8, towards, Drive(-1)), searched(FIGURE8, towards, Drive(-1, "normal"))
    assert np.allclose(free.poses, held.poses, atol=1e-6)
    assert held.as_wanted == 0 and held.effective_sign == -1
    assert np.allclose(free.mean_e_v_per_m, -held.mean_e_v_per_m)
    assert np.allclose(free.dose_v_per_m, held.dose_v_per_m)
    wrong = (held.angle_deg - free.angle_deg) % 360
    assert np.allclose(wrong, 180)


@pytest.mark.slow
def test_a_component_is_ranked_in_the_setting_that_makes_it_positive(searched):
    for direction in ([0.2, 1.0, 0.1], [-0.2, -1.0, -0.1]):
        found = searched(FIGURE8, direction=direction)
        assert faces_away(-found.poses[:, :3, 1], "left").all()
        unit = np.array(direction) / np.linalg.norm(direction)
        assert np.allclose(found.mean_e_v_per_m @ unit, found.dose_v_per_m) and found.dose_v_per_m[0] > 0
        assert found.as_wanted == 1


@pytest.mark.slow
@pytest.mark.parametrize("side", ["left", "right"])
def test_an_angle_to_the_midline_is_kept_exactly(searched, side):
    rule = Orientation("midline", side, midline_deg=30.0)
    found = searched(FIGURE8, rule)
    for pose in found.poses:
        assert handle_deg(pose, side) == pytest.approx(30.0, abs=0.01)
    assert found.rule == "midline:30"


@pytest.mark.slow
def test_within_the_reach_of_the_fold_the_dose_decides(searched):
    free = searched(FIGURE8, Orientation("free", "left"))
    best = handle_deg(free.poses[0], "left")
    axis = -handle_directions(UP[None], best + 60.0, "left")[0]
    held = searched(FIGURE8, Orientation("fold", "left", across=axis, reach_deg=20.0, toward=axis))
    normal = -held.poses[0][:3, 2]
    flat = axis - normal * (normal @ axis)
    off = np.degrees(np.arccos(abs(held.poses[0][:3, 1] @ flat) / np.linalg.norm(flat)))  # the handle has its own end
    assert held.mean_e_v_per_m[0] @ flat > 0
    assert off <= 20.0 + 1e-3
    assert off > 15.0  # as near to the largest dose as may be
    assert held.dose_v_per_m[0] < free.dose_v_per_m[0]


@pytest.mark.slow
def test_a_ring_is_turned_by_its_field(searched):
    ring = Coil.named("circular-mc125")
    axis = np.array([1.0, 1.0, 0.0]) / np.sqrt(2)
    found = searched(ring, Orientation("fold", "left", across=axis, reach_deg=20.0, toward=axis), radius_mm=90.0)
    e, normal = found.mean_e_v_per_m[0], -found.poses[0][:3, 2]
    flat, wanted = e - normal * (normal @ e), axis - normal * (normal @ axis)
    assert flat @ wanted / np.linalg.norm(flat) / np.linalg.norm(wanted) > np.cos(np.radians(23.0))


def test_which_coils_can_be_held_both_ways():
    assert all(held_both_ways(Coil.named(name)) for name in ("figure8-70mm", "double-cone-110mm", "circular-mc125"))
    one_wing = replace(FIGURE8, sources=(_half(FIGURE8.sources[0]),))
    assert not held_both_ways(one_wing)


def _half(source):
    kept = source.points_mm[:, 0] < -20
    return replace(source, points_mm=source.points_mm[kept] + [0, 25, 0], moments_a_m2=source.moments_a_m2[kept])


def test_a_coil_driven_the_other_way_has_the_reversed_field():
    points = np.array([[10.0, 5.0, 20.0], [-30.0, 0.0, 40.0]])
    assert np.allclose(vector_potential(FIGURE8.driven(-1), points), -vector_potential(FIGURE8, points))


# what is asked for


def test_m1_targets_follow_the_fold_and_others_are_free():
    for name, named in targets().items():
        rule = AngleRequest.of(None, name).rule
        assert rule == ("fold" if name.startswith("m1-") else "free")
        assert (named.current_toward("left") is not None) == name.startswith("m1-")
    assert targets()["m1-hand"].current_toward("left") == (1.0, 1.0, 0.0)
    assert targets()["m1-hand"].current_toward("right") == (-1.0, 1.0, 0.0)  # towards the midline, from the right
    assert AngleRequest.of(None, "m1-hand", "normal").rule == "direction"


@pytest.mark.parametrize(
    ("angle", "words"),
    [
        ("folds", "did you mean 'fold'"),
        ("midline", "needs its degrees"),
        ("midline:left", "not a number of degrees"),
        ("midline:270", "not a number of degrees"),
        ("free:30", "takes no number"),
        ("45", "unknown angle"),
    ],
)
def test_an_angle_that_is_none_is_refused(angle, words):
    with pytest.raises(InputError, match=words):
        AngleRequest.of(angle, "m1-hand")


def test_pulses_and_settings_are_checked_against_the_stimulator():
    assert PulseRequest.of(None, None, None).form == "biphasic"
    assert PulseRequest.of(None, None, "magstim-200-2").form == "monophasic"  # it has no other
    assert PulseRequest.of(None, None, "magpro-r30").current == "normal"  # it has no reverse
    assert PulseRequest.of(None, "reverse", "magpro-x100").current == "reverse"
    for wrong, words in (
        (("biphasic", None, "magstim-200-2"), "has no biphasic pulse"),
        ((None, "reverse", "magpro-r30"), "has no reverse current"),
        (("sine", None, None), "unknown pulse"),
        ((None, "backwards", None), "unknown current"),
    ):
        with pytest.raises(InputError, match=words):
            PulseRequest.of(*wrong)
    protocol: Protocol = protocols()["m1-pain-10hz"]
    with pytest.raises(InputError, match="with which protocol m1-pain-10hz is given"):
        PulseRequest.of(None, None, "magstim-200-2", protocol)
    with pytest.raises(InputError, match="given with biphasic pulses"):
        PulseRequest.of("monophasic", None, None, protocol)


@pytest.mark.slow
def test_a_stimulator_without_reverse_leads_to_a_warning(searched, towards):
    from targeting.plans.handling import plan_pulse

    asked = PulseRequest.of(None, None, "magpro-r30")
    held = plan_pulse(asked, searched(FIGURE8, towards, asked.drive))
    assert held.as_wanted is False and held.current == "normal"
    (line,) = pulse_warnings(held)
    assert "no reverse setting" in line and "against the direction the target wants" in line
    chosen = plan_pulse(PulseRequest.of(None, None, "magpro-x100"), searched(FIGURE8, towards, Drive(-1)))
    assert chosen.current == "reverse" and chosen.as_wanted and not pulse_warnings(chosen)
    assert chosen.first_runs != chosen.effective_runs


# the block of the plan


@pytest.mark.slow
def test_the_angle_block_agrees_with_the_pose(searched):
    found = searched(FIGURE8, Orientation("midline", "left", midline_deg=50.0))
    block = plan_angle(found, FIGURE8, "left")
    assert block.handle_deg == pytest.approx(50, abs=0.01) and block.words.startswith("50° to the midline")
    rows = {each.name: each for each in block.rows}
    assert rows["as planned"].dose_v_per_m == pytest.approx(found.dose_v_per_m[0])
    assert rows["45° to the midline"].dose_v_per_m == pytest.approx(
        searched(FIGURE8, Orientation("midline", "left", midline_deg=45.0)).dose_v_per_m[0], rel=0.01
    )
    assert rows["largest dose"].share == pytest.approx(1.0, abs=1e-3)  # of two ends that give the same the one behind
    assert abs(rows["largest dose"].handle_deg) <= 90
    assert 0 <= block.lowest_share <= min(each.share for each in block.rows)
    assert block.determined == (block.lowest_share < 0.9)
    other_sign = plan_angle(
        searched(FIGURE8.driven(-1), Orientation("midline", "left", midline_deg=50.0)), FIGURE8.driven(-1), "left"
    )
    for a, b in zip(block.rows, other_sign.rows, strict=True):
        assert a.handle_deg == pytest.approx(b.handle_deg, abs=1e-6) and a.share == pytest.approx(b.share, rel=1e-3)


def posed(handle):
    pose = np.eye(4)
    y = -np.array(handle, float) / np.linalg.norm(handle)
    pose[:3, :3] = np.stack([np.cross(y, -UP), y, -UP], axis=1)
    return pose


@pytest.mark.parametrize(
    ("handle", "clock", "words"),
    [
        ([0, -1, 0], "6:00", "0° to the midline, handle back"),
        ([-1, -1, 0], "7:30", "45° to the midline, handle back and to the left"),
        ([1, -1, 0], "4:30", "45° to the midline, handle back and to the right"),
        ([-1, 0, 0], "9:00", "90° to the midline, handle to the left"),
        ([0, 1, 0], "12:00", "0° to the midline, handle forward"),
    ],
)
def test_words_and_clock(handle, clock, words):
    assert clock_of(posed(handle)) == clock
    assert handle_words(posed(handle), "left") == words


def test_the_normal_of_a_motor_target_is_that_of_the_wall_the_current_enters():
    target = under_vertex()
    cortex = folds(45.0)
    unit = direction_vector(None, target, "normal", cortex)
    toward = np.array([1.0, 1.0, 0.0]) / np.sqrt(2)
    assert unit @ toward > 0.5  # into the cortex from behind
    sideways = direction_vector(None, replace(target, current_toward=(-1.0, -1.0, 0.0)), "normal", cortex)
    assert sideways @ toward < -0.5  # the sign is part of the target
