"""The 3D scene of a report, without a browser: what is packed, left on the left, and nothing that could end its element."""

import base64
import io
import json
import re
import zipfile

import numpy as np
import pytest
import pyvista as pv

from targeting.scene import Layer, Scene
from targeting.scene.web import section as solid_viewer
from targeting.scene.web.picture import still, views
from targeting.scene.web.section import policy, section_of, viewer_script
from targeting.scene.web.state import GRID_PER_MM, Painted, packed

NASTY = "</script><b>&\"'$x"


def ball(name, center, radius, color, **more):
    return Layer(name, pv.Sphere(radius=radius, center=center, theta_resolution=24, phi_resolution=24), color, **more)


@pytest.fixture
def scene():
    """A head with a pink target on its left front."""
    target = np.array([-50.0, 40.0, 30.0])
    layers = (
        ball("scalp", (0, 0, 0), 90, "#e0cdbb", opacity=0.2),
        ball("cortex", (0, 0, 0), 70, "#ebe8e6"),
        ball("target", target, 8, "#e8127d", label=NASTY),
        ball("skull", (0, 0, 0), 80, "#ffffff", visible=False),
    )
    return Scene(NASTY, layers, "V/m", 1.0, target, target / np.linalg.norm(target))


def test_what_is_packed_comes_back():
    corners = np.array([[-61.5, 10.25, 3.0], [20.0, -90.125, 7.0], [0.0, 0.0, 80.0], [5.0, 5.0, 5.0]])
    normals = np.eye(4, 3)
    rgb = np.arange(12, dtype=np.uint8).reshape(4, 3)
    made = packed([Painted(corners, np.array([[0, 1, 2], [1, 3, 2]]), normals, rgb, 0.5)])
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        document = json.loads(archive.read("index.json"))
    actor = document["scene"]["dependencies"][0]["dependencies"][1]
    data = actor["dependencies"][0]["dependencies"][0]["properties"]

    def array(entry, kind):
        raw = base64.b64decode(document["hashes"][entry["hash"]]["content"])
        found = np.frombuffer(raw, kind)
        assert found.size == entry["size"]
        return found

    assert array(data["points"], np.float32).reshape(-1, 3) == pytest.approx(corners, abs=0.5 / GRID_PER_MM)
    assert array(data["polys"], np.uint16).tolist() == [3, 0, 1, 2, 3, 1, 3, 2]
    colors, directions = data["fields"]
    assert array(colors, np.uint8).tolist() == rgb.ravel().tolist()
    assert array(directions, np.int8).reshape(-1, 3).tolist() == (127 * normals).astype(int).tolist()
    assert actor["dependencies"][1]["properties"]["opacity"] == 0.5


def test_many_points_need_wide_indices():
    n = 70_000
    surface = Painted(np.zeros((n, 3)), np.array([[0, 1, n - 1]]), np.zeros((n, 3)), np.zeros((n, 3), np.uint8))
    with zipfile.ZipFile(io.BytesIO(packed([surface]))) as archive:
        document = json.loads(archive.read("index.json"))
    assert np.frombuffer(base64.b64decode(document["hashes"]["0-polys"]["content"]), np.int32).tolist() == [
        3,
        0,
        1,
        n - 1,
    ]


@pytest.mark.parametrize(("side", "first"), [(-1, "left"), (1, "right")])
def test_left_is_left_in_every_view(scene, side, first):
    points = np.asarray(scene.layers[0].surface.points)
    target = scene.target_mm * [-side, 1, 1]
    ways = {way.name: way for way in views(points, target, target)}
    assert set(ways) == {"overview", "left", "right", "front", "back", "top", "target"}
    left = np.array([-1.0, 0, 0])
    across = {name: float(way.axes[0] @ left) for name, way in ways.items()}
    assert across["top"] == across["back"] == pytest.approx(-1) and across["front"] == pytest.approx(1)
    assert ways["left"].axes[2] @ left == pytest.approx(1) and ways["right"].axes[2] @ left == pytest.approx(-1)
    assert ways["overview"].axes[2][0] * side > 0, first  # from the target's side
    for way in ways.values():
        assert np.linalg.det(np.stack(way.axes)) == pytest.approx(1)  # right-handed: no view is a mirror
        if way.name != "target":
            column, row, _ = np.moveaxis(way.camera(800, 500).project(points), -1, 0)
            assert column.min() > 0 and column.max() < 800 and row.min() > 0 and row.max() < 500


@pytest.mark.slow
def test_the_still_shows_the_target_where_it_is(scene):
    points = np.asarray(scene.layers[0].surface.points)
    ways = {way.name: way for way in views(points, scene.target_mm, scene.outward)}
    for name, (left, upper) in {"top": (True, True), "front": (False, True), "left": (True, True)}.items():
        picture = still(scene, ways[name]).astype(int)
        pink = np.argwhere((picture[..., 0] > 190) & (picture[..., 1] < 70) & (picture[..., 2] > 80))
        row, column = pink.mean(0)
        assert (column < picture.shape[1] / 2) == left and (row < picture.shape[0] / 2) == upper, name


@pytest.mark.slow
def test_words_from_outside_stay_words(scene):
    section = section_of(scene)
    assert NASTY not in section and '<b>&"' not in section
    blocks = dict(re.findall(r'id="(solid-\w+)">([^<]*)</script>', section))
    facts = json.loads(blocks["solid-facts"])
    assert facts["labels"][0]["text"] == NASTY and facts["surfaces"] == 3  # what is not visible is left out
    assert [layer["name"] for layer in facts["layers"]] == ["scalp", "cortex", "target"]
    assert section == section_of(scene)


def test_a_strange_viewer_leaves_the_picture(scene, monkeypatch, tmp_path, caplog):
    from trame_vtk.tools import vtksz2html

    (tmp_path / "other.html").write_text("<script>another()</script>", encoding="utf-8")
    monkeypatch.setattr(vtksz2html, "HTML_VIEWER_PATH", tmp_path / "other.html")
    cached = (solid_viewer.viewer_script, solid_viewer.viewer_packed, solid_viewer.policy)
    for each in cached:
        each.cache_clear()
    try:
        section = section_of(scene)
    finally:
        for each in cached:
            each.cache_clear()
    assert 'id="solid-viewer"></script>' in section and "<img src=" in section and "cannot be turned" in caplog.text


def test_nothing_is_fetched():
    assert "kitware.github.io" not in re.sub(r"https://kitware\.github\.io/vtk-js/docs/", "", viewer_script())
    directives = dict(each.split(" ", 1) for each in policy().split("; "))
    assert directives["default-src"] == "'none'" and directives["img-src"] == "data:"
    assert "unsafe" not in directives["script-src"] and "connect-src" not in directives
