"""A montage's plan: its field solved again with complete electrodes where the plan has them, and its tables read back."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.plans.tes import TesPlan, read_tes_plan
from targeting.study.conduction import Conduction
from targeting.study.cortex_stage import load_cortex
from targeting.study.target_stage import load_target
from targeting.subject import Subject
from targeting.verification.check import UNREADABLE, Check, checked, same_number

# The same equations; electrodes are laid anew at places on the scalp that were found by laying them.
SOLVED_AGAIN = 1e-4
MOVED_MM, CHANGED_MA = 1e-3, 1e-4  # tables round to 3 digits of a millimetre and 6 of a current
BEFORE_THE_SOLVE = ("segment", "mesh", "target", "cortex")
TABLES = ("montage.csv", "electrodes.tsv")


def montage_checks(subject: Subject, kind: str, spoilt: Collection[str]) -> list[Check]:
    """The checks of one kind of montage; ``spoilt`` are stages whose files are not those of the record."""
    folder = subject.folder_of(kind)
    try:
        plan = read_tes_plan(folder / "plan.json")
    except InputError as error:
        return [Check(f"{kind}/plan.json", False, str(error))]
    found = [Check(f"{kind}/plan.json", True, f"{plan.montage_name}, {len(plan.montage)} electrodes")]
    changed = [each for each in (*BEFORE_THE_SOLVE, f"{kind}-network", f"{kind}-search") if each in spoilt]
    if changed:
        found.append(Check(f"{kind} dose", False, f"not solved again, as {', '.join(changed)} changed"))
    else:
        found += _doses(subject, plan, kind)
    written = (subject.record(f"{kind}-files") or {}).get("outputs", {})
    for table in TABLES:
        if f"{kind}/{table}" in written or (folder / table).exists():
            name = f"{kind}/{table}"
            found.append(checked(name, partial(_read_back, plan, folder / table, name)))
    return found


def _doses(subject: Subject, plan: TesPlan, kind: str) -> list[Check]:
    try:
        now = _solved(subject, plan, kind)
    except UNREADABLE as error:
        return [Check(f"{kind} dose", False, f"not solved again: {error}")]
    stated = plan.dose
    return [
        same_number(f"{kind} {name}", "solved again, V/m", getattr(stated, field), now[field], SOLVED_AGAIN)
        for name, field in (
            ("dose", "dose_v_per_m"),
            ("mean |E|", "mean_e_v_per_m"),
            ("largest |E|", "max_e_v_per_m"),
            ("peak", "peak_e_v_per_m"),
        )
    ]


def _solved(subject: Subject, plan: TesPlan, kind: str) -> dict[str, float]:
    """The dose of the plan's electrodes and currents, from the mesh."""
    from targeting.goals.tes_goal import dose_unit
    from targeting.networks.network_map import MapTarget
    from targeting.tes.electrodes import Montage
    from targeting.tes.field import simulate_tes
    from targeting.tes.montage_choice import ChosenMontage
    from targeting.tes.montage_dose import montage_dose

    made_from = subject.made_from(f"{kind}-confirm")
    if not made_from:
        raise InputError(f"there is no {kind}-confirm.json that says how it was solved")
    head = HeadMesh.read(subject.folder / "head.msh")
    network = f"{kind}-network"
    if network in made_from["after"]:
        aim = MapTarget.load(subject.plan_folder / f"{network}.npz")
    else:
        aim = load_target(subject.plan_folder / "target.npz")
    cortex = load_cortex(subject.folder) if "cortex" in made_from["after"] else None
    unit = dose_unit(head, aim, made_from["parameters"]["direction"], cortex)
    # gel and contact stand in no plan
    chosen = {
        each.name: each
        for each in ChosenMontage.load(subject.plan_folder / f"{kind}-search.chosen.json").montage.electrodes
    }
    strange = [each.name for each in plan.montage if each.name not in chosen]
    if strange:
        raise InputError(f"the plan has an electrode {strange[0]} that the search did not choose")
    electrodes = [
        replace(
            chosen[each.name],
            center_mm=np.array(each.scalp_mm),
            shape=each.shape,  # type: ignore[arg-type]
            size_mm=tuple(each.size_mm),
            angle_deg=0.0,
            toward_mm=np.array(each.scalp_mm) + 100 * np.array(each.y_axis),
        )
        for each in plan.montage
    ]
    montage = Montage(plan.montage_name, tuple(electrodes), np.array([each.current_ma / 1e3 for each in plan.montage]))
    recorded = Conduction.recorded(made_from)
    conductor = Conduction(plan.conductivity_s_per_m, recorded.anisotropy).conductor(head)
    e_v_per_m = simulate_tes(conductor, montage).e_v_per_m
    return vars(montage_dose(head, aim.target, e_v_per_m, unit, plan.montage_name, plan.total_current_ma))


def _read_back(plan: TesPlan, file: Path, name: str) -> Check:
    """A table's electrodes beside the plan's."""
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t" if file.suffix == ".tsv" else ","))
    axes = ("x", "y", "z") if file.suffix == ".tsv" else ("x_mm", "y_mm", "z_mm")
    if [row["name"] for row in rows] != [each.name for each in plan.montage]:
        return Check(name, False, f"its electrodes are {', '.join(row['name'] for row in rows)}, not the plan's")
    for row, each in zip(rows, plan.montage, strict=True):
        off = float(np.abs([float(row[axis]) - x for axis, x in zip(axes, each.scalp_mm, strict=True)]).max())
        current = abs(float(row["current_ma"]) - each.current_ma)
        if not (off <= MOVED_MM and current <= CHANGED_MA):
            return Check(name, False, f"{each.name} is {off:.3f} mm and {current:.3g} mA from the plan's")
        if (row["shape"], row["size_mm"]) != (each.shape, "x".join(f"{size:g}" for size in each.size_mm)):
            return Check(
                name, False, f"{each.name} is a {row['shape']} of {row['size_mm']} mm, which the plan's is not"
            )
    return Check(name, True, f"{len(rows)} electrodes read back, places within {MOVED_MM:g} mm and currents the plan's")
