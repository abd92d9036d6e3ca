"""Which pole acts on a target, and currents as a stimulator takes them."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from leadfields import random_leadfield, some
from tes_ball import LEFT_SPOT_MM, ball_head

from atlases import Target
from meshes.cortical_surface import Cortex, CorticalSurface
from meshes.errors import InputError
from targeting.planning.tes import plan_tes
from targeting.records.json_records import check_record
from targeting.records.pole import PlanPole, acting_pole, pole_words
from targeting.study.tes_request import TesRequest
from targeting.tes.montage_dose import inward_of
from targeting.tes.montage_goal import Goal, settable, solve
from targeting.tes.optimise import Limits
from targeting.tes.optimise.limits import STEP_A, in_steps, off_grid

INTO = np.array([0.6, 0.0, -0.8])


@st.composite
def montages(draw):
    """Currents that sum to zero within limits, with 2 to 12 electrodes."""
    into = draw(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=6))
    out_of = draw(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=6))
    total = draw(st.floats(0.05e-3, 6e-3))
    shares = np.concatenate([np.array(into) / sum(into), -np.array(out_of) / sum(out_of)])
    currents = total * draw(st.permutations(shares.tolist()).map(np.array))
    limits = Limits(total * draw(st.floats(1.0, 1.5)), float(np.abs(currents).max()) * draw(st.floats(1.0, 1.5)))
    assume(limits.total_a >= STEP_A and limits.per_electrode_a >= STEP_A)
    return currents, limits


@given(montages())
def test_rounded_currents_sum_to_zero_keep_their_signs_and_their_limits(asked):
    currents, limits = asked
    steps = in_steps(currents, limits)
    assert steps.dtype == np.int64 and steps.sum() == 0
    assert (steps > 0).any() and (steps < 0).any()
    assert (np.sign(steps) * np.sign(currents) >= 0).all() and not steps[currents == 0].any()
    assert steps.clip(0).sum() * STEP_A <= limits.total_a + 1e-9
    assert np.abs(steps).max() * STEP_A <= limits.per_electrode_a + 1e-9
    assert not off_grid(STEP_A * steps)


@pytest.mark.slow
@given(montages())
def test_without_limits_in_the_way_no_current_is_a_step_off_its_part(asked):
    currents, _ = asked
    steps = in_steps(currents, Limits(1.0, 1.0))
    total = steps.clip(0).sum()
    assert abs(total - currents.clip(0).sum() / STEP_A) <= 0.5 + 1e-6 or total == 1
    parts = total * currents / currents.clip(0).sum()
    assert (np.abs(steps - parts) < 1 + 1e-6).all()  # the quota rule of largest remainders


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_what_is_on_the_grid_stays_as_it_is(into):
    whole = np.array([*into, -sum(into)])
    assert in_steps(STEP_A * whole, Limits(1.0, 1.0)).tolist() == whole.tolist()


def test_a_limit_between_two_steps_is_the_lower_one_and_one_below_a_step_is_refused():
    thirds = np.array([2.07e-3, -0.69e-3, -0.69e-3, -0.69e-3])
    assert in_steps(thirds, Limits(2.07e-3, 2.07e-3)).tolist() == [20, -7, -7, -6]
    assert in_steps(np.array([0.04e-3, -0.04e-3]), Limits(1e-3, 1e-3)).tolist() == [1, -1]  # one at least
    with pytest.raises(InputError, match=r"steps of 0\.1 mA"):
        in_steps(thirds, Limits(2.07e-3, 0.09e-3))


def two_walls(share):
    """A fold across x in the ball's left front: two walls that face each other and a crown with ``share`` of the area."""
    tall, wide = 10.0, 20.0 * share / (1 - share)
    center = np.array(LEFT_SPOT_MM)
    corners = np.array([[-1, -4, -tall], [-1, 4, -tall], [-1, -4, 0], [-1, 4, 0], [1, -4, 0], [1, 4, 0],
                        [1, -4, -tall], [1, 4, -tall]], float)  # fmt: skip
    corners[2:6, 0] *= wide / 2
    corners[[0, 1, 6, 7], 0] *= wide / 2
    quads = [(0, 1, 3, 2), (2, 3, 5, 4), (4, 5, 7, 6)]
    triangles = np.array([t for a, b, c, d in quads for t in ((a, c, b), (a, d, c))])
    points = center + corners + [0, 0, tall / 2]
    nowhere = CorticalSurface(points + np.array([300.0, 0, 0]), triangles)
    return Cortex(CorticalSurface(points, triangles), nowhere, "made up")


