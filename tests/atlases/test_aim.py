"""Aims: names, coordinates, masks and hotspots become targets in the subject's own grey matter, on the right side."""

import nibabel
import numpy as np
import pytest
from heads import layered_ball
from hypothesis import given, settings
from hypothesis import strategies as st

from atlases import MniWarp, resolve_target, side_for, targets
from atlases.aim import parse_point
from meshes import HeadMesh
from meshes.errors import InputError

HEAD = layered_ball(8.0)  # grey matter from 60 to 74 mm
IDENTITY = MniWarp.identity()


def moved(head: HeadMesh, by_mm) -> HeadMesh:
    return HeadMesh(head.points_mm + by_mm, head.tets, head.tissue)


def write_mask(path, points_mm, voxel_mm=2.0, value=1.0, shape=(100, 100, 100), dtype=np.float32):
    affine = np.diag([-voxel_mm, voxel_mm, voxel_mm, 1.0])  # x runs from right to left: an asymmetric frame
    affine[:3, 3] = [100, -100, -100]
    values = np.zeros(shape, dtype)
    index = np.rint((np.atleast_2d(points_mm) - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(int)
    values[tuple(index.T)] = value
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return str(path)


def ball(center, radius, step=2.0):
    grid = np.arange(-radius, radius + step, step)
    offsets = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), -1).reshape(-1, 3)
    return np.asarray(center) + offsets[np.linalg.norm(offsets, axis=1) <= radius]


class TestSide:
    def test_the_target_is_opposite_to_the_pain(self):
        assert side_for("left", None) == "left"
        assert side_for(None, "left") == "right"
        assert side_for(None, "right") == "left"

    @pytest.mark.parametrize("asked", [(None, None), ("left", "left"), ("left", "right")])
    def test_exactly_one_is_needed_and_both_are_named(self, asked):
        with pytest.raises(InputError, match=r"`side=.*`pain_side="):
            side_for(*asked)

    @pytest.mark.parametrize("asked", [("Left", None), (None, "both")])
    def test_other_words_are_refused(self, asked):
        with pytest.raises(InputError, match="valid: left, right"):
            side_for(*asked)

    def test_a_name_without_a_side_is_refused(self):
        with pytest.raises(InputError, match=r"`side=.*`pain_side="):
            resolve_target("m1-hand", None, HEAD, IDENTITY)

    @pytest.mark.parametrize("aim", ["mni:-40,-20,50", "ras:-40,-20,50"])
    def test_a_side_that_contradicts_the_point_is_refused(self, aim):
        with pytest.raises(InputError, match="to the left"):
            resolve_target(aim, "right", HEAD, IDENTITY)
        assert resolve_target(aim, "left", HEAD, IDENTITY).target.side == "left"
        assert resolve_target(aim, None, HEAD, IDENTITY).target.side == "left"

    def test_the_midline_is_the_brains_not_the_scanners(self):
        """A head whose world origin lies 90 mm to its left: everything has positive x."""
        head = moved(HEAD, [90.0, 0, 0])
        assert resolve_target("ras:50,-20,50", None, head).target.side == "left"
        with pytest.raises(InputError, match="to the left"):
            resolve_target("ras:50,-20,50", "right", head)


class TestNames:
    @pytest.mark.parametrize("side", ["left", "right"])
    def test_a_name_goes_through_the_warp(self, side):
        shift = np.eye(4)
        shift[:3, 3] = [5, 3, -2]
        warp = MniWarp(shift, IDENTITY.displacement_mm, IDENTITY.origin_mm, 1.0)
        found = resolve_target("m1-hand", side, HEAD, warp)
        expected = np.array(targets()["m1-hand"].mni_mm(side))
        assert found.mni_mm == pytest.approx(expected)
        assert found.asked_mm == pytest.approx(np.add(expected, [5, 3, -2]))
        assert found.target.side == side and found.target.name == "m1-hand"
        assert found.target.radius_mm == targets()["m1-hand"].radius_mm
        assert "HCP-MMP1" in found.target.source
        assert resolve_target("m1-hand", side, HEAD, warp, radius_mm=4).target.radius_mm == 4

    def test_the_warp_is_made_only_when_it_is_needed(self):
        made = []

        def make():
            made.append(1)
            return IDENTITY

        resolve_target("ras:-40,-20,50", "left", HEAD, make)
        resolve_target("m1-hand", "left", HEAD, make, hotspot_mm=[-40, -20, 50])
        assert not made
        resolve_target("m1-hand", "left", HEAD, make)
        assert made == [1]

    def test_a_name_without_a_warp_says_what_to_do(self):
        with pytest.raises(InputError, match="ras:x,y,z"):
            resolve_target("m1-hand", "left", HEAD)

    def test_an_unknown_name_gets_a_guess(self):
        with pytest.raises(InputError, match="did you mean 'm1-hand'"):
            resolve_target("m1hand", "left", HEAD, IDENTITY)


