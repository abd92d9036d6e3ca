"""Objectives other than the dose: against brute force, and what they do to the search."""

import json
from dataclasses import asdict, replace

import jsonschema
import numpy as np
import pytest
from heads import layered_ball
from plans import one_plan
from schemas import resolved
from studies import done, study_of

from atlases import Target
from atlases.aim import AimedTarget
from atlases.scalp import Scalp
from meshes import InputError
from targeting import Coil, Pose
from targeting.fem import HeadConductor
from targeting.fem.second_order import near_target
from targeting.goals.goal import goal_of
from targeting.goals.record import PlanGoal, PlanPlace, goal_warnings
from targeting.goals.request import ObjectiveRequest, linear_direction, region_of
from targeting.goals.stage import StagedObjective, goal_stage
from targeting.goals.words import goal_lines
from targeting.planning.tms_stages import search_stage
from targeting.plans.schema import schema
from targeting.plans.tms import from_dict, to_dict
from targeting.records.json_records import check_record
from targeting.report.features import goal_section
from targeting.study.coil_aim import CoilAim
from targeting.study.tms_request import TmsRequest
from targeting.subject import Subject
from targeting.tms import DoseMap, search_tms, simulate_many
from targeting.tms.confirmation import confirm
from targeting.tms.objective_making import assemble, everywhere, grey_sample, make_objective, parts_of, patches
from targeting.tms.objective_names import OBJECTIVES
from targeting.tms.objectives import DirectField, PoseFields, percentile_size, spread_sample
from targeting.tms.placement import place

COIL = Coil.named("figure8-70mm")
SMALL = 0.55  # of a ball of 92 mm radius: the whole scalp is searched in seconds
LEFT_SPOT = Target.sphere([-25.0, -11.0, 25.0], 8.0, name="left spot")
DEEP_SPOT = Target.sphere([-19.0, -8.0, 21.0], 8.0, name="deep spot")
FRONT = Target.sphere([-14.0, 20.0, 28.0], 8.0, name="front")
HAIR_MM = 4.0


