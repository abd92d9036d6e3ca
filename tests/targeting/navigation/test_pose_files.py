"""Poses from navigators' files: which rows are meant, in which world, and whether a coil can have been there."""

import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
from heads import layered_ball

from atlases.scalp import Scalp
from meshes import InputError
from targeting import Coil, Pose
from targeting.navigation import brainsight, localite, visor2
from targeting.navigation.choice import chosen_pulses, chosen_target
from targeting.navigation.measured_pose import measured
from targeting.navigation.pose_file import PoseFile
from targeting.navigation.records import Session
from targeting.navigation.world import HeaderWorlds, in_the_plans_world
from targeting.pose_gate import PoseGate
from targeting.study.command_line import command_line
from targeting.study.head_source import HeadSource
from targeting.study.tms_request import TmsRequest

PEER = Path(__file__).parents[4] / "shared" / "peer"
peer = pytest.mark.skipif(not PEER.is_dir(), reason="real navigator files (../shared/peer) are not here")
COLUMNS = (
    "Sample Name",
    "Assoc. Target",
    *brainsight.PLACE,
    *brainsight.AXES,
    "Creation Cause",
    "Crosshairs Driver",
)
LEFT, RIGHT = (-45.0, -20.0, 45.0), (45.0, -20.0, 45.0)


def over(point_mm, off_mm=5.0, turn_deg=0.0):
    """Over a point of a ball of 92 mm, the casing so far off, y forward and turned to the left."""
    z = -np.array(point_mm) / np.linalg.norm(point_mm)
    y = np.cross(z, [1.0, 0, 0]) / np.linalg.norm(np.cross(z, [1.0, 0, 0]))
    angle = np.radians(turn_deg)
    y = np.cos(angle) * y + np.sin(angle) * np.cross(z, y)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.c_[np.cross(y, z), y, z], -(92.0 + off_mm) * z
    return pose


def shifted(pose, *by_mm):
    moved = pose.copy()
    moved[:3, 3] += by_mm
    return moved


def flipped(pose):
    return pose @ np.diag([-1.0, 1, -1, 1])


def written(path, targets=(), samples=(), system="NIfTI:S:Aligned"):
    """A Brainsight file; samples are (pose or None, target, cause, driver)."""
    poses = [Pose(pose, name) for name, pose in targets]
    text = brainsight.to_string(poses, "NIfTI:S:Aligned").replace("NIfTI:S:Aligned", system)
    if not poses:
        text = "\n".join(text.splitlines()[:-1]) + "\n"
    if samples:
        text += "# " + "\t".join(COLUMNS) + "\n"
    for row, (pose, target, cause, driver) in enumerate(samples, start=1):
        cells = ["(null)"] * 12
        if pose is not None:
            matrix = pose @ brainsight.FLIP
            cells = [f"{x:.4f}" for x in np.concatenate([matrix[:3, 3], matrix[:3, :3].T.ravel()])]
        text += "\t".join([f"Sample {row}", target, *cells, cause, driver]) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def pulses(*poses, target="M1", cause="Stim. TTL", driver="Coil 1"):
    return [(pose, target, cause, driver) for pose in poses]


def triggers(path, matrices, space="RAS"):
    markers = ""
    for matrix in matrices:
        cells = " ".join(f'data{i}{j}="{float(matrix[i, j])!r}"' for i in range(4) for j in range(4))
        markers += f'<TriggerMarker recordingTime="0" set="false"><Matrix4D {cells}/></TriggerMarker>'
    path.write_text(f'<TriggerMarkerList coordinateSpace="{space}">{markers}</TriggerMarkerList>', encoding="utf-8")
    return path


def delivered(word, own=()):
    file = PoseFile.of(word)
    return chosen_pulses(file.read(), file, "`delivered`", own)


def threshold(word):
    file = PoseFile.of(word)
    return chosen_target(file.read(), file, "`rmt_pose`")


def refused(what, *words):
    """That it is refused in one line which has all the words."""
    with pytest.raises(InputError) as caught:
        what()
    said = str(caught.value)
    assert "\n" not in said and all(word in said for word in words), said
    return said


@pytest.fixture(scope="module")
def gate():
    return PoseGate(Scalp.of(layered_ball(14.0)), Coil.named("figure8-70mm"))