class TestSnap:
    def test_a_point_in_grey_matter_stays(self):
        found = resolve_target("ras:-40,-20,50", None, HEAD)
        assert found.target.snapped_mm == 0
        assert found.target.center_mm.tolist() == [-40, -20, 50]

    @pytest.mark.parametrize("radius", [76.0, 57.0])
    def test_a_point_beside_grey_matter_moves_to_it(self, radius):
        point = radius * np.array([-0.6, 0.0, 0.8])
        found = resolve_target(f"ras:{point[0]},{point[1]},{point[2]}", None, HEAD)
        assert 0 < found.target.snapped_mm <= 10
        assert np.linalg.norm(found.target.center_mm - point) == pytest.approx(found.target.snapped_mm)
        grey = HEAD.centroids_mm[HEAD.tissue == 2]
        assert found.target.snapped_mm == pytest.approx(np.linalg.norm(grey - point, axis=1).min())
        assert bool(found.warnings) == (found.target.snapped_mm > 4)

    @pytest.mark.parametrize("aim", ["ras:-30,0,20", "mni:-30,0,20", "psi"])
    def test_too_far_from_grey_matter_is_an_error_that_says_how_far(self, aim):
        with pytest.raises(InputError, match=r"not within 10 mm .* mm away"):
            resolve_target(aim, "left", HEAD, IDENTITY)

    @pytest.mark.parametrize(("aim", "far"), [("ras:-192,0,0", "100 mm outside"), ("mni:0,0,192", "100 mm outside")])
    def test_outside_the_head_says_how_far(self, aim, far):
        with pytest.raises(InputError, match=far):
            resolve_target(aim, None, HEAD, IDENTITY)

    @settings(max_examples=40, deadline=None)
    @given(
        st.floats(-9, 9).filter(lambda x: abs(x) > 0.1),
        st.floats(0, 6.2),
        st.floats(56, 78),
        st.sampled_from([None, IDENTITY]),
    )
    def test_it_never_crosses_the_midline(self, x, angle, radius, warp):
        y, z = np.sqrt(radius**2 - x**2) * np.array([np.cos(angle), np.sin(angle)])
        aim = f"{'mni' if warp else 'ras'}:{x},{y},{z}"
        side = "left" if x < 0 else "right"
        target = resolve_target(aim, side, HEAD, warp, radius_mm=10).target  # the ball is coarse
        brain = np.isin(HEAD.tissue, (1, 2))
        middle = 0 if warp else np.average(HEAD.centroids_mm[brain, 0], weights=HEAD.volumes_mm3[brain])
        if target.snapped_mm:
            assert (target.center_mm[0] < middle) == (side == "left")


class TestHotspot:
    def test_it_overrides_the_atlas_point_of_m1(self):
        found = resolve_target("m1-leg", "left", HEAD, None, hotspot_mm=[-20, -10, 64])
        assert found.asked_mm.tolist() == [-20, -10, 64]
        assert found.mni_mm is None
        assert "hotspot" in found.target.source
        assert found.target.radius_mm == targets()["m1-leg"].radius_mm

    @pytest.mark.parametrize("aim", ["psi", "dlpfc", "mni:-40,-20,50", "ras:-40,-20,50"])
    def test_only_m1_has_one(self, aim):
        with pytest.raises(InputError, match="m1-"):
            resolve_target(aim, "left", HEAD, IDENTITY, hotspot_mm=[-20, -10, 64])

    def test_it_must_lie_on_the_side_asked_for(self):
        with pytest.raises(InputError, match="to the left"):
            resolve_target("m1-hand", "right", HEAD, IDENTITY, hotspot_mm=[-20, -10, 64])

    def test_the_scalp_is_not_the_cortex(self):
        with pytest.raises(InputError, match="cortex"):
            resolve_target("m1-hand", "left", HEAD, IDENTITY, hotspot_mm=[-30, 0, 85])


