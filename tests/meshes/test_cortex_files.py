"""Surfaces from FreeSurfer and SimNIBS: frames, sides, damaged files."""

import nibabel as nib
import numpy as np
import pytest
from cortices import sphere
from heads import layered_ball

from meshes import InputError
from meshes.cortex_fit import check_fit
from meshes.cortical_surface import Cortex, CorticalSurface
from meshes.formats.cortex_files import cortex_files, read_cortex
from meshes.formats.freesurfer import read_freesurfer
from meshes.formats.gifti import read_surface, write_surface

# a volume that is neither conformed nor upright: axes turned about x and z, 200 × 220 × 180 voxels of 0.8 × 1 × 1.2 mm
TILT, TURN = np.deg2rad(20), np.deg2rad(-35)
ABOUT_X = np.array([[1, 0, 0], [0, np.cos(TILT), -np.sin(TILT)], [0, np.sin(TILT), np.cos(TILT)]])
ABOUT_Z = np.array([[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]])
DIRECTIONS = ABOUT_X @ ABOUT_Z @ np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
SIZE, VOXEL, MIDDLE = np.array([200, 220, 180]), np.array([0.8, 1.0, 1.2]), np.array([3.5, -22.0, 14.0])


def orig_header():
    header = nib.freesurfer.mghformat.MGHHeader()
    header.set_data_shape(SIZE)
    header.set_zooms(VOXEL)
    header["Mdc"] = DIRECTIONS.T
    header["Pxyz_c"] = MIDDLE
    return header


def to_tk(points_mm):
    """Scanner RAS → tkRAS by way of the voxels, as FreeSurfer defines it."""
    header = orig_header()
    voxels = np.linalg.inv(header.get_vox2ras()) @ np.c_[points_mm, np.ones(len(points_mm))].T
    return (header.get_vox2ras_tkr() @ voxels)[:3].T


def footer():
    x, y, z = DIRECTIONS.T
    geometry = {"head": [2, 0, 20], "valid": "1  # volume info valid", "filename": "orig.mgz"}
    return {**geometry, "volume": SIZE, "voxelsize": VOXEL, "xras": x, "yras": y, "zras": z, "cras": MIDDLE}


@pytest.fixture
def subject(tmp_path):
    """A FreeSurfer folder of two balls: left large, right small; and where their middles are."""
    (tmp_path / "surf").mkdir()
    sides = {"lh": (sphere(1.0, 300), 30.0, [-36, 4, 20]), "rh": (sphere(1.0, 200), 22.0, [33, -9, 28])}
    for side, (unit, radius, center) in sides.items():
        for layer, extra in (("white", -1.5), ("pial", 1.5)):
            points = to_tk(unit.points_mm * (radius + extra) + center)
            path = tmp_path / "surf" / f"{side}.{layer}"
            nib.freesurfer.write_geometry(path, points, unit.triangles, volume_info=footer())
    return tmp_path


def assert_the_two_balls(cortex):
    for surface, radius, center in ((cortex.left, 30, [-36, 4, 20]), (cortex.right, 22, [33, -9, 28])):
        away = surface.points_mm - center
        assert np.linalg.norm(away, axis=1) == pytest.approx(radius, abs=1e-3)
        assert np.einsum("ij,ij->i", surface.normals, away).min() > 0  # outward, whatever the frame does


def test_freesurfers_frame_becomes_the_scanners(subject):
    assert_the_two_balls(read_freesurfer(subject))
    assert_the_two_balls(read_cortex(subject / "surf"))
    assert set(cortex_files(subject)) == {"lh.white", "lh.pial", "rh.white", "rh.pial"}


def test_a_pial_surface_whose_link_was_lost_is_found(subject):
    (subject / "surf" / "lh.pial").rename(subject / "surf" / "lh.pial.T1")
    assert_the_two_balls(read_freesurfer(subject))
    assert cortex_files(subject)["lh.pial"].name == "lh.pial.T1"


def test_without_a_footer_the_volume_says_where_the_brain_is(subject):
    for path in (subject / "surf").iterdir():
        points, triangles = nib.freesurfer.read_geometry(path)
        nib.freesurfer.write_geometry(path, points, triangles)
    with pytest.raises(InputError, match=r"does not say where the brain is.*orig\.mgz"):
        read_cortex(subject)
    (subject / "mri").mkdir()
    volume = nib.MGHImage(np.zeros(SIZE, np.uint8), None, orig_header())
    nib.save(volume, subject / "mri" / "orig.mgz")
    assert_the_two_balls(read_cortex(subject))


def test_bad_surfaces_are_told_in_a_line(subject, tmp_path):
    path = subject / "surf" / "rh.pial"
    whole = path.read_bytes()
    for part in (0, 2, 40, 900, len(whole) // 2):
        path.write_bytes(whole[:part])
        with pytest.raises(InputError, match=r"rh\.pial is (truncated|empty)") as told:
            read_cortex(subject)
        assert "\n" not in str(told.value)
    path.write_bytes((subject / "surf" / "lh.pial").read_bytes())
    with pytest.raises(InputError, match="no pair"):
        read_cortex(subject)
    path.unlink()
    with pytest.raises(InputError, match=r"has no rh\.pial"):
        read_cortex(subject)
    with pytest.raises(InputError, match="there is no folder"):
        read_cortex(subject / "nowhere")


def test_exchanged_sides_are_noticed(subject):
    surf = subject / "surf"
    for layer in ("white", "pial"):
        (surf / f"lh.{layer}").rename(surf / "kept")
        (surf / f"rh.{layer}").rename(surf / f"lh.{layer}")
        (surf / "kept").rename(surf / f"rh.{layer}")
    with pytest.raises(InputError, match="mixed up"):
        read_cortex(subject)


def test_charms_central_surfaces_are_read_as_they_are(tmp_path):
    (tmp_path / "surfaces").mkdir()
    left, right = sphere(30, 300, (-36, 4, 20)), sphere(22, 200, (33, -9, 28))
    inside_out = CorticalSurface(right.points_mm, right.triangles[:, ::-1])
    for side, surface in (("lh", left), ("rh", inside_out)):
        write_surface(tmp_path / "surfaces" / f"{side}.central.gii", surface, side)
    cortex = read_cortex(tmp_path)
    assert_the_two_balls(cortex)
    assert cortex.source == "SimNIBS' central surfaces"
    path = tmp_path / "surfaces" / "lh.central.gii"
    whole = path.read_bytes()
    for part in (0, 50, len(whole) // 2):
        path.write_bytes(whole[:part])
        with pytest.raises(InputError, match=r"lh\.central\.gii is (truncated or no GIFTI|empty)"):
            read_cortex(tmp_path)


def test_values_are_no_surface(tmp_path):
    from meshes.formats.gifti import write_values

    write_values(tmp_path / "lh.magnE.func.gii", np.ones(5), "magnE", "lh")
    with pytest.raises(InputError, match="no surface"):
        read_surface(tmp_path / "lh.magnE.func.gii")


@pytest.mark.slow
def test_surfaces_of_another_head_are_refused():
    head = layered_ball(8.0)
    check_fit(Cortex(sphere(67, 800), sphere(67, 800), "its own"), head, "here")
    with pytest.raises(InputError, match="same T1"):
        check_fit(Cortex(sphere(67, 800), sphere(67, 800, (60, 0, 0)), "another's"), head, "here")