def test_a_word_is_taken_apart_where_the_file_ends(tmp_path):
    file = written(tmp_path / "day 1.txt", [("M1: left", over(LEFT))])
    assert PoseFile.of(file) == PoseFile(file)
    assert PoseFile.of(f"{file}:M1: left") == PoseFile(file, "M1: left")
    again = command_line(TmsRequest(rmt_pose=f"{file}:M1"), "s1", HeadSource("t1", {}))
    assert again == "target plan s1 --rmt-pose 'day 1.txt:M1'"  # without its folder
    assert PoseFile.of(r"C:\study\a.txt") == PoseFile(Path(r"C:\study\a.txt"))
    assert PoseFile.of(r"C:\study\a.XML:hot:spot") == PoseFile(Path(r"C:\study\a.XML"), "hot:spot")
    odd = written(tmp_path / "run:2", [("x", over(LEFT))])  # a colon in the file's own name
    assert PoseFile.of(odd) == PoseFile(odd) and PoseFile.of(f"{odd}:x") == PoseFile(odd, "x")
    refused(PoseFile.of(tmp_path / "none.txt:x").read, "cannot read", "none.txt", "Brainsight .txt")
    (tmp_path / "notes.txt").write_text("hello\n")
    refused(PoseFile.of(tmp_path / "notes.txt").read, "notes.txt", "no navigator's file")


def test_of_several_targets_one_is_named(tmp_path):
    file = written(tmp_path / "a.txt", [("planned insula", shifted(over(LEFT), 10, 20, -10)), ("hotspot", over(LEFT))])
    for choose, option in ((threshold, "`rmt_pose`"), (delivered, "`delivered`")):
        refused(lambda choose=choose: choose(file), "2 targets", "'planned insula', 'hotspot'", f"{option} '{file}:pl")
        for name in ("hotspot", "#2"):
            (record,) = choose(f"{file}:{name}").records
            assert (record.name, record.row) == ("hotspot", 2)
            np.testing.assert_allclose(record.pose.matrix_mm, over(LEFT), atol=1e-3)
        refused(lambda choose=choose: choose(f"{file}:hotspt"), "nothing named 'hotspt'", "'hotspot'")
    twice = written(tmp_path / "b.txt", [("hot", over(LEFT)), ("hot", over(RIGHT))])
    refused(lambda: threshold(f"{twice}:hot"), "share names", "#1 hot, #2 hot", "b.txt:#1")
    assert threshold(f"{twice}:#2").records[0].pose.center_mm[0] > 0
    same = written(tmp_path / "c.txt", [("hot", over(LEFT)), ("hot", over(LEFT))])
    assert threshold(same).records[0].row == 1
    markers = tmp_path / "d.xml"
    localite.write(markers, [Pose(over(LEFT), ""), Pose(over(RIGHT), "")])
    refused(lambda: threshold(markers), "#1, #2", "d.xml:#1")


def test_a_file_of_one_target_means_it_and_one_of_pulses_alone_their_mean(tmp_path):
    both = written(tmp_path / "a.txt", [("M1", over(LEFT))], pulses(shifted(over(LEFT), 1, 0, 0)))
    assert threshold(both).kind == "target" and delivered(both).kind == "pulse"
    assert threshold(f"{both}:pulses").kind == threshold(f"{both}:pulses at M1").kind == "pulse"
    assert threshold(f"{both}:Sample 1").records[0].name == "Sample 1"
    alone = written(tmp_path / "b.txt", samples=pulses(over(LEFT), over(LEFT)))
    assert len(threshold(alone).records) == len(delivered(alone).records) == 2
    assert len(threshold(triggers(tmp_path / "c.xml", [over(LEFT) @ localite.TURN] * 3)).records) == 3


