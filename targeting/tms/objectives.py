r"""Objectives of a pose search beyond the size of the mean field vector: an :class:`Objective` scores poses.

The linear doses need the mean field E̅ = ⟨E⟩ of the target alone, which the dose map gives for every pose.  All others need
|E| at many points, which a :class:`Patch` of grey matter gives through a field basis: with volumes v_k of its tetrahedra,

    mean        Σ v_k |E_k| / Σ v_k
    percentile  the |E| below which p % of the volume stay; p = 0 is the smallest
    focality    mean over the target / mean over all other grey matter
    focal volume   Σ v_k over the grey matter with |E_k| above half of the target's mean
    depth       |E̅| / (1 + w S / |E̅|),  S the 99th percentile over grey matter nearer to the scalp than the target
    avoidance   Q / (1 + w Σ_r R_r / |E̅|),  Q any of these, R_r the mean |E| in region r
    together    the smallest of |E̅_i| / (its own largest, reached when the coil serves target i alone)

Penalties divide, rather than being subtracted: a pose that gives the target nothing is then never the best, however little
it gives to others.  A common factor on dI/dt scales E everywhere, and changes no ranking.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshes.space_order import morton_codes
from meshes.weighted import weighted_quantile
from targeting.coils.coil import Coil
from targeting.coils.condensed import condensed
from targeting.coils.equivalent import searchable
from targeting.tms.dose_map import DoseMap, dose_of
from targeting.tms.objective_names import objective_words

LEAST_SHARE = 0.5  # of the largest dose: what a pose must give the target to be considered at all
PENALTY = 1.0  # a region that gets what the target gets halves the score
SUPERFICIAL_PERCENT = 99.0
POSES_AT_ONCE = 256  # of K points each: 256 × 4,000 × 3 numbers are 12 MB
TINY = 1e-30  # V/m: keeps ratios of fields that vanish everywhere finite


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

    def only(self, mask: NDArray[np.bool_]) -> Patch:
        """The same patch without the points that are not chosen (K,)."""
        return replace(self, volumes_mm3=np.where(mask, self.volumes_mm3, 0.0))


class ObjectiveFields(Protocol):
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
class PoseFields:
    """The fields of n poses."""

    coil: Coil
    poses: NDArray[np.float64]
    mean_e_v_per_m: NDArray[np.float64]
    didt_a_per_s: float
    cache: dict[int, NDArray[np.floating]] = field(default_factory=dict)  # patches share a basis: asked once

    def sizes(self, patch: Patch) -> NDArray[np.floating]:
        """|E| in a patch, (n, K)."""
        basis = patch.field
        if basis is None:
            raise ValueError(f"the patch {patch.name} has no field to tell poses by")
        if id(basis) not in self.cache:
            self.cache[id(basis)] = basis.e_v_per_m(condensed(self.coil), self.poses, self.didt_a_per_s)
        e = self.cache[id(basis)][:, patch.first : patch.first + len(patch.tets)]
        if patch.pull is not None:
            off = self.mean_e_v_per_m - np.einsum("k,nkx->nx", patch.volumes_mm3 / patch.volumes_mm3.sum(), e)
            e = e + np.einsum("kxd,nd->nkx", patch.pull, off)
        return np.sqrt(np.einsum("nkx,nkx->nk", e, e))

    def dose_at(self, other: OtherTarget) -> NDArray[np.float64]:
        """Size of the mean field vector over another target, (n,)."""
        return dose_of(other.dose_map.mean_e_v_per_m(searchable(self.coil), self.poses, self.didt_a_per_s), None)


@dataclass(frozen=True, eq=False)
class DirectField:
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


@dataclass(frozen=True, eq=False)
class Objective(ABC):
    """What a search makes as large as it can.

    ``least_share``: a pose that gives the target less than this share of the largest dose is not considered.
    """

    least_share: float

    name = "dose"
    unit = "V/m"

    @property
    def words(self) -> str:
        """What the value is."""
        return objective_words(self.name)

    @abstractmethod
    def value(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """The quantity in its own unit, (n,)."""

    def rank(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """The same as a number that is better when larger, (n,)."""
        return self.value(fields)

    def score(
        self, coil: Coil, poses: NDArray[np.float64], mean_e_v_per_m: NDArray[np.float64], didt_a_per_s: float
    ) -> NDArray[np.float64]:
        """How good poses are, larger is better; finite wherever the fields are.

        Parameters
        ----------
        coil : Coil
        poses : (n, 4, 4)
            Coil → world, RAS mm.
        mean_e_v_per_m : (n, 3)
            Mean field vector over the target, from its dose map.
        didt_a_per_s : float

        Returns
        -------
        (n,) float64
        """
        return self._in_turn(self.rank, coil, poses, mean_e_v_per_m, didt_a_per_s)

    def values(
        self, coil: Coil, poses: NDArray[np.float64], mean_e_v_per_m: NDArray[np.float64], didt_a_per_s: float
    ) -> NDArray[np.float64]:
        """The quantity in its own unit for poses as in :meth:`score`, (n,).

        Parameters
        ----------
        coil : Coil
        poses : (n, 4, 4)
            mm.
        mean_e_v_per_m : (n, 3)
            The target's mean field at these poses.
        didt_a_per_s : float
            Rate of change of the coil current, A/s.
        """
        return self._in_turn(self.value, coil, poses, mean_e_v_per_m, didt_a_per_s)

    def promise(self, points_mm: NDArray[np.float64], best_dose_v_per_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """What places on the scalp (p, 3) may bring, (p,), from the target's best dose there over all angles.

        Places with less than ``least_share`` of the largest promise are not looked at.
        """
        return best_dose_v_per_m

    def considered(self, mean_e_v_per_m: NDArray[np.float64], best_dose_v_per_m: float) -> NDArray[np.bool_]:
        """Which poses give the target enough, (n,), when the best possible dose is known."""
        return np.linalg.norm(mean_e_v_per_m, axis=-1) >= self.least_share * best_dose_v_per_m

    @staticmethod
    def _in_turn(
        measure: Callable[[PoseFields], NDArray],
        coil: Coil,
        poses: NDArray,
        mean_e_v_per_m: NDArray,
        didt_a_per_s: float,
    ) -> NDArray[np.float64]:
        out = np.empty(len(poses))
        for start in range(0, len(poses), POSES_AT_ONCE):
            some = slice(start, start + POSES_AT_ONCE)
            out[some] = measure(PoseFields(coil, poses[some], mean_e_v_per_m[some], didt_a_per_s))
        return out


@dataclass(frozen=True, eq=False)
class LinearDose(Objective):
    """|E̅|, or its component along a unit vector."""

    direction: NDArray[np.float64] | None = None
    name: str = "dose"

    def value(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """V/m."""
        return dose_of(fields.mean_e_v_per_m, self.direction)


@dataclass(frozen=True, eq=False)
class MeanStrength(Objective):
    """Mean |E| over the target."""

    target: Patch
    name = "mean"

    def value(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """V/m."""
        return mean_size(fields.sizes(self.target), self.target.volumes_mm3)


@dataclass(frozen=True, eq=False)
class Percentile(Objective):
    """The |E| below which a part of the target's volume stays; 0 %: the smallest."""

    target: Patch
    percent: float
    name: str = "p75"

    def value(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """V/m."""
        return percentile_size(fields.sizes(self.target), self.target.volumes_mm3, self.percent)


@dataclass(frozen=True, eq=False)
class Focality(Objective):
    """Mean |E| in the target over mean |E| outside it."""

    target: Patch
    outside: Patch
    name = "focality"
    unit = ""

    def value(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """A ratio."""
        inside = mean_size(fields.sizes(self.target), self.target.volumes_mm3)
        return inside / np.maximum(mean_size(fields.sizes(self.outside), self.outside.volumes_mm3), TINY)


@dataclass(frozen=True, eq=False)
class FocalVolume(Objective):
    """The volume of grey matter above half of the target's mean |E|; its inverse is the score."""

    target: Patch
    grey: Patch
    name = "focal-volume"
    unit = "cm³"

    def value(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """cm³."""
        half = mean_size(fields.sizes(self.target), self.target.volumes_mm3) / 2
        return (fields.sizes(self.grey) > half[:, None]) @ self.grey.volumes_mm3 / 1000

    def rank(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """1/cm³; no volume is smaller than a point's."""
        return 1 / np.maximum(self.value(fields), self.grey.volumes_mm3[self.grey.volumes_mm3 > 0].min() / 1000)


@dataclass(frozen=True, eq=False)
class Depth(Objective):
    """The dose, held against the superficial field it takes."""

    superficial: Patch
    weight: float = PENALTY
    name = "depth"

    def value(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """V/m."""
        dose = dose_of(fields.mean_e_v_per_m, None)
        above = percentile_size(fields.sizes(self.superficial), self.superficial.volumes_mm3, SUPERFICIAL_PERCENT)
        return dose / (1 + self.weight * above / np.maximum(dose, TINY))


@dataclass(frozen=True, eq=False)
class Avoiding(Objective):
    """Another objective, divided by 1 + weight × (mean |E| in each region, as shares of the target's dose).

    With a ``cap``, poses that give a region more than this share of the target's dose come after all that do not, the
    least excess first, and have a negative score.
    """

    inner: Objective
    regions: tuple[Patch, ...]
    weight: float = PENALTY
    cap: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.inner.name)
        object.__setattr__(self, "unit", self.inner.unit)

    @property
    def words(self) -> str:
        """What the value is, and what is avoided."""
        return f"{self.inner.words}; avoided: {', '.join(each.name for each in self.regions)}"

    def shares(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """Mean |E| in each region over the target's dose, (n, regions)."""
        dose = np.maximum(dose_of(fields.mean_e_v_per_m, None), TINY)
        return np.stack([mean_size(fields.sizes(each), each.volumes_mm3) / dose for each in self.regions], axis=1)

    def value(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """The other objective's."""
        return self.inner.value(fields)

    def rank(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """The penalised one."""
        shares, rank = self.shares(fields), self.inner.rank(fields)
        rank = np.where(rank > 0, rank / (1 + self.weight * shares.sum(1)), rank)
        if self.cap is None:
            return rank
        excess = shares.max(1) - self.cap
        return np.where(excess > 0, -excess, rank)

    def promise(self, points_mm: NDArray[np.float64], best_dose_v_per_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """The other objective's."""
        return self.inner.promise(points_mm, best_dose_v_per_m)

    def considered(self, mean_e_v_per_m: NDArray[np.float64], best_dose_v_per_m: float) -> NDArray[np.bool_]:
        """As the other objective says."""
        return self.inner.considered(mean_e_v_per_m, best_dose_v_per_m)


@dataclass(frozen=True, eq=False)
class Together(Objective):
    """Several targets at once: the smallest of their doses, each as a share of what it could get alone."""

    best_v_per_m: float  # of the first target alone, at 1 A/µs
    others: tuple[OtherTarget, ...]
    name = "dose"
    unit = ""

    @property
    def words(self) -> str:
        """What the value is."""
        names = ", ".join(each.name for each in self.others)
        return f"smallest of the doses of the target and {names}, each as a share of the largest it can get alone"

    def shares(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """Of each target, the first one first, (n, targets)."""
        doses = [dose_of(fields.mean_e_v_per_m, None), *(fields.dose_at(each) for each in self.others)]
        best = np.array([self.best_v_per_m, *(each.best_v_per_m for each in self.others)])
        return np.stack(doses, axis=1) / (best * fields.didt_a_per_s / 1e6)

    def value(self, fields: ObjectiveFields) -> NDArray[np.float64]:
        """A share."""
        return self.shares(fields).min(1)

    def promise(self, points_mm: NDArray[np.float64], best_dose_v_per_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """The smallest of the shares that the targets can have at each place, if each chose the angle."""
        shares = [best_dose_v_per_m / best_dose_v_per_m.max()]
        for other in self.others:
            _, nearest = cKDTree(other.scalp_points_mm).query(points_mm)
            shares.append(other.best_at_point_v_per_m[nearest] / other.best_v_per_m)
        return np.min(shares, axis=0)

    def considered(self, mean_e_v_per_m: NDArray[np.float64], best_dose_v_per_m: float) -> NDArray[np.bool_]:
        """All: what the targets get is the objective itself."""
        return np.ones(len(mean_e_v_per_m), bool)
