"""Gmsh 2.2 files: what is written is read again, odd but legal files are read, damaged ones are one line."""

import importlib.util
import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import Delaunay

from meshes import HeadMesh, InputError
from meshes.formats.gmsh_io import read_gmsh, write_gmsh
from meshes.head import FACES
from meshes.surfaces import tets_beside, tissue_surfaces

SPHERE = Path(__file__).parents[3] / "shared" / "peer" / "sphere" / "sphere3.msh"
POINTS = np.array([[0.0, 0, 0], [10, 0, 0], [0, 20, 0], [0, 0, 30], [-10, -20, -30]])
PAIR = HeadMesh(POINTS, np.array([[0, 1, 2, 3], [0, 2, 1, 4]]), np.array([2, 5]))

ASCII = """$MeshFormat
2.2 0 8
$EndMeshFormat
$Comments
anything $Nodes not a section
$EndComments
$Nodes
5
7 0 0 0
3 10 0 0
100 0 20 0
5 0 0 30
9 1 1 1
$EndNodes
$Elements
4
2 15 2 0 1 7
30 2 2 1002 1002 7 3 100
40 4 3 2 2 0 7 3 100 5
41 4 3 0 5 0 7 5 3 9
$EndElements
$ElementData
1
"magnE"
1
0.0
3
0
1
2
41 4.5
30 3.5
$EndElementData
$NodeData
1
"V"
1
0.0
3
0
3
1
5 1 2 3
$EndNodeData
$ElementNodeData
1
"corner"
1
0.0
3
0
1
2
30 3 1 2 3
41 4 1 2 3 4
$EndElementNodeData
"""


@st.composite
def meshes(draw: st.DrawFn) -> HeadMesh:
    count = draw(st.integers(5, 30))
    points = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).normal(size=(count, 3)) * 50
    tets = Delaunay(points).simplices
    mesh = HeadMesh(points, tets, draw(arrays(np.int32, len(tets), elements=st.integers(1, 10))))
    tets = np.where((mesh.volumes_mm3 < 0)[:, None], tets[:, [0, 1, 3, 2]], tets)
    return HeadMesh(points, tets, mesh.tissue)


def same(a: HeadMesh, b: HeadMesh) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("points_mm", "tets", "tissue", "triangles", "triangle_tissue")
    )


@settings(max_examples=40, deadline=None)
@given(mesh=meshes(), binary=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_what_is_written_is_read(tmp_path_factory, mesh, binary, seed):
    path = tmp_path_factory.mktemp("gmsh") / "head.msh"
    random = np.random.default_rng(seed)
    vector, scalar = random.normal(size=(len(mesh.tets), 3)), random.normal(size=len(mesh.points_mm)) * 1e-30
    write_gmsh(path, mesh, {"E": vector, "magnE": np.linalg.norm(vector, axis=1)}, {"v": scalar}, binary)
    found = read_gmsh(path)
    np.testing.assert_array_equal(found.mesh.points_mm, mesh.points_mm)
    np.testing.assert_array_equal(found.mesh.tets, mesh.tets)
    np.testing.assert_array_equal(found.mesh.tissue, mesh.tissue)
    np.testing.assert_array_equal(found.element_data["E"], vector)
    np.testing.assert_array_equal(found.element_data["magnE"], np.linalg.norm(vector, axis=1))
    np.testing.assert_array_equal(found.node_data["v"], scalar)
    # the surfaces it made are kept when it is written again, so a second trip changes nothing
    triangles, tags = tissue_surfaces(mesh)
    np.testing.assert_array_equal(found.mesh.triangles, triangles)
    np.testing.assert_array_equal(found.mesh.triangle_tissue, tags)
    np.testing.assert_array_equal(found.triangle_data["E"], vector[tets_beside(found.mesh)])
    write_gmsh(path, found.mesh)
    assert same(read_gmsh(path).mesh, found.mesh)


@settings(max_examples=40, deadline=None)
@given(mesh=meshes())
def test_surfaces_are_every_face_between_tissues_once(mesh):
    triangles, tags = tissue_surfaces(mesh)
    owners: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}
    for tet, code in zip(mesh.tets, mesh.tissue, strict=True):
        for face in tet[FACES]:
            owners.setdefault(tuple(sorted(face.tolist())), []).append((int(code), tuple(face.tolist())))
    order = [1, 2, 9, 3, 4, 8, 7, 6, 10, 5]
    expected = {}
    for face, sides in owners.items():
        codes = [code for code, _ in sides]
        if len(set(codes)) == len(codes):  # one side, or two tissues
            expected[face] = 1000 + min(codes, key=order.index)
    assert expected == {tuple(sorted(t)): tag for t, tag in zip(triangles.tolist(), tags.tolist(), strict=True)}
    # normals out of the tissue the triangle belongs to
    with_surfaces = HeadMesh(mesh.points_mm, mesh.tets, mesh.tissue, triangles, tags)
    beside = tets_beside(with_surfaces)
    np.testing.assert_array_equal(mesh.tissue[beside], tags - 1000)
    corners = mesh.points_mm[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("ij,ij->i", normals, corners[:, 0] - mesh.centroids_mm[beside]) > 0).all()


