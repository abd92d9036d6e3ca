r"""FieldBasis: the field at many places, for any coil at any pose, in milliseconds.

What a coil does inside a head depends only on its magnetic field b at *sensors* under the scalp (see
below), and linearly.  For N *sources* round the head, dipoles that span what coils can do, the forward
solve gives the field at the K rows, the columns of E (3 K, N); their own fields at the sensors are the columns of B.  A
coil is replaced by the sources that make the same field at the sensors, so that

    e = E a,   a = argmin |W (B a − b)|² + ε² |W B|² |a|²,

W weighting the sensors by their nearness to the rows.  The singular value decomposition of E, its rows weighted by their
importance, leaves r modes; with it

    e = dI/dt · U S b,   U (3 K, r) orthonormal modes,   S (r, 3 P) the modes' sensitivity to the sensors' field.

So a pose costs the coil's field at some 500 sensors and one product with U.  (Solving once for a set of dipoles and
fitting a coil by them: Daneshzand et al. 2021, NeuroImage 237:118097; the choice of sources, the sensors and the modes
are this project's own.)

The field is the forward solve's with ``recovery="patch"``, up to the sources' incompleteness and the elements' own error.
The sources make the coil's B but not its A, which differs by a gradient; exactly solved that would change nothing.  As they
are farther off than the windings, their A is smoother across an element of the scalp, and on a coarse mesh the basis is
nearer to the truth than a direct solve (tests/test_field_basis.py).

*Rows* are the places whose field the basis gives.  A row is a weighted mean of E over some tetrahedra, with weights that
sum to one: the linear fit that gives E at a point of the mid-cortical surface, one tetrahedron of a target, a region as a
whole.  Rows of several kinds are stacked, and one basis gives them all.

*Sources and sensors.*  No current flows in air.  So whatever a coil outside a closed surface does inside it is told by its
magnetic field on that surface, and could as well be done by magnetic dipoles normal to another closed surface between the
coil and the head (the equivalence principle; both surfaces follow the scalp here, at a given distance):

- *sensors* lie inside the head, deep enough for the field there to be smooth between them, and tell what a coil does;
- *sources* are dipoles some way off the scalp, and do the same.  Windings come nearer than that; but fields go on smoothly
  from the head outward for a while, and sources 30 mm away fit a coil's field at the cortex with half as many of them as
  sources 10 mm away do (400 and 200 of them leave 14 and 2 % of a figure-of-eight's B, 95th percentile, on colin27).

Of thousands of candidate sources those are taken whose fields at the sensors span the others' best: a QR decomposition
with column pivoting (an interpolative decomposition: Cheng et al. 2005, SIAM J. Sci. Comput. 26:1389) of the candidates'
fields, sketched by random rows (Halko et al. 2011, SIAM Rev. 53:217).

*Check.*  How far a basis is from direct solves is measured over random poses of real coils on the real scalp
(:func:`relative_errors`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from atlases.scalp import Scalp
from atlases.target import Target
from meshes.brief import brief
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.mesher.points import poisson_disk
from meshes.whole_files import written_whole
from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.coils.fields import magnetic_field, transformed, vector_potential
from targeting.coils.sources import MagneticDipoles, PotentialGrid
from targeting.fem import HeadConductor
from targeting.fem.cortical_field import FARTHEST_MM, sampling
from targeting.pose import Pose, as_matrices
from targeting.tms.field import DIDT_A_PER_S, simulate_many
from targeting.tms.placement import place

MU0_OVER_4PI = 1e-7
SOURCES_MM = 30.0  # off the scalp: windings may be nearer, but smooth fields fit each other with fewer of them
SOURCE_SPACING_MM = 8.0
SENSORS_MM = -10.0
SENSOR_SPACING_MM = 11.0
SENSED_WITHIN_MM = 80.0  # of the rows: farther parts of the head do not matter to them
INFLUENCE_MM = 30.0  # at this distance from the rows the field counts a quarter
OVERSAMPLING = 1.3  # random rows of the sketch, per source wanted
NEAR_MM = 35.0  # from the scalp under the coil to the nearest row: over the brain, not on the chin
HAIR_MM = (2.0, 8.0)  # from the casing to the scalp
REACHED_MM = 0.5
TRIES = 20
log = logging.getLogger(__name__)
SOURCES = 300  # N; see benchmarks/basis.py for what it gives
BLOCK = 16  # forward solves at a time
RIDGE = 1e-5  # ε: what keeps sources that nearly cancel from growing
TAIL = 1e-3  # modes are left out whose share of E is below this


@dataclass(frozen=True, eq=False)
class Rows:
    """Weighted means of E over tetrahedra.

    Parameters
    ----------
    points_mm : (K, 3) float64
        Where each is, RAS mm.
    weights : (K, M) csr_matrix
        Mean E of row k is ``(weights @ e_v_per_m)[k]`` of a field (M, 3); each row sums to one.
    importance : (K,) float64
        What each counts in the basis' error, such as its area or volume; they sum to one.

    Examples
    --------
    >>> import numpy as np
    >>> from meshes import HeadMesh
    >>> from targeting.tms.field_basis import Rows
    >>> lump = HeadMesh(80 * np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]], [2])
    >>> both = Rows.stacked(Rows.at_points(lump, [[20.0, 20, 20]]), Rows.of_tetrahedra(lump, [0]))
    >>> both.points_mm.shape, both.importance.tolist()
    ((2, 3), [0.5, 0.5])
    """

    points_mm: NDArray[np.float64]
    weights: sp.csr_matrix
    importance: NDArray[np.float64]

    @classmethod
    def at_points(cls, head: HeadMesh, points_mm: ArrayLike, importance: ArrayLike | None = None) -> Rows:
        """E of grey matter at points in it (K, 3), such as vertices of the mid-cortical surface.

        Parameters
        ----------
        head : HeadMesh
        points_mm : (K, 3)
            RAS mm.
        importance : (K,), optional
            Such as the vertices' areas; default: all alike.

        Raises
        ------
        InputError
            If a point has no grey matter near it.
        """
        points = np.atleast_2d(np.asarray(points_mm, np.float64))
        weights = sampling(head, points)
        lost = np.flatnonzero(np.diff(weights.indptr) == 0)
        if len(lost):
            where = ", ".join(f"{x:.1f}" for x in points[lost[0]])
            raise InputError(
                f"{len(lost)} of {len(points)} points have no grey matter within {FARTHEST_MM:g} mm, the first at "
                f"({where}) mm; leave them out"
            )
        return cls(points, weights, _shares(np.ones(len(points)) if importance is None else importance))

    @classmethod
    def of_tetrahedra(cls, head: HeadMesh, tets: ArrayLike) -> Rows:
        """E of each tetrahedron (indices, (K,)), which counts by its volume."""
        chosen = np.asarray(tets, np.int64)
        weights = sp.csr_matrix(
            (np.ones(len(chosen)), chosen, np.arange(len(chosen) + 1)), shape=(len(chosen), len(head.tets))
        )
        return cls(head.centroids_mm[chosen], weights, _shares(head.volumes_mm3[chosen]))

    @classmethod
    def of_target(cls, head: HeadMesh, target: Target) -> Rows:
        """E of each tetrahedron of a target; ``importance`` are the target's weights."""
        return cls.of_tetrahedra(head, target.weights(head)[0])

    @classmethod
    def stacked(cls, *parts: Rows) -> Rows:
        """Several one after another; each part counts alike, however many rows it has."""
        return cls(
            np.vstack([each.points_mm for each in parts]),
            sp.vstack([each.weights for each in parts], format="csr"),
            _shares(np.concatenate([each.importance for each in parts])),
        )

    def mean_e_v_per_m(self, e_v_per_m: NDArray[np.floating]) -> NDArray[np.float64]:
        """The rows of a field of all tetrahedra (M, 3): (K, 3), in its unit."""
        return self.weights @ np.asarray(e_v_per_m, np.float64)


