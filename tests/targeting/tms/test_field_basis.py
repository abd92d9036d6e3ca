"""A field basis equals the forward solve, for every kind of coil, at any pose, for any rows."""

import json

import numpy as np
import pytest
from heads import LEFT_SPOT, RADII_MM, fibonacci_sphere, layered_ball
from loops import wire_loop
from scipy.spatial import ConvexHull

from atlases.scalp import Scalp
from cli.main import run
from meshes import HeadMesh, InputError
from meshes.cortical_surface import Cortex, CorticalSurface
from meshes.formats.gifti import write_surface
from targeting import Coil, FieldBasis, Pose
from targeting.closed_forms.spheres import tms_e_v_per_m
from targeting.coils import coil_names
from targeting.coils.fields import magnetic_field, transformed, vector_potential
from targeting.coils.sources import PotentialGrid
from targeting.fem import HeadConductor
from targeting.fem.conductivity import conductivities
from targeting.fem.cortical_field import field_at, sampling
from targeting.study.cortex_stage import load_cortex
from targeting.study.field_basis_stage import cortical_basis, cortical_rows
from targeting.subject import Stage, Subject
from targeting.tms import simulate_tms
from targeting.tms.field_basis import Rows, Sensors, chosen_sources, dipole_fields, level, random_poses, relative_errors

pytestmark = pytest.mark.slow

OVER_LEFT = Pose([[-1, 0, 0, -40], [0, 1, 0, -20], [0, 0, -1, 105], [0, 0, 0, 1]])
MID_MM = (RADII_MM[1] + RADII_MM[2]) / 2


def middle_of_grey(head, count):
    """Points halfway through the grey matter that have a tetrahedron near, (n, 3)."""
    points = MID_MM * fibonacci_sphere(count) * [0.85, 1.05, 0.95]
    return points[np.diff(sampling(head, points).indptr) > 0]


@pytest.fixture(scope="module")
def rows(conductor):
    """The middle of the grey matter, a target, and an avoided region, in one."""
    head = conductor.head
    middle = middle_of_grey(head, 800)
    avoided = np.flatnonzero((head.tissue == 2) & (np.linalg.norm(head.centroids_mm - [40, 30, 40], axis=1) < 12))
    return Rows.stacked(
        Rows.at_points(head, middle), Rows.of_target(head, LEFT_SPOT), Rows.of_tetrahedra(head, avoided)
    )


@pytest.fixture(scope="module")
def basis(conductor, rows):
    return FieldBasis.build(conductor, rows, sources=220)


# A direct solve takes A at the centroids of scalp elements as long as the windings are far, and is 3 to 6 % off the closed
# form for it with the figure-of-eight on this mesh; the basis, whose sources are farther off, is not.  On a head
# (benchmarks/basis.py) the two are 0.3 % apart.
COARSE = 0.05


@pytest.mark.parametrize("name", coil_names())
def test_built_in_coils_are_as_the_direct_solve_has_them(conductor, scalp, rows, basis, name):
    coil = Coil.named(name)
    poses = random_poses(scalp, coil, rows.points_mm, 4, np.random.default_rng(3))
    assert len(poses) == 4
    assert relative_errors(basis, conductor, rows, coil, poses).max() < COARSE


def test_in_a_sphere_it_is_within_a_percent_of_the_closed_form():
    conductor = HeadConductor(layered_ball(6.0))
    head = conductor.head
    rows = Rows.of_tetrahedra(head, np.flatnonzero(head.tissue == 2)[::4])
    basis = FieldBasis.build(conductor, rows, sources=200)
    for name in coil_names():
        coil = Coil.named(name)
        (source,) = coil.sources
        for pose in random_poses(Scalp.of(head), coil, rows.points_mm, 2, np.random.default_rng(6)):
            moved = transformed(source, pose)
            truth = tms_e_v_per_m(rows.points_mm, moved.points_mm, 1e6 * moved.moments_a_m2)
            (found,) = basis.e_v_per_m(coil, pose)
            assert np.linalg.norm(found - truth) < 0.01 * np.linalg.norm(truth)


def test_a_coil_far_away(conductor, rows, basis):
    far = OVER_LEFT.matrix_mm.copy()
    far[:3, 3] -= [60, -50, -150]
    coil = Coil.named("circular-mc125")
    assert relative_errors(basis, conductor, rows, coil, far[None])[0] < COARSE


