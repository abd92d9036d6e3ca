"""Check a tDCS session against published limits (``safety.toml``): currents, charge, and the field in brain and eyes.

Every limit is an *item* with a name.  A plan beyond one is not refused; it says so at its top, and the command ends with
exit code 3 unless the user accepts that item by name.

What is compared: the anodes' sum; each small electrode's current; current over contact area; minutes; charge Q = I t;
the current density J = σ|E| that 0.1 % of the brain's volume exceeds, and 1 % of the eyes' (single elements of a mesh do
not decide).

What skin, sponges and ramps need is no number of a model's: ``session_checks.toml`` states it, plan and sheet print it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.choices import one_of
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue
from meshes.weighted import weighted_quantile

SMALL_MM2 = 500.0  # an electrode of less than this is a "small" one
BRAIN_SHARE, EYE_SHARE = 0.001, 0.01  # of the volume that may exceed the value compared
SLACK = 1e-9  # 4 mA summed of four parts are 4 mA


@dataclass(frozen=True)
class Limit:
    """One item of the table: ``limit`` in ``unit`` of ``what``, its ``source``, and what of it was ``checked``."""

    name: str
    title: str
    limit: float
    unit: str
    what: str
    source: str
    checked: str


@dataclass(frozen=True)
class SessionCheck:
    """What is to be seen to at every session, which no model of a head can check."""

    name: Annotated[str, "Its name."]
    title: Annotated[str, "What it is about."]
    what: Annotated[str, "What to do."]
    source: Annotated[str, "Where it is from."]
    checked: Annotated[str, "What of it was re-read there."]


@dataclass(frozen=True)
class Exposure:
    """What a session does, to be compared with the limits.

    Parameters
    ----------
    total_current_ma : float
        Sum of the anodes' currents.
    currents_ma : mapping
        Electrode → current, positive into the head.
    areas_mm2 : mapping
        Electrode → area in contact with the scalp.
    minutes : float
    brain_e_v_per_m, brain_current_density_a_per_m2 : float
        Exceeded in 0.1 % of the volume of grey and white matter.
    eye_e_v_per_m, eye_current_density_a_per_m2 : float or None
        Exceeded in 1 % of the volume of the eyes; None for a head without eyes.
    """

    total_current_ma: float
    currents_ma: Mapping[str, float]
    areas_mm2: Mapping[str, float]
    minutes: float
    brain_e_v_per_m: float
    brain_current_density_a_per_m2: float
    eye_e_v_per_m: float | None
    eye_current_density_a_per_m2: float | None

    @property
    def charge_c(self) -> float:
        """Charge of a session, C."""
        return self.total_current_ma / 1e3 * self.minutes * 60

    @property
    def densities_a_per_m2(self) -> dict[str, float]:
        """Electrode → current over contact area, A/m²."""
        return {name: abs(ma) / 1e3 / (self.areas_mm2[name] * 1e-6) for name, ma in self.currents_ma.items()}

    @property
    def charge_density_c_per_m2(self) -> float:
        """The largest of the electrodes', C/m²."""
        return max(self.densities_a_per_m2.values()) * self.minutes * 60


@dataclass(frozen=True)
class SafetyItem:
    """One item of the safety table, and what a plan has of it."""

    name: Annotated[str, "Name of the item, as --accept-risk takes it."]
    title: Annotated[str, "What it is."]
    value: Annotated[float, "What the plan has, in `unit`."]
    limit: Annotated[float, "The limit, in `unit`."]
    unit: Annotated[str, "Unit of both."]
    what: Annotated[str, "What is measured, in words."]
    within: Annotated[bool, "Whether the value is within the limit."]
    accepted: Annotated[bool, "Whether the user accepts a value beyond it."]
    source: Annotated[str, "Where the limit is from."]
    checked: Annotated[str, "What of it was re-read there."]

    @property
    def words(self) -> str:
        """What is wrong, in a line."""
        return f"{self.title} {self.value:.3g} {self.unit} is above {self.limit:g} {self.unit} ({self.source.split(',')[0]})"


@cache
def limits() -> Mapping[str, Limit]:
    """The table by item.

    Examples
    --------
    >>> from targeting.tes.safety import limits
    >>> limits()["charge"].limit, limits()["charge"].unit
    (7.2, 'C')
    """
    text = resources.files("targeting.tes").joinpath("safety.toml").read_text(encoding="utf-8")
    return {name: Limit(name, **row) for name, row in tomllib.loads(text).items()}


@cache
def session_checks() -> tuple[SessionCheck, ...]:
    """What no model of a head can check, in the order of ``session_checks.toml``.

    Examples
    --------
    >>> from targeting.tes.safety import session_checks
    >>> [each.name for each in session_checks()]
    ['skin', 'contact', 'moisture', 'ramp', 'sessions']
    """
    text = resources.files("targeting.tes").joinpath("session_checks.toml").read_text(encoding="utf-8")
    return tuple(SessionCheck(name, **row) for name, row in tomllib.loads(text).items())


