"""The spread over published conductivities: the surrogate is the direct solve, and the statistics are what they say."""

import dataclasses
import json
import tomllib
from importlib import resources

import numpy as np
import pytest
from heads import layered_ball

from atlases import Target
from atlases.scalp import Scalp
from meshes.errors import InputError
from targeting import Coil, Pose, plan
from targeting.coils.sources import PotentialGrid
from targeting.fem import HeadConductor
from targeting.fem.anisotropy import ElementTensors
from targeting.fem.conductivity import CONDUCTIVITY_S_PER_M
from targeting.study.plan_state import STAGES, stages_of
from targeting.subject import Stage, Subject
from targeting.tms.field import primary_field
from targeting.uncertainty import DoseSpread, DoseSurrogate, dose_spread, published_ranges, reduced_basis, spread
from targeting.uncertainty.ranges import conductivity_samples, ranges_of, sobol_points, spanning_samples, varying
from targeting.uncertainty.reduced_basis import build_basis
from targeting.uncertainty.spread import carry, main_effects, poses_around, turns_deg, with_sources

pytestmark = pytest.mark.slow

HEAD = layered_ball(10.0, (1.0, 1.3, 0.8))
TARGET = Target.sphere([30, 20, 42], 11)
COIL = Coil.named("figure8-70mm")
POSES = np.array(
    [[[-c, s, 0, x], [s, c, 0, 30], [0, 0, -1, 84.0], [0, 0, 0, 1]] for x, c, s in ((25, 1, 0), (45, 0.6, 0.8))]
)
WHITE = np.flatnonzero(HEAD.tissue == 1)
FIBRES = ElementTensors(WHITE, np.tile(np.diag([0.3, 0.1, 0.07]), (len(WHITE), 1, 1)))


def conductor_of(ranges, sigma, tensors=None):
    values = {each.tissue: value for each, value in zip(ranges, sigma, strict=True)}
    if tensors is not None:  # a tissue's factor scales its tensors
        factor = values["wm"] / CONDUCTIVITY_S_PER_M["wm"]
        tensors = ElementTensors(tensors.tets, factor * tensors.sigma_s_per_m)
    return HeadConductor(HEAD, values, tensors, tolerance=1e-10)


@pytest.fixture(scope="module")
def fields():
    """∂A/∂t of the poses at the centroids."""
    return [primary_field(COIL, Pose(pose), HEAD.centroids_mm, 1e6) for pose in POSES]


@pytest.fixture(autouse=True)
def coarse_maps(monkeypatch):
    monkeypatch.setattr(reduced_basis, "SPACING_MM", 4.0)  # a fifth of the time; the poses are 10 mm off the scalp


@pytest.fixture(scope="module")
def scalp():
    return Scalp.of(HEAD)


def mean_e(conductor, fields):
    currents = conductor.reciprocal_currents(*TARGET.weights(HEAD))
    return -np.einsum("dex,pex->pd", currents, np.stack(fields))


@pytest.mark.parametrize("tensors", [None, FIBRES], ids=["isotropic", "fibres"])
def test_the_surrogate_is_the_direct_solve_at_any_conductivities(fields, tensors):
    nominal = HeadConductor(HEAD, tensors=tensors, tolerance=1e-10)
    ranges = ranges_of(HEAD.tissue, nominal.conductivity_s_per_m)
    made = DoseSurrogate.build(nominal, TARGET, ranges)
    doses = made.couple(COIL, POSES, 1e6)
    likely = conductivity_samples(ranges, sobol_points(5, 2, seed=11))
    sigma = np.vstack([likely, spanning_samples(ranges, 2), made.nominal_s_per_m()])
    found = doses.mean_e_v_per_m(made.mode_weights(sigma))
    exact = np.stack([mean_e(conductor_of(ranges, row, tensors), fields) for row in sigma])
    error = np.linalg.norm(found - exact, axis=2) / np.linalg.norm(exact, axis=2)
    spread_of_dose = np.ptp(np.linalg.norm(exact, axis=2), axis=0) / np.linalg.norm(exact[-1], axis=1)
    assert spread_of_dose.min() > 0.003  # there is something to get wrong
    assert error.max() < 2e-4


