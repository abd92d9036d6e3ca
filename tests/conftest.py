"""Heads that several tests share, made once a session; and the order of the modules that take longest."""

import hashlib
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from heads import LEFT_SPOT, layered_ball

LONGEST = [  # these first: one that begins last would leave the other cores with nothing to do
    *("test_samseg.py", "test_folded_cortex.py", "test_app_window.py", "test_docs.py", "test_notebooks.py"),
    *("test_tetrahedralise.py", "test_named_patch_real_head.py", "test_no_pose_in_the_head.py", "test_tes_goal.py"),
    *("test_motor_plans.py", "test_road.py", "test_dask_workers.py", "test_container.py", "test_slurm.py"),
]


def pytest_collection_modifyitems(items):
    """Modules that take longest come first; the others stay as they were found."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def signals_that_are_heard():
    """A test run that was put in the background, or under nohup, ignores signals, and its children would, too."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session")
def for_all_workers(tmp_path_factory):
    """A folder that the workers of a run have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def each_head_is_registered_once(for_all_workers):
    """ANTs takes 20 s and gives the same map for the same head, which tests/atlases/test_registration.py sees to."""
    from atlases import registration

    real = registration._ants

    def once(*arrays):
        key = hashlib.sha256()
        for each in arrays:
            key.update(f"{each.dtype} {each.shape}".encode() + np.ascontiguousarray(each).tobytes())
        path = for_all_workers / f"registered-{key.hexdigest()[:24]}.npy"
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                mapped = real(*arrays)
                np.save(path.with_suffix(".part.npy"), mapped)
                path.with_suffix(".part.npy").rename(path)
            return np.load(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registration, "_ants", once)
        yield real


@pytest.fixture
def registered_anew(each_head_is_registered_once, monkeypatch):
    """For tests of the registration itself, or of the time it takes."""
    from atlases import registration

    monkeypatch.setattr(registration, "_ants", each_head_is_registered_once)


@pytest.fixture(scope="session")
def times_of_tests(tmp_path_factory):
    """A file for the times of steps, away from that of whoever runs the tests."""
    from targeting.progress import times

    times.FILE = str(tmp_path_factory.mktemp("times") / times.FILE)  # an absolute path, wherever the cache is
    return Path(times.FILE)


@pytest.fixture(autouse=True)
def nothing_is_learnt_from_test_to_test(times_of_tests):
    """Each test finds a machine that has made no step yet."""
    times_of_tests.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def ball_head():
    """A five-tissue ball, about 30,000 tetrahedra."""
    return layered_ball()


@pytest.fixture(scope="session")
def conductor():
    """A head of five tissues with three different axes, ready to be solved."""
    from targeting.fem import HeadConductor

    return HeadConductor(layered_ball(9.0, (0.85, 1.05, 0.95)))


@pytest.fixture(scope="session")
def scalp(conductor):
    """The conductor's scalp."""
    from atlases.scalp import Scalp

    return Scalp.of(conductor.head)


@pytest.fixture(scope="session")
def dose_map(conductor):
    """The dose map of :data:`heads.LEFT_SPOT` in the conductor."""
    from targeting.tms import DoseMap

    return DoseMap.build(conductor, LEFT_SPOT)


@pytest.fixture(scope="session")
def colin27_tissues():
    """Tissue fields of the embedded head."""
    from meshes.formats.tissue_files import embedded_head

    return embedded_head("colin27")


@pytest.fixture(scope="session")
def colin27_folder(for_all_workers):
    """A folder with the embedded head at density "fast", as ``target head`` makes it: one for all workers, to be copied."""
    from targeting import make_head

    folder, making = for_all_workers / "made" / "colin27", for_all_workers / "making"
    with FileLock(for_all_workers / "colin27.lock"):
        if not folder.is_dir():
            make_head("colin27", density="fast", out=making / "colin27")
            making.rename(folder.parent)
    return folder


@pytest.fixture(scope="session")
def colin27_head(colin27_folder):
    """Mesh of the embedded head at density "fast"."""
    from meshes import HeadMesh

    return HeadMesh.read(colin27_folder / "head.msh")


@pytest.fixture(scope="session")
def colin27_warp(colin27_folder):
    """The embedded head's registration to MNI152."""
    from atlases.registration import load_warp

    return load_warp(colin27_folder / "mni_warp.npz")
