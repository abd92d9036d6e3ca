"""Stage "target": the aim in the subject's own grey matter, and how it is kept."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlases.aim import AimedTarget
from atlases.target import Target
from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from targeting.study.aim import Aim
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from atlases.registration import MniWarp
    from meshes.cortical_surface import Cortex


def target_stage(
    aim: Aim, head: Done[HeadMesh], registration: Done[MniWarp] | None, cortex: Done[Cortex] | None = None
) -> Stage[AimedTarget]:
    """Stage "target": the aim in the subject's own grey matter.

    Parameters
    ----------
    aim : Aim
    head : Done[HeadMesh]
    registration : Done[MniWarp], optional
        For an aim in MNI152.
    cortex : Done[Cortex], optional
        For an aim that is found by the folds.
    """
    cortex = cortex if aim.needs_cortex else None

    def make(folder: Path) -> AimedTarget:
        aimed_target = aimed_in(aim, head.value, registration, cortex)
        save_target(folder / "target.npz", aimed_target)
        return aimed_target

    return Stage(
        "target",
        3,
        make,
        lambda folder: load_target(folder / "target.npz"),
        files=aim.files,
        parameters={**asdict(aim), "name": aim.recorded, "entry": aim.entry},
        after=[each for each in (head, registration, cortex) if each],
    )


def aimed_in(aim: Aim, head: HeadMesh, registration: Done[MniWarp] | None, cortex: Done[Cortex] | None) -> AimedTarget:
    """What an aim means in a head, with its registration and its cortex where they are needed and known.

    Parameters
    ----------
    aim : Aim
    head : HeadMesh
    registration : Done[MniWarp], optional
        For an aim in MNI152.
    cortex : Done[Cortex], optional
        For an aim that is found by the folds.
    """
    from atlases.aim import resolve_target

    return resolve_target(
        aim.name,
        aim.side,
        head,
        registration.value if registration else None,
        radius_mm=aim.radius_mm,
        hotspot_mm=aim.hotspot_mm,
        frame=aim.frame,
        cortex=cortex.value if cortex else None,
    )


ARRAYS = ("center_mm", "mask_points_mm")


def save_target(path: Path, aimed_target: AimedTarget) -> None:
    """Write a target as :func:`load_target` reads it."""
    arrays: dict[str, Any] = {"asked_mm": np.asarray(aimed_target.asked_mm, dtype=np.float64)}
    if aimed_target.mni_mm is not None:
        arrays["mni_mm"] = np.asarray(aimed_target.mni_mm, dtype=np.float64)
    about: dict[str, Any] = {"warnings": list(aimed_target.warnings), "notes": list(aimed_target.notes)}
    for name, target in (("target", aimed_target.target), ("by_warp", aimed_target.by_warp)):
        if target is not None:
            about[name] = {each.name: getattr(target, each.name) for each in fields(target) if each.name not in ARRAYS}
            values = {array: getattr(target, array) for array in ARRAYS}
            arrays |= {f"{name}.{array}": value for array, value in values.items() if value is not None}
    np.savez(path, **arrays, about=json.dumps(about, default=_number))


def _number(value: np.generic) -> float:
    return value.item()  # what numpy made of a plain number


def load_target(path: Path) -> AimedTarget:
    """The target that stage "target" left in a subject's folder."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {
            f"target.{name}" if name in ARRAYS else name: file[name] for name in file.files
        }  # so before version 3
    about: dict[str, Any] = json.loads(arrays["about"].item())

    def target(name: str) -> Target:
        known: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in about[name].items()
        }
        known |= {array: arrays.get(f"{name}.{array}") for array in ARRAYS}
        return Target(**known)

    by_warp = target("by_warp") if "by_warp" in about else None
    mni_mm = arrays.get("mni_mm")
    return AimedTarget(
        target("target"), arrays["asked_mm"], mni_mm, tuple(about["warnings"]), by_warp, tuple(about.get("notes", ()))
    )
