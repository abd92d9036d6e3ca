"""The peer's own E, tetrahedron by tetrahedron: our plain first-order field is the same discretisation.

Measured: tDCS through two nodes 3e-8, the D70 coil 3e-8 and the double cone 2e-5 (the peer sums its 2,000 dipoles by a
multipole method of tolerance 1e-3) relative L2, in every tissue alike.
"""

from pathlib import Path

import numpy as np
import pytest

from meshes import HeadMesh
from targeting import Coil, Pose
from targeting.fem import HeadConductor
from targeting.tms import simulate_tms

PEER = Path(__file__).parents[4] / "shared" / "peer"
SPHERE = PEER / "sphere"
pytestmark = pytest.mark.skipif(
    not SPHERE.is_dir(), reason="the peer's sphere and its fields (../shared/peer/sphere) are not here"
)


@pytest.fixture(scope="module")
def sphere() -> HeadConductor:
    return HeadConductor(HeadMesh.read(SPHERE / "sphere3.msh"))


def off_by_tissue(head: HeadMesh, ours: np.ndarray, theirs: np.ndarray) -> dict[int, float]:
    """Relative L2 difference over all elements of each tissue, weighed by volume."""
    off = {}
    for code in np.unique(head.tissue):
        inside = head.tissue == code
        volume = head.volumes_mm3[inside, None]
        gap = (volume * (ours[inside] - theirs[inside]) ** 2).sum()
        off[int(code)] = float(np.sqrt(gap / (volume * theirs[inside] ** 2).sum()))
    return off


@pytest.mark.parametrize(
    ("field", "coil", "tolerance"),
    [("tms_d70.npz", "MagStim_D70.ccd", 1e-6), ("tms_dcc.npz", "MagStim_DCC.ccd", 1e-4)],
)
def test_tms_is_the_peers(sphere: HeadConductor, field: str, coil: str, tolerance: float) -> None:
    with np.load(SPHERE / field) as peer:
        np.testing.assert_array_equal(sphere.head.tissue, peer["tissue"])
        e = simulate_tms(
            sphere,
            Coil.read(PEER / "coils" / coil),
            Pose(peer["pose_mm"]),
            float(peer["didt_a_per_s"]),
            recovery="none",
        ).e_v_per_m
        off = off_by_tissue(sphere.head, e, peer["e_v_per_m"].astype(np.float64))
    assert set(off) == {3, 4, 5}
    assert max(off.values()) < tolerance, off
    assert max(off_by_tissue(sphere.head, e * [-1, 1, 1], e).values()) > 0.1  # a mirrored field would be seen


def test_tes_between_two_nodes_is_the_peers(sphere: HeadConductor) -> None:
    with np.load(SPHERE / "tes_point.npz") as peer:
        currents_a = np.zeros(len(sphere.head.points_mm))
        currents_a[int(peer["anode_node_0based"])] = peer["current_a"]
        currents_a[int(peer["cathode_node_0based"])] = -peer["current_a"]
        e = -sphere.gradient(sphere.potential(currents_a))
        off = off_by_tissue(sphere.head, e, peer["e_v_per_m"].astype(np.float64))
    assert max(off.values()) < 1e-6, off


@pytest.mark.parametrize("name", ["Magstim_70mm_Fig8.nii.gz", "Brainsway_H7.tcd"])
def test_other_kinds_of_coil_differ_from_the_peers_reading_by_less_than_a_hundredth(
    sphere: HeadConductor, name: str
) -> None:
    """The peer interpolates a grid linearly, we by splines; a wire piece acts at its point in both."""
    from scipy.ndimage import map_coordinates

    from targeting.coils import PotentialGrid, vector_potential

    pose = Pose([[-1, 0, 0, 12], [0, 1, 0, 9], [0, 0, -1, 99], [0, 0, 0, 1]])
    coil = Coil.read(PEER / "coils" / name)
    inverse = pose.inverse_mm()
    local = sphere.head.points_mm @ inverse[:3, :3].T + inverse[:3, 3]
    a = np.zeros_like(local)
    for source in coil.sources:
        if isinstance(source, PotentialGrid):
            to_index = np.linalg.inv(source.affine_mm)
            index = (local @ to_index[:3, :3].T + to_index[:3, 3]).T
            a += np.stack([map_coordinates(source.a_t_m[..., i], index, order=1) for i in range(3)], axis=1)
        else:
            a += vector_potential(source, local)
    at_nodes = 1e6 * a @ pose.matrix_mm[:3, :3].T
    theirs = sphere.induced_field(at_nodes[sphere.head.tets].mean(axis=1), recovery="none")
    ours = simulate_tms(sphere, coil, pose, 1e6, recovery="none").e_v_per_m
    off = off_by_tissue(sphere.head, ours, theirs)
    assert max(off.values()) < 0.01, off
