"""The command that makes a plan again, from the arguments the plan was made with.

It names files without their folders: a plan travels, its maker's folders do not.  What is not given on a command line is
left out if it has its default, and so are options that do not change the result (where to write, how many threads).
Whom the plan is for is never repeated in it: methods and commands are passed on, identifiers of patients are not to be.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from targeting.navigation.pose_file import PoseFile

if TYPE_CHECKING:
    from targeting.study.head_source import HeadSource
    from targeting.study.tes_request import TesRequest

FILES = (".nii", ".nii.gz", ".mgz", ".ccd", ".tcd", ".csv", ".toml", ".txt", ".xml", ".msh", ".gii")
NOT_SAID = (
    "subject",
    "patient_id",
    "request",
    "t1",
    "t2",
    "labels",
    "head",
    "frame",
    "threads",
    "out",
)  # or said in their own way
OPTIONS = {  # arguments of the two roads
    "cortex": "--cortex",
    "aim": "--aim",
    "side": "--side",
    "pain_side": "--pain-side",
    "hotspot_mm": "--hotspot",
    "radius_mm": "--radius",
    "coil": "--coil",
    "compare": "--compare",
    "hair_mm": "--hair-mm",
    "direction": "--direction",
    "angle": "--angle",
    "pulse": "--pulse",
    "current": "--current",
    "tilt_deg": "--tilt",
    "extra_mm": "--extra-mm",
    "objective": "--objective",
    "avoid": "--avoid",
    "also": "--also",
    "penalty": "--penalty",
    "avoid_cap": "--avoid-cap",
    "least_dose": "--least-dose",
    "density": "--density",
    "conductivity_s_per_m": "--conductivity",
    "engine": "--engine",
    "dti": "--dti",
    "dti_mapping": "--anisotropy",
    "tensor_order": "--tensor-order",
    "uncertainty": "--uncertainty",
    "rmt_percent": "--rmt",
    "rmt_muscle": "--rmt-muscle",
    "rmt_at_mm": "--rmt-at",
    "rmt_pose": "--rmt-pose",
    "match_field": "--match-field",
    "protocol": "--protocol",
    "muscle_ratio": "--muscle-ratio",
    "stimulator": "--stimulator",
    "accept_risk": "--accept-risk",
}
OF_REQUEST = {  # fields of a TesRequest
    "kind": "--with",
    "montage": "--montage",
    "objective": "--tes-objective",
    "dose_v_per_m": "--tes-dose",
    "max_current_ma": "--max-current-ma",
    "max_per_electrode_ma": "--max-per-electrode-ma",
    "max_electrodes": "--max-electrodes",
    "minutes": "--minutes",
    "accept_risk": "--accept-risk",
    "positions": "--positions",
    "avoid": "--avoid",
    "avoid_cap": "--avoid-cap",
    "also": "--also",
    "network": "--network",
    "cap": "--cap",
    "polarity": "--polarity",
}


def command_line(
    road: Callable[..., Any],
    given: Mapping[str, Any],
    name: str,
    source: HeadSource,
    request: TesRequest | None = None,
) -> str:
    """The command for the arguments ``given`` to ``road``.

    Parameters
    ----------
    road : callable
        :func:`targeting.planning.tms.plan` or :func:`targeting.planning.tes.plan_tes`; its signature holds the defaults.
    given : mapping
        Argument → value.
    name : str
        Of the subject.
    source : HeadSource
        Where the head came from, also where that was remembered from an earlier run.
    request : TesRequest, optional
        What a montage was asked for.

    Examples
    --------
    >>> from targeting.study.head_source import HeadSource
    >>> def road(aim="m1-hand", hotspot_mm=None, compare=(), uncertainty=False): ...
    >>> source = HeadSource("t1", {"t1": Path("/home/ada/T1 scan.nii.gz")})
    >>> command_line(road, {"aim": "psi", "hotspot_mm": (-38, -20, 55.5), "compare": ["h7"], "uncertainty": True}, "s1", source)
    "target plan s1 --t1 'T1 scan.nii.gz' --aim psi --hotspot -38,-20,55.5 --compare h7 --uncertainty"
    """
    words = ["target", "plan", name]
    for role, path in source.files.items():
        if source.way != "embedded" and role in ("t1", "t2", "labels", "head"):
            words += [f"--{role}", path.name]
    if source.frame is not None:
        words += ["--frame", str(source.frame)]
    for argument, parameter in inspect.signature(road).parameters.items():
        if argument not in NOT_SAID and not _same(given.get(argument, parameter.default), parameter.default):
            value = given[argument] if argument != "rmt_pose" else PoseFile.of(given[argument]).words
            words += _said(OPTIONS[argument], value)
    if request is not None:
        for field in fields(request):
            default = None if field.name == "kind" or field.default is MISSING else field.default
            if not _same(value := getattr(request, field.name), default):
                words += _said(OF_REQUEST[field.name], value)
    return shlex.join(words)


def _same(value: Any, default: Any) -> bool:
    if isinstance(value, Sequence) and isinstance(default, Sequence) and not isinstance(value, str):
        return list(value) == list(default)
    return bool(value == default) or (default is None and value in ((), []))


def _said(option: str, value: Any) -> list[str]:
    """An option with its value, as often as it takes."""
    if value is True:
        return [option]
    if isinstance(value, Mapping):
        return [word for name, number in value.items() for word in (option, f"{name}={number:g}")]
    if isinstance(value, Sequence) and not isinstance(value, str):
        if value and all(isinstance(each, int | float) for each in value):
            return [option, ",".join(f"{each:.10g}" for each in value)]
        return [word for each in value for word in (option, _shown(each))]
    return [option, _shown(value)]


def _shown(value: Any) -> str:
    """A value in words; a file by its name alone."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, int | float):
        return f"{value:.10g}"
    text = str(value)
    if not text.lower().endswith(FILES):
        return text
    space, _, rest = text.partition(":")
    return f"mni:{Path(rest).name}" if space == "mni" else Path(text).name
