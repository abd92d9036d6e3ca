"""The TES optimisers against brute force, other solvers and their own optimality conditions, on small leadfields."""

from dataclasses import replace
from itertools import combinations, permutations

import nibabel
import numpy as np
import pytest
from heads import LEFT_SPOT, fibonacci_sphere, layered_ball
from hypothesis import given, settings
from hypothesis import strategies as st
from leadfields import random_leadfield, some
from scipy.optimize import linprog

from meshes.cortical_surface import CorticalSurface
from meshes.errors import InputError
from targeting.closed_forms.spheres import electrode_field
from targeting.tes import montage_goal
from targeting.tes.leadfield import Leadfield
from targeting.tes.montage_goal import Goal
from targeting.tes.objectives import TES_OBJECTIVES, Objective, check_objective
from targeting.tes.optimise import (
    Limits,
    Network,
    Optimum,
    PeakCap,
    Region,
    RmsCap,
    best_pairs,
    best_rings,
    inward_normals,
    maximum_focality,
    maximum_intensity,
    maximum_magnitude,
    maximum_of_several,
    minimum_energy,
    network_least_squares,
    network_projection,
)
from targeting.tes.optimise.candidates import ring_of
from targeting.tes.optimise.directions import half_sphere
from targeting.tes.optimise.intensity import dual_bound, strongest
from targeting.tes.optimise.magnitude import _linear_bounds
from targeting.tes.optimise.network import sampled
from targeting.tes.optimise.programme import Programme, at_most, quadratic
from targeting.tes.optimise.region import drawn
from targeting.tes.optimise.wanted_dose import _corner_costs, _Cost, at_least, volume_above

UP = [0.2, -0.3, 0.9]
seeds = st.integers(0, 10**6)


def linear_program(row, limits, extra=None, extra_bound=None):
    """max row·x by HiGHS, x = p − q."""
    n = len(row)
    a = np.vstack([np.ones(2 * n)] if extra is None else [np.ones(2 * n), np.hstack([extra, -extra])])
    b = [2 * limits.total_a] if extra is None else [2 * limits.total_a, *extra_bound]
    sums = np.hstack([np.ones(n), -np.ones(n)])[None]
    bounds = [(0, limits.per_electrode_a)] * (2 * n)
    # scaled to mA: HiGHS' tolerances are absolute
    found = linprog(-np.hstack([row, -row]), a, 1e3 * np.array(b), sums, [0], [(0, 1e3 * high) for _, high in bounds])
    assert found.status == 0
    return -found.fun / 1e3


def within(limits, currents):
    total, largest = currents.clip(0).sum(), np.abs(currents).max()
    carrying = np.count_nonzero(currents)
    fits = limits.electrodes is None or carrying <= limits.electrodes
    return (
        abs(currents.sum()) < 1e-15
        and total <= limits.total_a * 1.0000001
        and (largest <= limits.per_electrode_a * 1.0000001 and fits)
    )


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(3, 9), st.floats(0.3, 4.0), st.floats(0.2, 2.0))
def test_intensity_is_the_linear_programs_and_its_own_duals(seed, n, total_ma, each_ma):
    row, limits = np.random.default_rng(seed).normal(size=n), Limits(1e-3 * total_ma, 1e-3 * each_ma)
    currents = strongest(row, limits)
    assert within(limits, currents)
    assert row @ currents == pytest.approx(linear_program(row, limits), rel=1e-6)
    assert dual_bound(row, limits) == pytest.approx(row @ currents, rel=1e-9)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
@pytest.mark.parametrize("total_ma", [0.7, 1.6, 4.0])
def test_intensity_of_few_electrodes_is_the_best_subset(count, total_ma):
    row = np.random.default_rng(count).normal(size=6)
    limits = Limits(1e-3 * total_ma, 1e-3, count)
    free = replace(limits, electrodes=None)
    subsets = (linear_program(row[list(chosen)], free) for chosen in combinations(range(6), count))
    assert row @ strongest(row, limits) == pytest.approx(max(subsets), rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from([(2.0, 1.0, None), (1.5, 1.0, None), (2.0, 1.0, 3), (1.0, 2.0, None)]))
