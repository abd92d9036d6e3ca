"""The dose at a live pose: the map's own number, in every navigator's frame, and one line for what cannot be used."""

import json
import shutil
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned_ball import HAIR_MM, SPOT, planned_ball
from scipy.spatial.transform import Rotation

from meshes import InputError
from targeting import Coil, Pose
from targeting.coils import coil_names
from targeting.live import LiveDose
from targeting.live.protocol import MAX_LINE_BYTES, document_of, id_of, line_of, request_of
from targeting.live.server import reply_line
from targeting.navigation import brainsight, invesalius, localite, navinibs, visor2
from targeting.navigation.image_space import ImageSpace
from targeting.navigation.navigators import frames, pose_in
from targeting.subject import Subject
from targeting.tms import DoseMap

pytestmark = pytest.mark.slow

IMAGE = visor2.ImageFingerprint((0.0, 1.0, 0.0), (90.0, -126.0, -72.0), (-1.0, 1.0, 1.0, 1.2))


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return planned_ball(tmp_path_factory.mktemp("live") / "ball")


@pytest.fixture(scope="module")
def live(subject):
    return LiveDose.of(subject)


@pytest.fixture(scope="module")
def planned(live):
    return np.array(live.plan.placements[0].pose)


@pytest.fixture(scope="module")
def lopsided(planned):
    """A pose to the left of the planned one, tilted and turned: no mirror image or swapped axis gives the same dose."""
    tilted = np.array([[1, 0, 0], [0, 0.96, -0.28], [0, 0.28, 0.96]]) @ np.array(
        [[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]
    )
    pose = planned.copy()
    pose[:3, :3] = planned[:3, :3] @ tilted
    pose[:3, 3] += planned[:3, :3] @ [-12.0, 7.0, -30.0]
    return pose


def asked(live, **request):
    return json.loads(reply_line(live, line_of({"id": 1, **request})))


def as_sent(frame, pose):
    """The matrix that a vendor's own file holds for a pose, read off the text our writer makes of it."""
    if frame == "brainsight":
        text = brainsight.to_string([Pose(pose)]).splitlines()[-1].split("\t")[1:]
        numbers = np.array([float(each) for each in text])
        matrix = np.eye(4)
        matrix[:3, 3], matrix[:3, :3] = numbers[:3], numbers[3:].reshape(3, 3).T
        return matrix
    if frame.startswith("localite"):
        text = localite.to_string([Pose(pose)], "LPS" if frame == "localite-lps" else "RAS")
        parts = [part for part in text.replace("/>", " ").split() if part.startswith("data")]
        cells = {part.split("=")[0]: float(part.split('"')[1]) for part in parts}
        return np.array([[cells[f"data{i}{j}"] for j in range(4)] for i in range(4)])
    if frame == "visor2":
        marker = json.loads(visor2.to_string([Pose(pose)], IMAGE))["TargetMarkers"][0]["CoilTarget"]
        return np.array(marker["CoilPose"]["RigidTransformMatrix4x4"])
    if frame == "navinibs":
        return np.array(json.loads(navinibs.to_string([Pose(pose)]))["targets"][0]["coilToMRITransf"])
    if frame == "invesalius":
        names, cells = invesalius.to_string([Pose(pose)], ImageSpace.of(np.eye(4), (9, 9, 9), "T1")).splitlines()[1:3]
        row = dict(zip(names.replace('"', "").split("\t"), cells.split("\t"), strict=True))
        matrix = np.eye(4)
        matrix[:3, 3] = [float(row[f"{axis}_world"]) for axis in "xyz"]
        angles = [float(row[f"{angle}_world"]) for angle in ("alpha", "beta", "gamma")]
        matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        return matrix
    return pose


@pytest.mark.parametrize("frame", frames())
def test_an_asymmetric_pose_has_one_dose_in_every_frame(live, lopsided, frame):
    sent = as_sent(frame, lopsided)
    assert (frame in ("ras", "visor2")) == np.allclose(sent, lopsided)
    np.testing.assert_allclose(pose_in(frame, sent).matrix_mm, lopsided, atol=2e-4)
    reply = asked(live, pose=sent.tolist(), frame=frame)
    (truth,) = live.dose_map.mean_e_v_per_m(live.coil, lopsided)
    np.testing.assert_allclose(reply["mean_e_v_per_m"], truth, rtol=1e-4, atol=1e-5)
    assert reply["dose_v_per_m"] == pytest.approx(np.linalg.norm(truth), rel=1e-4)
    # the same matrix taken for another vendor's is another pose, with another dose
    if frame not in ("ras", "visor2"):
        other = asked(live, pose=sent.tolist())
        assert other["dose_v_per_m"] != pytest.approx(reply["dose_v_per_m"], rel=0.05)
    mirrored = lopsided.copy()
    mirrored[0, 3] *= -1
    assert live.dose_map.dose(live.coil, mirrored) < 0.8 * reply["dose_v_per_m"]


def test_the_planned_pose_is_a_hundred_percent_for_every_coil(live, planned):
    reply = asked(live, pose=planned.tolist())
    assert reply["id"] == 1
    assert reply["percent_of_plan"] == pytest.approx(100)
    assert reply["scalp_distance_mm"] == pytest.approx(HAIR_MM, abs=0.1)
    assert reply["warnings"] == []
    assert reply["dose_v_per_m"] == pytest.approx(live.dose_map.dose(live.coil, planned))
    assert reply["dose_v_per_m"] == pytest.approx(live.hello["plan_dose_v_per_m"])
    for name in coil_names():
        other = asked(live, pose=planned.tolist(), coil=name, didt_a_per_us=10)
        assert other["percent_of_plan"] == pytest.approx(100)
        assert other["dose_v_per_m"] == pytest.approx(live.dose_map.dose(Coil.named(name), planned, didt_a_per_s=1e7))


def moved(pose, x=0.0, y=0.0, z=0.0):
    out = pose.copy()
    out[:3, 3] += pose[:3, :3] @ [x, y, z]
    return out.tolist()


def test_a_coil_farther_away_or_beside_gives_less(live, planned):
    doses = [asked(live, pose=moved(planned, z=-away))["dose_v_per_m"] for away in (0, 5, 20, 60, 150, 400, 3000)]
    assert all(near > 1.1 * far > 0 for near, far in pairwise(doses))
    assert asked(live, pose=moved(planned, x=30, z=-10))["percent_of_plan"] < 80
    far = asked(live, pose=moved(planned, z=-400))
    assert far["scalp_distance_mm"] == pytest.approx(HAIR_MM + 400, abs=2)


def test_a_coil_in_the_head_and_one_that_faces_away_are_told(live, planned):
    inside = asked(live, pose=moved(planned, z=20))
    assert inside["scalp_distance_mm"] < -10
    assert "inside the head" in inside["warnings"][0]
    away = asked(live, pose=(planned @ np.diag([-1.0, 1.0, -1.0, 1.0])).tolist())
    assert any("faces away" in each for each in away["warnings"])
    cone = asked(
        live, pose=moved(planned, z=-40), coil="double-cone-110mm"
    )  # that it would be in the head at the plan's
    assert cone["scalp_distance_mm"] > 0 and "double-cone-110mm (the casing is" in " ".join(cone["warnings"])
    assert any("maximum of 114.7" in each for each in asked(live, pose=planned.tolist(), didt_a_per_us=130)["warnings"])


def test_the_greeting_says_whom_and_which_image(live, planned):
    hello = json.loads(line_of(live.hello))
    assert hello["hello"] == "target"
    assert hello["schema_version"] == "1.0"
    assert (hello["subject"], hello["target"], hello["side"]) == ("ball", "left spot", "left")
    assert hello["image_sha256"] == "0f" * 32
    assert hello["target_mm"] == SPOT.center_mm.tolist()
    np.testing.assert_allclose(hello["plan_pose"], planned)
    assert set(hello["frames"]) == set(frames()) and set(hello["coils"]) == set(coil_names())


GOOD = np.eye(4).tolist()
BAD = [
    (b"", "not JSON"),
    (b"\n", "not JSON"),
    (b"hello\n", "not JSON"),
    (b"GET / HTTP/1.1\r\n", "not JSON"),
    (b"\xff\xfe{\x00", "not UTF-8"),
    (b"[1, 2]\n", "a list, not an object"),
    (b"null\n", "null, not an object"),
    (b"7\n", "a number, not an object"),
    (b"[" * 8000, "not JSON"),
    (b'{"id": 1', "not JSON"),
    (b'{"id": 1, "pose": NaN}', "not JSON"),
    (b'{"id": ' + b"9" * 6000 + b"}", "not JSON"),
    (b'{"id": 1' + b" " * MAX_LINE_BYTES + b"}", "longer than"),
    (line_of({}), "pose is missing"),
    (line_of({"pose": GOOD, "psoe": 1}), "unknown field 'psoe', did you mean 'pose'?"),
    (line_of({"pose": GOOD, "x" * 5000: 1}), "unknown field"),
    (line_of({"pose": GOOD, "id": True}), "id must be"),
    (line_of({"pose": GOOD, "id": 1.5}), "id must be"),
    (line_of({"pose": GOOD, "id": "x" * 65}), "id must be"),
    (line_of({"pose": GOOD, "id": {}}), "id must be"),
    (line_of({"pose": None}), "4 rows of 4 numbers"),
    (line_of({"pose": "up"}), "4 rows of 4 numbers"),
    (line_of({"pose": GOOD[:3]}), "4 rows of 4 numbers"),
    (line_of({"pose": np.eye(4).ravel().tolist()}), "4 rows of 4 numbers"),
    (line_of({"pose": [*GOOD[:3], [0, 0, 0]]}), "4 rows of 4 numbers"),
    (line_of({"pose": [*GOOD[:3], [0, 0, 0, "1"]]}), "a text where a number"),
    (line_of({"pose": [*GOOD[:3], [0, 0, 0, True]]}), "true or false where a number"),
    (line_of({"pose": [[None] * 4] * 4}), "null where a number"),
    (b'{"pose": [[1e999,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}', "not finite"),
    (b'{"pose": [[1' + b"0" * 400 + b",0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}", "not finite"),
    (line_of({"pose": np.diag([1, 1, 1, 2]).tolist()}), "last row"),
    (
        line_of({"pose": np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [40, 0, 0, 1]]).tolist()}),
        "rows, not columns",
    ),
    (line_of({"pose": np.diag([2, 1, 1, 1]).tolist()}), "sheared or scaled"),
    (line_of({"pose": np.diag([-1, 1, 1, 1]).tolist()}), "left-handed"),
    (line_of({"pose": np.zeros((4, 4)).tolist()}), "last row"),
    (line_of({"pose": [[1, 0, 0, 1e5], *GOOD[1:]]}), "10 m away"),
    (line_of({"pose": GOOD, "frame": "brainsigt"}), "unknown frame 'brainsigt', did you mean 'brainsight'?"),
    (line_of({"pose": GOOD, "frame": "softaxic"}), "unknown frame"),
    (line_of({"pose": GOOD, "frame": 3}), "frame must be a text"),
    (line_of({"pose": GOOD, "coil": "/etc/passwd"}), "unknown coil"),
    (line_of({"pose": GOOD, "coil": "c" * 1000}), "coil must be a text"),
    (line_of({"pose": GOOD, "didt_a_per_us": 0}), "didt_a_per_us must lie"),
    (line_of({"pose": GOOD, "didt_a_per_us": 1e9}), "didt_a_per_us must lie"),
    (line_of({"pose": GOOD, "didt_a_per_us": "80"}), "a text where a number"),
]