def test_triangles_without_a_tetrahedron_are_known():
    lone = HeadMesh(POINTS, PAIR.tets[:1], [2], [[0, 1, 4], [2, 1, 0], [0, 1, 2]], [1005, 1002, 1002])
    assert tets_beside(lone).tolist() == [-1, 0, 0]
    wrong_tag = HeadMesh(POINTS, PAIR.tets, PAIR.tissue, [[0, 1, 2], [0, 1, 2]], [1005, 1003])
    assert tets_beside(wrong_tag)[0] == 1
    assert tets_beside(wrong_tag)[1] in (0, 1)


def test_sparse_numbers_other_elements_and_partial_data(tmp_path, caplog):
    path = tmp_path / "odd.msh"
    path.write_text(ASCII.replace("\n", "\r\n"))
    with caplog.at_level(logging.INFO):
        found = read_gmsh(path)
    np.testing.assert_array_equal(found.mesh.points_mm, [[0, 0, 0], [10, 0, 0], [0, 20, 0], [0, 0, 30], [1, 1, 1]])
    assert found.mesh.tissue.tolist() == [2, 5]  # the second has no physical tag: its elementary one counts
    assert found.mesh.triangles.tolist() == [[0, 1, 2]]
    assert found.mesh.tets[0].tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(found.element_data["magnE"], [np.nan, 4.5])
    np.testing.assert_array_equal(found.triangle_data["magnE"], [3.5])
    np.testing.assert_array_equal(found.node_data["V"][3], [1, 2, 3])
    assert np.isnan(found.node_data["V"][[0, 1, 2, 4]]).all()
    # (7, 5, 3, 9) has negative volume or not; its values follow its nodes
    assert (found.mesh.volumes_mm3 > 0).all()
    value_of_node = dict(zip(found.mesh.tets[1].tolist(), found.element_node_data["corner"][1].tolist(), strict=True))
    assert value_of_node == {0: 1.0, 3: 2.0, 1: 3.0, 4: 4.0}
    assert "type 15" in caplog.text


def test_negative_tetrahedra_are_turned_in_place(tmp_path):
    path = tmp_path / "turned.msh"
    turned = HeadMesh(POINTS, np.array([[0, 1, 3, 2], [0, 2, 1, 4]]), PAIR.tissue)
    assert turned.volumes_mm3[0] < 0
    write_gmsh(path, turned)
    found = read_gmsh(path).mesh
    assert (found.volumes_mm3 > 0).all()
    assert [set(t) for t in found.tets.tolist()] == [{0, 1, 2, 3}, {0, 1, 2, 4}]
    assert found.tissue.tolist() == [2, 5]


def test_unused_nodes_are_left_out(tmp_path):
    path = tmp_path / "unused.msh"
    extra = HeadMesh(np.vstack([[[99.0, 99, 99]], POINTS]), PAIR.tets + 1, PAIR.tissue)
    write_gmsh(path, extra, node_data={"n": np.arange(6.0)})
    found = read_gmsh(path)
    np.testing.assert_array_equal(found.mesh.points_mm, POINTS)
    np.testing.assert_array_equal(found.node_data["n"], [1, 2, 3, 4, 5])


