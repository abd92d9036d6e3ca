"""The options several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from meshes.errors import InputError

Name = Annotated[str, typer.Argument(metavar="NAME", help="The subject; results go to ./NAME/. 'colin27' is built in.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results, instead of ./NAME/.")]
T1 = Annotated[Path | None, typer.Option("--t1", metavar="FILE", help="T1-weighted MRI of the whole head (NIfTI).")]
T2 = Annotated[Path | None, typer.Option("--t2", metavar="FILE", help="T2-weighted MRI (NIfTI): a better skull.")]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="Your own tissue labels (NIfTI, SimNIBS codes), instead of --t1."),
]
Head = Annotated[
    Path | None,
    typer.Option("--head", metavar="MSH|DIR", help="A finished mesh (.msh) or charm folder (m2m_*), instead of --t1."),
]
CortexDir = Annotated[
    Path | None,
    typer.Option(
        "--cortex", metavar="DIR", help="Cortical surfaces of a FreeSurfer subject or of m2m_*, instead of our own."
    ),
]
Density = Annotated[
    str, typer.Option("--density", metavar="standard|fast", help="Mesh density: about 2 M or 0.7 M tetrahedra.")
]
Threads = Annotated[int, typer.Option("--threads", min=1, metavar="N", help="Threads for the segmentation.")]
Frame = Annotated[
    str | None,
    typer.Option("--frame", metavar="sform|qform", help="Which frame counts of every image whose two disagree."),
]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Take a plan that no longer follows from what it was made of; it is said.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the answer.")]
Json = Annotated[bool, typer.Option("--json", help="The answer as JSON on stdout.")]


def three_numbers(text: str | None, option: str) -> tuple[float, float, float] | None:
    """``x,y,z`` in millimetres, or None if the option was not given.

    Raises
    ------
    InputError
        If it is not three finite numbers.

    Examples
    --------
    >>> three_numbers("-38,-20,55", "--hotspot")
    (-38.0, -20.0, 55.0)
    """
    if text is None:
        return None
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{option} takes three numbers x,y,z in mm, such as -38,-20,55; not {text!r}") from None
    if not max(abs(x), abs(y), abs(z)) < float("inf"):  # false for NaN, too
        raise InputError(f"{option} takes three finite numbers in mm, not {text!r}")
    return x, y, z


def named_numbers(pairs: list[str] | None, option: str) -> dict[str, float]:
    """``name=value`` pairs as a mapping.

    Raises
    ------
    InputError
        If one of them is not a name and a number.

    Examples
    --------
    >>> named_numbers(["skull=0.008"], "--conductivity")
    {'skull': 0.008}
    """
    numbers = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        try:
            numbers[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise InputError(f"{option} takes NAME=NUMBER, such as skull=0.008; not {pair!r}")
    return numbers
