"""The field on the group's cortex and in MNI152: what other programs read there, and that left stays left."""

import nibabel as nib
import numpy as np
import pytest
from folded_group import group_as_subject

from atlases import MniWarp
from atlases.fslr import data_folder, grayordinates, group_cortex
from meshes.cortical_surface import Cortex, CorticalSurface, Folds
from targeting.fem.cortical_field import CorticalField
from targeting.files.group_spaces import MNI_AFFINE_MM, MNI_SHAPE, values_on_group, write_in_mni, write_on_group_cortex


def lopsided(cortex):
    """A field along z that is larger on the left and at the back: 200 − x − y/2 V/m."""
    points = cortex.whole.points_mm
    size = 200 - points[:, 0] - points[:, 1] / 2
    return CorticalField(cortex, size[:, None] * [0.0, 0, 1])


def size_of_group(side):
    points = group_cortex(side).central.points_mm
    return 200 - points[:, 0] - points[:, 1] / 2


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("group")
    return folder, write_on_group_cortex(folder, lopsided(group_as_subject()), "2 mA")


def test_gifti_has_each_side_at_its_vertices_and_no_value_on_the_medial_wall(written):
    folder, paths = written
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in paths)
    for side, structure in (("lh", "CortexLeft"), ("rh", "CortexRight")):
        image = nib.load(folder / f"{side}.magnE.32k_fs_LR.func.gii")
        assert image.meta["AnatomicalStructurePrimary"] == structure
        assert image.darrays[0].meta["Name"] == "magnE (V/m at 2 mA)"
        values, cortex = image.darrays[0].data, group_cortex(side).cortex
        assert values.shape == (32492,) and np.isnan(values[~cortex]).all()
        np.testing.assert_allclose(values[cortex], size_of_group(side)[cortex], rtol=1e-6)


def test_the_normal_component_is_positive_into_the_cortex(written):
    folder, _ = written
    normal = nib.load(folder / "rh.normalE.32k_fs_LR.func.gii").darrays[0].data
    group = group_cortex("rh")
    expected = -size_of_group("rh") * group.central.normals[:, 2]
    np.testing.assert_allclose(normal[group.cortex], expected[group.cortex], rtol=1e-4, atol=1e-3)
    top = np.where(group.cortex, group.central.points_mm[:, 2], -np.inf).argmax()
    assert normal[top] < 0  # on a crown the field along +z points out of it


def test_cifti_leaves_the_medial_wall_out_and_has_the_left_first(written):
    folder, _ = written
    image = nib.load(folder / "magnE.32k_fs_LR.dscalar.nii")
    names, brain = (image.header.get_axis(i) for i in (0, 1))
    assert image.shape == (2, 29696 + 29716) and int(image.nifti_header["intent_code"]) == 3006
    assert list(names.name) == ["magnE (V/m at 2 mA)", "normalE (V/m at 2 mA)"]
    values = image.get_fdata()[0]
    parts = {name: values[where] for name, where, _ in brain.iter_structures()}
    assert list(parts) == ["CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT"]
    for side, part in zip(("lh", "rh"), parts.values(), strict=True):
        np.testing.assert_allclose(part, size_of_group(side)[grayordinates(side)], rtol=1e-6)
    assert np.nanmean(parts["CIFTI_STRUCTURE_CORTEX_LEFT"]) > np.nanmean(parts["CIFTI_STRUCTURE_CORTEX_RIGHT"]) + 20


def test_a_side_without_folds_has_no_values_and_without_any_there_are_no_files(tmp_path):
    write_on_group_cortex(tmp_path, lopsided(group_as_subject(["lh"])))
    assert np.isnan(nib.load(tmp_path / "rh.magnE.32k_fs_LR.func.gii").darrays[0].data).all()
    assert np.isfinite(nib.load(tmp_path / "lh.magnE.32k_fs_LR.func.gii").darrays[0].data).sum() == 29696
    dense = nib.load(tmp_path / "magnE.32k_fs_LR.dscalar.nii").get_fdata()
    assert np.isfinite(dense[:, :29696]).all() and np.isnan(dense[:, 29696:]).all()
    (tmp_path / "none").mkdir()
    assert write_on_group_cortex(tmp_path / "none", lopsided(group_as_subject([]))) == []
    assert not list((tmp_path / "none").iterdir())