@pytest.fixture(scope="module", autouse=True)
def coarse_search():
    """A coarser first look over the scalp, so that the many searches here take a second each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("targeting.tms.search.STEP_MM", 6.0)
        patch.setattr("targeting.tms.search.ANGLE_STEP_DEG", 10.0)
        yield


class SolvedEach:
    """The field of every pose from a forward solve of its own."""

    def __init__(self, conductor, parts):
        self.conductor, self.tets = conductor, np.concatenate(parts)

    def e_v_per_m(self, coil, poses, didt_a_per_s):
        fields = simulate_many(self.conductor, coil, [Pose(each) for each in poses], didt_a_per_s)
        return np.stack([each.e_v_per_m[self.tets] for each in fields])


@pytest.fixture(scope="module")
def ball():
    """A coarse head of three different axes."""
    return HeadConductor(layered_ball(14.0, (0.9 * SMALL, 1.05 * SMALL, 0.95 * SMALL)), right_hand_sides=400)


@pytest.fixture(scope="module")
def ball_scalp(ball):
    return Scalp.of(ball.head)


@pytest.fixture(scope="module")
def maps(ball):
    return {each.name: DoseMap.build(ball, each) for each in (LEFT_SPOT, DEEP_SPOT, FRONT)}


@pytest.fixture(scope="module")
def few(ball, ball_scalp):
    """Five poses of no symmetry over the left of the head, and their fields."""
    near = ball_scalp.points_mm[ball_scalp.nearest(LEFT_SPOT.center_mm)]
    points = ball_scalp.samples(near, 25.0, 9.0)[:5]
    poses = np.stack(
        [place(ball_scalp, COIL, points[i : i + 1], np.array([50.0 * i - 70]), HAIR_MM)[0][0, 0] for i in range(5)]
    )
    return poses, [each.e_v_per_m for each in simulate_many(ball, COIL, [Pose(each) for each in poses], 1e6)]


def by_hand(name, head, target, e, avoid=()):
    """The objective's value, written out once more."""
    size, volume = np.linalg.norm(e, axis=1), head.volumes_mm3
    tets, weights = target.weights(head)
    grey = np.flatnonzero(head.tissue == 2)
    mean, dose = weights @ size[tets], np.linalg.norm(weights @ e[tets])
    if name == "p75":
        order = np.argsort(size[tets])
        return size[tets][order][np.searchsorted(np.cumsum(weights[order]), 0.75 - 1e-12)]
    if name == "focality":
        out = np.setdiff1d(grey, tets)
        return mean / np.average(size[out], weights=volume[out])
    if name == "depth":
        skin = head.points_mm[np.unique(head.boundary())]
        depth = np.array([np.linalg.norm(skin - point, axis=1).min() for point in head.centroids_mm[grey]])
        above = grey[depth < np.linalg.norm(skin - target.center_mm, axis=1).min()]
        above = np.setdiff1d(above, tets)
        order = above[np.argsort(size[above])]
        share = np.cumsum(volume[order]) / volume[order].sum()
        return dose / (1 + size[order][np.searchsorted(share, 0.99 - 1e-12)] / dose)
    return {
        "dose": dose,
        "mean": mean,
        "minimum": size[tets].min(),
        "focal-volume": volume[grey][size[grey] > mean / 2].sum() / 1000,
    }[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mean", "minimum", "p75", "focality", "focal-volume", "depth"])
def test_an_objective_is_what_direct_solves_say(name, ball, few, maps):
    poses, fields = few
    target = DEEP_SPOT if name == "depth" else LEFT_SPOT
    truth = np.array([by_hand(name, ball.head, target, e) for e in fields])
    mean_e = maps[target.name].mean_e_v_per_m(COIL, poses, 1e6)
    direct = make_objective(name, ball, target, COIL, dose_map=maps[target.name], field=SolvedEach)
    # the coil of fewer parts: a per cent at the thresholds of coarse tetrahedra
    assert direct.values(COIL, poses, mean_e, 1e6) == pytest.approx(truth, rel=0.02)
    looked_at = everywhere(ball.head, patches(parts_of(name, ball.head, target), None))
    solved = assemble(name, ball.head, target, looked_at=looked_at)
    tets, weights = target.weights(ball.head)
    for e, value in zip(fields, truth, strict=True):
        assert solved.value(DirectField(e, (weights @ e[tets])[None], 1e6))[0] == pytest.approx(value, rel=1e-6)
    score = direct.score(COIL, poses, mean_e, 1e6)
    better = truth.argmin() if name == "focal-volume" else truth.argmax()
    assert score.argmax() == better and np.isfinite(score).all()
    # a stronger pulse changes no ranking
    stronger = direct.score(COIL, poses, 80 * mean_e, 80e6)
    assert (np.argsort(stronger) == np.argsort(score)).all()


@pytest.mark.slow
def test_a_basis_of_few_solves_tells_the_target_almost_as_well(ball, few, maps):
    poses, fields = few
    mean_e = maps["left spot"].mean_e_v_per_m(COIL, poses, 1e6)
    for name, tolerance in (("mean", 0.03), ("p75", 0.05), ("minimum", 0.1)):
        made = make_objective(name, ball, LEFT_SPOT, COIL, dose_map=maps["left spot"])
        truth = [by_hand(name, ball.head, LEFT_SPOT, e) for e in fields]
        assert made.values(COIL, poses, mean_e, 1e6) == pytest.approx(truth, rel=tolerance)


def test_a_percentile_of_equal_volumes_is_the_ordinary_one():
    sizes = np.random.default_rng(0).random((4, 101))
    for percent in (0, 25, 75, 100):
        ordinary = np.percentile(sizes, percent, axis=1, method="inverted_cdf")
        assert percentile_size(sizes, np.ones(101), percent) == pytest.approx(ordinary)
    without = np.where(np.arange(101) < 50, 0.0, 2.0)  # of no volume: not there
    assert percentile_size(sizes, without, 0) == pytest.approx(sizes[:, 50:].min(1))


def test_a_sample_of_grey_matter_stands_for_all_of_it(ball):
    head = ball.head
    tets, volumes = grey_sample(head, 400)
    grey = head.tissue == 2
    assert (head.tissue[tets] == 2).all() and len(np.unique(tets)) == len(tets) <= 400
    assert volumes.sum() == pytest.approx(head.volumes_mm3[grey].sum())
    left, all_left = head.centroids_mm[tets, 0] < -20, head.centroids_mm[:, 0] < -20
    assert volumes[left].sum() == pytest.approx(head.volumes_mm3[grey & all_left].sum(), rel=0.03)
    every, own = spread_sample(head.centroids_mm[tets], volumes, 500)
    assert len(every) == len(tets) and (own == volumes).all()


@pytest.mark.slow
def test_avoiding_a_region_takes_the_coil_away_from_it(ball, ball_scalp, maps):
    dose_map = maps["left spot"]
    found = search_tms(ball, LEFT_SPOT, COIL, HAIR_MM, dose_map=dose_map, scalp=ball_scalp, radius_mm=40, keep=2)
    region = Target.sphere([-22.0, 5.0, 30.0], 7.0, name="beside")
    made = make_objective("dose", ball, LEFT_SPOT, COIL, avoid=[region], weight=5.0, dose_map=dose_map)
    away = search_tms(
        ball, LEFT_SPOT, COIL, HAIR_MM, dose_map=dose_map, scalp=ball_scalp, radius_mm=40, keep=2, objective=made
    )

    def share(pose):
        e = simulate_many(ball, COIL, [Pose(pose)], 1e6)[0].e_v_per_m
        return by_hand("mean", ball.head, region, e) / by_hand("dose", ball.head, LEFT_SPOT, e)

    before, after = share(found.poses[0]), share(away.poses[0])
    assert after < 0.9 * before
    assert away.dose_v_per_m[0] >= made.least_share * found.dose_v_per_m[0]
    assert (np.diff(away.objective) <= 0).all() and away.objective[0] > 0
    assert away.objective[0] == pytest.approx(away.dose_v_per_m[0] / (1 + 5 * after), rel=0.05)
    # a cap below what can be had ranks by the excess, one above lets the penalised dose decide
    seen = (COIL, found.poses[:1], found.mean_e_v_per_m[:1], 1e6)
    assert replace(made, cap=before / 2).score(*seen)[0] == pytest.approx(-before / 2, rel=0.1)
    assert replace(made, cap=2 * before).score(*seen) == pytest.approx(made.score(*seen))


@pytest.mark.slow
def test_the_focal_objectives_prefer_the_more_focal_coil(ball, ball_scalp, maps):
    dose_map = maps["left spot"]
    at_best = {}
    for name in ("figure8-70mm", "circular-mc125"):
        coil = Coil.named(name)
        found = search_tms(ball, LEFT_SPOT, coil, HAIR_MM, dose_map=dose_map, scalp=ball_scalp, radius_mm=40, keep=1)
        for goal in ("focality", "focal-volume"):
            made = make_objective(goal, ball, LEFT_SPOT, coil, field=SolvedEach)
            at_best[name, goal] = made.score(coil, found.poses, found.mean_e_v_per_m, 1e6)[0]
    for goal in ("focality", "focal-volume"):
        assert at_best["figure8-70mm", goal] > at_best["circular-mc125", goal]


@pytest.mark.slow
def test_two_targets_get_a_compromise(ball, ball_scalp, maps):
    made = make_objective("dose", ball, LEFT_SPOT, COIL, also=[FRONT], dose_map=maps["left spot"])
    best = np.array([made.best_v_per_m, made.others[0].best_v_per_m])

    def shares(pose):
        e = [maps[each.name].mean_e_v_per_m(COIL, pose[None], 1e6)[0] for each in (LEFT_SPOT, FRONT)]
        return np.linalg.norm(e, axis=1) / best

    alone = [
        search_tms(ball, each, COIL, HAIR_MM, dose_map=maps[each.name], scalp=ball_scalp, keep=1).poses[0]
        for each in (LEFT_SPOT, FRONT)
    ]
    both = search_tms(ball, LEFT_SPOT, COIL, HAIR_MM, dose_map=maps["left spot"], scalp=ball_scalp, objective=made)
    assert shares(alone[0])[0] == pytest.approx(1) and shares(alone[1])[1] == pytest.approx(1)
    assert shares(both.poses[0]).min() >= max(shares(each).min() for each in alone)
    assert both.objective[0] == pytest.approx(shares(both.poses[0]).min(), rel=1e-6)
    # no pose of a plain grid over the scalp does better
    points = ball_scalp.samples(ball_scalp.points_mm[ball_scalp.nearest(FRONT.center_mm)], 90.0, 6.0)
    grid, reached = place(ball_scalp, COIL, points, np.arange(0.0, 360, 20), HAIR_MM)
    grid = grid[np.abs(reached - HAIR_MM) < 0.04]
    sizes = [np.linalg.norm(maps[each.name].mean_e_v_per_m(COIL, grid, 1e6), axis=1) for each in (LEFT_SPOT, FRONT)]
    assert both.objective[0] >= 0.995 * (np.array(sizes) / best[:, None]).min(0).max()


@pytest.mark.slow
def test_the_stages_keep_what_the_plan_says(tmp_path, ball):
    finer = near_target(ball, LEFT_SPOT)
    dose_map = done("dosemap", DoseMap.build(finer, LEFT_SPOT))
    aimed_target = AimedTarget(LEFT_SPOT, LEFT_SPOT.center_mm, None, ())
    request = ObjectiveRequest.of(
        TmsRequest(avoid=["ras:-14,20,28/8"], also=["ras:-2,-25,28/8"], penalty=2.0, avoid_cap=0.6), "left"
    )
    subject = Subject.named("s1", tmp_path / "s1")

    study = study_of(ball.head, aimed_target, subject=subject, conductor=ball)
    aim = CoilAim(coil=COIL, hair_mm=HAIR_MM)

    def run():
        wanted = StagedObjective.run(request, study, aim, dose_map)
        searched = subject.run(search_stage(TmsRequest(), study, aim, dose_map, wanted))
        solved = simulate_many(finer, COIL, [Pose(each) for each in searched.value.poses], 1e6)
        confirmation = done("confirm", confirm(ball.head, LEFT_SPOT, [each.e_v_per_m for each in solved]))
        made = goal_of(wanted, searched.value, confirmation.value)
        goal = subject.run(goal_stage(wanted, dose_map, searched, confirmation))
        return wanted, searched, made, goal

    with subject.locked():
        wanted, searched, made, goal = run()
        again = run()
    assert [each.reused for each in (*again[0].after, again[1], again[3])] == [True] * 4
    assert again[3].value == goal.value == made
    check_record(made, "goal")
    assert len(made.score) == len(searched.value.poses)
    jsonschema.validate(
        json.loads(json.dumps(asdict(made))),
        resolved(schema())["$defs"]["tms"]["properties"]["goal"],
    )
    avoided, also = made.places
    assert (avoided.role, also.role) == ("avoided", "also a target")
    assert made.value[0] == pytest.approx(made.direct_value, rel=0.02)
    assert made.value[0] == pytest.approx(
        min(also.e_v_per_m[0] / also.best_e_v_per_m, searched.value.dose_v_per_m[0] / made.best_dose_v_per_m)
    )
    assert also.e_v_per_m[0] == pytest.approx(also.direct_e_v_per_m, rel=0.02)
    assert avoided.e_v_per_m[0] == pytest.approx(avoided.direct_e_v_per_m, rel=0.1)
    assert made.score == pytest.approx(searched.value.objective.tolist())
    objective = wanted.objective()
    assert "avoided: ras -14, 20, 28" in objective.words and "ras -2, -25, 28" in objective.words
    seen = PoseFields(COIL, searched.value.poses, searched.value.mean_e_v_per_m, 1e6)
    assert (objective.shares(seen).max(1) <= 0.6).all() or min(made.score) < 0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"objective": "focalty"}, "did you mean 'focality'"),
        ({"objective": "focality", "also": ["psi"]}, "`also` goes with the objective dose"),
        ({"avoid": ["m1-hnd"]}, "did you mean 'm1-hand'"),
        ({"avoid": ["m1-hand@lft"]}, "did you mean 'left'"),
        ({"avoid": ["ras:1,2"]}, "three numbers"),
        ({"avoid": ["ras:1,2,3@left"]}, "side of their x"),
        ({"avoid": ["ras:1,2,3/ten"]}, "a radius in mm follows the /"),
        ({"avoid": ["ras:1,2,3/500"]}, "between 0 and 100 mm"),
        ({"avoid": ["nowhere.nii.gz"]}, "there is no file"),
        ({"side": None, "avoid": ["psi"]}, "which side of psi? write `avoid=psi@left` or psi@right"),
        ({"penalty": 2.0}, "give `avoid=REGION`, or `objective=depth`"),
        ({"avoid_cap": 0.5}, "give `avoid=REGION`"),
        ({"avoid": ["psi"], "penalty": -1.0}, "`penalty` must be"),
        ({"avoid": ["psi"], "penalty": float("nan")}, "`penalty` must be"),
        ({"avoid": ["psi"], "avoid_cap": 0.0}, "`avoid_cap` is a share"),
        ({"objective": "mean", "least_dose": 0.95}, "`least_dose` is a share"),
        ({"objective": "normal", "least_dose": 0.6}, "normal needs none"),
    ],
)
def test_bad_requests_are_refused_in_one_line(asked, says):
    with pytest.raises(InputError) as caught:
        side = asked.pop("side", "left")
        ObjectiveRequest.of(TmsRequest(**asked).checked(), side)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_linear_doses_need_no_request_and_directions_must_fit():
    for name in ("dose", "normal", "component"):
        direction = (0.0, 0.0, 1.0) if name == "component" else None
        assert ObjectiveRequest.of(TmsRequest(objective=name, direction=direction), "left") is None
    with pytest.raises(InputError, match="needs its direction"):
        linear_direction("component", None)
    with pytest.raises(InputError, match="does not go with the objective mean"):
        linear_direction("mean", (0.0, 0.0, 1.0))
    request = ObjectiveRequest.of(TmsRequest(objective="depth", penalty=3.0), "left")
    with pytest.raises(InputError, match="leave it out with `objective=depth`"):
        request.check_beside(True, False)
    with pytest.raises(InputError, match="give `rmt_at_mm"):
        request.check_beside(False, True)
    assert set(OBJECTIVES) >= {"dose", "mean", "minimum", "p75", "focality", "focal-volume", "depth"}


