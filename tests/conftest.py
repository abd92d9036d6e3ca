"""Heads that several tests share, made once a session."""

import signal
from pathlib import Path

import pytest
from heads import LEFT_SPOT, layered_ball


@pytest.fixture(scope="session", autouse=True)
def signals_that_are_heard():
    """A test run that was put in the background, or under nohup, ignores signals, and its children would, too."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


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
def colin27_head(colin27_tissues):
    """Mesh of the embedded head at density "fast"."""
    from meshes import tetrahedralise

    return tetrahedralise(colin27_tissues, "fast")


@pytest.fixture(scope="session")
def colin27_warp(colin27_tissues):
    """The embedded head's registration to MNI152."""
    from atlases import register

    return register(colin27_tissues)