@pytest.mark.parametrize(("line", "said"), BAD)
def test_what_cannot_be_used_gets_one_line(live, line, said):
    reply = json.loads(reply_line(live, line))
    assert reply.keys() == {"id", "error"}
    assert said in reply["error"]
    assert len(reply["error"]) <= 300 and reply["error"].isprintable()


def test_the_error_carries_the_id(live):
    assert asked(live, pose=3)["id"] == 1
    assert json.loads(reply_line(live, line_of({"id": "é7", "pose": 3})))["id"] == "é7"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
fields = st.sampled_from(["id", "pose", "frame", "didt_a_per_us", "coil", "x"])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.dictionaries(fields, json_values).map(lambda each: json.dumps(each).encode()))
def test_no_line_whatever_ends_the_talk(live, line):
    reply = reply_line(live, line)
    assert reply.count(b"\n") == 1 and reply.endswith(b"\n")
    document = json.loads(reply)
    assert ("error" in document) != ("dose_v_per_m" in document)


@given(st.lists(st.floats(-300, 300), min_size=3, max_size=3), st.floats(0.1, 200), st.integers() | st.none())
def test_a_good_request_is_read_as_it_was_sent(center, didt, mark):
    pose = np.eye(4)
    pose[:3, 3] = center
    document = document_of(line_of({"id": mark, "pose": pose.tolist(), "didt_a_per_us": didt}))
    if mark is None or abs(mark) < 2**53:
        assert id_of(document) == mark
    request = request_of(document)
    np.testing.assert_array_equal(request.matrix_mm, pose)
    assert (request.frame, request.coil, request.didt_a_per_us) == ("ras", None, didt)