def test_the_basis_solves_for_conductivities_it_was_not_made_for():
    rng = np.random.default_rng(0)
    nominal = HeadConductor(HEAD, tolerance=1e-10)
    ranges = ranges_of(HEAD.tissue, nominal.conductivity_s_per_m)
    slot = HEAD.tissue - 1
    parts = [nominal.partial_stiffness(slot == t) for t in range(5)]
    assert abs(sum(parts[1:], start=parts[0]) - nominal.stiffness).max() < 1e-14
    load = nominal.target_load(*TARGET.weights(HEAD))
    nominal_values = np.array([CONDUCTIVITY_S_PER_M[each.tissue] for each in ranges])
    training = spanning_samples(ranges, 16) / nominal_values
    coarse, fine = (build_basis(nominal.potential, parts, load, training, tolerance) for tolerance in (0.2, 1e-2))
    assert fine.vectors.shape[1] > coarse.vectors.shape[1]
    errors = []
    for _ in range(3):
        sigma = np.array([rng.uniform(each.low_s_per_m, each.high_s_per_m) for each in ranges])
        exact = conductor_of(ranges, sigma).potential(load)
        matrix = sum(x * part for x, part in zip(sigma / nominal_values, parts, strict=True))
        row = []
        for basis in (coarse, fine):
            e = basis.solution(sigma / nominal_values) - exact
            e -= e.mean(axis=0)
            row.append(np.sqrt(np.sum(e * (matrix @ e)) / np.sum(exact * (matrix @ exact))))
        errors.append(row)
    errors = np.max(errors, axis=0)
    assert errors[1] < 0.01
    assert errors[1] < errors[0] / 3
    assert errors[1] < fine.error_before  # what the basis says of itself is no boast


def test_the_spread_holds_what_direct_solves_find(fields, scalp, monkeypatch):
    monkeypatch.setattr(spread, "POSE_DRAWS", 64)
    monkeypatch.setattr(spread, "DRAWS", 512)
    monkeypatch.setattr(spread, "AROUND_MM", 10.0)
    monkeypatch.setattr(spread, "STEP_MM", 5.0)
    monkeypatch.setattr(spread, "STEP_DEG", 15.0)
    conductor = HeadConductor(HEAD)
    made = dose_spread(conductor, TARGET, COIL, POSES[0], 4.0, scalp=scalp)
    low, median, high = made.dose_v_per_m
    rows = conductivity_samples(made.ranges, sobol_points(5, 8, seed=5))
    direct = [np.linalg.norm(mean_e(conductor_of(made.ranges, row), fields[:1])[0]) for row in rows]
    assert low < median < high
    assert low * 0.999 < np.percentile(direct, 20) and np.percentile(direct, 80) < high * 1.001
    assert median == pytest.approx(np.median(direct), rel=0.002)
    assert made.nominal_dose_v_per_m == pytest.approx(np.linalg.norm(mean_e(conductor, fields[:1])[0]), rel=2e-3)
    assert list(made.shares.values()) == sorted(made.shares.values(), reverse=True)
    assert 0.6 < sum(made.shares.values()) < 1.1
    assert 0 <= made.lost_share < 1 and made.shift_mm <= 2 * spread.AROUND_MM and made.turn_deg <= 100
    json.dumps(dataclasses.asdict(made), allow_nan=False)


def test_a_conductivity_that_is_given_does_not_vary():
    given = {**CONDUCTIVITY_S_PER_M, "gm": 0.33, "csf": 1.7}
    assert [each.tissue for each in ranges_of(HEAD.tissue, given)] == ["wm", "skull", "scalp"]
    nothing = {name: 1.1 * value for name, value in CONDUCTIVITY_S_PER_M.items()}
    with pytest.raises(InputError, match="`uncertainty`"):
        varying(nothing)
    with pytest.raises(InputError, match="`uncertainty`"):
        ranges_of(np.array([6, 6]), CONDUCTIVITY_S_PER_M)


def test_what_leaves_nothing_to_state_is_refused_before_anything_is_made(tmp_path):
    given = {name: 1.1 * value for name, value in CONDUCTIVITY_S_PER_M.items()}
    with pytest.raises(InputError, match="leave out `uncertainty`"):
        plan("colin27", uncertainty=True, conductivity_s_per_m=given, out=tmp_path / "out")
    noise = np.random.default_rng(0).normal(size=(30, 30, 30, 3))  # an A-field of no coil
    affine = np.diag([5.0, 5, 5, 1])
    affine[:3, 3] = [-75, -75, -20]
    sampled = Coil("noise", (PotentialGrid(noise, affine),), COIL.casing, None, 1, "made up")
    with pytest.raises(InputError, match="sources of noise"):
        with_sources(sampled)
    assert not (tmp_path / "out").exists()


def test_status_shows_the_stage_where_the_plan_has_it(tmp_path):
    subject = Subject("ball", tmp_path / "ball")

    def make(there):
        (there / "made.txt").write_text(there.name)

    with subject.locked():
        subject.run(Stage("files", 1, make, lambda folder: None))
        assert stages_of(subject) == list(STAGES)
        asked = subject.run(Stage("uncertainty", 1, make, lambda folder: None))
        subject.run(Stage("files", 1, make, lambda folder: None, after=[asked]))
    assert stages_of(subject) == [*STAGES[:-1], "uncertainty", "files"]