def test_a_region_has_the_plans_side_unless_it_says_another(tmp_path):
    assert region_of("psi", "left", "avoid").side == "left"
    assert region_of("psi@right", "left", "avoid").side == "right"
    assert region_of("mni:40,-20,50/8", "left", "also") == replace(
        region_of("mni:40,-20,50", "left", ""), radius_mm=8.0
    )


def a_goal():
    place_ = PlanPlace("front", "avoided", "left", [0.0, 1, 2], 5.0, "the user", [0.5, 0.6], 0.5, None)
    return PlanGoal("dose", "dose", "V/m", [2.0, 1.0], [2.0, 1.0], 2.0, 1.0, 0.2, 0.5, None, [place_])


def test_the_plan_and_its_report_tell_the_goal():
    plan = one_plan()
    first, second = plan.placements
    swapped = [replace(first, dose_v_per_m=0.8), second]  # the dose itself need not fall then
    also = PlanPlace("<psi>", "also a target", "left", [0.0, 1, 2], 5.0, "an atlas", [0.3, 0.2], 0.31, 0.6)
    goal = a_goal()
    goal = replace(goal, name="dose", unit="", best_dose_v_per_m=1.6, places=[*goal.places, also])
    plan = replace(plan, placements=swapped, goal=goal)
    document = to_dict(plan)
    jsonschema.validate(document, schema())
    assert from_dict(document) == plan
    with pytest.raises(InputError, match="falling dose_v_per_m"):
        from_dict({**document, "goal": None})
    lines = goal_lines(plan.goal, plan.placements[0].dose_v_per_m)
    assert "the target gets 50 % of the most it can get alone" in lines
    assert "avoided: left front gets mean |E| 0.500 V/m, 62 % of the target's dose" in lines
    assert "also a target: left <psi> gets 0.300 V/m, 50 % of the most it can get alone" in lines
    section = goal_section(plan)
    assert "left &lt;psi&gt;" in section and "<psi>" not in section
    assert "0.310 V/m" in section and "1.60 V/m" in section
    assert goal_lines(one_plan().goal, 1.0) == [] and goal_section(one_plan()) == ""


def test_a_goal_that_cannot_be_is_refused():
    goal = a_goal()
    place_ = goal.places[0]
    check_record(goal, "goal")
    assert "holds the avoided front below 20% of the target's dose" in goal_warnings(goal, 2.0)[0]
    assert "gets more than the target" in goal_warnings(replace(goal, avoid_cap=None), 0.25)[0]
    assert (
        "the direct solve's 1.5: the ranking by it is uncertain"
        in goal_warnings(replace(goal, direct_value=1.5), 2.0)[0]
    )
    assert goal_warnings(replace(goal, avoid_cap=None, direct_value=1.9), 2.0) == []
    for bad in (
        replace(goal, score=[1.0, 2.0]),
        replace(goal, value=[1.0]),
        replace(goal, places=[replace(place_, role="spared")]),
        replace(goal, places=[replace(place_, e_v_per_m=[0.1])]),
        replace(goal, places=[replace(place_, best_e_v_per_m=1.0)]),
    ):
        with pytest.raises(InputError):
            check_record(bad, "goal")
