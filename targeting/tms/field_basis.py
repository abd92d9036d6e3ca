r"""FieldBasis: the field at many places, for any coil at any pose, in milliseconds.

What a coil does inside a head depends only on its magnetic field b at *sensors* under the scalp (see
``field_basis_sources``), and linearly.  For N *sources* round the head, dipoles that span what coils can do, the forward
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
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from atlases.scalp import Scalp
from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.coils.fields import magnetic_field, transformed, vector_potential
from targeting.coils.sources import MagneticDipoles, PotentialGrid
from targeting.fem import HeadConductor
from targeting.pose import Pose, as_matrices
from targeting.tms.field import DIDT_A_PER_S
from targeting.tms.field_basis_rows import Rows
from targeting.tms.field_basis_sources import Sensors, chosen_sources, dipole_fields

log = logging.getLogger(__name__)

SOURCES = 300  # N; see benchmarks/basis.py for what it gives
BLOCK = 16  # forward solves at a time
RIDGE = 1e-5  # ε: what keeps sources that nearly cancel from growing
TAIL = 1e-3  # modes are left out whose share of E is below this


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
        >>> from targeting.tms.field_basis_rows import Rows
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

    def save(self, path: str | Path) -> None:
        """Write ``.npz``, appearing under its name when it is whole.

        Raises
        ------
        InputError
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
    """E at the rows of each dipole at 1 A/s, (3 K, N): the forward solves with patch recovery."""
    head, count = conductor.head, len(dipoles.points_mm)
    used, columns = np.unique(rows.weights.indices, return_inverse=True)
    weights = sp.csr_matrix((rows.weights.data, columns, rows.weights.indptr), shape=(len(rows.points_mm), len(used)))
    out = np.empty((3 * len(rows.points_mm), count))
    for first in range(0, count, BLOCK):
        log.info("forward solves of sources, %d of %d done", first, count)
        some = range(first, min(first + BLOCK, count))
        loads = np.empty((len(head.points_mm), len(some)))
        e = np.empty((len(some), len(used), 3))
        for i, d in enumerate(some):
            one = MagneticDipoles(dipoles.points_mm[d : d + 1], dipoles.moments_a_m2[d : d + 1])
            da_dt = vector_potential(one, head.centroids_mm)
            loads[:, i] = -conductor.divergence(conductor.conducted(da_dt))
            e[i] = -da_dt[used]
        e -= conductor.patches.gradient(conductor.potential(loads), used)
        for i, d in enumerate(some):
            out[:, d] = (weights @ e[i]).ravel()
    return out


def _fit(dipoles: MagneticDipoles, sensors: Sensors) -> NDArray[np.float64]:
    """Dipoles that make a field felt by the sensors, (N, 3 P)."""
    weight = np.repeat(sensors.weight, 3)
    felt = dipole_fields(dipoles, sensors.points_mm).astype(np.float64) * weight[:, None]
    u, s, vt = scipy.linalg.svd(felt, full_matrices=False, check_finite=False)
    return (vt.T * (s / (s**2 + (RIDGE * s[0]) ** 2))) @ (u.T * weight)
