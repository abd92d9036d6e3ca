"""Heads that several tests share, made once a session."""

import pytest
from heads import layered_ball


@pytest.fixture(scope="session")
def ball_head():
    """A five-tissue ball, about 30,000 tetrahedra."""
    return layered_ball()


@pytest.fixture(scope="session")
def colin27_tissues():
    """Tissue fields of the embedded head."""
    from meshes.tissue_files import embedded_head

    return embedded_head("colin27")


@pytest.fixture(scope="session")
def colin27_head(colin27_tissues):
    """Mesh of the embedded head at density "fast"."""
    from meshes import tetrahedralise

    return tetrahedralise(colin27_tissues, "fast")
