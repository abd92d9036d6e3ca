"""Drawings for Gmsh: what is written stands where coil, target and electrodes are, on their own side; Gmsh reads it."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_rgb

from meshes import HeadMesh, InputError
from meshes.errors import WriteError
from meshes.formats.gmsh_io import read_gmsh
from targeting import Coil, Pose
from targeting.coils import Casing, CurrentElements, MagneticDipoles
from targeting.files.fields import write_field_files
from targeting.files.geo import GeoView, coil_views, electrode_views, target_view, write_geo
from targeting.plans.tes import PlanElectrode
from targeting.scene.colors import ANODE, CATHODE

gmsh = pytest.mark.skipif(importlib.util.find_spec("gmsh") is None, reason="Gmsh (the gmsh package) is not here")
VIEW = re.compile(r'^View "([^"]*)" \{\n(.*?)^\};$', re.DOTALL | re.MULTILINE)
ROW = re.compile(r"(\w+)\(([^)]*)\)\{([^}]*)\};")

# over the left, handle to the back and right, tilted: nothing is symmetric
LEFT = Pose(
    [
        [-0.64, -0.48, 0.6, -70],
        [-0.6, 0.8, 0.0, 20],
        [-0.48, -0.36, -0.8, 75],
        [0, 0, 0, 1],
    ]
)


def parsed(path: Path) -> dict[str, list[tuple[str, list[float], str]]]:
    """View name → rows of (kind, coordinates, what stands in the braces)."""
    return {
        name: [(kind, [float(x) for x in places.split(",")], values) for kind, places, values in ROW.findall(body)]
        for name, body in VIEW.findall(path.read_text())
    }


def lopsided_coil() -> Coil:
    """One winding on the coil's own +x side, so that a swapped side shows."""
    dipoles = MagneticDipoles(np.array([[30.0, 5, -8], [35, -5, -8]]), np.array([[0, 0, 1e-3], [1e-4, 0, 2e-3]]))
    wires = CurrentElements(np.array([[40.0, 0, -10]]), np.array([[0, 6.0, 0]]))
    casing = Casing(np.array([[20.0, -10, 0], [50, -10, 0], [20, 10, 0]]), np.array([[0, 1, 2]]))
    return Coil("lopsided", (dipoles, wires), casing, None, 0, "made up")


def world(points) -> np.ndarray:
    return np.asarray(points) @ LEFT.matrix_mm[:3, :3].T + LEFT.matrix_mm[:3, 3]


def test_a_coil_where_it_is_held(tmp_path):
    write_geo(tmp_path / "coil.geo", coil_views(lopsided_coil(), LEFT))
    views = parsed(tmp_path / "coil.geo")
    assert list(views) == [
        "coil casing",
        "coil dipoles (A m2 per A)",
        "coil wires (mm)",
        "coil handle",
        "into the head",
    ]
    ((kind, corners, _),) = views["coil casing"]
    assert kind == "ST"
    np.testing.assert_allclose(np.reshape(corners, (3, 3)), world(lopsided_coil().casing.points_mm), atol=1e-6)
    first, second = views["coil dipoles (A m2 per A)"]
    assert first[0] == second[0] == "VP"
    np.testing.assert_allclose(first[1], world([30, 5, -8]), atol=1e-6)
    moment = [float(x) for x in second[2].split(",")]
    np.testing.assert_allclose(moment, LEFT.matrix_mm[:3, :3] @ [1e-4, 0, 2e-3], rtol=1e-8)
    wires = {kind: places for kind, places, _ in views["coil wires (mm)"]}
    np.testing.assert_allclose(np.reshape(wires["SL"], (2, 3)), world([[40, -3, -10], [40, 3, -10]]), atol=1e-6)
    handle = {kind: places for kind, places, _ in views["coil handle"]}
    begin, hand = np.reshape(handle["SL"], (2, 3))
    np.testing.assert_allclose(begin, LEFT.center_mm, atol=1e-6)
    np.testing.assert_allclose(hand, world([0, -120, 0]), atol=1e-6)
    assert hand[0] > begin[0] and hand[1] < begin[1]  # this handle points right and back
    ((_, where, arrow),) = views["into the head"]
    np.testing.assert_allclose(where, LEFT.center_mm, atol=1e-6)
    np.testing.assert_allclose([float(x) for x in arrow.split(",")], [18, 0, -24], atol=1e-9)  # right and down


def electrode(name, scalp_mm, current_ma):
    return PlanElectrode(
        name, scalp_mm, current_ma, "circle", [10.0], [0.0, 1.0, 0.0], 78.5, 25.5, 100.0, 100.0, 100.0, 100.0
    )


