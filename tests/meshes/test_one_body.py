"""A head that falls into pieces or has holes is told; doubled nodes are joined; electrodes are told from what is inside."""

from collections.abc import Iterable

import numpy as np
import pytest
from heads import layered_ball

from meshes import HeadMesh, InputError
from meshes.formats.head_folder import read_head
from meshes.one_body import (
    check_no_holes,
    check_one_piece,
    faults,
    holes,
    pieces,
    with_joined_nodes,
    without_electrodes,
)
from meshes.quality import check_mesh
from targeting.fem import HeadConductor

BALL = layered_ball(8.0, (1.0, 1.1, 0.95))


def apart(mesh: HeadMesh, outer: np.ndarray, common: Iterable[int] = ()) -> HeadMesh:
    """The mesh with some tetrahedra, (M,) bool, given nodes of their own, but for those that stay common."""
    tets = mesh.tets.copy()
    own = outer[:, None] & ~np.isin(tets, list(common))
    tets[own] += len(mesh.points_mm)
    used = np.zeros(2 * len(mesh.points_mm), bool)
    used[tets] = True
    return HeadMesh(np.vstack([mesh.points_mm] * 2)[used], (np.cumsum(used) - 1)[tets], mesh.tissue)


@pytest.mark.parametrize(
    ("outer", "names"),
    [
        (BALL.tissue == 5, ("scalp",)),
        (BALL.tissue >= 3, ("CSF", "skull", "scalp")),
        (BALL.tissue == 1, ("white matter",)),
    ],
)
def test_tissues_with_nodes_of_their_own_are_pieces_and_are_joined(tmp_path, outer, names):
    cut = apart(BALL, outer)
    assert {piece.tissues for piece in pieces(cut)} >= {names}
    with pytest.raises(InputError, match=r"2 pieces that share no node: .*no current passes"):
        check_one_piece(cut, "the head")
    with pytest.raises(InputError, match="2 pieces"):
        HeadConductor(cut)
    assert any("stand twice" in line for line in faults(cut))
    assert any("2 pieces" in line for line in check_mesh(cut).failures())
    cut.write(tmp_path / "cut.msh")
    found = read_head(tmp_path / "cut.msh")
    joined = found.mesh
    assert "nodes stood twice at one place" in found.doubts[0] and found.doubts[0].startswith("cut.msh: ")
    assert (len(joined.points_mm), len(pieces(joined))) == (len(BALL.points_mm), 1)
    assert joined.volumes_mm3.sum() == pytest.approx(BALL.volumes_mm3.sum())


def test_a_slit_over_a_part_of_an_interface_is_joined():
    """One piece still, so counting pieces would miss it."""
    scalp, above = BALL.tissue == 5, BALL.centroids_mm[:, 2] > 20
    slit = apart(BALL, scalp & above, common=np.unique(BALL.tets[scalp & ~above]))
    assert len(pieces(slit)) == 1 < len(slit.points_mm) - len(BALL.points_mm)
    assert len(with_joined_nodes(slit).points_mm) == len(BALL.points_mm)
    assert with_joined_nodes(BALL) is BALL


def test_nodes_that_rounding_moved_apart_are_joined(tmp_path):
    """Two parts written with different digits: some of the doubled nodes are equal, others a fraction of a micron apart."""
    cut = apart(BALL, BALL.tissue == 5)
    of_scalp = np.unique(cut.tets[cut.tissue == 5])
    points = cut.points_mm.copy()
    points[of_scalp] += np.random.default_rng(0).uniform(-2e-4, 2e-4, (len(of_scalp), 3))
    joined = with_joined_nodes(HeadMesh(points, cut.tets, cut.tissue))
    assert (len(joined.points_mm), len(pieces(joined))) == (len(BALL.points_mm), 1)


