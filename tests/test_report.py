"""plan.html: it stands alone, says what the plan says, keeps left on the left, and a browser shows it."""

import dataclasses
import html
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from meshes import InputError
from targeting.coils.coil import Casing
from targeting.plan_file import Frame, Placement, Plan, PlanCoil, PlanTarget
from targeting.plan_robustness import PlanRobustness
from targeting.report import PlanEvidence, region, write_report
from targeting.report import dose as dose_room
from targeting.report import figures as figures_room
from targeting.report import html as html_room
from targeting.report.camera import View
from targeting.report.canvas import MARK
from targeting.report.cortex import close_up_picture, overview_picture
from targeting.report.folds import across_folds, crossing_deg, crossing_words
from targeting.report.parts import figure_block
from targeting.report.scalp import ABOVE, coil_picture
from targeting.report.sections import level_lines, section_lines
from targeting.report.slices import PLANES, outlines, slice_picture, whole_view
from targeting.report.surface import Surface
from targeting.report.words import direction_words
from targeting.report.zbuffer import nearest_triangles, paint
from tests.heads import RADII_MM, layered_ball

AXIAL, CORONAL, SAGITTAL = PLANES
NASTY = "<b id='nasty'>&\"$title${title}"


def box_casing() -> Casing:
    """A plate with a handle toward −y."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (0, -1)], float)
    faces = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    triangles = np.array([t for a, b, c, d in faces for t in ((a, b, c), (a, c, d))])
    plate, handle = corners * [45, 30, 12], corners * [10, 50, 12] - [0, 80, 0]
    return Casing(np.vstack([plate, handle]), np.vstack([triangles, triangles + 8]).astype(np.int32))


def make_evidence(direction: tuple[float, float, float]) -> PlanEvidence:
    """A plan on the ball with the target in its grey shell in some direction; the numbers hang together."""
    head = layered_ball(8.0, stretch=(1.0, 1.15, 1.0))
    out = np.array(direction) / np.linalg.norm(direction)
    target = out * 67.0 * np.array([1.0, 1.15, 1.0])
    scalp_point = out * 92.0 * np.array([1.0, 1.15, 1.0])
    y = np.array([0.0, 1.0, 0.0]) - out[1] * out
    y /= np.linalg.norm(y)
    pose = np.eye(4)
    pose[:3] = np.c_[np.cross(y, -out), y, -out, scalp_point + 4 * out]

    centers = head.centroids_mm
    e = np.exp(-np.linalg.norm(centers - pose[:3, 3], axis=1) / 25)[:, None] * 5 * y
    strength = np.linalg.norm(e, axis=1)
    grey = np.flatnonzero(head.tissue == 2)
    tets = grey[np.linalg.norm(centers[grey] - target, axis=1) < 15]
    dose = float(np.linalg.norm(np.average(e[tets], axis=0, weights=head.volumes_mm3[tets])))
    peak = grey[strength[grey].argmax()]

    scalp = np.unique(head.boundary())
    scalp = head.points_mm[scalp[np.linalg.norm(head.points_mm[scalp] - scalp_point, axis=1) < 40]]
    best_dose = dose * np.exp(-((np.linalg.norm(scalp - scalp_point, axis=1) / 40) ** 2))
    angles = np.arange(-180.0, 180.0, 3.0)
    placements = []
    for k in range(5):
        moved = pose.copy()
        moved[:3, 3] += 2 * k * y
        extra = {"direct_dose_v_per_m": 1.001 * dose, "direct_mean_e_v_per_m": 1.02 * dose} if k == 0 else {}
        placements.append(
            Placement(
                k + 1,
                moved.tolist(),
                (scalp_point + 2 * k * y).tolist(),
                30.0,
                "the front",
                4.0,
                dose * (1 - 0.01 * k),
                float(strength[tets].max()),
                float(strength[peak]),
                centers[peak].tolist(),
                **extra,
            )
        )
    background = np.zeros((60, 60, 60), np.float32)
    affine = np.diag([-4.0, 4.0, 4.0, 1.0])  # stored right to left, as many scanners do
    affine[:3, 3] = [118, -118, -118]
    grid = np.stack(np.meshgrid(*[np.arange(60)] * 3, indexing="ij"), -1) @ affine[:3, :3] + affine[:3, 3]
    background[np.linalg.norm(grid / [1.0, 1.15, 1.0], axis=-1) < 92] = 40
    plan = Plan(
        subject="ball",
        frame=Frame("RAS mm of T1", "T1.nii.gz", "0f" * 32, affine.tolist(), [60, 60, 60]),
        target=PlanTarget(
            "m1-hand",
            "left" if target[0] < 0 else "right",
            target.tolist(),
            15.0,
            1.2,
            "a paper",
            target.tolist(),
            [-37.0, -21.0, 58.0],
            float(head.volumes_mm3[tets].sum()),
        ),
        coil=PlanCoil("figure-of-eight", 1.2e8, "another paper", 1),
        placements=placements,
        objective="size of the volume-weighted mean E vector",
        search={"tried": 123456, "hair_mm": 4.0, "kind": "exhaustive"},
        warnings=[],
        versions={"target": "0.1.0"},
        seconds={"mesh": 81.2, "search": 130.0},
        conductivity_s_per_m={"grey matter": 0.275},
        created="2026-01-02T03:04:05+00:00",
    )
    return PlanEvidence(
        plan=plan,
        head=head,
        e_v_per_m=e,
        target_tets=tets,
        scalp_points_mm=scalp,
        best_dose_at_point_v_per_m=best_dose,
        angles_deg=angles,
        dose_by_angle_v_per_m=dose * (0.7 + 0.3 * np.cos(2 * np.radians(angles - 30))),
        casing=box_casing(),
        background=background,
        background_affine_mm=affine,
        navigator_files=("plan_brainsight.txt", "plan_localite.xml"),
    )


@pytest.fixture(scope="module")
def left() -> PlanEvidence:
    return make_evidence((-0.7, 0.25, 0.66))


@pytest.fixture(scope="module")
def right() -> PlanEvidence:
    return make_evidence((0.7, 0.25, 0.66))


@pytest.fixture(scope="module")
def page(left: PlanEvidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "plan.html"
    write_report(path, left)
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without their pictures, for tests of words."""
    dot = figures_room.Figure(np.zeros((2, 2, 3), np.uint8), "dot", "a dot", "a dot")
    for name in ("slices", "coil", "cortex", "dose"):
        monkeypatch.setattr(figures_room, name, lambda evidence: [dot])