def test_the_way_in_is_the_crowns_where_it_is_clear_and_the_scalps_where_walls_cancel():
    head, target = ball_head(14.0), Target.sphere(LEFT_SPOT_MM, 25)
    radial = -np.array(LEFT_SPOT_MM) / np.linalg.norm(LEFT_SPOT_MM)
    alone = inward_of(head, target)
    assert alone.of == "scalp" and alone.unit @ radial > 0.98
    crown = inward_of(head, target, two_walls(0.6))
    assert crown.of == "cortex" and abs(crown.unit[2]) > 0.999
    cancelled = inward_of(head, target, two_walls(0.1))
    assert cancelled.of == "scalp" and cancelled.unit == pytest.approx(alone.unit)


@pytest.mark.parametrize("objective", ["pair", "intensity", "energy"])
def test_anodal_enters_cathodal_leaves_and_they_are_one_with_poles_exchanged(objective):
    leadfield = random_leadfield(10, 3)
    target = some(leadfield)
    wanted = 0.05 if objective == "energy" else None
    found = {}
    for polarity, sign in (("anodal", 1.0), ("cathodal", -1.0)):
        goal = Goal(target, sign * INTO, Limits(), wanted, inward=INTO)
        solved = settable(leadfield, goal, solve(objective, leadfield, goal, lambda names: True))
        currents = np.array([solved.currents_a.get(name, 0.0) for name in leadfield.names])
        into = INTO @ target.mean_rows(leadfield) @ currents
        assert into * sign > 0 and solved.dose_v_per_m == pytest.approx(into * sign)
        assert list(solved.currents_a.values()) == sorted(solved.currents_a.values(), reverse=True)
        found[polarity] = currents
    assert found["cathodal"] == pytest.approx(-found["anodal"], abs=1e-9)


@pytest.mark.parametrize("objective", ["pair", "magnitude"])
def test_a_free_polarity_is_turned_so_that_the_mean_field_enters_the_cortex(objective):
    leadfield = random_leadfield(10, 4)
    target = some(leadfield)
    doses = []
    for into in (INTO, -INTO):
        goal = Goal(target, None, Limits(), inward=into)
        solved = solve(objective, leadfield, goal, lambda names: True)
        currents = np.array([solved.currents_a.get(name, 0.0) for name in leadfield.names])
        assert into @ target.mean_rows(leadfield) @ currents > 0
        doses.append(solved.dose_v_per_m)
    assert doses[0] == pytest.approx(doses[1])


def test_rounding_costs_what_it_is_said_to_and_no_bound_is_passed():
    leadfield = random_leadfield(12, 7)
    goal = Goal(some(leadfield), INTO, Limits(1.94e-3, 0.83e-3))
    found = solve("intensity", leadfield, goal, lambda names: True)
    rounded = settable(leadfield, goal, found)
    steps = np.array(list(rounded.currents_a.values())) / STEP_A
    assert np.abs(steps - np.round(steps)).max() < 1e-9 and round(steps.clip(0).sum()) == 19 and steps.max() <= 8
    assert rounded.bound_v_per_m == found.bound_v_per_m and rounded.dose_v_per_m < found.bound_v_per_m
    assert 0.9 * found.dose_v_per_m < rounded.dose_v_per_m < found.dose_v_per_m


