"""What objectives look at: |E| in patches of grey matter, for poses through a field basis, or in a solved field."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from meshes.space_order import morton_codes
from meshes.weighted import weighted_quantile
from targeting.coils.coil import Coil
from targeting.coils.condensed import condensed
from targeting.coils.equivalent import searchable
from targeting.tms.dose_map import DoseMap, dose_of


class PointField(Protocol):
    """The field at K points for any coil and pose: a :class:`~targeting.tms.field_basis.FieldBasis`."""

    def e_v_per_m(self, coil: Coil, poses: NDArray[np.float64], didt_a_per_s: float) -> NDArray[np.floating]:
        """E of each pose at each point, (n, K, 3)."""
        ...


@dataclass(frozen=True, eq=False)
class Patch:
    """Grey matter in which |E| is wanted.

    Parameters
    ----------
    name : str
    tets : (K,) int
        Tetrahedra of the head's mesh.
    volumes_mm3 : (K,) float64
        The volume each stands for; 0 leaves one out.
    field : PointField, optional
        The field at these tetrahedra, and perhaps others; without it only solved fields can be looked at.
    first : int
        Which of the field's points is the first of these K.
    pull : (K, 3, 3) float64, optional
        Of the target, whose mean field the dose map tells exactly: what E at each point moves by when the mean of the
        field's own points is off (see :func:`pull_of`).
    """

    name: str
    tets: NDArray[np.int64]
    volumes_mm3: NDArray[np.float64]
    field: PointField | None = None
    first: int = 0
    pull: NDArray[np.float64] | None = None

    def only(self, chosen: NDArray[np.bool_]) -> Patch:
        """The same patch without the points that are not chosen (K,)."""
        return replace(self, volumes_mm3=np.where(chosen, self.volumes_mm3, 0.0))


class Seen(Protocol):
    """Fields an objective looks at: of n poses through bases, or one that was solved directly."""

    @property
    def mean_e_v_per_m(self) -> NDArray[np.float64]:
        """Mean field vector over the target, (n, 3)."""
        ...

    @property
    def didt_a_per_s(self) -> float:
        """Of the coil's current."""
        ...

    def sizes(self, patch: Patch) -> NDArray[np.floating]:
        """|E| in a patch, (n, K)."""
        ...

    def dose_at(self, other: OtherTarget) -> NDArray[np.float64]:
        """Size of the mean field vector over another target, (n,)."""
        ...


@dataclass(frozen=True, eq=False)
class OtherTarget:
    """A further target: its dose map, its tetrahedra and weights, and what the coil can give it alone."""

    name: str
    dose_map: DoseMap
    tets: NDArray[np.int64]
    weights: NDArray[np.float64]
    best_v_per_m: float  # at 1 A/µs
    scalp_points_mm: NDArray[np.float64]  # (P, 3)
    best_at_point_v_per_m: NDArray[np.float64]  # (P,) at 1 A/µs, over all angles; −inf where the coil cannot be


@dataclass(frozen=True, eq=False)
class Posed:
    """The fields of n poses."""

    coil: Coil
    poses: NDArray[np.float64]
    mean_e_v_per_m: NDArray[np.float64]
    didt_a_per_s: float
    known: dict[int, NDArray[np.floating]] = field(default_factory=dict)  # patches share a basis: asked once

    def sizes(self, patch: Patch) -> NDArray[np.floating]:
        """|E| in a patch, (n, K)."""
        basis = patch.field
        if basis is None:
            raise ValueError(f"the patch {patch.name} has no field to tell poses by")
        if id(basis) not in self.known:
            self.known[id(basis)] = basis.e_v_per_m(condensed(self.coil), self.poses, self.didt_a_per_s)
        e = self.known[id(basis)][:, patch.first : patch.first + len(patch.tets)]
        if patch.pull is not None:
            off = self.mean_e_v_per_m - np.einsum("k,nkx->nx", patch.volumes_mm3 / patch.volumes_mm3.sum(), e)
            e = e + np.einsum("kxd,nd->nkx", patch.pull, off)
        return np.sqrt(np.einsum("nkx,nkx->nk", e, e))

    def dose_at(self, other: OtherTarget) -> NDArray[np.float64]:
        """Size of the mean field vector over another target, (n,)."""
        return dose_of(other.dose_map.mean_e_v_per_m(searchable(self.coil), self.poses, self.didt_a_per_s), None)


@dataclass(frozen=True, eq=False)
class Solved:
    """One field of the whole head, (M, 3), and its mean over the target, (1, 3)."""

    e_v_per_m: NDArray[np.floating]
    mean_e_v_per_m: NDArray[np.float64]
    didt_a_per_s: float

    def sizes(self, patch: Patch) -> NDArray[np.floating]:
        """|E| in a patch, (1, K)."""
        return np.linalg.norm(self.e_v_per_m[patch.tets], axis=-1)[None]

    def dose_at(self, other: OtherTarget) -> NDArray[np.float64]:
        """Size of the mean field vector over another target, (1,)."""
        return np.array([np.linalg.norm(other.weights @ self.e_v_per_m[other.tets])])


def pull_of(
    modes: NDArray[np.floating], variance: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""How E at K points answers to their mean being known, (K, 3, 3).

    With e = U c, mode r of variance s_r² a priori, and the mean W e known to be off by δ, the likeliest correction of c is
    S²(WU)ᵀ (WU S² (WU)ᵀ)⁻¹ δ; it makes a basis of two dozen solves right to 1 % where it alone is right to 3 %.

    Parameters
    ----------
    modes : (3 K, r)
        U.
    variance : (r,)
        s².
    weights : (K,)
        Of the mean; they sum to one.
    """
    u = np.asarray(modes, np.float64).reshape(len(weights), 3, -1)
    mean = np.einsum("k,kxr->xr", weights, u)
    answer = (variance[:, None] * mean.T) @ np.linalg.pinv((mean * variance) @ mean.T)
    return np.einsum("kxr,rd->kxd", u, answer)


def mean_size(sizes: NDArray[np.floating], volumes_mm3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Volume-weighted mean of sizes (n, K), (n,)."""
    return sizes @ (volumes_mm3 / volumes_mm3.sum())


def percentile_size(
    sizes: NDArray[np.floating], volumes_mm3: NDArray[np.float64], percent: float
) -> NDArray[np.float64]:
    """The smallest size that, with all below it, holds ``percent`` of the volume, (n,).

    Examples
    --------
    >>> import numpy as np
    >>> sizes, volumes = np.array([[3.0, 1.0, 2.0]]), np.array([1.0, 1.0, 2.0])
    >>> [float(percentile_size(sizes, volumes, p)[0]) for p in (0, 50, 75, 100)]
    [1.0, 2.0, 2.0, 3.0]
    """
    return weighted_quantile(sizes, volumes_mm3, percent / 100).astype(np.float64)


def spread_sample(
    points_mm: NDArray[np.float64], volumes_mm3: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """At most ``count`` of some tetrahedra, evenly spread over their volume, and the volume each of them stands for.

    The tetrahedra are put in the order of a space-filling curve (Morton's) and every (V/count)-th cubic millimetre of it
    chooses the one it falls in: a stratified sample, for sums Σ v f over all of them.
    """
    if len(points_mm) <= count:
        return np.arange(len(points_mm)), volumes_mm3
    order = np.argsort(morton_codes(points_mm), kind="stable")
    along = np.cumsum(volumes_mm3[order])
    ticks = (np.arange(count) + 0.5) * along[-1] / count
    chosen, times = np.unique(order[np.searchsorted(along, ticks)], return_counts=True)
    return chosen, times * along[-1] / count