def test_magnitude_is_the_best_of_all_corners(seed, case):
    leadfield = random_leadfield(6, seed)
    limits = Limits(1e-3 * case[0], 1e-3 * case[1], case[2])
    found = maximum_magnitude(leadfield, some(leadfield), limits)
    corners = np.array(sorted(set(permutations(limits.pattern(6)))))
    best = np.linalg.norm(corners @ some(leadfield).mean_rows(leadfield).T, axis=1).max()
    assert within(limits, found.currents_a)
    assert best * (1 - 1e-3) <= found.dose_v_per_m <= best * (1 + 1e-9)
    assert best * (1 - 1e-9) <= found.bound <= found.value * (1 + 2e-3)


def test_a_linear_function_on_a_spherical_triangle_is_bounded_by_its_largest_value():
    rng = np.random.default_rng(0)
    triangles = rng.normal(size=(200, 3, 3)) + np.eye(3)[0] * 2
    triangles /= np.linalg.norm(triangles, axis=2, keepdims=True)
    triangles = triangles[np.abs(np.linalg.det(triangles)) > 0.05]  # slivers would need more points to be seen
    slopes = rng.normal(size=(len(triangles), 3))
    bounds = _linear_bounds(triangles, np.einsum("mid,md->mi", triangles, slopes))
    inside = np.einsum("pi,mid->mpd", rng.dirichlet([0.5, 0.5, 0.5], 4000), triangles)
    inside /= np.linalg.norm(inside, axis=2, keepdims=True)
    largest = np.einsum("mpd,md->mp", inside, slopes).max(1).clip(0)  # the function bounded is never below 0
    assert (largest <= bounds + 1e-12).all() and (bounds - largest < 0.002 * np.linalg.norm(slopes, axis=1)).all()


def test_the_dose_is_that_of_the_field():
    leadfield = random_leadfield(8)
    target = some(leadfield)
    found = maximum_intensity(leadfield, target, UP)
    mean = target.weights @ leadfield.field(found.currents_a)[target.points]
    assert found.dose_v_per_m == pytest.approx(mean @ UP / np.linalg.norm(UP), rel=1e-5)
    found = maximum_magnitude(leadfield, target)
    mean = target.weights @ leadfield.field(found.currents_a)[target.points]
    assert found.dose_v_per_m == pytest.approx(np.linalg.norm(mean), rel=1e-5)
    assert list(found.electrodes.values()) == sorted(found.electrodes.values(), key=lambda a: -abs(a))
    # along the points' own directions, too
    own = np.random.default_rng(1).normal(size=(5, 3))
    found = maximum_intensity(leadfield, target, own)
    along = (leadfield.field(found.currents_a)[:5] * own).sum(1) / np.linalg.norm(own, axis=1)
    assert found.dose_v_per_m == pytest.approx(target.weights @ along, rel=1e-5)


def test_twice_the_limits_is_twice_the_dose():
    leadfield = random_leadfield(8)
    once = maximum_magnitude(leadfield, some(leadfield), Limits(2e-3, 1e-3))
    twice = maximum_magnitude(leadfield, some(leadfield), Limits(4e-3, 2e-3))
    assert twice.dose_v_per_m == pytest.approx(2 * once.dose_v_per_m)
    assert once.currents_a.clip(0).sum() == pytest.approx(2e-3)
    assert once.binding == ("2 mA in total", "1 mA per electrode (at 4)")


