"""The optimum block of a montage's ``plan.json``: how good the montage is among all that the limits allow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlanOptimum:
    """How good the montage is among all that the limits allow, on the leadfield."""

    objective: str
    candidates: int  # positions that could be used
    dose_v_per_m: float  # by the leadfield, of the currents as a stimulator takes them
    unrounded_dose_v_per_m: float  # of the currents as they were found, before they were rounded to 0.1 mA
    bound_v_per_m: float | None  # no montage within the limits has more, whatever its number of electrodes
    gap: float | None  # what of the bound is missed by the currents as they were found
    binding: list[str]  # the limits that hold it there
