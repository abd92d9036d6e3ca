"""Areas, labels and vertices of the group's cortex as the aim of a plan, as regions to spare, and in the command."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from folded_group import grey_box, group_as_subject
from studies import done

from atlases.area_aim import in_cortex_folder
from atlases.areas import areas
from meshes.errors import InputError
from targeting.records.places import place_name
from targeting.study.aim import Aim, coil_notes, target_side
from targeting.study.command_line import command_line
from targeting.study.head_source import HeadSource
from targeting.study.regions import Regions, region_of
from targeting.study.target_stage import target_stage
from targeting.study.tms_request import TmsRequest
from targeting.subject import Subject

MRI = HeadSource("t1", {"t1": Path("T1.nii.gz")})


@pytest.fixture(scope="module")
def head():
    return done("mesh", grey_box())


def test_an_area_needs_a_side_and_no_registration_of_its_own():
    assert target_side(MRI, "area:4", None, "left", None) == ("right", [])
    with pytest.raises(InputError, match="which side"):
        target_side(MRI, "area:4", None, None, None)
    aim = Aim("area:4", "left").checked()
    assert aim.needs_cortex and not aim.in_mni and aim.mask is None and aim.files == {}


def test_a_mistyped_area_is_refused_before_anything_is_made():
    with pytest.raises(InputError, match="did you mean 'S1'"):
        Aim("area:S11", "left").checked()
    with pytest.raises(InputError, match="did you mean 'area'"):
        Aim("aera:4", "left").checked()


def test_what_a_borrowed_name_means_is_noted():
    assert "Eickhoff" in coil_notes("area:OP1")[0].text and coil_notes("area:4") == []


def test_the_stage_finds_the_area_on_its_side_and_depends_on_the_cortex(tmp_path, head):
    subject = Subject("s", tmp_path)
    cortex = done("cortex", group_as_subject())
    with subject.locked():
        left = subject.run(target_stage(Aim("area:4", "left"), head, None, cortex))
        again = subject.run(target_stage(Aim("area:4", "left"), head, None, cortex))
        assert again.reused and again.value.target.center_mm[0] < -10
        other = replace(cortex, digest="1" * 8)
        assert not subject.run(target_stage(Aim("area:4", "left"), head, None, other)).reused
        right = subject.run(target_stage(Aim("area:4", "right"), head, None, cortex))
    assert right.value.target.center_mm[0] > 10
    assert place_name(left.value) == "left area:4" and place_name(right.value) == "right area:4"


def test_an_aim_that_needs_no_folds_does_not_depend_on_the_cortex(head):
    stage = target_stage(Aim("ras:-40,-20,50", None), head, None, done("cortex", group_as_subject()))
    assert [each.stage for each in stage.after] == ["mesh"]


def test_regions_to_spare_may_be_areas_of_either_side(tmp_path):
    assert region_of("area:FEF", "left", "avoid") == Aim("area:FEF", "left")
    assert region_of("area:FEF+PEF@right", "left", "avoid") == Aim("area:FEF+PEF", "right")
    assert region_of("fslr:8113@right/8", "left", "also") == Aim("fslr:8113", "right", radius_mm=8.0)
    for text, words in (("area:FEFF", "did you mean"), ("area:4@up", "side"), ("area:4/8", "own extent")):
        with pytest.raises(InputError, match=words):
            region_of(text, "left", "avoid")
    with pytest.raises(InputError, match=r"write `avoid=area:4@left`"):
        region_of("area:4", None, "avoid")
    regions = Regions.of(["area:4@right"], ["m1-face"], "left")
    assert regions is not None and regions.needs_cortex and regions.in_mni


def test_a_file_of_labels_is_kept_by_its_bytes_and_named_without_its_folder(tmp_path):
    from nibabel.freesurfer import write_annot

    path = tmp_path / "lh.mine.annot"
    table = np.array([[25, 5, 5, 0, 0], [50, 5, 5, 0, 0]])
    write_annot(path, np.arange(50) % 2, table, ["rest", "spot"], fill_ctab=True)
    aim = Aim(f"{path}:spot", "left").checked()
    assert aim.files == {"labels": path} and aim.recorded == "lh.mine.annot:spot"
    region = region_of(f"{path}:spot@left", "right", "avoid")
    assert region.side == "left" and Regions((region,)).files == {"avoid0": path}
    words = command_line(TmsRequest(aim=f"{path}:spot", side="left"), "s1", MRI)
    assert "--aim lh.mine.annot:spot" in words and str(tmp_path) not in words
    assert shlex.split(command_line(TmsRequest(aim="area:OP1+OP4"), "s1", MRI))[-1] == "area:OP1+OP4"


def test_every_area_can_be_aimed_at():
    for name in areas():
        Aim(f"area:{name}", "right").checked()


def test_labels_of_the_freesurfer_subject_that_brings_the_cortex_are_found_by_their_name(tmp_path, monkeypatch):
    from nibabel.freesurfer import write_annot

    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "fs" / "label"
    folder.mkdir(parents=True)
    table = np.array([[25, 5, 5, 0, 0], [50, 5, 5, 0, 0]])
    for side in ("lh", "rh"):
        write_annot(folder / f"{side}.aparc.annot", np.arange(50) % 2, table, ["rest", "precentral"], fill_ctab=True)
    own = in_cortex_folder("aparc.annot:precentral", "right", "fs")
    assert own == f"{Path('fs') / 'label' / 'rh.aparc.annot'}:precentral" and Aim(own, "right").checked().needs_cortex
    assert in_cortex_folder("lh.aparc.annot:precentral", "left", "fs").endswith("lh.aparc.annot:precentral")
    for aim in ("area:4", "m1-hand", "ras:1,2,3", "other.annot:a"):
        assert in_cortex_folder(aim, "left", "fs") == aim
    assert in_cortex_folder("aparc.annot:precentral", "left", None) == "aparc.annot:precentral"
    write_annot(tmp_path / "aparc.annot", np.arange(50) % 2, table, ["rest", "precentral"], fill_ctab=True)
    assert (
        in_cortex_folder("aparc.annot:precentral", "left", "fs") == "aparc.annot:precentral"
    )  # the one named is there