def test_pulses_of_several_targets_or_coils_are_never_mixed(tmp_path):
    two = [*pulses(over(LEFT), over(LEFT)), *pulses(over(RIGHT), target="R-M1")]
    file = written(tmp_path / "a.txt", [("M1", over(LEFT))], two)
    refused(lambda: delivered(file), "3 pulses of several targets", "'M1' (2), 'R-M1' (1)", "a.txt:M1")
    chosen = delivered(file, own=("M1",))
    assert (len(chosen.records), chosen.words) == (2, "2 of 3 pulses, those at M1")
    assert [each.target for each in delivered(f"{file}:R-M1").records] == ["R-M1"]
    coils = [*pulses(over(LEFT)), *pulses(over(LEFT), driver="Coil 2")]
    file = written(tmp_path / "b.txt", samples=coils)
    refused(lambda: delivered(file, own=("M1",)), "several coils", "'Coil 1' (1), 'Coil 2' (1)")
    assert delivered(f"{file}:Coil 2").records[0].driver == "Coil 2"
    four = written(tmp_path / "c.txt", samples=[*coils, *pulses(over(LEFT), target="(null)")])
    refused(lambda: delivered(four), "several targets and coils", "'no target, Coil 1' (1)")
    assert delivered(f"{four}:M1, Coil 2").records[0].driver == "Coil 2"
    assert delivered(f"{four}:no target").records[0].target == ""
    refused(
        lambda: delivered(f"{four}:M1"), "several coils", "'M1, Coil 1' (1), 'M1, Coil 2' (1)", f"'{four}:M1, Coil 1'"
    )
    unnamed = written(tmp_path / "d.txt", samples=[*coils, *pulses(over(LEFT), driver="(null)")])
    assert delivered(f"{unnamed}:unnamed coil").records[0].driver == ""


def test_what_was_left_out_is_counted_with_its_reason(tmp_path):
    not_coils = [(over(LEFT), "(null)", "Button", tool) for tool in ("Mouse", "Pointer", "Subject Tracker")]
    file = written(tmp_path / "a.txt", samples=[*pulses(over(LEFT), None, over(LEFT)), *not_coils])
    chosen = delivered(file)
    assert len(chosen.records) == 2
    assert chosen.left_out == (
        "3 of 6 samples left out: not of a coil (Mouse, Pointer, Subject Tracker)",
        "1 of 3 pulses left out: not tracked",
    )
    by_hand = pulses(over(RIGHT), cause="Remote", driver="70mm alpha")
    chosen = delivered(written(tmp_path / "b.txt", samples=[*pulses(over(LEFT), driver="70mm alpha"), *by_hand]))
    assert chosen.left_out == ("1 of 2 samples left out: recorded by hand (Remote)",)
    assert len(delivered(written(tmp_path / "c.txt", samples=by_hand)).records) == 1  # no trigger was connected
    unseen = written(tmp_path / "d.txt", [("M1", over(LEFT))], pulses(None, None, None))
    refused(lambda: delivered(unseen), "none of its 3 pulses was tracked", "d.txt:M1'")
    mouse = written(tmp_path / "e.txt", samples=not_coils)
    refused(lambda: delivered(mouse), "none of its 3 samples is of a coil (Mouse, Pointer, Subject Tracker)")


@pytest.mark.parametrize("what", ["identity", "zeros", "nan", "no place", "one nan"])
def test_an_untracked_pulse_is_left_out_and_alone_refused(tmp_path, what):
    good = over(LEFT) @ localite.TURN
    gone = {"identity": np.eye(4), "zeros": np.zeros((4, 4)), "nan": np.full((4, 4), np.nan)}.get(what, good.copy())
    if what == "no place":
        gone[:3, 3] = 0
    if what == "one nan":
        gone[1, 1] = np.nan
    chosen = delivered(triggers(tmp_path / "a.xml", [good, gone, good]))
    assert len(chosen.records) == 2 and chosen.left_out == ("1 of 3 pulses left out: not tracked",)
    refused(lambda: delivered(triggers(tmp_path / "b.xml", [gone] * 2)), "b.xml", "none of its 2 pulses was tracked")
    sheared = good + np.array([[0, 0.1, 0, 0], *[[0] * 4] * 3])
    refused(lambda: delivered(triggers(tmp_path / "c.xml", [good, sheared])), "'pulse 2' are sheared")


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_marker_without_axes_is_no_place(tmp_path, value):
    markers = tmp_path / "a.xml"
    localite.write(markers, [Pose(over(LEFT), "hot"), Pose(over(RIGHT), "never set")])
    gone = {repr(float(x)) for x in (over(RIGHT) @ localite.TURN + 0.0).ravel()[:12]}
    head, _, tail = markers.read_text().partition('description="never set"')
    for number in sorted(gone, key=len, reverse=True):
        tail = tail.replace(f'="{number}"', f'="{value}"')
    markers.write_text(head + 'description="never set"' + tail)
    assert threshold(markers).records[0].name == "hot"
    refused(lambda: threshold(f"{markers}:never set"), "the target 'never set' has no place with axes")


