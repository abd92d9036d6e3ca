"""The electric field of a coil in a head: E = −∇φ − ∂A/∂t at the centroid of every tetrahedron."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from meshes import HeadMesh
from meshes.choices import one_of
from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.coils.fields import vector_potential
from targeting.fem import HeadConductor
from targeting.fem.assembly import ElementField, corner_means
from targeting.fem.conductor import RECOVERIES, Recovery
from targeting.pose import Pose

log = logging.getLogger(__name__)

DIDT_A_PER_S = 1e6  # 1 A/µs; fields scale linearly with it


@dataclass(frozen=True, eq=False)
class TmsField(ElementField):
    """The field of one coil pose.

    Parameters
    ----------
    head : HeadMesh
    e_v_per_m : (M, 3) float64
        E in every tetrahedron, RAS components, in the mesh's order.
    didt_a_per_s : float
        The rate of change of the coil current it belongs to.
    """

    didt_a_per_s: float


def primary_field(coil: Coil, pose: Pose, points_mm: NDArray[np.float64], didt_a_per_s: float) -> NDArray[np.float64]:
    """∂A/∂t of a coil at world points, (n, 3) V/m.

    Parameters
    ----------
    coil : Coil
    pose : Pose
    points_mm : (n, 3)
        RAS mm.
    didt_a_per_s : float
        Rate of change of the coil current, A/s.
    """
    inverse = pose.inverse_mm()
    local_mm = points_mm @ inverse[:3, :3].T + inverse[:3, 3]
    return didt_a_per_s * vector_potential(coil, local_mm) @ pose.matrix_mm[:3, :3].T


def simulate_tms(
    head: HeadMesh | HeadConductor,
    coil: Coil,
    pose: Pose,
    didt_a_per_s: float = DIDT_A_PER_S,
    conductivity_s_per_m: Mapping[str, float] | None = None,
    recovery: Recovery = "patch",
) -> TmsField:
    """The field of one coil pose.

    Parameters
    ----------
    head : HeadMesh or HeadConductor
        A conductor keeps its factorisation for the next call; one made by :meth:`~targeting.fem.HeadConductor.near` has
        elements of second order near a place.
    coil : Coil
    pose : Pose
        Coil → world, RAS mm.
    didt_a_per_s : float
        Rate of change of the coil current.
    conductivity_s_per_m : mapping, optional
        Overrides by tissue name (with a HeadMesh).
    recovery : {"patch", "none"}
        ∇φ recovered inside each tissue where elements are of first order (benchmarks/accuracy.py tells what that
        gains), or first-order elements' own everywhere, one vector a tetrahedron, with ∂A/∂t linear between the nodes:
        SimNIBS' discretisation.

    Raises
    ------
    InputError
        For an impossible dI/dt, an unknown tissue or recovery, or conductivities given beside a conductor.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes import HeadMesh
    >>> from targeting import Coil, Pose, simulate_tms
    >>> tetrahedron = HeadMesh(50 * np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]], [5])
    >>> above = Pose([[-1, 0, 0, 10], [0, 1, 0, 10], [0, 0, -1, 80], [0, 0, 0, 1]])
    >>> simulate_tms(tetrahedron, Coil.named("figure8-70mm"), above).e_v_per_m.shape
    (1, 3)
    """
    return simulate_many(head, coil, [pose], didt_a_per_s, conductivity_s_per_m, recovery)[0]


def simulate_many(
    head: HeadMesh | HeadConductor,
    coil: Coil,
    poses: Sequence[Pose],
    didt_a_per_s: float = DIDT_A_PER_S,
    conductivity_s_per_m: Mapping[str, float] | None = None,
    recovery: Recovery = "patch",
) -> list[TmsField]:
    """The fields of several poses, with one set-up of the solver.

    Parameters
    ----------
    head : HeadMesh or HeadConductor
    coil : Coil
    poses : sequence of Pose
    didt_a_per_s : float
        Rate of change of the coil current, A/s.
    conductivity_s_per_m : mapping, optional
        Overrides of the table, by tissue name.
    recovery : {"patch", "none"}
        How the gradient is taken from φ.
    """
    if not np.isfinite(didt_a_per_s):
        raise InputError(f"dI/dt must be a finite number of A/s, not {didt_a_per_s}")
    conductor = as_conductor(head, conductivity_s_per_m)
    log.info("dA/dt of %s for %d tetrahedra, %d pose(s)", coil.name, len(conductor.head.tets), len(poses))

    sources = [partial(primary_field, coil, pose, didt_a_per_s=didt_a_per_s) for pose in poses]
    if one_of(recovery, RECOVERIES, "recovery") == "patch":
        fields = conductor.coil_fields(sources)
    else:  # ∂A/∂t linear between the nodes, as SimNIBS takes it, so that plain fields are the same to rounding
        head = conductor.head
        da_dt = np.stack([corner_means(head.tets, each(head.points_mm)) for each in sources])
        fields = conductor.induced_field(da_dt, recovery)
    return [TmsField(conductor.head, e, float(didt_a_per_s)) for e in fields]


def as_conductor(
    head: HeadMesh | HeadConductor, conductivity_s_per_m: Mapping[str, float] | None = None
) -> HeadConductor:
    """The conductor of a mesh, or the one given."""
    if isinstance(head, HeadMesh):
        return HeadConductor(head, conductivity_s_per_m)
    if conductivity_s_per_m:
        raise InputError("give the conductivities when the HeadConductor is made, not beside it")
    return head
