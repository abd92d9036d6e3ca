"""What navigators' files say beside poses, other spellings of them, and the one line for what cannot be read right."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from atlases.warp import MniWarp
from cli.main import run
from meshes import InputError
from targeting import Pose
from targeting.dosing.request import threshold_rows
from targeting.navigation import brainsight, localite, navinibs, nexstim, robot
from targeting.navigation.pose_file import PoseFile
from targeting.navigation.records import MNI, Session
from targeting.navigation.world import Entry, HeaderWorlds, in_the_plans_world
from targeting.study.head_stages import FrameImage

PEER = Path(__file__).parents[4] / "shared" / "peer"
peer = pytest.mark.skipif(not PEER.is_dir(), reason="real navigator files (../shared/peer) are not here")

INWARD = np.array([0.6, -0.1, -0.79])
INWARD /= np.linalg.norm(INWARD)
FORWARD = np.cross(INWARD, np.cross([0.7, 0.7, 0.0], INWARD))
FORWARD /= np.linalg.norm(FORWARD)
CENTRE = np.array([-45.0, -18.0, 82.0])
LEFT_M1 = np.eye(4)
LEFT_M1[:3] = np.column_stack([np.cross(FORWARD, INWARD), FORWARD, INWARD, CENTRE])
SHAPE = (180, 220, 170)
STORED = np.diag([-1.0, 1.0, 1.0, 1.0])  # from right to left
STORED[:3, 3] = [89.0, -125.0, -71.0]
WORLDS = HeaderWorlds("T1.nii.gz", STORED, SHAPE, {"sform": Entry("sform", 1, STORED)})
TARGETS = brainsight.to_string([Pose(LEFT_M1, "M1")])


def saved(path, content, encoding="utf-8"):
    path.write_bytes(content.encode(encoding))
    return PoseFile(path)


def refused(what, says):
    with pytest.raises(InputError, match=says) as error:
        what()
    assert "\n" not in str(error.value)


SAMPLE_COLUMNS = (
    *("Sample Name", "Session Name", "Index", "Assoc. Target", *brainsight.PLACE, *brainsight.AXES),
    *(
        "Stim. Power A",
        "Stim. Pulse Interval",
        "Stim. Power B",
        "Date",
        "Time",
        "Creation Cause",
        "Crosshairs Driver",
        "Offset",
    ),
    *("Comment", "EMG Channels", "EMG Window Start", "EMG Window End"),
    *("EMG Peak-to-peak 2", "EMG Data 2", "EMG Peak-to-peak 1", "EMG Latency 1", "EMG Data 1"),
)


def sample(name, time, response="812.5", power="52.0", pose=LEFT_M1, second="40.0"):
    matrix = pose @ brainsight.FLIP
    place = [f"{value:.4f}" for value in np.concatenate([matrix[:3, 3], matrix[:3, :3].T.ravel()])]
    stimulus = [
        power,
        "(null)",
        "(null)",
        "2026-03-01",
        time,
        "Stim. TTL",
        "Coil 1",
        "0.0",
        "(null)",
        "2",
        "15.0",
        "50.0",
    ]
    return "\t".join([name, "Session 2", "1", "M1", *place, *stimulus, second, "1;2;3", response, "23.0", "4;5;6"])


def session_text(*samples):
    return "\n".join([TARGETS.rstrip(), "# " + "\t".join(SAMPLE_COLUMNS), *samples]) + "\n"


def test_brainsights_responses_output_and_time():
    text = session_text(
        sample("Sample 1", "09:30:05.250"), sample("Sample 2", "09:30:10.750", "(null)", "(null)", second="(null)")
    )
    first, second = brainsight.session_from_string(text).pulses
    assert (first.response_uv, first.responses_uv, first.amplitude_percent) == (812.5, (812.5, 40.0), 52.0)
    assert (first.when, first.session, first.target) == ("2026-03-01T09:30:05.250", "Session 2", "M1")
    assert (first.time_s, second.time_s) == (0.0, 5.5)
    assert np.isnan([second.response_uv, second.amplitude_percent, *second.responses_uv]).all()
    older = text.replace("Peak-to-peak 1", "Peak-to-peak 0").replace("Peak-to-peak 2", "Peak-to-peak 1")
    assert brainsight.session_from_string(older.replace("Stim. Power A", "Stim. Power")).pulses[0].responses_uv == (
        812.5,
        40.0,
    )


@pytest.mark.parametrize(
    ("encoding", "change"),
    [
        ("utf-8-sig", lambda text: text),
        ("utf-16", lambda text: text),
        ("utf-8", lambda text: text.replace("\n", "\r\n")),
        ("utf-8", lambda text: text.replace("\n", "\r")),
        ("utf-8", lambda text: text.replace("\n", "\t\n")),  # as a spreadsheet saves it
    ],
    ids=["BOM", "UTF-16", "CRLF", "CR", "empty cells"],
)
@pytest.mark.parametrize("kind", ["brainsight", "localite", "navinibs", "robot", "nexstim"])
def test_other_spellings_are_read_right(tmp_path, encoding, change, kind):
    text = {
        "brainsight": session_text(sample("Sample 1", "09:30:05.250")),
        "localite": localite.to_string([Pose(LEFT_M1, "M1")]),
        "navinibs": navinibs.to_string([Pose(LEFT_M1, "M1")]),
        "robot": robot.to_string([Pose(LEFT_M1, "M1")]),
        "nexstim": nexstim_text(),
    }[kind]
    text = text if kind != "localite" or encoding != "utf-16" else text.replace("UTF-8", "UTF-16")
    session = in_the_plans_world(saved(tmp_path / "file", change(text), encoding).read(), WORLDS_OR_ALL)
    assert session.records
    for record in session.records:
        np.testing.assert_allclose(record.pose.matrix_mm, LEFT_M1, atol=1e-3)


WORLDS_OR_ALL = HeaderWorlds(
    "T1.nii.gz", STORED, SHAPE, {form: Entry(form, code, STORED) for form, code in (("sform", 1), ("qform", 2))}
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("nothing of the kind", "no navigator's file"),
        (TARGETS.replace("-45.0000", "-45,0000"), "decimal points, not commas"),
        (TARGETS.replace("-45.0000", "inf"), "not finite"),
        (TARGETS.replace("Units: millimetres", "Units: metres"), "not in millimetres"),
        (localite.to_string([Pose(LEFT_M1, "M1")]).replace('data33="1.0"', 'data33="2.0"'), "last row of 'M1'"),
        (TARGETS.replace("\tm2n1", ""), "lacks place or axes"),
        (TARGETS.replace("# Coordinate system: NIfTI:Q:Aligned\n", ""), "without a name"),
        (TARGETS.replace("NIfTI:Q:Aligned", "Polaris"), "'Polaris', which is not the T1's RAS mm"),
        (session_text(sample("S", "9 o'clock")), "it must be like 2021-06-25 11:48:47.502"),
        (session_text(sample("S", "09:30:05.2", "much")), "'much' where a number should be"),
        (session_text(sample("S", "09:30:05.2")[:60]), "truncated in the row 'S'"),
        (localite.to_string([Pose(LEFT_M1, "M1")]).replace('"RAS"', '"Talairach"'), "a template's brain"),
        (localite.to_string([Pose(LEFT_M1, "M1")]).replace("-45.0", "-45,0"), "decimal points, not commas"),
        (localite.to_string([Pose(LEFT_M1, "M1")])[:-40], "truncated or not XML"),
        ('##INVESALIUS3_MARKER_FILE_9\n"x"\n', "of version '9'; 0 to 5 can be read"),
        ("##INVESALIUS3_MARKER_FILE_3\n", "ends after its first line"),
        ('##INVESALIUS3_MARKER_FILE_3\n"label"\t"size"\nM1\t2\n', "no columns x, y, z"),
        ('{"targets": [{"key": "a", "coilToMRITransf": [[1, 2], [3, 4]]}]}', "is not 4 × 4 numbers"),
        ('{"targets": [{"coilToMRITransf": []}]}', "has no key"),
        ('{"targets": {"coilToMRITransf": []}}', "must be lists of objects"),
        ('{"poses": [{"matrix": []}]}', "states no frame: write 'ras' or"),
        ('{"frame": "ras", "poses": [{"matrix": []}]}', "states no unit: write 'mm' or 'm'"),
        (
            '{"frame": "mars", "unit": "mm", "poses": [{"matrix": [[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}]}',
            "unknown frame 'mars'",
        ),
        (
            '{"frame": "ras", "unit": "inch", "poses": [{"matrix": [[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}]}',
            "unknown unit 'inch'",
        ),
        (
            '{"frame": "ras", "unit": "mm", "poses": [{"matrix": [[1,0,0,5],[0,1,0,5],[0,0,1,5],[5,5,5,1]]}]}',
            "last row",
        ),
        (
            '{"frame": "ras", "unit": "mm", "poses": [{"matrix": [[2,0,0,5],[0,2,0,5],[0,0,2,5],[0,0,0,1]]}]}',
            "sheared or scaled",
        ),
        (
            '{"frame": "ras", "unit": "mm", "poses": [{"matrix": [[-1,0,0,5],[0,1,0,5],[0,0,1,5],[0,0,0,1]]}]}',
            "left-handed",
        ),
        ("# frame: ras\nname,m00\nM1,1\n", "the heading name,m00"),
        (
            "# frame: ras\n# unit: mm\nname," + ",".join(f"m{i}{j}" for i in range(4) for j in range(4)) + "\nM1,1,0\n",
            "2 numbers",
        ),
        ("nibs_position_id\tposition_x\nposition_1\t5\n", "beside it"),
    ],
)
def test_what_cannot_be_read_right_is_refused_in_one_line(tmp_path, text, says):
    refused(saved(tmp_path / "file", text).read, says)


def nexstim_text(system="MRI", pose=LEFT_M1, comma=False, normal_sign=1.0):
    """A session as NBS exports it: three lines of headings, and its own axes: x to the left, y up, z to the front."""
    tail = "\tEF max.\tCh1\tCh1\tCh2\tCh2", "\tValue\tAmp\tLat\tAmp\tLat", "\t(V/m)\t(µV)\t(ms)\t(µV)\t(ms)"
    heads = [
        "ID\tTime\tStim.\tFirst\tTarget\tCoil\t\t\tCoil\t\t\tCoil\t\t\tEF max.\t\t" + tail[0],
        "\t\tType\tIntens.\tID\tLoc.\t\t\tNormal\t\t\tDir.\t\t\tLoc.\t\t" + tail[1],
        "\t(ms)\t\t(%)\t\tx\ty\tz\tx\ty\tz\tx\ty\tz\tx\ty\tz" + tail[2],
    ]
    turn = np.array([[-1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
    left_front_up = np.array([89.0 - 179.0, -125.0, -71.0])  # RAS of the leftmost, hindmost, lowest voxel

    def own(point):
        right, front, up = point - left_front_up
        return np.array([SHAPE[0] - right, up, front])

    numbers = [
        own(pose[:3, 3]),
        -normal_sign * turn @ pose[:3, 2],
        turn @ pose[:3, 1],
        own(pose[:3, 3] + 20 * pose[:3, 2]),
    ]
    cells = [f"{value:.4f}" for vector in numbers for value in vector]
    row = "\t".join(["1.2.3.", "1500", "Single", "45", "1.2.1.", *cells, "95.0", "812.5", "23.0", "-", "-"])
    row = row.replace(".", ",").replace("1,2,3,", "1.2.3.").replace("1,2,1,", "1.2.1.") if comma else row
    return "\n".join(
        [
            f"Coordinate system: {system}",
            "Landmarks (mm)",
            "10\t20\t30\tNose/Nasion",
            "",
            "Sequence ID: 1.2.",
            *heads,
            "",
            row,
            "",
        ]
    )


@pytest.mark.parametrize(("comma", "begin"), [(False, ""), (True, ""), (False, "\t")])
def test_nexstims_pulses_are_placed_by_the_image(tmp_path, comma, begin):
    text = "\n".join(begin + line for line in nexstim_text(comma=comma).split("\n"))
    read = saved(tmp_path / "session.nbe", text).read()
    refused(lambda: in_the_plans_world(read, None), "count from a corner")
    (pulse,) = in_the_plans_world(read, WORLDS).pulses
    np.testing.assert_allclose(pulse.pose.matrix_mm, LEFT_M1, atol=1e-3)
    assert pulse.pose.center_mm[0] < 0 and pulse.pose.direction_mm[2] < 0
    assert (pulse.name, pulse.target, pulse.session, pulse.time_s) == ("1.2.3.", "1.2.1.", "1.2", 1.5)
    assert (pulse.amplitude_percent, pulse.response_uv, len(pulse.responses_uv)) == (45.0, 812.5, 2)


def test_nexstims_faults_are_found():
    refused(lambda: nexstim.session_from_string(nexstim_text("Talairach")), "coordinate system 'Talairach'")
    refused(lambda: nexstim.session_from_string(nexstim_text(normal_sign=-1.0)), "points into the head")
    unsigned = "\n".join(line.replace("\t-", "\t") for line in nexstim_text().split("\n"))
    refused(lambda: nexstim.session_from_string(unsigned), "lost their signs")
    refused(lambda: nexstim.session_from_string(nexstim_text().replace("Dir.", "Way")), "no columns 'Coil Dir.'")
    thick = replace(WORLDS, affine_mm=np.diag([1.0, 1.0, 1.5, 1.0]))
    refused(lambda: in_the_plans_world(nexstim.session_from_string(nexstim_text()), thick), "images of 1 mm only")


def triggers(space, matrix, start="23:59:50.500", key="mepAmplitude"):
    cells = " ".join(f'data{i}{j}="{float(matrix[i, j])!r}"' for i in range(4) for j in range(4))
    said = {"valueA": 62.0, key: 512.0, "amplitudeA": 45.0}
    values = "".join(f'<Value key="{name}" response="{value}"/>' for name, value in said.items())
    inside = f"<ResponseValues>{values}</ResponseValues><Matrix4D {cells}/>"
    marker = f'<TriggerMarker recordingTime="26098">{inside}</TriggerMarker>'
    return f'<TriggerMarkerList coordinateSpace="{space}" startTime="{start}">{marker}</TriggerMarkerList>'


@pytest.mark.parametrize("key", ["mepAmplitude", "response"])
def test_localites_response_output_coil_and_clock_over_midnight(tmp_path, key):
    matrix = LEFT_M1 @ localite.TURN
    (pulse,) = (
        saved(tmp_path / "TriggerMarkers_Coil1_20260302000105123.xml", triggers("RAS", matrix, key=key)).read().pulses
    )
    np.testing.assert_allclose(pulse.pose.matrix_mm, LEFT_M1, atol=1e-12)
    assert (pulse.response_uv, pulse.responses_uv, pulse.didt_a_per_s, pulse.amplitude_percent) == (
        512.0,
        (512.0,),
        62e6,
        45.0,
    )
    assert (pulse.driver, pulse.when, pulse.time_s) == ("coil 2", "2026-03-02T00:00:16.598", 26.098)
    (elsewhere,) = saved(tmp_path / "renamed.xml", triggers("RAS", matrix)).read().pulses
    assert (elsewhere.driver, elsewhere.when) == ("", "")


def test_mni_comes_back_through_the_subjects_own_map(tmp_path):
    turn = Rotation.from_euler("xyz", [5, -8, 12], degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn @ np.diag([1.1, 0.9, 1.05]), [2.0, -7.0, 11.0]
    warp = replace(MniWarp.identity(), affine_mm=affine)
    session = saved(tmp_path / "a.xml", triggers("MNI", LEFT_M1 @ localite.TURN)).read()
    assert session.system == MNI
    refused(lambda: in_the_plans_world(session, WORLDS), "to a registered subject")
    back = in_the_plans_world(session, WORLDS, warp)
    pose = back.pulses[0].pose
    np.testing.assert_allclose(pose.center_mm, (affine @ [*CENTRE, 1.0])[:3], atol=1e-9)
    assert (
        pose.direction_mm @ turn @ INWARD > np.cos(np.radians(8)) and pose.away_from_handle_mm @ turn @ FORWARD > 0.98
    )
    assert "differ by 2 mm" in back.remarks[0] and back.system == ""
    unseen = np.eye(4)
    unseen[:3, 3] = [-13.1, -3.9, 70.3]  # what Localite makes of the identity
    assert saved(tmp_path / "b.xml", triggers("MNI", unseen)).read().pulses[0].pose is None


@peer
def test_a_real_mni_session_has_its_pulses_over_the_left_of_the_head():
    path = next((PEER / "navigation-more/localite-mni/TMSTrigger").glob("*Coil0*120533402.xml"))
    session = in_the_plans_world(PoseFile(path).read(), None, MniWarp.identity())
    assert len(session.pulses) == 21 and all(each.pose is not None for each in session.pulses)
    for each in session.pulses:
        assert each.pose.center_mm[0] < -40 and each.pose.direction_mm[0] > 0.4 and each.pose.direction_mm[2] < -0.5
        assert each.when.startswith("2024-09-02T12:03:")


# --- target import ---


def test_import_tells_what_a_file_holds(tmp_path, capfd):
    path = tmp_path / "session.txt"
    path.write_text(
        session_text(sample("Sample 1", "09:30:05.250"), sample("Sample 2", "09:31:05.250", pose=np.zeros((4, 4))))
    )
    assert run(["import", str(path)]) == 0
    said = capfd.readouterr().out
    for words in (
        "Brainsight",
        "NIfTI:Q:Aligned",
        "1: M1",
        "2, 1 tracked",
        "by Coil 1 (2)",
        "2 with % output: 52 to 52",
        "2 with µV",
    ):
        assert words in said
    assert run(["import", str(path), "--json", "--file", str(tmp_path / "rows.tsv")]) == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["targets"], document["pulses"], document["tracked"]) == (1, 2, 1)
    assert document["records"][2]["pose_mm"] is None and document["records"][1]["response_uv"] == 812.5
    rows = [line.split("\t") for line in (tmp_path / "rows.tsv").read_text().splitlines()]
    assert len({len(row) for row in rows}) == 1
    pulse = dict(zip(rows[0], rows[2], strict=True))
    assert (pulse["kind"], pulse["tracked"], pulse["x_mm"], pulse["response_uv"]) == (
        "pulse",
        "yes",
        "-45.000000",
        "812.500000",
    )
    assert float(pulse["coil_z_x"]) > 0.5  # into the head from the left
    assert dict(zip(rows[0], rows[3], strict=True))["x_mm"] == "n/a"


def test_import_refuses_in_one_line(tmp_path, capfd):
    path = tmp_path / "session.txt"
    path.write_text(TARGETS)
    for words, says in [
        ([str(path), "nobody", "--out", str(tmp_path / "none")], "no subject folder"),
        ([str(tmp_path / "none.txt")], "there is no such file"),
        ([str(path), "--file", str(tmp_path / "rows.xls")], ".tsv or .json"),
    ]:
        assert run(["import", *words]) == 2
        said = capfd.readouterr().err
        assert says in said and said.count("\n") == 1


def test_import_carries_poses_to_a_subjects_image(tmp_path, capfd):
    import nibabel as nib

    folder = tmp_path / "s1"
    folder.mkdir()
    image = nib.Nifti1Image(np.zeros(SHAPE, np.uint8), STORED)
    image.set_sform(STORED, 1)
    moved = STORED.copy()
    moved[:3, 3] += [0.0, 4.0, 0.0]
    image.set_qform(moved, 2)
    nib.save(image, folder / "T1.nii.gz")
    frame = {
        "name": "T1.nii.gz",
        "sha256": "ab" * 32,
        "affine_mm": STORED.tolist(),
        "shape": SHAPE,
        "copy": "T1.nii.gz",
    }
    (folder / "head.json").write_text(json.dumps({"frame": {**frame, "form": "sform", "code": 1}}))
    path = tmp_path / "session.txt"
    path.write_text(TARGETS)  # in NIfTI:Q:Aligned, 4 mm in front of the plan's
    assert run(["import", str(path), "s1", "--out", str(folder), "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["frame"] == "RAS mm of T1.nii.gz"
    np.testing.assert_allclose(np.array(document["records"][0]["pose_mm"])[:3, 3], CENTRE - [0, 4, 0], atol=1e-3)
    path.write_text(TARGETS.replace("# Created by: target", f"# Created by: target, on x of SHA-256 {'cd' * 32}"))
    assert run(["import", str(path), "s1", "--out", str(folder)]) == 2
    assert "was written for an image of SHA-256 cdcd" in capfd.readouterr().err
    worlds = FrameImage.kept_in(folder).worlds(folder)
    # where a threshold was found, the same rule holds
    refused(lambda: threshold_rows(PoseFile(path), worlds), "was written for an image of SHA-256 cdcd")


def test_an_empty_recording_is_a_session_without_pulses():
    session = localite.session_from_string('<TriggerMarkerList coordinateSpace="RAS"/>')
    assert isinstance(session, Session) and session.records == ()
