"""The result of a search for more than the dose: the objective's value at each placement, and the field in its regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlases.aim import AimedTarget
from targeting.goals.record import PlanGoal, PlanPlace
from targeting.goals.stage import StagedObjective
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.records.places import ALSO, AVOIDED, place_facts
from targeting.tms import TmsSearch
from targeting.tms.confirmation import Confirmation
from targeting.tms.objective_making import everywhere
from targeting.tms.objectives import DirectField, PoseFields, mean_size


def goal_of(staged_objective: StagedObjective, search: TmsSearch, confirmation: Confirmation) -> PlanGoal:
    """Make the plan's goal block: values by the field basis at all placements, by the direct solve at the first."""
    head, target, regions = (
        staged_objective.study.head.value,
        staged_objective.study.target.value.target,
        staged_objective.regions.value,
    )
    coil, request, alone = (
        staged_objective.aim.coil,
        staged_objective.request,
        staged_objective.alone.value if staged_objective.alone else (),
    )
    objective = staged_objective.objective()
    per_unit = REFERENCE_DIDT_A_PER_S / search.didt_a_per_s
    fields = PoseFields(
        coil.driven(search.effective_sign), search.poses, search.mean_e_v_per_m * per_unit, REFERENCE_DIDT_A_PER_S
    )
    tets, weights = target.weights(head)
    e = confirmation.e_v_per_m.astype(np.float64)
    direct = DirectField(e, (weights @ e[tets])[None], REFERENCE_DIDT_A_PER_S)
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
        strength = mean_size(fields.sizes(patch), patch.volumes_mm3)
        check = mean_size(direct.sizes(whole), whole.volumes_mm3)[0]
        places.append(place(each, AVOIDED, strength, check, None))
    for each, other in zip(regions.also, alone[1:], strict=True):
        places.append(place(each, ALSO, fields.dose_at(other), direct.dose_at(other)[0], other.best_v_per_m))
    return PlanGoal(
        name="several targets" if request.also else request.name,
        words=objective.words,
        unit=objective.unit,
        score=search.objective.tolist(),
        value=objective.value(fields).tolist(),
        direct_value=float(staged_objective.objective(directly).value(direct)[0]),
        penalty=request.weight,
        avoid_cap=request.cap,
        least_share=request.least_share,
        best_dose_v_per_m=alone[0].best_v_per_m if alone else None,
        places=places,
    )