def test_a_coil_is_told_from_a_pointer_by_its_name(tmp_path):
    named = [(over(LEFT), "M1", "Stim. TTL", tool) for tool in ("Coil tracker", "Pointer tool", "Chair tracker")]
    assert [each.driver for each in delivered(written(tmp_path / "a.txt", samples=named)).records] == ["Coil tracker"]
    assert len(delivered(written(tmp_path / "b.txt", samples=pulses(over(LEFT), driver="(null)"))).records) == 1


@pytest.mark.parametrize("kind", ["brainsight", "localite"])
def test_a_session_cut_anywhere_gives_an_error_or_whole_poses(tmp_path, kind):
    if kind == "brainsight":
        whole = written(tmp_path / "a.txt", [("M1", over(LEFT))], pulses(over(LEFT), None, over(LEFT)))
    else:
        whole = triggers(tmp_path / "a.xml", [over(LEFT) @ localite.TURN, np.eye(4)])
    text = whole.read_text()
    for end in range(1, len(text), 7):
        whole.write_text(text[:end])
        try:
            session = PoseFile(whole).read()
        except InputError as error:
            assert "\n" not in str(error)
            continue
        for record in session.records:
            if record.pose is not None:
                np.testing.assert_allclose(record.pose.matrix_mm, over(LEFT), atol=2e-2)


def test_a_localite_file_of_another_kind_or_space_says_what_to_give(tmp_path):
    in_mni = delivered(triggers(tmp_path / "a.xml", [over(LEFT)], "MNI")).session
    refused(lambda: in_the_plans_world(in_mni, None), "MNI152", "coordinates of the T1 itself")
    refused(lambda: delivered(triggers(tmp_path / "b.xml", [over(LEFT)], "ASL")), "must be RAS or LPS")
    refused(lambda: delivered(triggers(tmp_path / "c.xml", [])), "c.xml holds no pose")
    (tmp_path / "d.xml").write_text('<EntryTargetList coordinateSpace="RAS"/>')
    refused(lambda: threshold(tmp_path / "d.xml"), "holds no pose", "the session's pulses or targets")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pose", "said"),
    [
        (over(LEFT), ""),
        (over(LEFT, 24.0), ""),  # over a cap with electrodes and foam
        (over(LEFT, -3.0), ""),  # what a navigator is off
        (flipped(over(LEFT)), "faces away from the head"),
        (flipped(over(LEFT, 60.0)), "faces away from the head"),
        (over(LEFT, 45.0), "the coil is 45 mm from the scalp"),
        (over(LEFT, 300.0), "the coil is 300 mm from the scalp"),
        (over(LEFT, -18.0), "face lies 18 mm inside the head: this is a target"),
        (over(LEFT, -60.0), "inside the head: this is a target"),
        (
            over(LEFT) @ np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]),
            "inside the head",
        ),  # on edge
    ],
)
def test_a_pose_from_a_file_is_held_against_the_head(tmp_path, gate, pose, said):
    file = written(tmp_path / "found.txt", [("spot", pose)])
    if not said:
        np.testing.assert_allclose(measured(threshold(file), gate, 4.0).pose.matrix_mm, pose, atol=1e-3)
        return
    said = refused(
        lambda: measured(threshold(file), gate, 4.0), "target 'spot' (row 1) of", "found.txt cannot be", said
    )
    assert "frame and the coil" in said
    with_pulses = written(tmp_path / "all.txt", [("spot", pose)], pulses(over(LEFT)))
    refused(lambda: measured(threshold(with_pulses), gate, 4.0), "all.txt:pulses'")
    assert measured(threshold(f"{with_pulses}:pulses"), gate, 4.0).words == "one pulse"


