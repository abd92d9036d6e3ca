r"""Feasible coil poses with their mean field and score, from a table over places on the scalp and angles of the coil.

A coil that a half turn leaves the same, or reverses, is tabulated over half of the angles.

At a fixed place the field ⟨E⟩(θ) is a smooth periodic function of the coil's angle: sampled every 5° it is its own
Fourier series, which gives the best angle *between* the samples in closed form: the root of the derivative of the squared
dose, found from the largest sample by Newton steps on the series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from atlases.scalp import Scalp
from targeting.coils.coil import Coil
from targeting.coils.equivalent import searchable
from targeting.coils.sources import MagneticDipoles, PotentialGrid
from targeting.tms.dose_map import DoseMap, dose_of
from targeting.tms.objectives import Objective
from targeting.tms.orientation import Orientation
from targeting.tms.placement import allowed, current_angle_deg, place, push_out, turn

POINTS_AT_ONCE = 512
HARMONICS = 12  # of ⟨E⟩(θ); what lies above is the casing catching on the scalp
NEWTON_STEPS = 4
SAME_CASING_MM = 0.5
TILT_STEP_DEG = 5.0
EXTRA_STEPS = 4


@dataclass(frozen=True, eq=False)
class PoseTable:
    """Fields of one coil at p scalp points and a angles, the casing ``hair_mm`` off the scalp.

    Parameters
    ----------
    points_mm : (p, 3) float64
        RAS mm.
    angles_deg : (a,) float64
        Of the induced current; see ``placement``.
    hair_mm : float
    mean_e_v_per_m : (p, a, 3) float32
        NaN where the coil cannot be brought to that distance.
    distance_mm : (p, a) float32
        From the casing to the scalp, as reached.
    """

    points_mm: NDArray[np.float64]
    angles_deg: NDArray[np.floating]
    hair_mm: float
    mean_e_v_per_m: NDArray[np.float32]
    distance_mm: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        scalp: Scalp,
        coil: Coil,
        dose_map: DoseMap,
        points_mm: NDArray[np.float64],
        angles_deg: NDArray[np.floating],
        hair_mm: float,
        didt_a_per_s: float,
        source: Coil | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> PoseTable:
        """Place the coil everywhere and read the dose map.

        Parameters
        ----------
        scalp : Scalp
        coil : Coil
        dose_map : DoseMap
        points_mm : (n, 3)
            On the scalp.
        angles_deg : (a,)
            Of the current.
        hair_mm : float
            From the casing to the scalp.
        didt_a_per_s : float
            Rate of change of the coil current, A/s.
        source : Coil, optional
            Makes the coil's field, if not the coil itself.
        progress : callable, optional
            Takes the number of points done and that of all.
        """
        half = len(angles_deg) // 2
        sign = half_turn_sign(coil) if np.array_equal(angles_deg[half:], angles_deg[:half] + 180.0) else 0
        looked_at = angles_deg[:half] if sign else angles_deg
        fields = np.empty((len(points_mm), len(looked_at), 3), np.float32)
        distances = np.empty(fields.shape[:2], np.float32)
        for start in range(0, len(points_mm), POINTS_AT_ONCE):
            part = slice(start, start + POINTS_AT_ONCE)
            poses, distances[part] = place(scalp, coil, points_mm[part], looked_at, hair_mm)
            e = dose_map.mean_e_v_per_m(source or coil, poses.reshape(-1, 4, 4), didt_a_per_s)
            fields[part] = e.reshape(*poses.shape[:2], 3)
            if progress:
                progress(min(part.stop, len(points_mm)), len(points_mm))
        if sign:
            fields = np.concatenate([fields, sign * fields], axis=1)
            distances = np.concatenate([distances, distances], axis=1)
        fields[~allowed(distances, hair_mm)] = np.nan
        return cls(points_mm, angles_deg, hair_mm, fields, distances)

    @classmethod
    def joined(cls, tables: Sequence[PoseTable]) -> PoseTable:
        """The places of several tables with the same angles, in their order."""
        arrays = {
            name: np.concatenate([getattr(table, name) for table in tables])
            for name in ("points_mm", "mean_e_v_per_m", "distance_mm")
        }
        return replace(tables[0], **arrays)

    @property
    def tried(self) -> int:
        """How many poses were looked at."""
        return self.distance_mm.size

    @property
    def refused(self) -> int:
        """How many of them cannot be."""
        return int(np.isnan(self.mean_e_v_per_m[..., 0]).sum())

    @property
    def reversed(self) -> PoseTable:
        """The same with the coil's current reversed."""
        return replace(self, mean_e_v_per_m=-self.mean_e_v_per_m)

    def at_angles(self, angles_deg: NDArray[np.floating]) -> PoseTable:
        """The fields at more angles, all round like those of the table, by the Fourier series of ⟨E⟩(θ).

        Where some angle is refused there is no series: there each angle has what the nearest of the table has.
        """
        step = 360.0 / len(self.angles_deg)
        nearest = np.rint((angles_deg - self.angles_deg[0]) / step).astype(int) % len(self.angles_deg)
        fields = self.mean_e_v_per_m[:, nearest]
        whole = np.isfinite(self.mean_e_v_per_m[..., 0]).all(1)
        series = _series(self.mean_e_v_per_m[whole].astype(np.float64))
        turn = np.radians(angles_deg - self.angles_deg[0])[:, None] * np.arange(series.shape[1])
        fields[whole] = np.einsum("ak,pkd->pad", np.exp(1j * turn), series).real
        return replace(self, angles_deg=angles_deg, mean_e_v_per_m=fields, distance_mm=self.distance_mm[:, nearest])

    def best(
        self, unit: NDArray[np.float64] | None, may: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Best dose at each point over the angles, between the samples too, (p,), and its angle in degrees, (p,).

        −inf where no angle is left: of those the coil can be brought to, those that ``may`` (p, a) allows.
        """
        dose = allowed_doses(self.mean_e_v_per_m.astype(np.float64), unit, may)
        index, best = dose.argmax(1), dose.max(1)
        angle = self.angles_deg[index]
        step = np.diff(self.angles_deg)
        whole = np.isfinite(self.mean_e_v_per_m[..., 0]).all(1)
        if len(step) and np.allclose(step, 360.0 / len(self.angles_deg)):
            between, peak = _between(self.mean_e_v_per_m[whole], self.angles_deg, index[whole], unit)
            # a point where the casing catches is not band-limited: there the sample itself is the answer
            better = (peak >= best[whole]) & (np.abs(between - angle[whole]) <= step[0])
            angle[whole] = np.where(better, between, angle[whole])
            best[whole] = np.where(better, peak, best[whole])
        return best, angle


def half_turn_sign(coil: Coil) -> int:
    """What a half turn about its z axis does to a coil's field: 1 nothing, −1 reverses it; 0 if it is another coil then.

    Its casing must fill the same space, as far as its points tell.
    """
    flip = np.array([-1.0, -1.0, 1.0])
    casing = coil.casing.points_mm
    extent = np.stack([casing.min(0), casing.max(0)])
    turned = np.sort(extent * flip, axis=0)
    if np.abs(extent - turned).max() > SAME_CASING_MM:
        return 0
    signs = set()
    for source in coil.sources:
        if isinstance(source, PotentialGrid):
            return 0
        strength = source.moments_a_m2 if isinstance(source, MagneticDipoles) else source.elements_mm
        away, partner = cKDTree(source.points_mm).query(source.points_mm * flip)
        there, here = strength[partner], strength * flip
        same = [s for s in (1, -1) if np.abs(there - s * here).max() <= 1e-6 * np.abs(strength).max()]
        if away.max() > 1e-3 or not same:
            return 0
        signs.add(same[0])
    return signs.pop() if len(signs) == 1 else 0


def allowed_doses(
    mean_e_v_per_m: NDArray, unit: NDArray[np.float64] | None, may: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Doses (p, a) of fields (p, a, 3), −inf where a pose is refused or ``may`` (p, a) leaves it out."""
    dose = dose_of(mean_e_v_per_m, unit)
    good = ~np.isnan(dose)
    return np.where(good if may is None else good & may, dose, -np.inf)


def _series(samples: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Fourier coefficients (p, k, d) of samples (p, a, d) all round, of which the real part is taken."""
    count = samples.shape[1]
    kept = min(HARMONICS, (count - 1) // 2) + 1
    series = np.fft.rfft(samples, axis=1)[:, :kept] / count
    series[:, 1:] *= 2
    return series


def _between(
    e: NDArray[np.float32], angles_deg: NDArray[np.floating], index: NDArray[np.int64], unit: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angle (deg) and height of the peak of the dose's Fourier series near the sample ``index``."""
    samples = e.astype(np.float64) @ unit[:, None] if unit is not None else e.astype(np.float64)
    series = _series(samples)
    order = 1j * np.arange(series.shape[1])
    phase = np.radians(angles_deg[index] - angles_deg[0])

    def at(x: NDArray[np.float64], derivative: int) -> NDArray[np.float64]:
        wave = np.exp(x[:, None] * order) * order**derivative
        return np.einsum("pk,pkd->pd", wave, series).real

    x = phase.copy()
    for _ in range(NEWTON_STEPS):
        value, slope, bend = (at(x, d) for d in range(3))
        first, second = (value * slope).sum(1), (slope * slope + value * bend).sum(1)
        x -= np.where(second < 0, np.clip(first / np.where(second < 0, second, 1), -0.05, 0.05), 0.0)
    value = at(x, 0)
    height = value[:, 0] if unit is not None else np.linalg.norm(value, axis=1)
    return angles_deg[0] + np.degrees(x), height


@dataclass(frozen=True, eq=False)
class JudgedPoses:
    """n poses that can be: where each stands, and its field and worth."""

    scalp_mm: NDArray[np.float64]  # (n, 3)
    poses: NDArray[np.float64]  # (n, 4, 4)
    distance_mm: NDArray[np.float64]  # (n,)
    mean_e_v_per_m: NDArray[np.float64]  # (n, 3)
    worth: NDArray[np.float64]  # (n,)

    @classmethod
    def joined(cls, parts: list[JudgedPoses]) -> JudgedPoses:
        """All of several, in their order."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))

    def kept(self, which: ArrayLike) -> JudgedPoses:
        """Some of them, by number or by a mask."""
        return JudgedPoses(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    def best(self, count: int, distance_mm: float) -> JudgedPoses:
        """The best, each at least a distance along the scalp from those before it."""
        return self.kept(apart(self.scalp_mm, self.worth, count, distance_mm))

    def angles_deg(self, current_direction_y: int) -> NDArray[np.float64]:
        """Of the induced current, (n,)."""
        return np.array([current_angle_deg(pose, current_direction_y)[0] for pose in self.poses])


@dataclass(frozen=True, eq=False)
class Judge:
    """One coil on one head for one target.

    ``best_v_per_m`` is the largest dose there is, which an objective wants to know; ``unit`` (3,) the direction of the
    dose, or None.  ``orientation`` says how the coil may be turned.
    """

    scalp: Scalp
    coil: Coil
    dose_map: DoseMap
    hair_mm: float
    didt_a_per_s: float
    unit: NDArray[np.float64] | None
    objective: Objective | None
    best_v_per_m: float
    orientation: Orientation = field(default_factory=Orientation)

    @cached_property
    def source(self) -> Coil:
        """The coil with all its parts, as the dose map takes it."""
        return searchable(self.coil)

    def judged(
        self,
        scalp_mm: NDArray,
        poses: NDArray,
        distance_mm: NDArray,
        wanted_mm: float | NDArray,
        normals: NDArray | None = None,
    ) -> JudgedPoses:
        """The feasible ones of some poses, with their mean field and score.

        Parameters
        ----------
        scalp_mm : (n, 3)
            Scalp points.
        poses : (n, 4, 4)
            mm.
        distance_mm : (n,)
            That the casing reached.
        wanted_mm : float or (n,)
            That it should reach.
        normals : (n, 3), optional
            Of the scalp: only poses turned as the orientation allows are kept.
        """
        can = np.flatnonzero(allowed(distance_mm, wanted_mm))
        e = self.dose_map.mean_e_v_per_m(self.source, poses[can], self.didt_a_per_s)
        if normals is not None:
            y = poses[can][:, None, :3, 1]
            turned = self.orientation.allows(y, normals[can], e[:, None], self.coil)[:, 0]
            can, e = can[turned], e[turned]
        poses = poses[can]
        if self.objective is None:
            worth = dose_of(e, self.unit)
        else:
            worth = np.full(len(poses), -np.inf)
            good = self.objective.considered(e, self.best_v_per_m)
            worth[good] = self.objective.score(self.source, poses[good], e[good], self.didt_a_per_s)
        return JudgedPoses(scalp_mm[can], poses, distance_mm[can], e, worth)

    def at(self, points_mm: NDArray, angles_deg: NDArray) -> JudgedPoses:
        """Every point (p, 3) at every angle (a,), or at its own (p, a), as far as the orientation allows them."""
        normals = self.scalp.patch_normals(points_mm)
        every = np.broadcast_to(angles_deg, (len(points_mm), np.shape(angles_deg)[-1]))
        asked = self.orientation.clipped_deg(every, normals, self.coil)
        poses, distance = place(self.scalp, self.coil, points_mm, asked, self.hair_mm)
        where, facing = (np.repeat(each, poses.shape[1], axis=0) for each in (points_mm, normals))
        return self.judged(where, poses.reshape(-1, 4, 4), distance.ravel(), self.hair_mm, facing)

    def leaning(self, few: JudgedPoses, tilt_deg: float, extra_mm: float) -> tuple[JudgedPoses, int]:
        """A few poses tilted about both axes and farther off, all of both; and how many were tried."""
        reach = np.floor(tilt_deg / TILT_STEP_DEG)
        lean = np.radians(np.arange(-reach, reach + 1) * TILT_STEP_DEG)
        about_x, about_y = (each.ravel() for each in np.meshgrid(lean, lean))
        tilts = turn(0, about_x) @ turn(1, about_y)
        distances = self.hair_mm + np.linspace(0.0, extra_mm, EXTRA_STEPS) if extra_mm else np.array([self.hair_mm])
        normals = self.scalp.patch_normals(few.scalp_mm)
        axes = few.poses[:, None, :3, :3] @ tilts
        points = np.repeat(few.scalp_mm, len(tilts), axis=0)
        found = []
        for wanted in distances:
            poses, reached = push_out(self.scalp, self.coil, few.scalp_mm, normals, axes, float(wanted))
            found.append(self.judged(points, poses.reshape(-1, 4, 4), reached.ravel(), float(wanted)))
        return JudgedPoses.joined(found), len(points) * len(distances)


def apart(points_mm: NDArray, worth: NDArray, count: int, distance_mm: float) -> list[int]:
    """The points (n, 3) worth most, each at least a distance from those before it; −inf is worth nothing.

    Parameters
    ----------
    points_mm : (n, 3)
    worth : (n,)
        −inf is never taken.
    count : int
        At most.
    distance_mm : float
        Least distance.
    """
    chosen: list[int] = []
    for p in np.argsort(-worth, kind="stable"):
        if len(chosen) == count or worth[p] == -np.inf:
            break
        if not chosen or np.linalg.norm(points_mm[p] - points_mm[chosen], axis=1).min() >= distance_mm:
            chosen.append(int(p))
    return chosen
