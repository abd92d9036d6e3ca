"""The field's files agree with each other and with the mesh, and carry the T1's frame."""

import nibabel as nib
import numpy as np
import pytest
import pyvista as pv

from meshes import InputError
from meshes.errors import WriteError
from meshes.formats.gmsh_io import read_gmsh
from targeting.files.fields import write_field_files


def lopsided_field(head):
    """Large on the left, pointing up."""
    return np.column_stack([np.zeros(len(head.tets)), np.zeros(len(head.tets)), 100 - head.centroids_mm[:, 0]])


def test_the_files(tmp_path, ball_head):
    field = lopsided_field(ball_head)
    affine = np.array([[0.0, 0, 2, -100], [-2, 0, 0, 100], [0, 2, 0, -100], [0, 0, 0, 1]])  # axes permuted and flipped
    shape = (100, 98, 102)
    paths = write_field_files(tmp_path, ball_head, field, affine, shape, 120.0, conditions="dI/dt = 2.5 A/us")
    assert [path.name for path in paths] == ["E.vtu", "E.msh", "E.msh.opt", "magnE.nii.gz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)

    found = read_gmsh(tmp_path / "E.msh")
    np.testing.assert_allclose(found.element_data["E"], field, rtol=1e-6)
    np.testing.assert_allclose(found.element_data["magnE"], field[:, 2], rtol=1e-6)
    on_gm = found.mesh.triangle_tissue == 1002
    assert on_gm.any()
    centre_x = found.mesh.points_mm[found.mesh.triangles[on_gm]].mean(1)[:, 0]
    np.testing.assert_allclose(found.triangle_data["magnE"][on_gm], 100 - centre_x, atol=8)  # one element away

    grid = pv.read(tmp_path / "E.vtu")
    np.testing.assert_allclose(grid.cell_data["E"], field, rtol=1e-6)

    image = nib.load(tmp_path / "magnE.nii.gz")
    assert image.shape == shape
    np.testing.assert_allclose(image.get_sform(), affine)
    np.testing.assert_allclose(image.get_qform(), affine, atol=1e-5)
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert bytes(image.header["descrip"]).rstrip(b"\0") == b"|E| in V/m at dI/dt = 2.5 A/us"
    values = image.get_fdata()
    for point in ([-70.0, 0, 0], [70, 0, 0]):
        voxel = tuple(np.round(np.linalg.inv(affine) @ [*point, 1])[:3].astype(int))
        assert values[voxel] == pytest.approx(100 - point[0], abs=8)
    assert values[0, 0, 0] == 0
    assert float(image.header["cal_max"]) == 120


def test_gmsh_shows_grey_matter_by_magnitude(tmp_path, ball_head):
    write_field_files(tmp_path, ball_head, lopsided_field(ball_head), np.eye(4), (2, 2, 2), 150.0)
    view = (tmp_path / "E.msh.opt").read_text()
    assert "Surface{1002}" in view
    assert "View[0].Visible = 0;" in view
    assert "View[1].CustomMax = 150;" in view
    # view 1 is magnE: the second data section of the file
    content = (tmp_path / "E.msh").read_bytes()
    assert 0 < content.index(b'"E"') < content.index(b'"magnE"')


def test_a_field_of_another_mesh_is_refused(tmp_path, ball_head):
    with pytest.raises(InputError, match="the mesh needs"):
        write_field_files(tmp_path, ball_head, np.zeros((3, 3)), np.eye(4), (2, 2, 2), 150.0)
    assert not list(tmp_path.iterdir())
    with pytest.raises(WriteError, match="cannot write"):
        write_field_files(tmp_path / "none", ball_head, lopsided_field(ball_head), np.eye(4), (2, 2, 2), 150.0)
