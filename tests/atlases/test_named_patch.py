"""Named targets as patches of cortex: the group's own cortex as the subject, whose areas are known, and its mirror image."""

from dataclasses import replace

import numpy as np
import pytest
from folded_group import group_head, group_subject, mirrored

from atlases import MniWarp, resolve_target, targets
from atlases.areas import area_names
from atlases.crown import LIP_MM, SHARE, crown_and_lip
from atlases.fslr import group_cortex
from atlases.named_patch import group_part, named_patch
from atlases.targets import HEMISPHERES
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.head import HeadMesh

IDENTITY = MniWarp.identity()
SIDES = ("left", "right")
PATCHES = [name for name, each in targets().items() if each.areas]
WITHIN_MM = 12.0  # of the points of before


def vertices_in(target, side):
    surface = group_subject().hemispheres[HEMISPHERES[side]]
    return target.holds(surface.points_mm)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", PATCHES)
def test_the_target_lies_in_its_own_area(name, side):
    named, hemisphere = targets()[name], HEMISPHERES[side]
    patch = named_patch(named, side, group_subject())
    inside = vertices_in(patch, side)
    areas = area_names(hemisphere)[inside]
    assert np.isin(areas, named.areas).mean() > 0.75  # a tetrahedron's width more, of a patch of 6 mm
    assert patch.shape == "patch" and patch.side == side and (patch.center_mm[0] < 0) == (side == "left")
    assert np.linalg.norm(patch.center_mm - named.mni_mm(side)) < WITHIN_MM
    points = group_subject().hemispheres[hemisphere].points_mm
    assert np.linalg.norm(points[inside] - patch.center_mm, axis=1).max() < named.radius_mm + 3


@pytest.mark.parametrize("side", SIDES)
def test_the_parts_of_the_motor_strip_are_apart_and_in_order(side):
    order = ["m1-leg", "m1-trunk", "m1-shoulder", "m1-hand", "m1-face"]
    parts = [group_part(targets()[name], side) for name in order]
    assert np.sum(parts, axis=0).max() == 1
    strip = area_names(HEMISPHERES[side]) == "4"
    left_out = strip & ~np.any(parts, axis=0)
    # all of the strip but what lies between the hand's knob and the face
    points, hand = group_cortex(HEMISPHERES[side]).central.points_mm, np.array(targets()["m1-hand"].mni_mm(side))
    assert (points[left_out, 2] >= 40).all() and (np.abs(points[left_out, 0]) >= 28).all()
    assert (np.linalg.norm(points[left_out] - hand, axis=1) > 11).all() and left_out.sum() < 0.4 * strip.sum()
    centers = [named_patch(targets()[name], side, group_subject()).center_mm for name in order]
    assert (np.diff(np.abs([x for x, _, _ in centers])) > 0).all()


@pytest.mark.parametrize("name", PATCHES)
def test_a_mirrored_person_has_the_mirrored_target(name):
    """The areas of the two sides are not mirror images: within millimetres."""
    left = named_patch(targets()[name], "left", group_subject())
    right = named_patch(targets()[name], "right", mirrored(group_subject()))
    assert right.center_mm[0] > 0
    assert np.linalg.norm(left.center_mm * (-1, 1, 1) - right.center_mm) < 9.0
    assert np.dot(np.multiply(left.wall_inward, (-1, 1, 1)), right.wall_inward) > 0.5


@pytest.mark.parametrize("side", SIDES)
def test_the_patch_is_shallow_connected_and_no_more_than_a_third(side):
    hemisphere = HEMISPHERES[side]
    surface, folds = group_subject().hemispheres[hemisphere], group_subject().folds[hemisphere]
    area = group_part(targets()["op4"], side)
    patch = crown_and_lip(surface, folds.depth_mm, area, 40.0)
    size = surface.vertex_areas_mm2
    assert (patch <= area).all() and surface.part(patch).piece_of_vertex().max() == 0
    assert size[patch].sum() <= 1.1 * SHARE * size[area].sum()
    # all that is shallower belongs to it, or to a smaller piece
    rest = area & ~patch & (folds.depth_mm < np.median(folds.depth_mm[patch]))
    assert size[rest].sum() < size[patch].sum()
    assert surface.vertex_areas_mm2.sum() == pytest.approx(surface.area_mm2)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", PATCHES)