def test_what_does_not_touch_is_refused_whatever_is_joined(tmp_path):
    shrunk = apart(BALL, BALL.tissue == 5)
    of_scalp = np.zeros(len(shrunk.points_mm), bool)
    of_scalp[shrunk.tets[shrunk.tissue == 5]] = True
    points = shrunk.points_mm.copy()
    points[of_scalp] *= 1.01  # a gap of 0.8 mm
    HeadMesh(points, shrunk.tets, shrunk.tissue).write(tmp_path / "gap.msh")
    with pytest.raises(InputError, match=r"gap\.msh is in 2 pieces that share no node"):
        read_head(tmp_path / "gap.msh")


def test_dust_is_left_out(tmp_path):
    n = len(BALL.points_mm)
    dust = np.array([[0, 0, 130.0], [3, 0, 130], [0, 3, 130], [0, 0, 133]])
    HeadMesh(
        np.vstack([BALL.points_mm, dust]), np.vstack([BALL.tets, np.arange(n, n + 4)]), np.append(BALL.tissue, 5)
    ).write(tmp_path / "dusty.msh")
    found = read_head(tmp_path / "dusty.msh")
    assert (len(found.mesh.tets), len(found.mesh.points_mm)) == (len(BALL.tets), n)
    assert "1 tetrahedra in specks" in found.doubts[0]


@pytest.mark.parametrize("code", [100, 500, 1200])
@pytest.mark.parametrize(
    ("low", "high", "where"), [(0, 40, "the brain"), (62, 72, "the brain"), (84, 92, "skull and scalp")]
)
def test_a_code_of_electrodes_inside_the_head_is_no_electrode(code, low, high, where):
    radius = np.linalg.norm(BALL.centroids_mm / [1.0, 1.1, 0.95], axis=1)
    spot = (radius > low) & (radius < high) & (BALL.centroids_mm @ [0.6, 0, 0.8] > 0.8 * radius)
    if low > 80:  # under the skin: it touches bone
        spot &= BALL.tissue == 5
    tissue = np.where(spot, code, BALL.tissue)
    with pytest.raises(InputError, match=rf"code {code} lies inside {where} \({spot.sum()} tetrahedra\)"):
        without_electrodes(HeadMesh(BALL.points_mm, BALL.tets, tissue), "lead.msh")


def test_a_hole_in_the_brain_is_refused_and_one_in_the_skull_is_not():
    def without(center_mm, radius_mm):
        keep = np.linalg.norm(BALL.centroids_mm - center_mm, axis=1) > radius_mm
        return HeadMesh(BALL.points_mm, BALL.tets[keep], BALL.tissue[keep])

    hollow = without([30, 10, 0], 18)
    (found,) = holes(hollow)
    lost = BALL.volumes_mm3.sum() - hollow.volumes_mm3.sum()
    assert found.volume_mm3 == pytest.approx(lost, rel=1e-9)
    with pytest.raises(InputError, match=r"hole of .* cm³ inside white matter"):
        check_no_holes(hollow, "hollow.msh")
    keep = ~((BALL.tissue == 4) & (BALL.centroids_mm[:, 1] > 60))  # a sinus: air between bone, CSF and scalp
    assert holes(HeadMesh(BALL.points_mm, BALL.tets[keep], BALL.tissue[keep])) == ()


def test_tissues_of_the_peer_up_to_fat_conduct(tmp_path):
    fat = np.where((BALL.tissue == 5) & (np.arange(len(BALL.tets)) % 4 == 0), 12, BALL.tissue)
    fat = np.where((BALL.tissue == 5) & (np.arange(len(BALL.tets)) % 9 == 1), 11, fat)
    HeadMesh(BALL.points_mm, BALL.tets, fat).write(tmp_path / "fat.msh")
    conductor = HeadConductor(read_head(tmp_path / "fat.msh").mesh)
    assert conductor.sigma_s_per_m[fat == 12] == pytest.approx(0.078)
    assert conductor.sigma_s_per_m[fat == 11] == pytest.approx(0.88)
    with pytest.raises(InputError, match=r"\[13\].*12 fat"):
        HeadMesh(BALL.points_mm, BALL.tets, np.where(fat == 12, 13, fat)).write(tmp_path / "odd.msh")
        read_head(tmp_path / "odd.msh")
