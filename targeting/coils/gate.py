"""The checks that every coil read from a file must pass, whatever the file's format.

A coil is 2 to 60 cm wide, its parts carry current, it lies behind the head, its field is a coil's, and it is driven at
1 to 1000 A/µs.  A file beyond that is in other units, has its z axis out of the head, or is no coil's; which of these it
looks like is said.

- The head: in the coil frame (+z into the head, z = 0 the casing's face) a ball of 50 mm radius that touches the origin
  is smaller than any head that the coil rests on, so nothing of a coil reaches into it: measured double cones stay
  1.6 mm clear, a Brainsway H7 8 mm.  Between wings that are steeper still the head does not reach the origin, and the
  ball has 15 mm.  Wings are bent towards the head, never away from it.
- The field: at 20 mm before the face the largest |A| of measured coils is 1.2e-6 to 3.5e-6 T·m per A/s; one turn of
  20 mm has 1e-7.  ``LEAST_A_T_M`` and ``MOST_A_T_M`` leave a margin beyond both.
- The rating: measured coils on their stimulators reach 80 to 170 A/µs (Drakaki et al. 2022, doi
  10.1016/j.brs.2022.04.017), small ones several times that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from meshes.errors import InputError
from targeting.coils.casing import FLAT_MM, casing_around
from targeting.coils.coil import Casing, Coil
from targeting.coils.fields import current_direction_y, vector_potential
from targeting.coils.sources import CurrentElements, MagneticDipoles, PotentialGrid, Source

NARROWEST_MM, WIDEST_MM = 20.0, 600.0
USUAL_MM = 180.0  # a figure-of-eight's width
BALL_MM, BETWEEN_WINGS_MM, INTO_BALL_MM = 50.0, 15.0, 2.0
OUT_OF_CASING_MM, FAR_MM = 20.0, 100.0
CELL_MM, BENT_MM = 15.0, 15.0
WEAK = 0.01  # of the strongest part: too weak to be winding, as for the casing
AT_MM, LEAST_A_T_M, MOST_A_T_M = 20.0, 5e-8, 2e-5
LOWEST_A_PER_S, HIGHEST_A_PER_S, A_PER_US = 1e6, 1e9, 1e6
GRID_REACH_MM, GRID_START_MM, GRID_BESIDE_MM, WIDEST_GRID_MM = 60.0, 15.0, 50.0, 2000.0
WORDS = {1000.0: "metres", 10.0: "centimetres", 1.0: "millimetres", 1e-3: "micrometres"}
PARTS = {MagneticDipoles: "dipoles", CurrentElements: "wire pieces"}


def coil_of_file(
    path: Path,
    name: str,
    sources: tuple[Source, ...],
    mm_per_unit: float,
    max_didt_a_per_s: float | None,
    casing: Casing | None = None,
    rated_on: str = "",
) -> Coil:
    """Make a coil of what a file says, checked; a file without a casing gets one drawn round its sources.

    Parameters
    ----------
    path : path
    name : str
    sources : tuple of MagneticDipoles, CurrentElements, PotentialGrid
        In the coil frame, mm.
    mm_per_unit : float
        Of the unit that the file's positions were read as.
    max_didt_a_per_s : float or None
        As :func:`checked_rating` gives it.
    casing : Casing, optional
        The file's own.
    rated_on : str
        The stimulator of the rating.

    Raises
    ------
    InputError
        If it cannot be a coil.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # numbers beyond all measure are refused, too
        check_sources(path.name, sources, mm_per_unit, casing)
    drawn, note = (casing, "the file's casing") if casing is not None else casing_around(sources)
    return Coil(
        name=name,
        sources=sources,
        casing=drawn,
        max_didt_a_per_s=max_didt_a_per_s,
        current_direction_y=current_direction_y(sources),
        source=path.name,
        casing_note=note,
        rated_on=rated_on,
        rating_source=f"stated in {path.name}" if max_didt_a_per_s is not None else "",
    )


