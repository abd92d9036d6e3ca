"""No pose that leaves the program has the coil in the head: read back from what was written, measured by another program."""

import shutil
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import pyvista
from dosing_blocks import block
from heads import LEFT_SPOT
from plans import one_plan
from studies import done, study_of

from atlases.aim import resolve_target
from atlases.scalp import Scalp
from atlases.warp import load_warp
from cli.main import run
from meshes import HeadMesh
from targeting import Coil, DoseMap, Pose, search_tms
from targeting.coils.builtin import coil_names
from targeting.comparison.compared import best_pose
from targeting.comparison.record import ComparedCoil
from targeting.fem import HeadConductor
from targeting.navigation import brainsight, localite
from targeting.navigation.navigators import navigator_file, navigators_of_plans
from targeting.planning.tms_files import write_navigator
from targeting.plans.gate import check_plan, planned_poses
from targeting.plans.tms import read_plan, write_plan
from targeting.pose_gate import MEASURED_TOLERANCE_MM, TOLERANCE_MM, PoseGate
from targeting.robustness.record import plan_robustness
from targeting.robustness.stage import robustness_stage
from targeting.study.coil_aim import CoilAim
from targeting.tms.field_basis import FieldBasis, Rows
from targeting.tms.objective_making import make_objective
from targeting.tms.objective_names import LINEAR, OBJECTIVES
from targeting.tms.placement import place

HAIR_MM = 4.0
VENDORS = {"brainsight": brainsight, "localite": localite}
CONE = Coil.named("double-cone-110mm")


def skin_of(head):
    """The outermost surface of a head mesh."""
    cells = np.column_stack([np.full(len(head.tets), 4), head.tets]).ravel()
    grid = pyvista.UnstructuredGrid(cells, np.full(len(head.tets), pyvista.CellType.TETRA), head.points_mm)
    surface = grid.extract_surface(algorithm="dataset_surface").triangulate().connectivity("largest")
    return pyvista.PolyData(surface.points, surface.faces)


def inside_mm(skin, coil, matrix):
    """Distances of the casing's points to the skin, negative inside, and how many points of the skin the casing holds."""
    matrix = np.asarray(matrix)
    shell = pyvista.PolyData.from_regular_faces(
        coil.casing.points_mm @ matrix[:3, :3].T + matrix[:3, 3], coil.casing.triangles
    )
    away = pyvista.PolyData(shell.points).compute_implicit_distance(skin)["implicit_distance"]
    near = skin.points[np.linalg.norm(skin.points - matrix[:3, 3], axis=1) < 160]
    held = pyvista.PolyData(near).select_interior_points(shell, check_surface=False)["selected_points"]
    return np.asarray(away), int(np.sum(held))


def check_written(folder, skin, coils, hair_mm=HAIR_MM):
    """Every pose in plan.json and in the navigators' files: none in the head, each as far off as was asked for."""
    plan = read_plan(folder / "plan.json")
    poses = [(coil, np.array(matrix)) for _, coil, matrix in planned_poses(plan)]
    for navigator in navigators_of_plans():
        written = VENDORS[navigator].read(folder / navigator_file(navigator, plan.created))
        assert len(written) == len(plan.placements)
        poses += [(plan.coil.name, pose.matrix_mm) for pose in written]
    for name, matrix in poses:
        away, held = inside_mm(skin, coils[name], matrix)
        assert (away < 0).sum() == 0 and held == 0, (name, matrix.tolist(), away.min(), held)
        assert away.min() == pytest.approx(hair_mm, abs=2 * TOLERANCE_MM)  # exact against the grid's
    return plan


# on a ball


@pytest.fixture(scope="module", autouse=True)
def coarse_search():
    """Fewer places, angles and candidates: where the poses stand is what is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("targeting.tms.search.STEP_MM", 8.0)
        patch.setattr("targeting.tms.search.ANGLE_STEP_DEG", 15.0)
        patch.setattr("targeting.tms.search.FINE_ANGLE_REACH_DEG", 4.0)
        patch.setattr("targeting.tms.search.FINE_PLACES", 2)
        patch.setattr("targeting.tms.search.CANDIDATES", 600)
        patch.setattr("targeting.robustness.stage.CANDIDATE_SHARE", 0.93)
        yield


@pytest.fixture(scope="module")
def skin(conductor):
    return skin_of(conductor.head)


@pytest.fixture(scope="module")
def found_by(conductor, scalp, dose_map):
    """What a coil's search finds, looked for once."""

    @cache
    def found(name):
        return search_tms(conductor, LEFT_SPOT, Coil.named(name), dose_map=dose_map, scalp=scalp, radius_mm=40)

    return found


