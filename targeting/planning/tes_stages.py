"""Stages "…-search" and "…-confirm" of a montage: the best currents on the leadfield, then solves of the whole montage.

They have the kind of montage before their names, so that pads and small electrodes stand side by side in a subject's folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlases.aim import AimedTarget
from atlases.scalp import Scalp
from targeting.goals.tes_goal import Places, also_units, dose_unit, goal_on, inward_at
from targeting.memory_need import solve_need
from targeting.networks.network_map import MapTarget
from targeting.study.cap_stages import HeadPositions, with_own
from targeting.study.study import Study
from targeting.study.tes_request import SHAPES, TesRequest
from targeting.subject import Done, Stage
from targeting.tes.montages import STANDARD, montages

if TYPE_CHECKING:
    from targeting.tes.electrodes import Montage
    from targeting.tes.leadfield import Leadfield
    from targeting.tes.montage_choice import ChosenMontage
    from targeting.tes.montage_confirm import ConfirmedMontage


def search_stage(
    request: TesRequest,
    study: Study,
    positions: Done[HeadPositions],
    leadfield: Done[Leadfield] | None,
    places: Done[Places] | None = None,
) -> Stage[ChosenMontage]:
    """Stage "…-search": the best montage on the leadfield, or (without one) the one that was asked for.

    Parameters
    ----------
    request : TesRequest
    study : Study
        Its cortex tells the way into it.
    positions : Done[HeadPositions]
    leadfield : Done[Leadfield], optional
        None: the montage is given.
    places : Done[Places], optional
        Regions to spare and further targets.
    """
    name = f"{request.kind}-search"

    def make(folder: Path) -> ChosenMontage:
        from targeting.tes.montage_choice import ChosenMontage, best_montage, montage_at
        from targeting.tes.montages import read_montage
        from targeting.tes.optimise import Limits

        head, target = study.head.value, study.target.value
        if leadfield is None:
            if request.montage_file:
                montage = read_montage(request.montage_file)
                check_montage(montage, request.montage_file.name, study.scalp, positions.value)
            else:
                side = side_of(target)
                montage = montage_at(str(request.montage), positions.value.positions, side, request.max_current_ma)
            choice = ChosenMontage(montage, None)
        else:
            cortex = study.cortex.value if study.cortex else None
            beside = places.value if places else None
            limits = Limits(request.total_ma / 1e3, request.per_electrode_ma / 1e3, request.electrodes)
            goal = goal_on(leadfield.value, request, head, target, beside, request.along, cortex, limits)
            objective, polarity = request.objective_for(goal.unit), request.counted_polarity
            choice = best_montage(objective, head, leadfield.value, goal, *SHAPES[request.kind], polarity)
        choice.save(folder / f"{name}.chosen.json")
        return load(folder)

    def load(folder: Path) -> ChosenMontage:
        from targeting.tes.montage_choice import ChosenMontage

        return ChosenMontage.load(folder / f"{name}.chosen.json")

    searched = (leadfield, study.cortex, places) if leadfield else ()  # a given montage is not searched for
    after: list[Done[Any]] = [study.head, study.target, positions, *(each for each in searched if each)]
    parameters = {**request.search_parameters(request.along), "side": side_of(study.target.value)}
    return Stage(name, 4, make, load, files=request.files, parameters=parameters, after=after)


def check_montage(montage: Montage, source: str, scalp: Scalp, positions: HeadPositions) -> None:
    """Refuse a montage whose electrodes lie elsewhere than their names say: on this head, or than the user's own positions.

    Parameters
    ----------
    montage : Montage
    source : str
        What the message calls it.
    scalp : Scalp
    positions : HeadPositions

    Raises
    ------
    InputError
        With the electrode, how far off it is, and the likely cause.
    """
    from atlases.named_places import check_places
    from atlases.ten_ten import ten_five

    points = np.stack([each.center_mm for each in montage.electrodes])
    places = with_own(ten_five(scalp, positions.fiducials), positions.positions)
    check_places(source, montage.names, points, scalp.feet(points)[0], places)


def confirm_stage(
    request: TesRequest,
    study: Study,
    positions: Done[HeadPositions],
    search: Done[ChosenMontage],
    places: Done[Places] | None = None,
) -> Stage[ConfirmedMontage]:
    """Stage "…-confirm": complete-electrode solves of the chosen montage and of the standard one; as :func:`search_stage`.

    Parameters
    ----------
    request, study, positions, places
        As for :func:`search_stage`.
    search : Done[ChosenMontage]
    """
    name = f"{request.kind}-confirm"

    def make(folder: Path) -> ConfirmedMontage:
        from targeting.tes.montage_confirm import Elsewhere, confirm_montage

        head, aimed_target = study.head.value, study.target.value
        cortex = study.cortex.value if study.cortex else None
        beside = places.value if places else Places()
        elsewhere = Elsewhere(
            tuple(each.target for each in beside.avoid),
            tuple(each.target for each in beside.also),
            also_units(head, beside, request.along, cortex),
            aimed_target.target.agreement if isinstance(aimed_target.target, MapTarget) else None,
        )
        confirmation = confirm_montage(
            study.conductor,
            aimed_target.target,
            dose_unit(head, aimed_target, request.along, cortex),
            search.value.montage,
            positions.value.positions,
            side_of(aimed_target),
            elsewhere,
            inward_at(head, aimed_target, cortex),
        )
        confirmation.save(folder / f"{name}.npz")
        return confirmation

    def load(folder: Path) -> ConfirmedMontage:
        from targeting.tes.montage_confirm import ConfirmedMontage

        return ConfirmedMontage.load(folder / f"{name}.npz")

    before = (study.head, study.target, positions, search, study.cortex, places)
    return Stage(
        name,
        4,
        make,
        load,
        files=study.conduction.files,
        parameters={"direction": request.along, "standard": repr(montages()[STANDARD]), **study.conduction.parameters},
        after=[each for each in before if each],
        needs=lambda: solve_need(study.head.value),
    )


def side_of(aimed_target: AimedTarget) -> str:
    """The side of the head a target is on."""
    return aimed_target.target.side or ("left" if aimed_target.target.center_mm[0] < 0 else "right")