@pytest.mark.slow
def test_a_coil_that_was_off_by_its_navigator_is_told_of(tmp_path, gate):
    file = written(tmp_path / "a.txt", samples=pulses(over(LEFT), over(LEFT, -3.0)))
    found = measured(delivered(file), gate, 4.0)
    (warning,) = found.warnings
    assert re.search(r"in 1 of 2 pulses of .*a\.txt the casing is [23]\.\d mm inside the head.*registration", warning)
    assert found.deepest_mm == pytest.approx(3.0, abs=0.6)


def test_pulses_in_the_air_are_left_out_and_a_wrong_frame_is_refused(tmp_path, gate):
    air, inside, good = over(LEFT, 120.0), over(LEFT, -20.0), over(LEFT)
    found = measured(delivered(written(tmp_path / "a.txt", samples=pulses(air, good, good, inside, good))), gate, 4.0)
    assert len(found.poses) == 3 and found.words == "mean of 3 pulses"
    assert found.remarks == (
        "all within 0.0 mm and 0° of their mean",
        "1 of 5 pulses left out: with the coil off the head",
        "1 of 5 pulses left out: in the head or facing away",
    )
    wrong = written(tmp_path / "b.txt", samples=pulses(inside, inside, good))
    refused(lambda: measured(delivered(wrong), gate, 4.0), "pulse 'Sample 1' (row 1)", "inside the head", "1 more of 3")


def test_pulses_of_two_places_have_no_mean(tmp_path, gate):
    hand = [shifted(over(LEFT), x, 0, 0) for x in (-1.0, 0, 1, 0)]
    found = measured(delivered(written(tmp_path / "a.txt", samples=pulses(*hand))), gate, 4.0)
    np.testing.assert_allclose(found.pose.matrix_mm, over(LEFT), atol=1e-3)
    assert found.remarks == ("all within 1.0 mm and 0° of their mean",)
    for name, others in (("b.txt", [over(RIGHT)] * 4), ("c.txt", [over(LEFT, turn_deg=45)] * 2)):
        file = written(tmp_path / name, samples=pulses(*hand, *others))
        said = refused(
            lambda file=file: measured(delivered(file), gate, 4.0), "are not at one place", f"{name}:Sample 1'"
        )
        assert ("45° apart" if name == "c.txt" else "mm and") in said
        assert len(delivered(f"{file}:Sample 1").records) == 1
    stray = written(tmp_path / "d.txt", samples=pulses(*hand * 5, over(RIGHT)))
    found = measured(delivered(stray), gate, 4.0)
    assert len(found.poses) == 20 and "1 of 21 pulses left out: more than 15 mm or 30°" in found.remarks[-1]


# worlds


def t1(path, sform=None, qform=None):
    """A small image whose entries are (matrix, code)."""
    image = nibabel.Nifti1Image(np.zeros((90, 100, 110), np.uint8), np.eye(4))
    image.set_sform(*(sform or (np.eye(4), 0)))
    image.set_qform(*(qform or (np.eye(4), 0)))
    nibabel.save(image, path)
    return path


def grid(shift_mm=(0.0, 0, 0), turn_deg=0.0, step_mm=2.0):
    turn = np.radians(turn_deg)
    affine = np.diag([step_mm, step_mm, step_mm, 1.0])
    affine[:2, :2] = step_mm * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    affine[:3, 3] = np.array([-90.0, -100, -70]) + shift_mm
    return affine


SHIFT = (6.0, -9.0, 12.0)
HERE, THERE = grid(), grid(SHIFT, 5.0)  # a point of the qform's world lies elsewhere in the sform's


