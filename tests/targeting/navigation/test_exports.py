"""What a plan gives every navigator: read again it is the same pose, left is left, real files go through all formats."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cli.main import run
from meshes import InputError
from targeting import Pose
from targeting.navigation.exported import HANDLE_MM, PlanImage, PlannedPose
from targeting.navigation.navigators import NAVIGATORS, frames, navigator_file, own_writers, writer_named, writers
from targeting.navigation.pose_file import PoseFile, write_poses
from targeting.navigation.world import Entry, HeaderWorlds, in_the_plans_world
from targeting.planning.demonstration_image import write_demonstration_image

PEER = Path(__file__).parents[4] / "shared" / "peer"
REAL = sorted(
    path
    for folder in ("navigation", "navigation-more")
    for path in (PEER / folder).rglob("*")
    if path.suffix in (".txt", ".xml", ".mrk", ".stmpx") and "electrodes" not in path.parts
)
UNREADABLE = ("worldcoord", "brainsightcoord", "Session.xml")  # other worlds, and no poses

# over the left hand area: the coil faces right, down and a little back, its handle points back and to the left
INWARD = np.array([0.6, -0.1, -0.79])
INWARD /= np.linalg.norm(INWARD)
FORWARD = np.cross(INWARD, np.cross([0.7, 0.7, 0.0], INWARD))
FORWARD /= np.linalg.norm(FORWARD)
CENTRE = np.array([-45.0, -18.0, 82.0])
LEFT_M1 = np.eye(4)
LEFT_M1[:3] = np.column_stack([np.cross(FORWARD, INWARD), FORWARD, INWARD, CENTRE])
TARGET, ENTRY = np.array([-38.0, -20.0, 60.0]), np.array([-43.0, -18.5, 79.0])
HAND = PlannedPose(LEFT_M1, "hand-1", target_mm=TARGET, entry_mm=ENTRY, target_name="m1-hand left", coil="figure8-70mm")

# stored from right to left, front to back and with 1.2 mm slices, and turned by 8° as a tilted head is
SHAPE = (160, 200, 150)
TILTED = np.eye(4)
TILTED[:3, :3] = Rotation.from_euler("x", 8, degrees=True).as_matrix() @ np.diag([-1.0, -1.0, 1.2])
TILTED[:3, 3] = [80.0, 95.0, -70.0]
T1 = PlanImage("sform", 1, "T1.nii.gz", "ab" * 32, TILTED, SHAPE, TILTED, TILTED)
WORLDS = HeaderWorlds(
    "T1.nii.gz", TILTED, SHAPE, {"sform": Entry("sform", 1, TILTED), "qform": Entry("qform", 1, TILTED)}
)
POINTS_FIT = {"brainsight", "brainsight-v12", "invesalius", "navinibs", "robot", "nibs-bids"}
NAMES_IMAGE = {"brainsight", "brainsight-v12", "visor2", "navinibs", "robot", "nibs-bids"}


class NoHead:
    """A gate that lets every pose through: where the head is, is not what is tested here."""

    def check(self, poses, words):
        pass


def written(tmp_path, navigator, poses=(HAND,), image=T1):
    return write_poses(
        poses, navigator, tmp_path / navigator_file(navigator, "2026-03-01T09:30:05+00:00"), NoHead(), image
    )


@pytest.mark.parametrize("navigator", writers())
def test_what_is_written_for_a_plan_is_read_again(tmp_path, navigator):
    second = replace(HAND, name="hand-2", matrix_mm=LEFT_M1 @ np.diag([-1.0, -1.0, 1.0, 1.0]))
    file, *beside = written(tmp_path, navigator, (HAND, second))
    read = PoseFile(file).read()
    assert read.image_sha256 == ("ab" * 32 if navigator in NAMES_IMAGE else "")
    session = in_the_plans_world(read, WORLDS)
    assert [each.name for each in session.targets] == ["hand-1", "hand-2"] and not session.pulses
    for record, pose in zip(session.targets, (HAND, second), strict=True):
        np.testing.assert_allclose(record.pose.matrix_mm, pose.matrix_mm, atol=2e-4)
    marks = list(session.marks)
    for path in beside:
        if path.suffix == ".xml":
            marks += in_the_plans_world(PoseFile(path).read(), WORLDS).marks
    if navigator in POINTS_FIT or beside:
        points = np.array([each.point_mm for each in marks])
        for point in (TARGET, ENTRY):
            assert np.linalg.norm(points - point, axis=1).min() < 2e-4
    handle = CENTRE - HANDLE_MM * FORWARD
    if navigator in POINTS_FIT - {"navinibs", "nibs-bids"} or navigator.startswith("localite"):
        assert np.linalg.norm(points - handle, axis=1).min() < 2e-4
        assert handle[0] < CENTRE[0] and handle[1] < CENTRE[1]  # back and to the left


def test_invesalius_left_front_and_down(tmp_path):
    (file,) = written(tmp_path, "invesalius")
    lines = file.read_text().splitlines()
    assert lines[0] == "##INVESALIUS3_MARKER_FILE_3"
    names = [cell.strip('"') for cell in lines[1].split("\t")]
    row = dict(zip(names, lines[2].split("\t"), strict=True))
    assert row["marker_type"] == "3" and row["label"] == '"hand-1"' and row["is_target"] == "False"
    world = [float(row[f"{axis}_world"]) for axis in ("x", "y", "z")]
    np.testing.assert_allclose(world, CENTRE, atol=1e-5)
    turn = Rotation.from_euler("xyz", [float(row[f"{a}_world"]) for a in ("alpha", "beta", "gamma")], degrees=True)
    np.testing.assert_allclose(turn.as_matrix()[:, 0], FORWARD, atol=1e-6)  # its x is away from the handle
    np.testing.assert_allclose(turn.as_matrix()[:, 2], -INWARD, atol=1e-6)  # its z points out of the head
    # its own space: the rightmost column is stored first, so x counts from the leftmost, voxel 159; y counts from the front
    i, j, k = np.linalg.inv(TILTED)[:3] @ [*CENTRE, 1.0]
    own = [float(row[axis]) for axis in "xyz"]
    np.testing.assert_allclose(own, [159 - i, j, 1.2 * k], atol=1e-5)
    assert own[0] < 0.3 * 159  # a coil on the left
    tilt = Rotation.from_euler("x", 8, degrees=True)
    angles = Rotation.from_euler("xyz", [float(row[a]) for a in ("alpha", "beta", "gamma")], degrees=True)
    np.testing.assert_allclose((tilt * angles).as_matrix()[:, 2], -INWARD, atol=1e-6)


def test_invesalius_without_its_world_is_placed_by_the_image(tmp_path):
    (file,) = written(tmp_path, "invesalius")
    lines = [line.split("\t") for line in file.read_text().splitlines()]
    for row in lines[2:]:
        row[-6:] = ["None"] * 6  # as it writes an image without an affine
    file.write_text("\n".join("\t".join(row) for row in lines))
    read = PoseFile(file).read()
    with pytest.raises(InputError, match="count from a corner of the T1"):
        in_the_plans_world(read, None)
    session = in_the_plans_world(read, WORLDS)
    np.testing.assert_allclose(session.targets[0].pose.matrix_mm, LEFT_M1, atol=1e-4)
    np.testing.assert_allclose(session.marks[0].point_mm, TARGET, atol=1e-4)


def test_invesalius_older_files(tmp_path):
    (file,) = written(tmp_path, "invesalius")
    names, row = (line.split("\t") for line in file.read_text().splitlines()[1:3])
    cells = dict(zip((name.strip('"') for name in names), row, strict=True))
    own = [cells[name] for name in ("x", "y", "z", "alpha", "beta", "gamma")]
    old = [*own, "0.0", "1.0", "0.0", "2.0", "M1", "0.0", "0.0", "0.0", "*"]
    fiducial = [
        "10.0",
        "20.0",
        "30.0",
        "0.0",
        "0.0",
        "0.0",
        "1.0",
        "0.0",
        "0.0",
        "2.0",
        "NAI",
        "0.0",
        "0.0",
        "0.0",
        "*",
    ]
    (tmp_path / "old.mks").write_text("\n".join("\t".join(each) for each in (fiducial, old)) + "\n")
    session = in_the_plans_world(PoseFile(tmp_path / "old.mks").read(), WORLDS)
    assert [each.name for each in session.targets] == ["M1"] and [each.name for each in session.marks] == ["NAI"]
    np.testing.assert_allclose(session.targets[0].pose.matrix_mm, LEFT_M1, atol=1e-4)


def test_navinibs_left_front_and_down(tmp_path):
    (file,) = written(tmp_path, "navinibs")
    (target,) = json.loads(file.read_text())["targets"]
    matrix = np.array(target["coilToMRITransf"])
    np.testing.assert_allclose(matrix[:3, 2], -INWARD)  # −z points into the head
    np.testing.assert_allclose(matrix[:3, 1], FORWARD)  # −y lies along the handle
    np.testing.assert_allclose(np.linalg.det(matrix), 1)
    assert (
        target["targetCoord"] == TARGET.tolist()
        and target["entryCoord"] == ENTRY.tolist()
        and target["key"] == "hand-1"
    )
    assert set(target) <= {"key", "targetCoord", "entryCoord", "angle", "depthOffset", "coilToMRITransf"}


def test_navinibs_samples_are_pulses(tmp_path):
    sample = {"key": "Sample 1", "timestamp": "2026-03-01T09:30:05.250000", "targetKey": "hand", "coilKey": "coil A"}
    seen = {**sample, "coilToMRITransf": (LEFT_M1 @ np.diag([-1.0, 1.0, -1.0, 1.0])).tolist()}
    (tmp_path / "s.json").write_text(
        json.dumps([seen, {**sample, "key": "2", "timestamp": "2026-03-01T09:30:07", "coilToMRITransf": None}])
    )
    first, second = PoseFile(tmp_path / "s.json").read().pulses
    np.testing.assert_allclose(first.pose.matrix_mm, LEFT_M1)
    assert (first.target, first.driver, first.when, second.time_s) == (
        "hand",
        "coil A",
        "2026-03-01T09:30:05.250",
        1.75,
    )
    assert second.pose is None


def test_robots_frame_and_unit_are_taken_from_the_file(tmp_path):
    (file,) = written(tmp_path, "robot")
    document = json.loads(file.read_text())
    np.testing.assert_allclose(np.array(document["poses"][0]["matrix"]), LEFT_M1)
    assert (document["frame"], document["unit"]) == ("ras", "mm")
    for frame, (to_ras, to_coil) in frames().items():
        matrix = np.linalg.inv(to_ras) @ LEFT_M1 @ np.linalg.inv(to_coil)
        matrix[:3, 3] /= 1000
        cells = ",".join(f"{value:.9f}" for value in matrix.ravel())
        heading = "name," + ",".join(f"m{i}{j}" for i in range(4) for j in range(4))
        (tmp_path / "r.csv").write_text(f"# frame: {frame}\n# unit: m\n{heading}\nhand,{cells}\n")
        (record,) = PoseFile(tmp_path / "r.csv").read().targets
        np.testing.assert_allclose(record.pose.matrix_mm, LEFT_M1, atol=1e-5)


def test_nibs_bids_says_how_its_axes_point(tmp_path):
    file, described, system = written(tmp_path, "nibs-bids")
    assert file.name == "sub-plan_task-plan_markers.tsv"
    names, cells = (line.split("\t") for line in file.read_text().splitlines())
    row = dict(zip(names, cells, strict=True))
    np.testing.assert_allclose([float(row[f"position_normal_{axis}"]) for axis in "xyz"], INWARD, atol=1e-6)
    np.testing.assert_allclose([float(row[f"position_direction_{axis}"]) for axis in "xyz"], FORWARD, atol=1e-6)
    assert json.loads(described.read_text())["BEP037Version"] == "6.3"
    assert "T1.nii.gz, SHA-256 abab" in json.loads(system.read_text())["NIBSCoordinateSystemDescription"]
    described.write_text("{}")
    with pytest.raises(InputError, match="CoilAxes"):
        PoseFile(file).read()
    described.unlink()
    with pytest.raises(InputError, match=r"no \*_markers.json beside it"):
        PoseFile(file).read()


def test_localites_points_in_lps(tmp_path):
    _, points = written(tmp_path, "localite-lps")
    text = points.read_text()
    assert points.name == "plan_localite-lps_EntryTarget20260301093005000.xml" and 'coordinateSpace="LPS"' in text
    assert 'data0="38.0"' in text and 'data1="20.0"' in text and 'data2="60.0"' in text  # left and back are positive


@pytest.mark.parametrize("navigator", writers())
def test_no_writer_takes_a_matrix_that_is_no_pose(tmp_path, navigator):
    sheared, mirrored = LEFT_M1.copy(), LEFT_M1.copy()
    sheared[:3, 0] += 0.05 * sheared[:3, 1]
    mirrored[:3, 0] *= -1
    for matrix in (sheared, mirrored, LEFT_M1 * [[1.01, 1.01, 1.01, 1]], LEFT_M1 * np.nan):
        with pytest.raises(InputError, match=r"rigid and right-handed|finite"):
            written(tmp_path, navigator, [PlannedPose(matrix, "hand")])
    assert not list(tmp_path.iterdir())


def test_an_image_that_the_program_sees_elsewhere_is_refused(tmp_path):
    moved = TILTED.copy()
    moved[0, 3] += 3.0
    by_qform = replace(T1, form="qform", sform_mm=moved)
    for navigator, says in (
        ("navinibs", "takes the sform"),
        ("invesalius", "takes the sform"),
        ("brainsight-v12", "lie apart"),
    ):
        with pytest.raises(InputError, match=says):
            written(tmp_path, navigator, image=by_qform)
    assert "NIfTI:Q:Scanner" in written(tmp_path, "brainsight", image=by_qform)[0].read_text()
    with pytest.raises(InputError, match="elsewhere"):
        written(tmp_path, "visor2", image=replace(T1, qform_mm=moved))
    for navigator in ("invesalius", "visor2"):
        with pytest.raises(InputError, match="this plan has no T1"):
            written(tmp_path, navigator, image=None)


@pytest.mark.parametrize("name", ["softaxic", "nexstim"])
def test_what_is_only_read_says_why(name):
    with pytest.raises(
        InputError, match=f"cannot be written for {NAVIGATORS.named(name).title}: .*; it can be brainsight"
    ):
        writer_named(name)


def test_every_writer_says_how_its_file_is_loaded():
    assert all(each.how.endswith(".") and "\n" not in each.how for each in writers().values())


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="real navigator files (../shared/peer) are not here")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_files_go_through_every_format(tmp_path, path):
    if any(word in path.name for word in UNREADABLE):
        with pytest.raises(InputError, match=r"coordinate system|no coil poses") as error:
            PoseFile(path).read()
        assert "\n" not in str(error.value)
        return
    session = PoseFile(path).read()
    poses = [
        Pose(each.pose.matrix_mm, f"{i} {each.name}") for i, each in enumerate(session.records) if each.pose is not None
    ]
    if path.name.startswith("TriggerMarkers"):
        assert len(session.pulses) == path.read_text().count("<TriggerMarker ")
    some = poses[:: max(1, len(poses) // 7)]
    for navigator in writers() if some else ():
        (tmp_path / navigator).mkdir()
        file, *_ = written(tmp_path / navigator, navigator, some)
        again = in_the_plans_world(PoseFile(file).read(), WORLDS)
        assert [each.name.strip() for each in again.targets] == [" ".join(each.name.split()) for each in some]
        for record, pose in zip(again.targets, some, strict=True):
            np.testing.assert_allclose(record.pose.matrix_mm, pose.matrix_mm, atol=3e-4)


def test_the_demonstrations_image_lies_where_its_plans_do(tmp_path, colin27_tissues):
    image = write_demonstration_image(tmp_path / "colin27_T1.nii.gz", colin27_tissues)
    loaded = nib.load(tmp_path / "colin27_T1.nii.gz")
    for coded in (loaded.header.get_qform(coded=True), loaded.header.get_sform(coded=True)):
        np.testing.assert_allclose(coded[0], colin27_tissues.affine_mm, atol=1e-5)
        assert coded[1] == 2
    assert loaded.shape == colin27_tissues.labels.shape and image.sha256 and image.form == "qform"
    shown = np.asarray(loaded.dataobj)
    left = np.linalg.inv(colin27_tissues.affine_mm) @ [-25.0, -25.0, 40.0, 1.0]  # white matter
    outside = np.linalg.inv(colin27_tissues.affine_mm) @ [0.0, 88.0, 70.0, 1.0]
    assert shown[tuple(np.rint(left[:3]).astype(int))] > 150 and shown[tuple(np.rint(outside[:3]).astype(int))] == 0


def test_the_help_names_all_that_can_be_written(capfd):
    assert run(["export", "--help"]) == 0
    said = capfd.readouterr().out
    assert all(each.name in said for each in own_writers())