def energy_form(leadfield, target):
    outside = target.outside(leadfield)
    square = np.zeros((len(leadfield.names),) * 2)
    for point, weight in zip(outside.points, outside.weights, strict=True):
        each = leadfield.e_v_per_m_per_a[:, point].astype(float)
        square += weight * each @ each.T
    return square


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(0.2, 0.95))
def test_energy_cannot_fall_along_any_allowed_change(seed, share):
    """The Frank-Wolfe condition of a convex programme: no allowed currents lie downhill of the solution."""
    leadfield, limits = random_leadfield(7, seed), Limits()
    target = some(leadfield)
    dose = share * maximum_intensity(leadfield, target, UP).dose_v_per_m
    found = minimum_energy(leadfield, target, UP, dose)
    form, row = energy_form(leadfield, target), target.row(leadfield, UP)
    gradient = form @ found.currents_a
    lowest = -linear_program(-gradient, limits, -row[None], [-dose])
    assert within(limits, found.currents_a)
    assert found.dose_v_per_m == pytest.approx(dose, rel=1e-4)
    assert gradient @ found.currents_a - lowest < 1e-4 * (gradient @ found.currents_a)
    assert found.value == pytest.approx(np.sqrt(found.currents_a @ form @ found.currents_a), rel=1e-5)
    assert found.gap < 1e-4


@pytest.mark.parametrize("seed", [0, 1])
def test_energy_of_few_electrodes_is_the_best_of_all_subsets(seed):
    leadfield, count = random_leadfield(7, seed), 3
    target = some(leadfield)
    few = Limits(electrodes=count)
    dose = 0.8 * maximum_intensity(leadfield, target, UP, few).dose_v_per_m
    best = np.inf
    for chosen in combinations(range(7), count):
        part = leadfield.only([leadfield.names[i] for i in chosen])
        if maximum_intensity(part, target, UP).dose_v_per_m >= dose:
            best = min(best, minimum_energy(part, target, UP, dose).value)
    found = minimum_energy(leadfield, target, UP, dose, few)
    assert within(few, found.currents_a)
    assert found.value == pytest.approx(best, rel=1e-4)
    assert found.gap < 1e-4  # the tree was searched to its end
    assert found.dose_v_per_m >= dose * (1 - 1e-4)