def test_a_fault_of_the_programs_own_is_said_and_not_fatal(live, planned, monkeypatch, caplog):
    monkeypatch.setattr(DoseMap, "mean_e_v_per_m", lambda *_: 1 / 0)
    assert "the server failed" in asked(live, pose=planned.tolist())["error"]
    assert "ZeroDivisionError" in caplog.text


def test_a_folder_without_a_valid_plan_is_refused(subject, tmp_path):
    with pytest.raises(InputError, match=r"no plan in .*; run 'target plan ball' first"):
        LiveDose.of(Subject.named("ball", tmp_path))
    shutil.copytree(subject.folder, tmp_path / "ball")
    copied = Subject.named("ball", tmp_path / "ball")
    (copied.folder / "dosemap.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"is outdated \(dosemap: its files were changed"):
        LiveDose.of(copied)
    (copied.folder / "files.json").unlink()
    with pytest.raises(InputError, match="is outdated"):
        LiveDose.of(copied)


def test_a_plan_by_a_coil_file_and_along_a_direction(tmp_path, monkeypatch):
    file = tmp_path / "mine.ccd"
    Coil.named("circular-mc125").write(file)
    subject = planned_ball(tmp_path / "ball", coil=file, direction=[0.0, -2.0, 0.0])
    live = LiveDose.of(subject)
    assert live.coil.name == Coil.read(file).name
    pose = np.array(live.plan.placements[0].pose)
    reply = asked(live, pose=pose.tolist())
    assert reply["dose_v_per_m"] == pytest.approx(-reply["mean_e_v_per_m"][1])
    assert reply["dose_v_per_m"] == pytest.approx(live.dose_map.dose(live.coil, pose, direction=[0, -5, 0]))
    assert reply["percent_of_plan"] == pytest.approx(100)
    assert "along (0.0000, -1.0000, 0.0000)" in live.hello["dose"]

    monkeypatch.setattr(LiveDose, "warm_up", lambda self: None)
    assert LiveDose.of(subject, "double-cone-110mm").coil.name == "double-cone-110mm"
    with pytest.raises(InputError, match="there is no built-in coil 'figur8'"):
        LiveDose.of(subject, "figur8")
    file.unlink()
    with pytest.raises(InputError, match=r"the plan's coil cannot be had: .*; bring it back, or plan again"):
        LiveDose.of(subject)
    Coil.named("figure8-70mm").write(file)
    # by the folder's own rules a changed input makes the plan outdated; the fingerprint stands behind that
    with pytest.raises(InputError, match=r"is outdated|changed since the plan"):
        LiveDose.of(subject)