def test_target_and_electrodes_on_their_side(tmp_path):
    pad = np.array([[[-60.0, 0, 60], [-61, 5, 60], [-60, 0, 66]]])
    montage = [electrode("C3", [-60, 1, 61], 2.0), electrode("C4", [62, 2, 60], -2.0)]
    views = [
        target_view([-38.0, -20, 55], 'the "hand"\n'),
        *electrode_views(montage, {"C3": pad, "C4": pad * [-1, 1, 1]}),
    ]
    write_geo(tmp_path / "tes.geo", views)
    found = parsed(tmp_path / "tes.geo")
    assert found["target"] == [("SP", [-38, -20, 55], "1"), ("T3", [-38, -20, 55, 0], '"the  hand  "')]
    for name, place, current, side in (
        ("anodes", [-60, 1, 61], '"C3 +2 mA"', 1),
        ("cathodes", [62, 2, 60], '"C4 -2 mA"', -1),
    ):
        kinds = {kind: (places, words) for kind, places, words in found[name]}
        assert kinds["SP"][0] == place and kinds["T3"] == ([*place, 0], current)
        assert kinds["ST"][0] == (pad * [side, 1, 1]).ravel().tolist()
    text = (tmp_path / "tes.geo").read_text()
    anode, cathode = (",".join(str(round(255 * part)) for part in to_rgb(color)) for color in (ANODE, CATHODE))
    assert text.index(anode) < text.index('View "cathodes"') < text.index(cathode)


@settings(max_examples=30, deadline=None)
@given(
    points=arrays(np.float64, st.tuples(st.integers(0, 5), st.just(3)), elements=st.floats(-500, 500)),
    name=st.text(max_size=20),
)
def test_any_points_and_words(tmp_path_factory, points, name):
    path = tmp_path_factory.mktemp("geo") / "any.geo"
    write_geo(path, [GeoView("points", ANODE, points, labels=(name,) * len(points))])
    rows = parsed(path)["points"]
    written = [places for kind, places, _ in rows if kind == "SP"]
    np.testing.assert_allclose(np.reshape(written, (-1, 3)), points, atol=1e-6)
    assert sum(kind == "T3" for kind, *_ in rows) <= len(points)


def test_what_cannot_be_drawn(tmp_path):
    with pytest.raises(InputError, match="not finite"):
        target_view([np.nan, 0, 0], "x")
    with pytest.raises(WriteError, match="cannot write"):
        write_geo(tmp_path / "none" / "coil.geo", [GeoView("empty", "#000000")])


SHOW = """
import json, sys, gmsh
gmsh.initialize(["gmsh", "-nopopup"])
gmsh.option.setNumber("General.Terminal", 0)
gmsh.open(sys.argv[1])
error = gmsh.logger.getLastError()
tags = gmsh.view.getTags()
names = [gmsh.view.option.getString(tag, "Name") for tag in tags]
visible = [gmsh.view.option.getNumber(tag, "Visible") for tag in tags]
lists = {}
for tag, name in zip(tags[2:], names[2:]):
    kinds, _, data = gmsh.view.getListData(tag)
    lists[name] = {kind: list(map(float, values)) for kind, values in zip(kinds, data)}
kind, numbers, values, _, _ = gmsh.view.getModelData(tags[1], 0)
values = {int(number): float(value[0]) for number, value in zip(numbers, values)}
groups = [list(map(int, group)) for group in gmsh.model.getPhysicalGroups()]
tets = [int(number) for block in gmsh.model.mesh.getElements(3)[1] for number in block]
nodes = len(gmsh.model.mesh.getNodes()[0])
print(json.dumps(dict(error=error, names=names, visible=visible, lists=lists, kind=kind, values=values,
    groups=groups, tets=tets, nodes=nodes)))
"""


@gmsh
def test_gmsh_opens_the_field_and_the_drawing(tmp_path, ball_head: HeadMesh):
    """The mesh with its tissues and surfaces, both fields and their look, and the coil merged through ``E.msh.opt``."""
    e = np.column_stack(
        [np.zeros(len(ball_head.tets)), np.zeros(len(ball_head.tets)), 100 - ball_head.centroids_mm[:, 0]]
    )
    write_field_files(tmp_path, ball_head, e, np.eye(4), (2, 2, 2), 1.0, drawings=["coil.geo"])
    write_geo(tmp_path / "coil.geo", [*coil_views(lopsided_coil(), LEFT), target_view([-38, -20, 55], "hand")])
    child = [sys.executable, "-c", SHOW, str(tmp_path / "E.msh")]
    done = subprocess.run(child, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["error"] == ""
    assert shown["names"] == ["E", "magnE", *parsed(tmp_path / "coil.geo")]
    assert shown["visible"][:2] == [0, 1]
    casing = np.array(shown["lists"]["coil casing"]["ST"])[:9].reshape(3, 3).T  # Gmsh gives x of all corners first
    np.testing.assert_allclose(casing, world(lopsided_coil().casing.points_mm), atol=1e-6)
    assert shown["lists"]["target"]["SP"][:3] == [-38, -20, 55]
    assert {tuple(group) for group in shown["groups"]} == {
        (d, t + 1000 * (d == 2)) for d in (2, 3) for t in range(1, 6)
    }
    assert shown["kind"] == "ElementData" and shown["nodes"] == len(ball_head.points_mm)
    triangles = len(read_gmsh(tmp_path / "E.msh").mesh.triangles)
    assert sorted(shown["tets"]) == list(range(triangles + 1, triangles + len(ball_head.tets) + 1))
    np.testing.assert_allclose(
        [shown["values"][str(number)] for number in range(triangles + 1, triangles + len(ball_head.tets) + 1)],
        e[:, 2],
        rtol=1e-6,
    )
