"""Suffixes choose the format; a file is whole or not there."""

import os

import numpy as np
import pytest

from meshes import HeadMesh, InputError
from meshes.whole_files import written_whole

MESH = HeadMesh(np.vstack([np.zeros(3), np.eye(3)]), np.array([[0, 1, 2, 3]]), np.array([5]))


@pytest.mark.parametrize("name", ["head.msh", "HEAD.MSH", "head.vtu"])
def test_each_format_through_the_mesh_itself(tmp_path, name):
    MESH.write(tmp_path / name, {"E": np.array([[1.0, 2.0, 3.0]])}, {"v": np.arange(4.0)})
    found = HeadMesh.read(str(tmp_path / name))
    np.testing.assert_array_equal(found.points_mm, MESH.points_mm)
    np.testing.assert_array_equal(found.tets, MESH.tets)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["head.stl", "head", "head.msh.gz"])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path, name):
    for act in (MESH.write, HeadMesh.read):
        with pytest.raises(InputError, match=r"known are \.msh"):
            act(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["head.msh", "head.vtu"])
def test_a_missing_folder_is_one_line(tmp_path, name):
    with pytest.raises(InputError, match="cannot write") as error:
        MESH.write(tmp_path / "none" / name)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        MESH.write(tmp_path / "head.msh")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "head.msh"
    path.write_text("old")
    with pytest.raises(InputError, match="No space left"), written_whole(path) as temporary:
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
