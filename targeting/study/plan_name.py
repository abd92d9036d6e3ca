"""The name of a plan: what it is aimed at, on which side, and what was chosen for it.

``m1-hand-left``, ``m1-hand-left-hotspot``, ``psi-right-double-cone-110mm``: so plans of two targets, two sides or two coils
for one person stand beside each other, and the same plan asked for again with a dose keeps its place.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from atlases.aim import is_mask, mask_path
from atlases.area_aim import LabelAim
from meshes.errors import InputError
from targeting.study.request import PlanOptions
from targeting.study.tms_request import DEFAULT_COIL
from targeting.subject import Subject

LONGEST = 80


def with_plan(subject: Subject, request: PlanOptions, side: str | None) -> Subject:
    """The subject with the plan that a request makes: named by either of them, or after what is asked for.

    Raises
    ------
    InputError
        If both name one, and not the same, or the name cannot be used.
    """
    if subject.plan and request.name and subject.plan != request.name:
        raise InputError(f"two names for one plan, {subject.words} and `name={request.name}`: give one of them")
    return subject if subject.plan else subject.of(request.name or plan_name(request, side))


def plan_name(request: PlanOptions, side: str | None) -> str:
    """The name of a plan for which none was given.

    Parameters
    ----------
    request : TmsRequest or TesRequest
    side : {"left", "right"} or None
        Of the target; None where its coordinates have one.

    Examples
    --------
    >>> from targeting.study.tms_request import TmsRequest
    >>> from targeting.study.tes_request import TesRequest
    >>> plan_name(TmsRequest(aim="psi", coil="double-cone-110mm"), "right")
    'psi-right-double-cone-110mm'
    >>> plan_name(TesRequest(aim="mni:-37,-21,58"), None)
    'mni_-37_-21_58'
    >>> plan_name(TmsRequest(aim="-37.5,-21,58"), None)
    'at_-37.5_-21_58'
    >>> plan_name(TesRequest(aim="area:OP1+OP4", montage="m1-so"), "left")
    'area_OP1_OP4-left-m1-so'
    """
    chosen: dict[str, Any] = {"coil": getattr(request, "coil", None), "montage": getattr(request, "montage", None)}
    network = getattr(request, "network", None)
    parts = [_target_word(str(network if network is not None else request.aim)), side if network is None else None]
    parts += ["hotspot" if request.hotspot_mm is not None else None]
    parts += [_file_word(str(value)) for value in chosen.values() if value is not None and value != DEFAULT_COIL]
    name = "-".join(part for part in parts if part)
    return (name if name[:1].isalnum() else f"at_{name}")[:LONGEST].rstrip("-._")  # a name does not begin with a sign


def _target_word(aim: str) -> str:
    """A target as part of a name: a file by its name alone."""
    if (labels := LabelAim.of(aim)) is not None:
        return _plain(f"{_file_word(labels.file.name)}_{labels.names}")
    return _file_word(mask_path(aim).name) if is_mask(aim) else _plain(aim)


def _file_word(text: str) -> str:
    """A file's name without folder and endings; another word as it is."""
    return _plain(Path(text).name.split(".")[0])


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("_.")