def written_plan(folder, gate, found, robustness, comparison=()):
    """A search and its steadiest pose in the files people use."""
    ranked = zip(found.poses, found.scalp_mm, found.distance_mm, found.dose_v_per_m, strict=True)
    plan = one_plan()
    one = plan.placements[0]
    placements = [
        replace(
            one,
            rank=rank + 1,
            pose=pose.tolist(),
            scalp_mm=foot.tolist(),
            distance_mm=float(away),
            dose_v_per_m=float(dose),
        )
        for rank, (pose, foot, away, dose) in enumerate(sorted(ranked, key=lambda each: -each[3]))
    ]
    plan = replace(
        plan,
        coil=replace(plan.coil, name=gate.coil.name),
        placements=placements,
        robustness=plan_robustness(robustness),
        comparison=[compared_row(coil, other) for coil, other in comparison],
    )
    folder.mkdir(exist_ok=True)
    write_plan(folder / "plan.json", plan)
    check_plan(read_plan(folder / "plan.json"), gate.scalp, [gate.coil, *(coil for coil, _ in comparison)])
    for navigator in navigators_of_plans():
        write_navigator(plan, navigator, folder, gate)


def other_than(name):
    return Coil.named(coil_names()[coil_names().index(name) - 1])


def compared_row(coil, found):
    pose, foot = found.poses[0].tolist(), found.scalp_mm[0].tolist()
    return ComparedCoil(
        coil=coil.name,
        pose=pose,
        scalp_mm=foot,
        distance_mm=float(found.distance_mm[0]),
        middle_mm=10.0,
        dose_v_per_m=float(found.dose_v_per_m[0]),
        direct_dose_v_per_m=1.0,
        peak_e_v_per_m=2.0,
        peak_mm=foot,
        peak_over_dose=2.0,
        above_mm3=0.0,
        stronger=None,
        max_didt_a_per_s=None,
        needed_didt_a_per_s=None,
        needed_percent_of_rmt=None,
        shares={},
        given_fraction=None,
        given_v_per_m=None,
        reach="not known",
        verdict="-",
    )


def steadiest(head, target, dose_map, found, coil, folder, direction=None):
    """What the stage makes of a search."""
    folder.mkdir(exist_ok=True)
    study, aim = (
        study_of(head, SimpleNamespace(target=target)),
        CoilAim(coil=coil, hair_mm=HAIR_MM, direction=direction),
    )
    robustness = robustness_stage(study, aim, done("dosemap", dose_map), done("search", found)).make(folder)
    # nothing gives more than the best pose there is (which a search on a grid misses by a little)
    assert robustness.robust_dose_v_per_m <= 1.02 * max(
        found.best_dose_at_point_v_per_m.max(), found.dose_v_per_m.max()
    )
    assert robustness.robust_worst_v_per_m <= robustness.robust_dose_v_per_m * 1.001
    return robustness


@pytest.mark.slow
@pytest.mark.parametrize("name", coil_names())
def test_on_a_ball_what_is_written_is_outside(tmp_path, conductor, scalp, dose_map, skin, found_by, name):
    coil, found = Coil.named(name), found_by(name)
    robustness = steadiest(conductor.head, LEFT_SPOT, dose_map, found, coil, tmp_path / "stage")
    other = other_than(name)
    written_plan(tmp_path / "plan", PoseGate(scalp, coil), found, robustness, [(other, found_by(other.name))])
    plan = check_written(tmp_path / "plan", skin, {name: coil, other.name: other})
    assert len(plan.comparison) == 1 and len(plan.placements) == len(found.poses)


# the gate


@pytest.fixture(scope="module")
def standing(scalp):
    """A double cone on the left of the ball, and the pose with its face's centre at the hair's distance: wings in."""
    foot = scalp.points_mm[scalp.nearest(LEFT_SPOT.center_mm)]
    pose = place(scalp, CONE, foot[None], np.array([20.0]), HAIR_MM)[0][0, 0]
    down = pose.copy()
    down[:3, 3] = foot - HAIR_MM * pose[:3, 2]
    return pose, down


