"""Electrodes on the scalp, and montages: electrodes with their currents.

An electrode is a flat shape laid on the scalp round its centre, conducting through a layer of gel or a wet sponge.  Its
own axes are **z out of the head, y towards ``toward_mm``, x = y × z**; without a point to turn to, y points up (+z of the
world), or forward (+y) where the scalp itself faces within ``STEEP_DEG`` of up.  Seen from outside with y upwards, x
points to the right; ``angle_deg`` turns the axes counter-clockwise.

The layer is a resistance in series with the skin's contact, spread evenly over the area,

    z = contact impedance + thickness / conductivity    (Ω m²)

so no current runs sideways within it or bulges out at its rim: good while the layer is thin beside the electrode's size.
The metal or rubber on it is at one potential.  Rubber is not quite (29 S/m: some 30 Ω a square at 1 mm, against an
electrode's hundreds), which is why the side its cable leaves on is kept for the placement, but not modelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.choices import one_of
from meshes.errors import InputError

Shape = Literal["disc", "rectangle", "ring"]
Connector = Literal["middle", "+x", "-x", "+y", "-y"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
CONNECTORS: tuple[Connector, ...] = get_args(Connector)
SIZES_MM = {"disc": "(diameter,)", "rectangle": "(width along x, height along y)", "ring": "(outer, inner) diameter"}
LEAST_MM, MOST_MM = 1.0, 200.0
THICKEST_MM = 50.0
LEAST_OHM_M2 = 1e-6  # far below any skin; a perfect contact would make the current at the rim infinite
STEEP_DEG = 30.0
BALANCE = 1e-9  # of the largest current: what a sum of decimal fractions may miss


def _frozen(value: ArrayLike, shape: tuple[int, ...], what: str) -> NDArray[np.float64]:
    array = np.array(value, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise InputError(f"{what} must be {shape[0]} finite numbers, not {np.asarray(value).tolist()}")
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Electrode:
    """One electrode on the scalp.

    Parameters
    ----------
    name : str
    center_mm : (3,) float
        Its middle, RAS mm; projected onto the scalp when it is laid on.
    shape : {"disc", "rectangle", "ring"}
    size_mm : tuple of float
        ``(diameter,)``, ``(width along x, height along y)``, or ``(outer, inner)`` diameter.
    angle_deg : float
        Turn of the electrode's axes, counter-clockwise seen from outside.
    toward_mm : (3,) float, optional
        The point its y axis looks to.
    thickness_mm, sigma_s_per_m : float
        Of the gel or sponge.  Defaults: the round electrodes of SimNIBS' leadfields (4 mm, saline or gel 1 S/m).
    contact_impedance_ohm_m2 : float
        What skin and contact add, Ω m² (measured resistance × area).  Nothing by default: it varies tenfold with how wet
        the skin is, raises the voltage, and evens out the current, but hardly changes the field in the brain.
    connector : {"middle", "+x", "-x", "+y", "-y"}
        Side the cable leaves on; for the placement, not for the field.

    Raises
    ------
    InputError
        If the shape or connector is unknown, or a number is not possible.

    Examples
    --------
    >>> pad = Electrode("C3", [-67, -11, 62], "rectangle", (50, 70), thickness_mm=6)
    >>> pad.area_mm2, pad.impedance_ohm_m2
    (3500.0, 0.006)
    """

    name: str
    center_mm: NDArray[np.float64]
    shape: Shape = "disc"
    size_mm: tuple[float, ...] = (12.0,)
    angle_deg: float = 0.0
    toward_mm: NDArray[np.float64] | None = None
    thickness_mm: float = 4.0
    sigma_s_per_m: float = 1.0
    contact_impedance_ohm_m2: float = 0.0
    connector: Connector = "middle"

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("an electrode needs a name")
        who = f"electrode {self.name}"
        object.__setattr__(self, "center_mm", _frozen(self.center_mm, (3,), f"{who}: the centre"))
        if self.toward_mm is not None:
            object.__setattr__(self, "toward_mm", _frozen(self.toward_mm, (3,), f"{who}: the point it turns to"))
        one_of(self.shape, SHAPES, f"shape of {who}")
        one_of(self.connector, CONNECTORS, f"connector of {who}")
        size = tuple(float(each) for each in np.atleast_1d(self.size_mm))
        object.__setattr__(self, "size_mm", size)
        if len(size) != (1 if self.shape == "disc" else 2) or not all(LEAST_MM <= s <= MOST_MM for s in size):
            raise InputError(
                f"{who}: the size of a {self.shape} is {SIZES_MM[self.shape]}, each {LEAST_MM:g} to {MOST_MM:g} mm; "
                f"not {size}"
            )
        if self.shape == "ring" and size[0] - size[1] < LEAST_MM:
            raise InputError(f"{who}: a ring's outer diameter comes first and is the larger; not {size}")
        if not np.isfinite(self.angle_deg):
            raise InputError(f"{who}: the angle must be a number of degrees, not {self.angle_deg}")
        if not 0 <= self.thickness_mm <= THICKEST_MM:
            raise InputError(f"{who}: the layer is 0 to {THICKEST_MM:g} mm thick, not {self.thickness_mm}")
        if not 0 < self.sigma_s_per_m < 1e8:
            raise InputError(
                f"{who}: the layer's conductivity must be positive (saline: 1 S/m), not {self.sigma_s_per_m}"
            )
        if not (0 <= self.contact_impedance_ohm_m2 < 1e3 and self.impedance_ohm_m2 >= LEAST_OHM_M2):
            raise InputError(
                f"{who}: give it a layer or a contact impedance; together at least {LEAST_OHM_M2:g} Ω m², "
                f"not {self.impedance_ohm_m2:g}"
            )

    @property
    def area_mm2(self) -> float:
        """Nominal area, mm²."""
        if self.shape == "rectangle":
            return self.size_mm[0] * self.size_mm[1]
        inner = self.size_mm[1] if self.shape == "ring" else 0.0
        return float(np.pi / 4 * (self.size_mm[0] ** 2 - inner**2))

    @property
    def impedance_ohm_m2(self) -> float:
        """Contact and layer in series, Ω m²."""
        return self.contact_impedance_ohm_m2 + self.thickness_mm * 1e-3 / self.sigma_s_per_m

    @property
    def reach_mm(self) -> float:
        """Farthest any part lies from the centre, mm."""
        return float(np.linalg.norm(self.size_mm) / 2) if self.shape == "rectangle" else self.size_mm[0] / 2

    def axes(self, normal: ArrayLike) -> NDArray[np.float64]:
        """Unit x, y, z of the electrode where the scalp faces ``normal`` (3,), as the rows of a (3, 3) array.

        Raises
        ------
        InputError
            If the point it turns to lies straight above or below its centre.
        """
        z = np.asarray(normal, float) / np.linalg.norm(normal)
        if self.toward_mm is not None:
            ahead = self.toward_mm - self.center_mm
        else:
            ahead = np.array([0.0, 1.0, 0.0] if z[2] > np.cos(np.deg2rad(STEEP_DEG)) else [0.0, 0.0, 1.0])
        y = ahead - (ahead @ z) * z
        if np.linalg.norm(y) < 1e-3 * max(1e-9, float(np.linalg.norm(ahead))) or not np.any(ahead):
            raise InputError(
                f"electrode {self.name}: the point it turns to lies above or under its centre; give another"
            )
        y /= np.linalg.norm(y)
        x = np.cross(y, z)
        turn = np.deg2rad(self.angle_deg)
        return np.stack([np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x, z])


@dataclass(frozen=True, eq=False)
class Montage:
    """Electrodes and the current through each.

    Parameters
    ----------
    name : str
    electrodes : tuple of Electrode
    currents_a : (n,) float64
        Positive into the head (anode); they sum to zero.  An electrode may carry none.

    Raises
    ------
    InputError
        If there are fewer than two electrodes, two of one name, or the currents do not sum to zero.

    Examples
    --------
    >>> pads = [Electrode("C3", [-67, -11, 62]), Electrode("Fp2", [30, 85, -7])]
    >>> Montage("M1-SO", pads, [2e-3, -2e-3]).total_a
    0.002
    """

    name: str
    electrodes: tuple[Electrode, ...]
    currents_a: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        electrodes = tuple(self.electrodes)
        object.__setattr__(self, "electrodes", electrodes)
        if len(electrodes) < 2:
            raise InputError(f"montage {self.name}: current needs at least two electrodes, a way in and a way out")
        check_names(electrodes, f"montage {self.name}")
        currents = _frozen(self.currents_a, (len(electrodes),), f"montage {self.name}: the currents")
        if not np.any(currents):
            raise InputError(f"montage {self.name}: no current flows; give the currents in A")
        if abs(currents.sum()) > BALANCE * np.abs(currents).max():
            raise InputError(
                f"montage {self.name}: the currents must sum to zero (what goes in comes out); "
                f"they sum to {1e3 * currents.sum():g} mA"
            )
        object.__setattr__(self, "currents_a", currents)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from targeting.cards.electrodes import montage_card

        return montage_card(self)

    @property
    def total_a(self) -> float:
        """Current that goes in (and comes out), A."""
        return float(np.abs(self.currents_a).sum() / 2)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the electrodes."""
        return tuple(each.name for each in self.electrodes)


def check_names(electrodes: Sequence[Electrode], who: str) -> None:
    """Raise InputError if two electrodes have one name."""
    names = [each.name for each in electrodes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{who}: two electrodes are called {twice[0]}; names must differ")
