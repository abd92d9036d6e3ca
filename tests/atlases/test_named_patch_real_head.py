"""A real head by its folds: surfaces, areas, named targets where the registration has them too, and the hand knob."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from folded_surfaces import central_sulcus, check_surfaces
from scipy.spatial import cKDTree

from atlases import register, targets
from atlases.areas import area_labels, area_names
from atlases.fslr import at_vertices, group_cortex
from atlases.hand_knob import hand_knob
from atlases.named_patch import named_patch
from meshes.cortical_surface import Cortex
from meshes.folds.hemisphere import fold
from meshes.formats.tissue_files import load_tissues
from meshes.segmentation.hemisphere_shares import filled_shares

CHRIS = Path(__file__).parents[3] / "shared" / "heads" / "chris"
HALF_A_GYRUS_AND_ITS_WALL_MM = 14.0  # the points of most targets are centroids in walls, the patches lie on crowns

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHRIS.is_dir(), reason="the second real head is not here")]


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """The left hemisphere by the real road."""
    folder = tmp_path_factory.mktemp("folds")
    image = nib.load(CHRIS / "samseg_labels.nii.gz")
    white, grey = (nib.load(CHRIS / f"left_{name}_percent.nii.gz").get_fdata() / 100 for name in ("wm", "cortex"))
    shares = filled_shares(white, grey, np.asarray(image.dataobj), image.affine, "lh")
    central, folds = fold(shares, group_cortex("lh").surface, folder, folder / "log", "left hemisphere")
    return Cortex(central, central, "the second head, left", {"lh": folds})


@pytest.fixture(scope="module")
def warp():
    return register(load_tissues(CHRIS / "tissues.npz"))


def test_a_real_head_has_its_areas_on_its_folds(left):
    folds = left.folds["lh"]
    check_surfaces(left.left, folds, (700, 1150))
    border, fundus = central_sulcus(left.left, folds, at_vertices(folds, "lh", area_labels("lh")))
    assert np.median(cKDTree(fundus).query(border)[0]) < 3.0


def test_folds_and_registration_agree_on_every_named_target(left, warp):
    check_targets(left, warp)


def test_the_hand_knob_lies_under_the_hand(left):
    check_knob(left)


def check_targets(cortex, warp):
    surface, folds = cortex.left, cortex.folds["lh"]
    places, areas = cKDTree(group_cortex("lh").sphere), at_vertices(folds, "lh", area_names("lh"))
    apart, same_place = {}, {}
    for name, each in targets().items():
        if not each.areas:
            continue
        patch = named_patch(each, "left", cortex)
        inside = patch.holds(surface.points_mm)
        assert np.isin(areas[inside], each.areas).mean() > 0.75, name
        assert patch.center_mm[0] < -1, name
        apart[name] = np.linalg.norm(warp.to_subject(np.array([each.left_mni_mm]))[0] - patch.center_mm)
        middle = np.linalg.norm(surface.points_mm - patch.center_mm, axis=1).argmin()
        on_group = group_cortex("lh").central.points_mm[places.query(folds.fslr[middle])[1]]
        same_place[name] = np.linalg.norm(warp.to_subject(on_group[None])[0] - surface.points_mm[middle])
    assert max(apart.values()) < HALF_A_GYRUS_AND_ITS_WALL_MM, apart
    assert np.median(list(apart.values())) < 9, apart
    assert max(same_place.values()) < 12 and np.median(list(same_place.values())) < 7, same_place


def check_knob(cortex):
    knob, hand = hand_knob(cortex, "left"), named_patch(targets()["m1-hand"], "left", cortex)
    assert knob.bend_mm > 2 and 8 < knob.depth_mm < 25
    assert np.linalg.norm(knob.knob_mm - hand.center_mm) < 25 and abs(knob.along_mm(hand.center_mm)) < 12
    assert hand.center_mm[2] > knob.knob_mm[2] + 5  # the crown lies over the floor
