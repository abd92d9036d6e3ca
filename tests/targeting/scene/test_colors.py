"""One palette and one end of the colour scale, for the page's pictures, its scene, the window and the files."""

import re
from pathlib import Path

import numpy as np
import pytest
import pyvista as pv
from report_ball import make_evidence

import targeting
from meshes.weighted import weighted_quantile
from targeting.report import figures
from targeting.scene import colors
from targeting.scene.colors import EXCEEDING, paint, point_areas, rounded_up, scale_end

ROOMS = Path(targeting.__file__).parent


def sheet(fine):
    """A square of 100 mm, coarse on its left half and ``fine`` times finer on its right."""
    x = np.r_[np.linspace(0, 50, 26), np.linspace(50, 100, 25 * fine + 1)[1:]]
    grid = pv.StructuredGrid(*np.meshgrid(x, np.linspace(0, 100, 51), [0.0], indexing="ij"))
    return grid.extract_surface(algorithm="dataset_surface").triangulate()


def test_the_end_goes_by_area_and_not_by_points_or_single_ones():
    ends = []
    for fine in (1, 8):  # points crowd where the field is weak
        surface = sheet(fine)
        surface.point_data["magnE"] = 1 - surface.points[:, 0] / 100
        surface.point_data["magnE"][7] = 1e6
        surface.point_data["magnE"][100:103] = np.nan
        ends.append(scale_end(surface))
    assert ends == [1.0, 1.0]
    half = sheet(8)
    half.point_data["magnE"] = np.where(half.points[:, 0] < 50, 0.3, 0.1)
    areas = point_areas(np.asarray(half.points, float), half.regular_faces)
    assert areas.sum() == pytest.approx(1e4)
    assert weighted_quantile(half.point_data["magnE"], areas, 0.6) == pytest.approx(0.3)
    assert np.percentile(half.point_data["magnE"], 60) == pytest.approx(0.1)


def test_without_a_field_there_is_a_scale():
    assert scale_end(sheet(1)) == 1.0
    unknown = sheet(1)
    unknown.point_data["magnE"] = np.full(unknown.n_points, np.nan)
    assert scale_end(unknown) == 1.0


@pytest.mark.slow
def test_page_and_scene_and_pictures_end_at_one_value():
    evidence = make_evidence(np.array([-0.6, 0.2, 0.77]))
    end = evidence.scale_end_v_per_m
    assert end == evidence.scene.top_v_per_m == rounded_up(end)
    assert f"ends at {figures.scale_words(evidence)[0]} V/m" in figures.cortex(evidence)[0].caption
    cortex = evidence.scene.layer("cortex").surface
    beyond = np.asarray(cortex.point_data["magnE"]) > end
    areas = point_areas(np.asarray(cortex.points, float), cortex.regular_faces)
    assert areas[beyond].sum() <= EXCEEDING * areas.sum()
    strongest = np.nanargmax(np.where(beyond, np.nan, cortex.point_data["magnE"]))
    assert paint(cortex, "magnE", end)[strongest, 0] > paint(cortex, "magnE", end)[strongest, 2]  # red


def test_a_colour_is_defined_once():
    named = {value.lower(): name for name, value in vars(colors).items() if isinstance(value, str) and value[:1] == "#"}
    twice = [
        f"{path.relative_to(ROOMS)}: {named[found.lower()]}"
        for path in ROOMS.rglob("*.py")
        if path.name not in ("colors.py", "ink.py")  # cards have inks of their own, for dark notebooks
        for found in re.findall("#[0-9a-fA-F]{6}", path.read_text("utf-8"))
        if found.lower() in named
    ]
    assert twice == []
