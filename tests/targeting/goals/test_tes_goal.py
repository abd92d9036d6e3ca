"""What else a montage is asked: spared regions, further targets, maps; the optimisers against brute force, and the road."""

import dataclasses
import json
from itertools import combinations

import jsonschema
import nibabel
import numpy as np
import pytest
from heads import fibonacci_sphere
from leadfields import random_leadfield, some
from scipy.spatial import ConvexHull
from tes_ball import LEFT_SPOT_MM, SMALL, ball_head, mirrored, write_ball

from atlases import MniWarp
from atlases.target import is_center
from cli.main import run
from meshes.cortical_surface import Cortex, CorticalSurface
from meshes.errors import InputError
from meshes.images import open_nifti
from meshes.world import world_of
from targeting.goals.tes_record import PlanNetwork, PlanTesGoal
from targeting.goals.tes_words import tes_goal_lines
from targeting.interference.files import write_on_cortex
from targeting.networks.network_map import MapTarget, NetworkMap, map_target
from targeting.planning import tes as tes_road
from targeting.planning.tes_files import warnings_of, write_tes_files
from targeting.plans.schema import schema
from targeting.plans.tes import from_dict, read_tes_plan, write_tes_plan
from targeting.plans.tes_words import standard_name
from targeting.report.features import tes_goal_section
from targeting.scene.planned import planned_scene
from targeting.study.cortex_stage import CortexFacts
from targeting.study.study import Study
from targeting.subject import Done
from targeting.tes.montage_goal import Goal, solve
from targeting.tes.optimise import (
    Limits,
    RmsCap,
    ShareCap,
    best_pairs,
    intensity_sparing,
    magnitude_sparing,
    maximum_intensity,
    maximum_magnitude,
    maximum_of_magnitudes,
)
from targeting.tes.optimise.limits import rms_v_per_m
from targeting.tes.optimise.sparing import least_share

pytestmark = pytest.mark.slow

UP = [0.2, -0.3, 0.9]
SHARE = 1.8  # of random fields: below 1.7 nothing is possible along a direction


def lines_of(plan):
    return tes_goal_lines(plan.goal, plan.dose.dose_v_per_m, standard_name(plan))


def regions(leadfield):
    return some(leadfield), [some(leadfield, 8, 16, "face"), some(leadfield, 20, 28, "eye")]


def test_along_a_direction_a_share_is_the_cap_that_the_dose_makes_of_it():
    leadfield = random_leadfield(10, 3)
    target, spare = regions(leadfield)
    found = intensity_sparing(leadfield, target, UP, Limits(), spare, SHARE)
    caps = [RmsCap(each, SHARE * found.dose_v_per_m) for each in spare]
    again = maximum_intensity(leadfield, target, UP, Limits(), caps)
    assert found.dose_v_per_m == pytest.approx(again.dose_v_per_m, rel=1e-4) and found.gap < 1e-4
    assert found.dose_v_per_m < 0.98 * maximum_intensity(leadfield, target, UP, Limits()).dose_v_per_m
    shares = [rms_v_per_m(leadfield, each, found.currents_a) / found.dose_v_per_m for each in spare]
    assert max(shares) == pytest.approx(SHARE, rel=1e-4) and any("target's dose" in words for words in found.binding)


def test_whatever_the_direction_none_of_many_does_better():
    leadfield = random_leadfield(10, 3)
    target, spare = regions(leadfield)
    found = magnitude_sparing(leadfield, target, Limits(), spare, SHARE)
    tried = []
    for unit in fibonacci_sphere(60):
        try:
            tried.append(intensity_sparing(leadfield, target, unit, Limits(), spare, SHARE).dose_v_per_m)
        except InputError:
            continue
    assert found.bound >= found.dose_v_per_m >= max(tried) * (1 - 1e-6) and found.gap < 0.011
    for each in spare:
        assert rms_v_per_m(leadfield, each, found.currents_a) <= SHARE * found.dose_v_per_m * (1 + 1e-5)