def checked_risks(accepted: Collection[str]) -> frozenset[str]:
    """The items a user accepts, if all are items of the table.

    Raises
    ------
    InputError
        If one is not.

    Examples
    --------
    >>> checked_risks(["chrage"])
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: unknown item of `accept_risk` 'chrage', did you mean 'charge'? valid: total-current, \
electrode-current, electrode-current-density, duration, charge, brain-current-density, eye-current-density
    """
    return frozenset(one_of(each, limits(), "item of `accept_risk`") for each in accepted)


def check_safety(exposure: Exposure, accepted: Collection[str] = ()) -> list[SafetyItem]:
    """Every item that applies, in the table's order.

    Examples
    --------
    2 mA for 20 minutes through two pads of 35 cm²:

    >>> from targeting.tes.safety import Exposure, check_safety
    >>> pads = {"C3": 3500.0, "Fp2": 3500.0}
    >>> usual = Exposure(2.0, {"C3": 2.0, "Fp2": -2.0}, pads, 20.0, 0.4, 0.11, 0.3, 0.15)
    >>> all(item.within for item in check_safety(usual))
    True
    """
    risks = checked_risks(accepted)
    return [
        SafetyItem(
            name=limit.name,
            title=limit.title,
            value=value,
            limit=limit.limit,
            unit=limit.unit,
            what=limit.what,
            within=value <= limit.limit * (1 + SLACK),
            accepted=limit.name in risks,
            source=limit.source,
            checked=limit.checked,
        )
        for limit in limits().values()
        if (value := _value(limit.name, exposure)) is not None
    ]


def exceeded_in(values: NDArray[np.floating], volumes_mm3: NDArray[np.floating], share: float) -> float:
    """The value that a share of the volume exceeds.

    Parameters
    ----------
    values, volumes_mm3 : (n,) float
    share : float
        Of the volume, 0.001 for 0.1 %.

    Examples
    --------
    >>> import numpy as np
    >>> exceeded_in(np.arange(100.0), np.ones(100), 0.1)
    89.0
    """
    return float(weighted_quantile(values, volumes_mm3, 1 - share))


def exposure_of(
    head: HeadMesh,
    e_v_per_m: NDArray[np.floating],
    sigma_s_per_m: ArrayLike,
    currents_ma: Mapping[str, float],
    areas_mm2: Mapping[str, float],
    minutes: float,
) -> Exposure:
    """What a montage's field and its currents amount to.

    Parameters
    ----------
    head : HeadMesh
    e_v_per_m : (M, 3) float
        The field, per tetrahedron.
    sigma_s_per_m : (M,) float
        Conductivity of each tetrahedron.
    currents_ma, areas_mm2 : mapping
        By electrode.
    minutes : float

    Raises
    ------
    InputError
        If the head has no grey or white matter.
    """
    strength = np.linalg.norm(np.asarray(e_v_per_m, np.float64), axis=1)
    brain = np.isin(head.tissue, (Tissue.GM, Tissue.WM))
    if not brain.any():
        raise InputError("the head has neither grey nor white matter; check its tissues")
    eyes = head.tissue == Tissue.EYES
    volumes = head.volumes_mm3
    density = np.asarray(sigma_s_per_m, np.float64) * strength
    return Exposure(
        total_current_ma=sum(ma for ma in currents_ma.values() if ma > 0),
        currents_ma=dict(currents_ma),
        areas_mm2=dict(areas_mm2),
        minutes=minutes,
        brain_e_v_per_m=exceeded_in(strength[brain], volumes[brain], BRAIN_SHARE),
        brain_current_density_a_per_m2=exceeded_in(density[brain], volumes[brain], BRAIN_SHARE),
        eye_e_v_per_m=exceeded_in(strength[eyes], volumes[eyes], EYE_SHARE) if eyes.any() else None,
        eye_current_density_a_per_m2=exceeded_in(density[eyes], volumes[eyes], EYE_SHARE) if eyes.any() else None,
    )


def _value(item: str, exposure: Exposure) -> float | None:
    """What of an exposure an item limits; None if it does not apply."""
    match item:
        case "total-current":
            return exposure.total_current_ma
        case "electrode-current":
            small = [abs(ma) for name, ma in exposure.currents_ma.items() if exposure.areas_mm2[name] < SMALL_MM2]
            return max(small, default=None)
        case "electrode-current-density":
            return max(exposure.densities_a_per_m2.values())
        case "duration":
            return exposure.minutes
        case "charge":
            return exposure.charge_c
        case "brain-current-density":
            return exposure.brain_current_density_a_per_m2
        case "eye-current-density":
            return exposure.eye_current_density_a_per_m2
    raise KeyError(item)  # the table has an item that nothing here computes
