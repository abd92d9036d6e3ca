r"""DoseMap: the field at one target for any coil at any place, by reciprocity.

Three reciprocal solves give the currents J_d that a unit current dipole spread over the target drives through the head,
d = x, y, z.  The target's mean field is then a sum over the coil, not over the head: for magnetic dipoles m_k at r_k, and
for wire pieces l_k,

    ⟨E_d⟩ = −dI/dt Σ_k m_k · B_d(r_k),        ⟨E_d⟩ = −dI/dt Σ_k l_k · A_d(r_k),

with B_d and A_d the magnetic field and the vector potential of J_d outside the head (:class:`Convolution`).  Both are the
forward solve's value on the same mesh, up to the grid's interpolation.  A coil given as a sampled A is summed over the
grid's nodes instead, and a coil part beyond the grid over the same currents on fewer nodes.

*The grid.*  The magnetic field of many current moments, everywhere outside the head, comes from one regular grid.  Moments
J_e (A·m, at points r_e) are spread onto grid nodes with cubic Lagrange weights, which keep every polynomial moment up to
degree three, so that a few millimetres away the nodes' field is the moments' field.  A sum over nodes of a kernel of the
distance is a convolution, done by FFT:

    A(r) = 1e-7 Σ J/|r − r'|,        B(r) = ∇ × A = 1e-7 Σ J × (r − r')/|r − r'|³.

Between the nodes B and A are read with the same cubic Lagrange weights.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from atlases import Target
from meshes import HeadMesh
from meshes.brief import brief
from meshes.errors import InputError
from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.coils.fields import vector_potential
from targeting.coils.sources import CurrentElements, MagneticDipoles, Source
from targeting.fem import HeadConductor
from targeting.pose import Pose, as_matrices
from targeting.tms.field import DIDT_A_PER_S, as_conductor

MU0_OVER_4PI = 1e-7
FFT_THREADS = 2
log = logging.getLogger(__name__)
SPACING_MM = 2.5  # B 5 mm off the scalp is then right to 0.02 % (median), 0.4 % (worst); see tests/test_dose_map.py
REACH_MM = 90.0  # half a large coil: how far round the head the field is kept
FAR_SPACING_MM = 15.0  # of the nodes as seen from beyond that: right to 0.1 %; see tests/test_dose_map.py


@dataclass(frozen=True)
class RegularGrid:
    """A regular grid aligned with the world: node (i, j, k) is at ``origin_mm + spacing_mm * (i, j, k)``."""

    origin_mm: NDArray[np.float64]
    spacing_mm: float
    shape: tuple[int, int, int]

    @classmethod
    def covering(cls, points_mm: NDArray[np.float64], margin_mm: float, spacing_mm: float) -> RegularGrid:
        """The smallest grid with its nodes at multiples of the spacing that holds the points with a margin."""
        low = np.floor((points_mm.min(0) - margin_mm) / spacing_mm) - 2
        high = np.ceil((points_mm.max(0) + margin_mm) / spacing_mm) + 2
        nx, ny, nz = (int(n) for n in high - low + 1)
        return cls(low * spacing_mm, spacing_mm, (nx, ny, nz))


@numba.njit(cache=True, inline="always")
def lagrange(f: float) -> tuple[float, float, float, float]:
    """Cubic Lagrange weights of nodes −1, 0, 1, 2 for a point at 0 ≤ f < 1."""
    return (
        -f * (f - 1) * (f - 2) / 6,
        (f + 1) * (f - 1) * (f - 2) / 2,
        -(f + 1) * f * (f - 2) / 2,
        (f + 1) * f * (f - 1) / 6,
    )


@numba.njit(cache=True)
def _spread(
    points_mm: NDArray, moments: NDArray, origin_mm: NDArray, spacing_mm: float, nx: int, ny: int, nz: int
) -> NDArray:
    out = np.zeros((nx, ny, nz, moments.shape[1]))
    for e in range(len(points_mm)):
        x = (points_mm[e, 0] - origin_mm[0]) / spacing_mm
        y = (points_mm[e, 1] - origin_mm[1]) / spacing_mm
        z = (points_mm[e, 2] - origin_mm[2]) / spacing_mm
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        wx, wy, wz = lagrange(x - i), lagrange(y - j), lagrange(z - k)
        for a in range(4):
            for b in range(4):
                for c in range(4):
                    w = wx[a] * wy[b] * wz[c]
                    for m in range(moments.shape[1]):
                        out[i + a - 1, j + b - 1, k + c - 1, m] += w * moments[e, m]
    return out


def spread(points_mm: NDArray[np.float64], moments: NDArray[np.float64], grid: RegularGrid) -> NDArray[np.float64]:
    """Moments (M, c) at points (M, 3) as moments of the grid's nodes, (nx, ny, nz, c)."""
    return _spread(points_mm, np.ascontiguousarray(moments), grid.origin_mm, grid.spacing_mm, *grid.shape)


