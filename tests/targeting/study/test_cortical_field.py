"""E on a surface inside a shell of grey matter, against the closed form; signs; files."""

import dataclasses

import nibabel as nib
import numpy as np
import pytest
from cortices import sphere
from heads import RADII_MM, layered_ball

from atlases import Target
from meshes import HeadMesh, InputError
from meshes.cortical_surface import Cortex
from meshes.formats.gifti import read_surface, write_surface
from targeting.closed_forms.spheres import tms_e_v_per_m
from targeting.fem.cortical_field import CorticalField, field_at, normal_component, write_cortical_field
from targeting.tms.direction import direction_vector, inward_normal

DIPOLES_MM = np.array([[-20.0, 35, 95], [25, 40, 90]])
MOMENTS = np.array([[0.0, 0, 1e7], [0, 2e6, -1e7]])


@pytest.fixture(scope="module")
def ball():
    return layered_ball(6.0)


def test_the_field_on_a_surface_is_the_closed_form_and_other_tissues_do_not_count(ball):
    middle = sphere((RADII_MM[1] + RADII_MM[2]) / 2, 3000)
    given = tms_e_v_per_m(ball.centroids_mm, DIPOLES_MM, MOMENTS)
    given[ball.tissue != 2] = 1e6  # as if E jumped at every interface
    found = field_at(ball, given, middle.points_mm)
    true = tms_e_v_per_m(middle.points_mm, DIPOLES_MM, MOMENTS)
    error = np.linalg.norm(found - true, axis=1)
    assert np.linalg.norm(error) / np.linalg.norm(true) < 0.01
    nearest = ball.centroids_mm[ball.tissue == 2]
    from scipy.spatial import cKDTree

    plain = given[ball.tissue == 2][cKDTree(nearest).query(middle.points_mm)[1]]
    assert np.linalg.norm(error) < 0.2 * np.linalg.norm(plain - true)  # what the nearest tetrahedron alone would say


def test_a_linear_field_comes_out_exactly_to_the_stiffness(ball):
    slope = np.array([[0.1, 0, 0.3], [0, -0.2, 0], [0.05, 0, 0.1]])
    points = sphere(67.0, 500).points_mm
    found = field_at(ball, 3 + ball.centroids_mm @ slope, points)
    assert np.abs(found - (3 + points @ slope)).max() < 0.05  # of a field of up to 30


def test_positive_means_into_the_cortex():
    left = sphere(30, 400, (-40, 0, 0))
    inward = [40, 0, 0] * np.array([-1, 0, 0]) - left.points_mm
    assert normal_component(left, inward / 30).min() > 0.99
    # a field to the right goes into the cortex where the surface faces left
    to_the_right = np.tile([5.0, 0, 0], (400, 1))
    faces_left = left.points_mm[:, 0] < -60
    assert normal_component(left, to_the_right)[faces_left].min() > 2


