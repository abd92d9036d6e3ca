"""What is on the far side of the head is not taken for what is on the near one: in the window, the still and the page."""

import io

import numpy as np
import pytest
import pyvista as pv
from browser import browser, visit  # noqa: F401  (browser is a fixture)
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from targeting.scene.cameras import look
from targeting.scene.directions import BEHIND_MM, PALE, is_behind
from targeting.scene.draw import draw, set_opacity
from targeting.scene.export import off_screen, picture
from targeting.scene.layer import Layer, Scene
from targeting.scene.web.picture import still, views
from targeting.viewer.export import scene_page
from targeting.viewer.widgets.controls import faded

COLORS = {  # of what is on the left, on the right, and an outline on the left and one on the right
    "left mark": (255, 0, 0),
    "right mark": (0, 0, 255),
    "left line": (0, 220, 0),
    "right line": (0, 220, 220),
}
NEAR = {"left": ("left mark", "left line"), "right": ("right mark", "right line")}


def sphere(name, center, radius, color, **more):
    return Layer(name, pv.Sphere(radius=radius, center=center, theta_resolution=32, phi_resolution=32), color, **more)


@pytest.fixture(scope="module")
def scene():
    """A head with a target on its left, a further one on its right, deep under the cortex, and an outline on either side.

    The outlines' balls of 6 mm lie 4 mm under the cortex: they show only because they are drawn ahead.
    """
    ink = {name: "#{:02x}{:02x}{:02x}".format(*rgb) for name, rgb in COLORS.items()}
    layers = (
        sphere("scalp", (0, 0, 0), 90, "#e0cdbb", opacity=0.2),
        sphere("cortex", (0, 0, 0), 70, "#ebe8e6"),
        sphere("left mark", (-45, 15, 20), 8, ink["left mark"], label="on the left", ahead_mm=np.inf),
        sphere("right mark", (45, -25, 20), 8, ink["right mark"], label="on the right", ahead_mm=np.inf),
        sphere("left line", (-60, 0, 0), 6, ink["left line"], ahead_mm=10.0),
        sphere("right line", (60, 0, 0), 6, ink["right line"], ahead_mm=10.0),
    )
    return Scene("two sides", layers, "V/m", 1.0, np.array([-45.0, 15, 20]), np.array([-1.0, 0, 0]))


def shown(image):
    """Name → pixels of clearly its colour: lamps change how bright it is, so that its hue is asked for."""
    rgb = np.asarray(image, np.float64)[..., :3]
    vivid = np.ptp(rgb, axis=-1) > 110
    hues = rgb / np.linalg.norm(rgb, axis=-1, keepdims=True).clip(1)
    return {
        name: int((vivid & (hues @ (np.array(color) / np.linalg.norm(color)) > 0.9)).sum())
        for name, color in COLORS.items()
    }


def check(counts, side):
    assert {name: count for name, count in counts.items() if name in NEAR[side] and count < 30} == {}, (side, counts)
    assert {name: count for name, count in counts.items() if name not in NEAR[side] and count > 3} == {}, (side, counts)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_window_shows_each_side_its_own(scene, side):
    check(shown(picture(scene, side, (400, 300))), side)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_still_shows_each_side_its_own(scene, side):
    points = np.asarray(scene.layer("scalp").surface.points)
    ways = {way.name: way for way in views(points, scene.target_mm, scene.outward)}
    check(shown(still(scene, ways[side])), side)


@pytest.mark.slow
def test_the_page_shows_each_side_its_own(browser, scene, tmp_path):  # noqa: F811
    (tmp_path / "sides.html").write_text(scene_page(scene), encoding="utf-8")
    with visit(browser, tmp_path / "sides.html") as seen:
        page = seen.page
        page.click("#solid-start")
        page.wait_for_selector('#solid-stage[data-state="ready"]', timeout=60_000)
        for side, words in (("left", [1.0, PALE]), ("right", [PALE, 1.0])):
            page.click(f'[data-view="{side}"]')
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            check(shown(255 * imread(io.BytesIO(page.locator("#solid-stage").screenshot()))), side)
            found = page.evaluate("[...document.querySelectorAll('#solid-words span')].map(e => +e.style.opacity)")
            assert found == pytest.approx(words)
        assert seen.complaints == []


def test_marks_and_words_of_the_window_fade_as_it_turns_and_keep_what_the_slider_gave(scene):
    plotter = off_screen((400, 300))
    try:
        actors = draw(scene, plotter)

        def strength(name, side):
            look(plotter, scene, side)
            plotter.render_window.Render()
            return actors[name].prop.opacity, plotter.renderer.actors[f"{name} label"].prop.opacity

        assert strength("left mark", "right") == pytest.approx((PALE, PALE))
        assert strength("left mark", "left") == pytest.approx((1, 1))
        assert strength("right mark", "left") == pytest.approx((PALE, PALE))
        set_opacity(plotter, sphere("left mark", (-45, 15, 20), 8, "#ff0000", opacity=0.5, ahead_mm=np.inf))
        assert strength("left mark", "right")[0] == pytest.approx(0.5 * PALE)
        assert strength("left mark", "left")[0] == pytest.approx(0.5)
    finally:
        plotter.close()


def test_the_faint_of_a_group_stays_fainter(scene):
    groups = ["cortex", "scalp"]
    assert faded(scene, groups, 100) == pytest.approx({"cortex": 1.0, "scalp": 0.2})
    assert faded(scene, groups, 50) == pytest.approx({"cortex": 0.5, "scalp": 0.1})


@given(st.floats(-80, 80), st.floats(-200, 200), st.floats(-200, 200))
def test_behind_the_left_is_before_the_right(x, y, z):
    from_the_left, middle = np.array([-1.0, 0, 0]), np.array([3.0, 0, 0])
    assert is_behind([x, y, z], middle, from_the_left) == (x - 3 > BEHIND_MM)
    assert not (is_behind([x, y, z], middle, from_the_left) and is_behind([x, y, z], middle, -from_the_left))
