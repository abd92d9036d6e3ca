"""The report's pictures: left is left, the field is hot where it is, and the play is drawn where it lies."""

import dataclasses
import re
from collections import Counter

import numpy as np
import pytest
from heads import RADII_MM, layered_ball
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from report_ball import make_evidence, with_best, with_plan

from targeting.coils import Coil
from targeting.report import TmsEvidence
from targeting.report import dose as dose_room
from targeting.report import figures as figures_room
from targeting.report.cortex import close_up_picture, overview_picture, peak_shown
from targeting.report.folds import across_folds, crossing_deg, crossing_words
from targeting.report.handle import planned_handle_deg
from targeting.report.place import ABOVE
from targeting.report.scalp import coil_picture, coil_rods, viewpoints
from targeting.report.slices import outlines, slice_picture, whole_view
from targeting.robustness.record import PlanRobustness
from targeting.scene.colors import TARGET
from targeting.scene.directions import PLANES
from targeting.scene.raster.camera import View
from targeting.scene.raster.sections import crossed, level_lines, section_lines
from targeting.scene.raster.surface import Surface, mix_colors, nearest_triangles
from targeting.words.numbers import direction_words

pytestmark = pytest.mark.slow

AXIAL, CORONAL, SAGITTAL = PLANES


@pytest.fixture(scope="module")
def left() -> TmsEvidence:
    return make_evidence((-0.7, 0.25, 0.66))


@pytest.fixture(scope="module")
def right() -> TmsEvidence:
    return make_evidence((0.7, 0.25, 0.66))


def marked(rgb: np.ndarray) -> np.ndarray:
    """Mean column and row of the pixels in the target's colour."""
    near = np.abs(rgb / 255.0 - to_rgb(TARGET)).max(-1) < 0.06
    assert near.sum() > 20
    return np.argwhere(near).mean(0)[::-1]


@pytest.mark.parametrize("plane", [AXIAL, CORONAL], ids=lambda plane: plane.name)
def test_left_is_left_on_the_slices(left: TmsEvidence, right: TmsEvidence, plane) -> None:
    for evidence, sign in ((left, -1), (right, 1)):
        view = whole_view(evidence, plane)
        rgb = slice_picture(evidence, plane, view, outlines(evidence, plane))
        column, row = marked(rgb)
        offset = (column - rgb.shape[1] / 2) * view.mm_per_pixel
        assert abs(offset - evidence.target_mm[0]) < 6 and np.sign(offset) == sign
        height = (rgb.shape[0] / 2 - row) * view.mm_per_pixel
        assert abs(height - evidence.target_mm[1 if plane is AXIAL else 2]) < 6


def test_front_is_on_the_left_of_the_sagittal_slice(left: TmsEvidence) -> None:
    view = whole_view(left, SAGITTAL)
    rgb = slice_picture(left, SAGITTAL, view, outlines(left, SAGITTAL))
    column, row = marked(rgb)
    assert abs((rgb.shape[1] / 2 - column) * view.mm_per_pixel - left.target_mm[1]) < 6
    assert abs((rgb.shape[0] / 2 - row) * view.mm_per_pixel - left.target_mm[2]) < 6


@pytest.mark.parametrize("plane", PLANES, ids=lambda plane: plane.name)
def test_the_image_under_the_slices_is_not_mirrored(left: TmsEvidence, plane) -> None:
    """A bright ball in the image appears where its world coordinates say, whichever way the image is stored."""
    ball = left.target_mm + np.array([-25.0, 30.0, 25.0])
    affine = left.background_affine_mm
    ball[plane.across] = left.target_mm[plane.across]
    index = np.stack(np.meshgrid(*[np.arange(60)] * 3, indexing="ij"), -1)
    in_ball = np.linalg.norm(index @ affine[:3, :3] + affine[:3, 3] - ball, axis=-1) < 22
    image = np.where(in_ball, 1000, left.background)
    evidence = dataclasses.replace(left, background=image.astype(np.float32))
    view = whole_view(evidence, plane)
    rgb = slice_picture(evidence, plane, view, []).astype(int)
    column, row, _ = view.project(ball)
    assert rgb[round(row), round(column)].min() > 200
    mirrored = round(view.width - column)
    assert rgb[round(row), mirrored].min() < 100