@pytest.mark.parametrize(
    ("sform", "qform", "system", "moved"),
    [
        ((HERE, 2), (THERE, 1), "NIfTI:Q:Scanner", True),
        ((HERE, 2), (THERE, 1), "NIfTI:S:Aligned", False),
        ((HERE, 2), (THERE, 1), "NIfTI:Scanner", True),  # before 2.5.3: by the code
        ((HERE, 2), (THERE, 1), "NIfTI:Aligned", False),
        ((HERE, 1), (HERE, 1), "NIfTI:Scanner", False),
        ((HERE, 1), (HERE, 1), "NIfTI:Q:Aligned", False),  # a converter's other code
        ((HERE, 4), None, "NIfTI:S:MNI-152", False),
        ((HERE, 4), None, "NIfTI:MNI-152", False),
        ((HERE, 3), (THERE, 1), "NIfTI:S:Talairach", False),
        ((HERE, 1), (THERE, 4), "NIfTI:Q:MNI-152", True),
    ],
)
def test_a_brainsight_file_is_read_through_the_entry_it_names(tmp_path, sform, qform, system, moved):
    worlds = HeaderWorlds.of(t1(tmp_path / "t1.nii", sform, qform), "t1.nii", HERE)
    session = PoseFile(written(tmp_path / "a.txt", [("M1", over(LEFT))], pulses(over(LEFT), None), system)).read()
    target, pulse, gone = in_the_plans_world(session, worlds).records
    expected = HERE @ np.linalg.inv(THERE) @ over(LEFT) if moved else over(LEFT)
    for record in (target, pulse):
        np.testing.assert_allclose(record.pose.matrix_mm, expected, atol=2e-3)
    assert gone.pose is None
    # the coil stays at the same voxel
    voxel = np.linalg.inv(THERE if moved else HERE) @ over(LEFT)[:, 3]
    np.testing.assert_allclose(HERE @ voxel, target.pose.matrix_mm[:, 3], atol=2e-3)


@pytest.mark.parametrize(
    ("sform", "qform", "system", "words"),
    [
        ((HERE, 4), None, "NIfTI:Q:Scanner", "has NIfTI:S:MNI-152 only"),
        ((HERE, 4), None, "NIfTI:S:Scanner", "has NIfTI:S:MNI-152 only"),
        ((HERE, 2), None, "NIfTI:S:MNI-152", "has NIfTI:S:Aligned only"),
        ((HERE, 2), None, "NIfTI:Q:Scanner", "has NIfTI:S:Aligned only"),
        (None, (HERE, 1), "NIfTI:MNI-152", "has NIfTI:Q:Scanner only"),
        ((HERE, 1), (THERE, 1), "NIfTI:Scanner", "could be either of NIfTI:S:Scanner and NIfTI:Q:Scanner"),
        ((HERE, 2), (grid(step_mm=2.2), 1), "NIfTI:Q:Scanner", "more than a turn and a shift"),
    ],
)
def test_a_world_that_the_t1_does_not_have_is_refused_with_the_way_out(tmp_path, sform, qform, system, words):
    path = t1(tmp_path / "t1.nii", sform, None if qform is None or qform[0][0, 0] > 2.1 else qform)
    worlds = HeaderWorlds.of(path, "my_t1.nii", HERE)
    if qform is not None and "qform" not in worlds.entries:  # NIfTI's two entries share one voxel size on disk
        from targeting.navigation.world import Entry

        worlds = HeaderWorlds("my_t1.nii", HERE, worlds.shape, {**worlds.entries, "qform": Entry("qform", 1, qform[0])})
    session = PoseFile(written(tmp_path / "a.txt", [("M1", over(LEFT))], system=system)).read()
    refused(lambda: in_the_plans_world(session, worlds), "a.txt", system, "my_t1.nii", words, "export it")


@pytest.mark.parametrize("system", ["Brainsight", "World"])
def test_a_world_of_no_image_header_is_refused(tmp_path, system):
    file = written(tmp_path / "a.txt", [("M1", over(LEFT))], system=system)
    refused(PoseFile(file).read, "a.txt", repr(system), "load the T1 as NIfTI")


def test_without_a_t1_the_subjects_own_systems_are_taken(tmp_path):
    file = written(tmp_path / "a.txt", [("M1", over(LEFT))], system="NIfTI:S:Scanner")
    assert in_the_plans_world(PoseFile(file).read(), None).targets[0].pose.center_mm[0] < -30
    template = written(tmp_path / "b.txt", [("M1", over(LEFT))], system="NIfTI:S:MNI-152")
    refused(lambda: in_the_plans_world(PoseFile(template).read(), None), "NIfTI:S:MNI-152", "no T1")


