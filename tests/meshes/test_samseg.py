"""SAMSEG's environment and child process; the real thing on Colin27's T1 where that is installed."""

import io
import logging
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

from meshes import InputError, Tissue
from meshes.segment import segment
from meshes.segmentation import samseg
from meshes.segmentation.posteriors import tissue_of
from meshes.segmentation.surfa_resampling import interpolate

T1 = Path("/usr/share/mricron/templates/ch2.nii.gz")  # Debian package mricron-data


def child(code):
    return [sys.executable, "-u", "-c", code]


def test_progress_is_told_and_the_log_kept(tmp_path, caplog):
    said = ["performing affine atlas registration", "iterationNumber: 0", "iterationNumber: 1", "iterationNumber: 0"]
    with caplog.at_level(logging.INFO):
        samseg.run_logged(child(f"print('\\n'.join({[*said, 'run_samseg complete: 1']}))"), tmp_path / "samseg.log")
    assert [record.getMessage() for record in caplog.records] == [
        "SAMSEG: placing its atlas",
        "SAMSEG: fitting, level 1, round 1",
        "SAMSEG: fitting, level 1, round 2",
        "SAMSEG: fitting, level 2, round 1",
        "SAMSEG: done",
    ]
    assert (tmp_path / "samseg.log").read_text().splitlines()[:4] == said


@pytest.mark.parametrize(
    "code, says",
    [
        ("print('fine'); raise ValueError('the atlas is gone')", "SAMSEG failed: ValueError: the atlas is gone"),
        ("print('ERROR: no GMM file\\n\\n---'); exit(1)", "SAMSEG failed: ERROR: no GMM file"),
        ("import os; os.kill(os.getpid(), 9)", "out of memory"),
        ("exit(3)", "it said nothing"),
    ],
)
def test_a_child_that_fails_gives_one_line_with_the_log(tmp_path, code, says):
    log = tmp_path / "samseg.log"
    with pytest.raises(InputError, match=says) as error:
        samseg.run_logged(child(code), log)
    assert "\n" not in str(error.value) and str(log) in str(error.value) and log.exists()


def test_an_interrupt_ends_the_child(tmp_path, monkeypatch):
    def interrupted(self, line):
        raise KeyboardInterrupt

    monkeypatch.setattr(samseg.Progress, "of", interrupted)
    code = "import os, time; print(os.getpid()); time.sleep(60)"
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        samseg.run_logged(child(code), tmp_path / "samseg.log")
    assert time.monotonic() - start < 20
    pid = int((tmp_path / "samseg.log").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_missing_program_is_one_line(tmp_path):
    with pytest.raises(InputError, match="SAMSEG cannot be started"):
        samseg.run_logged([str(tmp_path / "nothing")], tmp_path / "samseg.log")


def test_surfa_is_unpacked_without_its_compiled_parts(tmp_path):
    archive = tmp_path / "surfa-1.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        inside = ("__init__.py", "image/interp.pyx", "image/__init__.py", "mesh/__init__.py", "../evil.py")
        for name in ("surfa-1/setup.py", *(f"surfa-1/surfa/{path}" for path in inside)):
            content = b"from surfa.image.interp import interpolate\n" if name.endswith("surfa/__init__.py") else b""
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    samseg.unpack_surfa(archive, tmp_path / "packages")
    assert not list(tmp_path.rglob("evil.py")) and not (tmp_path / "packages" / "setup.py").exists()
    done = subprocess.run(
        child(
            "import surfa, numpy as n; print(surfa.interpolate(n.ones((2, 2, 2, 1)), (1, 1, 1), 'linear', n.eye(4)).shape)"
        ),
        capture_output=True,
        check=False,
        cwd=tmp_path / "packages",
        text=True,
    )
    assert done.stdout.split() == ["(1,", "1,", "1,", "1)"], done.stderr


def test_resampling_goes_from_target_to_source():
    source = np.random.default_rng(0).random((5, 6, 7, 2)).astype(np.float32)
    affine = np.array(
        [[0, 1, 0, 1.0], [1, 0, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]]
    )  # target (i, j, k) is source (j+1, i, k+2)
    for method in ("linear", "nearest"):
        out = interpolate(source, (6, 5, 7), method, affine, fill=-1)
        np.testing.assert_allclose(out[3, 2, 4], source[3, 3, 6], rtol=1e-6)
        assert (out[:, 4] == -1).all() and (out[:, :, 5:] == -1).all()
    half = interpolate(
        source, (4, 6, 7), "linear", np.array([[1, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    )
    np.testing.assert_allclose(half, (source[:-1] + source[1:]) / 2, rtol=1e-5)
    with pytest.raises(NotImplementedError):
        interpolate(source, (6, 5, 7), "linear", disp=np.zeros(3))


def test_every_structure_has_its_tissue():
    expected = {
        "Unknown": 0, "Skull": 4, "Soft_Nonbrain_Tissue": 5, "Fluid_Inside_Eyes": 6, "CSF": 3, "3rd-Ventricle": 3,
        "Left-Inf-Lat-Vent": 3, "Right-choroid-plexus": 3, "Left-Cerebellum-White-Matter": 1, "Brain-Stem": 1,
        "Optic-Chiasm": 1, "WM-hypointensities": 1, "non-WM-hypointensities": 2, "Left-Cerebral-Cortex": 2,
        "Right-Thalamus": 2, "Left-vessel": 2,
    }  # fmt: skip
    assert {name: int(tissue_of(name)) for name in expected} == expected


@pytest.mark.slow
def test_samseg_makes_the_embedded_head_again(tmp_path, caplog, colin27_tissues):
    """The whole road on the real T1: set-up, SAMSEG, cleaning."""
    if not T1.exists():
        pytest.skip("Colin27's T1 is not installed (Debian package mricron-data)")
    with caplog.at_level(logging.INFO):
        made = segment(T1, work_dir=tmp_path, threads=2)
    assert (tmp_path / "samseg.log").stat().st_size > 1000
    assert [path.name for path in tmp_path.iterdir()] == ["samseg.log"]
    assert "clips the head at the left, right, front" in caplog.text and "level 2, round 1" in caplog.text
    np.testing.assert_allclose(made.affine_mm, colin27_tissues.affine_mm, atol=1e-6)
    assert made.labels.shape == colin27_tissues.labels.shape
    for tissue in list(Tissue)[1:]:
        one, other = made.labels == tissue, colin27_tissues.labels == tissue
        dice = 2 * (one & other).sum() / (one.sum() + other.sum())
        assert dice > 0.97, f"{tissue.name}: Dice {dice:.3f}"
