"""A map of a muscle as the hotspot of a plan: what the plan takes from it, and when it may not."""

import json
from dataclasses import replace

import pytest

from cli.options import values_of
from meshes import InputError
from targeting import Coil
from targeting.coils.coil import fingerprint
from targeting.dosing.mapped_hotspot import with_mapped_hotspot
from targeting.records.json_records import plain, write_json
from targeting.study.head_source import HeadSource
from targeting.study.measured_hotspot import MeasuredHotspot, Within, hotspot_point, read_hotspot
from targeting.study.tms_request import TmsRequest
from targeting.subject import Subject

FRAME = {"name": "T1.nii.gz", "sha256": "ab" * 32, "affine_mm": [[1.0] * 4] * 4, "shape": [10, 10, 10]}
SOURCE = HeadSource("t1", {})
MAP = MeasuredHotspot(
    subject="somebody",
    image="T1.nii.gz",
    image_sha256="ab" * 32,
    coil="figure8-70mm",
    coil_sha256=fingerprint(Coil.named("figure8-70mm")),
    muscle="hand",
    side="left",
    session="session.txt",
    session_sha256="cd" * 32,
    emg="",
    pulses=120,
    responses=80,
    found=True,
    faults=[],
    more_pulses=None,
    hotspot_mm=[-38.23, -20.08, 55.41],
    expected_off_mm=2.0,
    radius_mm=6.0,
    region_cm2=0.5,
    areas={"4": 0.8, "3a": 0.2},
    curve="sigmoid",
    quantities={"magnitude": 0.8, "normal": 0.0, "tangential": 0.2},
    r2=0.85,
    chance_r2=0.12,
    threshold_v_per_m=Within(60.0, 52.0, 66.0),
    rmt_percent=Within(48.26, 42.0, 53.0),
    max_didt_a_per_s=1.1e8,
    best_pose=None,
    current_toward=[0.6, 0.8, 0.0],
    handle_deg=38.4,
    next_poses=[],
    left_out=[],
    warnings=[],
)


@pytest.fixture
def subject(tmp_path):
    (tmp_path / "head.json").write_text(json.dumps({"frame": FRAME}), encoding="utf-8")
    return Subject.named("somebody", tmp_path)


@pytest.fixture
def mapped(tmp_path):
    def write(**changes):
        path = tmp_path / "mapping.json"
        write_json(path, plain(replace(MAP, **changes)))
        return path

    return write


def asked(path, subject, **options):
    return with_mapped_hotspot(TmsRequest(hotspot_mm=path, side="left", **options), subject, SOURCE)


def test_it_is_read_as_it_was_written(mapped):
    assert read_hotspot(mapped()) == MAP


def test_the_muscles_own_target_takes_place_threshold_and_angle(mapped, subject):
    request, hotspot, said = asked(mapped(), subject)
    assert hotspot == request.hotspot_mm == (-38.2, -20.1, 55.4)
    assert (request.rmt_percent, request.rmt_at_mm, request.rmt_muscle) == (48.3, None, None)
    assert request.angle == "midline:38"
    words = "\n".join(each.text for each in said)
    assert "threshold, 48 (95 %: 42 to 53) % MSO at the best pose, is estimated from mapping.json: measure it" in words
    assert [each.kind for each in said] == ["note", "warning", "note"]


def test_what_the_user_says_comes_first(mapped, subject):
    request, _, said = asked(mapped(), subject, rmt_percent=50, angle="fold")
    assert (request.rmt_percent, request.angle) == (50, "fold")
    assert [each.kind for each in said] == ["note"]
    _, _, said = asked(mapped(), subject, rmt_percent=60)
    assert "measured is 60 % MSO, and mapping.json expects 48 (95 %: 42 to 53)" in said[1].text


