"""The group's cortex: labels and values go to a subject and back, and left is left."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from atlases.fslr import VERTICES, at_vertices, grayordinates, group_cortex, on_fslr
from meshes.cortical_surface import Folds


def as_subject(side):
    """The group's own hemisphere as a subject's."""
    group = group_cortex(side)
    thickness = np.linalg.norm(group.pial_mm - group.white_mm, axis=1)
    return Folds(group.white_mm, group.pial_mm, thickness, np.zeros(VERTICES), group.sphere, group.sphere, group.cortex)


@pytest.mark.parametrize("side", ["lh", "rh"])
def test_the_group_gets_its_own_values_back(side):
    group, folds = group_cortex(side), as_subject(side)
    values = group.central.points_mm
    np.testing.assert_allclose(on_fslr(folds, group.central.triangles, side, values), values, atol=1e-3)
    labels = np.arange(VERTICES)
    np.testing.assert_array_equal(at_vertices(folds, side, labels), labels)


def test_values_are_linear_between_vertices():
    """A subject whose sphere is turned by a known angle: a linear function on the sphere comes back where it belongs."""
    group, folds = group_cortex("lh"), as_subject("lh")
    turn = Rotation.from_rotvec([0.02, -0.01, 0.03]).as_matrix()
    turned = replace(folds, fslr=folds.fslr @ turn.T)
    slope = np.array([1.0, -2.0, 0.5])
    values = turned.fslr @ slope  # of the place on the group's sphere, whatever the vertex
    found = on_fslr(turned, group.central.triangles, "lh", values)
    assert np.abs(found - group.sphere @ slope).max() < 5e-4  # the chord below the arc of an edge of 1.5 degrees


def test_left_is_left():
    left, right = group_cortex("lh"), group_cortex("rh")
    assert left.central.points_mm[:, 0].mean() < -20 and right.central.points_mm[:, 0].mean() > 20
    assert not left.cortex[np.setdiff1d(np.arange(VERTICES), grayordinates("lh"))].any()
    # the medial wall lies at the midline, not outside
    assert (
        abs(left.central.points_mm[~left.cortex][:, 0]).mean()
        < 15
        < abs(left.central.points_mm[left.cortex][:, 0]).mean()
    )
    for each in (left, right):
        outward = np.einsum("ij,ij->", each.central.area_vectors_mm2, each.pial_mm - each.white_mm)
        assert outward > 0  # the group's triangles are wound like ours
