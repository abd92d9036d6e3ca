"""``target mesh``: tissue fields become tetrahedra; ``--check`` measures any mesh."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.completion import subjects
from cli.console import at_work, talk_of
from cli.options import Json, Out, Quiet, values_of, with_options
from meshes.errors import InputError
from targeting.study.options import options_of
from targeting.study.request import HeadOptions

EXAMPLES = """
**Examples**

    target mesh colin27 --density fast

    target mesh subject01 --t1 T1.nii.gz

    target mesh --check head.msh
"""


@with_options(options_of(HeadOptions).values())
def mesh_command(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", autocompletion=subjects, help="The subject; results go to ./NAME/. 'colin27' is built in."
        ),
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="FILE", help="Measure a mesh (.msh, .vtu) instead of making one.")
    ] = None,
    out: Out = None,
    quiet: Quiet = False,
    as_json: Json = False,
    **words: Any,
) -> None:
    """Make a subject's head mesh, or measure a mesh: volumes, areas, angles, contacts, closed surfaces."""
    talk = talk_of(context, quiet, as_json)
    if (name is None) == (check is None):
        raise InputError("give a subject's NAME to mesh, or --check FILE to measure a mesh, not both")
    with at_work(talk):
        from meshes.head import HeadMesh
        from meshes.quality import check_mesh

        if check is not None:
            report = check_mesh(HeadMesh.read(check))
        else:
            from targeting.study.head_choice import HeadChoice
            from targeting.study.steps import steps_of, working_in
            from targeting.study.study import Study
            from targeting.subject import Subject

            assert name is not None
            subject = Subject.named(name, out)
            choice = HeadChoice.of(subject, HeadOptions(**values_of(HeadOptions, words)).checked())
            study = Study(subject=subject, source=choice.source.checked(), density=choice.density)
            with working_in(subject, steps_of(study, ["segment", "mesh"])):
                report = check_mesh(study.head.value, study.tissues.value.tissues)
    talk.answer(report.table(), report.as_dict())