@pytest.mark.parametrize(
    ("asked", "polarity", "objective"),
    [
        (TesRequest(), "anodal", "pair"),
        (TesRequest(aim="m1-leg", kind="hd-tdcs"), "anodal", "intensity"),
        (TesRequest(aim="psi", kind="hd-tdcs"), "free", "magnitude"),
        (TesRequest(aim="mni:-37,-21,58", kind="hd-tdcs"), "free", "magnitude"),
        (TesRequest(aim="psi", kind="hd-tdcs", polarity="cathodal"), "cathodal", "intensity"),
        (TesRequest(kind="hd-tdcs", polarity="free"), "free", "magnitude"),
        (TesRequest(kind="hd-tdcs", objective="magnitude"), "free", "magnitude"),
        (TesRequest(also=("psi",)), "free", "pair"),
        (TesRequest(also=("m1-face@left/6",)), "anodal", "pair"),
        (TesRequest(kind="hd-tdcs", direction="normal"), "given", "intensity"),
        (TesRequest(montage="m1-so"), "given", "pair"),
    ],
)
def test_motor_cortex_is_anodal_unless_said_otherwise(asked, polarity, objective):
    assert asked.checked().counted_polarity == polarity
    assert asked.along == (polarity if polarity in ("anodal", "cathodal") else asked.direction)
    assert asked.objective_for(asked.along) == objective


def test_a_map_has_its_own_signs():
    with pytest.raises(InputError, match="the map of `network` has its signs: leave out `polarity`"):
        TesRequest(kind="hd-tdcs", polarity="anodal", network="map.nii").checked()


def test_the_pole_that_acts_is_told_by_the_field_and_a_plan_cannot_say_another():
    assert [acting_pole(x, 0.3) for x in (0.07, -0.07, 0.05, 0.0)] == ["anode", "cathode", "mixed", "mixed"]
    words = pole_words("mixed", -0.02, "m1-so", -0.135)
    assert "runs along the cortex, 0.02 V/m out of it" in words and "(m1-so: 0.135 V/m out of it)" in words
    said = PlanPole("anodal", "anode", 0.138, 0.135, [0.6, 0.0, -0.8], "cortex", "…")
    check_record(said, "pole")
    for change in ({"acting": "cathode"}, {"polarity": "anode"}, {"inward_of": "air"}, {"inward": [1.0]}):
        with pytest.raises(InputError, match="pole"):
            check_record(PlanPole(**{**vars(said), **change}), "pole")


@pytest.mark.slow
def test_the_anode_acts_on_the_left_motor_cortex_of_colin27(tmp_path):
    """Before polarity was asked for, the pair was Cz +2 mA, C5 −2 mA: the larger field, with the cathode beside M1."""
    plan = plan_tes("colin27", side="left", density="fast", out=tmp_path / "colin27")
    currents = {each.name: each.current_ma for each in plan.montage}
    assert currents == pytest.approx({"CP3": 2.0, "FCz": -2.0}, abs=1e-9)  # across the central sulcus, from behind
    pole = plan.pole
    assert (pole.polarity, pole.acting, pole.inward_of) == ("anodal", "anode", "cortex")
    assert pole.inward == pytest.approx([0.672, 0.736, 0.079], abs=0.02)  # into the lip of the gyrus, out of the sulcus
    assert pole.normal_v_per_m == pytest.approx(0.201, rel=0.03) and plan.dose.dose_v_per_m == pole.normal_v_per_m
    assert pole.standard_normal_v_per_m == pytest.approx(0.112, rel=0.03)
    assert plan.standard.dose.dose_v_per_m == pytest.approx(pole.standard_normal_v_per_m)
    assert "the anode acts on the target" in pole.words and "(m1-so: 0.11" in pole.words
    assert not any("has no polarity" in each.text for each in plan.warnings)