def test_left_is_left_on_the_head(left: TmsEvidence, right: TmsEvidence) -> None:
    middle = []
    for evidence in (left, right):
        rgb = coil_picture(evidence, ABOVE)
        skin = np.argwhere((np.abs(rgb.astype(int) - 255).max(-1) > 20) & (rgb[..., 0] > rgb[..., 2] + 5))
        middle.append(marked(rgb[70:])[0] - skin[:, 1].mean())
    assert middle[0] < -50 and middle[1] > 50


def test_the_cortex_is_hot_at_the_target_and_the_arrow_is_there(left: TmsEvidence) -> None:
    rgb = overview_picture(left).astype(int)
    hot = np.argwhere((rgb[..., 0] > 90) & (rgb[..., 1] < 60) & (rgb[..., 2] < 90))
    hot = hot[hot[:, 0] < 740]  # above the colour bar
    near = np.linalg.norm(hot.mean(0)[::-1] - marked(rgb[70:]) - [0, 70])
    assert near < 80
    close = close_up_picture(left).astype(int)
    dark = np.argwhere(close[:700].max(-1) < 70)
    across = dark[(dark[:, 0] > 200) & (dark[:, 0] < 600)]
    assert len(across) > 500  # the arrow


def test_the_plans_handle_is_marked_on_the_curve(left: TmsEvidence) -> None:
    assert dose_room.angle_tolerance_deg(left) == 24.0  # 0.3 (1 − cos 2a) = 0.1 at a = 24.1°, in steps of 3°
    rgb = dose_room.angle_picture(left).astype(int)
    assert rgb.shape == (900, 900, 3)
    dot = np.argwhere(np.abs(rgb[150:260, 130:] - [28, 39, 51]).max(-1) < 8)
    across = ((dot[:, 1].mean() + 130) / 900 - 0.13) / 0.77 * 360 - 180  # the axes' place in the figure
    assert abs(across - planned_handle_deg(left)) < 12


def test_the_play_in_position_is_the_distance_to_the_first_worse_point(left: TmsEvidence) -> None:
    away = np.linalg.norm(left.scalp_points_mm - left.best.scalp_mm, axis=1)
    limit = 40 * np.sqrt(-np.log(0.9))
    assert dose_room.nearest_loss_mm(left) == pytest.approx(away[away <= limit].max(initial=0.0))
    holes = dataclasses.replace(left, best_dose_at_point_v_per_m=np.full(len(away), np.nan))
    assert dose_room.nearest_loss_mm(holes) == 0.0


STEADY_MM = (9.0, 13.0)  # the steadiest pose, along the coil's x and y from the best place


@pytest.fixture(scope="module")
def steady(left: TmsEvidence) -> TmsEvidence:
    """The plan with a robustness: 90 % last 8 mm to one side, 14 mm to the other and 20 mm along y."""
    best = np.array(left.best.scalp_mm)
    across, along = left.pose.matrix_mm[:3, 0], left.pose.away_from_handle_mm
    steps = np.arange(-30.0, 30.1, 2.0)
    x, y = (each.ravel() for each in np.meshgrid(steps, steps, indexing="ij"))
    near = np.hypot(x, y) <= 30
    x, y = x[near], y[near]
    flat = best + x[:, None] * across + y[:, None] * along
    scalp = left.scalp.points_mm
    nearest = np.linalg.norm(flat[:, None] - scalp, axis=2).argmin(axis=1)
    foot = scalp[np.unique(nearest)]  # the coarse ball's own nodes
    x, y = (foot - best) @ across, (foot - best) @ along
    share = 1 - 0.1 * np.hypot(x / np.where(x < 0, 8.0, 14.0), y / 20.0)
    share[(x < -24) & (y > 0)] = np.nan  # no coil can stand there
    elsewhere = best + STEADY_MM[0] * across + STEADY_MM[1] * along
    pose = left.pose.matrix_mm.copy()
    pose[:3, 3] += elsewhere - best
    robustness = PlanRobustness(5.0, 10.0, 5.0, 0.8, 0.9, 8.0, 40.0, 56.0, pose.tolist(), elsewhere.tolist(), 0.9, 0.88)
    return dataclasses.replace(with_plan(left, robustness=robustness), around_mm=foot, share_around=share)


def picture_axes(evidence: TmsEvidence) -> tuple[np.ndarray, View, np.ndarray, np.ndarray]:
    """The picture of positions, its view, and the coil's x and y in pixels a mm."""
    rgb, view = dose_room.position_picture(evidence).astype(int), dose_room.position_view(evidence)
    axes = (evidence.pose.matrix_mm[:3, 0], evidence.pose.away_from_handle_mm)
    start = view.project(evidence.best.scalp_mm)[:2]
    across, along = (view.project(evidence.best.scalp_mm + each)[:2] - start for each in axes)
    return rgb, view, across, along


