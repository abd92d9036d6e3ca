"""Areas of the cortex: which they are, where they lie on the group's cortex and in a person, and what is refused."""

import nibabel as nib
import numpy as np
import pytest
from folded_group import grey_box, group_as_subject, group_hemisphere
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, LabelAxis, ScalarAxis

from atlases import resolve_target
from atlases.area_aim import by_folds, check_by_folds, on_subject
from atlases.areas import aliases, area_cm2, area_labels, areas, areas_at_vertices, names_in, networks, patch_of
from atlases.fslr import grayordinates, group_cortex
from meshes.cortical_surface import Folds
from meshes.errors import InputError

CORTEX = group_as_subject()
MARKED = {"lh": area_labels("lh") == areas()["44"].number, "rh": area_labels("rh") == areas()["V1"].number}


@pytest.fixture(scope="module")
def head():
    return grey_box()


def middle_mm(side, vertices):
    return group_cortex(side).central.points_mm[vertices].mean(0)


class TestAtlas:
    def test_there_are_180_areas_that_fill_the_cortex_and_nothing_else(self):
        for side in ("lh", "rh"):
            labels = area_labels(side)
            assert set(labels[group_cortex(side).cortex]) == set(range(1, 181))
            assert not labels[~group_cortex(side).cortex].any()

    def test_left_is_left(self):
        for name in areas():
            assert (
                middle_mm("lh", patch_of(name, "lh").vertices)[0]
                < 0
                < middle_mm("rh", patch_of(name, "rh").vertices)[0]
            )

    @pytest.mark.parametrize(
        ("front", "behind"),
        [("4", "3b"), ("3b", "2"), ("6a", "4"), ("pre-SMA", "SMA"), ("FEF", "4"), ("PI", "V1")],
    )
    def test_areas_lie_in_their_order_from_front_to_back(self, front, behind):
        for side in ("lh", "rh"):
            assert (
                middle_mm(side, patch_of(front, side).vertices)[1] > middle_mm(side, patch_of(behind, side).vertices)[1]
            )

    def test_the_largest_areas_are_v1_and_4(self):
        size = area_cm2("lh")
        assert sorted(size, key=size.get)[-2:] == ["4", "V1"] and 480 < sum(size.values()) < 540

    def test_a_vertex_of_the_person_has_the_label_of_its_place(self):
        # turned by 0.2 rad about z, so the labels of the group come from another vertex than its own
        turn = np.array([[np.cos(0.2), -np.sin(0.2), 0], [np.sin(0.2), np.cos(0.2), 0], [0, 0, 1]])
        _, folds = group_hemisphere("lh")
        turned = Folds(
            folds.white_mm,
            folds.pial_mm,
            folds.thickness_mm,
            folds.depth_mm,
            folds.sphere,
            folds.sphere @ turn.T,
            folds.cortex,
        )
        found = areas_at_vertices(turned, "lh")
        truth = area_labels("lh")
        assert (areas_at_vertices(folds, "lh") == truth).all()
        for vertex in (0, 4000, 20_000):
            nearest = np.linalg.norm(group_cortex("lh").sphere - turned.fslr[vertex], axis=1).argmin()
            assert found[vertex] == truth[nearest]
        assert (found != truth).mean() > 0.3


class TestNames:
    def test_aliases_are_groups_of_areas_each_with_a_source(self):
        assert {"S1", "S2", "M1", "SMA", "pre-SMA", "PMd", "PMv", "ACC", "IFG", "DLPFC", "insula", "PSI"} <= set(
            aliases()
        )
        for alias in aliases().values():
            assert alias.source and alias.certainty and set(alias.areas) <= set(areas())

    def test_small_and_large_letters_are_alike_and_no_two_names_are_then_the_same(self):
        every = [*areas(), *aliases(), *networks()]
        assert len({each.lower() for each in every}) == len(every)
        assert names_in("s1+fef+YEO7-Default") == ("S1", "FEF", "yeo7-default")

    @pytest.mark.parametrize(
        ("text", "words"),
        [("OP5", "'OP1'"), ("dlpcf", "'DLPFC'"), ("", "unknown area ''"), ("4+", "unknown area ''"), ("4+4", "twice")],
    )
    def test_a_mistyped_name_gets_a_suggestion(self, text, words):
        with pytest.raises(InputError, match=words):
            names_in(text)

    def test_a_union_is_the_sum_of_its_parts(self):
        both = patch_of("OP1+OP4", "rh").vertices
        parts = [patch_of(name, "rh").vertices for name in ("OP1", "OP4")]
        assert (both == (parts[0] | parts[1])).all() and not (parts[0] & parts[1]).any()
        assert (patch_of("S2", "rh").vertices == both).all()

    def test_that_hcps_op1_is_not_eickhoffs_is_said(self):
        assert any("Eickhoff" in note for note in patch_of("OP1", "lh").notes)
        assert any("Eickhoff" in note for note in patch_of("S2", "lh").notes)
        assert not patch_of("4", "lh").notes

    def test_networks_fill_the_cortex(self):
        seven = [patch_of(name, "lh").vertices for name in networks() if name.startswith("yeo7")]
        covered = np.sum(seven, axis=0)
        assert covered.max() == 1 and covered[group_cortex("lh").cortex].mean() > 0.95