def test_what_the_gate_says_is_what_another_program_measures(scalp, skin, standing):
    pose, down = standing
    gate = PoseGate(scalp, CONE)
    assert gate.fault(Pose(pose)) == "" and inside_mm(skin, CONE, pose)[0].min() > 3.5
    deepest = inside_mm(skin, CONE, down)[0].min()
    assert deepest < -10
    said = float(gate.fault(Pose(down)).split(" mm inside")[0].split()[-1])
    assert said == pytest.approx(-deepest, abs=0.5)


@pytest.mark.parametrize("tolerance_mm", [TOLERANCE_MM, MEASURED_TOLERANCE_MM])
def test_a_flat_coil_is_let_in_as_far_as_is_said(scalp, tolerance_mm):
    coil = Coil.named("figure8-70mm")
    foot = scalp.points_mm[scalp.nearest(LEFT_SPOT.center_mm)]
    pose = place(scalp, coil, foot[None], np.array([20.0]), HAIR_MM)[0][0, 0]
    for more, fine in ((-0.3, True), (0.3, False)):  # mm, along the coil's axis into the head
        moved = pose.copy()
        moved[:3, 3] += (HAIR_MM + tolerance_mm + more) * pose[:3, 2]
        assert (PoseGate(scalp, coil).fault(Pose(moved), tolerance_mm) == "") == fine


@pytest.mark.parametrize("field", ["placements", "robustness", "dosing", "comparison"])
def test_a_plan_with_a_pose_in_the_head_is_not_written(scalp, standing, field):
    pose, down = (each.tolist() for each in standing)
    plan = one_plan()
    found = SimpleNamespace(
        poses=np.array([pose]), scalp_mm=np.zeros((1, 3)), distance_mm=np.array([4.0]), dose_v_per_m=np.array([1.0])
    )
    plan = replace(
        plan,
        coil=replace(plan.coil, name=CONE.name),
        placements=[replace(each, pose=pose) for each in plan.placements],
        robustness=replace(plan.robustness, robust_pose=pose),
        dosing=replace(block(), hotspot_pose=pose),
        comparison=[compared_row(CONE, found)],
    )
    check_plan(plan, scalp, [CONE])
    assert len(list(planned_poses(plan))) == 5
    bad = {
        "placements": [plan.placements[0], replace(plan.placements[1], pose=down)],
        "robustness": replace(plan.robustness, robust_pose=down),
        "dosing": replace(plan.dosing, hotspot_pose=down),
        "comparison": [replace(plan.comparison[0], pose=down)],
    }
    with pytest.raises(RuntimeError, match=rf"{field}.*pose: the casing is .* mm inside the head.*no plan is written"):
        check_plan(replace(plan, **{field: bad[field]}), scalp, [CONE])


def test_no_field_of_a_plan_that_is_a_pose_is_forgotten():
    """What the schema calls a matrix is a pose, but for the image's own."""
    from schemas import resolved

    from targeting.plans.schema import MATRIX, schema

    def matrices(node, path=()):
        if isinstance(node, dict):
            if node.items() >= MATRIX.items():
                yield path
            for key, value in node.items():
                yield from matrices(value, path if key in ("properties", "items", "anyOf") else (*path, key))
        elif isinstance(node, list):
            for value in node:
                yield from matrices(value, path)

    assert {".".join(path) for path in matrices(resolved(schema())["$defs"]["tms"])} == {
        "frame.affine",
        "placements.pose",
        "robustness.robust_pose",
        "dosing.hotspot_pose",
        "comparison.pose",
    }


# on the embedded head, meshed once by the README's own example


PSI = ("--aim", "psi", "--pain-side", "left", "--coil", "double-cone-110mm")
EVERYWHERE = [("m1-hand", "left"), ("dlpfc", "left"), ("psi", "right")]  # every coil
CASES = [
    *((name, side, coil) for name, side in EVERYWHERE for coil in coil_names()),
    ("m1-hand", "right", "double-cone-110mm"),
    ("m1-leg", "left", "double-cone-110mm"),
    ("m1-leg", "right", "circular-mc125"),
    ("m1-face", "left", "double-cone-110mm"),
    ("m1-face", "right", "figure8-70mm"),
    ("psi", "left", "double-cone-110mm"),
]