def test_a_coil_of_wire(conductor, scalp, rows, basis):
    figure8 = Coil.named("figure8-70mm")
    wire = Coil("loop", (wire_loop(),), figure8.casing, None, 0, "test")
    poses = random_poses(scalp, figure8, rows.points_mm, 2, np.random.default_rng(4))
    assert relative_errors(basis, conductor, rows, wire, poses).max() < COARSE


def test_a_sampled_coil_is_taken_as_dipoles_or_refused(basis):
    figure8 = Coil.named("figure8-70mm")
    affine = np.diag([6.0, 6.0, 6.0, 1.0])
    affine[:3, 3] = [-150, -150, 2]
    nodes = np.stack(np.meshgrid(*[np.arange(n) for n in (51, 51, 20)], indexing="ij"), -1) @ affine[:3, :3]
    a = vector_potential(figure8, (nodes + affine[:3, 3]).reshape(-1, 3)).reshape(51, 51, 20, 3)
    sampled = Coil("sampled", (PotentialGrid(a, affine),), figure8.casing, None, 1, "test")
    true = basis.e_v_per_m(figure8, OVER_LEFT)
    assert np.linalg.norm(basis.e_v_per_m(sampled, OVER_LEFT) - true) < 0.01 * np.linalg.norm(true)
    few = Coil("few", (PotentialGrid(a[::10, ::10, ::10], affine),), figure8.casing, None, 1, "test")
    with pytest.raises(InputError, match="coil few is a sampled field without a fast form"):
        basis.e_v_per_m(few, OVER_LEFT)


def test_left_is_left_and_the_field_follows_the_coil(conductor, rows, basis):
    coil = Coil.named("figure8-70mm")
    (e,) = basis.e_v_per_m(coil, OVER_LEFT)
    assert e.shape == (len(rows.points_mm), 3)
    strongest = rows.points_mm[np.linalg.norm(e, axis=1).argmax()]
    assert strongest[0] < -20 and strongest[2] > 40
    direct = rows.mean_e_v_per_m(simulate_tms(conductor, coil, OVER_LEFT).e_v_per_m)
    assert np.linalg.norm(e - direct) < COARSE * np.linalg.norm(direct)
    mirrored = OVER_LEFT.matrix_mm.copy()
    mirrored[0, 3] *= -1
    (other,) = basis.e_v_per_m(coil, mirrored)
    assert rows.points_mm[np.linalg.norm(other, axis=1).argmax()][0] > 20
    # the mean over the target's tetrahedra is the target's own mean field
    tets, weights = LEFT_SPOT.weights(conductor.head)
    target = len(middle_of_grey(conductor.head, 800)) + np.arange(len(tets))
    own = weights @ simulate_tms(conductor, coil, OVER_LEFT).e_v_per_m[tets]
    assert weights @ e[target] == pytest.approx(own, abs=COARSE * np.linalg.norm(own))


def test_many_poses_are_those_poses_one_by_one_and_scale_with_didt(basis):
    coil = Coil.named("circular-mc125")
    turned = OVER_LEFT.matrix_mm @ np.diag([-1.0, -1.0, 1.0, 1.0])
    many = basis.e_v_per_m(coil, np.stack([OVER_LEFT.matrix_mm, turned]), -3e6)
    for e, pose in zip(many, (OVER_LEFT, turned), strict=True):
        np.testing.assert_allclose(e, -3 * basis.e_v_per_m(coil, pose, 1e6)[0], rtol=1e-4, atol=1e-4)
    assert basis.coefficients(coil, [OVER_LEFT.matrix_mm] * 2).shape == (2, basis.modes.shape[1])
    assert basis.e_v_per_m(coil, np.zeros((0, 4, 4))).shape == (0, len(basis.points_mm), 3)


def test_a_small_target_needs_few_modes(conductor, scalp):
    small = Rows.of_target(conductor.head, LEFT_SPOT)
    basis = FieldBasis.build(conductor, small, sources=100, rank=20)
    coil = Coil.named("figure8-70mm")
    over = scalp.points_mm[scalp.nearest(LEFT_SPOT.center_mm * 1.4)]
    poses = random_poses(scalp, coil, over[None], 4, np.random.default_rng(5))
    assert np.linalg.norm(poses[:, :3, 3] - over, axis=1).max() < 90
    assert basis.modes.shape[1] == 20
    assert relative_errors(basis, conductor, small, coil, poses).max() < COARSE


