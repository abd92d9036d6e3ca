"""Distances along the scalp: against arcs on a sphere, and the right way round on a head."""

import numpy as np
import pytest
from heads import layered_ball
from hypothesis import given, settings
from hypothesis import strategies as st
from tes_ball import RADIUS_MM, ball_head, fiducials_mm

from atlases.fiducials import Fiducials
from atlases.scalp import Scalp
from atlases.scalp_tape import ScalpRuler, tape_measure, with_points
from meshes import InputError

BALL_MM = 92.0


@pytest.fixture(scope="module")
def ball():
    return Scalp.of(layered_ball(9.0))


def on_sphere(azimuth, height):
    return BALL_MM * np.array([np.cos(height) * np.cos(azimuth), np.cos(height) * np.sin(azimuth), np.sin(height)])


def arc_mm(a, b):
    return BALL_MM * np.arccos(np.clip(a @ b / BALL_MM**2, -1, 1))


angles = st.tuples(st.floats(-3.1, 3.1), st.floats(-1.3, 1.5))


@settings(deadline=None, max_examples=40)
@given(first=angles, second=angles)
def test_distances_on_a_sphere_are_arcs(ball, first, second):
    a, b = on_sphere(*first), on_sphere(*second)
    ruler = ScalpRuler.of(ball, {"a": a, "b": b})
    measured = ruler.distance_mm("a", "b")
    # shorter by how far 9 mm facets cut the corner, never longer; half a facet where both lie in one
    assert measured == pytest.approx(arc_mm(a, b), rel=3e-3, abs=0.25)
    assert measured == pytest.approx(ruler.distance_mm("b", "a"), rel=1e-6, abs=1e-6)


def test_a_path_lies_on_the_scalp_and_legs_add_up(ball):
    points = {"a": on_sphere(0.2, 0.1), "b": on_sphere(1.4, 0.8), "c": on_sphere(2.9, 0.2)}
    ruler = ScalpRuler.of(ball, points)
    path = ruler.path_mm("a", "b")
    radius = np.linalg.norm(path, axis=1)
    assert radius.min() > BALL_MM - 0.5 and radius.max() < BALL_MM + 1e-6
    assert ruler.distance_mm("a", "b", "c") == pytest.approx(ruler.distance_mm("a", "b") + ruler.distance_mm("b", "c"))
    assert ruler.distance_mm("a", "a") == 0
    with pytest.raises(InputError, match="unknown point on the scalp 'd'"):
        ruler.distance_mm("a", "d")


def test_several_points_in_one_triangle_keep_the_surface_whole(ball):
    corners = ball.points_mm[ball.triangles[7]]
    shares = np.array([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    points, triangles, places = with_points(ball.points_mm, ball.triangles, shares @ corners, np.full(4, 7))
    assert len(triangles) == len(ball.triangles) + 8 and len(points) == len(ball.points_mm) + 4

    def area(points, triangles):
        a, b, c = (points[triangles[:, i]] for i in range(3))
        return np.linalg.norm(np.cross(b - a, c - a), axis=1)

    assert area(points, triangles).sum() == pytest.approx(area(ball.points_mm, ball.triangles).sum(), rel=1e-9)
    assert area(points, triangles).min() > 0
    assert points[places] == pytest.approx(shares @ corners, abs=0.05)


def test_left_electrodes_are_near_the_left_ear():
    scalp = Scalp.of(ball_head(9.0))
    marks = fiducials_mm()
    fiducials = Fiducials(marks["Nz"], marks["Iz"], marks["LPA"], marks["RPA"])
    up = np.radians(35.0)
    left = RADIUS_MM * np.array([-np.cos(up), 0.0, np.sin(up)])
    front_right = RADIUS_MM * np.array([np.cos(up) * 0.6, np.cos(up) * 0.8, np.sin(up)])
    tape = tape_measure(scalp, fiducials, (0, 0, RADIUS_MM), {"C3": left, "F4": front_right})
    nasion, inion, near, far = tape.places_mm["C3"]
    step = RADIUS_MM * np.radians(1.0)
    assert near == pytest.approx(55 * step, rel=5e-3) and far == pytest.approx((180 - 55 + 40) * step, rel=5e-3)
    assert nasion == pytest.approx(inion, rel=1e-2)
    nasion, inion, from_left, from_right = tape.places_mm["F4"]
    assert nasion < inion and from_right < from_left
    assert tape.nasion_to_inion_mm == pytest.approx(220 * step, rel=5e-3)
    assert tape.ear_to_ear_mm == pytest.approx(220 * step, rel=5e-3)
    assert tape.landmarks_mm["LPA"][0] < 0 < tape.landmarks_mm["RPA"][0]