def test_few_electrodes_that_spare_are_near_the_best_choice_of_them():
    leadfield = random_leadfield(6, 3)
    target, spare = regions(leadfield)
    few = magnitude_sparing(leadfield, target, Limits(electrodes=4), spare, 2.0)
    every = []
    for names in combinations(leadfield.names, 4):
        try:
            every.append(magnitude_sparing(leadfield.only(names), target, Limits(), spare, 2.0).dose_v_per_m)
        except InputError:
            continue
    assert len(few.electrodes) <= 4
    assert max(every) * 0.9 <= few.dose_v_per_m <= max(every) * 1.011 and few.dose_v_per_m <= few.bound


def test_what_cannot_be_spared_is_refused_with_the_least_there_is():
    leadfield = random_leadfield(10, 3)
    target, spare = regions(leadfield)
    row = target.row(leadfield, UP)
    least, worst = least_share(leadfield, [row], Limits(), spare)
    assert worst in spare
    assert intensity_sparing(leadfield, target, UP, Limits(), spare, 1.01 * least).dose_v_per_m > 0
    with pytest.raises(InputError, match=rf"the least is about {least:.3g}") as refused:
        intensity_sparing(leadfield, target, UP, Limits(), spare, 0.98 * least)
    assert "`avoid_cap`" in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(InputError, match="every montage"):
        magnitude_sparing(leadfield, target, Limits(), spare, 0.5)
    assert ShareCap(spare[0], row, 1.0).used(leadfield, -np.linalg.pinv(row[None])[:, 0]) == np.inf  # against the dose


def test_several_targets_by_size_beat_a_hundred_thousand_montages():
    leadfield = random_leadfield(12, 3)
    targets = [some(leadfield), some(leadfield, 8, 16, "a"), some(leadfield, 20, 28, "b")]
    rows = [each.mean_rows(leadfield) for each in targets]
    alone = [maximum_magnitude(leadfield, each).dose_v_per_m for each in targets]
    found = maximum_of_magnitudes(leadfield, targets, alone)
    rng, pattern = np.random.default_rng(0), Limits().pattern(12)
    some_of_all = rng.permuted(np.tile(pattern, (100_000, 1)), axis=1)
    shares = [np.linalg.norm(some_of_all @ each.T, axis=1) / most for each, most in zip(rows, alone, strict=True)]
    assert found.value >= np.min(shares, axis=0).max() and found.bound is None
    least = min(np.linalg.norm(each @ found.currents_a) / most for each, most in zip(rows, alone, strict=True))
    assert least == pytest.approx(found.value)
    spared = maximum_of_magnitudes(leadfield, targets[:2], alone[:2], Limits(electrodes=6), targets[2:], 1.2)
    assert len(spared.electrodes) <= 6
    assert rms_v_per_m(leadfield, targets[2], spared.currents_a) <= 1.2 * spared.dose_v_per_m * (1 + 1e-4)


@pytest.mark.parametrize("unit", [None, np.array([0.0, 0.6, 0.8])])
def test_the_best_pair_that_spares_and_serves_is_the_best_of_all(unit):
    leadfield = random_leadfield(9, 5)
    target, (face, other) = regions(leadfield)
    goal = Goal(target, unit, Limits(), avoid=(face,), share=1.8, also=(other,), also_units=(unit,))
    found = solve("pair", leadfield, goal, lambda names: True)

    def dose(region, x):
        mean = region.mean_rows(leadfield) @ x
        return np.linalg.norm(mean) if unit is None else mean @ unit

    pairs = [1e-3 * (np.eye(9)[i] - np.eye(9)[j]) for i in range(9) for j in range(9) if i != j]
    most = [max(dose(each, x) for x in pairs) for each in (target, other)]
    scores = [
        min(dose(target, x) / most[0], dose(other, x) / most[1])
        for x in pairs
        if rms_v_per_m(leadfield, face, x) <= 1.8 * dose(target, x)
    ]
    assert 0 < len(scores) < len(pairs)
    got = min(found.dose_v_per_m / most[0], found.places.also_v_per_m[0] / most[1])
    assert got == pytest.approx(max(scores)) and found.places.alone_v_per_m == pytest.approx(most)
    strongest = best_pairs(leadfield, target, unit).names  # one that does not fit on the head is passed over
    other_pair = solve("pair", leadfield, goal, lambda names: set(names) != set(found.currents_a))
    assert set(other_pair.currents_a) != set(found.currents_a) and set(other_pair.currents_a) < set(strongest)
    with pytest.raises(InputError, match=r"every pair gives face more than 0.1 of the dose"):
        solve("pair", leadfield, dataclasses.replace(goal, share=0.1), lambda names: True)