def test_a_header_before_every_element(tmp_path):
    """Some writers of binary files do not group elements."""
    path = tmp_path / "single.msh"
    parts = [b"$MeshFormat\n2.2 1 8\n", np.array(1, "<i4").tobytes(), b"\n$EndMeshFormat\n$Nodes\n5\n"]
    nodes = np.zeros(5, [("number", "<i4"), ("point", "<f8", (3,))])
    nodes["number"], nodes["point"] = np.arange(1, 6), POINTS
    parts += [nodes.tobytes(), b"\n$EndNodes\n$Elements\n4\n"]
    for row in ([2, 1, 2, 1, 1002, 0, 1, 2, 3], [4, 1, 2, 2, 2, 0, 1, 2, 3, 4], [4, 1, 2, 3, 5, 0, 1, 3, 2, 5]):
        parts.append(np.array(row, "<i4").tobytes())
    parts.append(np.array([2, 1, 1, 4, 1005, 1, 2, 4], "<i4").tobytes())
    parts.append(b"\n$EndElements\n")
    path.write_bytes(b"".join(parts))
    found = read_gmsh(path).mesh
    np.testing.assert_array_equal(found.tets, PAIR.tets)
    assert found.tissue.tolist() == [2, 5]
    assert found.triangle_tissue.tolist() == [1002, 1005]


@pytest.mark.parametrize("binary", [True, False])
def test_a_cut_file_is_one_line_and_never_a_mesh(tmp_path, binary):
    whole = tmp_path / "whole.msh"
    write_gmsh(whole, PAIR, {"magnE": np.array([1.0, 2.0])}, {"v": np.arange(5.0)}, binary)
    data = whole.read_bytes()
    cut = tmp_path / "cut.msh"
    for end in range(len(data) - 1):
        cut.write_bytes(data[:end])
        section_ends = data[:end].rstrip().endswith((b"$EndElements", b"$EndNodeData", b"$EndElementData"))
        if section_ends:
            continue  # legal: a file without the sections after it
        with pytest.raises(InputError) as error:
            read_gmsh(cut)
        assert "\n" not in str(error.value)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), binary=st.booleans())
def test_damage_is_an_input_error_or_another_mesh_but_no_crash(tmp_path_factory, data, binary):
    folder = tmp_path_factory.mktemp("damage")
    write_gmsh(folder / "whole.msh", PAIR, {"magnE": np.array([1.0, 2.0])}, binary=binary)
    content = bytearray((folder / "whole.msh").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "damaged.msh").write_bytes(content)
    try:
        read_gmsh(folder / "damaged.msh")
    except InputError as error:
        assert "\n" not in str(error)


def changed(old: str, new: str) -> str:
    assert old in ASCII
    return ASCII.replace(old, new)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("solid stl\n", "not a Gmsh mesh"),
        (changed("2.2 0 8", "4.1 0 8"), "-format msh22"),
        (changed("2.2 0 8", "2.2 0 4"), "number size"),
        (changed("40 4 3", "40 11 3"), "truncated or damaged"),
        (changed("7 3 100 5\n", "7 3 100 77\n"), "a node that is not there"),
        (changed("3 10 0 0", "3 ten 0 0"), "words"),
        (changed("3 10 0 0", "3 nan 0 0"), "not finite"),
        (changed("$Nodes\n5", "$Nodes\n6"), "6 nodes announced"),
        (changed("$Elements\n4", "$Elements\n3"), "more elements"),
        (changed("41 4.5\n", ""), "missing"),
        (changed("41 4.5\n", "42 4.5\n"), "'magnE' has values for 1 elements that the mesh lacks"),
        (changed("5 1 2 3\n", "6 1 2 3\n"), "'V' has values for 1 nodes that the mesh lacks"),
        (changed("41 4 1 2 3 4\n", "42 4 1 2 3 4\n"), "'corner' has values for 1 elements"),
        (changed("$EndNodeData", "$EndElementData"), "does not end"),
        (
            ASCII[: ASCII.index("$Elements")] + "$Elements\n1\n30 2 2 1002 1002 7 3 100\n$EndElements\n",
            "no tetrahedra",
        ),
    ],
)
def test_bad_files_say_why(tmp_path, text, says):
    path = tmp_path / "bad.msh"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as error:
        read_gmsh(path)
    assert "\n" not in str(error.value)