def test_fewer_modes_more_error(conductor, rows, basis):
    coil = Coil.named("figure8-70mm")
    few = FieldBasis(basis.points_mm, basis.modes[:, :10], basis.sensors_mm, basis.sensitivity[:10])
    assert relative_errors(few, conductor, rows, coil, OVER_LEFT.matrix_mm[None])[0] > 0.1


def test_saved_and_loaded(basis, tmp_path):
    basis.save(tmp_path / "basis.npz")
    again = FieldBasis.load(tmp_path / "basis.npz")
    coil = Coil.named("double-cone-110mm")
    assert np.array_equal(again.e_v_per_m(coil, OVER_LEFT), basis.e_v_per_m(coil, OVER_LEFT))
    assert [path.name for path in tmp_path.iterdir()] == ["basis.npz"]
    np.savez(tmp_path / "other.npz", points_mm=np.zeros((3, 3)))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "basis.npz").read_bytes()[:5000])
    for name in ("other.npz", "cut.npz", "missing.npz"):
        with pytest.raises(InputError, match="not a field basis"):
            FieldBasis.load(tmp_path / name)


def test_what_does_not_fit_is_refused(conductor, basis):
    head = conductor.head
    with pytest.raises(
        InputError, match=r"1 of 2 points have no grey matter within 4 mm, the first at \(0.0, 0.0, 0.0"
    ):
        Rows.at_points(head, [[0, 0, 0], middle_of_grey(head, 50)[0]])
    with pytest.raises(InputError, match="the rows are of a mesh of"):
        FieldBasis.build(conductor, Rows.of_tetrahedra(layered_ball(14.0), [0]))
    with pytest.raises(InputError, match="at least one source"):
        FieldBasis.build(conductor, Rows.of_tetrahedra(head, [0]), sources=0)
    with pytest.raises(InputError, match="importances"):
        Rows.at_points(head, middle_of_grey(head, 50)[:1], [-1.0])
    with pytest.raises(InputError, match="coil poses must be finite"):
        basis.e_v_per_m(Coil.named("figure8-70mm"), np.full((4, 4), np.nan))
    with pytest.raises(InputError, match="rigid"):
        basis.e_v_per_m(Coil.named("figure8-70mm"), np.diag([-1.0, 1.0, 1.0, 1.0]))


def test_sensors_are_inside_sources_outside_and_span_a_dipole_between(scalp):
    sensors = Sensors.round_rows(scalp, np.array([[0.0, 0, 60]]))
    assert scalp.signed_distance_mm(sensors.points_mm).max() < -5
    assert sensors.weight[sensors.points_mm[:, 2].argmax()] > 2 * sensors.weight[sensors.points_mm[:, 2].argmin()]
    sources = chosen_sources(scalp, sensors, 50)
    assert len(sources.points_mm) == 50 and scalp.signed_distance_mm(sources.points_mm).min() > 20
    places, normals = level(scalp, 30.0, 20.0)
    apart = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(len(places))
    assert apart.min() >= 20.0 and np.allclose(np.linalg.norm(normals, axis=1), 1)
    one = type(sources)(sources.points_mm[:1], sources.moments_a_m2[:1])
    there = places[[5]] + 50.0
    assert np.allclose(dipole_fields(sources, there)[:, 0], magnetic_field(one, there).ravel(), rtol=1e-4)
    assert dipole_fields(sources, sensors.points_mm).shape == (3 * len(sensors.points_mm), 50)


def test_the_fit_as_weights_is_the_field_at_the_points(conductor):
    head = conductor.head
    e = np.random.default_rng(0).standard_normal((len(head.tets), 3))
    points = middle_of_grey(head, 50)
    rows = Rows.at_points(head, points, np.arange(1, len(points) + 1))
    np.testing.assert_allclose(rows.mean_e_v_per_m(e), field_at(head, e, points), rtol=1e-12)
    assert np.allclose(np.asarray(rows.weights.sum(1)).ravel(), 1)
    assert rows.importance.sum() == pytest.approx(1) and rows.importance[-1] == pytest.approx(
        len(points) * rows.importance[0]
    )


def test_recovery_at_some_tetrahedra_is_that_of_all(conductor):
    phi = np.random.default_rng(0).standard_normal((len(conductor.head.points_mm), 2))
    some = np.array([7, 3, 4000, 3])
    assert np.array_equal(conductor.patches.gradient(phi, some), conductor.patches.gradient(phi)[:, some])


# --- the stage and the command

SMALL = np.array([0.6, 0.6, 0.6])


