"""Really made bad files: each gets one line that says what is wrong, exit code 2, and leaves what stood untouched.

A disk that refuses is nobody's mistake: exit code 1.
"""

import gzip
import resource
import signal
from pathlib import Path

import nibabel
import numpy as np
import pytest

from cli.main import run
from meshes import Tissue

BRIGHTNESS = {Tissue.WM: 110, Tissue.GM: 80, Tissue.CSF: 25, Tissue.SKULL: 15, Tissue.SCALP: 95, Tissue.EYES: 30}


@pytest.fixture(scope="module")
def head(colin27_tissues):
    """A made-up T1 of the embedded head, its labels and their affine."""
    labels = colin27_tissues.labels
    t1 = np.random.default_rng(0).normal(3, 1, labels.shape).clip(0)
    for tissue, value in BRIGHTNESS.items():
        t1[labels == tissue] += value
    return t1.astype(np.float32), labels, colin27_tissues.affine_mm


def save(path: Path, voxels, affine, qform=None) -> None:
    image = nibabel.Nifti1Image(voxels, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine if qform is None else qform, 1)
    nibabel.save(image, path)


def empty(path, head):
    path.write_bytes(b"")


def truncated(path, head):
    save(path, head[0], head[2])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def text(path, head):
    path.write_bytes(gzip.compress(b"this is a letter, not an image\n" * 100))


def four_d(path, head):
    save(path, np.stack([head[0], head[0]], -1), head[2])


def with_nan(path, head):
    voxels = head[0].copy()
    voxels[90, 100, 90] = np.nan
    save(path, voxels, head[2])


def brain_only(path, head):
    save(path, np.where(np.isin(head[1], [Tissue.WM, Tissue.GM, Tissue.CSF]), head[0], 0).astype(np.float32), head[2])


def thick_slices(path, head):
    save(path, head[0][:, :, ::4].copy(), head[2] @ np.diag([1, 1, 4, 1]))


def two_worlds(path, head):
    moved = head[2].copy()
    moved[:3, 3] += [0, 12, 0]
    save(path, head[0], head[2], qform=moved)


def cut_off_vertex(path, head):
    """The image ends inside the brain, at the top."""
    top = np.flatnonzero((head[1] == Tissue.GM).any(axis=(0, 1))).max()
    save(path, head[0][:, :, : top - 10].copy(), head[2])


def unknown_codes(path, head):
    voxels = head[1].copy()
    voxels[80:90, 80:90, 80:90] = 77
    save(path, voxels, head[2])


def no_skull(path, head):
    save(path, np.where(head[1] == Tissue.SKULL, Tissue.SCALP, head[1]).astype(np.uint8), head[2])


def no_scalp(path, head):
    save(path, np.where(head[1] == Tissue.SCALP, 0, head[1]).astype(np.uint8), head[2])


def fractions(path, head):
    save(path, head[1].astype(np.float32) * 0.3, head[2])


BAD_T1 = [empty, truncated, text, four_d, with_nan, brain_only, thick_slices, two_worlds, cut_off_vertex]
BAD_LABELS = [empty, truncated, text, four_d, unknown_codes, no_skull, no_scalp, fractions, thick_slices, two_worlds]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with an older plan in it, whose bytes must not change."""
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / "s1" / "plan.json"
    kept.parent.mkdir()
    kept.write_text("an older plan")
    yield tmp_path
    assert kept.read_text() == "an older plan"
    assert {path.name for path in kept.parent.iterdir()} <= {"plan.json", ".target.lock"}


def complaint(capfd, *arguments, code=2):
    assert run([*map(str, arguments), "--quiet"]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("target: ") and err.count("\n") == 1, err
    return err


@pytest.mark.slow
@pytest.mark.parametrize("spoil", BAD_T1, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("command", ["plan", "segment"])
def test_a_bad_t1(folder, capfd, head, spoil, command):
    spoil(folder / "T1.nii.gz", head)
    side = ["--side", "left"] if command == "plan" else []
    assert "T1.nii.gz" in complaint(capfd, command, "s1", "--t1", folder / "T1.nii.gz", *side)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", BAD_LABELS, ids=lambda spoil: spoil.__name__)
def test_bad_labels(folder, capfd, head, spoil):
    spoil(folder / "tissues.nii.gz", head)
    assert "tissues.nii.gz" in complaint(capfd, "plan", "s1", "--labels", folder / "tissues.nii.gz", "--side", "left")


@pytest.mark.slow
def test_a_good_t1_is_not_complained_of(folder, head):
    from meshes.mri import read_mri

    save(folder / "T1.nii.gz", head[0], head[2])
    assert read_mri(folder / "T1.nii.gz").data.shape == head[0].shape


def truncated_mesh(path, mesh):
    mesh.write(path)
    path.write_bytes(path.read_bytes()[:5000])


def text_mesh(path, mesh):
    path.write_text("not a mesh\n")


def mesh_in_metres(path, mesh):
    type(mesh)(mesh.points_mm / 1000, mesh.tets, mesh.tissue).write(path)


def mesh_without_scalp(path, mesh):
    inner = mesh.tissue != Tissue.SCALP
    type(mesh)(mesh.points_mm, mesh.tets[inner], mesh.tissue[inner]).write(path)


@pytest.mark.parametrize("spoil", [empty, truncated_mesh, text_mesh, mesh_in_metres, mesh_without_scalp])
def test_a_bad_mesh(folder, capfd, ball_head, spoil):
    spoil(folder / "head.msh", ball_head)
    line = complaint(capfd, "plan", "s1", "--head", folder / "head.msh", "--aim", "ras:-30,0,60")
    assert "head.msh" in line


def test_an_empty_charm_folder(folder, capfd):
    (folder / "m2m_s1").mkdir()
    assert "m2m_s1" in complaint(capfd, "plan", "s1", "--head", folder / "m2m_s1", "--aim", "ras:-30,0,60")


@pytest.mark.parametrize("aim", ["ras:0,0,300", "ras:-30,0,115"])
def test_a_target_outside_the_head(tmp_path, capfd, ball_head, aim):
    ball_head.write(tmp_path / "head.msh")
    line = complaint(capfd, "plan", "s1", "--head", tmp_path / "head.msh", "--aim", aim, "--out", tmp_path / "s1")
    assert "target" in line
    assert not (tmp_path / "s1" / "target.json").exists()


def test_a_folder_that_cannot_be_written(folder, capfd, ball_head):
    ball_head.write(folder / "head.msh")
    where = folder / "head.msh" / "inside-a-file"
    line = complaint(
        capfd, "plan", "s1", "--head", folder / "head.msh", "--aim", "ras:-30,0,60", "--out", where, code=1
    )
    assert "cannot write in" in line


def test_a_full_disk(tmp_path, capfd, ball_head):
    ball_head.write(tmp_path / "head.msh")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        where = tmp_path / "s1"
        line = complaint(
            capfd, "plan", "s1", "--head", tmp_path / "head.msh", "--aim", "ras:-30,0,60", "--out", where, code=1
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "cannot write" in line
    assert not (tmp_path / "s1" / "head.msh").exists()
    assert not list((tmp_path / "s1").glob(".making-*"))
