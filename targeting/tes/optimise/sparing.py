r"""The largest field in a target while no avoided region gets more than a share of it, with or without a direction.

Along d the programme is max d·Mx with |E|_rms ≤ s d·Mx in every region: a cone programme (``avoidance.ShareCap``).  Over
all directions it is not convex, but any x allowed for the magnitude, |E|_rms ≤ s |Mx|, is allowed along its own direction
u = Mx/|Mx|.  Let d₁, d₂, d₃ span a spherical triangle that holds u, and h be the distance of their plane from the middle:
some corner has d_i·u ≥ h, so x is allowed there with the share s/h, and

    |Mx| ≤ max_i φ(d_i, s/h) / h,        φ(d, s) = max d·Mx along d with the share s.

The half sphere (φ(−d, s) = φ(d, s)) is split until no triangle can better the best montage by more than ``TOLERANCE``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from targeting.tes.optimise.directions import bound_over_directions, half_sphere, plane_distance
from targeting.tes.optimise.intensity import caps_reached, maximum_intensity, strongest
from targeting.tes.optimise.limits import Limits, ShareCap, rms_v_per_m
from targeting.tes.optimise.magnitude import anodal_sign
from targeting.tes.optimise.programme import MA_PER_A, InfeasibleError, Optimum, Programme, at_most, settled
from targeting.tes.optimise.region import Region, root

if TYPE_CHECKING:
    from targeting.tes.leadfield import Leadfield

TOLERANCE = 1e-2
LEVELS = 7
CLIMBS = 20
NONE = 1e-4  # of the dose without regions to spare: below this there is no montage
COARSE_LEVELS = 2  # the half sphere in triangles 22° wide, for the least share that is told in a message


def intensity_sparing(
    leadfield: Leadfield,
    target: Region,
    direction: ArrayLike,
    limits: Limits,
    regions: Sequence[Region],
    share: float,
) -> Optimum:
    """The largest mean field along a direction of which no region gets more than a share.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    direction : (3,) or (m, 3)
        RAS; one for the target, or one at each of its points.
    limits : Limits
    regions : sequence of Region
        Regions to spare.
    share : float
        Of the dose, that no region may pass.

    Raises
    ------
    InputError
        If every montage gives some region more; the line says how little the best one gives.
    """
    row = target.row(leadfield, direction)
    found = maximum_intensity(leadfield, target, direction, limits, [ShareCap(each, row, share) for each in regions])
    if found.dose_v_per_m <= NONE * float(row @ strongest(row, limits)):
        raise InputError(refusal(leadfield, target, [row], limits, regions, share))
    return found


def magnitude_sparing(
    leadfield: Leadfield, target: Region, limits: Limits, regions: Sequence[Region], share: float
) -> Optimum:
    """The largest mean field vector of which no region gets more than a share, whatever its direction.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    limits : Limits
    regions : sequence of Region
        Regions to spare.
    share : float
        Of the dose, that no region may pass.

    Returns
    -------
    Optimum
        Its value is the dose, V/m; the bound holds for any number of electrodes.

    Raises
    ------
    InputError
        If every montage gives some region more; the line says how little the best one gives.
    """
    free = Limits(limits.total_a, limits.per_electrode_a)
    rows = target.mean_rows(leadfield)
    search = _Along(leadfield, rows, free, regions, share)
    best, currents, bound = search.best()
    most = float(np.linalg.norm(rows, axis=0).max()) * limits.total_a
    if best <= NONE * most:
        raise InputError(refusal(leadfield, target, _directions() @ rows, limits, regions, share))
    if limits.electrodes is not None and np.count_nonzero(currents) > limits.electrodes:
        currents = _few(leadfield, rows, rows @ currents, limits, regions, share)
        if not currents.any():
            raise InputError(refusal(leadfield, target, _directions() @ rows, limits, regions, share))
    currents = currents * anodal_sign(leadfield, target, currents)
    mean = rows @ currents
    dose = float(np.linalg.norm(mean))
    caps = [ShareCap(each, mean / dose @ rows, share) for each in regions]
    binding = limits.reached(currents) + caps_reached(leadfield, currents, caps)
    return Optimum("magnitude", tuple(leadfield.names), currents, dose, dose, max(bound, dose), binding)


def least_share(
    leadfield: Leadfield,
    rows: Sequence[NDArray[np.float64]] | NDArray[np.float64],
    limits: Limits,
    regions: Sequence[Region],
) -> tuple[float, Region]:
    """The least that the worst-hit region can get as a share of the dose, and which region that is.

    Parameters
    ----------
    leadfield : Leadfield
    rows : sequence of (n,)
        One for each direction of the dose that may be chosen, V/m per A.
    limits : Limits
    regions : sequence of Region

    Returns
    -------
    float, Region
        With a limit on the number of electrodes the best that was found.
    """
    import cvxpy as cp

    scale = max(float(np.abs(row).max()) for row in rows)
    forms = [root(each.mean_square(leadfield)) / scale for each in regions]
    along = cp.Parameter(len(rows[0]))
    # at a dose so small that only the number of electrodes counts of the limits
    dose = 1e-3 * MA_PER_A * limits.usable_a(len(rows[0]))

    def programme(few: Limits) -> Programme:
        return Programme(
            leadfield,
            few,
            lambda x: cp.max(cp.hstack([cp.norm2(form @ x) for form in forms])) / dose,
            lambda x: [along @ x >= dose],
        )

    relaxed = programme(Limits(limits.total_a, limits.per_electrode_a))
    found = []
    for row in rows:
        along.value = row / scale
        solution = relaxed.solve()
        if solution is not None:
            found.append((solution.cost, row, solution.currents_a))
    _, row, currents = min(found, key=lambda each: each[0])
    if limits.electrodes is not None:
        along.value = row / scale
        with suppress(InfeasibleError):
            currents = at_most(programme(limits)).currents_a
    shares = [rms_v_per_m(leadfield, each, currents) / float(row @ currents) for each in regions]
    worst = int(np.argmax(shares))
    return shares[worst], regions[worst]


def refusal(
    leadfield: Leadfield,
    target: Region,
    rows: Sequence[NDArray[np.float64]] | NDArray[np.float64],
    limits: Limits,
    regions: Sequence[Region],
    share: float,
) -> str:
    """Why no montage spares the regions, and what to do, in one line.

    Parameters
    ----------
    leadfield : Leadfield
    target : Region
    rows : sequence of (n,)
        Directions of the dose, V/m per A each.
    limits : Limits
    regions : sequence of Region
        Regions to spare.
    share : float
        Of the dose, that no region may pass.
    """
    least, region = least_share(leadfield, rows, limits, regions)
    count = f" with {limits.electrodes} electrodes" if limits.electrodes is not None else ""
    return (
        f"every montage{count} gives {region.name} more than {share:.3g} of the dose in {target.name} (root mean square; "
        f"the least is about {least:.3g}): raise `avoid_cap`, allow more electrodes, or avoid less"
    )


def _directions() -> NDArray[np.float64]:
    return np.unique(np.round(half_sphere(COARSE_LEVELS).reshape(-1, 3), 9), axis=0)


def _few(
    leadfield: Leadfield,
    rows: NDArray[np.float64],
    toward: NDArray[np.float64],
    limits: Limits,
    regions: Sequence[Region],
    share: float,
) -> NDArray[np.float64]:
    """Currents of at most N electrodes, first along a direction, then along that of the field they make."""
    best, length = np.zeros(rows.shape[1]), NONE * float(np.linalg.norm(toward))
    for _ in range(2):
        row = toward / np.linalg.norm(toward) @ rows
        scale = float(np.abs(row).max())
        caps = [ShareCap(each, row, share) for each in regions]
        objective = row / scale
        programme = Programme(leadfield, limits, lambda x, a=objective: -(a @ x), avoid=caps)  # type: ignore[misc]
        try:
            found = settled(at_most(programme, first=best != 0 if best.any() else None).currents_a, limits)
        except InfeasibleError:
            break
        mean = rows @ found
        if not np.linalg.norm(mean) > length * (1 + 1e-4):
            break
        best, toward, length = found, mean, float(np.linalg.norm(mean))
    return best


class _Along:
    """φ(d, share) as one programme solved again and again."""

    def __init__(
        self,
        leadfield: Leadfield,
        rows: NDArray[np.float64],
        limits: Limits,
        regions: Sequence[Region],
        share: float,
    ) -> None:
        import cvxpy as cp

        self.rows, self.limits, self.share = rows, limits, share
        self.scale = float(np.abs(rows).max())
        n = rows.shape[1]
        self.row, self.most = cp.Parameter(n), cp.Parameter(n)
        forms = [root(each.mean_square(leadfield)) / self.scale for each in regions]
        self.programme = Programme(
            leadfield,
            limits,
            lambda x: -(self.row @ x),
            lambda x: [cp.norm2(form @ x) <= self.most @ x for form in forms],
        )
        self.value, self.currents = 0.0, np.zeros(n)

    def at(self, unit: NDArray[np.float64], share: float) -> tuple[float, NDArray[np.float64]]:
        """φ along a direction, V/m, and the currents."""
        row = unit @ self.rows / self.scale
        self.row.value, self.most.value = row, share * row
        found = self.programme.solve()
        if found is None:
            return 0.0, np.zeros(len(row))
        return max(-found.cost, 0.0) * self.scale / MA_PER_A, settled(found.currents_a, self.limits)

    def climb(self, toward: NDArray[np.float64]) -> None:
        """Along a direction, then along that of the field found, as long as that is better; the best is kept."""
        for _ in range(CLIMBS):
            value, currents = self.at(toward, self.share)
            mean = self.rows @ currents
            length = float(np.linalg.norm(mean))
            if value <= 0 or length <= self.value * (1 + 1e-6):
                return
            self.value, self.currents, toward = length, currents, mean / length

    def best(self) -> tuple[float, NDArray[np.float64], float]:
        """The largest |Mx|, its currents, and a bound on it."""
        self.climb(np.array([0.0, 0.0, 1.0]))

        def bounds_of(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
            corners, where = np.unique(np.round(triangles.reshape(-1, 3), 9), axis=0, return_inverse=True)
            h = float(plane_distance(triangles).min())
            values = np.array([self.at(corner, self.share / h)[0] for corner in corners]) / h
            self.climb(corners[np.argmax(values)])
            return values[where.reshape(-1)].reshape(-1, 3).max(1)

        bound = bound_over_directions(bounds_of, lambda bounds: bounds > self.value * (1 + TOLERANCE), LEVELS)
        return self.value, self.currents, max(self.value, bound)