def test_a_flat_neighbourhood_makes_nothing_up():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    tets, points = [], []
    for i in range(25):  # all centroids in one plane
        points.append(corners * 0.5 + [i % 5, i // 5, 0])
        tets.append(np.arange(4) + 4 * i)
    sheet = HeadMesh(np.vstack(points), np.array(tets), np.full(25, 2))
    field = np.tile([1.0, 2, 3], (25, 1))
    assert np.allclose(field_at(sheet, field, np.array([[2.0, 2, 1.5]])), [[1, 2, 3]])
    assert np.isnan(field_at(sheet, field, np.array([[2.0, 2, 9]]))).all()
    with pytest.raises(InputError, match="no tissue 1"):
        field_at(sheet, field, np.zeros((1, 3)), tissue=1)
    with pytest.raises(InputError, match="the mesh needs"):
        field_at(sheet, field[:3], np.zeros((1, 3)))


def test_the_files_hold_each_side_under_its_name(ball, tmp_path):
    cortex = Cortex(sphere(25, 300, (-30, 0, 0)), sphere(20, 200, (30, 5, 0)), "phantom")
    grey = HeadMesh(ball.points_mm, ball.tets, np.full(len(ball.tets), 2))
    field = CorticalField.of(cortex, grey, np.tile([2.0, 0, 0], (len(ball.tets), 1)) + 0.01 * ball.centroids_mm)
    written = write_cortical_field(tmp_path, field)
    written += [tmp_path / f"{side}.central.surf.gii" for side in cortex.hemispheres]
    for path, (side, surface) in zip(written[-2:], cortex.hemispheres.items(), strict=True):
        write_surface(path, surface, side)
    assert sorted(path.name for path in written) == sorted(path.name for path in tmp_path.iterdir())
    for side, surface in cortex.hemispheres.items():
        again = read_surface(tmp_path / f"{side}.central.surf.gii")
        assert np.allclose(again.points_mm, surface.points_mm, atol=1e-5)
        assert (again.triangles == surface.triangles).all()
        values = nib.load(tmp_path / f"{side}.magnE.func.gii")
        assert values.darrays[0].data == pytest.approx(field.of_side(field.magnitude_v_per_m)[side], nan_ok=True)
        assert values.meta["AnatomicalStructurePrimary"] == {"lh": "CortexLeft", "rh": "CortexRight"}[side]
        normal = nib.load(tmp_path / f"{side}.normalE.func.gii").darrays[0].data
        assert normal == pytest.approx(field.of_side(field.normal_v_per_m)[side], abs=1e-5, nan_ok=True)
    assert nib.load(tmp_path / "lh.central.surf.gii").darrays[0].data[:, 0].mean() == pytest.approx(-30, abs=0.2)
    import pyvista as pv

    whole = pv.read(tmp_path / "cortex.vtp")
    assert whole.n_points == 500 and set(whole.point_data) == {"E", "magnE", "normalE", "hemisphere"}
    assert (whole["hemisphere"] == np.repeat([0, 1], [300, 200])).all()


def test_the_normal_of_a_target_is_the_mean_one_of_the_surface_in_it(ball):
    cortex = Cortex(sphere(66, 4000), sphere(10, 100, (200, 0, 0)), "phantom")
    out = np.array([-0.6, 0.48, 0.64])
    target = Target.sphere(66 * out, 8.0)
    assert inward_normal(ball, target, cortex) @ out < -0.999
    assert inward_normal(ball, target) @ out < -0.99  # of the mesh's own pial surface
    tilted = Cortex(sphere(66, 4000, (0, 0, 66)), cortex.right, "a surface that lies otherwise than the mesh's")
    below = Target.sphere([0, 0, 1], 8.0)
    assert inward_normal(ball, below, tilted)[2] > 0.99
    # where no surface runs, the mesh's counts
    nowhere = Cortex(sphere(5, 100, (0, 0, 300)), cortex.right, "far")
    assert inward_normal(ball, target, nowhere) @ out < -0.99
    assert direction_vector(ball, below, "normal", tilted)[2] > 0.99
    assert direction_vector(ball, below, (0, 3, 0), tilted).tolist() == [0, 1, 0]
    assert direction_vector(ball, below, None, tilted) is None


@pytest.mark.slow
def test_the_reports_pictures_are_of_the_surface_and_say_into_and_out_of_the_cortex():
    from report_ball import make_evidence

    from targeting.report import figures
    from targeting.report.cortex import normal_picture

    without = make_evidence((-0.7, 0.25, 0.66))
    assert normal_picture(without) is None and len(figures.cortex(without)) == 2
    cortex = Cortex(sphere(67, 3000), sphere(5, 60, (200, 0, 0)), "phantom")
    # a field along the head's radius is all normal: outward on the left of the head, inward on its right
    toward = np.where(without.head.centroids_mm[:, :1] < 0, 1.0, -1.0) * without.head.centroids_mm / 67
    evidence = dataclasses.replace(without, e_v_per_m=toward, on_cortex=CorticalField.of(cortex, without.head, toward))
    assert len(evidence.cortex.points_mm) == 3060
    assert np.isnan(evidence.cortex_e_v_per_m[3000:]).all()  # no grey matter out there
    shown = figures.cortex(evidence)
    assert "halfway through the grey matter" in shown[0].caption and "red where it points into" in shown[2].caption
    middle = normal_picture(evidence)[200:500, 300:600].reshape(-1, 3).mean(0)
    assert middle[2] > middle[0] + 20  # the target is on the left: blue, out of the cortex
    turned = dataclasses.replace(evidence, on_cortex=CorticalField.of(cortex, without.head, -toward))
    middle = normal_picture(turned)[200:500, 300:600].reshape(-1, 3).mean(0)
    assert middle[0] > middle[2] + 20
