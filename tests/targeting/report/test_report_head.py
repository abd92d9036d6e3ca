"""The check of the head model: volumes are the mesh's, flagged in words, and a cut image excuses what it cut."""

import dataclasses

import numpy as np
import pytest
from heads import layered_ball
from report_ball import Reader, make_evidence
from scipy.spatial.transform import Rotation

from meshes import HeadMesh
from targeting.report import head_check as page
from targeting.report.volumes import Volume, ranges, volume_warnings, volumes_of
from targeting.words.templates import render

GRID = np.diag([1.0, 1.0, 1.0, 1.0])


def around(head: HeadMesh, margin_mm: float = 20.0) -> tuple[np.ndarray, tuple[int, ...]]:
    """A grid of 1 mm that leaves space round a head."""
    affine = GRID.copy()
    affine[:3, 3] = np.floor(head.points_mm.min(0)) - margin_mm
    return affine, tuple(int(n) for n in np.ceil(head.points_mm.max(0) - affine[:3, 3] + margin_mm))


def of(found: list[Volume], name: str) -> Volume:
    return next(each for each in found if each.range.name == name)


@pytest.fixture(scope="module")
def head() -> HeadMesh:
    return layered_ball(8.0)


def test_volumes_are_those_of_the_mesh(head: HeadMesh) -> None:
    found = volumes_of(head, *around(head))
    assert [each.range.name for each in found] == ["intracranial", "brain", "grey", "white", "csf", "skull", "scalp"]
    for name, codes in {"white": [1], "grey": [2], "brain": [1, 2], "intracranial": [1, 2, 3], "skull": [4]}.items():
        assert of(found, name).ml == pytest.approx(head.volumes_mm3[np.isin(head.tissue, codes)].sum() / 1000)
    ball = 4 / 3 * np.pi * 78.0**3 / 1000  # what is inside its skull, mL
    assert of(found, "intracranial").ml == pytest.approx(ball, rel=0.02)
    assert (
        of(found, "intracranial").words
        == f"too large: {100 * (of(found, 'intracranial').ml / 1810 - 1):.0f} % above the range"
    )


def test_a_small_part_is_flagged_unless_the_image_cut_it(head: HeadMesh) -> None:
    tiny = HeadMesh(0.6 * head.points_mm, head.tets, head.tissue)
    affine, shape = around(tiny)
    brain = of(volumes_of(tiny, affine, shape), "brain")
    assert brain.verdict == "below" and brain.is_odd and "below the range" in brain.words
    top = 0.6 * 74.0  # the brain's, on every axis; the image now ends 2 mm above it, and on the left beside it
    for axis, sign, edge in ((2, 1, "upper"), (0, -1, "left"), (1, -1, "back")):
        cut_affine, cut_shape = affine.copy(), list(shape)
        if sign > 0:
            cut_shape[axis] = round(top + 2 - affine[axis, 3])
        else:
            cut_affine[axis, 3] = round(-top - 2)
        cut = of(volumes_of(tiny, cut_affine, cut_shape), "brain")
        assert cut.verdict == "cut" and not cut.is_odd
        assert cut.words == f"not judged: the {edge} edge of the image cuts it off"


def test_the_edges_are_named_in_the_world_however_the_image_is_stored(head: HeadMesh) -> None:
    """Stored right to left, with its axes exchanged, the upper edge is still the upper one."""
    affine, shape = around(head)
    affine[2, 3] = -75.0  # the image begins 1 mm under the brain
    stored = affine @ np.array([[0, -1, 0, shape[0] - 1], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    kept = (shape[2], shape[0], shape[1])
    assert of(volumes_of(head, stored, kept), "brain").cut_at == ("lower",)
    assert of(volumes_of(head, affine, shape), "brain").cut_at == ("lower",)
    upside_down = HeadMesh(Rotation.from_euler("x", 180, degrees=True).apply(head.points_mm), head.tets, head.tissue)
    assert of(volumes_of(upside_down, *around(upside_down)), "brain").cut_at == ()


def test_the_table_of_ranges_hangs_together() -> None:
    table = {each.name: each for each in ranges()}
    for each in table.values():
        assert each.source and (each.derived or each.checked.startswith("re-read") or each.low_ml is None)
        assert (each.low_ml is None) == (each.high_ml is None)
        assert each.low_ml is None or 0 < each.low_ml < each.high_ml
    assert table["grey"].low_ml + table["white"].low_ml < table["brain"].low_ml
    assert table["grey"].high_ml + table["white"].high_ml > table["brain"].high_ml
    assert table["intracranial"].high_ml > table["brain"].high_ml


@pytest.mark.slow
def test_the_section_flags_in_words_and_the_warning_names_the_part() -> None:
    evidence = make_evidence((-0.7, 0.25, 0.66))
    text = Reader(render("report/head_check.html.jinja", head_check=page.head_check(evidence))).text
    assert "! too large" in text and "above the range" in text and "Where the ranges come from" in text
    image = (evidence.background_affine_mm, evidence.background.shape)
    (warning,) = volume_warnings(evidence.head, *image, "T1.nii.gz")
    assert "inside the skull too large" in warning and "Colin27" not in warning
    (excused,) = volume_warnings(evidence.head, *image, "colin27.npz")
    assert "Colin27" in excused
    small = dataclasses.replace(
        evidence, head=HeadMesh(0.86 * evidence.head.points_mm, evidence.head.tets, evidence.head.tissue)
    )
    assert [each.range.name for each in page.head_check(small).volumes if each.is_odd] == []
    assert volume_warnings(small.head, *image, "T1.nii.gz") == []


@pytest.mark.slow
def test_left_is_left_on_the_nine_slices() -> None:
    """A dent of air on the person's left is on the picture's left in the axial and coronal rows."""
    evidence = make_evidence((-0.7, 0.25, 0.66))
    index = np.stack(np.meshgrid(*[np.arange(60)] * 3, indexing="ij"), -1)
    world = index @ evidence.background_affine_mm[:3, :3] + evidence.background_affine_mm[:3, 3]
    image = np.where((world[..., 0] < -20) & (evidence.background > 0), 1000, evidence.background)  # bright on the left
    picture = page.mosaic(dataclasses.replace(evidence, background=image.astype(np.float32))).rgb.astype(int)
    side = page.PIXELS
    assert picture.shape == (3 * side, 3 * side, 3)
    for row in (0, 1):
        middle = picture[row * side + side // 2 - 20 : row * side + side // 2 + 20, side : 2 * side].mean((0, 2))
        assert middle[side // 4 : side // 3].mean() > 3 * middle[2 * side // 3 : 3 * side // 4].mean()