def with_plan(evidence: PlanEvidence, **changes: object) -> PlanEvidence:
    return dataclasses.replace(evidence, plan=dataclasses.replace(evidence.plan, **changes))


def with_best(evidence: PlanEvidence, **changes: object) -> PlanEvidence:
    first, *others = evidence.plan.placements
    return with_plan(evidence, placements=[dataclasses.replace(first, **changes), *others])


class Reader(HTMLParser):
    """Tags, their attributes, and the text; fails on a tag that is not closed in its place."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data + "\n"


def test_the_page_stands_alone(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 6e6
    read = Reader(text)
    kinds = Counter(tag for tag, _ in read.tags)
    assert not {"script", "iframe", "object", "embed", "form", "base"} & set(kinds)
    for _, attributes in read.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
        assert not any(name.startswith("on") for name in attributes)
    without_pictures = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|url\(|@import", without_pictures)
    assert "default-src 'none'" in text


def test_the_page_is_well_made(page: Path) -> None:
    read = Reader(page.read_text(encoding="utf-8"))
    kinds = Counter(tag for tag, _ in read.tags)
    assert kinds["h1"] == 1 and kinds["main"] == 1 and kinds["title"] == 1
    assert kinds["img"] == kinds["figcaption"] == 12
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in read.tags if "aria-labelledby" in a} <= set(ids)
    assert read.tags[0] == ("html", {"lang": "en"})
    for tag, attributes in read.tags:
        if tag == "img":
            assert len(attributes["alt"] or "") > 60
            assert attributes["width"] and attributes["height"]


def test_the_page_says_what_the_plan_says(page: Path, left: PlanEvidence) -> None:
    text = Reader(page.read_text(encoding="utf-8")).text
    best = left.best
    for words in (
        "m1-hand",
        "left",
        "figure-of-eight",
        "V/m per A/µs",
        f"{best.dose_v_per_m:.2f}",
        "30°",
        "Measured from the front",
        ", ".join(f"{x:.1f}" for x in best.scalp_mm).replace("-", "−"),
        "No warnings",
        "plan_brainsight.txt",
        "plan_localite.xml",
        "0f" * 32,
        "T1.nii.gz",
        "123\u202f456",
        "0.275 S/m",
        "2 min 10 s",
        "the search differs by −0.10 %",
        "research use",
        "clinician decides",
        "neurological convention",
    ):
        assert words in text, words
    assert text.count("From the best") == 1
    assert "\n96.0\n" in text  # the fifth placement's share of the best dose, %
    assert "\n8.0\n" in text  # its distance from the best, mm


def test_every_text_from_outside_is_escaped(left: PlanEvidence, quick: None) -> None:
    plan = left.plan
    nasty = dict.fromkeys(("subject", "objective", "created"), NASTY)
    evidence = dataclasses.replace(
        with_best(
            with_plan(
                left,
                **nasty,
                frame=dataclasses.replace(plan.frame, name=NASTY, image=NASTY, sha256=NASTY),
                target=dataclasses.replace(plan.target, name=NASTY, source=NASTY),
                coil=dataclasses.replace(plan.coil, name=NASTY, source=NASTY),
                search={NASTY: NASTY},
                warnings=[NASTY],
                versions={NASTY: NASTY},
                seconds={NASTY: 1.0},
                conductivity_s_per_m={NASTY: 1.0},
            ),
            angle_from=NASTY,
        ),
        navigator_files=(NASTY,),
    )
    text = html_room.page_of(evidence)
    assert "<b id" not in text
    assert text.count(html.escape(NASTY)) + text.count(html.escape(NASTY).replace("T", " ")) >= 15
    assert not any("nasty" in str(attributes) for tag, attributes in Reader(text).tags if tag == "b")


def test_figures_escape_what_they_say(left: PlanEvidence) -> None:
    figure = figures_room.Figure(np.zeros((2, 2, 3), np.uint8), NASTY, NASTY, NASTY)
    read = Reader(figure_block(figure))
    assert [tag for tag, _ in read.tags] == ["figure", "img", "figcaption", "b"]
    assert read.tags[1][1]["alt"] == NASTY


def test_warnings_are_shown_and_none_is_said(left: PlanEvidence, quick: None) -> None:
    assert 'class="notice amber"' not in html_room.page_of(left)
    text = html_room.page_of(with_plan(left, warnings=["the neck is cut"]))
    assert 'class="notice amber"' in text and "The neck is cut" in text and "No warnings" not in text
    assert 'class="notice red"' not in text


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"distance_mm": -0.5}, "0.5 mm into the head"),
        ({"direct_dose_v_per_m": None}, "not confirmed"),
        ({"direct_dose_v_per_m": 99.0}, "direct solve gives 99.0 V/m"),
    ],
)
def test_a_pose_that_cannot_be_trusted_is_red(left: PlanEvidence, quick: None, change: dict, word: str) -> None:
    text = html_room.page_of(with_best(left, **change))
    assert 'class="notice red"' in text and word in text


def test_another_engine_may_differ_by_what_plain_elements_do_and_is_named(left: PlanEvidence) -> None:
    plan = with_plan(left, search={**left.plan.search, "direct_solves_by": "simnibs 4.5.0"})
    dose = left.best.dose_v_per_m
    assert html_room.alarms(with_best(plan, direct_dose_v_per_m=1.05 * dose)) == []
    assert html_room.alarms(with_best(left, direct_dose_v_per_m=1.05 * dose)) != []
    (alarm,) = html_room.alarms(with_best(plan, direct_dose_v_per_m=1.2 * dose))
    assert "direct solve by SimNIBS 4.5.0 gives" in alarm and "to 10%" in alarm


def test_the_output_stands_above_the_pictures_and_escapes(left: PlanEvidence, quick: None) -> None:
    from test_dosing_stages import block

    told = dataclasses.replace(
        block(protocol="psi-10hz"), hotspot_source=NASTY, max_didt_source=NASTY, stronger={NASTY: 2}
    )
    told = dataclasses.replace(
        told, protocol=dataclasses.replace(told.protocol, paper=NASTY, note=NASTY, findings=[NASTY])
    )
    text = html_room.page_of(with_plan(left, dosing=told))
    assert 0 < text.index("How strongly") < text.index("Where the target is")
    assert "<b id" not in text and text.count(html.escape(NASTY)) == 6
    assert "motor threshold is not known" not in text
    assert "How strongly" not in html_room.page_of(left)


def test_a_better_pose_that_was_refused_is_told_with_the_reason(left: PlanEvidence, quick: None) -> None:
    dose = left.best.dose_v_per_m
    held = with_best(left, closer_dose_v_per_m=1.25 * dose, closer_depth_mm=10.3, closer_at_mm=[-70.0, 12.0, -3.0])
    text = Reader(html_room.page_of(held)).text
    assert f"the coil would give {1.25 * dose:.2f} V/m (+25.0 %), but that pose is refused" in text
    assert "10.3 mm too near to the head, or in it, at (−70, 12, −3) mm" in text
    assert "\n10.3 (+25.0 %)\n" in text and text.count("\nnot known\n") == 4
    free = with_best(left, closer_dose_v_per_m=1.001 * dose, closer_depth_mm=0.1, closer_at_mm=[-70.0, 12.0, -3.0])
    assert "nothing holds the coil off" in html_room.page_of(free)
    assert "not better" not in html_room.page_of(left)


def test_a_target_on_the_other_side_than_its_name_is_red(left: PlanEvidence, quick: None) -> None:
    wrong = with_plan(left, target=dataclasses.replace(left.plan.target, side="right"))
    assert "its centre is on the left" in html_room.page_of(wrong)
    assert html_room.alarms(left) == []


def test_unknown_numbers_are_left_out(left: PlanEvidence, quick: None) -> None:
    plan = left.plan
    bare = with_plan(
        left,
        coil=dataclasses.replace(plan.coil, max_didt_a_per_s=None),
        target=dataclasses.replace(plan.target, mni_mm=None, side=""),
        seconds={},
        created="",
    )
    text = html_room.page_of(dataclasses.replace(bare, navigator_files=()))
    assert "maximum dI/dt is not known" in text
    assert not re.search(r"MNI152|\bNone\b|\bnan\b", text)


def test_a_report_that_cannot_be_written_leaves_the_old_one(left: PlanEvidence, quick: None, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write_report(tmp_path / "nowhere" / "plan.html", left)


def marked(rgb: np.ndarray) -> np.ndarray:
    """Mean column and row of the pixels in the target's colour."""
    near = np.abs(rgb / 255.0 - to_rgb(MARK)).max(-1) < 0.06
    assert near.sum() > 20
    return np.argwhere(near).mean(0)[::-1]