def test_it_is_crown_and_lip_and_no_wall(name, side):
    hemisphere = HEMISPHERES[side]
    surface, depth = group_subject().hemispheres[hemisphere], group_subject().folds[hemisphere].depth_mm
    area = group_part(targets()[name], side)
    patch = crown_and_lip(surface, depth, area, targets()[name].radius_mm)
    assert (patch <= area).all() and depth[patch].max() <= np.sort(depth[area])[: area.sum() // 20 + 2].max() + LIP_MM
    assert depth[patch].mean() < np.median(depth[area])


def test_the_wall_faces_out_of_the_head_on_a_crown():
    for side, out in zip(SIDES, (-1, 1), strict=True):
        patch = named_patch(targets()["dlpfc"], side, group_subject())
        assert np.dot(patch.wall_inward, (out, 1, 1)) < -1.2
        assert np.linalg.norm(patch.wall_inward) == pytest.approx(1)
    hand = replace(named_patch(targets()["m1-hand"], "left", group_subject()), current_toward=(1.0, 1.0, 0.0))
    assert hand.current_to_wall_deg == pytest.approx(
        np.degrees(np.arccos(np.dot((1, 1, 0), hand.wall_inward) / 2**0.5))
    )
    assert hand.current_to_wall_deg < 60  # from behind it enters the lip of the precentral gyrus


class TestResolved:
    def test_a_name_is_a_patch_with_the_point_as_check(self):
        found = resolve_target("m1-hand", "right", group_head(), IDENTITY, cortex=group_subject())
        assert found.target.shape == "patch" and found.by_warp.shape == "ball"
        assert found.target.current_toward == (-1.0, 1.0, 0.0)
        assert found.apart_mm == pytest.approx(np.linalg.norm(found.target.center_mm - found.by_warp.center_mm))
        assert found.mni_mm.tolist() == list(targets()["m1-hand"].right_mni_mm)
        assert 0 < found.apart_mm < WITHIN_MM and found.warnings == () and found.notes == ()
        tets, share = found.target.weights(group_head())
        assert share.sum() == pytest.approx(1) and (group_head().tissue[tets] == 2).all()

    def test_cortex_that_is_hardly_grey_matter_of_the_mesh_is_warned_of(self):
        head = group_head()
        patch = named_patch(targets()["m1-hand"], "left", group_subject())
        tissue = head.tissue.copy()
        tissue[patch.weights(head)[0][3:]] = 1  # three tetrahedra of it are left
        bare = HeadMesh(head.points_mm, head.tets, tissue)
        found = resolve_target("m1-hand", "left", bare, IDENTITY, cortex=group_subject())
        assert "of m1-hand's cortex is grey matter of the mesh" in found.warnings[0]

    def test_far_apart_is_warned_of(self):
        shift = np.eye(4)
        shift[1, 3] = 20.0
        warp = MniWarp(shift, IDENTITY.displacement_mm, IDENTITY.origin_mm, 1.0)
        found = resolve_target("m1-hand", "left", group_head(), warp, cortex=group_subject())
        assert found.apart_mm > WITHIN_MM
        assert "one of the two is wrong" in found.warnings[-1] and f"{found.apart_mm:.0f} mm" in found.warnings[-1]

    def test_without_folds_it_is_the_point_and_that_is_said(self):
        whole = group_subject()
        for cortex in (
            None,
            Cortex(whole.left, whole.right, "no folds"),
            replace(whole, folds={"rh": whole.folds["rh"]}),
        ):
            found = resolve_target("m1-hand", "left", group_head(), IDENTITY, cortex=cortex)
            assert found.target.shape == "ball" and found.by_warp is None
            assert found.notes == (
                "m1-hand is its point of MNI152, moved by the registration: the folds of the left hemisphere are not known",
            )

    def test_a_radius_asks_for_the_ball_round_the_patch(self):
        patch = resolve_target("psi", "left", group_head(), IDENTITY, cortex=group_subject())
        ball = resolve_target("psi", "left", group_head(), IDENTITY, radius_mm=9.0, cortex=group_subject())
        assert ball.target.shape == "ball" and ball.target.radius_mm == 9.0
        assert np.linalg.norm(ball.target.center_mm - patch.target.center_mm) <= ball.target.snapped_mm + 1e-9
        assert ball.apart_mm is not None and "ball round its middle" in ball.target.source

    def test_points_hotspots_and_published_points_are_as_before(self):
        cortex = group_subject()
        point = tuple(named_patch(targets()["m1-hand"], "left", cortex).center_mm)
        for aim, options in (
            ("mni:-38,-20,60", {}),
            ("ras:-38,-20,60", {}),
            ("m1-hand", {"hotspot_mm": point}),
            ("dlpfc-fox", {}),
            ("dpi", {}),
        ):
            found = resolve_target(aim, "left", group_head(), IDENTITY, cortex=cortex, **options)
            plain = resolve_target(aim, "left", group_head(), IDENTITY, **options)
            assert found.target.shape == "ball" and found.by_warp is None and found.notes == ()
            assert found.target.center_mm.tolist() == plain.target.center_mm.tolist()

    def test_a_point_published_for_the_left_is_not_mirrored(self):
        with pytest.raises(InputError, match="dlpfc-fox is published for the left side only"):
            resolve_target("dlpfc-fox", "right", group_head(), IDENTITY)

    def test_surfaces_of_another_head_are_refused(self):
        whole = group_subject()
        folds = whole.folds["lh"]
        away = replace(folds, white_mm=folds.white_mm + 300, pial_mm=folds.pial_mm + 300)
        cortex = replace(whole, folds={"lh": away})
        with pytest.raises(InputError, match="do not fit this head"):
            resolve_target("m1-hand", "left", group_head(), IDENTITY, cortex=cortex)