def test_ranges_hold_the_default_table_and_draws_stay_inside():
    ranges = list(published_ranges().values())
    for each in ranges:
        assert 0 < each.low_s_per_m < CONDUCTIVITY_S_PER_M[each.tissue] < each.high_s_per_m
        assert each.source
    drawn = conductivity_samples(ranges, sobol_points(len(ranges), 1024, seed=0))
    low, high = (np.array([getattr(each, name) for each in ranges]) for name in ("low_s_per_m", "high_s_per_m"))
    assert (drawn > low).all() and (drawn < high).all()
    logarithmic = np.array([each.scale == "logarithmic" for each in ranges])
    unit = np.where(logarithmic, np.log(drawn / low) / np.log(high / low), (drawn - low) / (high - low))
    assert np.allclose(unit.mean(axis=0), 0.5, atol=2e-3)
    assert np.allclose(unit.var(axis=0), 1 / 28, rtol=0.02)  # of beta(3, 3)


def test_the_skulls_draws_hold_the_measurements_and_what_nobody_reread_is_not_called_checked():
    """Impedance tomography 0.0055 S/m (Fernandez-Corazza 2018) to the meta-analysis' mean 0.020 (McCann 2019)."""
    ranges = published_ranges()
    skull = conductivity_samples([ranges["skull"]], sobol_points(1, 4096, seed=0))[:, 0]
    low, median, high = np.percentile(skull, [5, 50, 95])
    assert low < 0.0055 and high == pytest.approx(0.020, rel=0.01)
    assert median == pytest.approx(
        CONDUCTIVITY_S_PER_M["skull"], rel=0.05
    )  # the spread lies round the dose that is told
    table = tomllib.loads((resources.files("targeting.uncertainty") / "ranges.toml").read_text(encoding="utf-8"))
    by_peer = {name for name, row in table.items() if row["checked"] == "peer"}
    assert by_peer == {"wm", "gm", "compact_bone"}  # all that SimNIBS's examples have
    assert table["skull"]["low"] < table["skull"]["mccann_mean"] < table["skull"]["high"]


def test_main_effects_of_a_sum_and_a_product():
    points = sobol_points(6, 4096, seed=1)
    first, second = points[:, :3], points[:, 3:]
    assert np.allclose(main_effects(lambda x: 3 * x[:, 0] + 4 * x[:, 1], first, second), [0.36, 0.64, 0], atol=0.01)
    # (x − ½)(y − ½): all of the variance is their interaction, no main effect
    assert np.allclose(main_effects(lambda x: (x[:, 0] - 0.5) * (x[:, 1] - 0.5), first, second), 0, atol=0.03)
    assert main_effects(lambda x: np.ones(len(x)), first, second).tolist() == [0, 0, 0]


def test_a_pose_carried_over_the_scalp_is_not_turned():
    y, z = np.array([0.0, 1, 0]), np.array([0.0, 0, -1])
    tilted = np.array([[0.6, 0, -0.8], [0, 0.6, -0.8], [0.48, -0.36, -0.8]])
    there = carry(y, z, tilted)
    assert np.allclose(np.linalg.norm(there, axis=1), 1) and np.allclose(np.einsum("ni,ni->n", there, tilted), 0)
    assert np.allclose(there[0], y) and np.allclose(there[1], [0, 0.8, 0.6])
    turned = np.eye(4)[None].repeat(2, axis=0)
    turned[0, :3, :3] = np.c_[[0, 1.0, 0], [1.0, 0, 0], [0, 0, -1.0]]
    turned[1, :3, :3] = np.c_[np.cross([0, 1.0, 0], [0, 0, -1.0]), [0, 1.0, 0], [0, 0, -1.0]]
    assert turns_deg(turned[1], turned) == pytest.approx([90, 0])


def test_poses_around_keep_their_distance_and_start_with_the_pose(scalp, monkeypatch):
    monkeypatch.setattr(spread, "STEP_MM", 6.0)
    planned = np.eye(4)
    nearest = scalp.points_mm[scalp.nearest([40.0, 30, 70])]
    normal = scalp.patch_normals(nearest[None])[0]
    planned[:3, 2] = -normal
    planned[:3, 1] = np.cross(normal, [0.0, 0.2, 1]) / np.linalg.norm(np.cross(normal, [0.0, 0.2, 1]))
    planned[:3, 0] = np.cross(planned[:3, 1], planned[:3, 2])
    planned[:3, 3] = nearest + 6 * normal
    poses = poses_around(scalp, COIL, planned, 4.0)
    assert np.array_equal(poses[0], planned)
    assert len(poses) > 200
    gaps = [scalp.signed_distance_mm(COIL.casing.points_mm @ p[:3, :3].T + p[:3, 3]).min() for p in poses[1::50]]
    assert np.allclose(gaps, 4.0, atol=0.1)
    turns = turns_deg(planned, poses)
    assert turns.min() == pytest.approx(0, abs=1e-3)
    assert 85 < turns.max() < 105  # the direction that angles count from differs from place to place


def test_the_result_can_be_read_back(tmp_path):
    from targeting.uncertainty.stage import FILE, load

    ranges = list(published_ranges().values())[:2]
    made = DoseSpread((0.9, 1.0, 1.2), 1.01, 3.0, 12.0, 0.02, {"gm": 0.7, "wm": 0.2}, ranges)
    (tmp_path / FILE).write_text(json.dumps(dataclasses.asdict(made)))
    assert load(tmp_path) == made
