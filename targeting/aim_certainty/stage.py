"""Stage "aim-certainty" (of a montage: "tdcs-aim-certainty" ...): what a target elsewhere would get of the planned field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from targeting.result_files import load_plain, save_plain
from targeting.study.study import Study
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from targeting.aim_certainty.certainty import AimCertainty

FILE = "certainty.json"


def run_certainty(study: Study, confirmation: Done[Any], kind: str = "") -> tuple[Done[AimCertainty] | None, list[str]]:
    """Run the stage; where it cannot be had, None and a line that says why.

    Parameters
    ----------
    study : Study
    confirmation : Done
        What was solved for the plan; its ``e_v_per_m`` is the field.
    kind : str
        Of a montage.
    """
    from targeting.aim_certainty.certainty import knows_folds

    cortex = study.cortex
    if cortex is None or not knows_folds(study.cortex_facts, study.target.value.target):
        return None, []  # the cortex' own note says why its folds are not known
    try:
        return study.run(certainty_stage(study, cortex, confirmation, kind)), []
    except InputError as error:
        return None, [_not_told(str(error))]


def certainty_stage(study: Study, cortex: Done[Cortex], confirmation: Done[Any], kind: str = "") -> Stage[AimCertainty]:
    """Stage "aim-certainty" of a head whose folds are known.

    Parameters
    ----------
    study : Study
    cortex : Done[Cortex]
        With its folds.
    confirmation : Done
        The direct solution of the plan: its field.
    kind : str
        "tdcs" or "hd-tdcs"; "" for a coil.
    """
    name = f"{kind}-aim-certainty" if kind else "aim-certainty"
    file = f"{kind}-{FILE}" if kind else FILE
    registration = study.registration_if_any

    def make(folder: Path) -> AimCertainty:
        from targeting.aim_certainty.certainty import aim_certainty

        target, field = study.target.value.target, np.asarray(confirmation.value.e_v_per_m)
        warp = registration.value if registration else None
        found = aim_certainty(cortex.value, study.head.value, target, field, warp)
        save_plain(folder / file, found)
        return found

    def load(folder: Path) -> AimCertainty:
        from targeting.aim_certainty.certainty import AimCertainty

        return load_plain(folder / file, AimCertainty)

    before = (study.head, cortex, study.target, confirmation, registration)
    return Stage(name, 1, make, load, after=[each for each in before if each])


def _not_told(why: str) -> str:
    return f"what the dose would be if the place to stimulate lies elsewhere is not told: {why}"