def ball_as_left():
    """A person whose left hemisphere is a ball, of other vertices than the group's."""
    import pyvista as pv

    ball = pv.Icosphere(radius=1, nsub=5)
    sphere, triangles = np.asarray(ball.points, float), ball.regular_faces
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    flat = np.zeros(len(sphere))
    folds = Folds(60 * sphere, 64 * sphere, flat + 4, flat, sphere, sphere, flat == 0)
    left = CorticalSurface(62 * sphere, triangles)
    right = group_as_subject([]).right
    return Cortex(left, right, "a ball", {"lh": folds})


def test_between_the_persons_vertices_it_is_linear():
    found = values_on_group(lopsided(ball_as_left()))["magnE"]["lh"]
    group = group_cortex("lh")
    expected = 200 - 62 * group.sphere[:, 0] - 31 * group.sphere[:, 1]
    np.testing.assert_allclose(found[group.cortex], expected[group.cortex], atol=0.1)


def test_a_gap_in_the_persons_field_takes_no_value_of_its_neighbours_away():
    cortex = ball_as_left()
    whole = lopsided(cortex)
    gap = cortex.whole.points_mm[:, 2] < -55  # a cap of the ball, as on a medial wall
    gap[len(cortex.left.points_mm) :] = False
    field = CorticalField(cortex, np.where(gap[:, None], np.nan, whole.e_v_per_m))
    found, truth = (values_on_group(each)["magnE"]["lh"] for each in (field, whole))
    missing, inside = np.isnan(found), 62 * group_cortex("lh").sphere[:, 2] < -55
    assert not (missing & ~inside & group_cortex("lh").cortex).any() and missing[inside].mean() > 0.9
    told = ~missing
    np.testing.assert_allclose(found[told], truth[told], atol=3)  # at its edge by the corners that are known


@pytest.mark.slow
def test_the_image_in_mni_has_each_value_where_the_registration_puts_it(tmp_path):
    affine = np.array([[0.0, 0, 2, -120], [-2, 0, 0, 130], [0, 2, 0, -100], [0, 0, 0, 1]])  # axes permuted, one flipped
    shape = (120, 100, 130)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    place = index @ affine[:3, :3].T + affine[:3, 3]
    on_grid = (300 - place[..., 0] - place[..., 1] / 2).astype(np.float32)
    to_subject = np.eye(4)
    to_subject[:3, 3] = [6.0, -4.0, 10.0]
    warp = MniWarp(to_subject, np.zeros((2, 2, 2, 3), np.float32), np.zeros(3), 1.0)
    path = write_in_mni(tmp_path, on_grid, affine, warp, 250.0, "2 mA")
    image = nib.load(path)
    assert image.shape == MNI_SHAPE and path.name == "magnE_MNI152.nii.gz"
    np.testing.assert_allclose(image.affine, MNI_AFFINE_MM)
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (4, 4)
    assert bytes(image.header["descrip"]).rstrip(b"\0") == b"|E| in V/m at 2 mA"
    values = image.get_fdata()
    for point in ([-40.0, -20, 50], [40, 30, 20], [0, 0, 0]):
        voxel = tuple(np.rint(np.linalg.inv(image.affine) @ [*point, 1])[:3].astype(int))
        x, y, _ = np.array(point) + to_subject[:3, 3]
        assert values[voxel] == pytest.approx(300 - x - y / 2, abs=3.1)  # within the nearest voxel
    assert values[0, 0, 0] == 0 and np.isfinite(values).all()  # that corner is outside the image


@pytest.mark.slow
def test_nilearn_draws_them_in_one_line_each(written, tmp_path):
    import matplotlib

    matplotlib.use("agg")
    from nilearn import plotting

    folder, _ = written
    mesh = data_folder() / "S1200.L.inflated_MSMAll.32k_fs_LR.surf.gii"
    figure = plotting.plot_surf_stat_map(str(mesh), str(folder / "lh.magnE.32k_fs_LR.func.gii"), hemi="left")
    figure.savefig(tmp_path / "surface.png")
    volume = write_in_mni(tmp_path, np.full((100, 100, 100), 2.0), np.diag([2.0, 2, 2, 1]), MniWarp.identity(), 2.0)
    plotting.plot_stat_map(str(volume), output_file=tmp_path / "volume.png")
    assert (tmp_path / "surface.png").stat().st_size > 20_000 and (tmp_path / "volume.png").stat().st_size > 20_000