@pytest.mark.parametrize("plane", [AXIAL, CORONAL], ids=lambda plane: plane.name)
def test_left_is_left_on_the_slices(left: PlanEvidence, right: PlanEvidence, plane) -> None:
    for evidence, sign in ((left, -1), (right, 1)):
        view = whole_view(evidence, plane)
        rgb = slice_picture(evidence, plane, view, outlines(evidence, plane))
        column, row = marked(rgb)
        offset = (column - rgb.shape[1] / 2) * view.mm_per_pixel
        assert abs(offset - evidence.target_mm[0]) < 6 and np.sign(offset) == sign
        height = (rgb.shape[0] / 2 - row) * view.mm_per_pixel
        assert abs(height - evidence.target_mm[1 if plane is AXIAL else 2]) < 6


def test_front_is_on_the_left_of_the_sagittal_slice(left: PlanEvidence) -> None:
    view = whole_view(left, SAGITTAL)
    rgb = slice_picture(left, SAGITTAL, view, outlines(left, SAGITTAL))
    column, row = marked(rgb)
    assert abs((rgb.shape[1] / 2 - column) * view.mm_per_pixel - left.target_mm[1]) < 6
    assert abs((rgb.shape[0] / 2 - row) * view.mm_per_pixel - left.target_mm[2]) < 6


