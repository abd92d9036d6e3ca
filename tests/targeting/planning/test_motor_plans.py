"""Plans over the motor cortex of two real heads: where handle and current point, whatever the sign of the coil's file."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from atlases import register
from atlases.aim import resolve_target
from atlases.hemispheres import hemispheres
from atlases.scalp import Scalp
from meshes import tetrahedralise
from meshes.formats.tissue_files import load_tissues
from meshes.midcortex import mid_surface
from targeting import Coil, DoseMap, search_tms
from targeting.plans.handling import plan_angle
from targeting.study.coil_aim import orientation
from targeting.tms.angle import AngleRequest
from targeting.tms.direction import direction_vector
from targeting.tms.orientation import Drive, faces_away, handle_deg

SHARED = Path(__file__).parents[4] / "shared"
COILS, CHRIS = SHARED / "peer" / "coils", SHARED / "heads" / "chris" / "tissues.npz"
BIPHASIC = Drive(-1)
FORWARD_AND_MEDIAL = np.array([1.0, 1.0, 0.0])  # from the left

pytestmark = pytest.mark.slow


def aimed_at(head, tissues, warp, aim="m1-hand", side="left"):
    target = resolve_target(aim, side, head, warp).target
    return SimpleNamespace(
        head=head,
        scalp=Scalp.of(head),
        target=target,
        cortex=hemispheres(mid_surface(tissues), warp),
        map=DoseMap.build(head, target),
    )


@pytest.fixture(scope="module")
def colin(colin27_head, colin27_tissues, colin27_warp):
    return aimed_at(colin27_head, colin27_tissues, colin27_warp)


def coil_of(name):
    return Coil.read(COILS / name) if "." in name else Coil.named(name)


def found(on, coil, angle=None, direction=None):
    turned = orientation(AngleRequest.of(angle, "m1-hand", direction), on.target, on.scalp, on.cortex)
    return search_tms(
        on.head, on.target, coil, dose_map=on.map, scalp=on.scalp, radius_mm=50.0, keep=1, cortex=on.cortex,
        orientation=turned, drive=BIPHASIC, direction=direction,
    )  # fmt: skip


@pytest.fixture(scope="module")
def on_colin(colin):
    return cache(lambda name, **asked: (coil_of(name), found(colin, coil_of(name), **asked)))


def check_held_as_usual(pose, result):
    handle = -pose[:3, 1]
    assert handle[0] < 0 and handle[1] < 0  # back and to the left
    assert 20 <= handle_deg(pose, "left") <= 75
    assert result.as_wanted == 1 and result.mean_e_v_per_m[0] @ FORWARD_AND_MEDIAL > 0


def test_the_left_hand_of_colin27_has_the_handle_back_and_to_the_left(on_colin):
    coil, result = on_colin("figure8-70mm")
    check_held_as_usual(result.poses[0], result)
    assert result.rule == "fold"
    assert result.current == "reverse"  # a biphasic pulse of a coil whose file's first phase already runs forward
    block = plan_angle(result, coil, "left")
    assert not block.determined and block.lowest_share > 0.9  # the size of the field cannot tell the angle
    assert {each.name for each in block.rows} == {"as planned", "45° to the midline", "across the fold", "largest dose"}


def test_the_left_hand_of_a_second_head_has_it_there_too():
    if not CHRIS.is_file():
        pytest.skip("the second head's tissues are not beside this checkout")
    tissues = load_tissues(CHRIS)
    on = aimed_at(tetrahedralise(tissues, "fast"), tissues, register(tissues))
    result = found(on, coil_of("figure8-70mm"))
    check_held_as_usual(result.poses[0], result)
    # the largest dose would turn the handle to the right, which no one would hold
    free = found(on, coil_of("figure8-70mm"), angle="free")
    assert handle_deg(free.poses[0], "left") < 0
    assert result.dose_v_per_m[0] > 0.75 * free.dose_v_per_m[0]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("figure8-70mm", "MagStim_D70.ccd"),
        ("figure8-70mm", "MagVenture_MCF-B65.ccd"),
        ("double-cone-110mm", "MagStim_DCC.ccd"),
    ],
)
def test_two_files_of_one_kind_of_coil_have_one_handle(on_colin, ours, theirs):
    if not (COILS / theirs).is_file():
        pytest.skip("the measured coil files are not beside this checkout")
    (here, a), (there, b) = on_colin(ours), on_colin(theirs)
    for result in (a, b):
        check_held_as_usual(result.poses[0], result)
    assert abs(handle_deg(a.poses[0], "left") - handle_deg(b.poses[0], "left")) < 12
    opposite_files = here.current_direction_y != there.current_direction_y
    assert (a.current != b.current) == opposite_files  # the stimulator is set, the handle is not turned


def test_the_normal_of_the_hand_drives_current_into_the_bank_of_the_central_sulcus(on_colin, colin):
    _, result = on_colin("figure8-70mm", direction="normal")
    pose = result.poses[0]
    assert faces_away(-pose[:3, 1], "left") and -pose[1, 1] < 0  # the handle is not over the face
    assert result.mean_e_v_per_m[0] @ FORWARD_AND_MEDIAL > 0
    unit = direction_vector(colin.head, colin.target, "normal", colin.cortex)
    assert result.dose_v_per_m[0] == pytest.approx(result.mean_e_v_per_m[0] @ unit) and result.dose_v_per_m[0] > 0
    # in the posterior half of the target, where the bank is, the component into the cortex is inwards
    whole = colin.cortex.whole
    bank = colin.target.holds(whole.points_mm) & (whole.points_mm[:, 1] < colin.target.center_mm[1])
    inward = -whole.area_vectors_mm2[bank].sum(0)
    assert result.mean_e_v_per_m[0] @ inward > 0


@pytest.mark.parametrize("degrees", [0, 45, 60])
def test_an_angle_to_the_midline_is_what_was_asked_for(on_colin, degrees):
    _, result = on_colin("figure8-70mm", angle=f"midline:{degrees}")
    assert handle_deg(result.poses[0], "left") == pytest.approx(degrees, abs=0.05)