def sheet(side):
    """Half of the middle of the grey matter, in small."""
    points = MID_MM * SMALL * fibonacci_sphere(2500)
    triangles = ConvexHull(points).simplices
    a, b, c = (points[triangles[:, i]] for i in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return CorticalSurface(points, triangles).part(side * points[:, 0] > 0)


@pytest.fixture
def planned(tmp_path):
    """A folder with a mesh, a cortex and a dose map's sidecar, as a plan leaves them."""
    subject, head = Subject.named("ball", tmp_path / "ball"), layered_ball(9.0, tuple(SMALL))

    def keep(name, write, after=(), **parameters):
        def make(folder):
            write(folder)

        return subject.run(Stage(name, 1, make, lambda _: None, parameters=parameters, after=after))

    def surfaces(folder):
        for name, side in (("lh", -1), ("rh", 1)):
            write_surface(folder / f"{name}.central.surf.gii", sheet(side), name)
        (folder / "central.json").write_text(json.dumps({"source": "made up"}))

    with subject.locked():
        mesh = keep("mesh", lambda folder: head.write(folder / "head.msh"))
        keep("cortex", surfaces, [mesh])
        sigma = conductivities({"skull": 0.02})
        keep("dosemap", lambda folder: (folder / "map.txt").write_text("none"), [mesh], conductivity_s_per_m=sigma)
    return subject


def test_the_command_makes_a_basis_once_and_status_shows_it(planned, capfd):
    words = ["basis", "ball", "--out", str(planned.folder), "--sources", "150", "--json", "--quiet"]
    assert run(words) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["sources"] == 150 and said["modes"] <= 150 and said["points"] > 1000
    assert set(said["errors"]) == set(coil_names()) and max(map(max, said["errors"].values())) < 0.05
    done = cortical_basis(planned, sources=150)
    assert done.reused
    made = done.value
    assert made.check.errors == said["errors"] and made.check.worst >= made.check.median > 0
    assert np.allclose(made.cortex.whole.points_mm, made.basis.points_mm, atol=1e-4)
    assert made.cortex.left.points_mm[:, 0].max() < 1 and made.cortex.right.points_mm[:, 0].min() > -1
    # of the plan's own conductivities, on the thinned surface
    conductor = HeadConductor(HeadMesh.read(planned.folder / "head.msh"), {"skull": 0.02})
    pose = np.array([[-1, 0, 0, -20], [0, 1, 0, -10], [0, 0, -1, 70], [0, 0, 0, 1.0]])
    coil = Coil.named("figure8-70mm")
    thin, rows = cortical_rows(load_cortex(planned.folder), conductor.head)
    assert len(thin.whole.points_mm) == said["points"]
    assert relative_errors(made.basis, conductor, rows, coil, pose[None])[0] < 0.05
    assert run(["status", "ball", "--out", str(planned.folder), "--json"]) == 0
    assert [row["state"] for row in json.loads(capfd.readouterr().out) if row["stage"] == "basis"] == ["done"]
    assert not cortical_basis(planned, sources=60).reused


def test_without_a_plan_or_a_cortex_there_is_no_basis(planned, tmp_path, capfd):
    assert run(["basis", "nobody", "--out", str(tmp_path / "nobody")]) == 2
    assert "there is no plan of nobody yet" in capfd.readouterr().err
    assert not (tmp_path / "nobody").exists()
    assert run(["basis", "ball", "--out", str(planned.folder), "--sources", "0"]) == 2
    assert "1 to 2000 sources" in capfd.readouterr().err
    (planned.folder / "lh.central.surf.gii").unlink()
    assert run(["basis", "ball", "--out", str(planned.folder)]) == 2
    assert "ball has no cortical surfaces" in capfd.readouterr().err


def test_thinning_keeps_the_shape_and_the_sides():
    cortex = Cortex(sheet(-1), sheet(1), "made up")
    head = layered_ball(9.0, tuple(SMALL))
    thin, rows = cortical_rows(cortex, head, 600)
    assert 500 < len(rows.points_mm) < 700
    assert np.abs(np.linalg.norm(thin.whole.points_mm, axis=1) - MID_MM * 0.6).max() < 1.5
    assert thin.left.points_mm[:, 0].max() < 0.5 < 1 and (thin.whole.normals * thin.whole.points_mm).sum(1).min() > 0
    assert Scalp.of(head).signed_distance_mm(rows.points_mm).max() < -5
