"""Which current gives every subject of a group the same dose in the target.

Fields are linear in the current: a subject whose plan has the dose d at I mA gets the dose D at I D / d, rounded to the
0.1 mA that a stimulator is set in, so the doses are equal to within that.  What scales with
the current is compared with the safety limits again: total and electrode currents, densities, charge, brain and eyes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from meshes.errors import InputError
from targeting.plans.tes import TesPlan
from targeting.tes.optimise.limits import STEP_A

STEPS_PER_MA = round(1e-3 / STEP_A)
FIXED = ("duration",)  # items that do not grow with the current


@dataclass(frozen=True)
class EqualDose:
    """One subject's current for the group's dose.

    Parameters
    ----------
    subject, montage : str
    dose_v_per_m : float
        The common dose.
    given_v_per_m : float
        The dose at ``current_ma``.
    planned_ma, planned_v_per_m : float
        The current and the dose of the subject's plan.
    current_ma : float
        The total current for the common dose, a whole number of 0.1 mA, at least one.
    beyond : tuple of str
        Names of the safety items that are beyond their limit at it.
    """

    subject: str
    montage: str
    dose_v_per_m: float
    given_v_per_m: float
    planned_ma: float
    planned_v_per_m: float
    current_ma: float
    beyond: tuple[str, ...]


def equal_dose(plans: Sequence[TesPlan], dose_v_per_m: float | None = None) -> list[EqualDose]:
    """The current of each of several plans that gives all the same dose.

    Parameters
    ----------
    plans : sequence of TesPlan
        Of the same target and the same kind of dose (with or without a direction).
    dose_v_per_m : float, optional
        The dose wanted; default: the mean of the plans' own, so that the mean person's current stays about as it is.

    Raises
    ------
    InputError
        If there is no plan, their targets or doses are of different kinds, or a plan has no dose to scale.
    """
    if not plans:
        raise InputError("give at least one plan of a montage (a folder such as subject01/tdcs)")
    for what in ("target.name", "objective"):
        found = {_of(plan, what) for plan in plans}
        if len(found) > 1:
            raise InputError(f"these plans differ in {what}: {'; '.join(sorted(found))}; compare plans of one kind")
    low = [plan.subject for plan in plans if plan.dose.dose_v_per_m <= 0]
    if low:
        raise InputError(f"the plan of {low[0]} has no dose along its direction; no current makes it one")
    if dose_v_per_m is None:
        dose_v_per_m = float(np.mean([plan.dose.dose_v_per_m for plan in plans]))
    if not 0 < dose_v_per_m < float("inf"):
        raise InputError(f"the dose wanted must be above 0 V/m, not {dose_v_per_m:g}")
    return [_scaled(plan, dose_v_per_m) for plan in plans]


def _scaled(plan: TesPlan, dose_v_per_m: float) -> EqualDose:
    wanted_ma = plan.total_current_ma * dose_v_per_m / plan.dose.dose_v_per_m
    current_ma = max(1, round(wanted_ma * STEPS_PER_MA)) / STEPS_PER_MA
    scale = current_ma / plan.total_current_ma
    beyond = tuple(
        item.name
        for item in plan.safety
        if item.value * (1.0 if item.name in FIXED else scale) > item.limit * (1 + 1e-9)
    )
    return EqualDose(
        subject=plan.subject,
        montage=plan.montage_name,
        dose_v_per_m=dose_v_per_m,
        given_v_per_m=plan.dose.dose_v_per_m * scale,
        planned_ma=plan.total_current_ma,
        planned_v_per_m=plan.dose.dose_v_per_m,
        current_ma=current_ma,
        beyond=beyond,
    )


def _of(plan: TesPlan, what: str) -> str:
    return plan.target.name if what == "target.name" else plan.objective
