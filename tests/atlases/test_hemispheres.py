"""Which side, and what is no cortex: with fsaverage's own surfaces as the subject, moved and turned."""

import numpy as np
import pytest
from cortices import sphere

from atlases import MniWarp
from atlases.hemispheres import LEFT, OTHER, RIGHT, hemispheres, landmarks, tissue_shares
from meshes import InputError
from meshes.cortical_surface import CorticalSurface

TURN = np.deg2rad(25)
AFFINE = np.array(  # turned about z, stretched, moved: left may lie at positive x
    [
        [1.1 * np.cos(TURN), -np.sin(TURN), 0, 61.0],
        [1.1 * np.sin(TURN), np.cos(TURN), 0.1, -30.0],
        [0, 0, 0.95, 12.0],
        [0, 0, 0, 1],
    ]
)


def warp():
    return MniWarp(AFFINE, np.zeros((2, 2, 2, 3), np.float32), np.zeros(3), 1.0)


def joined(*sheets):
    starts = np.cumsum([0, *[len(sheet.points_mm) for sheet in sheets[:-1]]])
    return CorticalSurface(
        np.vstack([sheet.points_mm for sheet in sheets]),
        np.vstack([sheet.triangles + start for sheet, start in zip(sheets, starts, strict=True)]),
    )


def fsaverage(name):
    from atlases.hemispheres import _fsaverage, _in_mni152

    return _in_mni152(*_fsaverage(name))


@pytest.mark.slow
def test_left_is_left_and_cerebellum_and_deep_nuclei_are_neither():
    left, right = (
        fsaverage("pial_left"),
        fsaverage("white_right"),
    )  # of different areas, so that sides cannot be mixed up
    cerebellum, putamen = sphere(20, 400, (0, -62, -38)), sphere(6, 300, (-26, 3, 2))
    whole = joined(cerebellum, right, putamen, left)
    inside = CorticalSurface(warp().to_subject(whole.points_mm), whole.triangles)
    cortex = hemispheres(inside, warp(), "phantom")
    for found, given in ((cortex.left, left), (cortex.right, right)):
        moved = CorticalSurface(warp().to_subject(given.points_mm), given.triangles)
        # all but the medial wall
        assert 0.85 < found.area_mm2 / moved.area_mm2 < 0.99
        away = np.linalg.norm(found.points_mm.mean(0) - moved.points_mm.mean(0))
        assert away < 4
    assert cortex.left.area_mm2 > 1.1 * cortex.right.area_mm2
    assert cortex.left.points_mm[:, 0].mean() < cortex.right.points_mm[:, 0].mean()
    assert list(cortex.hemispheres) == ["lh", "rh"] and cortex.hemispheres["lh"] is cortex.left
    assert len(cortex.whole.triangles) == len(cortex.left.triangles) + len(cortex.right.triangles)


def test_landmarks_are_where_they_should_be():
    marks = landmarks()
    assert marks.points_mm[marks.kind == LEFT, 0].max() < 3 and marks.points_mm[marks.kind == RIGHT, 0].min() > -3
    other = marks.points_mm[marks.kind == OTHER]

    def nearest_kind(point):
        return marks.kind[np.argmin(np.linalg.norm(marks.points_mm - point, axis=1))]

    assert nearest_kind([-38, -22, 58]) == LEFT  # hand knob
    assert nearest_kind([40, 4, 2]) == RIGHT  # insula
    assert nearest_kind([-26, 4, 2]) == nearest_kind([12, -18, 8]) == OTHER  # putamen, thalamus
    assert nearest_kind([25, -70, -38]) == nearest_kind([0, -28, -38]) == OTHER  # cerebellum, brain stem
    assert nearest_kind([2, 10, 22]) == nearest_kind([-2, 10, 22]) == OTHER  # corpus callosum
    assert nearest_kind([-38, -62, -16]) == LEFT  # fusiform gyrus, above the cerebellum
    assert other[:, 2].min() > -75


def test_a_head_with_half_a_brain_says_so():
    left = fsaverage("pial_left")
    with pytest.raises(InputError, match="right hemisphere"):
        hemispheres(left.part(left.points_mm[:, 0] < -10), MniWarp.identity())


def test_a_voxel_is_shared_where_a_border_crosses_it():
    x = np.arange(9.0)
    inside = np.broadcast_to(np.clip(4.5 - x, 0, 1)[:, None, None], (9, 9, 9))  # half at 4, the middle of a voxel
    fields = np.stack([np.full((9, 9, 9), 0.2), 0.8 * inside, 0.8 * (1 - inside)], -1).astype(np.float32)
    one, other = tissue_shares(fields, (1, 2))
    assert (one + other == 1).all()  # although the third is never zero
    assert (one[:4] == 1).all() and (one[5:] == 0).all()
    assert (one[4] == 0.5).all()