def _shares(importance: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(importance, np.float64)
    if not len(values) or not np.isfinite(values).all() or values.min() < 0 or values.sum() <= 0:
        raise InputError("the rows of a field basis need finite importances that are not negative, and not all zero")
    return values / values.sum()


@dataclass(frozen=True, eq=False)
class Sensors:
    """Points that feel a coil, ``points_mm`` (P, 3), and what each counts, ``weight`` (P,)."""

    points_mm: NDArray[np.float64]
    weight: NDArray[np.float64]

    @classmethod
    def round_rows(cls, scalp: Scalp, points_mm: NDArray[np.float64], spacing_mm: float = SENSOR_SPACING_MM) -> Sensors:
        """Sensors under the scalp that matter to rows at some points (K, 3)."""
        places, _ = level(scalp, SENSORS_MM, spacing_mm)
        distance = cKDTree(points_mm).query(places)[0]
        near = distance < max(SENSED_WITHIN_MM, float(distance.min()) + SENSED_WITHIN_MM)
        return cls(places[near], 1 / (1 + (distance[near] / INFLUENCE_MM) ** 2) ** 2)


def level(scalp: Scalp, distance_mm: float, spacing_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points at a distance from the scalp (negative inside), ``spacing_mm`` or more apart, and unit normals there."""
    import pyvista as pv

    grid = scalp.distance
    image = pv.ImageData(dimensions=grid.mm.shape, spacing=(grid.step_mm,) * 3, origin=grid.origin_mm)
    image["mm"] = grid.mm.ravel(order="F")
    surface = image.contour([distance_mm], scalars="mm", method="flying_edges", compute_normals=True)
    points = np.asarray(surface.points, np.float64)
    normals = np.asarray(surface.point_data["Normals"], np.float64)
    offset = points - points.min(0)
    order = np.random.default_rng(0).permutation(len(points))
    keep = poisson_disk(offset, np.full(len(points), spacing_mm), order, offset.max(0), spacing_mm)
    return points[keep], normals[keep] / np.linalg.norm(normals[keep], axis=1, keepdims=True)


def dipole_fields(sources: MagneticDipoles, points_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """B of each dipole at points (P, 3), (3 P, D) tesla; row 3 p + axis."""
    x = (points_mm[:, None, :] - sources.points_mm[None]).astype(np.float32) * np.float32(1e-3)
    moments = sources.moments_a_m2.astype(np.float32)
    r2 = np.einsum("pdx,pdx->pd", x, x)
    along = 3 * np.einsum("pdx,dx->pd", x, moments) / r2
    x *= along[..., None]
    x -= moments
    x *= (np.float32(MU0_OVER_4PI) / (r2 * np.sqrt(r2)))[..., None]
    return np.ascontiguousarray(np.swapaxes(x, 1, 2)).reshape(-1, len(moments))


def chosen_sources(scalp: Scalp, sensors: Sensors, count: int, seed: int = 0) -> MagneticDipoles:
    """``count`` unit dipoles (1 A·m²) round the head whose fields at the sensors span those of all others best.

    Parameters
    ----------
    scalp : Scalp
    sensors : Sensors
    count : int
        Of the sources.
    seed : int
        Of the sketch.
    """
    places, normals = level(scalp, SOURCES_MM, SOURCE_SPACING_MM)
    candidates = MagneticDipoles(places, normals)
    fields = dipole_fields(candidates, sensors.points_mm) * np.repeat(sensors.weight, 3)[:, None].astype(np.float32)
    count = min(count, *fields.shape)
    rows = int(OVERSAMPLING * count)
    if rows < len(fields):
        mix = np.random.default_rng(seed).standard_normal((rows, len(fields)), np.float32)
        fields = mix @ fields
    best = np.sort(scipy.linalg.qr(fields, mode="r", pivoting=True)[1][:count])
    return MagneticDipoles(places[best], normals[best])


def random_poses(
    scalp: Scalp, coil: Coil, points_mm: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Poses tangential to the scalp over points (K, 3), at any angle and with any usual hair, (n, 4, 4); n ≤ count.

    Parameters
    ----------
    scalp : Scalp
    coil : Coil
    points_mm : (K, 3)
        The rows: poses lie over them.
    count : int
    rng : numpy.random.Generator
    """
    distance = np.where(scalp.on_cut, np.inf, cKDTree(points_mm).query(scalp.points_mm)[0])
    over = np.flatnonzero(distance <= max(NEAR_MM, distance.min()))
    poses: list[NDArray[np.float64]] = []
    for _ in range(TRIES * count):
        where, angle, hair = scalp.points_mm[[rng.choice(over)]], rng.uniform(-180, 180, 1), rng.uniform(*HAIR_MM)
        pose, reached = place(scalp, coil, where, angle, hair)
        if abs(reached[0, 0] - hair) < REACHED_MM:
            poses.append(pose[0, 0])
        if len(poses) == count:
            break
    return np.array(poses).reshape(-1, 4, 4)


def relative_errors(
    basis: FieldBasis, conductor: HeadConductor, rows: Rows, coil: Coil, poses: NDArray[np.float64], block: int = 8
) -> NDArray[np.float64]:
    """|basis − direct| / |direct| of each pose's field at all rows, weighted by their importance, (n,).

    Parameters
    ----------
    basis : FieldBasis
    conductor : HeadConductor
    rows : Rows
    coil : Coil
    poses : (n, 4, 4)
        mm.
    block : int
        Poses that are solved at a time.
    """
    found = []
    for first in range(0, len(poses), block):
        some = poses[first : first + block]
        direct = np.stack(
            [rows.mean_e_v_per_m(each.e_v_per_m) for each in simulate_many(conductor, coil, [Pose(p) for p in some])]
        )
        wrong = basis.e_v_per_m(coil, some) - direct
        found.append(np.sqrt((wrong**2).sum(2) @ rows.importance / ((direct**2).sum(2) @ rows.importance)))
    return np.concatenate(found) if found else np.zeros(0)


@dataclass(frozen=True, eq=False)
class FieldBasis:
    """The field at rows, as a function of the coil.

    Parameters
    ----------
    points_mm : (K, 3) float64
        Where the rows are, RAS mm.
    modes : (3 K, r) float32
        Fields at the rows, component 3 k + axis.
    sensors_mm : (P, 3) float64
        Where a coil's magnetic field is felt.
    sensitivity : (r, 3 P) float64
        The modes' coefficients, V/m per (A/s), for a field of one tesla per ampere at a sensor, component 3 p + axis.
    """

    points_mm: NDArray[np.float64]
    modes: NDArray[np.float32]
    sensors_mm: NDArray[np.float64]
    sensitivity: NDArray[np.float64]

    __repr__ = brief()

    @classmethod
    def build(
        cls,
        conductor: HeadConductor,
        rows: Rows,
        sources: int = SOURCES,
        rank: int | None = None,
        seed: int = 0,
    ) -> FieldBasis:
        """Solve for the sources: minutes, once for a head and its rows.

        Parameters
        ----------
        conductor : HeadConductor
            Make it with ``right_hand_sides=sources``, so that it takes the solver that pays.
        rows : Rows
            Cortical points, targets, regions; stack them to have all from one set of solves.
        sources : int
            Forward solves: 300 for the whole cortex, 100 for one target (0.3 and 0.5 % from direct solves on a head).
        rank : int, optional
            Modes to keep; default: all but those that make less than 0.1 % of the sources' fields.
        seed : int
            Of the random sketch that chooses the sources.

        Raises
        ------
        InputError
            If the rows are not of this head, or a number makes no sense.

        Examples
        --------
        An octahedron of grey matter stands in for a head:

        >>> import numpy as np
        >>> from meshes import HeadMesh
        >>> from targeting import Coil, FieldBasis
        >>> from targeting.fem import HeadConductor
        >>> from targeting.tms.field_basis import Rows
        >>> corners = 80 * np.vstack([np.eye(3), -np.eye(3), np.zeros((1, 3))])
        >>> eighths = [[6, i, j, k] if (i + j + k) % 2 else [6, j, i, k] for i in (0, 3) for j in (1, 4) for k in (2, 5)]
        >>> head = HeadMesh(corners, eighths, [2] * 8)
        >>> basis = FieldBasis.build(HeadConductor(head), Rows.of_tetrahedra(head, range(8)), sources=60)
        >>> pose = [[-1, 0, 0, -25], [0, 1, 0, 25], [0, 0, -1, 90], [0, 0, 0, 1]]
        >>> basis.e_v_per_m(Coil.named("figure8-70mm"), [pose, pose], didt_a_per_s=50e6).shape
        (2, 8, 3)
        """
        if rows.weights.shape[1] != len(conductor.head.tets):
            raise InputError(
                f"the rows are of a mesh of {rows.weights.shape[1]} tetrahedra, the head has {len(conductor.head.tets)}"
            )
        if sources < 1 or (rank is not None and rank < 1):
            raise InputError("a field basis needs at least one source and one mode")
        scalp = Scalp.of(conductor.head)
        sensors = Sensors.round_rows(scalp, rows.points_mm)
        dipoles = chosen_sources(scalp, sensors, sources, seed)
        fields = solved(conductor, rows, dipoles)
        share = np.repeat(np.sqrt(rows.importance), 3)[:, None]
        share = np.maximum(share, 1e-6 * share.max())  # a row of no importance has a field, too
        u, s, vt = scipy.linalg.svd(fields * share, full_matrices=False, check_finite=False, overwrite_a=True)
        if rank is None:
            left = np.sqrt(np.cumsum((s**2)[::-1])[::-1])  # what is lost without the modes from each on
            rank = int(np.count_nonzero(left > TAIL * left[0]))
        rank = min(rank, len(s))
        log.info("%d modes of %d sources, felt by %d sensors", rank, len(dipoles.points_mm), len(sensors.points_mm))
        sensitivity = (s[:rank, None] * vt[:rank]) @ _fit(dipoles, sensors)
        return cls(rows.points_mm, np.asarray(u[:, :rank] / share, np.float32), sensors.points_mm, sensitivity)

    def coefficients(
        self, coil: Coil, poses: ArrayLike | Pose, didt_a_per_s: float = DIDT_A_PER_S
    ) -> NDArray[np.float64]:
        """What each pose gives each mode, (n, r).

        Parameters
        ----------
        coil : Coil
            Of any kind; sampled fields and fine wires are taken as the search takes them
            (:func:`~targeting.coils.equivalent.searchable`).
        poses : (n, 4, 4) array or Pose
            Coil → world, RAS mm; outside the head.
        didt_a_per_s : float

        Raises
        ------
        InputError
            If the poses are not finite, not rigid or of another shape, or the coil is a sampled field of no flat coil.
        """
        matrices, sources = as_matrices(poses), searchable(coil).sources
        if any(isinstance(source, PotentialGrid) for source in sources):
            raise InputError(
                f"coil {coil.name} is a sampled field without a fast form (no flat coil makes it): a field basis needs "
                "the coil as a .ccd or .tcd file"
            )
        felt = np.zeros((len(matrices), 3 * len(self.sensors_mm)))
        for row, matrix in zip(felt, matrices, strict=True):
            for source in sources:
                row += magnetic_field(transformed(source, matrix), self.sensors_mm).ravel()
        return didt_a_per_s * felt @ self.sensitivity.T

    def e_v_per_m(self, coil: Coil, poses: ArrayLike | Pose, didt_a_per_s: float = DIDT_A_PER_S) -> NDArray[np.float32]:
        """E at the rows, (n, K, 3) V/m; parameters and errors as for :meth:`coefficients`."""
        coefficients = self.coefficients(coil, poses, didt_a_per_s).astype(np.float32)
        return (coefficients @ self.modes.T).reshape(len(coefficients), len(self.points_mm), 3)

    def part(self, rows: ArrayLike) -> FieldBasis:
        """The basis of some rows (indices): as exact, and faster by their share."""
        chosen = np.asarray(rows, np.int64)
        modes = self.modes.reshape(len(self.points_mm), 3, -1)[chosen].reshape(3 * len(chosen), -1)
        return FieldBasis(self.points_mm[chosen], modes, self.sensors_mm, self.sensitivity)

    def save(self, path: str | Path) -> None:
        """Write ``.npz``, appearing under its name when it is whole.

        Raises
        ------
        WriteError
            If it cannot be written.
        """
        with written_whole(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                points_mm=self.points_mm,
                modes=self.modes,
                sensors_mm=self.sensors_mm,
                sensitivity=self.sensitivity,
            )

    @classmethod
    def load(cls, path: str | Path) -> FieldBasis:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError
            If the file is missing or no field basis.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                basis = cls(*(arrays[name] for name in ("points_mm", "modes", "sensors_mm", "sensitivity")))
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise InputError(f"{path} is not a field basis ({error}); make it with 'target basis'") from error
        rank = basis.modes.shape[-1]
        if basis.modes.shape != (3 * len(basis.points_mm), rank) or basis.sensitivity.shape != (
            rank,
            3 * len(basis.sensors_mm),
        ):
            raise InputError(f"{path} is not a field basis (its arrays do not fit); make it with 'target basis'")
        return basis


def solved(conductor: HeadConductor, rows: Rows, dipoles: MagneticDipoles) -> NDArray[np.float64]:
    """E at the rows of each dipole at 1 A/s, (3 K, N), by forward solves."""
    count = len(dipoles.points_mm)
    used, columns = np.unique(rows.weights.indices, return_inverse=True)
    weights = sp.csr_matrix((rows.weights.data, columns, rows.weights.indptr), shape=(len(rows.points_mm), len(used)))
    out = np.empty((3 * len(rows.points_mm), count))
    for first in range(0, count, BLOCK):
        log.info("forward solves of sources, %d of %d done", first, count)
        some = range(first, min(first + BLOCK, count))
        ones = [MagneticDipoles(dipoles.points_mm[d : d + 1], dipoles.moments_a_m2[d : d + 1]) for d in some]
        e = conductor.coil_fields([partial(vector_potential, one) for one in ones], used)
        for i, d in enumerate(some):
            out[:, d] = (weights @ e[i]).ravel()
    return out


def _fit(dipoles: MagneticDipoles, sensors: Sensors) -> NDArray[np.float64]:
    """Dipoles that make a field felt by the sensors, (N, 3 P)."""
    weight = np.repeat(sensors.weight, 3)
    felt = dipole_fields(dipoles, sensors.points_mm).astype(np.float64) * weight[:, None]
    u, s, vt = scipy.linalg.svd(felt, full_matrices=False, check_finite=False)
    return (vt.T * (s / (s**2 + (RIDGE * s[0]) ** 2))) @ (u.T * weight)