@pytest.mark.parametrize("plane", PLANES, ids=lambda plane: plane.name)
def test_the_image_under_the_slices_is_not_mirrored(left: PlanEvidence, plane) -> None:
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


def test_left_is_left_on_the_head(left: PlanEvidence, right: PlanEvidence) -> None:
    middle = []
    for evidence in (left, right):
        rgb = coil_picture(evidence, ABOVE)
        skin = np.argwhere((np.abs(rgb.astype(int) - 255).max(-1) > 20) & (rgb[..., 0] > rgb[..., 2] + 5))
        middle.append(marked(rgb[70:])[0] - skin[:, 1].mean())
    assert middle[0] < -50 and middle[1] > 50


def test_the_cortex_is_hot_at_the_target_and_the_arrow_is_there(left: PlanEvidence) -> None:
    rgb = overview_picture(left).astype(int)
    hot = np.argwhere((rgb[..., 0] > 90) & (rgb[..., 1] < 60) & (rgb[..., 2] < 90))
    hot = hot[hot[:, 0] < 740]  # above the colour bar
    near = np.linalg.norm(hot.mean(0)[::-1] - marked(rgb[70:]) - [0, 70])
    assert near < 80
    close = close_up_picture(left).astype(int)
    dark = np.argwhere(close[:700].max(-1) < 70)
    across = dark[(dark[:, 0] > 200) & (dark[:, 0] < 600)]
    assert len(across) > 500  # the arrow


