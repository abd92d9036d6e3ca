"""Stage "robustness": what placement errors of real navigation cost the best pose, and the pose least sensitive to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from targeting.result_files import load_arrays, save_arrays
from targeting.study.coil_aim import CoilAim
from targeting.study.study import Study
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from targeting.robustness.robustness import Robustness
    from targeting.tms import DoseMap, TmsSearch

FILE = "robustness.npz"
CANDIDATE_SHARE = (
    0.85  # places whose best dose is below this share of the largest hold no pose with a better worst case
)


def robustness_stage(study: Study, aim: CoilAim, dose_map: Done[DoseMap], search: Done[TmsSearch]) -> Stage[Robustness]:
    """Stage "robustness": the search's best pose, and those round it, under placement errors.

    Parameters
    ----------
    study : Study
    aim : CoilAim
    dose_map : Done[DoseMap]
    search : Done[TmsSearch]
    """

    def make(folder: Path) -> Robustness:
        from targeting.robustness.robustness import robustness, taken_to

        found, scalp = search.value, study.scalp
        unit, driven = found.ranked_by(aim.dose_unit(study)), aim.coil.driven(found.effective_sign)
        # the search's own other placements, and other places with the current in the same direction
        good = found.scalp_points_mm[found.best_dose_at_point_v_per_m >= CANDIDATE_SHARE * found.dose_v_per_m[0]]
        others, can = taken_to(scalp, driven, found.poses[0], found.scalp_mm[0], good)
        poses, places = np.concatenate([found.poses, others[can]]), np.concatenate([found.scalp_mm, good[can]])
        result = robustness(scalp, driven, dose_map.value, poses, places, unit)
        save_arrays(folder / FILE, result)
        return result

    def load(folder: Path) -> Robustness:
        from targeting.robustness.robustness import Robustness

        return load_arrays(folder / FILE, Robustness)

    before = (study.head, study.target, dose_map, search, aim.cortex_of(study))
    after = [each for each in before if each]
    return Stage("robustness", 3, make, load, files=aim.files, parameters=aim.held_parameters, after=after)
