"""Finished heads: a mesh file or charm's folder, what is beside it, and what is refused."""

import nibabel as nib
import numpy as np
import pytest

from meshes import HeadMesh, InputError
from meshes.formats.cortex_files import charm_files
from meshes.formats.head_folder import mesh_file_of, read_head, to_six_tissues
from meshes.one_body import without_electrodes


def relabelled(mesh, codes):
    return HeadMesh(mesh.points_mm, mesh.tets, np.array([codes.get(int(code), int(code)) for code in mesh.tissue]))


@pytest.fixture
def charm_folder(tmp_path, ball_head):
    folder = tmp_path / "m2m_subject 01"
    for part in ("toMNI", "eeg_positions"):
        (folder / part).mkdir(parents=True)
    ball_head.write(folder / "subject 01.msh")
    image = nib.Nifti1Image(np.zeros((3, 3, 3), np.uint8), np.eye(4))
    for name in ("T1.nii.gz", "final_tissues.nii.gz", "toMNI/Conform2MNI_nonl.nii.gz", "toMNI/MNI2Conform_nonl.nii.gz"):
        nib.save(image, folder / name)
    (folder / "eeg_positions" / "EEG10-10_UI_Jurak_2007.csv").write_text("Electrode,0,0,0,Cz\n")
    return folder


def test_a_charm_folder(charm_folder, ball_head):
    (charm_folder / "another.msh").write_text("")  # the one named like the folder is the head
    found = read_head(charm_folder)
    np.testing.assert_array_equal(found.mesh.tets, ball_head.tets)
    assert found.mesh_file == charm_folder / "subject 01.msh"
    assert found.t1 == charm_folder / "T1.nii.gz"
    assert found.labels == charm_folder / "final_tissues.nii.gz"
    assert found.subject_to_mni == charm_folder / "toMNI" / "Conform2MNI_nonl.nii.gz"
    assert found.mni_to_subject == charm_folder / "toMNI" / "MNI2Conform_nonl.nii.gz"
    assert [path.name for path in found.eeg_positions] == ["EEG10-10_UI_Jurak_2007.csv"]


@pytest.mark.parametrize("suffix", [".msh", ".vtu"])
def test_a_mesh_alone(tmp_path, ball_head, suffix):
    ball_head.write(tmp_path / f"head{suffix}")
    found = read_head(tmp_path / f"head{suffix}")
    np.testing.assert_array_equal(found.mesh.tissue, ball_head.tissue)
    assert (found.t1, found.labels, found.subject_to_mni, found.eeg_positions) == (None, None, None, ())


def test_which_mesh_of_a_folder(charm_folder):
    (charm_folder / "subject 01.msh").rename(charm_folder / "other.msh")
    assert mesh_file_of(charm_folder).name == "other.msh"
    (charm_folder / "third.msh").write_text("")
    with pytest.raises(InputError, match=r"several .msh \(other.msh, third.msh\)"):
        mesh_file_of(charm_folder)
    for path in charm_folder.glob("*.msh"):
        path.unlink()
    with pytest.raises(InputError, match=r"no \.msh, and there is no subject 01\.msh beside it"):
        read_head(charm_folder)
    with pytest.raises(InputError, match="there is no"):
        read_head(charm_folder / "none")


def test_a_link_and_headrecos_layout_are_found(charm_folder, tmp_path):
    (charm_folder / "another.msh").write_text("")
    link = tmp_path / "elsewhere"
    link.symlink_to(charm_folder, target_is_directory=True)
    assert mesh_file_of(link).name == "subject 01.msh"
    (charm_folder / "another.msh").unlink()
    (charm_folder / "subject 01.msh").rename(tmp_path / "subject 01.msh")
    (charm_folder / "T1.nii.gz").rename(charm_folder / "T1fs_conform.nii.gz")
    for folder in (charm_folder, link):
        assert mesh_file_of(folder).resolve() == (tmp_path / "subject 01.msh").resolve()
        assert read_head(folder).t1 == folder / "T1fs_conform.nii.gz"
    there = charm_folder / "segment" / "cat" / "surf"
    there.mkdir(parents=True)
    for side in ("lh", "rh"):
        (there / f"{side}.central.T1fs_conform.gii").write_text("")
    assert charm_files(charm_folder)["rh"] == there / "rh.central.T1fs_conform.gii"


def test_other_tissues_are_kept_and_merged_on_demand(tmp_path, ball_head):
    codes = {1: 1, 2: 2, 3: 9, 4: 8, 5: 5}
    relabelled(ball_head, codes).write(tmp_path / "head.msh")
    mesh = read_head(tmp_path / "head.msh").mesh
    assert np.unique(mesh.tissue).tolist() == [1, 2, 5, 8, 9]
    six = to_six_tissues(mesh)
    np.testing.assert_array_equal(six.tissue, ball_head.tissue)
    assert len(six.triangles) == 0
    assert to_six_tissues(ball_head) is ball_head
    with pytest.raises(InputError, match=r"tissue codes \[13\]"):
        to_six_tissues(relabelled(ball_head, {3: 13}))


def test_electrodes_are_left_out_with_their_nodes_and_surfaces(tmp_path, ball_head):
    # a pad of gel and rubber grown on one outer face: two tetrahedra, two nodes of their own
    face = ball_head.boundary()[0]
    outward = ball_head.points_mm[face].mean(0)
    apex = outward * 1.05
    far = outward * 1.2
    n = len(ball_head.points_mm)
    padded = HeadMesh(
        np.vstack([ball_head.points_mm, apex, far]),
        np.vstack([ball_head.tets, [*face, n], [face[0], face[1], n, n + 1]]),
        np.concatenate([ball_head.tissue, [501, 101]]),
    )
    padded.write(tmp_path / "padded.msh")
    assert set(np.unique(HeadMesh.read(tmp_path / "padded.msh").triangle_tissue)) >= {1101, 1501}
    mesh = read_head(tmp_path / "padded.msh").mesh
    np.testing.assert_array_equal(mesh.points_mm, ball_head.points_mm)
    assert len(mesh.tets) == len(ball_head.tets)
    assert mesh.triangle_tissue.max() == 1005
    assert without_electrodes(mesh) is mesh


@pytest.mark.parametrize(
    ("codes", "says"), [({2: 1}, "no grey matter"), ({4: 5}, "no skull"), ({5: 4}, "no scalp"), ({3: 42}, r"\[42\]")]
)
def test_a_head_lacks_a_tissue(tmp_path, ball_head, codes, says):
    relabelled(ball_head, codes).write(tmp_path / "head.msh")
    with pytest.raises(InputError, match=says):
        read_head(tmp_path / "head.msh")


def test_a_head_in_metres(tmp_path, ball_head):
    HeadMesh(ball_head.points_mm / 1e3, ball_head.tets, ball_head.tissue).write(tmp_path / "head.msh")
    with pytest.raises(InputError, match="metres"):
        read_head(tmp_path / "head.msh")