def check_sources(file: str, sources: Sequence[Source], mm_per_unit: float, casing: Casing | None = None) -> None:
    """Refuse what cannot be a coil.

    Parameters
    ----------
    file : str
        Its name, for messages.
    sources : sequence of MagneticDipoles, CurrentElements, PotentialGrid
        In the coil frame, mm, as read.
    mm_per_unit : float
        Of the unit the file's positions are read as: 1000 for a ``.ccd``.
    casing : Casing, optional
        If the file has one.

    Raises
    ------
    InputError
        If it is no coil: one line that says what it looks like.
    """
    parts = [source for source in sources if not isinstance(source, PotentialGrid)]
    grids = [source for source in sources if isinstance(source, PotentialGrid)]
    for source in sources:
        if not all(np.isfinite(values).all() for values in vars(source).values()):
            raise InputError(f"{file} holds numbers that are not finite: fetch the coil file again")
    if not any(strengths(source).any() for source in sources):
        raise InputError(f"{file}: {_nothing(sources[0])}, so the coil has no field: fetch the coil file again")
    for grid in grids:
        _check_grid(file, grid, mm_per_unit)
    windings = np.zeros((0, 3))
    if parts and any(strengths(source).any() for source in parts):
        windings = _windings(parts)
        _check_width(file, windings, mm_per_unit, "it")
        _check_side(file, windings, PARTS[type(parts[0])])
    if casing is not None:
        _check_width(file, casing.points_mm, mm_per_unit, "its casing")
        _check_inside(file, windings, casing)
    _check_strength(file, sources)


def checked_rating(file: str, key: str, value: float, unit_a_per_s: float) -> float | None:
    """The most a coil is driven at, A/s; None where the file says 0, as a coil that states no maximum.

    Parameters
    ----------
    file, key : str
        For messages.
    value : float
        As the file has it.
    unit_a_per_s : float
        Its unit: 1e6 for A/µs, 1 for A/s.

    Raises
    ------
    InputError
        If it is not 1 to 1000 A/µs.

    Examples
    --------
    >>> from targeting.coils.gate import checked_rating
    >>> checked_rating("coil.ccd", "dIdtmax", 147.86, 1e6)
    147860000.0
    """
    if value == 0:
        return None
    limit = value * unit_a_per_s
    if LOWEST_A_PER_S <= limit <= HIGHEST_A_PER_S:
        return limit
    unit, other = ("A/µs", "A/s") if unit_a_per_s == A_PER_US else ("A/s", "A/µs")
    meant = value if unit == "A/µs" else value * A_PER_US  # were it in the other unit, A/s
    looks = f"; that looks like {other}" if LOWEST_A_PER_S <= meant <= HIGHEST_A_PER_S else ""
    span = "1 to 1000" if unit == "A/µs" else "1e6 to 1e9"
    raise InputError(f"{file}: {key} is in {unit}, {span}, and not {value:.4g}{looks}: correct it, or take it out")


def strengths(source: Source) -> NDArray[np.float64]:
    """How much each part of a source does: dipole moments, lengths of wire, or |A| of the samples."""
    if isinstance(source, MagneticDipoles):
        return np.linalg.norm(source.moments_a_m2, axis=1)
    if isinstance(source, CurrentElements):
        return np.linalg.norm(source.elements_mm, axis=1)
    return np.linalg.norm(source.a_t_m, axis=-1).ravel()


def _nothing(source: Source) -> str:
    if isinstance(source, MagneticDipoles):
        return "all its moments are zero"
    return "all its wire pieces have no length" if isinstance(source, CurrentElements) else "its A-field is zero"


def _windings(parts: Sequence[MagneticDipoles | CurrentElements]) -> NDArray[np.float64]:
    """Where the parts are that are not too weak to be winding, (n, 3)."""
    kept = []
    for source in parts:
        strength = strengths(source)
        kept.append(source.points_mm[(strength > 0) & (strength >= WEAK * strength.max())])
    return np.vstack(kept)


def _check_width(file: str, points_mm: NDArray[np.float64], mm_per_unit: float, what: str) -> None:
    width = float(np.ptp(points_mm, axis=0).max())
    if NARROWEST_MM <= width <= WIDEST_MM:
        return
    raise InputError(
        f"{file}: {what} is {length(width)} wide, and a coil is 2 to 60 cm"
        f"{_other_unit(width, mm_per_unit, NARROWEST_MM, WIDEST_MM)}: correct the positions"
    )


