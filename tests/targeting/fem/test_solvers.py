"""Both roads solve the same, say so when they do not, and the choice between them is the one documented."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest
import scipy.sparse as sp
from heads import layered_ball

from meshes import InputError
from targeting.fem import HeadConductor, conjugate_gradients, solver
from targeting.fem.assembly import shape_gradients, stiffness
from targeting.fem.conjugate_gradients import column_dots, product
from targeting.fem.multigrid import BLOCK
from targeting.fem.solver import (
    MANY,
    Automatic,
    Factorisation,
    Multigrid,
    SolveError,
    factor_bytes,
    is_installed,
    make_solver,
)

needs_mkl = pytest.mark.skipif(not is_installed(), reason="MKL is not made for this machine")
ROADS = [Multigrid, pytest.param(Factorisation, marks=needs_mkl)]


@pytest.fixture(scope="module")
def matrix():
    """K of a ball with its real conductivities, one node grounded: 3,500 nodes, three levels."""
    conductor = HeadConductor(layered_ball(10.0))
    free = conductor.free_nodes
    return conductor.stiffness[free][:, free].tocsr()


@pytest.fixture(scope="module")
def b(matrix):
    return np.random.default_rng(0).normal(size=(matrix.shape[0], 3))


@pytest.fixture
def one_then_two_threads():
    threads = numba.get_num_threads()
    if threads < 2:
        pytest.skip("one core")
    yield (1, 2)
    numba.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize("road", ROADS)
def test_a_known_solution_is_found(matrix, road):
    x = np.random.default_rng(1).normal(size=matrix.shape[0])
    found = road(matrix).solve(matrix @ x)
    assert found.shape == x.shape
    assert np.linalg.norm(found - x) < 1e-6 * np.linalg.norm(x)


@pytest.mark.slow
@needs_mkl
def test_both_roads_agree(matrix, b):
    direct, iterative = Factorisation(matrix).solve(b), Multigrid(matrix).solve(b)
    assert np.linalg.norm(direct - iterative) < 1e-7 * np.linalg.norm(direct)


@pytest.mark.slow
@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("k", [1, 2, BLOCK, BLOCK + 1])
def test_many_right_hand_sides_equal_one_by_one(matrix, road, k):
    many = np.random.default_rng(2).normal(size=(matrix.shape[0], k))
    made = road(matrix)
    one_by_one = np.stack([made.solve(each) for each in many.T], axis=1)
    assert np.linalg.norm(made.solve(many) - one_by_one) < 1e-8 * np.linalg.norm(one_by_one)


@pytest.mark.slow
@pytest.mark.parametrize("road", ROADS)
def test_zero_equal_and_dependent_columns_are_no_special_case(matrix, road, b):
    u, v = b[:, 0], b[:, 1]
    x = road(matrix).solve(np.stack([u, 0 * u, u, v, 2 * u - v], axis=1))
    assert not x[:, 1].any()
    assert np.array_equal(x[:, 0], x[:, 2])
    assert np.linalg.norm(x[:, 4] - (2 * x[:, 0] - x[:, 3])) < 1e-7 * np.linalg.norm(x[:, 4])


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("scale", [1e-40, 1e40])
def test_the_size_of_a_right_hand_side_does_not_matter(matrix, road, scale, b):
    made = road(matrix)
    assert np.allclose(made.solve(scale * b) / scale, made.solve(b), rtol=1e-6, atol=1e-12 * np.abs(b).max())


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("layout", [np.asfortranarray, lambda b: np.repeat(b, 2, axis=1)[:, ::2]])
def test_the_layout_in_memory_does_not_matter(matrix, road, layout, b):
    made, before = road(matrix), b.copy()
    assert np.array_equal(made.solve(layout(b)), made.solve(b))
    assert np.array_equal(b, before)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8, 1e-12])
def test_the_residual_is_below_the_tolerance_asked_for(matrix, tolerance, b):
    made = Multigrid(matrix, tolerance=tolerance)
    residual = np.linalg.norm(matrix @ made.solve(b) - b, axis=0)
    assert (residual <= tolerance * np.linalg.norm(b, axis=0)).all()


def test_few_iterations_are_enough(matrix, b):
    made = Multigrid(matrix)
    made.solve(b)
    assert 3 < made.iterations < 25


def test_too_few_iterations_are_an_error_not_a_result(matrix, b):
    with pytest.raises(SolveError, match=r"3 iterations\) stopped at a relative residual of .* \(wanted 1e-08\)"):
        Multigrid(matrix, max_iterations=3).solve(b)


@pytest.mark.parametrize("road", ROADS)
def test_an_unreachable_tolerance_is_an_error_not_a_result(matrix, road, b):
    with pytest.raises(SolveError, match="residual"):
        road(matrix, tolerance=1e-30).solve(b)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_right_hand_side_that_is_not_finite_is_an_error(matrix, road, bad, b):
    broken = b.copy()
    broken[5, 1] = bad
    with pytest.raises(SolveError, match="not finite"):
        road(matrix).solve(broken)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("spoil", ["indefinite", "nan"])
def test_a_matrix_that_is_not_positive_definite_is_an_error(matrix, road, spoil, b):
    bad = matrix.copy()
    if spoil == "nan":
        bad.data[7] = np.nan
    else:
        bad = (bad - sp.identity(bad.shape[0]) * 0.5 * bad.diagonal().mean()).tocsr()
    with pytest.raises(SolveError):
        road(bad).solve(b)


def test_small_matrices_need_no_hierarchy():
    matrix = sp.csr_matrix(np.array([[2.0, -1, 0], [-1, 2, -1], [0, -1, 2]]))
    assert np.allclose(Multigrid(matrix).solve(np.array([1.0, 0, 0])), [0.75, 0.5, 0.25])


def test_multigrid_is_the_same_bits_for_any_number_of_threads(matrix, b, one_then_two_threads, monkeypatch):
    monkeypatch.setattr(conjugate_gradients, "FEW_ROWS", 1000)
    found = []
    for threads in one_then_two_threads:
        numba.set_num_threads(threads)
        found.append(Multigrid(matrix, tolerance=1e-3).solve(b))
    assert np.array_equal(*found)


def test_the_matrix_is_the_same_bits_for_any_number_of_threads(ball_head, one_then_two_threads):
    made = []
    for threads in one_then_two_threads:
        numba.set_num_threads(threads)
        gradients, volumes = shape_gradients(ball_head.points_mm, ball_head.tets)
        made.append(stiffness(ball_head.tets, gradients, volumes, len(ball_head.points_mm)))
    assert np.array_equal(made[0].data, made[1].data)
    assert np.array_equal(made[0].indices, made[1].indices)


def test_the_matrix_is_the_sum_of_its_elements(ball_head):
    tets, n = ball_head.tets, len(ball_head.points_mm)
    gradients, volumes = shape_gradients(ball_head.points_mm, tets)
    made = stiffness(tets, gradients, volumes, n)
    elements = np.einsum("e,eix,ejx->eij", volumes, gradients, gradients)
    rows, columns = np.repeat(tets, 4, axis=1).ravel(), np.tile(tets, (1, 4)).ravel()
    scattered = sp.coo_matrix((elements.ravel(), (rows, columns)), shape=(n, n)).tocsr()
    assert made.has_canonical_format
    assert np.array_equal(made.indptr, scattered.indptr)
    assert abs(made - scattered).max() < 1e-13 * abs(made).max()
    assert (made != made.T).nnz == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [np.float64, np.float32])
@pytest.mark.parametrize("k", [1, 3, 4])
def test_products_and_dots_are_those_of_scipy(matrix, k, number):
    x = np.random.default_rng(3).normal(size=(matrix.shape[0], k)).astype(number)
    tolerance = 1e-12 if number is np.float64 else 1e-4
    a = matrix.astype(number)
    assert np.allclose(product(a, x), a @ x, rtol=tolerance, atol=tolerance * abs(a @ x).max())
    assert np.allclose(column_dots(x, x), (x.astype(float) ** 2).sum(axis=0), rtol=1e-12)


@pytest.mark.slow
@needs_mkl
def test_few_right_hand_sides_take_multigrid_and_many_a_factorisation(matrix):
    made = make_solver(matrix)
    made.solve(np.ones(matrix.shape[0]))
    assert isinstance(made.road, Multigrid)
    made.solve(np.ones((matrix.shape[0], MANY - 2)))
    assert isinstance(made.road, Multigrid)
    made.solve(np.ones(matrix.shape[0]))  # now there were many
    assert isinstance(made.road, Factorisation)


@needs_mkl
def test_many_expected_right_hand_sides_factorise_at_once(matrix):
    made = make_solver(matrix, right_hand_sides=MANY)
    made.solve(np.ones(matrix.shape[0]))
    assert isinstance(made.road, Factorisation)


@pytest.mark.parametrize("missing", ["memory", "MKL"])
def test_without_memory_or_mkl_many_take_multigrid_too(matrix, missing, monkeypatch):
    if missing == "memory":
        monkeypatch.setattr(solver, "free_memory_bytes", lambda: factor_bytes(matrix.shape[0]))
    else:
        monkeypatch.setattr(solver, "is_installed", lambda: False)
    made = make_solver(matrix, right_hand_sides=MANY)
    assert isinstance(made, Automatic)
    made.solve(np.ones(matrix.shape[0]))
    assert isinstance(made.road, Multigrid)


def test_a_road_can_be_chosen_by_name(matrix):
    assert isinstance(make_solver(matrix, "multigrid", right_hand_sides=1000), Multigrid)
    if is_installed():
        assert isinstance(make_solver(matrix, "factorisation"), Factorisation)


def test_a_road_that_is_not_there_is_refused_in_one_line(matrix, monkeypatch):
    with pytest.raises(InputError, match="unknown solver 'multigird', did you mean 'multigrid'"):
        make_solver(matrix, "multigird")
    with pytest.raises(InputError, match="unknown solver 'MKL PARDISO'; valid: auto, factorisation, multigrid"):
        make_solver(matrix, "MKL PARDISO")
    monkeypatch.setattr(solver, "is_installed", lambda: False)
    with pytest.raises(InputError, match="not installed") as refused:
        make_solver(matrix, "factorisation")
    assert "\n" not in str(refused.value)


def test_free_memory_is_a_number_of_bytes():
    assert solver.free_memory_bytes() > 1e6


@pytest.mark.parametrize(("given", "kept"), [(None, "passive"), ("active", "active")])
def test_waiting_threads_sleep_unless_the_user_says_otherwise(given, kept):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {} if given is None else {"OMP_WAIT_POLICY": given}
    show = "import meshes, os; print(os.environ['OMP_WAIT_POLICY'])"
    said = subprocess.run(
        [sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == kept
