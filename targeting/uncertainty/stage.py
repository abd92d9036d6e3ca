"""Stage "uncertainty", on request: the spread of the dose and of the best pose over published conductivities."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from targeting.coils.coil import Coil
from targeting.result_files import load_plain, save_plain
from targeting.study.coil_aim import CoilAim
from targeting.study.study import Study
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from targeting.tms import TmsSearch
    from targeting.uncertainty import DoseSpread

RIGHT_HAND_SIDES = 100  # about as many as the stage solves for; they pay for a factorisation
FILE = "dose_spread.json"


def uncertainty_stage(study: Study, aim: CoilAim, search: Done[TmsSearch]) -> Stage[DoseSpread]:
    """Stage "uncertainty": what published conductivities make of the best pose."""

    def make(folder: Path) -> DoseSpread:
        from targeting.uncertainty import dose_spread

        found = search.value
        unit, driven = found.ranked_by(aim.dose_unit(study)), aim.coil.driven(found.effective_sign)
        spread = dose_spread(study.conductor, study.target.value.target, driven, found.poses[0], aim.hair_mm, unit)
        save_plain(folder / FILE, spread)
        return spread

    files = aim.files | study.conduction.files
    parameters = {**aim.held_parameters, "ranges": _table(), **study.conduction.parameters}
    before = (study.head, study.target, search, aim.cortex_of(study))
    after = [each for each in before if each]
    return Stage("uncertainty", 1, make, load, files=files, parameters=parameters, after=after)


def check_uncertainty(coil: Coil, conductivity_s_per_m: Mapping[str, float]) -> None:
    """Raise InputError, before anything is made, if the coil or the conductivities leave nothing to state."""
    from targeting.uncertainty.ranges import varying
    from targeting.uncertainty.spread import with_sources

    varying(conductivity_s_per_m)
    with_sources(coil)


def load(folder: Path) -> DoseSpread:
    """The result as the stage wrote it."""
    from targeting.uncertainty import DoseSpread

    return load_plain(folder / FILE, DoseSpread)


def _table() -> dict[str, list[float]]:
    from targeting.uncertainty import published_ranges

    return {name: [each.low_s_per_m, each.high_s_per_m] for name, each in published_ranges().items()}
