"""The coil a plan was made with, read again, known by its fingerprint and driven as in the plan."""

from __future__ import annotations

from pathlib import Path

from meshes.errors import InputError
from targeting.coils.coil import Coil, fingerprint
from targeting.coils.files import ChosenCoil
from targeting.plans.tms import Plan
from targeting.subject import Subject


def planned_coil(subject: Subject, plan: Plan) -> Coil:
    """The coil of the plan in a subject's folder, as its field is in the effective phase of the plan's pulse.

    Raises
    ------
    InputError
        If its file is gone, or it is another coil now.
    """
    searched = subject.made_from("search")
    file = searched.get("paths", {}).get("coil")
    try:
        coil = ChosenCoil.of(Path(file) if file else plan.coil.name).coil
    except InputError as error:
        raise InputError(f"the plan's coil cannot be had: {error}; bring it back, or plan again") from None
    if searched.get("parameters", {}).get("coil_sha256", fingerprint(coil)) != fingerprint(coil):
        raise InputError(f"coil {plan.coil.name} changed since the plan was made; run 'target plan' again")
    return coil.driven(plan.effective_sign)