def test_another_target_takes_it_as_the_place_of_the_threshold(mapped, subject):
    request, hotspot, _ = asked(mapped(muscle="leg"), subject, aim="psi")
    assert (hotspot, request.hotspot_mm) == (None, None)
    assert (request.rmt_at_mm, request.rmt_muscle, request.rmt_percent) == ((-38.2, -20.1, 55.4), "leg", 48.3)
    assert request.angle is None  # the muscle's angle is none of another target's


@pytest.mark.parametrize(
    ("changes", "options", "why"),
    [
        ({"image_sha256": "00" * 32}, {}, r"of another head: its places are in RAS mm of T1\.nii\.gz of somebody"),
        ({}, {"coil": "double-cone-110mm"}, r"made with the coil figure8-70mm, and this plan is of double-cone-110mm"),
        ({}, {"rmt_muscle": "leg", "rmt_percent": 50}, "map of the hand and `rmt_muscle` is the leg"),
        ({}, {"rmt_at_mm": (-30.0, -20.0, 60.0), "rmt_percent": 50}, "says where the threshold was found"),
        ({"rmt_percent": None}, {"aim": "psi"}, "tells no threshold, and the target is psi"),
        (
            {"found": False, "faults": ["the likely places lie too far apart"], "more_pulses": 80},
            {},
            "found no hotspot: the likely places lie too far apart; about 80 more pulses are needed",
        ),
    ],
)
def test_when_it_may_not(mapped, subject, changes, options, why):
    with pytest.raises(InputError, match=why):
        asked(mapped(**changes), subject, **options)


def test_a_montage_takes_the_place_alone(mapped, subject):
    assert hotspot_point(mapped(), "m1-hand", subject, SOURCE) == (-38.2, -20.1, 55.4)
    assert hotspot_point((-1.0, 2.0, 3.0), "m1-hand", subject, SOURCE) == (-1.0, 2.0, 3.0)
    with pytest.raises(InputError, match="a map of the hand, and the target is psi"):
        hotspot_point(mapped(), "psi", subject, SOURCE)


def test_a_file_that_is_no_map(tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(InputError, match="is no map of a muscle"):
        read_hotspot(tmp_path / "plan.json")
    with pytest.raises(InputError, match="make it with 'target map'"):
        read_hotspot(tmp_path / "nothing.json")


def test_the_command_line_tells_a_point_from_a_file():
    assert values_of(TmsRequest, {"hotspot": "-38,-20,55"})["hotspot_mm"] == (-38.0, -20.0, 55.0)
    assert values_of(TmsRequest, {"hotspot": "maps/mapping.json"})["hotspot_mm"].name == "mapping.json"
    with pytest.raises(InputError, match="--hotspot takes three numbers"):
        values_of(TmsRequest, {"hotspot": "mapping"})


def test_a_plan_of_a_coil_and_of_electrodes_aims_at_it(mapped, tmp_path):
    from meshes.formats.tissue_files import embedded_path
    from targeting.planning.tes import check_tes
    from targeting.planning.tms import check_tms
    from targeting.study.tes_request import TesRequest
    from targeting.subject import sha256

    path, colin = mapped(image_sha256=sha256(embedded_path("colin27"))), Subject.named("colin27", tmp_path / "c")
    asked_for = check_tms(colin, TmsRequest(hotspot_mm=str(path), side="left"))
    assert asked_for.study.aim.hotspot_mm == (-38.2, -20.1, 55.4)
    assert asked_for.dose.rmt_percent == 48.3
    assert asked_for.study.subject.plan == "m1-hand-left-hotspot"
    assert (asked_for.request.hotspot_mm, asked_for.request.rmt_percent) == ((-38.2, -20.1, 55.4), 48.3)  # as repeated
    assert check_tes(colin, TesRequest(hotspot_mm=path, side="left")).study.aim.hotspot_mm == (-38.2, -20.1, 55.4)
    with pytest.raises(InputError, match="of another head"):
        check_tms(colin, TmsRequest(hotspot_mm=mapped(), side="left"))