def test_big_endian_and_missing_files(tmp_path):
    path = tmp_path / "big.msh"
    path.write_bytes(b"$MeshFormat\n2.2 1 8\n" + np.array(1, ">i4").tobytes() + b"\n$EndMeshFormat\n")
    with pytest.raises(InputError, match="big-endian"):
        read_gmsh(path)
    with pytest.raises(InputError, match="No such file"):
        read_gmsh(tmp_path / "none.msh")


def test_a_field_of_the_wrong_length_writes_nothing(tmp_path):
    with pytest.raises(InputError, match="'E' has shape"):
        write_gmsh(tmp_path / "head.msh", PAIR, {"E": np.zeros((3, 3))})
    with pytest.raises(InputError, match="'v' has shape"):
        write_gmsh(tmp_path / "head.msh", PAIR, node_data={"v": np.zeros((5, 2))})
    assert not list(tmp_path.iterdir())


SHOW = """
import json, sys, gmsh
gmsh.initialize(["gmsh", "-nopopup"])
gmsh.option.setNumber("General.Terminal", 0)
gmsh.open(sys.argv[1])
views = {}
for tag in gmsh.view.getTags():
    kind, numbers, values, _, components = gmsh.view.getModelData(tag, 0)
    views[gmsh.view.option.getString(tag, "Name")] = [kind, int(components), [int(n) for n in numbers],
        [[float(x) for x in value] for value in values]]
print(json.dumps(views))
"""


@pytest.mark.skipif(importlib.util.find_spec("gmsh") is None, reason="Gmsh (the gmsh package) is not here")
@pytest.mark.parametrize("binary", [True, False])
def test_gmsh_reads_our_fields(tmp_path, binary):
    """Scalars and vectors, on elements (surfaces first, by their tetrahedron) and on nodes."""
    e, v = np.array([[1.0, 2, 3], [4, 5, 6]]), np.arange(5.0)
    write_gmsh(tmp_path / "E.msh", PAIR, {"E": e, "magnE": e[:, 0]}, {"v": v}, binary)
    child = [sys.executable, "-c", SHOW, str(tmp_path / "E.msh")]
    done = subprocess.run(child, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    views = json.loads(done.stdout)
    with_surfaces = read_gmsh(tmp_path / "E.msh").mesh
    n = len(with_surfaces.triangles)
    shown = [*tets_beside(with_surfaces), 0, 1]
    assert views["v"] == ["NodeData", 1, [1, 2, 3, 4, 5], v[:, None].tolist()]
    assert views["E"] == ["ElementData", 3, list(range(1, n + 3)), e[shown].tolist()]
    assert views["magnE"] == ["ElementData", 1, list(range(1, n + 3)), e[shown, :1].tolist()]


@pytest.mark.slow
@pytest.mark.skipif(not SPHERE.exists(), reason="the peer's sphere (../shared/peer/sphere) is not here")
@pytest.mark.parametrize("binary", [True, False])
def test_the_peers_own_file(tmp_path, binary):
    sphere = read_gmsh(SPHERE).mesh
    assert (len(sphere.points_mm), len(sphere.tets), len(sphere.triangles)) == (4556, 22704, 7826)
    assert np.bincount(sphere.tissue).tolist() == [0, 0, 0, 6834, 7601, 8269]
    # its surfaces are those made here
    triangles, tags = tissue_surfaces(sphere)
    ours = {(*sorted(t), tag) for t, tag in zip(triangles.tolist(), tags.tolist(), strict=True)}
    theirs = zip(sphere.triangles.tolist(), sphere.triangle_tissue.tolist(), strict=True)
    assert ours == {(*sorted(t), tag) for t, tag in theirs}
    write_gmsh(tmp_path / "again.msh", sphere, binary=binary)
    assert same(read_gmsh(tmp_path / "again.msh").mesh, sphere)
    if binary:
        assert (tmp_path / "again.msh").read_bytes() == SPHERE.read_bytes()