def test_a_search_that_stops_early_says_what_it_may_have_missed():
    leadfield = random_leadfield(9, 3)
    target = some(leadfield)
    row, form, limits = target.row(leadfield, UP), energy_form(leadfield, target), Limits(electrodes=4)
    dose = 0.6 * maximum_intensity(leadfield, target, UP).dose_v_per_m
    programme = Programme(leadfield, limits, lambda x: quadratic(x, form), at_least(row, dose))
    best = at_most(programme)
    subsets = (programme.solve(mask, mask) for mask in (np.isin(range(9), c) for c in combinations(range(9), 4)))
    assert best.cost == pytest.approx(min(each.cost for each in subsets if each is not None), rel=1e-4)
    assert best.bound == pytest.approx(best.cost, rel=1e-5)
    bounds = [at_most(programme, nodes=nodes).bound for nodes in (2, best.solved // 2)]
    assert bounds[0] < bounds[1] < 0.9999 * best.cost  # honest, and better with more time
    assert at_most(programme, first=row == row.max()).solved <= best.solved + 1  # a useless start does no harm


def grid_currents(n, step=0.25e-3, limits=None):
    """All allowed currents on a grid, the last electrode balancing."""
    limits = limits or Limits()
    steps = round(limits.per_electrode_a / step)
    axes = np.meshgrid(*[np.arange(-steps, steps + 1)] * (n - 1), indexing="ij")
    x = np.stack([a.ravel() for a in axes], axis=1) * step
    x = np.column_stack([x, -x.sum(1)])
    return x[(np.abs(x).max(1) <= limits.per_electrode_a + 1e-12) & (np.abs(x).sum(1) <= 2 * limits.total_a + 1e-12)]


@pytest.mark.parametrize("kind", [RmsCap, PeakCap])
def test_caps_hold_and_cost_no_more_than_they_must(kind):
    leadfield = random_leadfield(5, 3)
    target, away = some(leadfield), some(leadfield, 10, 22, "left eye")
    free = maximum_intensity(leadfield, target, UP)

    def used(x):
        size = np.linalg.norm(np.einsum("...n,nkd->...kd", x, leadfield.e_v_per_m_per_a[:, away.points]), axis=-1)
        return size.max(-1) if kind is PeakCap else np.sqrt(size**2 @ away.weights)

    cap = kind(away, 0.6 * float(used(free.currents_a)))
    found = maximum_intensity(leadfield, target, UP, avoid=[cap])
    assert used(found.currents_a) <= cap.cap_v_per_m * 1.0002
    assert found.dose_v_per_m < free.dose_v_per_m and found.gap < 1e-3
    assert cap.words in found.binding
    grid = grid_currents(5)
    grid = grid[used(grid) <= cap.cap_v_per_m]
    assert (grid @ target.row(leadfield, UP)).max() <= found.bound * (1 + 1e-4)
    # every direction: no allowed currents pass the bound of the magnitude either
    found = maximum_magnitude(leadfield, target, avoid=[cap])
    assert used(found.currents_a) <= cap.cap_v_per_m * 1.0002 and found.gap < 0.0101
    assert np.linalg.norm(grid @ target.mean_rows(leadfield).T, axis=1).max() <= found.bound * (1 + 1e-4)
    # a cap out of reach changes nothing
    loose = maximum_intensity(leadfield, target, UP, avoid=[kind(away, 1e3)])
    assert loose.dose_v_per_m == pytest.approx(free.dose_v_per_m, rel=1e-4)


def test_several_targets_get_the_linear_programs_fair_share():
    leadfield = random_leadfield(8, 5)
    targets = [some(leadfield, 0, 5, "left"), some(leadfield, 5, 9, "right"), some(leadfield, 9, 12, "front")]
    directions, shares = [UP, [1, 0, 0], [0, 1, 1]], np.array([1.0, 2.0, 0.5])
    found = maximum_of_several(leadfield, targets, directions, shares)
    rows = np.stack([t.row(leadfield, d) for t, d in zip(targets, directions, strict=True)]) / shares[:, None]
    # max s: rows·x ≥ s, as a linear programme in (p, q, s)
    n = 8
    a = np.vstack([np.hstack([-rows, rows, np.ones((3, 1))]), np.hstack([np.ones(2 * n), [0]])])
    sums = np.hstack([np.ones(n), -np.ones(n), [0]])[None]
    truth = linprog(-np.eye(2 * n + 1)[-1], a, [0, 0, 0, 4], sums, [0], [(0, 1)] * (2 * n) + [(None, None)])
    assert found.value == pytest.approx(-truth.fun / 1e3, rel=1e-5)
    assert (rows @ found.currents_a >= found.value * (1 - 1e-9)).all()
    few = maximum_of_several(leadfield, targets, directions, shares, Limits(electrodes=3))
    best = -np.inf
    for chosen in combinations(range(n), 3):
        part = leadfield.only([leadfield.names[i] for i in chosen])
        try:
            best = max(best, maximum_of_several(part, targets, directions, shares).value)
        except InputError:
            continue  # those three cannot
    assert few.value == pytest.approx(best, rel=1e-4) and few.gap < 1e-4


def test_targets_that_exclude_each_other_are_refused():
    leadfield = random_leadfield(5)
    spot = some(leadfield)
    with pytest.raises(InputError, match=r"no montage gives all of spot, spot"):
        maximum_of_several(leadfield, [spot, spot], [UP, -np.array(UP)])


@pytest.mark.parametrize("count", [None, 3])
def test_energy_without_a_direction_is_the_best_of_all_directions(count):
    leadfield = random_leadfield(6, 11)
    target = some(leadfield)
    limits = Limits(electrodes=count)
    dose = 0.7 * maximum_magnitude(leadfield, target, limits).dose_v_per_m

    def reachable(direction):
        return maximum_intensity(leadfield, target, direction).dose_v_per_m >= dose

    found = minimum_energy(leadfield, target, None, dose, limits)
    mean = target.mean_rows(leadfield) @ found.currents_a
    assert np.linalg.norm(mean) >= dose * (1 - 1e-4) and within(limits, found.currents_a)
    grid = grid_currents(6)
    enough = np.linalg.norm(grid @ target.mean_rows(leadfield).T, axis=1) >= dose
    assert enough.sum() > 100
    energy = np.sqrt(((grid[enough] @ energy_form(leadfield, target)) * grid[enough]).sum(1))
    assert found.bound <= energy.min() * (1 + 1e-6)
    if count is None:
        assert found.value <= energy.min() and found.gap < 0.011
        along = [minimum_energy(leadfield, target, d, dose).value for d in fibonacci_sphere(60)[:30] if reachable(d)]
        assert len(along) > 3 and found.bound <= min(along) * (1 + 1e-6) and found.value <= min(along) * 1.01
    with pytest.raises(InputError, match="in any direction under 2 mA"):
        minimum_energy(leadfield, target, None, 3 * dose, limits)


def test_no_direction_in_a_triangle_costs_less_than_its_corners_for_a_little_less():
    leadfield = random_leadfield(6, 11)
    target = some(leadfield)
    strong = maximum_magnitude(leadfield, target)
    rows, form = target.mean_rows(leadfield) / (0.3 * strong.dose_v_per_m), energy_form(leadfield, target)
    cost = _Cost(leadfield, rows, form, Limits(), (), strong.currents_a)
    triangles = half_sphere()
    below = 0
    for triangle, bound in zip(triangles, _corner_costs(cost, triangles).min(1), strict=True):
        for weights in np.random.default_rng(0).dirichlet([1, 1, 1], 15):
            unit = weights @ triangle / np.linalg.norm(weights @ triangle)
            inside = cost.at(unit, 1.0)[0]
            assert inside >= bound * (1 - 1e-6)
            below += inside < min(cost.at(corner, 1.0)[0] for corner in triangle)
    assert below  # the corners' own costs would be no bound


@pytest.mark.slow
def test_focality_is_never_worse_than_least_energy():
    leadfield = shells(20, 800)
    target = Region.ball(leadfield, [-40, -20, 50], 15)
    for limits, direction in ((Limits(), UP), (Limits(electrodes=5), UP), (Limits(), None)):
        dose = 0.6 * maximum_intensity(leadfield, target, UP, limits).dose_v_per_m
        calm = minimum_energy(leadfield, target, direction, dose, limits)
        focal = maximum_focality(leadfield, target, direction, dose, limits)
        outside = target.outside(leadfield)
        assert focal.value == volume_above(leadfield, outside, focal.currents_a, dose / 2)
        assert focal.value <= volume_above(leadfield, outside, calm.currents_a, dose / 2)
        assert focal.dose_v_per_m >= dose * (1 - 1e-4) and within(limits, focal.currents_a)
        assert focal.gap is None


def test_network_least_squares_is_downhill_of_all_and_finds_what_can_be_found():
    leadfield = random_leadfield(6, 2)
    normals = np.random.default_rng(0).normal(size=(30, 3))
    hidden = np.array([3.0, -5.0, 1.0, 1.0, 4.0, -4.0]) * 1e-4
    unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    values = (leadfield.field(hidden) * unit).sum(1)
    network = Network.of_values(leadfield, values, normals)
    found = network_least_squares(leadfield, network, np.abs(values).max())
    assert found.value == pytest.approx(0, abs=1e-6)
    assert found.currents_a == pytest.approx(hidden, abs=1e-7)
    # a map no currents make: none on the grid is nearer to it
    values = np.random.default_rng(3).normal(size=30)
    network = Network.of_values(leadfield, values, normals)
    found = network_least_squares(leadfield, network, 0.3)
    grid = grid_currents(6)
    field = np.einsum("xn,nkd,kd->xk", grid, leadfield.e_v_per_m_per_a[:, network.region.points], network.normals)
    error = (field - 0.3 * network.map_values) ** 2 @ network.region.weights
    silence = (0.3 * network.map_values) ** 2 @ network.region.weights
    assert 0 < found.value <= (error / silence).min() + 1e-6 and found.value < 1
    most = network_projection(leadfield, network)
    assert (np.sign(network.map_values) * field @ network.region.weights).max() <= most.value * (1 + 1e-6)


def test_a_map_is_read_where_it_lies(tmp_path):
    data = np.zeros((4, 5, 6), np.float32)
    data[1, 2, 3], data[3, 0, 0] = 2.0, np.nan
    affine = np.array([[-2.0, 0, 0, 10], [0, 3, 0, -20], [0, 0, 1, 5], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(data, affine), tmp_path / "map.nii.gz")
    there = affine[:3] @ [1, 2, 3, 1]
    aside, ahead = there + np.array([1.0, 0, 0]), there + np.array([0, 3.0, 0])
    points = np.array([there, aside, ahead, [500, 0, 0], affine[:3] @ [3, 0, 0, 1]])
    assert sampled(tmp_path / "map.nii.gz", points) == pytest.approx([2, 1, 0, 0, 0])
    leadfield = replace(random_leadfield(5, count=5), points_mm=points)
    network = Network.of_image(leadfield, tmp_path / "map.nii.gz", np.ones((5, 3)))
    assert network.region.points.tolist() == [0, 1] and network.map_values == pytest.approx([1, 0.5])
    with pytest.raises(InputError, match="there is no file"):
        sampled(tmp_path / "no.nii", points)
    with pytest.raises(InputError, match="zero everywhere"):
        Network.of_values(leadfield, np.zeros(5), np.ones((5, 3)))


def test_normals_point_into_the_cortex():
    corners = 80 * np.vstack([np.eye(3), -np.eye(3)])
    faces = [[i, j, k] if (i + j + k) % 2 else [j, i, k] for i in (0, 3) for j in (1, 4) for k in (2, 5)]
    faces = [f if np.linalg.det(corners[f]) > 0 else f[::-1] for f in faces]
    inward = inward_normals(CorticalSurface(corners, np.array(faces)), np.array([[70.0, 3, 0], [0, -95, 2]]))
    assert inward == pytest.approx(np.array([[-1.0, 0, 0], [0, 1, 0]]), abs=1e-12)


def test_pairs_are_all_pairs():
    leadfield = random_leadfield(6)
    target = some(leadfield)
    found = best_pairs(leadfield, target)
    rows, form = target.mean_rows(leadfield), energy_form(leadfield, target)
    doses = {}
    for i, j in permutations(range(6), 2):
        x = 1e-3 * (np.eye(6)[i] - np.eye(6)[j])
        doses[frozenset((i, j))] = (np.linalg.norm(rows @ x), np.sqrt(x @ form @ x))
    assert len(found) == len(doses) == 15
    assert np.column_stack([found.dose_v_per_m, found.elsewhere_v_per_m]) == pytest.approx(
        np.array(sorted(doses.values(), reverse=True)), rel=1e-5
    )
    along = best_pairs(leadfield, target, UP)
    row = target.row(leadfield, UP)
    assert along.dose_v_per_m[0] == pytest.approx(1e-3 * (row.max() - row.min()))
    assert (along.dose_v_per_m >= 0).all() and along.dose_v_per_m == pytest.approx(along.currents_a @ row)
    assert (np.diff(found.by_focality().focality) <= 0).all()


def test_rings_surround_their_centre():
    leadfield = shells(60, 300)
    found = best_rings(leadfield, Region.ball(leadfield, [-40, -20, 50], 15), radius_mm=45)
    assert len(found) > 10
    for currents in found.currents_a:
        center, ring = int(np.argmax(np.abs(currents))), np.flatnonzero(np.abs(currents) == 0.25e-3)
        assert len(ring) == 4 and abs(currents[center]) == 1e-3
        assert np.linalg.norm(leadfield.scalp_mm[ring].mean(0) - leadfield.scalp_mm[center]) < 30
    # the best ring for a spot sits over it
    over = leadfield.scalp_mm[np.argmax(found.currents_a[0])]
    assert over @ [-40, -20, 50] / np.linalg.norm(over) / np.linalg.norm([-40, -20, 50]) > 0.9
    assert ring_of(leadfield.scalp_mm, int(np.argmin(leadfield.scalp_mm[:, 2])), 45) is None  # the rim
    with pytest.raises(InputError, match="at most 4 are allowed"):
        best_rings(leadfield, some(leadfield), limits=Limits(electrodes=4))


def shells(n, count, points=None):
    """Disc electrodes on the upper half of four shells, by the series solution."""
    rng = np.random.default_rng(0)
    scalp = fibonacci_sphere(2 * n)
    scalp = 92 * scalp[np.argsort(-scalp[:, 2], kind="stable")][:n]
    if points is None:
        points = rng.normal(size=(count, 3))
        points *= rng.uniform(62, 72, count)[:, None] / np.linalg.norm(points, axis=1)[:, None]
    return made_of(scalp, points)


def made_of(scalp, points):
    radii, sigma = [74, 78, 84, 92], [0.275, 1.654, 0.01, 0.465]
    e = np.stack([electrode_field(points, each, radii, sigma, cap_deg=3, orders=40)[1] for each in scalp])
    names = tuple(f"E{i}" for i in range(len(scalp)))
    count = len(points)
    return Leadfield(names, scalp, "E0", e - e[:1], points, np.ones(count), np.arange(count))


def test_a_mirrored_target_has_the_mirrored_montage():
    half = 92 * fibonacci_sphere(24)
    half = half[half[:, 0] > 10]
    mirror = np.array([-1.0, 1, 1])
    points = 68 * fibonacci_sphere(200)
    leadfield = made_of(np.vstack([half, half * mirror]), np.vstack([points, points * mirror]))
    n, count = len(half), len(points)
    right = Region.ball(leadfield, [45, -20, 45], 20)
    left = Region((right.points + count) % (2 * count), right.weights)
    direction = np.array([0.6, -0.3, 0.7])

    def swapped(currents):
        return np.concatenate([currents[n:], currents[:n]])

    for solve in (
        lambda region, along: maximum_intensity(leadfield, region, along),
        lambda region, along: maximum_magnitude(leadfield, region),
        lambda region, along: minimum_energy(leadfield, region, along, 0.1),
    ):
        one, other = solve(right, direction), solve(left, direction * mirror)
        assert other.dose_v_per_m == pytest.approx(one.dose_v_per_m, rel=1e-4)
        assert other.currents_a == pytest.approx(swapped(one.currents_a), abs=3e-6)
        assert not np.allclose(other.currents_a, one.currents_a, atol=1e-4)


def test_what_cannot_be_reached_is_refused_with_the_limit_that_stands_in_the_way():
    leadfield = random_leadfield(8)
    target, away = some(leadfield), some(leadfield, 10, 22, "left eye")
    most = maximum_intensity(leadfield, target, UP).dose_v_per_m
    row = target.row(leadfield, UP)
    with pytest.raises(
        InputError, match=rf"spot can get at most {most:.3g} V/m .* under 2 mA in total and 1 mA"
    ) as told:
        minimum_energy(leadfield, target, UP, 1.2 * most)
    total = float(str(told.value).split("allow ")[1].split(" mA")[0])
    assert row @ strongest(row, Limits(1e-3 * total)) >= 1.2 * most  # what it says is enough
    assert row @ strongest(row, Limits(0.98e-3 * total)) < 1.2 * most  # and not much more than that
    assert "1.2 times the current in total and per electrode" in str(told.value)
    single = maximum_intensity(leadfield, target, UP, Limits(electrodes=2)).dose_v_per_m
    with pytest.raises(InputError, match=r"allow 4 electrodes"):
        minimum_energy(leadfield, target, UP, 1.05 * single, Limits(electrodes=2))
    with pytest.raises(InputError, match=r"raise the cap of 0.01 V/m everywhere in left eye$"):
        minimum_energy(leadfield, target, UP, 0.9 * most, avoid=[PeakCap(away, 0.01), RmsCap(away, 9)])
    with pytest.raises(InputError, match="must be above 0 V/m, not -1"):
        maximum_focality(leadfield, target, UP, -1)


def test_objectives_by_name():
    leadfield = random_leadfield(8)
    target, up = some(leadfield), np.array(UP) / np.linalg.norm(UP)
    dose = 0.5 * maximum_intensity(leadfield, target, UP).dose_v_per_m

    def found(name, unit=None, dose_v_per_m=None):
        return montage_goal.solve(name, leadfield, Goal(target, unit, Limits(), dose_v_per_m), lambda names: True)

    for name, rules in TES_OBJECTIVES.members().items():
        if name == "ring" or rules.map:
            continue
        solved = found(name, None if rules.direction == "unused" else up, dose if rules.dose else None)
        assert solved.dose_v_per_m > 0 and within(Limits(), leadfield.currents(solved.currents_a))
    for refused, message in (
        (("enrgy",), "did you mean 'energy'"),
        (("intensity",), "needs `polarity=anodal` or cathodal, or `direction=normal`"),
        (("energy", up), "needs `dose_v_per_m`, the wanted field"),
        (("intensity", up, dose), "has no use for `dose_v_per_m`"),
        (("magnitude", up), "has no use for `direction`: ask for intensity"),
        (("projection", up), "needs `network=MAP`"),
    ):
        with pytest.raises(InputError, match=message):
            found(*refused)


FIRST = Objective(
    name="first", words="the first to the last", solver="test_tes_optimise:first_to_last", direction="unused"
)


def test_an_objective_of_another_package_is_one_of_ours(tmp_path, monkeypatch):
    """By its entry point: the solver is found by name, and rules and words are its own."""
    about = tmp_path / "acme_montages-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-montages\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text("[target.tes_objectives]\nfirst = test_tes_optimise:FIRST\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    leadfield = random_leadfield(6)
    solved = montage_goal.solve("first", leadfield, Goal(some(leadfield), None, Limits()), lambda names: True)
    assert solved.currents_a == {leadfield.names[0]: 1e-3, leadfield.names[-1]: -1e-3}
    assert TES_OBJECTIVES.origin("first") == "acme-montages 1.2" and not TES_OBJECTIVES.origin("pair")
    with pytest.raises(InputError, match="has no use for `direction`"):
        check_objective("first", directed=True, dosed=False)


def first_to_last(leadfield, goal):
    currents = np.zeros(len(leadfield.names))
    currents[[0, -1]] = 1e-3, -1e-3
    return Optimum("first", tuple(leadfield.names), currents, 0.1, 0.1, None, ())


def test_impossible_limits_and_regions_are_refused():
    with pytest.raises(InputError, match="total current must be above 0"):
        Limits(total_a=0)
    with pytest.raises(InputError, match="at least 2 electrodes"):
        Limits(electrodes=1)
    leadfield = random_leadfield(5)
    with pytest.raises(InputError, match="holds no grey matter"):
        Region.ball(leadfield, [500, 0, 0], 5)
    with pytest.raises(InputError, match="length 0"):
        some(leadfield).row(leadfield, [0, 0, 0])
    with pytest.raises(InputError, match="above 0 V/m"):
        PeakCap(some(leadfield), 0)


def test_a_target_is_found_among_the_leadfields_points():
    head = layered_ball(14.0)
    tets = np.random.default_rng(0).permutation(np.flatnonzero(head.tissue == 2))
    e = np.random.default_rng(1).normal(size=(4, len(tets), 3))
    centers, volumes = head.centroids_mm[tets], head.volumes_mm3[tets]
    leadfield = Leadfield(tuple("ABCD"), np.eye(4, 3), "A", e, centers, volumes, tets)
    region = Region.of_target(leadfield, head, LEFT_SPOT)
    chosen, weights = LEFT_SPOT.weights(head)
    assert (leadfield.tets[region.points] == chosen).all() and region.weights == pytest.approx(weights)
    assert region.name == "left spot" and len(region.points) > 3
    part = leadfield.tets != chosen[0]
    short = Leadfield(leadfield.names, leadfield.scalp_mm, "A", e[:, part], centers[part], volumes[part], tets[part])
    with pytest.raises(InputError, match="does not cover the target 'left spot'"):
        Region.of_target(short, head, LEFT_SPOT)


def test_points_are_drawn_by_weight():
    region = Region(np.arange(1000), np.where(np.arange(1000) < 500, 3.0, 1.0))
    few = drawn(region, 200)
    assert len(few.points) == 200 == len(set(few.points)) and 0.6 < (few.points < 500).mean() < 0.85
    assert drawn(region, 1000) is region