def test_the_region_of_ninety_per_cent_is_drawn_where_it_lies(steady: TmsEvidence) -> None:
    """White between dark edges, along both axes of the coil: nearer on its −x than on its +x, farther along y."""
    rgb, view, across, along = picture_axes(steady)
    start = view.project(steady.best.scalp_mm)[:2]
    for direction, expected in ((-across, 8.0), (across, 14.0), (-along, 20.0)):
        mm = np.arange(5.0, 28.0, 0.05)
        at = np.round(start + mm[:, None] * direction).astype(int)
        seen = rgb[at[:, 1], at[:, 0]]
        white = mm[seen.min(-1) > 235]
        assert white.min() == pytest.approx(expected, abs=3.0), direction  # the ball's nodes lie 6 to 8 mm apart
        dark = mm[seen.max(-1) < 75]
        assert (dark < white.min()).any() and np.abs(dark - white.min()).min() < 0.4


def test_the_line_is_the_level_of_the_robustness_not_of_the_search(steady: TmsEvidence, left: TmsEvidence) -> None:
    lines = dose_room.near_best_lines(steady) - steady.best.scalp_mm
    x = (lines @ steady.pose.matrix_mm[:3, 0]).ravel()
    assert -13 < x.min() < -5 and 10 < x.max() < 19
    round_best = dose_room.near_best_lines(left) - left.best.scalp_mm  # 40 √(−ln 0.9) = 13 mm all round
    assert np.linalg.norm(round_best, axis=-1).mean() == pytest.approx(13, abs=2.5)
    assert dose_room.nearest_loss_mm(steady) == 8.0
    assert 14 < dose_room.farthest_reach_mm(steady) <= 20  # of the nodes


def test_the_steadiest_place_has_a_diamond_of_its_own(steady: TmsEvidence, left: TmsEvidence) -> None:
    rgb, view, across, along = picture_axes(steady)
    orange = np.abs(rgb / 255.0 - to_rgb(dose_room.STEADY)).max(-1) < 0.06
    column, row = view.project(steady.plan.robustness.robust_scalp_mm)[:2].round().astype(int)
    ring = np.argwhere(orange[row - 30 : row + 31, column - 30 : column + 31]) - 30
    assert len(ring) > 100
    assert np.abs(ring.mean(0)).max() < 4  # round that place (its leader leaves on one side)
    assert np.abs(np.abs(ring).sum(1) - 26).mean() < 6  # |x| + |y| = const: a diamond
    expected = view.project(steady.best.scalp_mm)[:2] + STEADY_MM[0] * across + STEADY_MM[1] * along
    assert np.abs(expected - [column, row]).max() < 2
    plain = dose_room.position_picture(left)
    assert not (np.abs(plain / 255.0 - to_rgb(dose_room.STEADY)).max(-1) < 0.06).any()


def test_the_region_is_stated_in_mm_and_degrees(steady: TmsEvidence, left: TmsEvidence) -> None:
    position, angle = figures_room.dose(steady)
    assert position.title == "Position: 8 mm of play"
    assert "8 mm from the best place in any direction, and up to" in position.caption
    away = float(np.hypot(*STEADY_MM))
    assert f"least, {away:.1f} mm from placement 1" in position.caption and f"{away:.1f} mm" in position.alt
    assert "from 40° clockwise to 56° counter-clockwise" in angle.caption
    assert "at least 90 % of the best" in position.caption and "at least 90 % of the best" in angle.caption
    same = dataclasses.replace(steady.plan.robustness, robust_worst_v_per_m=0.801)
    assert "Placement 1 is the steadiest" in figures_room.dose(with_plan(steady, robustness=same))[0].caption
    position, angle = figures_room.dose(left)
    assert "diamond" not in position.caption + position.alt and "±24°" in angle.caption


def test_the_dose_map_is_drawn_only_where_the_search_went(left: TmsEvidence) -> None:
    dose = dose_room.scalp_dose(left)
    away = np.linalg.norm(left.scalp.points_mm - left.best.scalp_mm, axis=1)
    assert np.isfinite(dose[away < 39]).all()
    assert np.isnan(dose[away > 90]).all()
    best = left.best.dose_v_per_m
    expected = best * np.exp(-((away / 40) ** 2))
    assert np.abs(dose - expected)[away < 39].max() < 0.12 * best
    some = left.best_dose_at_point_v_per_m.copy()
    some[::3] = np.nan  # places where no coil fits
    assert dose_room.position_picture(dataclasses.replace(left, best_dose_at_point_v_per_m=some)).std() > 10


