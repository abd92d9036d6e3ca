"""What reviewers ask for beside the dose: mean |E|, the component along the cortex's normal, cortex above threshold.

The dose is one number by one definition.  These three tell what it leaves out: how strong the field is whatever its direction,
whether it enters or leaves the cortex on the target's crown and lip, and how much cortex gets what the motor hotspot does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from targeting.report.evidence import Evidence
from targeting.words.fact import Fact
from targeting.words.numbers import number, three_digits


@dataclass(frozen=True)
class BesideDose:
    """The field beside the dose, under the currents of the plan.

    Parameters
    ----------
    mean_e_v_per_m : float
        Volume-weighted mean of |E| in the target.
    normal_v_per_m : float or None
        Area-weighted mean of E along the inward normal over the target's mid-cortical surface, positive from the pial surface
        to white matter; None where no such surface lies in the target.
    normal_size_v_per_m : float or None
        Mean of the size of that component.
    above_cm2, above_in_target_cm2 : float or None
        Mid-cortical surface whose |E| exceeds that of the motor threshold, anywhere and in the target; None without a threshold
        or a surface.
    """

    mean_e_v_per_m: float
    normal_v_per_m: float | None = None
    normal_size_v_per_m: float | None = None
    above_cm2: float | None = None
    above_in_target_cm2: float | None = None


def beside_dose(evidence: Evidence) -> BesideDose:
    """Measure the field of a plan."""
    weights = evidence.head.volumes_mm3[evidence.target_tets]
    strength = np.linalg.norm(evidence.e_v_per_m[evidence.target_tets], axis=1)
    mean = float(np.average(strength, weights=weights))
    field, target, level = evidence.on_cortex, evidence.target, evidence.threshold_v_per_m
    if field is None:
        return BesideDose(mean)
    surface, size, normal = field.cortex.whole, field.magnitude_v_per_m, field.normal_v_per_m
    areas_mm2 = np.where(np.isfinite(size), surface.vertex_areas_mm2, 0.0)
    inside = target.holds(surface.points_mm) if target is not None else np.zeros(len(size), bool)
    here = areas_mm2 * inside
    along = across = None
    if here.sum() > 0:
        along = float(here @ np.nan_to_num(normal) / here.sum())
        across = float(here @ np.abs(np.nan_to_num(normal)) / here.sum())
    if level is None:
        return BesideDose(mean, along, across)
    above = np.nan_to_num(size) > level
    return BesideDose(mean, along, across, float(areas_mm2[above].sum()) / 100, float(here[above].sum()) / 100)


def beside_facts(found: BesideDose, where: str) -> list[Fact]:
    """The numbers as rows, but mean |E|, which the plan has; ``where`` is the target's surface in words.

    Examples
    --------
    >>> [fact.text for fact in beside_facts(BesideDose(0.9, -0.21, 0.4, 3.42, 0.3), "crown")]
    ['−0.21 V/m', '3.4 cm²']
    """
    facts = []
    if found.normal_v_per_m is not None and found.normal_size_v_per_m is not None:
        way = "into the cortex" if found.normal_v_per_m > 0 else "out of the cortex"
        more = (
            f"mean over the target’s {where}, {way}; its size is {number(found.normal_size_v_per_m, 2)} V/m on average"
        )
        facts.append(Fact("Along the cortex’s normal", number(found.normal_v_per_m, 2), "V/m", more))
    if found.above_cm2 is not None and found.above_in_target_cm2 is not None:
        more = (
            f"of the surface halfway through grey matter; {number(found.above_in_target_cm2)} cm² of it in the target"
        )
        facts.append(Fact("Cortex above motor threshold", number(found.above_cm2), "cm²", more))
    return facts


def beside_words(found: BesideDose) -> str:
    """The same as sentences for a box of the header.

    Examples
    --------
    >>> beside_words(BesideDose(0.894, -0.21, 0.4, 3.42, 0.3))
    'Mean |E| 0.894 V/m; along the normal −0.21 V/m (out of the cortex); above motor threshold: 3.4 cm² of cortex.'
    >>> beside_words(BesideDose(0.894))
    'Mean |E| 0.894 V/m.'
    """
    words = [f"Mean |E| {three_digits(found.mean_e_v_per_m)} V/m"]
    if found.normal_v_per_m is not None:
        way = "into" if found.normal_v_per_m > 0 else "out of"
        words.append(f"along the normal {number(found.normal_v_per_m, 2)} V/m ({way} the cortex)")
    if found.above_cm2 is not None:
        words.append(f"above motor threshold: {number(found.above_cm2)} cm² of cortex")
    return "; ".join(words) + "."


def with_more(fact: Fact, words: str) -> Fact:
    """A fact with a further sentence."""
    return replace(fact, more=f"{fact.more} {words}".strip())


def surface_words(evidence: Evidence) -> str:
    """What of the target the mean along the normal is over."""
    patch = evidence.plan.target.patch
    return "crown and lip" if patch is not None else "mid-cortical surface"
