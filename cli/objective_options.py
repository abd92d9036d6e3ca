"""The options of ``target plan`` that say what the search is for."""

from __future__ import annotations

from typing import Annotated

import typer

from targeting.tms.objective_names import OBJECTIVES

OBJECTIVE_LIST = "**Objectives**\n" + "".join(f"\n    {name}: {words}\n" for name, words in OBJECTIVES.items())

Objective = Annotated[
    str, typer.Option("--objective", metavar="NAME", help="What placements are ranked by (the list is below).")
]
Avoid = Annotated[
    list[str] | None,
    typer.Option(
        "--avoid",
        metavar="REGION",
        help="Spare this region (again for more): NAME[@side][/radius], mni:x,y,z[/radius], ras:x,y,z[/radius] or a mask.",
    ),
]
Also = Annotated[
    list[str] | None,
    typer.Option(
        "--also",
        metavar="TARGET",
        help="A further target, written like a region (again for more): the smallest of their doses, each as a share of "
        "the most it can get alone, is made large.",
    ),
]
Penalty = Annotated[
    float | None,
    typer.Option(
        "--penalty",
        metavar="WEIGHT",
        help="Coil: of avoided regions, and of the superficial field with depth: the score is divided by 1 + WEIGHT times what "
        "they get as a share of the target's dose; default 1.",
    ),
]
AvoidCap = Annotated[
    float | None,
    typer.Option(
        "--avoid-cap",
        metavar="SHARE",
        help="Of the target's dose: no avoided region is to get more. Of a coil its mean |E|, and without this option "
        "the penalty alone; of a montage its root mean square, 0.5 unless given.",
    ),
]
LeastDose = Annotated[
    float | None,
    typer.Option(
        "--least-dose", metavar="SHARE", help="Of the largest dose: poses with less are not considered; default 0.5."
    ),
]