def test_the_angle_is_marked_where_the_dose_is_largest(left: PlanEvidence) -> None:
    assert dose_room.angle_tolerance_deg(left) == 24.0  # 0.3 (1 − cos 2a) = 0.1 at a = 24.1°, in steps of 3°
    rgb = dose_room.angle_picture(left).astype(int)
    assert rgb.shape == (900, 900, 3)
    dot = np.argwhere(np.abs(rgb[150:260, 130:] - [28, 39, 51]).max(-1) < 8)
    across = ((dot[:, 1].mean() + 130) / 900 - 0.13) / 0.77 * 360 - 180  # the axes' place in the figure
    assert abs(across - 30) < 12


def test_the_play_in_position_is_the_distance_to_the_first_worse_point(left: PlanEvidence) -> None:
    away = np.linalg.norm(left.scalp_points_mm - left.best.scalp_mm, axis=1)
    limit = 40 * np.sqrt(-np.log(0.9))
    assert region.nearest_loss_mm(left) == pytest.approx(away[away <= limit].max(initial=0.0))
    holes = dataclasses.replace(left, best_dose_at_point_v_per_m=np.full(len(away), np.nan))
    assert region.nearest_loss_mm(holes) == 0.0


STEADY_MM = (9.0, 13.0)  # the steadiest pose, along the coil's x and y from the best place


@pytest.fixture(scope="module")
def steady(left: PlanEvidence) -> PlanEvidence:
    """The plan with a robustness: 90 % last 8 mm to one side, 14 mm to the other and 20 mm along y."""
    best = np.array(left.best.scalp_mm)
    across, along = left.best_pose.matrix_mm[:3, 0], left.best_pose.away_from_handle_mm
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
    pose = left.best_pose.matrix_mm.copy()
    pose[:3, 3] += elsewhere - best
    robust = PlanRobustness(5.0, 10.0, 5.0, 0.8, 0.9, 8.0, 40.0, 56.0, pose.tolist(), elsewhere.tolist(), 0.9, 0.88)
    return dataclasses.replace(with_plan(left, robustness=robust), around_mm=foot, share_around=share)


