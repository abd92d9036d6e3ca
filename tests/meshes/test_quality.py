"""The mesh check against meshes whose answer is known."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from heads import RADII_MM, ball_tissues, fibonacci_sphere, layered_ball
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from meshes import HeadMesh, Tissues
from meshes.field_interfaces import FieldInterfaces
from meshes.quality import check_mesh, dihedral_range_deg
from meshes.topology import face_table, surface_topology, tissue_pieces

CUBE = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], float)
# Kuhn's six: 0 → a step along each axis in turn → 7
SIX = np.array([[0, 1 << a, (1 << a) + (1 << b), 7] for a, b, _ in permutations(range(3))])
FIVE = np.array([[0, 1, 2, 4], [3, 1, 7, 2], [5, 1, 4, 7], [6, 2, 7, 4], [1, 2, 4, 7]])


def oriented(points: NDArray, tets: NDArray) -> NDArray:
    a, b, c, d = (points[tets[:, i]] for i in range(4))
    flip = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) < 0
    out = tets.copy()
    out[flip] = tets[flip][:, [0, 2, 1, 3]]
    return out


def cubes(
    *corners: tuple[int, int, int], tissue: tuple[int, ...] = (5,), parts: NDArray = SIX, mm: float = 10.0
) -> HeadMesh:
    """Cubes of ``mm`` at these corners, sharing the nodes that coincide."""
    points = np.concatenate([CUBE + corner for corner in corners])
    unique, index = np.unique(points, axis=0, return_inverse=True)
    tets = np.concatenate([index.ravel()[parts + 8 * i] for i in range(len(corners))])
    codes = np.repeat(np.resize(tissue, len(corners)), len(parts))
    return HeadMesh(mm * unique, oriented(unique, tets), codes)


HALF = 0.5  # a head of half the size has an eighth of the 0.5 mm cells
RADII = {code: HALF * radius for code, radius in RADII_MM.items()}


@pytest.fixture(scope="module")
def ball() -> HeadMesh:
    return layered_ball(6.0, (HALF,) * 3)


@pytest.fixture(scope="module")
def fields() -> Tissues:
    whole = ball_tissues((2.0, 2.0, 2.0))
    return Tissues(whole.fields, np.diag([HALF] * 3 + [1]) @ whole.affine_mm)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [SIX, FIVE], ids=["six", "five"])
def test_a_cube_has_its_volume_area_and_contacts(parts: NDArray) -> None:
    report = check_mesh(cubes((0, 0, 0), (1, 0, 0), tissue=(4, 5)))
    assert [t.volume_mm3 for t in report.tissues] == pytest.approx([1000, 1000])
    assert report.contacts_cm2 == pytest.approx({"outside–skull": 5.0, "outside–scalp": 5.0, "skull–scalp": 1.0})
    alone = check_mesh(cubes((0, 0, 0), parts=parts))
    assert (alone.inverted_tets, alone.unused_nodes, alone.crowded_faces, alone.nodes) == (0, 0, 0, 8)
    (scalp,) = alone.interfaces
    assert (scalp.name, scalp.faces, scalp.area_cm2, scalp.euler) == ("scalp", 12, pytest.approx(6.0), 2)
    assert (scalp.bad_edges, scalp.bad_nodes) == (0, 0)


@pytest.mark.slow
def test_dihedral_angles_of_known_tetrahedra() -> None:
    corner = HeadMesh(np.vstack([np.zeros(3), np.eye(3)]), np.array([[0, 1, 2, 3]]), np.array([5]))
    low, high = dihedral_range_deg(corner)
    assert low[0] == pytest.approx(np.degrees(np.arccos(1 / np.sqrt(3)))) and high[0] == pytest.approx(90)
    shape = check_mesh(cubes((0, 0, 0))).shape  # Kuhn's tetrahedra: 45°, 60°, 90°
    assert (shape.min_deg, shape.max_deg, shape.median_min_deg) == pytest.approx((45, 90, 45))
    assert (shape.pct_below_5, shape.pct_below_20) == (0, 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=12, max_size=12), st.floats(0.1, 50))
def test_dihedral_angles_do_not_depend_on_node_order_or_size(numbers: list[float], scale: float) -> None:
    points = np.array(numbers).reshape(4, 3)
    if abs(np.linalg.det(points[1:] - points[0])) < 1e-3:
        return
    orders = np.array(list(permutations(range(4))))
    low, high = dihedral_range_deg(HeadMesh(scale * points, orders, np.full(len(orders), 5)))
    normals = [
        np.cross(points[b] - points[a], points[c] - points[a])
        for a, b, c in ([1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2])
    ]
    outward = [
        n / np.linalg.norm(n) * (1 if n @ (points[i] - points[(i + 1) % 4]) < 0 else -1) for i, n in enumerate(normals)
    ]
    angles = [180 - np.degrees(np.arccos(np.clip(outward[i] @ outward[j], -1, 1))) for i in range(4) for j in range(i)]
    np.testing.assert_allclose(low, min(angles), atol=1e-4)
    np.testing.assert_allclose(high, max(angles), atol=1e-4)


def test_inverted_flat_and_unused_are_counted() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [9, 9, 9]], float)
    tets = np.array([[0, 1, 2, 3], [1, 4, 2, 3], [0, 1, 4, 2]])
    tets[1] = tets[1][[1, 0, 2, 3]]  # turned inside out; the third is flat
    report = check_mesh(HeadMesh(points, tets, np.full(3, 5)))
    assert (report.inverted_tets, report.unused_nodes) == (2, 1)
    assert report.shape.min_deg == 0 and report.shape.max_deg == 180
    assert {"2 tetrahedra have no volume or are inverted", "1 nodes belong to no tetrahedron"} <= set(report.failures())


def test_cubes_that_share_an_edge_are_not_manifold_there() -> None:
    (scalp,) = check_mesh(cubes((0, 0, 0), (1, 1, 0))).interfaces
    # one edge of four faces; at its two nodes the fans are joined by it
    assert (scalp.bad_edges, scalp.bad_nodes) == (1, 0)
    assert any("non-manifold" in line for line in check_mesh(cubes((0, 0, 0), (1, 1, 0))).failures())


def test_cubes_that_share_a_node_are_not_manifold_there() -> None:
    (scalp,) = check_mesh(cubes((0, 0, 0), (1, 1, 1))).interfaces
    assert (scalp.bad_edges, scalp.bad_nodes, scalp.euler) == (0, 1, 3)


def test_cubes_that_share_a_face_are_manifold_and_one_piece() -> None:
    report = check_mesh(cubes((0, 0, 0), (1, 0, 0)))
    assert (report.interfaces[0].bad_edges, report.interfaces[0].bad_nodes, report.interfaces[0].euler) == (0, 0, 2)
    assert (report.tissues[0].pieces, report.tissues[0].specks) == (1, 1)  # 12 tetrahedra are a speck


def test_a_ring_of_cubes_has_euler_number_zero() -> None:
    ring = [(x, y, 0) for x in range(3) for y in range(3) if (x, y) != (1, 1)]
    (scalp,) = check_mesh(cubes(*ring)).interfaces
    assert (scalp.bad_edges, scalp.bad_nodes, scalp.euler) == (0, 0, 0)


def test_three_tetrahedra_on_one_face_are_crowded() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1], [1, 1, 1]], float)
    tets = oriented(points, np.array([[0, 1, 2, 3], [0, 1, 2, 4], [0, 1, 2, 5]]))
    table = face_table(tets.astype(np.int32), 6)
    assert table.crowded == 1 and len(table.nodes) == 9


def test_face_table_agrees_with_the_heads_own_boundary(ball: HeadMesh) -> None:
    table = face_table(ball.tets, len(ball.points_mm))
    for group in ((1,), (1, 2, 3), (1, 2, 3, 4, 5)):
        inside = np.isin(ball.tissue, group)
        one, other = inside[table.first], (table.second >= 0) & inside[table.second]
        mine = {tuple(sorted(f)) for f in table.nodes[one != other].tolist()}
        assert mine == {tuple(sorted(f)) for f in ball.boundary(group).tolist()}
    outer = ball.points_mm[table.nodes[table.second < 0]]
    outward = np.einsum("ij,ij->i", np.cross(outer[:, 1] - outer[:, 0], outer[:, 2] - outer[:, 0]), outer.mean(1))
    assert (outward > 0).all()


def test_pieces_and_specks_are_counted() -> None:
    mesh = cubes((0, 0, 0), (3, 0, 0), (3, 0, 1), (1, 0, 0), tissue=(6, 5, 5, 5))
    report = {t.name: t for t in check_mesh(mesh).tissues}
    assert (report["eyes"].pieces, report["scalp"].pieces) == (1, 2)
    piece = tissue_pieces(mesh.tissue, face_table(mesh.tets, len(mesh.points_mm)))
    assert len(np.unique(piece)) == 3 and (piece == piece[piece]).all()


def test_a_layered_ball_is_sound(ball: HeadMesh) -> None:
    report = check_mesh(ball)
    assert set(report.forbidden_cm2.values()) == {0.0}
    assert [i.name for i in report.interfaces] == ["white", "pial", "CSF", "skull", "scalp"]
    for interface, radius in zip(report.interfaces, RADII.values(), strict=True):
        sphere_cm2 = 4 * np.pi * radius**2 / 100
        assert 0.99 * sphere_cm2 < interface.area_cm2 < sphere_cm2
        assert (interface.bad_edges, interface.bad_nodes, interface.euler) == (0, 0, 2)
    assert all((t.pieces, t.specks, t.bad_edges, t.bad_nodes) == (1, 0, 0, 0) for t in report.tissues)
    assert report.interfaces[0].field_area_cm2 is None


def test_a_planted_contact_of_brain_and_scalp_is_reported(ball: HeadMesh) -> None:
    window = (ball.centroids_mm[:, 0] > 0) & (np.linalg.norm(ball.centroids_mm[:, 1:], axis=1) < 8)
    tissue = np.where(window & np.isin(ball.tissue, (3, 4)), 5, ball.tissue)  # scalp reaches through to the brain
    report = check_mesh(HeadMesh(ball.points_mm, ball.tets, tissue))
    assert report.forbidden_cm2["brain–scalp"] == pytest.approx(report.contacts_cm2["grey matter–scalp"])
    assert report.forbidden_cm2["brain–scalp"] > 0.5 and report.forbidden_cm2["CSF–scalp"] > 0
    assert report.forbidden_cm2["brain–skull"] == report.forbidden_cm2["brain–outside"] == 0
    assert any(line.startswith("brain–scalp contact") for line in report.failures())
    without = check_mesh(HeadMesh(ball.points_mm, ball.tets[ball.tissue < 3], ball.tissue[ball.tissue < 3]))
    assert without.forbidden_cm2["brain–outside"] == pytest.approx(without.interfaces[-1].area_cm2)


def test_codes_of_other_programs_are_understood() -> None:
    """SimNIBS: 7 and 8 are skull, 10 is muscle, from 100 on electrodes outside the head."""
    report = check_mesh(cubes((0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0), tissue=(2, 8, 10, 501)))
    assert report.contacts_cm2["spongy bone–muscle"] == pytest.approx(1.0)
    assert report.forbidden_cm2["brain–skull"] == pytest.approx(1.0)
    assert {t.name for t in report.tissues} == {"grey matter", "spongy bone", "muscle", "code 501"}
    areas = {i.name: i.area_cm2 for i in report.interfaces}
    assert areas["skull"] == pytest.approx(10.0) and areas["scalp"] == pytest.approx(14.0)


def test_a_sphere_of_another_program_is_measured() -> None:
    path = Path(__file__).resolve().parents[3] / "shared" / "peer" / "sphere" / "sphere3.msh"
    if not path.exists():
        pytest.skip(f"the peer's sphere mesh is not there: {path}")
    report = check_mesh(HeadMesh.read(path))
    assert [(i.name, i.bad_edges, i.bad_nodes, i.euler) for i in report.interfaces] == [
        ("CSF", 0, 0, 2),
        ("skull", 0, 0, 2),
        ("scalp", 0, 0, 2),
    ]
    for interface, radius in zip(report.interfaces, (85, 90, 95), strict=True):
        assert interface.area_cm2 == pytest.approx(4 * np.pi * radius**2 / 100, rel=0.03)
    assert report.inverted_tets == 0 and max(report.forbidden_cm2.values()) == 0


def test_the_report_travels_as_json_and_as_text(ball: HeadMesh) -> None:
    report = check_mesh(ball)
    assert json.loads(json.dumps(report.as_dict()))["tissues"][4]["name"] == "scalp"
    assert report.as_dict()["failures"] == report.failures()
    for word in ("white matter", "forbidden contacts: none", str(len(ball.tets)), "Euler"):
        assert word in report.table()


@pytest.mark.slow
@pytest.mark.parametrize(
    "affine", [np.eye(4), np.array([[0, -1.0, 0, 30], [0, 0, 1, -10], [-1, 0, 0, 5], [0, 0, 0, 1]])]
)
def test_distances_and_areas_of_a_ball_in_any_axis_order(fields: Tissues, affine: NDArray) -> None:
    interfaces = FieldInterfaces.of(Tissues(fields.fields, affine))
    middle = affine[:3, :3] @ ((np.array(fields.labels.shape) - 1) / 2) + affine[:3, 3]
    directions = fibonacci_sphere(500)
    for offset in (-0.3, 0.0, 0.3, 0.8):
        for code, group in ((4, (1, 2, 3, 4)), (5, range(1, 6))):
            points = middle + (RADII[code] + offset) * directions
            for distance in (interfaces.distance_to_any_mm(points), interfaces.distance_to_group_mm(points, group)):
                assert np.abs(distance - abs(offset)).max() < 0.08  # the spline of the voxels wavers itself
                assert abs(distance.mean() - abs(offset)) < 0.03
    points = (
        middle + (RADII[2] + 0.4) * directions
    )  # between grey matter and the skull: not the nearest may be asked for
    assert np.abs(interfaces.distance_to_group_mm(points, (1, 2, 3)) - 1.6).max() < 0.15
    assert np.abs(interfaces.distance_to_any_mm(points) - 0.4).max() < 0.08
    far = middle + (RADII[5] + 9) * directions
    assert interfaces.distance_to_any_mm(far) == pytest.approx(4.0)  # as far as is looked
    for code, group in ((1, (1,)), (3, (1, 2, 3)), (5, range(1, 6))):
        assert interfaces.area_mm2(group) == pytest.approx(4 * np.pi * RADII[code] ** 2, rel=0.005)
    assert interfaces.area_mm2((6,)) == 0


@pytest.mark.slow
def test_anisotropic_voxels_are_measured_in_millimetres() -> None:
    interfaces = FieldInterfaces.of(ball_tissues((1.5, 2.0, 3.0), sigma_mm=1.5))
    points = (RADII_MM[5] + 0.4) * fibonacci_sphere(500)
    distance = interfaces.distance_to_group_mm(points, range(1, 6))
    assert abs(distance.mean() - 0.4) < 0.05 and np.abs(distance - 0.4).max() < 0.25
    assert interfaces.area_mm2(range(1, 6), 1.0) == pytest.approx(4 * np.pi * RADII_MM[5] ** 2, rel=0.01)


def test_the_shortcut_of_the_area_grid_changes_nothing(fields: Tissues, monkeypatch: pytest.MonkeyPatch) -> None:
    import meshes.field_interfaces as module

    rng = np.random.default_rng(4)
    noisy = np.abs(fields.fields[20:50, 30:60, 35:65] + rng.normal(0, 0.2, (30, 30, 30, 7)).astype(np.float32))
    interfaces = FieldInterfaces.of(Tissues(noisy, np.diag([1.0, 1.3, 0.8, 1])))
    quick = interfaces.area_mm2((1, 2), 0.5)
    monkeypatch.setattr(module, "_all_around", lambda bits, radius: np.zeros_like(bits))
    assert interfaces.area_mm2((1, 2), 0.5) == pytest.approx(quick, rel=1e-6)


def test_a_head_that_reaches_the_images_border_ends_there() -> None:
    fields = np.zeros((20, 20, 20, 7), np.float32)
    fields[..., 5] = 1
    padded = np.zeros((40, 40, 40, 7), np.float32)
    padded[..., 0] = 1
    padded[10:30, 10:30, 10:30] = fields
    cut = FieldInterfaces.of(Tissues(fields, np.eye(4)))
    assert cut.area_mm2((5,)) == FieldInterfaces.of(Tissues(padded, np.eye(4))).area_mm2((5,))
    assert 0.94 * 6 * 20**2 < cut.area_mm2((5,)) < 6 * 20**2  # the spline rounds the edges off
    assert cut.distance_to_any_mm(np.array([[10.0, 10, -0.5], [10, 10, 0]])) == pytest.approx([0, 0.5], abs=0.02)


def test_a_walk_that_goes_astray_is_corrected_by_rays() -> None:
    """At the bottom of a thin, weak layer the gradient vanishes; the tissue still changes a millimetre away."""
    fields = np.zeros((30, 30, 30, 7), np.float32)
    fields[..., 5] = 0.5
    fields[13:16, ..., 4] = 0.6  # symmetric about x = 14
    interfaces = FieldInterfaces.of(Tissues(fields, np.eye(4)))
    points = np.c_[np.full(50, 14.0), np.random.default_rng(1).uniform(12, 18, (50, 2))]
    for distance in (interfaces.distance_to_any_mm(points), interfaces.distance_to_group_mm(points, (4,))):
        assert distance.max() < 2 and distance.min() > 0.5


@pytest.mark.slow
def test_a_ball_against_its_fields(ball: HeadMesh, fields: Tissues) -> None:
    report = check_mesh(ball, fields)
    for tissue in report.tissues:
        assert tissue.volume_error_pct is not None and abs(tissue.volume_error_pct) < 1.5
    for interface, (code, radius) in zip(report.interfaces, RADII.items(), strict=True):
        assert interface.field_area_cm2 == pytest.approx(4 * np.pi * radius**2 / 100, rel=0.005)
        assert interface.node_mm is not None and interface.node_mm < 0.03 and interface.nodes_off == 0
        assert interface.own_nodes_off == 0
        corners = ball.points_mm[ball.boundary(range(1, code + 1))]
        depth = radius - np.linalg.norm(corners.mean(1), axis=1)
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        middle_mm = np.average(depth, weights=area)
        assert interface.face_mm == pytest.approx(middle_mm, abs=0.01)
        # a triangle with its corners on a sphere is on average 3/4 as deep as in its middle
        assert interface.own_mm == pytest.approx(0.75 * middle_mm, abs=0.015)
        assert interface.face_p99_mm is not None and interface.face_p99_mm > middle_mm


@pytest.mark.slow
def test_a_displaced_mesh_is_found_out(ball: HeadMesh, fields: Tissues) -> None:
    report = check_mesh(HeadMesh(ball.points_mm * 1.013, ball.tets, ball.tissue), fields)
    scalp = report.interfaces[-1]
    assert scalp.nodes_off == scalp.own_nodes_off == scalp.faces // 2 + 2  # V of a triangulated sphere
    assert scalp.node_mm == pytest.approx(0.013 * RADII[5], abs=0.03)
    text = "\n".join(report.failures())
    assert "scalp interface: faces" in text and "volume" in text and "nodes over 0.5 mm off" in text


def test_an_empty_surface_is_no_surface() -> None:
    empty = surface_topology(np.zeros((0, 3), int))
    assert (empty.faces, empty.euler, empty.manifold) == (0, 0, True)
