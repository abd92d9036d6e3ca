"""A folded hemisphere as files: what is written is read back, and pieces that do not fit together are refused."""

import numpy as np
import pytest

from meshes.cortical_surface import Cortex, CorticalSurface, Folds
from meshes.errors import InputError
from meshes.formats.folds_files import read_folds, write_folds
from meshes.formats.gifti import read_surface, read_values, write_values

TETRAHEDRON = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
FACES = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])


def hemisphere():
    """A skewed tetrahedron: no two numbers of it are the same, so that mixed up files show."""
    central = CorticalSurface(TETRAHEDRON * [30.0, 40, 50] + [-35.0, -20, 10], FACES)
    unit = TETRAHEDRON / np.sqrt(3)
    turn = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
    folds = Folds(
        white_mm=central.points_mm * 0.9,
        pial_mm=central.points_mm * 1.1,
        thickness_mm=np.array([2.0, 2.5, 3.0, 3.5]),
        depth_mm=np.array([0.0, 5.0, 10.0, 20.0]),
        sphere=unit,
        fslr=unit @ turn,
        cortex=np.array([True, False, True, True]),
    )
    return central, folds


def test_a_hemisphere_is_read_back(tmp_path):
    central, folds = hemisphere()
    write_folds(tmp_path, "lh", central, folds)
    again = read_folds(tmp_path, "lh")
    for name in ("white_mm", "pial_mm", "thickness_mm", "depth_mm", "sphere", "fslr", "cortex"):
        np.testing.assert_allclose(getattr(again, name), getattr(folds, name), rtol=1e-6, atol=1e-6, err_msg=name)
    pial = read_surface(tmp_path / "lh.pial.surf.gii")
    np.testing.assert_array_equal(pial.triangles, central.triangles)
    assert b"Pial" in (tmp_path / "lh.pial.surf.gii").read_bytes()
    assert not list(tmp_path.glob("rh*"))


def test_files_of_two_surfaces_are_refused(tmp_path):
    central, folds = hemisphere()
    write_folds(tmp_path, "rh", central, folds)
    write_values(tmp_path / "rh.depth.shape.gii", np.zeros(5), "depth (mm)", "rh")
    with pytest.raises(InputError, match="depth_mm has 5 rows"):
        read_folds(tmp_path, "rh")
    with pytest.raises(InputError, match="one number per vertex"):
        read_values(tmp_path / "rh.pial.surf.gii")
    with pytest.raises(InputError, match="folds of lh are not those of its surface"):
        Cortex(CorticalSurface(np.zeros((3, 3)), [[0, 1, 2]]), central, "test", {"lh": folds})
