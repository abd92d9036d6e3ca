"""Suffixes choose the format; a file is whole or not there."""

import os

import numpy as np
import pytest

from cli.main import run
from meshes import HeadMesh, InputError
from meshes.errors import WriteError
from meshes.formats.mesh_files import read_fields
from meshes.whole_files import written_whole

MESH = HeadMesh(np.vstack([np.zeros(3), np.eye(3)]), np.array([[0, 1, 2, 3]]), np.array([5]))


@pytest.mark.parametrize("name", ["head.msh", "HEAD.MSH", "head.vtu"])
def test_each_format_through_the_mesh_itself(tmp_path, name):
    MESH.write(tmp_path / name, {"E": np.array([[1.0, 2.0, 3.0]])}, {"v": np.arange(4.0)})
    found = HeadMesh.read(str(tmp_path / name))
    np.testing.assert_array_equal(found.points_mm, MESH.points_mm)
    np.testing.assert_array_equal(found.tets, MESH.tets)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["E.msh", "E.vtu"])
def test_fields_are_read_with_their_mesh(tmp_path, ball_head, name):
    """A vector and its old-named length per tetrahedron, a potential per node; left differs from right."""
    e = ball_head.centroids_mm * [1, 2, 3] + [100, 0, 0]
    v = ball_head.points_mm[:, 0] - 7
    ball_head.write(tmp_path / name, {"E": e, "normE": np.linalg.norm(e, axis=1)}, {"v": v})
    mesh, cells, points = read_fields(str(tmp_path / name))
    assert set(cells) == {"E", "magnE"} and set(points) == {"v"}
    np.testing.assert_array_equal(mesh.tets, ball_head.tets)
    np.testing.assert_array_equal(cells["E"], e)
    np.testing.assert_array_equal(cells["magnE"], np.linalg.norm(e, axis=1))
    np.testing.assert_array_equal(points["v"], v)
    # read once more after being written again, and the mesh's check does not mind the fields
    mesh.write(tmp_path / f"again-{name}", cells, points)
    np.testing.assert_array_equal(read_fields(tmp_path / f"again-{name}")[1]["E"], e)
    assert run(["mesh", "--check", str(tmp_path / name), "--quiet"]) == 0


def test_fields_in_any_order_by_any_numbers(tmp_path):
    """Elements numbered with gaps, data in another order than the elements, a field of the surface only."""
    path = tmp_path / "result.msh"
    path.write_text(
        "$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n5\n"
        "10 0 0 0\n20 10 0 0\n30 0 20 0\n40 0 0 30\n50 -10 -20 -30\n$EndNodes\n$Elements\n4\n"
        "900 2 2 1002 1002 10 20 30\n905 2 2 1005 1005 10 20 40\n"
        "7 4 2 2 2 10 20 30 40\n3 4 2 5 5 10 30 20 50\n$EndElements\n"
        '$ElementData\n1\n"normE"\n1\n0\n3\n0\n1\n4\n905 95\n3 30\n900 90\n7 70\n$EndElementData\n'
        '$ElementData\n1\n"E"\n1\n0\n3\n0\n3\n1\n3 1 2 3\n$EndElementData\n'
        '$ElementData\n1\n"thickness"\n1\n0\n3\n0\n1\n1\n900 2.5\n$EndElementData\n'
        '$NodeData\n1\n"v"\n1\n0\n3\n0\n1\n5\n50 5\n40 4\n30 3\n20 2\n10 1\n$EndNodeData\n'
    )
    mesh, cells, points = read_fields(path)
    assert mesh.tissue.tolist() == [2, 5] and set(cells) == {"magnE", "E"}
    assert cells["magnE"].tolist() == [70, 30]
    np.testing.assert_array_equal(cells["E"], [[np.nan] * 3, [1, 2, 3]])
    assert points["v"].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ["head.stl", "head", "head.msh.gz"])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path, name):
    for act in (MESH.write, HeadMesh.read, read_fields):
        with pytest.raises(InputError, match=r"known are \.msh"):
            act(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["head.msh", "head.vtu"])
def test_a_missing_folder_is_one_line(tmp_path, name):
    with pytest.raises(WriteError, match="cannot write") as error:
        MESH.write(tmp_path / "none" / name)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match="Permission denied"):
        MESH.write(tmp_path / "head.msh")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "head.msh"
    path.write_text("old")
    with pytest.raises(WriteError, match="No space left"), written_whole(path) as temporary:
        temporary.symlink_to("/dev/full")
        temporary.write_text("new")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["head.msh"]


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "head.msh"
    path.write_text("old")

    def fail():
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["head.msh"]