def test_a_header_in_metres_is_the_same_world(tmp_path):
    metres = np.diag([1e-3, 1e-3, 1e-3, 1.0]) @ HERE
    worlds = HeaderWorlds.of(t1(tmp_path / "t1.nii", (metres, 1)), "t1.nii", HERE)
    session = PoseFile(written(tmp_path / "a.txt", [("M1", over(LEFT))], system="NIfTI:S:Scanner")).read()
    np.testing.assert_allclose(in_the_plans_world(session, worlds).targets[0].pose.matrix_mm, over(LEFT), atol=1e-3)


def test_visor2s_image_is_held_against_the_t1(tmp_path):
    path = t1(tmp_path / "t1.nii", (HERE, 2), (THERE, 1))
    worlds, file = HeaderWorlds.of(path, "t1.nii", HERE), tmp_path / "a.mrk"
    visor2.write(file, [Pose(over(LEFT), "M1")], visor2.ImageFingerprint.of(path))
    (record,) = in_the_plans_world(PoseFile(file).read(), worlds).records
    np.testing.assert_allclose(record.pose.matrix_mm, HERE @ np.linalg.inv(THERE) @ over(LEFT), atol=1e-4)
    other = HeaderWorlds.of(t1(tmp_path / "t2.nii", (HERE, 2), (grid((0, 0, 30.0)), 1)), "t2.nii", HERE)
    refused(lambda: in_the_plans_world(PoseFile(file).read(), other), "a.mrk", "not t2.nii", "lies elsewhere")


def test_a_fingerprints_matrix_is_nibabels(tmp_path):
    path = t1(tmp_path / "t1.nii", qform=(THERE @ np.diag([-1.0, 1, 1, 1]), 1))
    np.testing.assert_allclose(visor2.ImageFingerprint.of(path).affine_mm, nibabel.load(path).get_qform(), atol=1e-4)


REAL = {  # targets, pulses, tracked, of a coil
    "navigation-more/brainsight/niiImage_niftialignedcoord_no_targets.txt": (0, 101, 101, 101),
    "navigation-more/brainsight/niiImage_niifticoord_mixedtargets.txt": (17, 16, 16, 0),
    "navigation-more/brainsight/bb_DEEP.txt": (1, 0, 0, 0),
    "navigation/brainsight/niiImage_niftialigned_q_coord_v14.txt": (2, 3, 3, 0),
    "navigation/localite/RAS_InstrumentMarker20170403154022328.xml": (6, 0, 0, 0),
    "navigation/localite/TriggerMarkers_Coil0_20210409170817799.xml": (0, 8, 0, 0),
    "navigation-more/localite-simnibs/TriggerMarkers_Coil1_20210409170817799.xml": (0, 8, 8, 8),
    "navigation-more/localite-simnibs/no_pos_data_TriggerMarkers_Coil0_20200220155529299.xml": (0, 960, 1, 1),
    "navigation/softaxic/neuronav_coil_test.stmpx": (4, 0, 0, 0),
    "navigation/visor2/example.mrk": (7, 0, 0, 0),
}


@peer
@pytest.mark.parametrize("name", REAL)
def test_real_sessions_are_read_whole(name):
    session = PoseFile(PEER / name).read()
    assert isinstance(session, Session)
    tracked = [each for each in session.pulses if each.pose is not None]
    coils = [each for each in tracked if each.driver not in ("Mouse", "Pointer")]
    assert (len(session.targets), len(session.pulses), len(tracked), len(coils)) == REAL[name]


@peer
def test_real_sessions_of_one_place_have_a_mean_and_hunting_for_a_hotspot_has_none():
    from targeting.navigation.measured_pose import _one_place

    one = delivered(PEER / "navigation-more/localite-simnibs/TriggerMarkers_Coil1_20210409170817799.xml")
    assert len(_one_place([each.pose for each in one.records], one)[0]) == 8
    hunt = PEER / "navigation-more/brainsight/niiImage_niftialignedcoord_no_targets.txt"
    refused(lambda: delivered(hunt), "'Sample 23' (78)", "several targets")
    chosen = delivered(f"{hunt}:Sample 23")
    refused(lambda: _one_place([each.pose for each in chosen.records], chosen), "not at one place")
    space = next((PEER / "navigation-more/localite-mni/TMSTrigger").glob("*120533402.xml"))
    refused(lambda: in_the_plans_world(PoseFile(space).read(), None), "MNI152", "a template's space")