class TestAims:
    @pytest.mark.parametrize(("side", "hemisphere", "sign"), [("left", "lh", -1), ("right", "rh", 1)])
    def test_an_area_is_the_grey_matter_of_its_vertices_on_its_side(self, head, side, hemisphere, sign):
        found = resolve_target("area:4", side, head, cortex=CORTEX)
        tets, _ = found.target.weights(head)
        assert found.target.side == side and found.target.name == "area:4" and found.target.shape == "patch"
        assert (np.sign(head.centroids_mm[tets][:, 0]) == sign).mean() > 0.95  # the medial wall lies at the midline
        away = np.linalg.norm(
            middle_mm(hemisphere, patch_of("4", hemisphere).vertices) - head.centroids_mm[tets].mean(0)
        )
        assert away < 3
        own = CORTEX.hemispheres[hemisphere].points_mm[patch_of("4", hemisphere).vertices]
        assert np.linalg.norm(own - found.target.center_mm, axis=1).min() < 1e-6

    def test_a_vertex_of_the_group_is_a_ball_round_its_place(self, head):
        found = resolve_target("fslr:8113", "right", head, cortex=CORTEX, radius_mm=7)
        assert found.asked_mm == pytest.approx(group_cortex("rh").central.points_mm[8113], abs=1e-3)
        assert found.target.side == "right" and found.target.radius_mm == 7

    def test_without_folds_one_line_says_why_and_what_to_do(self, head):
        for cortex in (None, group_as_subject(["rh"])):
            with pytest.raises(InputError, match=r"folds of the left hemisphere.*target setup.*`cortex=DIR`") as error:
                resolve_target("area:4", "left", head, cortex=cortex)
            assert "\n" not in str(error.value)
        assert resolve_target("area:4", "right", head, cortex=group_as_subject(["rh"])).target.side == "right"

    @pytest.mark.parametrize(
        ("aim", "side", "words"),
        [
            ("area:4", None, "which side"),
            ("fslr:12", None, "which side"),
            ("area:44x", "left", "did you mean"),
            ("fslr:32492", "left", "from 0 to 32491"),
            ("fslr:-1", "left", "from 0 to 32491"),
            ("fslr:ten", "left", "from 0 to 32491"),
            (f"fslr:{np.flatnonzero(~group_cortex('lh').cortex)[0]}", "left", "medial wall"),
            ("nowhere.annot:4", "left", "no file"),
        ],
    )
    def test_what_cannot_be_aimed_at_is_refused_before_there_is_a_cortex(self, aim, side, words):
        with pytest.raises(InputError, match=words):
            check_by_folds(aim, side)

    def test_an_area_takes_no_radius_and_no_hotspot(self, head):
        with pytest.raises(InputError, match="radius"):
            resolve_target("area:4", "left", head, cortex=CORTEX, radius_mm=5)
        with pytest.raises(InputError, match="hotspot"):
            resolve_target("area:4", "left", head, cortex=CORTEX, hotspot_mm=[-37, -20, 55])


def save_annot(path, marked, names=("unknown", "spot", "rest")):
    colors = np.array([[25 * i, 5, 5 + i, 0, 0] for i in range(len(names))])
    colors[:, 4] = colors[:, 0] + colors[:, 1] * 2**8 + colors[:, 2] * 2**16
    nib.freesurfer.write_annot(path, np.where(marked, 1, 2), colors, list(names), fill_ctab=False)
    return str(path)


def save_gifti(path, marked, structure="CortexLeft"):
    table = nib.gifti.GiftiLabelTable()
    for key, name in ((0, "???"), (7, "spot")):
        label = nib.gifti.GiftiLabel(key, 1, 0, 0, 1)
        label.label = name
        table.labels.append(label)
    meta = nib.gifti.GiftiMetaData({"AnatomicalStructurePrimary": structure})
    array = nib.gifti.GiftiDataArray(
        np.where(marked, 7, 0).astype(np.int32), intent="NIFTI_INTENT_LABEL", datatype="NIFTI_TYPE_INT32"
    )
    nib.save(nib.gifti.GiftiImage(darrays=[array], labeltable=table, meta=meta), path)
    return str(path)


def save_cifti(path, marked, maps=1):
    parts = [
        BrainModelAxis.from_surface(grayordinates(side), 32492, f"CIFTI_STRUCTURE_CORTEX_{word}")
        for side, word in (("lh", "LEFT"), ("rh", "RIGHT"))
    ]
    values = np.concatenate([np.where(marked[side][grayordinates(side)], 3, 0) for side in ("lh", "rh")])
    labels = LabelAxis(
        [f"map {i}" for i in range(maps)], [{0: ("???", (0, 0, 0, 0)), 3: ("spot", (1, 0, 0, 1))}] * maps
    )
    image = Cifti2Image(np.tile(values, (maps, 1)).astype(np.float32), (labels, parts[0] + parts[1]))
    image.nifti_header.set_intent("NIFTI_INTENT_CONNECTIVITY_DENSE_LABELS")
    nib.save(image, path)
    return str(path)