class Convolution:
    """Sums over the nodes of a source grid of 1/r and r/r³, at the nodes of a larger grid of the same spacing."""

    def __init__(self, source: RegularGrid, target: RegularGrid) -> None:
        self._shape = target.shape
        self._padded = [
            fft.next_fast_len(s + t - 1, real=True) for s, t in zip(source.shape, target.shape, strict=True)
        ]
        offset = np.rint((target.origin_mm - source.origin_mm) / target.spacing_mm).astype(int)
        axes = []
        for axis, (size, n_target) in enumerate(zip(self._padded, target.shape, strict=True)):
            lag = np.arange(size)
            lag = np.where(lag < n_target, lag, lag - size) + offset[axis]
            axes.append(lag * target.spacing_mm * 1e-3)
        self._x = np.meshgrid(*axes, indexing="ij", sparse=True)
        r2 = self._x[0] ** 2 + self._x[1] ** 2 + self._x[2] ** 2
        with np.errstate(divide="ignore"):
            self._inverse_r = np.where(r2 > 0, 1 / np.sqrt(r2), 0.0)

    def _transform(self, values: NDArray) -> NDArray:
        return fft.rfftn(values.astype(np.float32), self._padded, workers=FFT_THREADS)

    def _inverse(self, spectrum: NDArray) -> NDArray[np.float32]:
        nx, ny, nz = self._shape
        return fft.irfftn(spectrum, self._padded, workers=FFT_THREADS)[:nx, :ny, :nz]

    def vector_potential(self, moments: NDArray[np.floating]) -> NDArray[np.float32]:
        """A at the target nodes for node moments (nx, ny, nz, 3k): (…, 3k)."""
        kernel = self._transform(MU0_OVER_4PI * self._inverse_r)
        return np.stack(
            [self._inverse(self._transform(moments[..., m]) * kernel) for m in range(moments.shape[3])], axis=-1
        )

    def magnetic_field(self, moments: NDArray[np.floating]) -> NDArray[np.float32]:
        """B at the target nodes for node moments (nx, ny, nz, 3k): (…, 3k)."""
        kernel = [self._transform(MU0_OVER_4PI * x * self._inverse_r**3) for x in self._x]
        out = np.empty((*self._shape, moments.shape[3]), np.float32)
        for first in range(0, moments.shape[3], 3):
            j = [self._transform(moments[..., first + axis]) for axis in range(3)]
            for axis in range(3):
                y, z = (axis + 1) % 3, (axis + 2) % 3
                out[..., first + axis] = self._inverse(j[y] * kernel[z] - j[z] * kernel[y])
        return out


Nodes = tuple[NDArray[np.float64], NDArray[np.float64]]  # places (n, 3) mm, moments (n, 3, 3)


