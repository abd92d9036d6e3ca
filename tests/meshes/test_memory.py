"""Memory: what there is (machine, container, batch job), what a stage needs, and what is said before it starts."""

import logging

import nibabel
import numpy as np
import pytest

from meshes import InputError, memory
from targeting import memory_need
from targeting.memory_need import MemoryNeed, check_memory
from targeting.subject import Stage, Subject

GB = 10**9


@pytest.fixture
def machine(monkeypatch):
    """A machine of 16 GB, 6 of them free."""
    monkeypatch.setattr(memory_need, "free_memory_bytes", lambda: 6.0 * GB)
    monkeypatch.setattr(memory_need, "total_memory_bytes", lambda: 16.0 * GB)


def group(folder, names, limit, used, cache):
    folder.mkdir(parents=True, exist_ok=True)
    limit_file, use_file, line = names
    (folder / limit_file).write_text(f"{limit}\n")
    (folder / use_file).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{line} {cache}\nactive_file 7\n")


def test_a_container_of_version_2_has_its_own_limit(tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("0::/system.slice/slurmstepd.scope/job_7/step_0\n")
    job = tmp_path / "system.slice" / "slurmstepd.scope" / "job_7"
    group(job, memory.FILES_V2, 8 * GB, 5 * GB, 2 * GB)
    group(job / "step_0", memory.FILES_V2, "max", GB, 0)
    assert list(memory._groups(own, tmp_path)) == [(5.0 * GB, 8.0 * GB)]  # cache is given back; the job's limit counts
    own.write_text("0::/\n")  # inside a container its own group is the root
    group(tmp_path, memory.FILES_V2, 4 * GB, 5 * GB, 0)
    assert list(memory._groups(own, tmp_path)) == [(0.0, 4.0 * GB)]


def test_a_container_of_version_1_too(tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n")
    group(tmp_path / "memory", memory.FILES_V1, 9223372036854771712, GB, 0)  # no limit
    group(tmp_path / "memory" / "docker" / "abc", memory.FILES_V1, 2 * GB, GB, 0)
    assert list(memory._groups(own, tmp_path)) == [(1.0 * GB, 2.0 * GB)]
    assert list(memory._groups(tmp_path / "nowhere", tmp_path)) == []


def test_the_least_of_machine_container_and_shell_counts(monkeypatch):
    monkeypatch.setattr(memory, "_machine", lambda: (20.0 * GB, 32.0 * GB))
    monkeypatch.setattr(memory, "_groups", lambda: iter([(3.0 * GB, 4.0 * GB), (9.0 * GB, 10.0 * GB)]))
    monkeypatch.setattr(memory, "_shell", lambda: (float("inf"), float("inf")))
    assert (memory.free_memory_bytes(), memory.total_memory_bytes()) == (3.0 * GB, 4.0 * GB)
    monkeypatch.setattr(memory, "_shell", lambda: (1.0 * GB, 2.0 * GB))
    assert (memory.free_memory_bytes(), memory.total_memory_bytes()) == (1.0 * GB, 2.0 * GB)


def test_this_machine_tells_something_sensible():
    free, total = memory.free_memory_bytes(), memory.total_memory_bytes()
    assert 1e7 < free <= total


def test_a_need_is_said_warned_of_or_refused(machine, caplog):
    caplog.set_level(logging.INFO)
    check_memory("mesh", MemoryNeed(2.0, "a head of 4.5 litres", "take --density fast"))
    check_memory("mesh", MemoryNeed(12.8, "a head of 4.5 litres", "take --density fast"))
    said, warned = caplog.records
    assert (
        said.levelno == logging.INFO and said.getMessage() == "mesh needs about 2.0 GB of memory (a head of 4.5 litres)"
    )
    assert warned.levelno == logging.WARNING
    assert warned.getMessage() == (
        "mesh needs about 12.8 GB of memory (a head of 4.5 litres), and 6.0 GB are free: "
        "close other programs, or take --density fast"
    )
    with pytest.raises(InputError, match=r"job has 16.0 GB in all: take --density fast"):
        check_memory("mesh", MemoryNeed(16.1, "a head of 4.5 litres", "take --density fast"))


def test_a_stage_that_is_refused_is_not_begun_and_a_reused_one_is_not_asked(machine, tmp_path):
    begun = []

    def make(folder):
        begun.append(folder)
        (folder / "a.txt").write_text("a")

    def stage(gb, parameter):
        needs = lambda: MemoryNeed(gb, "all", "wait")  # noqa: E731
        return Stage("a", 1, make, lambda _: None, parameters={"p": parameter}, needs=needs)

    subject = Subject.named("s", tmp_path / "s")
    with subject.locked():
        with pytest.raises(InputError, match=r"a needs about 99.0 GB"):
            subject.run(stage(99.0, 1))
        assert not begun and not list(subject.folder.glob("a*"))
        subject.run(stage(1.0, 1))
        assert subject.run(stage(99.0, 1)).reused  # what stands needs nothing


@pytest.mark.parametrize(
    ("shape", "voxel_mm", "low", "high"),
    [
        ((394, 454, 380), 0.5, 2.2, 3.2),  # measured: 2.42 GB
        ((184, 184, 184), 1.0, 0.8, 1.2),  # 0.92 GB
        ((480, 600, 600), 0.5, 5.5, 7.5),  # as it was, 12.8 GB
    ],
)
def test_labels_need_what_was_measured(tmp_path, shape, voxel_mm, low, high):
    image = nibabel.Nifti1Image(np.broadcast_to(np.uint8(0), shape), np.diag([voxel_mm] * 3 + [1.0]))
    file = tmp_path / "labels.nii.gz"
    nibabel.Nifti1Image(np.zeros((8, 8, 8), np.uint8), image.affine).to_filename(file)
    header = nibabel.load(file).header
    header.set_data_shape(shape)  # the header alone is asked: a file of its size is not needed
    with (tmp_path / "labels.nii").open("wb") as stream:
        stream.write(header.binaryblock)
        stream.write(b"\0" * 4)
    need = memory_need.segment_need("labels", {"labels": tmp_path / "labels.nii"})
    assert need is not None and low < need.gb < high
    assert need.of == f"{' x '.join(map(str, shape))} voxels of {' x '.join([f'{voxel_mm:.2g}'] * 3)} mm"


def test_an_image_that_cannot_be_read_is_left_to_the_stage(tmp_path):
    (tmp_path / "a.nii").write_bytes(b"no image")
    assert memory_need.segment_need("labels", {"labels": tmp_path / "a.nii"}) is None
    assert memory_need.segment_need("head", {"head": tmp_path}) is None


class Tets:
    """What is asked of a mesh: numbers only."""

    def __init__(self, tets, grey):
        self.tets = range(tets)
        self.tissue = np.repeat(np.array([2, 1], np.int8), [grey, tets - grey])


@pytest.mark.parametrize(("electrodes", "gb"), [(74, 4.436), (205, 5.97), (326, 7.288)])
def test_a_leadfield_needs_what_was_measured(electrodes, gb):
    need = memory_need.leadfield_need(Tets(2_522_661, 893_569), electrodes)
    assert need.gb == pytest.approx(gb, rel=0.05) and "2.5 M tetrahedra" in need.of


def test_meshing_needs_what_was_measured():
    from targeting.closed_forms.phantom import sphere_tissues

    litres = 4 / 3 * np.pi * 0.4**3
    tissues = sphere_tissues({1: 20.0, 2: 30.0, 5: 40.0}, (2.0, 2.0, 2.0))
    fast, standard = (memory_need.mesh_need(tissues, density) for density in ("fast", "standard"))
    assert fast.of == f"a head of {litres:.1f} litres at density fast" and "larger machine" in fast.advice
    assert standard.gb > fast.gb > 0.3 and standard.advice == "take `density=fast`"
    assert memory_need.mesh_need(None, "fast") is None


def test_a_finished_mesh_is_sampled_on_its_images_grid_unless_that_is_too_fine(ball_head, tmp_path):
    from targeting.study.head_stages import FrameImage, Segmentation, _sampling_grid

    def grid(voxel_mm, shape):
        affine = np.diag([voxel_mm, voxel_mm, 1.0, 1.0])
        frame = FrameImage("T1.nii.gz", "0f", affine.tolist(), shape)
        return affine, _sampling_grid(Segmentation(tmp_path, "head", frame, ()), ball_head)

    affine, (used, shape) = grid(0.8, (300, 301, 302))
    assert np.array_equal(used, affine) and shape == (300, 301, 302)
    _, (used, shape) = grid(0.5, (600, 600, 600))
    np.testing.assert_allclose(np.linalg.norm(used[:3, :3], axis=0), 1.0)
    assert np.prod(shape) < 230**3
