"""The field over the image lies where it is, has the page's colours, and leaves the image where it is weak."""

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from report_ball import make_evidence

from meshes.rasterise import values_on_grid
from targeting.report import TmsEvidence
from targeting.report.field_slices import brain_view, field_picture
from targeting.report.slices import outlines
from targeting.scene.brain_field import THRESHOLD
from targeting.scene.colors import field_colors
from targeting.scene.directions import PLANES, Plane

pytestmark = pytest.mark.slow

UPHILL = np.array([0.004, -0.002, 0.003])  # V/m a mm, to the right, the back and the top: nothing is symmetric
EDGE_MM = 8.0  # of the ball's tetrahedra: a node's lie to one side of it at a border
WITHIN = EDGE_MM * float(np.linalg.norm(UPHILL))  # a mirrored place at x = 20 mm is 0.16 V/m off


@pytest.fixture(scope="module")
def sloped() -> TmsEvidence:
    """A field whose size grows in one oblique direction: every place has a value of its own."""
    left = make_evidence((-0.7, 0.25, 0.66))
    strength = 1.0 + left.head.centroids_mm @ UPHILL
    return dataclasses.replace(left, e_v_per_m=strength[:, None] * np.array([0.6, 0.0, -0.8]))


def pixel(evidence: TmsEvidence, plane: Plane, point_mm: np.ndarray) -> tuple[int, int]:
    column, row, depth = brain_view(evidence, plane).project(point_mm)
    assert abs(depth) < 1e-6
    return int(row), int(column)


@pytest.mark.parametrize("plane", PLANES, ids=lambda plane: plane.name)
def test_a_pixel_has_the_value_of_the_mesh_at_its_place(sloped: TmsEvidence, plane: Plane) -> None:
    """Against the formula, and against the voxel that ``magnE.nii.gz`` has there."""
    strength = sloped.brain_field.in_plane(brain_view(sloped, plane))
    size = np.linalg.norm(sloped.e_v_per_m, axis=1)
    found = 0
    for away in np.random.default_rng(1).uniform(-60, 60, (60, 3)):
        away[plane.across] = 0.0
        point = sloped.target_mm * (np.arange(3) == plane.across) + away
        to_mm = np.eye(4)
        to_mm[:3, 3] = point
        voxel = values_on_grid(sloped.head, size, to_mm, (1, 1, 1))[0, 0, 0]
        value = strength[pixel(sloped, plane, point)]
        if np.isnan(value):
            continue
        found += 1
        assert value == pytest.approx(1.0 + point @ UPHILL, abs=WITHIN)
        assert voxel == pytest.approx(1.0 + point @ UPHILL, abs=WITHIN)  # constant in its tetrahedron
    assert found > 25


def test_outside_the_brain_there_is_no_value(sloped: TmsEvidence) -> None:
    strength = sloped.brain_field.in_plane(brain_view(sloped, PLANES[0]))
    inside = np.array([0.0, 0.0, sloped.target_mm[2]])
    outside = inside + np.array([0.0, 96.0, 0.0])  # in the skull's or the scalp's shell
    assert np.isfinite(strength[pixel(sloped, PLANES[0], inside)])
    assert np.isnan(strength[pixel(sloped, PLANES[0], outside)])


def test_strong_is_the_scales_own_colour_and_weak_is_the_image(sloped: TmsEvidence) -> None:
    """A strong field on one side: its colour is the bar's there, and the mirrored place keeps the image's white."""
    evidence = make_evidence((-0.7, 0.25, 0.66))
    plane = PLANES[0]
    view = brain_view(evidence, plane)
    rgb = field_picture(evidence, plane, view, outlines(evidence, plane)).astype(int)
    near = evidence.target_mm + np.array([18.0, 0, 0])  # in white matter beside the target
    row, column = pixel(evidence, plane, near)
    value = evidence.brain_field.in_plane(view)[row, column]
    assert value > 0.3 * evidence.scale_end_v_per_m
    expected = 255 * field_colors(np.array([value]), "magnE", evidence.scale_end_v_per_m)[0]
    assert np.abs(rgb[row, column] - expected).max() < 4
    row, column = pixel(evidence, plane, near * [-1, 1, 1])
    assert rgb[row, column].tolist() == [255, 255, 255]


def test_the_line_of_the_threshold_runs_where_the_field_has_it(sloped: TmsEvidence, monkeypatch) -> None:
    plane = PLANES[1]
    view = brain_view(sloped, plane)
    lines = outlines(sloped, plane)

    def cyan() -> np.ndarray:
        rgb = field_picture(sloped, plane, view, lines)
        return np.argwhere(np.abs(rgb / 255.0 - to_rgb(THRESHOLD)).max(-1) < 0.06)

    assert not len(cyan())  # no threshold is known
    monkeypatch.setattr(TmsEvidence, "threshold_v_per_m", 1.1)
    strength = sloped.brain_field.in_plane(view)
    found = cyan()
    assert len(found) > 100
    at_line = strength[tuple(found.T)]
    assert np.nanmax(np.abs(at_line - 1.1)) < WITHIN and np.nanmedian(np.abs(at_line - 1.1)) < 0.005
    monkeypatch.setattr(TmsEvidence, "threshold_v_per_m", 5.0)  # nowhere reached
    assert not len(cyan())