@pytest.fixture(scope="module")
def planned(tmp_path_factory, colin27_folder):
    folder = shutil.copytree(colin27_folder, tmp_path_factory.mktemp("psi") / "colin27")
    assert run(["plan", "colin27", "--density", "fast", "--as", ".", "--quiet", "--out", str(folder), *PSI]) == 0
    return folder


@pytest.fixture(scope="module")
def colin27(planned):
    """The head, ready for many searches."""
    head = HeadMesh.read(planned / "head.msh")
    return SimpleNamespace(
        head=head,
        scalp=Scalp.of(head),
        skin=skin_of(head),
        warp=load_warp(planned / "mni_warp.npz"),
        conductor=HeadConductor(head),
        maps={},
    )


def aimed(colin27, name, side):
    """A target and its dose map: a coarse one, as the poses are what is looked at."""
    if (name, side) not in colin27.maps:
        target = resolve_target(name, side, colin27.head, colin27.warp).target
        colin27.maps[name, side] = target, DoseMap.build(colin27.conductor, target, spacing_mm=8.0)
    return colin27.maps[name, side]


@pytest.mark.slow
def test_the_readmes_deep_example_has_no_pose_in_the_head(planned, colin27):
    """Its steadiest pose had 441 of 802 casing points in the head, to 17.9 mm, and claimed twice the best dose."""
    coils = {name: Coil.named(name) for name in coil_names()}
    plan = check_written(planned, colin27.skin, coils)
    assert plan.target.side == "right" and len(plan.comparison) > 1
    robustness, best = plan.robustness, plan.placements[0]
    assert robustness.robust_dose_v_per_m <= best.dose_v_per_m
    assert np.linalg.norm(np.subtract(robustness.robust_scalp_mm, best.scalp_mm)) < 30
    page = (planned / "plan.html").read_text(encoding="utf-8")
    from targeting.robustness.words import steadier_elsewhere, steadiest_away_mm
    from targeting.words.numbers import number

    if steadier_elsewhere(robustness):  # the table and the map say the same distance
        assert page.count(f"{number(steadiest_away_mm(robustness, best.scalp_mm))} mm from placement 1") >= 2


@pytest.mark.slow
@pytest.mark.parametrize(("name", "side", "coil"), CASES)
def test_every_coil_at_every_target_stays_out(tmp_path, colin27, name, side, coil):
    target, dose_map = aimed(colin27, name, side)
    tool = Coil.named(coil)
    found = search_tms(
        colin27.head, target, tool, HAIR_MM, dose_map=dose_map, scalp=colin27.scalp, radius_mm=50, keep=5
    )
    assert len(found.poses) == 5
    robustness = steadiest(colin27.head, target, dose_map, found, tool, tmp_path / "stage")
    other = other_than(coil)
    comparison = [(other, best_pose(colin27.scalp, target, other, HAIR_MM, dose_map))] if name == "psi" else []
    written_plan(tmp_path / "plan", PoseGate(colin27.scalp, tool), found, robustness, comparison)
    check_written(tmp_path / "plan", colin27.skin, {coil: tool, other.name: other})


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_stays_out(tmp_path, colin27, objective):
    """The casing that is most in the way, at the target that makes the most of the face: the double cone on the leg."""
    target, dose_map = aimed(colin27, "m1-leg", "left")
    direction = {"normal": "normal", "component": (0.0, 0.5, -0.5)}.get(objective)
    wanted = None
    if objective not in LINEAR:
        wanted = make_objective(objective, colin27.conductor, target, CONE, dose_map=dose_map, field=few_solves)
    found = search_tms(
        colin27.head,
        target,
        CONE,
        HAIR_MM,
        direction=direction,
        dose_map=dose_map,
        scalp=colin27.scalp,
        radius_mm=30,
        objective=wanted,
        tilt_deg=10.0 if objective == "focality" else 0.0,
    )
    robustness = steadiest(colin27.head, target, dose_map, found, CONE, tmp_path / "stage", direction)
    written_plan(tmp_path / "plan", PoseGate(colin27.scalp, CONE), found, robustness)
    check_written(tmp_path / "plan", colin27.skin, {CONE.name: CONE})


def few_solves(conductor, parts):
    """A rough field basis: the poses are what is looked at."""
    rows = Rows.stacked(*(Rows.of_tetrahedra(conductor.head, each) for each in parts))
    return FieldBasis.build(conductor, rows, sources=12)