@dataclass(frozen=True, eq=False)
class DoseMap:
    """Mean E over a target as a function of the coil.

    Parameters
    ----------
    moments : (nx, ny, nz, 9) float32
        Reciprocal currents on the grid's nodes, A·m, component 3 d + axis.
    grid : RegularGrid
        The nodes, round the head.
    reach : RegularGrid, optional
        Where the coil's parts may be, nodes of the same spacing; by default ``REACH_MM`` round the head.
    """

    moments: NDArray[np.float32]
    grid: RegularGrid
    reach: RegularGrid | None = None

    __repr__ = brief()

    @classmethod
    def build(
        cls,
        head: HeadMesh | HeadConductor,
        target: Target,
        conductivity_s_per_m: Mapping[str, float] | None = None,
        spacing_mm: float = SPACING_MM,
    ) -> DoseMap:
        """Solve for one target.

        Parameters
        ----------
        head : HeadMesh or HeadConductor
            A conductor keeps its factorisation; it may have elements of second order near the target
            (:func:`~targeting.fem.second_order.near_target`), as it has in a plan.
        target : Target
        conductivity_s_per_m : mapping, optional
            Overrides by tissue name (with a HeadMesh).
        spacing_mm : float
            Node spacing of the field's grid.

        Raises
        ------
        InputError
            If the target holds no tetrahedron.

        Examples
        --------
        >>> import numpy as np
        >>> from atlases import Target
        >>> from meshes import HeadMesh
        >>> from targeting import Coil, DoseMap
        >>> lump = HeadMesh(80 * np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]], [2])
        >>> dose_map = DoseMap.build(lump, Target.sphere([20, 20, 20], 15), spacing_mm=5.0)
        >>> pose = [[-1, 0, 0, 20], [0, 1, 0, 20], [0, 0, -1, 90], [0, 0, 0, 1]]
        >>> dose_map.mean_e_v_per_m(Coil.named("figure8-70mm"), [pose, pose]).shape
        (2, 3)
        """
        conductor = as_conductor(head, conductivity_s_per_m)
        tets, weights = target.weights(conductor.head)
        log.info("three reciprocal solves (%d target tetrahedra)", len(tets))
        places_mm, currents = conductor.reciprocal_moments(tets, weights)
        log.info("spreading %d currents", len(places_mm))
        grid = RegularGrid.covering(conductor.head.points_mm, 0.0, spacing_mm)
        columns = np.moveaxis(currents, 0, 1).reshape(len(places_mm), 9)
        return cls(spread(places_mm, columns, grid).astype(np.float32), grid)

    @cached_property
    def _outer(self) -> RegularGrid:
        if self.reach is not None:
            return self.reach
        corners = self.grid.origin_mm + self.grid.spacing_mm * np.array([[0, 0, 0], np.array(self.grid.shape) - 1])
        return RegularGrid.covering(corners, REACH_MM, self.grid.spacing_mm)

    @cached_property
    def magnetic_field_t(self) -> NDArray[np.float32]:
        """B of the reciprocal currents on the outer grid, (…, 9) T per A·m."""
        log.info("magnetic field of the reciprocal currents")
        return Convolution(self.grid, self._outer).magnetic_field(self.moments)

    @cached_property
    def vector_potential_t_m(self) -> NDArray[np.float32]:
        """A of the reciprocal currents on the outer grid, (…, 9); made when a coil has wire pieces."""
        return Convolution(self.grid, self._outer).vector_potential(self.moments)

    @cached_property
    def _nodes(self) -> Nodes:
        return _filled(self.moments, self.grid)

    @cached_property
    def _far_nodes(self) -> Nodes:
        """The same currents on fewer nodes, for parts of a coil that are ``REACH_MM`` away."""
        if self.reach is not None:
            return self._nodes
        points_mm, moments = self._nodes
        grid = RegularGrid.covering(points_mm, 0.0, FAR_SPACING_MM)
        return _filled(spread(points_mm, moments.reshape(-1, 9), grid), grid)

    def mean_e_v_per_m(
        self, coil: Coil, poses: ArrayLike | Pose, didt_a_per_s: float = DIDT_A_PER_S
    ) -> NDArray[np.float64]:
        """Volume-weighted mean E vector over the target for each pose, (n, 3) V/m.

        Parameters
        ----------
        coil : Coil
        poses : (n, 4, 4) array or Pose
            Coil → world, RAS mm.
        didt_a_per_s : float
        """
        matrices = as_matrices(poses)
        total = np.zeros((len(matrices), 3))
        for source in coil.sources:
            total += self._source(source, matrices)
        return -didt_a_per_s * total

    def dose(
        self,
        coil: Coil,
        poses: ArrayLike | Pose,
        direction: ArrayLike | None = None,
        didt_a_per_s: float = DIDT_A_PER_S,
    ) -> float | NDArray[np.float64]:
        """The dose of one pose, in under a millisecond, or of many in one call: for robots and navigators.

        A tracked coil is asked for as it moves.  The first call makes the field round the head (seconds); after it,
        one pose takes a fraction of a millisecond on one core, and many run on all cores.  The pose may be anywhere
        outside the head; a coil whose windings enter it is answered with a number that means nothing
        (:func:`~targeting.tms.placement.casing_distance_mm` tells; ``target serve`` says it in words).

        Parameters
        ----------
        coil : Coil
            A sampled field and fine wires are taken as the search takes them
            (:func:`~targeting.coils.equivalent.searchable`), which is prepared once for each coil.
        poses : (4, 4) or (n, 4, 4) array, or Pose
            Coil → world, RAS mm.
        direction : (3,) array, optional
            Take the component along this vector (RAS; its length does not count), instead of the size.
        didt_a_per_s : float

        Returns
        -------
        float or (n,) float64
            |⟨E⟩| or ⟨E⟩ · direction, V/m; a float for one pose.

        Raises
        ------
        InputError
            If poses or direction are not finite or of another shape.

        Examples
        --------
        An octahedron of grey matter stands in for a head:

        >>> import numpy as np
        >>> from atlases import Target
        >>> from meshes import HeadMesh
        >>> from targeting import Coil, DoseMap, Pose
        >>> corners = 80 * np.vstack([np.eye(3), -np.eye(3), np.zeros((1, 3))])
        >>> eighths = [[6, i, j, k] if (i + j + k) % 2 else [6, j, i, k] for i in (0, 3) for j in (1, 4) for k in (2, 5)]
        >>> dose_map = DoseMap.build(HeadMesh(corners, eighths, [2] * 8), Target.sphere([-25, 25, 25], 20), spacing_mm=5)
        >>> coil = Coil.named("figure8-70mm")
        >>> pose = Pose([[-1, 0, 0, -25], [0, 1, 0, 25], [0, 0, -1, 90], [0, 0, 0, 1]])
        >>> round(dose_map.dose(coil, pose, didt_a_per_s=50e6), -1)
        10.0
        >>> turned = pose.matrix_mm @ np.diag([-1, -1, 1, 1])
        >>> forward, backward = dose_map.dose(coil, [pose.matrix_mm, turned], direction=[0, 1, 0])
        >>> bool(forward > 0 > backward)
        True
        """
        one = isinstance(poses, Pose) or np.ndim(poses) == 2
        mean = self.mean_e_v_per_m(searchable(coil), poses, didt_a_per_s)
        doses = dose_of(mean, None if direction is None else unit_vector(direction))
        return float(doses[0]) if one else doses

    def _source(self, source: Source, matrices: NDArray[np.float64]) -> NDArray[np.float64]:
        if isinstance(source, MagneticDipoles):
            field, strength = self.magnetic_field_t, source.moments_a_m2
        elif isinstance(source, CurrentElements):
            field, strength = self.vector_potential_t_m, source.elements_mm * 1e-3
        else:
            return np.stack([self._node_sum(source, matrix, self._nodes) for matrix in matrices])
        out, whole = np.zeros((len(matrices), 3)), np.ones(len(matrices), np.bool_)
        place = (field, self._outer.origin_mm, self.grid.spacing_mm, source.points_mm, np.ascontiguousarray(strength))
        if len(matrices) == 1:  # waking the other cores takes longer than one pose does
            whole[0] = _couple_one(*place, matrices[0], out[0])
        else:
            _couple(*place, matrices, out, whole)
        for n in np.flatnonzero(~whole):
            out[n] += self._node_sum(self._beyond(source, matrices[n]), matrices[n], self._far_nodes)
        return out

    def _beyond(self, source: MagneticDipoles | CurrentElements, matrix: NDArray[np.float64]) -> Source:
        """The parts of a source that lie beyond the outer grid."""
        outer = self._outer
        step = (source.points_mm @ matrix[:3, :3].T + matrix[:3, 3] - outer.origin_mm) / outer.spacing_mm
        far = ~((step >= 1) & (step < np.array(outer.shape) - 2)).all(1)
        if isinstance(source, MagneticDipoles):
            return MagneticDipoles(source.points_mm[far], source.moments_a_m2[far])
        return CurrentElements(source.points_mm[far], source.elements_mm[far])

    def _node_sum(self, source: Source, matrix: NDArray[np.float64], nodes: Nodes) -> NDArray[np.float64]:
        points_mm, moments = nodes
        inverse = Pose(matrix).inverse_mm()
        a = vector_potential(source, points_mm @ inverse[:3, :3].T + inverse[:3, 3]) @ matrix[:3, :3].T
        return np.einsum("ndx,nx->d", moments, a)

    def save(self, path: str | Path) -> None:
        """Write ``.npz`` (to a temporary name first)."""
        path = Path(path)
        temporary = path.with_name(f".{path.name}.part")
        with temporary.open("wb") as f:
            np.savez_compressed(f, moments=self.moments, origin_mm=self.grid.origin_mm, spacing_mm=self.grid.spacing_mm)
        temporary.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> DoseMap:
        """Read what :meth:`save` wrote."""
        try:
            with np.load(path) as data:
                moments = data["moments"]
                nx, ny, nz = moments.shape[:3]
                return cls(moments, RegularGrid(data["origin_mm"], float(data["spacing_mm"]), (nx, ny, nz)))
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path} is not a dose map ({error}); delete it and run `target plan` again") from error


