"""What forbids the use of a plan, as far as the plan itself shows it: a coil in the head, an unconfirmed dose, a wrong side."""

from __future__ import annotations

from targeting.engines import agreement_of, by_engine, solved_by
from targeting.plans.tms import Plan
from targeting.records.places import PlanTarget
from targeting.records.warnings import PlanWarning, danger


def coil_dangers(plan: Plan) -> list[PlanWarning]:
    """Of a coil's plan: placement 1 in the head or not confirmed by a direct solve, the target on the other side."""
    best = plan.placements[0]
    limit = agreement_of(solved_by(plan.search.direct_solves_by)[0])
    found, engine = [], by_engine(plan.search.direct_solves_by)
    if best.distance_mm < 0:
        found.append(
            danger(f"the coil's casing reaches {-best.distance_mm:.1f} mm into the head: do not use this pose")
        )
    if best.direct_dose_v_per_m is None:
        found.append(danger("the best dose was not confirmed by a direct solve"))
    elif abs(best.direct_dose_v_per_m - best.dose_v_per_m) > limit * abs(best.direct_dose_v_per_m):
        found.append(
            danger(
                f"the search found {best.dose_v_per_m:.3g} V/m but the direct solve{engine} gives "
                f"{best.direct_dose_v_per_m:.3g} V/m: the two must agree to {limit:.0%}"
            )
        )
    return [*found, *side_dangers(plan.target)]


def side_dangers(target: PlanTarget) -> list[PlanWarning]:
    """A target that is named after one side and lies on the other."""
    side = "left" if target.center_mm[0] < 0 else "right"
    if target.side in ("", side):
        return []
    x = target.center_mm[0]
    return [danger(f"the target is named {target.side}, but its centre is on the {side} (x = {x:.1f} mm)")]
