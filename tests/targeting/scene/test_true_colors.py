"""The colours that are read off the cortex are the colour bar's, whichever way it faces and whatever lies before it."""

import io
from dataclasses import replace

import numpy as np
import pytest
import pyvista as pv
from browser import browser, visit  # noqa: F401  (browser is a fixture)
from matplotlib.image import imread

from targeting.scene.colors import field_colors
from targeting.scene.export import picture
from targeting.scene.layer import Layer, Scene
from targeting.scene.web.picture import still, views
from targeting.viewer.export import scene_page

VALUES = (0.3, 0.5, 1.0)  # of the scale's end: its yellow, its orange, its red
TURNED_DEG = 65.0
APART_MM = 40.0


def patch(middle, turned_deg):
    """A square of 30 mm seen from the left, turned about the vertical."""
    a = np.radians(turned_deg)
    normal = np.array([-np.cos(a), np.sin(a), 0.0])
    return pv.Plane(center=middle, direction=normal, i_size=30, j_size=30, i_resolution=4, j_resolution=4).triangulate()


@pytest.fixture(scope="module")
def scene():
    """Two columns of patches, facing the viewer and turned away, in a fold; before them a scalp and a coil's casing."""
    pieces = []
    for row, value in enumerate(VALUES):
        for y, turned in ((-APART_MM / 2, 0.0), (APART_MM / 2, TURNED_DEG)):
            piece = patch((0.0, y, APART_MM * (row - 1)), turned)
            piece.point_data["magnE"] = np.full(piece.n_points, value)
            pieces.append(piece)
    cortex = pieces[0].append_polydata(*pieces[1:]).compute_normals(cell_normals=False, auto_orient_normals=False)
    cortex.point_data["crevice"] = np.ones(cortex.n_points)
    around = pv.Sphere(radius=120, theta_resolution=24, phi_resolution=24)
    casing = pv.Cube(center=(-140, 0, 0), x_length=10, y_length=200, z_length=200).triangulate()
    layers = (
        Layer("scalp", around, "#e0cdbb", 0.3, ahead_mm=-np.inf),
        Layer("cortex", cortex, "#ebe8e6", scalars="magnE"),
        Layer("coil", casing, "#0b6e8a", 0.3, ahead_mm=-np.inf),
        Layer("target", pv.Sphere(radius=1, center=(0, 0, 60)), "#e8127d"),
    )
    return Scene("patches", layers, "V/m", 1.0, np.zeros(3), np.array([-1.0, 0, 0]))


def read(image):
    """The colours that the six patches have in a picture from the left, in the order of VALUES, facing and turned."""
    rgb = np.asarray(image, float)[..., :3]
    found = []
    for value in VALUES:
        wanted = 255 * field_colors(np.array([value]), "magnE", 1.0)[0]
        same = np.abs(rgb - wanted).max(-1) <= 3
        columns = np.flatnonzero(same.any(0))
        assert len(columns), f"nowhere is the colour of {value}"
        middle = rgb.shape[1] / 2
        found.append([int(same[:, columns[columns < middle]].sum()), int(same[:, columns[columns >= middle]].sum())])
    return np.array(found)


def areas_are_seen(found):
    """Both columns have their colour over all of their area: the turned ones are narrower by the cosine."""
    facing, turned = found[:, 1], found[:, 0]  # from the left the front is on the left
    assert (facing > 0).all() and (turned > 0).all(), found
    assert turned / facing == pytest.approx(np.cos(np.radians(TURNED_DEG)), rel=0.15)


def test_the_windows_colours_are_the_bars(scene):
    areas_are_seen(read(picture(scene, "left", (900, 675))))


@pytest.mark.slow
def test_the_stills_colours_are_the_bars(scene):
    ways = {way.name: way for way in views(np.asarray(scene.layer("scalp").surface.points), [-1, 0, 0], [-1.0, 0, 0])}
    areas_are_seen(read(still(scene, ways["left"])))


@pytest.mark.slow
def test_the_pages_colours_are_the_bars_and_its_switch_changes_them(browser, scene, tmp_path):  # noqa: F811
    (tmp_path / "patches.html").write_text(scene_page(scene), encoding="utf-8")
    with visit(browser, tmp_path / "patches.html") as seen:
        page = seen.page
        assert page.locator("#solid-start").bounding_box()["y"] < 600  # in sight before anything is scrolled
        page.click("#solid-start")
        page.wait_for_selector('#solid-stage[data-state="ready"]', timeout=60_000)
        page.click('[data-view="left"]')

        def shot():
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            return 255 * imread(io.BytesIO(page.locator("#solid-stage").screenshot()))

        areas_are_seen(read(shot()))
        bar = page.locator(".color-bar")
        assert bar.is_visible()
        page.click('[data-field="plain"]')
        with pytest.raises(AssertionError, match=r"nowhere is the colour of 0\.3"):
            read(shot())
        assert not bar.is_visible()
        assert page.get_attribute('[data-field="plain"]', "aria-pressed") == "true"
        page.click('[data-field="rgb"]')
        areas_are_seen(read(shot()))
        assert bar.is_visible() and seen.complaints == []


def test_what_is_lit_would_fail(scene):
    """The control: with lamps on the cortex the turned patches lose their colours."""
    flat = scene.layer("cortex").surface.copy()
    flat.clear_data()
    lit = scene.with_layer(replace(scene.layer("cortex"), surface=flat, scalars="", color="#fed976"))
    rgb = picture(lit, "left", (300, 225)).astype(int)
    yellow = rgb[(np.ptp(rgb, axis=-1) > 60) & (rgb[..., 0] > rgb[..., 2])]
    assert np.ptp(yellow[:, 0]) > 60
