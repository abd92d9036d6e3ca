r"""The wanted field whatever its direction: the direction in which it costs least, over all of them, with a proven bound.

|Mx| ≥ D is not convex, but it holds just when d·Mx ≥ D for some unit d, and for one d the least energy φ(d, D) is a
quadratic programme.  Let d₁, d₂, d₃ span a spherical triangle and h be the distance of their plane from the middle.  Every
unit u of the triangle is Σ α_i d_i with α ≥ 0 and Σ α_i ≤ 1/h, so if u·Mx ≥ D then d_i·Mx ≥ hD for one of the corners:

    min_i φ(d_i, hD) ≤ φ(u, D).

The half sphere (φ(−d) = φ(d)) is split into triangles until none can better the best direction by more than ``TOLERANCE``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError
from targeting.tes.optimise.avoidance import Cap
from targeting.tes.optimise.limits import Limits
from targeting.tes.optimise.magnitude import maximum_magnitude
from targeting.tes.optimise.programme import MA_PER_A, Programme, quadratic
from targeting.tes.optimise.region import Region
from targeting.tes.optimise.triangles import half_sphere, middles_of, plane_distance, split

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield

TOLERANCE = 1e-2  # relative, of the root mean square elsewhere
LEVELS = 8
CLIMBS = 20


@dataclass(frozen=True, eq=False)
class Cheapest:
    """The direction (3,), the root mean square elsewhere with the dose along it, and a bound on that for all directions."""

    unit: NDArray[np.float64]
    rms_v_per_m: float
    bound_v_per_m: float


def cheapest_direction(
    leadfield: Leadfield,
    target: Region,
    dose_v_per_m: float,
    form: NDArray[np.float64],
    limits: Limits,
    avoid: Sequence[Cap] = (),
) -> Cheapest:
    """The direction along which a dose has the least xᵀ form x.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    dose_v_per_m : float
    form : (n, n)
        Mean |E|² elsewhere, (V/m)²/A².
    limits : Limits
        Its number of electrodes is left aside.
    avoid : sequence of Cap

    Raises
    ------
    InputError
        If the limits allow the dose in no direction.
    """
    free = Limits(limits.total_a, limits.per_electrode_a)
    rows = target.mean_rows(leadfield)
    strong = maximum_magnitude(leadfield, target, limits, avoid)
    if dose_v_per_m > strong.dose_v_per_m:
        times = dose_v_per_m / strong.dose_v_per_m
        more = "raise the caps" if avoid else f"allow {1.005 * times:.3g} times the current in total and per electrode"
        raise InputError(
            f"{target.name} can get at most {strong.dose_v_per_m:.4g} V/m in any direction under {limits.words}, "
            f"not {dose_v_per_m:.4g} V/m: ask for less or {more}"
        )
    cost = _Cost(leadfield, rows / dose_v_per_m, form, free, avoid, strong.currents_a)
    best = cost.climbed(rows @ strong.currents_a)
    triangles, closed = half_sphere(), np.inf
    for _ in range(LEVELS):
        bounds = _corner_costs(cost, triangles)
        cheapest = triangles.reshape(-1, 3)[np.argmin(bounds)]
        best = min(best, cost.climbed(cheapest), key=lambda each: each[1])
        going = bounds.min(1) < best[1] * (1 - TOLERANCE)
        closed = min(closed, float(bounds[~going].min(initial=np.inf)))
        if not going.any():
            break
        triangles = split(triangles[going], middles_of(triangles[going]))
    else:
        closed = min(closed, float(bounds[going].min()))
    return Cheapest(best[0], best[1], min(closed, best[1]))


def _corner_costs(cost: _Cost, triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """φ(d_i, hD) at the corners of every triangle, (m, 3) V/m, with the least h of all: corners are shared."""
    share = float(plane_distance(triangles).min())
    return np.array([[cost.at(corner, share)[0] for corner in each] for each in triangles])


class _Cost:
    """φ(d, share × dose) as one programme solved again and again; what was asked before is remembered."""

    def __init__(
        self,
        leadfield: Leadfield,
        rows_per_dose: NDArray[np.float64],
        form: NDArray[np.float64],
        limits: Limits,
        avoid: Sequence[Cap],
        typical_a: NDArray[np.float64],
    ) -> None:
        import cvxpy as cp

        self.rows = rows_per_dose
        self.scale = float(np.sqrt(typical_a @ form @ typical_a))
        self.row = cp.Parameter(len(form))
        scaled = form / (MA_PER_A * self.scale) ** 2
        self.programme = Programme(
            leadfield, limits, lambda x: quadratic(x, scaled), lambda x: [self.row @ x >= 1], avoid
        )
        self.known: dict[tuple[bytes, float], tuple[float, NDArray[np.float64]]] = {}

    def at(self, unit: NDArray[np.float64], share: float) -> tuple[float, NDArray[np.float64]]:
        """The root mean square elsewhere, V/m (infinite where the dose is out of reach), and the mean field Mx / dose."""
        key = (np.round(unit, 12).tobytes(), share)
        if key not in self.known:
            self.row.value = unit @ self.rows / MA_PER_A / share
            found = self.programme.solve()
            if found is None:
                self.known[key] = np.inf, unit
            else:
                rms = self.scale * float(np.sqrt(max(found.cost, 0.0)))
                self.known[key] = rms, self.rows @ found.currents_a
        return self.known[key]

    def climbed(self, toward: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """A direction and its cost, from a first one downhill: the field's own direction costs no more."""
        unit = toward / np.linalg.norm(toward)
        rms, mean = self.at(unit, 1.0)
        for _ in range(CLIMBS):
            if not np.isfinite(rms):
                break
            turned = mean / np.linalg.norm(mean)
            lower, mean = self.at(turned, 1.0)
            if not lower < rms * (1 - 1e-6):
                break
            unit, rms = turned, lower
        return unit, rms
