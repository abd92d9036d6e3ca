"""What an objective other than the dose came to at a search's placements, and the field in each of its regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlases.aim import AimedTarget
from targeting.goals.record import PlanGoal, PlanPlace
from targeting.goals.stage import StagedObjective
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.records.places import ALSO, AVOIDED, place_facts
from targeting.tms import TmsSearch
from targeting.tms.confirmed import Confirmed
from targeting.tms.objective_making import everywhere
from targeting.tms.objectives import Posed, Solved, mean_size


def goal_of(staged: StagedObjective, found: TmsSearch, confirmed: Confirmed) -> PlanGoal:
    """What an objective and its regions get: by the basis at all placements, by the direct solve at the first."""
    head, target, regions = staged.study.head.value, staged.study.target.value.target, staged.regions.value
    coil, request, alone = staged.aim.coil, staged.request, staged.alone.value if staged.alone else ()
    objective = staged.objective()
    per_unit = REFERENCE_DIDT_A_PER_S / found.didt_a_per_s
    seen = Posed(
        coil.driven(found.effective_sign), found.poses, found.mean_e_v_per_m * per_unit, REFERENCE_DIDT_A_PER_S
    )
    tets, weights = target.weights(head)
    e = confirmed.e_v_per_m.astype(np.float64)
    solved = Solved(e, (weights @ e[tets])[None], REFERENCE_DIDT_A_PER_S)
    directly = everywhere(head, regions.patches())

    def place(
        each: AimedTarget, role: str, strength: NDArray[np.float64], check: float, best: float | None
    ) -> PlanPlace:
        return PlanPlace(
            **place_facts(each.target),
            role=role,
            e_v_per_m=[float(one) for one in strength],
            direct_e_v_per_m=float(check),
            best_e_v_per_m=best,
        )

    places = []
    for i, each in enumerate(regions.avoid):
        patch, whole = regions.patches()[f"avoid{i}"], directly[f"avoid{i}"]
        strength = mean_size(seen.sizes(patch), patch.volumes_mm3)
        check = mean_size(solved.sizes(whole), whole.volumes_mm3)[0]
        places.append(place(each, AVOIDED, strength, check, None))
    for each, other in zip(regions.also, alone[1:], strict=True):
        places.append(place(each, ALSO, seen.dose_at(other), solved.dose_at(other)[0], other.best_v_per_m))
    return PlanGoal(
        name="several targets" if request.also else request.name,
        words=objective.words,
        unit=objective.unit,
        score=found.objective.tolist(),
        value=objective.value(seen).tolist(),
        direct_value=float(staged.objective(directly).value(solved)[0]),
        penalty=request.weight,
        avoid_cap=request.cap,
        least_share=request.least_share,
        best_dose_v_per_m=alone[0].best_v_per_m if alone else None,
        places=places,
    )