def corrugated(fold_angle_deg: float) -> Surface:
    """A sheet seen from above, with folds 4 mm high and 6 mm wide that run in one direction."""
    x, y = (a.ravel() for a in np.meshgrid(np.arange(-20, 20.1, 0.5), np.arange(-20, 20.1, 0.5), indexing="ij"))
    n = 81
    corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    triangles = np.concatenate([np.c_[corner, corner + n, corner + n + 1], np.c_[corner, corner + n + 1, corner + 1]])
    turn = np.radians(fold_angle_deg)
    across = -np.sin(turn) * x + np.cos(turn) * y
    points = np.c_[x, y, 4 * np.sin(2 * np.pi * across / 6)]
    return Surface(points, triangles.astype(np.int32), np.arange(len(points)))


@pytest.mark.parametrize("fold_angle_deg", [0.0, 30.0, 77.0, 120.0])
def test_the_axis_across_the_folds_is_found(fold_angle_deg: float) -> None:
    surface = corrugated(fold_angle_deg)
    view = View.looking_from((0, 0, 1), (0, 0, 0), 1.0, 1, 1)
    axis = across_folds(surface, np.ones(len(surface.triangles), bool), view)
    assert axis is not None
    along = np.array([np.cos(np.radians(fold_angle_deg)), np.sin(np.radians(fold_angle_deg)), 0])
    assert abs(axis @ along) < 0.03 and np.linalg.norm(axis) == pytest.approx(1)
    assert across_folds(surface, np.zeros(len(surface.triangles), bool), view) is None


@pytest.mark.parametrize(
    ("fold_angle_deg", "crossing", "word"), [(0, 90, "across"), (90, 0, "along"), (45, 45, "slant")]
)
def test_the_field_is_said_to_cross_the_folds(fold_angle_deg: float, crossing: float, word: str) -> None:
    evidence = make_evidence((0.0, 0.0, 1.0))  # its field runs along y, seen from above
    assert crossing_deg(evidence) is None  # the ball's cortex is smooth
    assert "no single direction" in crossing_words(evidence)
    sheet = corrugated(fold_angle_deg)
    evidence.__dict__["cortex"] = Surface(sheet.points_mm + evidence.target_mm, sheet.triangles, sheet.nodes)
    assert crossing_deg(evidence) == pytest.approx(crossing, abs=3)
    assert word in crossing_words(evidence)


def test_a_sections_length_is_the_circles() -> None:
    head = layered_ball(6.0)
    z = 20.3
    for code, radius in RADII_MM.items():
        lines = section_lines(head, 2, z, range(1, code + 1))
        assert np.allclose(lines[..., 2], z)
        length = np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1).sum()
        assert length == pytest.approx(2 * np.pi * np.sqrt(radius**2 - z**2), rel=0.03)
        # closed: every end is the end of exactly two pieces
        assert set(Counter(map(tuple, lines.reshape(-1, 3).round(6))).values()) == {2}


def test_a_plane_beside_the_head_cuts_nothing() -> None:
    assert section_lines(layered_ball(14.0), 0, 400.0).shape == (0, 2, 3)


def test_what_a_plane_crosses_has_the_sections_of_the_whole() -> None:
    head = layered_ball(14.0, (0.85, 1.05, 0.95))
    for axis, tissues in ((0, (1, 2)), (1, None), (2, (1,))):
        near = crossed(head, axis, 12.4)
        assert len(near.tets) < 0.5 * len(head.tets)
        assert (section_lines(near, axis, 12.4, tissues) == section_lines(head, axis, 12.4, tissues)).all()
        faces = level_lines(head.points_mm, head.boundary(tissues), head.points_mm[:, axis], 12.4)
        assert {*map(bytes, faces.round(9))} == {*map(bytes, section_lines(near, axis, 12.4, tissues).round(9))}


def test_level_lines_leave_out_what_is_not_known() -> None:
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    faces = np.array([[0, 1, 2], [1, 3, 2]])
    lines = level_lines(points, faces, np.array([0.0, 1.0, 0.0, 1.0]), 0.25)
    assert np.allclose(lines[..., 0], 0.25) and len(lines) == 2
    assert len(level_lines(points, faces, np.array([0.0, 1.0, 0.0, np.nan]), 0.25)) == 1