def picture_axes(evidence: PlanEvidence) -> tuple[np.ndarray, View, np.ndarray, np.ndarray]:
    """The picture of positions, its view, and the coil's x and y in pixels a mm."""
    rgb, view = dose_room.position_picture(evidence).astype(int), dose_room.position_view(evidence)
    axes = (evidence.best_pose.matrix_mm[:3, 0], evidence.best_pose.away_from_handle_mm)
    start = view.project(evidence.best.scalp_mm)[:2]
    across, along = (view.project(evidence.best.scalp_mm + each)[:2] - start for each in axes)
    return rgb, view, across, along


def test_the_region_of_ninety_per_cent_is_drawn_where_it_lies(steady: PlanEvidence) -> None:
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


def test_the_line_is_the_level_of_the_robustness_not_of_the_search(steady: PlanEvidence, left: PlanEvidence) -> None:
    lines = region.near_best_lines(steady) - steady.best.scalp_mm
    x = (lines @ steady.best_pose.matrix_mm[:3, 0]).ravel()
    assert -13 < x.min() < -5 and 10 < x.max() < 19
    round_best = region.near_best_lines(left) - left.best.scalp_mm  # 40 √(−ln 0.9) = 13 mm all round
    assert np.linalg.norm(round_best, axis=-1).mean() == pytest.approx(13, abs=2.5)
    assert region.nearest_loss_mm(steady) == 8.0
    assert 14 < region.farthest_reach_mm(steady) <= 20  # of the nodes


def test_the_steadiest_place_has_a_diamond_of_its_own(steady: PlanEvidence, left: PlanEvidence) -> None:
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


def test_the_region_is_stated_in_mm_and_degrees(steady: PlanEvidence, left: PlanEvidence) -> None:
    position, angle = figures_room.dose(steady)
    assert position.title == "Position: 8 mm of play"
    assert "8 mm from the best place in any direction, and up to" in position.caption
    away = float(np.hypot(*STEADY_MM))
    assert f"least, {away:.1f} mm from placement 1" in position.caption and f"{away:.1f} mm" in position.alt
    assert "from 40° clockwise to 56° counter-clockwise" in angle.caption
    assert "at least 90 % of the best" in position.caption and "at least 90 % of the best" in angle.caption
    same = dataclasses.replace(steady.plan.robustness, robust_worst_v_per_m=0.801)
    assert "as steady as any" in figures_room.dose(with_plan(steady, robustness=same))[0].caption
    position, angle = figures_room.dose(left)
    assert "diamond" not in position.caption + position.alt and "±24°" in angle.title


def test_the_dose_map_is_drawn_only_where_the_search_went(left: PlanEvidence) -> None:
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
    rgb = paint(owner, corners, triangles, colors)
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


def test_no_display_is_needed(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    code = (
        "import sys, numpy as np\n"
        "from targeting.report.canvas import Canvas\n"
        "import targeting.report\n"
        "print(Canvas(np.zeros((20, 30, 3), np.uint8), 10).rgb().shape, 'matplotlib.pyplot' in sys.modules)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["(30,", "30,", "3)", "False"]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_the_page(page: Path, tmp_path: Path, width: int) -> None:
    chromium = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    if chromium is None:
        pytest.skip("no Chromium here")
    shot = tmp_path / "shot.png"
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --hide-scrollbars --enable-logging=stderr"
    )
    out = subprocess.run(
        [chromium, *flags.split(), f"--user-data-dir={tmp_path}/profile", f"--window-size={width},2400",
         f"--screenshot={shot}", page.as_uri()],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert shot.is_file(), out.stderr[-2000:]
    assert "CONSOLE" not in out.stderr
    rgb = imread(shot)[..., :3]
    assert rgb.shape[:2] == (2400, width)
    assert rgb.std() > 0.1
    assert (np.abs(rgb - to_rgb(MARK)).max(-1) < 0.06).sum() > 100  # the target on a picture