class TestParsing:
    @pytest.mark.parametrize(
        "text",
        ["-37,-21,58", " -37 , -21,58 ", "-37 -21 58", "(-37; -21; 58)", "-3.7e1,-21.0,+58", "\u221237,\u221221,58"],
    )
    def test_ways_to_write_a_point(self, text):
        assert parse_point(text, "x").tolist() == [-37, -21, 58]

    @pytest.mark.parametrize("text", ["", "1,2", "1,2,3,4", "a,b,c", "nan,0,0", "inf,0,0", "1,,2,3", "1 2,3"])
    def test_what_is_no_point(self, text):
        with pytest.raises(InputError, match="three numbers") as error:
            resolve_target(f"ras:{text}", "left", HEAD)
        assert "\n" not in str(error.value)


class TestMask:
    def test_a_mask_is_the_grey_matter_under_it(self, tmp_path):
        path = write_mask(tmp_path / "spot.nii.gz", ball([-40, -20, 50], 8))
        found = resolve_target(path, "left", HEAD)
        tets, weights = found.target.weights(HEAD)
        assert (HEAD.tissue[tets] == 2).all() and weights.sum() == pytest.approx(1)
        assert np.linalg.norm(HEAD.centroids_mm[tets] - [-40, -20, 50], axis=1).max() < 8 + 1.8
        assert np.linalg.norm(found.target.center_mm - [-40, -20, 50]) < 4
        assert found.asked_mm == pytest.approx([-40, -20, 50])
        assert found.target.radius_mm == pytest.approx(8, abs=0.5)
        assert (found.target.side, found.target.name, found.mni_mm) == ("left", "spot", None)
        assert found.target.shape == "mask" and resolve_target("ras:-40,-20,50", None, HEAD).target.shape == "ball"

    def test_its_side_is_checked(self, tmp_path):
        path = write_mask(tmp_path / "spot.nii.gz", ball([40, -20, 50], 6))
        assert resolve_target(path, None, HEAD).target.side == "right"
        with pytest.raises(InputError, match="to the right"):
            resolve_target(path, "left", HEAD)

    def test_a_mask_with_little_grey_matter_warns(self, tmp_path):
        path = write_mask(tmp_path / "deep.nii", ball([-30, 0, 35], 16))
        assert "grey matter" in resolve_target(path, None, HEAD).warnings[0]

    def test_unusable_masks(self, tmp_path):
        spot = ball([-40, -20, 50], 6)
        (tmp_path / "broken.nii.gz").write_bytes(b"no image")
        good = write_mask(tmp_path / "good.nii", spot)
        (tmp_path / "cut.nii").write_bytes((tmp_path / "good.nii").read_bytes()[:5000])
        nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4, 2), np.float32), np.eye(4)), tmp_path / "four.nii")
        two = nibabel.load(good)
        shifted = two.affine.copy()
        shifted[0, 3] += 5
        twice = nibabel.Nifti1Image(np.asarray(two.dataobj), two.affine)
        twice.set_qform(shifted, code=1)
        twice.set_sform(two.affine, code=1)
        nibabel.save(twice, tmp_path / "twice.nii")
        cases = {
            "missing.nii.gz": "there is no file",
            "broken.nii.gz": "not a NIfTI file",
            "cut.nii": "truncated",
            "four.nii": "3D",
            "twice.nii": "sform and qform",
        }
        cases |= {write_mask(tmp_path / "empty.nii", spot, value=0.0): "empty"}
        cases |= {write_mask(tmp_path / "nan.nii", spot, value=np.nan): "empty"}
        cases |= {write_mask(tmp_path / "inf.nii", spot, value=np.inf): "finite"}
        cases |= {write_mask(tmp_path / "white.nii", ball([-20, 0, 0], 6)): "no grey matter"}
        for name, says in cases.items():
            with pytest.raises(InputError, match=says) as error:
                resolve_target(str(tmp_path / name), "left", HEAD)
            assert "\n" not in str(error.value)

    def test_a_radius_does_not_go_with_a_mask(self, tmp_path):
        path = write_mask(tmp_path / "spot.nii.gz", ball([-40, -20, 50], 6))
        with pytest.raises(InputError, match="radius"):
            resolve_target(path, "left", HEAD, radius_mm=5)