def test_the_nearer_triangle_hides_the_farther() -> None:
    square = np.array([[0.0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 0]])
    points = np.vstack(
        [square + np.array([0, 0, 1.0]), square * 0.5 + np.array([-2, 2, 5.0])]
    )  # the second leaves the picture on the left
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 6, 5], [4, 7, 6], [0, 0, 1]], np.int32)
    owner, depth, corners = nearest_triangles(points, triangles, 12, 10)
    assert (owner[10:] == -1).all() and np.isneginf(depth[10:]).all()
    assert (owner[:10] >= 0).all()
    assert (owner[2:7, :3] >= 2).all() and (depth[2:7, :3] == 5).all()
    assert (owner[:10, 3:] < 2).all() and (depth[:10, 3:] == 1).all()
    assert np.allclose(corners[:10].sum(-1), 1)
    colors = np.zeros((8, 3), np.float32)
    colors[:, 0] = points[:, 0] / 10
    rgb = mix_colors(owner, corners, triangles, colors)
    assert np.allclose(rgb[0, :, 0], (np.arange(10) + 0.5) / 10, atol=1e-6)
    assert (rgb[10:] == 1).all()


directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1)


@given(directions)
def test_a_views_axes_are_right_handed_and_upright(toward: tuple[float, float, float]) -> None:
    view = View.looking_from(toward, (1, 2, 3), 200, 100, 80)
    frame = np.array([view.right, view.up, view.toward_viewer])
    assert np.allclose(frame @ frame.T, np.eye(3), atol=1e-9) and np.linalg.det(frame) > 0
    assert np.allclose(view.toward_viewer, np.array(toward) / np.linalg.norm(toward))
    assert np.allclose(view.project((1, 2, 3)), [50, 40, 0])
    steep = abs(toward[2]) > 0.8 * np.linalg.norm(toward)
    assert view.up[1 if steep else 2] > 0


@given(directions)
def test_the_opposite_direction_has_the_opposite_words(direction: tuple[float, float, float]) -> None:
    swap = {"right": "left", "left": "right", "forward": "back", "back": "forward", "up": "down", "down": "up"}
    there, back = direction_words(direction), direction_words(-np.array(direction))
    assert re.sub("|".join(rf"\b{word}\b" for word in swap), lambda found: swap[found[0]], there) == back
    assert there


def test_a_peak_on_the_far_side_is_not_marked_as_if_near(left: TmsEvidence) -> None:
    near = with_best(left, peak_mm=(left.target_mm + np.array([0.0, 25.0, 0.0])).tolist())
    far = with_best(left, peak_mm=(left.target_mm * [-1, 1, -1]).tolist())
    assert peak_shown(near) and not peak_shown(far)
    assert "diamond" in figures_room.cortex(near)[0].caption
    caption = figures_room.cortex(far)[0].caption
    assert "diamond" not in caption and "out of sight" in caption
    without = with_best(left, peak_mm=left.head.centroids_mm[left.target_tets[0]].tolist())  # in the target
    assert np.array_equal(overview_picture(far), overview_picture(without))  # nothing of it is drawn
    assert not np.array_equal(overview_picture(near), overview_picture(without))


@pytest.mark.parametrize(
    ("out", "side"),
    [
        ((-0.7, 0.25, 0.66), "the left"),
        ((0.7, -0.2, 0.66), "the right"),
        ((0.1, 0.8, 0.5), "the front"),
        ((0.1, -0.9, 0.3), "behind"),
    ],
)
def test_the_coil_is_shown_from_the_side_that_it_faces(out: tuple[float, float, float], side: str) -> None:
    (found, _), (above, _) = viewpoints(make_evidence(out))
    assert (found, above) == (side, "above")


def test_a_coil_has_a_handle_and_one_of_two_wings_a_bridge() -> None:
    figure_of_eight, round_coil = (coil_rods(Coil.named(name).casing) for name in ("figure8-70mm", "circular-mc125"))
    assert len(figure_of_eight) == 3 and len(round_coil) == 1
    handle, one, other = (rod.points_mm for rod in figure_of_eight)
    assert handle[:, 1].min() < -90 and np.abs(handle[:, 0]).max() < 10  # towards −y, the hand
    assert one[:, 0].min() < -30 and other[:, 0].max() > 30
