"""Navigators' files: left stays left, up stays up, what is written is read again, real files read as they should."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from meshes import InputError
from meshes.errors import WriteError
from targeting import Pose
from targeting.navigation import brainsight, localite, softaxic, visor2
from targeting.navigation.records import rigid_pose

PEER = Path(__file__).parents[4] / "shared" / "peer" / "navigation"
peer = pytest.mark.skipif(not PEER.is_dir(), reason="real navigator files (../shared/peer/navigation) are not here")
IMAGE = visor2.ImageFingerprint((0.0, 1.0, 0.0), (90.0, -126.0, -72.0), (-1.0, 1.0, 1.0, 1.2))

# Over the left hand area: the coil faces right, down and a little back; its handle points back and to the left
# (45° to the midline), so "away from the handle" is forward and to the right.
INWARD = np.array([0.6, -0.1, -0.79])
INWARD /= np.linalg.norm(INWARD)
FORWARD = np.cross(INWARD, np.cross([0.7, 0.7, 0.0], INWARD))
FORWARD /= np.linalg.norm(FORWARD)
CENTRE = np.array([-45.0, -18.0, 82.0])
LEFT_M1 = np.eye(4)
LEFT_M1[:3] = np.column_stack([np.cross(FORWARD, INWARD), FORWARD, INWARD, CENTRE])


@st.composite
def poses(draw: st.DrawFn) -> Pose:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.random(random_state=draw(st.integers(0, 2**32 - 1))).as_matrix()
    matrix[:3, 3] = draw(st.tuples(*[st.floats(-250, 250)] * 3))
    name = draw(st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="#"), min_size=1, max_size=12))
    return Pose(matrix, name)


def write_with(vendor, sample):
    return vendor.to_string(sample, IMAGE) if vendor is visor2 else vendor.to_string(sample)


def test_brainsight_takes_no_name_that_looks_like_a_heading():
    with pytest.raises(InputError, match="#"):
        brainsight.to_string([Pose(np.diag([1.0, -1.0, -1.0, 1.0]), "#1 hand")])
    assert brainsight.from_string(brainsight.to_string([Pose(np.diag([1.0, -1.0, -1.0, 1.0]), "hand #1")]))


@pytest.mark.slow
@pytest.mark.parametrize(("vendor", "digits"), [(brainsight, 3), (localite, 12), (visor2, 12)])
@given(sample=st.lists(poses(), min_size=1, max_size=4))
def test_what_is_written_is_read(vendor, digits, sample):
    text = write_with(vendor, sample)
    found = vendor.from_string(text)
    assert [pose.name for pose in found] == [pose.name for pose in sample]
    for pose, original in zip(found, sample, strict=True):
        np.testing.assert_allclose(pose.matrix_mm, original.matrix_mm, atol=2 * 10.0**-digits)
    if vendor is not brainsight:  # its four decimals are rounded once; the others lose nothing but the last bit
        np.testing.assert_allclose(
            [pose.matrix_mm for pose in vendor.from_string(write_with(vendor, found))],
            [pose.matrix_mm for pose in found],
            atol=1e-12,
        )


@pytest.mark.parametrize("system", brainsight.NEW_NAMES + brainsight.OLD_NAMES)
def test_brainsight_over_left_m1(system):
    text = brainsight.to_string([Pose(LEFT_M1, "M1 left")], system)
    header, row = text.splitlines()[-2:]
    cells = dict(zip(header[2:].split("\t"), row.split("\t"), strict=True))
    assert cells["Target Name"] == "M1 left"
    assert [float(cells[f"Loc. {axis}"]) for axis in "XYZ"] == CENTRE.tolist()
    x, y, z = (np.array([float(cells[f"m{axis}n{k}"]) for k in range(3)]) for axis in range(3))
    np.testing.assert_allclose(z, -INWARD, atol=1e-4)  # out of the head
    assert z[0] < 0  # to the left
    np.testing.assert_allclose(y, FORWARD, atol=1e-4)
    np.testing.assert_allclose(np.cross(x, y), z, atol=2e-4)
    assert f"# Coordinate system: {system}\n" in text
    assert text.startswith("# Version: 14\n" if system.count(":") == 2 else "# Version: 12\n")


@pytest.mark.parametrize(("space", "world"), [("RAS", np.eye(3)), ("LPS", np.diag([-1.0, -1.0, 1.0]))])
def test_localite_over_left_m1(space, world):
    text = localite.to_string([Pose(LEFT_M1, 'M1 <left> & "co"')], space)
    assert f'coordinateSpace="{space}"' in text
    cells = {part.split("=")[0]: float(part.split('"')[1]) for part in text.split() if part.startswith("data")}
    matrix = np.array([[cells[f"data{i}{j}"] for j in range(4)] for i in range(4)])
    np.testing.assert_allclose(matrix[:3, 3], world @ CENTRE)
    assert matrix[0, 3] == (45.0 if space == "LPS" else -45.0)  # in LPS the left is positive
    np.testing.assert_allclose(world @ matrix[:3, 0], INWARD, atol=1e-12)
    np.testing.assert_allclose(world @ matrix[:3, 1], -FORWARD, atol=1e-12)  # toward the handle
    np.testing.assert_allclose(np.linalg.det(matrix), 1)
    (found,) = localite.from_string(text)
    np.testing.assert_allclose(found.matrix_mm, LEFT_M1, atol=1e-12)
    assert found.name == 'M1 <left> & "co"'


def test_localite_markers_that_are_not_set_are_left_out():
    text = localite.to_string([Pose(LEFT_M1, "a"), Pose(LEFT_M1, "b")]).replace('set="true"', 'set="false"', 1)
    assert [pose.name for pose in localite.from_string(text)] == ["b"]


TRIGGERS = """<TriggerMarkerList coordinateSpace="LPS">{}</TriggerMarkerList>"""
TRIGGER = """<TriggerMarker description="" recordingTime="{time}"><ResponseValues>
<Value key="valueA" response="62.0"/><Value key="response" response="NaN"/><Value key="amplitudeA" response="45.0"/>
</ResponseValues><Matrix4D {matrix}/></TriggerMarker>"""


def trigger(matrix, time):
    return TRIGGER.format(
        matrix=" ".join(
            f'data{i}{j}="{matrix[i, j]!r}"'.replace("np.float64(", "").replace(")", "")
            for i in range(4)
            for j in range(4)
        ),
        time=time,
    )


def test_localite_pulses():
    tracked = np.diag([-1.0, -1, 1, 1]) @ LEFT_M1 @ localite.TURN
    text = TRIGGERS.format(trigger(np.eye(4), 100) + trigger(tracked, 2500))
    untracked, pulse = localite.session_from_string(text).pulses
    assert untracked.pose is None and (untracked.row, untracked.time_s) == (1, 0.1)
    np.testing.assert_allclose(pulse.pose.matrix_mm, LEFT_M1, atol=1e-12)
    assert (pulse.time_s, pulse.didt_a_per_s, pulse.amplitude_percent) == (2.5, 62e6, 45.0)
    assert np.isnan(pulse.response_uv)
    assert pulse.name == pulse.pose.name == "pulse 2"


def test_visor2_over_left_m1():
    text = visor2.to_string([Pose(LEFT_M1, "M1")], IMAGE, "D70")
    target = json.loads(text)["TargetMarkers"][0]["CoilTarget"]
    assert target["CoilPose"]["RigidTransformMatrix4x4"] == LEFT_M1.tolist()
    assert target["CoilInfo"]["Type"] == "D70"
    assert visor2.image_from_string(text) == IMAGE


def test_visor2_knows_its_image(tmp_path):
    affine = np.array([[-1.0, 0, 0, 90], [0, 0, 1.5, -126], [0, 2, 0, -72], [0, 0, 0, 1]])
    image = nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), affine)
    image.set_qform(affine, 1)
    nib.save(image, tmp_path / "t1.nii.gz")
    fingerprint = visor2.ImageFingerprint.of(tmp_path / "t1.nii.gz")
    visor2.write(tmp_path / "plan.mrk", [Pose(LEFT_M1, "M1")], fingerprint)
    found = visor2.image_from_string((tmp_path / "plan.mrk").read_text())
    assert found.matches(fingerprint)
    affine[0, 3] += 0.01
    image.set_qform(affine, 1)
    nib.save(image, tmp_path / "moved.nii.gz")
    assert not found.matches(visor2.ImageFingerprint.of(tmp_path / "moved.nii.gz"))
    image.set_qform(None, 0)
    nib.save(image, tmp_path / "none.nii.gz")
    with pytest.raises(InputError, match="no qform"):
        visor2.ImageFingerprint.of(tmp_path / "none.nii.gz")
    with pytest.raises(InputError, match=r"a NIfTI file|no file"):
        visor2.ImageFingerprint.of(tmp_path / "plan.mrk")


def stmpx(columns, far_side=CENTRE - 15 * INWARD):
    cells = " ".join(f'm{i}{j}="{columns[i, j]:.6f}"' for i in range(3) for j in range(3))
    place = 'x="{:.5f}" y="{:.5f}" z="{:.5f}"'
    far = "" if far_side is None else f"<f {place.format(*far_side)}/>"
    return f'<stmp><fmpm><fmp id="P1"><fp {place.format(*CENTRE)} {cells}>{far}</fp></fmp></fmpm></stmp>'


@pytest.mark.parametrize("facing", [1, -1], ids=["c2 into the head", "c2 out of the head"])
def test_softaxic_in_both_readings(facing):
    x, y, z = LEFT_M1[:3, :3].T
    (pose,) = softaxic.from_string(stmpx(np.column_stack([y, -facing * x, facing * z])))
    np.testing.assert_allclose(pose.matrix_mm, LEFT_M1, atol=1e-4)
    assert pose.name == "P1"


def test_softaxic_refuses_what_it_cannot_tell():
    x, y, z = LEFT_M1[:3, :3].T
    good = np.column_stack([y, -x, z])
    for columns, far_side, says in [
        (good, None, "which way the coil faces"),
        (good, CENTRE + 15 * x, "do not fit"),
        (np.column_stack([y, x, z]), CENTRE - 15 * z, "left-handed"),
        (np.column_stack([y, -x, z + 0.1 * y]), CENTRE - 15 * z, "sheared"),
    ]:
        with pytest.raises(InputError, match=says):
            softaxic.from_string(stmpx(columns, far_side))


@peer
@pytest.mark.parametrize(
    ("name", "targets", "samples"),
    [
        ("niiImage_niftialignedcoord.txt", 7, 101),
        ("niiImage_nifticoord_gridfolder.txt", 15, 13),
        ("niiImage_niftialigned_q_coord_v14.txt", 2, 3),
    ],
)
def test_brainsights_own_files(name, targets, samples):
    text = (PEER / "brainsight" / name).read_text()
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    found = brainsight.read(PEER / "brainsight" / name)
    session = brainsight.session_from_string(text)
    assert (len(found), len(session.targets), len(session.pulses)) == (targets, targets, samples)
    for pose, row in zip(found, rows, strict=False):
        assert pose.name == row.split("\t")[0]
        # every target of these files lies on the scalp and faces the brain's middle
        toward_middle = [0.0, 0, 20] - pose.center_mm
        assert pose.direction_mm @ toward_middle / np.linalg.norm(toward_middle) > 0.5
    # written again, the rows are those of the file
    again = brainsight.to_string(found, text.splitlines()[1].split(": ")[1]).splitlines()[7:]
    for ours, theirs in zip(again, rows, strict=False):
        numbers = [np.array(line.split("\t")[1:13], float) for line in (ours, theirs)]
        np.testing.assert_allclose(*numbers, atol=1.2e-3)  # they give three decimals


@peer
@pytest.mark.parametrize("name", ["niiImage_brainsightcoord.txt", "dcmimage_worldcoord.txt"])
def test_brainsights_other_frames_are_refused(name):
    with pytest.raises(InputError, match="is not the T1's RAS mm"):
        brainsight.read(PEER / "brainsight" / name)


@peer
def test_localites_own_files():
    lps = localite.read(PEER / "localite" / "LPS_InstrumentMarker20120925124022687.xml")
    assert [pose.name for pose in lps] == ["hotspot", "PA", "premot", "LM"]
    ras = localite.read(PEER / "localite" / "RAS_InstrumentMarker20170403154022328.xml")
    assert [pose.name for pose in ras] == ["m", "m+", "m-", "p", "p+", "p-"]
    for pose in lps + ras:  # all over the left motor cortex: the coil faces right and down
        assert pose.center_mm[0] < -30
        assert pose.direction_mm[0] > 0.3
        assert pose.direction_mm[2] < -0.6
        assert pose.away_from_handle_mm[:2].max() > 0.3
    posterior_anterior, lateral_medial = lps[1], lps[3]
    assert posterior_anterior.away_from_handle_mm[1] > 0.99  # "PA": the handle points back
    assert lateral_medial.away_from_handle_mm[0] > 0.9  # "LM": the handle points to the left, away from the head


@peer
def test_localites_untracked_pulses_are_kept_without_a_pose():
    path = next((PEER / "localite").glob("TriggerMarkers*.xml"))
    pulses = localite.session_from_string(path.read_text()).pulses
    assert len(pulses) == path.read_text().count("<TriggerMarker ") == 8
    assert all(each.pose is None for each in pulses)


@peer
def test_softaxics_and_visor2s_own_files():
    for pose in softaxic.read(PEER / "softaxic" / "neuronav_coil_test.stmpx"):
        assert pose.center_mm[0] < -30
        assert pose.direction_mm[0] > 0.7
    found = visor2.read(PEER / "visor2" / "example.mrk")
    assert [pose.name for pose in found] == [
        *(f"CoilMarker_{n}" for n in (1, 2, 3)),
        "",
        *(["CoilMarker_4", "CoilMarker_5", "CoilMarker_6"]),
    ]
    np.testing.assert_allclose(found[0].center_mm, [-70, -10, 60])
    text = (PEER / "visor2" / "example.mrk").read_text()
    again = visor2.to_string(found, visor2.image_from_string(text))
    for ours, theirs in zip(json.loads(again)["TargetMarkers"], json.loads(text)["TargetMarkers"], strict=True):
        keys = ("Name", "CoordinateSystem", "PositionalUnit", "CoilAxesConvention")
        assert [ours["CoilTarget"][key] for key in keys] == [theirs["CoilTarget"][key] for key in keys]


FORMATS = {"brainsight": brainsight, "localite": localite, "softaxic": softaxic, "visor2": visor2}
SHEARED = LEFT_M1.copy()
SHEARED[:3, 0] += 0.05 * SHEARED[:3, 1]
GOOD = {name: write_with(FORMATS[name], [Pose(LEFT_M1, "M1")]) for name in ("brainsight", "localite", "visor2")}


@pytest.mark.parametrize("name", FORMATS)
def test_not_even_the_right_kind_of_file(tmp_path, name):
    with pytest.raises(InputError, match="cannot read"):
        FORMATS[name].read(tmp_path / "none")
    for content, says in [
        (b"", "empty"),
        (b"\xff\xfe\x00\x01", "not a text file"),
        (b"hello\n", "is not|has no|not XML|not JSON"),
    ]:
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(InputError, match=says) as error:
            FORMATS[name].read(tmp_path / "file")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", GOOD)
def test_a_file_cut_anywhere_gives_an_error_or_whole_poses(name):
    text = GOOD[name]
    for end in range(1, len(text.rstrip())):
        try:
            found = FORMATS[name].from_string(text[:end])
        except InputError as error:
            assert "\n" not in str(error)
            continue
        for pose in found:
            np.testing.assert_allclose(pose.matrix_mm, LEFT_M1, atol=1e-2)


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("brainsight", "NIfTI:Q:Aligned", "NIfTI:Q:MNI-152", "not the T1's RAS mm"),
        ("brainsight", "# Coordinate system: NIfTI:Q:Aligned\n", "", "without a name"),
        ("brainsight", "-45.0000", "(null", "a number should be"),
        ("brainsight", "\tm2n2", "", "lacks place or axes"),
        ("brainsight", "# Target Name", "# Goal Name", "no block"),
        ("brainsight", "-45.0000", "nan", "not finite"),
        ("localite", 'coordinateSpace="RAS"', 'coordinateSpace="ASL"', "must be RAS or LPS"),
        ("localite", "InstrumentMarkerList", "EntryTargetList", "not a InstrumentMarkerList"),
        ("localite", 'data03="-45.0"', "", "not complete"),
        ("localite", 'data03="-45.0"', 'data03="left"', "a number should be"),
        ("visor2", '"simnibs"', '"nexstim"', "CoilAxesConvention"),
        ("visor2", '"mm"', '"m"', "PositionalUnit"),
        ("visor2", "CoilPose", "Pose", "no 4 × 4 pose"),
        ("visor2", "CoilTarget", "BrainTarget", "no coil targets"),
        ("visor2", "TargetMarkers", "Markers", "no TargetMarkers"),
    ],
)
def test_damage_says_why(name, old, new, says):
    assert old in GOOD[name]
    with pytest.raises(InputError, match=says) as error:
        FORMATS[name].from_string(GOOD[name].replace(old, new))
    assert "\n" not in str(error.value)


def test_sheared_and_mirrored_matrices_are_refused():
    mirrored = LEFT_M1.copy()
    mirrored[:3, 0] *= -1
    for matrix, says in [
        (SHEARED, "sheared"),
        (LEFT_M1 * [[1.01, 1.01, 1.01, 1]], "scaled"),
        (mirrored, "left-handed"),
    ]:
        with pytest.raises(InputError, match=says):
            rigid_pose(matrix, "M1", "file")
    tracked = str(LEFT_M1.tolist()[0][0])
    with pytest.raises(InputError, match="sheared"):
        visor2.from_string(GOOD["visor2"].replace(tracked, "0.99"))
    with pytest.raises(InputError, match="sheared"):
        localite.from_string(GOOD["localite"].replace(repr(float(LEFT_M1[0, 0])), "0.99"))
    with pytest.raises(InputError, match="sheared"):
        brainsight.from_string(GOOD["brainsight"].replace(f"{-LEFT_M1[0, 0]:.4f}", "0.9900"))


@given(poses(), st.integers(3, 6))
def test_rounded_matrices_become_rigid_again(pose, digits):
    found = rigid_pose(np.round(pose.matrix_mm, digits), "pose", "file").matrix_mm
    np.testing.assert_allclose(found[:3, :3].T @ found[:3, :3], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(found, pose.matrix_mm, atol=2 * 10.0**-digits)


def test_files_are_written_whole_and_unknown_frames_refused(tmp_path):
    brainsight.write(tmp_path / "plan.txt", [Pose(LEFT_M1, "a\tb\n\x01c")])
    assert brainsight.read(tmp_path / "plan.txt")[0].name == "a b c"
    localite.write(tmp_path / "plan.xml", [Pose(LEFT_M1, "M\x011")], "LPS")
    assert localite.read(tmp_path / "plan.xml")[0].name == "M1"
    np.testing.assert_allclose(localite.read(tmp_path / "plan.xml")[0].matrix_mm, LEFT_M1, atol=1e-12)
    assert b"\r" not in (tmp_path / "plan.xml").read_bytes()
    with pytest.raises(InputError, match="Brainsight's 'World'"):
        brainsight.write(tmp_path / "other.txt", [Pose(LEFT_M1)], "World")
    with pytest.raises(InputError, match="RAS or LPS"):
        localite.write(tmp_path / "other.xml", [Pose(LEFT_M1)], "scanner")
    with pytest.raises(WriteError, match="cannot write"):
        brainsight.write(tmp_path / "none" / "plan.txt", [Pose(LEFT_M1)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.txt", "plan.xml"]