def _other_unit(width_mm: float, mm_per_unit: float, least_mm: float, most_mm: float) -> str:
    """Which unit would make the width one that can be, if any."""
    in_file = width_mm / mm_per_unit
    fits = [unit for unit in WORDS if unit != mm_per_unit and least_mm <= in_file * unit <= most_mm]
    if not fits:
        return ""
    meant = min(fits, key=lambda unit: abs(np.log(in_file * unit / USUAL_MM)))
    return f"; its positions look like {WORDS[meant]} and are read as {WORDS[mm_per_unit]}"


def _check_side(file: str, windings_mm: NDArray[np.float64], parts: str) -> None:
    """Nothing of a coil is where the head is."""
    nearest_mm = np.linalg.norm(windings_mm, axis=1).min()
    if nearest_mm > FAR_MM:
        raise InputError(
            f"{file}: all its {parts} lie {nearest_mm:.0f} mm or more from the origin, which must be the middle of the "
            "coil's face: move them there"
        )
    in_head = _in_head(windings_mm)
    if windings_mm[:, 2].min() > FLAT_MM:
        where = f"all its {parts} lie before its face (z > 0, up to {windings_mm[:, 2].max():.0f} mm)"
    elif in_head.any():
        deepest = windings_mm[in_head, 2].max()
        where = f"{in_head.sum()} of its {len(windings_mm)} {parts} lie where the head is (z up to {deepest:.0f} mm)"
    elif _bent_away_mm(windings_mm) > BENT_MM:
        where = f"its wings are bent away from the head, by {_bent_away_mm(windings_mm):.0f} mm"
    else:
        return
    flipped = windings_mm * [1, 1, -1]
    turned = flipped[:, 2].min() <= FLAT_MM and not _in_head(flipped).any() and _bent_away_mm(flipped) <= BENT_MM
    advice = "turn the z axis round" if turned else "z = 0 must be the casing's face"
    raise InputError(
        f"{file}: {where}; z must point into the head, and only the wings of an angled coil may reach there: {advice}"
    )