def sphere(radius_mm, count=2500):
    points = radius_mm * fibonacci_sphere(count)
    faces = ConvexHull(points).simplices
    a, b, c = (points[faces[:, i]] for i in range(3))
    turned = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    faces[turned] = faces[turned][:, ::-1]
    return CorticalSurface(points, faces)


@pytest.fixture(scope="module")
def cortex():
    whole = sphere(66.0 * SMALL)
    return Cortex(whole.part(whole.points_mm[:, 0] < 0), whole.part(whole.points_mm[:, 0] >= 0), "a ball")


def write_map(path, spots, code=2, move_mm=(0.0, 0.0, 0.0)):
    """Gaussian spots (centre, height) on a grid of 2 mm."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -72.0
    places = np.stack(np.meshgrid(*[np.arange(73)] * 3, indexing="ij"), -1) @ affine[:3, :3].T + affine[:3, 3]
    values = sum(height * np.exp(-((places - center) ** 2).sum(-1) / (2 * 8.0**2)) for center, height in spots)
    affine[:3, 3] += move_mm
    image = nibabel.Nifti1Image(values.astype(np.float32), affine)
    image.set_sform(affine, code)
    image.set_qform(affine, code)
    nibabel.save(image, path)
    return path


SPOT = np.array(LEFT_SPOT_MM)


def test_a_map_lies_where_it_was_drawn_left_is_left_and_its_sign_turns_the_field(cortex, tmp_path):
    head = ball_head()
    right_front = 50.0 * np.array([0.7, 0.6, 0.3]) / np.linalg.norm([0.7, 0.6, 0.3])
    path = write_map(tmp_path / "net.nii.gz", [(SPOT, 1.0), (right_front, -0.6)])
    aimed_target = map_target(NetworkMap.of(str(path)), head, cortex)
    target = aimed_target.target
    assert np.linalg.norm(target.center_mm - SPOT) < 8 and target.center_mm[0] < 0
    places = head.centroids_mm[target.tets]
    assert (target.map_values[places[:, 0] < -15] > 0).all() and (target.map_values[places[:, 0] > 15] < 0).all()
    outward = places / np.linalg.norm(places, axis=1, keepdims=True)
    assert (target.along * outward).sum(1) * np.sign(target.map_values) == pytest.approx(-1.0, abs=0.02)
    field = np.zeros((len(head.tets), 3))
    field[target.tets] = target.along * np.abs(target.map_values)[:, None]
    assert target.agreement(field) == pytest.approx(1) and target.agreement(-3 * field) == pytest.approx(-1)
    target.save(tmp_path / "kept.npz", aimed_target.asked_mm, aimed_target.warnings)
    kept = MapTarget.load(tmp_path / "kept.npz").target
    assert (
        kept.name == "map net"
        and kept.agreement(field) == pytest.approx(1)
        and kept.along == pytest.approx(target.along)
    )
    # in MNI152 it is 20 mm further to the right there than in this head
    there = write_map(tmp_path / "mni.nii.gz", [(SPOT, 1.0), (right_front, -0.6)], code=4, move_mm=(20.0, 0, 0))
    moved = np.eye(4)
    moved[0, 3] = -20.0
    shift = MniWarp(moved, np.zeros((2, 2, 2, 3), np.float32), np.zeros(3), 1.0)
    again = map_target(NetworkMap.of(f"mni:{there}"), head, cortex, shift).target
    assert again.tets.tolist() == target.tets.tolist() and again.map_values == pytest.approx(
        target.map_values, abs=1e-5
    )


def test_a_map_of_another_space_or_head_is_refused(cortex, tmp_path):
    head = ball_head()
    marked = write_map(tmp_path / "marked.nii.gz", [(SPOT, 1.0)], code=4)
    with pytest.raises(InputError, match="write mni:"):
        NetworkMap.of(str(marked))
    own = world_of(open_nifti(marked))
    assert map_target(NetworkMap.of(str(marked), own=own), head, cortex).target.near > 0.6
    away = write_map(tmp_path / "away.nii.gz", [(SPOT, 1.0)], move_mm=(0, 0, 60.0))
    with pytest.raises(InputError, match="lie within 6 mm of this head's grey matter"):
        map_target(NetworkMap.of(str(away)), head, cortex)
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.float32), np.eye(4)), tmp_path / "zero.nii.gz")
    for text, words in (
        (str(tmp_path / "zero.nii.gz"), "zero everywhere"),
        ("mni:no.nii.gz", "there is no file no.nii"),
    ):
        with pytest.raises(InputError, match=words):
            NetworkMap.of(text)


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    return write_ball(tmp_path_factory.mktemp("ball"), 10.0)


@pytest.fixture(scope="module", autouse=True)
def _surface_and_no_pictures(cortex):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Study, "_cortex", (Done("cortex", "a ball's", 0.0, lambda: cortex), []))
        patch.setattr(Study, "cortex_facts", CortexFacts(cortex.source, tuple(cortex.folds), cortex.why_no_folds))
        patch.setattr(tes_road, "write_tes_files", lambda folder, _, plan: write_tes_plan(folder / "plan.json", plan))
        yield


def command(ball, folder, kind, *options, aim=True):
    head, marks = ball
    spot = ["--aim", "ras:" + ",".join(map(str, LEFT_SPOT_MM)), "--radius", "10"] if aim else []
    words = ["plan", "ball", "--head", str(head), *spot, "--as", ".", "--out", str(folder), "--quiet", "--with", kind]
    return run([*words, *([] if kind == "tms" else ["--positions", str(marks)]), *options])


@pytest.fixture(scope="module")
def small(ball, tmp_path_factory):
    """A folder with the leadfield of small electrodes."""
    folder = tmp_path_factory.mktemp("small")
    assert command(ball, folder, "hd-tdcs") == 0
    return folder


FRONT = "ras:-24,32,34/9"  # on the target's left, in front of it


def test_a_spared_region_gets_its_share_and_the_plan_says_so(ball, small, capfd):
    strong = read_tes_plan(small / "hd-tdcs" / "plan.json")
    assert strong.goal is None and tes_goal_section(strong) == ""
    assert command(ball, small, "hd-tdcs", "--avoid", FRONT, "--avoid-cap", "0.08") == 0
    said = capfd.readouterr().out
    document = json.loads((small / "hd-tdcs" / "plan.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema())
    plan = from_dict(document)
    (place,) = plan.goal.places
    assert place.role == "avoided" and place.side == "left" and plan.goal.avoid_cap == 0.08
    assert place.search_e_v_per_m <= 0.08 * plan.optimum.dose_v_per_m * (1 + 1e-4)
    assert place.e_v_per_m == pytest.approx(place.search_e_v_per_m, rel=0.1)  # the direct solve's
    assert plan.optimum.dose_v_per_m < 0.999 * strong.optimum.dose_v_per_m and plan.optimum.gap is not None
    assert any("target's dose" in words for words in plan.optimum.binding)
    assert "avoided: ras -24, 32, 34 gets" in said and "8 %" in said
    page = tes_goal_section(plan)
    assert "<h2" in page and "m1-so" in page and "spared" in page
    assert command(ball, small, "hd-tdcs", "--avoid", FRONT, "--avoid-cap", "0.001") == 2
    assert "the least is about" in capfd.readouterr().err
    assert read_tes_plan(small / "hd-tdcs" / "plan.json") == plan  # it stands


def test_two_pads_spare_serve_another_and_a_given_montage_is_measured(ball, tmp_path):
    other = "ras:36,-15,34/9"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tes_road, "write_tes_files", write_tes_files)  # the whole report
        assert command(ball, tmp_path, "tdcs", "--avoid", FRONT, "--avoid-cap", "0.9", "--also", other) == 0
    plan = read_tes_plan(tmp_path / "tdcs" / "plan.json")
    spared, further = plan.goal.places
    assert spared.search_e_v_per_m <= 0.9 * plan.optimum.dose_v_per_m
    assert further.role == "also a target" and 0 < further.search_e_v_per_m <= further.best_e_v_per_m
    assert plan.goal.best_dose_v_per_m >= plan.optimum.dose_v_per_m and len(lines_of(plan)) == 4
    for name in ("plan.html", "placement_sheet.html"):
        page = (tmp_path / "tdcs" / name).read_text(encoding="utf-8")
        assert f", also {further.name} {further.side}".rstrip() in page.partition("<h1>")[2].partition("</h1>")[0]
    assert command(ball, tmp_path, "tdcs", "--montage", "m1-so", "--avoid", FRONT) == 0
    given = read_tes_plan(tmp_path / "tdcs" / "plan.json")
    (place,) = given.goal.places
    assert place.e_v_per_m > 0 and place.search_e_v_per_m is None
    assert given.standard is None and place.standard_e_v_per_m is None  # nothing is compared with itself
    assert given.goal.avoid_cap is None and given.optimum is None


def test_energy_needs_no_direction_and_several_targets_share(ball, small):
    assert command(ball, small, "hd-tdcs", "--tes-objective", "energy", "--tes-dose", "0.1") == 0
    plan = read_tes_plan(small / "hd-tdcs" / "plan.json")
    assert plan.optimum.unrounded_dose_v_per_m == pytest.approx(0.1, rel=1e-3)
    assert plan.optimum.dose_v_per_m == pytest.approx(0.1, rel=0.05)  # of currents in steps of 0.1 mA
    assert command(ball, small, "hd-tdcs", "--also", "ras:36,-15,34/9", "--direction", "0,0,-1") == 0
    plan = read_tes_plan(small / "hd-tdcs" / "plan.json")
    (further,) = plan.goal.places
    shares = plan.optimum.dose_v_per_m / plan.goal.best_dose_v_per_m, further.search_e_v_per_m / further.best_e_v_per_m
    assert min(shares) > 0.3 and shares[0] == pytest.approx(shares[1], rel=0.05)


def test_a_map_is_the_target(ball, small, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(tes_road, "write_tes_files", write_tes_files)  # the whole report
    path = write_map(tmp_path / "net.nii.gz", [(SPOT, 1.0), (SPOT * [-1, 1, 1], -1.0)])
    assert command(ball, small, "hd-tdcs", "--network", str(path), aim=False) == 0
    plan = read_tes_plan(small / "hd-tdcs" / "plan.json")
    jsonschema.validate(json.loads((small / "hd-tdcs" / "plan.json").read_text(encoding="utf-8")), schema())
    assert plan.goal.network.map == "net.nii.gz" and plan.goal.network.space == "subject"
    assert plan.goal.network.agreement > plan.goal.network.standard_agreement
    assert (plan.target.shape, plan.target.name) == ("map", "map net")
    assert plan.dose.dose_v_per_m == pytest.approx(plan.optimum.dose_v_per_m, rel=0.1) and "map" in plan.objective
    into = sum(each.current_ma * each.scalp_mm[0] for each in plan.montage)
    assert into < 0  # anodes on the left, where the map wants current into the cortex
    scene = planned_scene("ball", small, "hd-tdcs")
    sides = (("map into the cortex", SPOT, "map +"), ("map out of the cortex", SPOT * [-1, 1, 1], "map −"))
    for name, spot, words in sides:
        outline = scene.layer(name)
        assert np.linalg.norm(outline.surface.points - spot, axis=1).max() < 25  # round its own patch alone
        assert (outline.group, outline.label) == ("map", words)
    page = (small / "hd-tdcs" / "plan.html").read_text(encoding="utf-8")
    assert "map +" in page and "map −" in page
    map_values = ["--tes-objective", "least-squares", "--tes-dose", "0.05"]
    assert command(ball, small, "hd-tdcs", "--network", str(path), *map_values, aim=False) == 0
    plan = read_tes_plan(small / "hd-tdcs" / "plan.json")
    assert plan.goal.network.wanted_v_per_m == 0.05 and plan.goal.network.agreement > 0.5
    capfd.readouterr()
    assert command(ball, small, "hd-tdcs", "--network", str(path)) == 2
    assert "leave out --aim" in capfd.readouterr().err


def test_a_mask_is_outlined_and_never_given_a_radius(ball, small, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(tes_road, "write_tes_files", write_tes_files)  # the whole report
    path = write_map(tmp_path / "strip.nii.gz", [(SPOT, 1.0), (SPOT + np.array([0, 16, 0]), 1.0)])
    image = nibabel.load(path)
    strip = (image.get_fdata() > 0.5).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(strip, image.affine), path)
    given = ["--aim", str(path), "--montage", "m1-so"]
    assert command(ball, small, "tdcs", *given, aim=False) == 0
    plan = read_tes_plan(small / "tdcs" / "plan.json")
    assert (plan.target.shape, plan.target.side) == ("mask", "left")
    scene = planned_scene("ball", small, "tdcs")
    outline = scene.layer("mask outline").surface.points
    assert np.ptp(outline[:, 1]) > 1.3 * np.ptp(outline[:, 0]) and outline[:, 0].max() < 0
    assert np.abs(outline.mean(0) - SPOT - np.array([0, 8, 0])).max() < 8
    assert scene.layer("mask outline").group == scene.layer("mask outline, faint").group == "mask"
    page = (small / "tdcs" / "plan.html").read_text(encoding="utf-8")
    assert "The ring is the mask’s middle" in page and "dashed: its sphere" not in page
    assert command(ball, small, "hd-tdcs") == 0  # another target in the same folder
    assert "mask outline" in planned_scene("ball", small, "tdcs").names
    assert "mask outline" not in planned_scene("ball", small, "hd-tdcs").names
    (small / "tdcs" / "target_outline.vtp").unlink()
    with caplog.at_level("WARNING"):
        assert "mask outline" not in planned_scene("ball", small, "tdcs").names
    assert "is not outlined" in caplog.text


def test_the_strongest_field_is_said_to_be_elsewhere_only_if_it_is(ball, small):
    assert command(ball, small, "tdcs", "--montage", "m1-so") == 0
    plan = read_tes_plan(small / "tdcs" / "plan.json")
    uneven = dataclasses.replace(plan, dose=dataclasses.replace(plan.dose, mean_e_v_per_m=plan.dose.peak_e_v_per_m / 3))
    said = [
        "not in the target" in " ".join(each.text for each in warnings_of(uneven, away, 0.5, "given"))
        for away in (True, False)
    ]
    assert said == [True, False]
    head = ball_head()
    tets = np.array([5, 80, 700])
    assert is_center(head, tets, head.centroids_mm[80]) and not is_center(head, tets, head.centroids_mm[81])


def test_two_pairs_interfere_in_the_target(ball, small, capfd):
    words = ["montages", "interference", "ball", "--out", str(small), "--quiet"]
    assert command(ball, small, "hd-tdcs") == 0  # the target planned last
    capfd.readouterr()
    assert run([*words, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    best, direct = found["montages"][0], found["direct"]
    assert len({name for pair in best["pairs"] for name in pair}) == 4 and best["current_ma"] == [1.0, 1.0]
    swings = [each["swing_v_per_m"] for each in found["montages"]]
    assert swings == sorted(swings, reverse=True) and found["target"]["side"] == "left"
    assert direct["swing_v_per_m"] == pytest.approx(best["swing_v_per_m"], rel=0.1)
    image = nibabel.load(small / "interference" / "envelope.nii.gz")
    assert image.get_fdata().max() > direct["swing_v_per_m"]
    assert (small / "interference" / "two_pairs.csv").read_text(encoding="utf-8").startswith("rank,first_anode")
    mirror = ["--aim", "ras:34,-15,34", "--radius", "10", "--direction", "0,0,1", "--least", "0.05"]
    assert run([*words, *mirror]) == 0
    text = capfd.readouterr().out
    assert "right ras 34, -15, 34" in text and "along 0,0,1" in text
    for wrong, message in (
        (["--side", "left"], "--side goes with --aim"),
        (["--aim", "m1-hand"], "which side"),
        (["--shares", "1.5"], "--shares takes numbers between 0 and 1"),
        (["--least", "50"], "two pairs get at most"),
        (["--cap", "10-5"], "--with hd-tdcs --cap 10-5"),
    ):
        assert run([*words, *wrong]) == 2
        err = capfd.readouterr().err
        assert message in err and err.count("\n") == 1


def test_the_envelope_on_the_cortex_is_that_of_the_fields_left_on_the_left(cortex, tmp_path):
    head = ball_head()
    left = head.centroids_mm[:, :1] < 0
    e1, e2 = np.where(left, [[2.0, 0, 0]], [[0.5, 0, 0]]), np.tile([[1.0, 0, 0]], (len(head.tets), 1))
    write_on_cortex(tmp_path, head, cortex, e1, e2)
    for side, swing, surface in (("lh", 2.0, cortex.left), ("rh", 1.0, cortex.right)):
        here = np.abs(surface.points_mm[:, 0]) > 15
        swings, along = (
            nibabel.load(tmp_path / f"{side}.{name}.func.gii").darrays[0].data
            for name in ("envelope", "envelopeNormal")
        )
        assert swings[here] == pytest.approx(swing, rel=1e-4)
        assert along[here] == pytest.approx(swing * np.abs(surface.normals[here, 0]), abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("tdcs", ["--avoid-cap", "0.5"], "give --avoid REGION"),
        ("tdcs", ["--avoid", "m1-fase"], "did you mean 'm1-face'"),
        ("tdcs", ["--avoid", FRONT, "--avoid", FRONT], "names a place twice"),
        ("tdcs", ["--avoid", "m1-face"], "which side of m1-face"),
        ("hd-tdcs", ["--also", FRONT, "--tes-objective", "energy", "--tes-dose", "0.1"], "--also goes with"),
        ("tdcs", ["--cap", "10-5"], "--cap 10-5 is for small electrodes"),
        ("hd-tdcs", ["--cap", "10-20"], "unknown positions of --cap"),
        ("tdcs", ["--network", "net.nii.gz"], "--network is for small electrodes"),
        ("hd-tdcs", ["--network", "net.nii.gz"], "there is no file net.nii.gz"),
        ("hd-tdcs", ["--tes-objective", "projection"], "needs --network"),
        ("hd-tdcs", ["--penalty", "2", "--avoid", FRONT], "--penalty has no use with --with hd-tdcs"),
        ("tms", ["--cap", "10-5"], "--cap has no use with --with tms"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_made(ball, tmp_path, capfd, kind, options, message):
    assert command(ball, tmp_path / "untouched", kind, *options, aim="--network" not in options) == 2
    err = capfd.readouterr().err
    assert message in err and err.count("\n") == 1 and not (tmp_path / "untouched").exists()


def test_finer_positions_have_stages_of_their_own(ball, tmp_path, monkeypatch):
    from atlases import ten_ten

    some_more = (*ten_ten.TEN_TEN[::6], "C3", "Fp2", "Cz", "CCP3h", "FCC3h")
    monkeypatch.setattr(
        ten_ten, "ten_five", lambda scalp, marks, whole=ten_ten.ten_five: ten_ten.chosen(whole(scalp, marks), some_more)
    )
    assert command(ball, tmp_path, "hd-tdcs", "--cap", "10-5", "--max-electrodes", "4") == 0
    plan = read_tes_plan(tmp_path / "hd-tdcs" / "plan.json")
    assert plan.search.cap == "10-5" and (tmp_path / "hd-tdcs-leadfield-10-5.h5").exists()
    assert {"CCP3h", "FCC3h"} & {each.name for each in plan.montage}
    assert not (tmp_path / "hd-tdcs-leadfield.h5").exists() and not (tmp_path / "positions.csv").exists()


def test_a_leadfield_too_large_for_the_machine_is_refused(tmp_path, monkeypatch):
    import shutil

    from targeting.study.cap_stages import check_disk

    head = mirrored(ball_head())
    check_disk(326, head, tmp_path)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(InputError, match=r"0\.0 GB of free disk: take `cap=10-10`"):
        check_disk(326, head, tmp_path)


def test_a_plan_of_before_is_still_read(small):
    document = json.loads((small / "hd-tdcs" / "plan.json").read_text(encoding="utf-8"))
    document["schema_version"] = "1.3"
    del document["goal"], document["target"]["shape"]
    del document["pole"], document["session_checks"], document["optimum"]["unrounded_dose_v_per_m"]
    assert from_dict(document).goal is None and from_dict(document).target.shape == "ball"
    assert from_dict(document).pole is None and from_dict(document).session_checks == []
    assert from_dict(document).optimum.unrounded_dose_v_per_m == document["optimum"]["dose_v_per_m"]
    goal = PlanTesGoal("follows", None, None, [], PlanNetwork("net.nii.gz", "mni", None, 0.5, 0.2, 0.9))
    document |= {"schema_version": "1.4", "goal": dataclasses.asdict(goal)}
    assert from_dict(document).target.shape == "map"