class TestFilesOfTheUser:
    """A spot in area 44 of the left and V1 of the right: on the left only, or on both sides in different places."""

    @pytest.mark.parametrize("kind", ["lh.mine.annot", "mine.annot", "mine.label.gii", "mine.dlabel.nii"])
    def test_a_label_is_the_same_target_in_every_format(self, tmp_path, head, kind):
        path = tmp_path / kind
        if kind.endswith(".annot"):
            save_annot(path, MARKED["lh"])
        elif kind.endswith(".gii"):
            save_gifti(path, MARKED["lh"])
        else:
            save_cifti(path, MARKED)
        found = resolve_target(f"{path}:spot", "left", head, cortex=CORTEX).target
        truth = resolve_target("area:44", "left", head, cortex=CORTEX).target
        assert found.mask_points_mm == pytest.approx(truth.mask_points_mm) and found.name == f"{kind}:spot"

    def test_a_file_of_both_sides_has_each_side_its_own(self, tmp_path, head):
        path = save_cifti(tmp_path / "both.dlabel.nii", MARKED)
        right = resolve_target(f"{path}:spot", "right", head, cortex=CORTEX).target
        assert right.center_mm[1] < -60 and right.center_mm[0] > 0  # V1 of the right, and not area 44 of the left

    def test_labels_on_the_subjects_own_vertices_are_taken_as_they_are(self):
        _, folds = group_hemisphere("lh")
        few = np.arange(1000)
        own = Folds(*(getattr(folds, name)[few] for name in folds.__dataclass_fields__))
        marked = few < 40
        assert (on_subject(marked, own, "lh", "x.annot") == marked).all()
        with pytest.raises(InputError, match=r"999 vertices.*left hemisphere 1,000 and fs_LR 32k 32,492"):
            on_subject(marked[:-1], own, "lh", "x.annot")

    def test_the_other_sides_file_is_refused(self, tmp_path):
        for path in (
            save_annot(tmp_path / "rh.mine.annot", MARKED["lh"]),
            save_gifti(tmp_path / "mine.label.gii", MARKED["lh"], "CortexRight"),
        ):
            with pytest.raises(InputError, match="right hemisphere, and the left one is asked for"):
                check_by_folds(f"{path}:spot", "left")

    def test_a_label_that_is_not_there_gets_a_suggestion(self, tmp_path):
        path = save_annot(tmp_path / "lh.mine.annot", MARKED["lh"])
        with pytest.raises(InputError, match=r"did you mean 'spot'.*lh\.mine\.annot has unknown, spot, rest"):
            check_by_folds(f"{path}:spt", "left")
        with pytest.raises(InputError, match=r"which label .*has unknown, spot, rest"):
            check_by_folds(path, "left")
        with pytest.raises(InputError, match="no vertex"):
            check_by_folds(f"{path}:unknown", "left")

    def test_several_labels_and_names_with_a_plus(self, tmp_path):
        path = save_annot(tmp_path / "lh.mine.annot", MARKED["lh"], ("unknown", "a+b", "rest"))
        check_by_folds(f"{path}:a+b", "left")
        check_by_folds(f"{path}:rest", "left")
        with pytest.raises(InputError, match="unknown label 'a'"):
            check_by_folds(f"{path}:a+rest", "left")

    @pytest.mark.parametrize("name", ["lh.x.annot", "x.label.gii", "x.dlabel.nii"])
    def test_damaged_files_are_refused(self, tmp_path, name):
        path = tmp_path / name
        whole = {
            "lh.x.annot": lambda: save_annot(path, MARKED["lh"]),
            "x.label.gii": lambda: save_gifti(path, MARKED["lh"]),
            "x.dlabel.nii": lambda: save_cifti(path, MARKED),
        }[name]
        whole()
        content = path.read_bytes()
        for part in (b"", b"nonsense" * 20, content[:300], content[: len(content) // 2], content[:-40]):
            path.write_bytes(part)
            with pytest.raises(InputError):
                check_by_folds(f"{path}:spot", "left")

    def test_what_is_no_file_of_labels_or_has_several_maps_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="2 maps"):
            check_by_folds(f"{save_cifti(tmp_path / 'two.dlabel.nii', MARKED, maps=2)}:spot", "left")
        parts = BrainModelAxis.from_surface(grayordinates("lh"), 32492, "CIFTI_STRUCTURE_CORTEX_LEFT")
        image = Cifti2Image(np.zeros((1, parts.size), np.float32), (ScalarAxis(["E"]), parts))
        nib.save(image, tmp_path / "scalars.dlabel.nii")
        with pytest.raises(InputError, match="no CIFTI file of labels"):
            check_by_folds(f"{tmp_path / 'scalars.dlabel.nii'}:spot", "left")
        assert not by_folds("mask.nii.gz") and not by_folds("m1-hand")