def _in_head(points_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points lie in a ball that touches the origin, as a head does; between steep wings it only fits if small."""
    radius_mm = BETWEEN_WINGS_MM if _bent_away_mm(points_mm) < -BENT_MM else BALL_MM
    inside: NDArray[np.bool_] = np.linalg.norm(points_mm - [0, 0, radius_mm], axis=1) < radius_mm - INTO_BALL_MM
    return inside


def _bent_away_mm(windings_mm: NDArray[np.float64]) -> float:
    """By how much the front of the outer half of a coil lies farther back than that of the inner half."""
    cells, which = np.unique(np.floor(windings_mm[:, :2] / CELL_MM), axis=0, return_inverse=True)
    front = np.full(len(cells), -np.inf)
    np.maximum.at(front, which.ravel(), windings_mm[:, 2])
    off_center = np.linalg.norm(cells + 0.5, axis=1)
    outer = off_center > np.median(off_center)
    return float(np.median(front[~outer]) - np.median(front[outer])) if outer.any() else 0.0


def _check_inside(file: str, windings_mm: NDArray[np.float64], casing: Casing) -> None:
    low, high = casing.points_mm.min(axis=0) - OUT_OF_CASING_MM, casing.points_mm.max(axis=0) + OUT_OF_CASING_MM
    outside = ((windings_mm < low) | (windings_mm > high)).any(axis=1)
    if outside.any():
        raise InputError(
            f"{file}: {outside.sum()} of its {len(windings_mm)} sources lie more than {OUT_OF_CASING_MM:.0f} mm outside "
            "its casing: the two are in different frames or units; correct one, or take the casing out"
        )


def _check_strength(file: str, sources: Sequence[Source]) -> None:
    """The largest |A| at 20 mm before the face."""
    step = np.arange(-100.0, 101.0, 20.0)
    plane_mm = np.stack(np.meshgrid(step, step, [AT_MM], indexing="ij"), -1).reshape(-1, 3)
    total = np.sum([_linear(s, plane_mm) if isinstance(s, PotentialGrid) else vector_potential(s, plane_mm)
                    for s in sources], axis=0)  # fmt: skip
    largest = float(np.linalg.norm(total, axis=1).max())
    if not LEAST_A_T_M <= largest <= MOST_A_T_M:
        raise InputError(
            f"{file}: at {AT_MM:.0f} mm before it the largest A for 1 A/s is {largest:.2g} T·m, and coils have 1e-6 to 4e-6: "
            "its strengths are in other units, or not per ampere of coil current; correct them"
        )


def _check_grid(file: str, grid: PotentialGrid, mm_per_unit: float) -> None:
    """A sampled field must reach over a head before the coil, and must come from behind it."""
    last = np.array(grid.a_t_m.shape[:3]) - 1
    corners = np.stack(np.meshgrid(*[[0, k] for k in last], indexing="ij"), -1).reshape(-1, 3)
    corners = corners @ grid.affine_mm[:3, :3].T + grid.affine_mm[:3, 3]
    low, high = corners.min(axis=0), corners.max(axis=0)
    width = float((high - low).max())
    other = _other_unit(width, mm_per_unit, 2 * GRID_BESIDE_MM, WIDEST_GRID_MM)
    beside = min(*high[:2], *-low[:2])
    if width > WIDEST_GRID_MM:
        raise InputError(f"{file}: its grid is {length(width)} wide, far more than a head{other}: correct the affine")
    if high[2] <= GRID_START_MM and -low[2] >= GRID_REACH_MM and not other:
        raise InputError(
            f"{file}: its grid lies behind the coil (z from {low[2]:.0f} to {high[2]:.0f} mm) and covers no head; z must "
            "point into the head: turn the z axis round"
        )
    if high[2] < GRID_REACH_MM or beside < GRID_BESIDE_MM:
        side = "in front of" if high[2] < GRID_REACH_MM else "beside"
        far = length(max(float(high[2] if high[2] < GRID_REACH_MM else beside), 0.0))
        raise InputError(
            f"{file}: its grid reaches {far} {side} the coil and covers no head{other}: correct the affine"
        )
    if low[2] > GRID_START_MM:
        raise InputError(
            f"{file}: its grid begins {low[2]:.0f} mm before the coil, so the field in the scalp is missing: "
            "sample it from z = 0 on"
        )
    _check_source_of_field(file, grid, low[2])


def _check_source_of_field(file: str, grid: PotentialGrid, lowest_mm: float) -> None:
    """A falls off into the head from the face on, and is stronger as far behind the face as before it."""
    step = np.arange(-30.0, 31.0, 10.0)
    flat = np.stack(np.meshgrid(step, step, [0.0], indexing="ij"), -1).reshape(-1, 3)

    def at(z_mm: float) -> float:
        return float(np.linalg.norm(_linear(grid, flat + np.array([0, 0, z_mm]))))

    if at(GRID_START_MM) < at(GRID_REACH_MM - 1) or (lowest_mm <= -10.0 and at(-10.0) < at(10.0)):
        raise InputError(
            f"{file}: its field is stronger before the coil than behind its face; z must point into the head, and z = 0 "
            "must be the casing's face: turn the z axis round"
        )


def _linear(grid: PotentialGrid, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """A between the samples, near enough for a check; zero outside."""
    inverse = np.linalg.inv(grid.affine_mm)
    index = (points_mm @ inverse[:3, :3].T + inverse[:3, 3]).T
    return np.stack([map_coordinates(grid.a_t_m[..., i], index, order=1, mode="constant") for i in range(3)], axis=1)


def length(mm: float) -> str:
    """A length in words, in metres or millimetres.

    >>> from targeting.coils.gate import length
    >>> length(177960.0), length(0.178), length(17.8)
    ('178 m', '0.18 mm', '18 mm')
    """
    return f"{mm / 1e3:.3g} m" if mm >= 1000 else f"{mm:.2g} mm" if mm < 100 else f"{mm:.0f} mm"