def dose_of(mean_e_v_per_m: NDArray[np.float64], unit: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """The dose of mean fields (…, 3): their size, or their component along a unit vector, (…)."""
    return np.linalg.norm(mean_e_v_per_m, axis=-1) if unit is None else mean_e_v_per_m @ unit


def unit_vector(direction: ArrayLike) -> NDArray[np.float64]:
    """A direction of length one, (3,).

    Raises
    ------
    InputError
        If it is not three finite numbers, not all zero.
    """
    vector = np.asarray(direction, dtype=np.float64)
    length = np.linalg.norm(vector)
    if vector.shape != (3,) or not 0 < length < np.inf:
        raise InputError(f"a direction is three finite numbers x,y,z, not all zero; not {direction!r}")
    return vector / length


def _filled(moments: NDArray[np.floating], grid: RegularGrid) -> Nodes:
    """The nodes of a grid that carry current."""
    filled = np.argwhere(np.abs(moments).max(-1) > 0)
    places_mm = filled * grid.spacing_mm + grid.origin_mm
    return places_mm, moments[tuple(filled.T)].reshape(-1, 3, 3).astype(float)


@numba.njit(cache=True, fastmath=True)
def _couple_one(
    field: NDArray,
    origin_mm: NDArray,
    spacing_mm: float,
    points_mm: NDArray,
    strengths: NDArray,
    m: NDArray,
    out: NDArray,
) -> bool:
    """Σ_k R s_k · F_d(R p_k + t) of one pose into ``out`` (3,); false where a part lies beyond the grid (left out)."""
    nx, ny, nz = field.shape[0], field.shape[1], field.shape[2]
    whole = True
    total = np.zeros(9)
    at_point = np.zeros(9, np.float32)
    e = np.zeros(3)
    for k in range(len(points_mm)):
        px, py, pz = points_mm[k, 0], points_mm[k, 1], points_mm[k, 2]
        x = (m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3] - origin_mm[0]) / spacing_mm
        y = (m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3] - origin_mm[1]) / spacing_mm
        z = (m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3] - origin_mm[2]) / spacing_mm
        if not (1 <= x < nx - 2 and 1 <= y < ny - 2 and 1 <= z < nz - 2):  # the weights take a node more on either side
            whole = False
            continue
        i, j, h = int(x), int(y), int(z)
        wx, wy, wz = lagrange(x - i), lagrange(y - j), lagrange(z - h)
        at_point[:] = 0
        for a in range(4):
            for b in range(4):
                wab = wx[a] * wy[b]
                for c in range(4):
                    w = np.float32(wab * wz[c])
                    for q in range(9):
                        at_point[q] += w * field[i + a - 1, j + b - 1, h + c - 1, q]
        sx, sy, sz = strengths[k, 0], strengths[k, 1], strengths[k, 2]
        # nine numbers a node, the three components of F for d = x, y, z: one pass over the grid gives all of ⟨E⟩
        e[0] = m[0, 0] * sx + m[0, 1] * sy + m[0, 2] * sz
        e[1] = m[1, 0] * sx + m[1, 1] * sy + m[1, 2] * sz
        e[2] = m[2, 0] * sx + m[2, 1] * sy + m[2, 2] * sz
        for q in range(9):
            total[q] += e[q % 3] * at_point[q]
    for d in range(3):
        out[d] = total[3 * d] + total[3 * d + 1] + total[3 * d + 2]
    return whole


@numba.njit(cache=True, parallel=True, fastmath=True)
def _couple(
    field: NDArray,
    origin_mm: NDArray,
    spacing_mm: float,
    points_mm: NDArray,
    strengths: NDArray,
    matrices: NDArray,
    out: NDArray,
    whole: NDArray,
) -> None:
    """:func:`_couple_one` for many poses, over all cores."""
    for n in numba.prange(len(matrices)):
        whole[n] = _couple_one(field, origin_mm, spacing_mm, points_mm, strengths, matrices[n], out[n])
