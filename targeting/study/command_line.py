"""The command that makes a plan again, from the request the plan was made for.

It names files without their folders: a plan travels, its maker's folders do not.  What has its default is left out, and so
are options that do not change the result (where to write, how many threads).  Whom the plan is for is never repeated in it:
methods and commands are passed on, identifiers of patients are not to be.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atlases.area_aim import LabelAim
from targeting.study.head_source import HeadSource
from targeting.study.options import given_options, options_of
from targeting.study.request import PlanOptions

FILES = (
    *(".nii", ".nii.gz", ".mgz", ".ccd", ".tcd", ".csv", ".tsv", ".toml", ".json", ".txt", ".xml", ".msh", ".gii"),
    *(".mrk", ".stmpx", ".mkss", ".mks", ".nbe"),
)


def command_line(request: PlanOptions, name: str, source: HeadSource) -> str:
    """The command for a request.

    Parameters
    ----------
    request : TmsRequest or TesRequest
    name : str
        Of the subject.
    source : HeadSource
        Where the head came from, also where that was remembered from an earlier run.

    Examples
    --------
    >>> from pathlib import Path
    >>> from targeting.study.head_source import HeadSource
    >>> from targeting.study.tms_request import TmsRequest
    >>> source = HeadSource("t1", {"t1": Path("/home/ada/T1 scan.nii.gz")})
    >>> request = TmsRequest(aim="psi", hotspot_mm=(-38, -20, 55.5), compare=["h7"], uncertainty=True)
    >>> command_line(request, "s1", source)
    "target plan s1 --t1 'T1 scan.nii.gz' --aim psi --hotspot -38,-20,55.5 --compare h7 --uncertainty"
    """
    words = ["target", "plan", name]
    for role, path in source.files.items():
        if source.way != "embedded" and role in ("t1", "t2", "labels", "head"):
            words += [f"--{role}", path.name]
    if source.frame is not None:
        words += ["--frame", str(source.frame)]
    given = given_options(request)
    for each in options_of(type(request)).values():
        if each.in_command and (each.always or each.name in given):
            value = getattr(request, each.name)
            words += _words(each.flag, each.words(value) if each.words else value)
    return shlex.join(words)


def _words(flag: str, value: Any) -> list[str]:
    """An option with its value, as often as it takes."""
    if value is True:
        return [flag]
    if isinstance(value, Mapping):
        return [word for name, number in value.items() for word in (flag, f"{name}={number:g}")]
    if isinstance(value, Sequence) and not isinstance(value, str):
        if value and all(isinstance(each, int | float) for each in value):
            return [flag, ",".join(f"{each:.10g}" for each in value)]
        return [word for each in value for word in (flag, _word(each))]
    return [flag, _word(value)]


def _word(value: Any) -> str:
    """A value as one word; a file by its name alone."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, int | float):
        return f"{value:.10g}"
    text = str(value)
    if (labels := LabelAim.of(text)) is not None:
        return f"{labels.file.name}:{labels.names}"
    if not text.lower().endswith(FILES):
        return text
    space, _, rest = text.partition(":")
    return f"mni:{Path(rest).name}" if space == "mni" else Path(text).name
