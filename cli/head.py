"""``target head``: a person's head, made once for all plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cli.console import at_work, talk_of
from cli.options import Json, Name, Out, Quiet, values_of, with_options
from cli.tables import summary
from targeting.study.options import options_of
from targeting.study.request import HeadRequest

if TYPE_CHECKING:
    from meshes.cortical_surface import Cortex

EXAMPLES = """
**Examples**

    target head subject01 --t1 T1.nii.gz

    target head subject01 --t1 T1.nii.gz --t2 T2.nii.gz

    target head subject01 --density fast

The last makes the head anew from the same images; plans made in the old one are outdated then.
"""


@with_options(options_of(HeadRequest).values())
def head_command(
    context: typer.Context, name: Name, out: Out = None, quiet: Quiet = False, as_json: Json = False, **words: Any
) -> None:
    """Make a person's head once, for all plans: MRI, tissues, mesh, registration and cortex."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from meshes.tissues import Tissue
        from targeting.planning.listing import list_plans
        from targeting.study.study import make_head

        made = make_head(name, HeadRequest(**values_of(HeadRequest, words)), out=out)
        cortex, mesh = made.cortex, made.mesh
        cm3 = {each.name.lower(): float(mesh.volumes_mm3[mesh.tissue == each].sum() / 1000) for each in Tissue}
        outdated = [row for row in list_plans(name, out) if row.state == "outdated"]
    brain = cm3["wm"] + cm3["gm"]
    lines = [
        ("head", f"{len(mesh.tets):,} tetrahedra; brain {brain:.0f} cm³, skull {cm3['skull']:.0f} cm³"),
        ("cortex", _cortex_words(cortex)),
        ("folder", f"{made.subject.folder}"),
    ]
    if outdated:
        lines.append(("outdated", f"{', '.join(row.name for row in outdated)}: plan again in this head"))
    lines.append(("next", f"target plan {name} --aim m1-hand --side left"))
    answer = {
        "folder": str(made.subject.folder),
        "tetrahedra": len(mesh.tets),
        "cm3": cm3,
        "cortex": None if cortex is None else {"source": cortex.source, "why_no_folds": cortex.why_no_folds},
        "outdated_plans": [row.name for row in outdated],
    }
    talk.answer(summary(lines), answer)


def _cortex_words(cortex: Cortex | None) -> str:
    if cortex is None:
        return "none could be found"
    if not cortex.folds:
        return f"{cortex.source}; no areas by name: {cortex.why_no_folds}"
    areas = ", ".join(f"{side} {each.area_mm2 / 100:.0f} cm²" for side, each in cortex.hemispheres.items())
    return f"{cortex.source}; {areas}"
