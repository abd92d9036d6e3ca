"""``target plan``: the whole road in one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import at_work, talk_of
from cli.options import (
    T1,
    T2,
    CortexDir,
    Density,
    Frame,
    Head,
    Json,
    Labels,
    Name,
    Out,
    Quiet,
    Threads,
    named_numbers,
    three_numbers,
)

if TYPE_CHECKING:
    from targeting.plan_dosing import PlanDosing
    from targeting.plan_file import Plan, PlanRobustness, PlanUncertainty

EXAMPLES = """
**Examples**

    target plan colin27

    target plan subject01 --t1 T1.nii.gz --aim m1-hand --side left

    target plan subject01 --aim psi --pain-side left --coil double-cone-110mm

    target plan subject01 --aim m1-hand --side left --hotspot -38,-20,55

    target plan subject01 --aim psi --pain-side left --rmt 52 --rmt-at 38,-20,55 --protocol psi-10hz

    target plan subject01 --aim mni:-37,-21,58 --direction normal --json > plan.json
"""


def plan_command(
    context: typer.Context,
    name: Name,
    t1: T1 = None,
    t2: T2 = None,
    labels: Labels = None,
    head: Head = None,
    cortex: CortexDir = None,
    aim: Annotated[
        str,
        typer.Option(
            "--aim", metavar="TARGET", help="A named target (target atlas list), mni:x,y,z, ras:x,y,z or a mask."
        ),
    ] = "m1-hand",
    side: Annotated[str | None, typer.Option("--side", metavar="left|right", help="Side of the target.")] = None,
    pain_side: Annotated[
        str | None,
        typer.Option("--pain-side", metavar="left|right", help="Side of the pain; the target is on the other."),
    ] = None,
    hotspot: Annotated[
        str | None,
        typer.Option("--hotspot", metavar="x,y,z", help="Measured motor hotspot, RAS mm, instead of the atlas."),
    ] = None,
    radius_mm: Annotated[
        float | None, typer.Option("--radius", metavar="MM", help="Radius of the target; default: the named target's.")
    ] = None,
    coil: Annotated[
        str,
        typer.Option("--coil", metavar="NAME|FILE", help="A built-in coil (target coils list), .ccd, .tcd, .nii.gz."),
    ] = "figure8-70mm",
    hair_mm: Annotated[
        float, typer.Option("--hair-mm", metavar="MM", help="From the coil's casing to the scalp.")
    ] = 4.0,
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction", metavar="normal|x,y,z", help="Rank by this component of the field, not its strength."
        ),
    ] = None,
    density: Density = "standard",
    conductivity: Annotated[
        list[str] | None,
        typer.Option("--conductivity", metavar="TISSUE=S/M", help="Override a conductivity, such as skull=0.008."),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            metavar="embedded|simnibs",
            help="Who solves the ranked poses directly, for the field in the files; the search is always our own. "
            "SimNIBS must be installed (SIMNIBSDIR).",
        ),
    ] = "embedded",
    dti: Annotated[
        Path | None,
        typer.Option(
            "--dti", metavar="FILE", help="Diffusion tensors (NIfTI): white matter conducts along its fibres."
        ),
    ] = None,
    anisotropy: Annotated[
        str,
        typer.Option(
            "--anisotropy", metavar="vn|dir", help="Conductivity from diffusion: volume-normalised, or direct."
        ),
    ] = "vn",
    tensor_order: Annotated[
        str,
        typer.Option("--tensor-order", metavar="fsl|mrtrix", help="Whose order and axes the file's six volumes have."),
    ] = "fsl",
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="Add the spread of dose and best pose over published conductivities."),
    ] = False,
    rmt: Annotated[
        float | None,
        typer.Option(
            "--rmt", metavar="PERCENT", help="Motor threshold, % of the stimulator's maximum: adds the output."
        ),
    ] = None,
    rmt_at: Annotated[
        str | None,
        typer.Option(
            "--rmt-at",
            metavar="x,y,z",
            help="Cortical hotspot of the threshold, RAS mm; default: M1 hand, target's side.",
        ),
    ] = None,
    rmt_pose: Annotated[
        Path | None,
        typer.Option("--rmt-pose", metavar="FILE", help="Coil pose of the threshold: Brainsight .txt, Localite .xml."),
    ] = None,
    dose_fraction: Annotated[
        float | None,
        typer.Option(
            "--dose-fraction",
            metavar="SHARE",
            help="Of the field at threshold, 0.9 for 90 %; default: the protocol's, or 1.",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol", metavar="NAME|FILE", help="rTMS session to check (target protocols list) or your own .toml."
        ),
    ] = None,
    stimulator: Annotated[
        str | None,
        typer.Option("--stimulator", metavar="NAME", help="Whose maximum dI/dt counts (target stimulators list)."),
    ] = None,
    out: Out = None,
    threads: Threads = 2,
    frame: Frame = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Plan a TMS coil pose: MRI, tissues, mesh, target, search over all poses, report and navigator files."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.plan_file import to_dict
        from targeting.road import plan
        from targeting.subject import Subject

        subject = Subject.named(name, out)
        made = plan(
            subject,
            t1=t1,
            t2=t2,
            labels=labels,
            head=head,
            cortex=cortex,
            aim=aim,
            side=side,
            pain_side=pain_side,
            hotspot_mm=three_numbers(hotspot, "--hotspot"),
            radius_mm=radius_mm,
            coil=coil,
            hair_mm=hair_mm,
            direction=direction if direction in (None, "normal") else three_numbers(direction, "--direction"),
            density=density,
            conductivity_s_per_m=named_numbers(conductivity, "--conductivity"),
            engine=engine,
            dti=dti,
            dti_mapping=anisotropy,
            tensor_order=tensor_order,
            uncertainty=uncertainty,
            rmt_percent=rmt,
            rmt_at_mm=three_numbers(rmt_at, "--rmt-at"),
            rmt_pose=rmt_pose,
            dose_fraction=dose_fraction,
            protocol=protocol,
            stimulator=stimulator,
            threads=threads,
            frame=frame,
        )
        document = to_dict(made)
    talk.answer(summary(made, subject.folder), document)


def summary(plan: Plan, folder: Path) -> str:
    """The plan in a screenful."""
    from targeting.report.words import by_engine, direction_words

    best, target = plan.placements[0], plan.target
    rated = plan.coil.max_didt_a_per_s
    lines = [
        f"target     {' '.join(filter(None, (target.side, target.name)))} at {_point(target.center_mm)} mm, "
        f"radius {target.radius_mm:g} mm, moved {target.snapped_mm:.1f} mm to grey matter",
        f"coil       {plan.coil.name}" + (f", up to {rated / 1e6:.0f} A/µs" if rated else ""),
        f"placement  scalp {_point(best.scalp_mm)} mm, casing {best.distance_mm:.1f} mm from it; "
        f"handle pointing {direction_words([-row[1] for row in best.pose[:3]])}; current angle {best.angle_deg:.0f}°",
        f"dose       {best.dose_v_per_m:.3g} V/m at 1 A/µs "
        f"(direct solve{by_engine(plan.search)} {best.direct_dose_v_per_m:.3g}); "
        f"mean |E| {best.direct_mean_e_v_per_m:.3g}, highest in the target {best.max_e_v_per_m:.3g}",
        *_steadiness(plan.robustness),
        *_spread(plan.uncertainty),
        *_output(plan.dosing),
        f"peak       {best.peak_e_v_per_m:.3g} V/m in grey matter at {_point(best.peak_mm)} mm",
        *(f"warning    {each}" for each in plan.warnings),
        f"files      {folder / 'plan.html'} and, beside it, plan.json, Brainsight, Localite and field files",
    ]
    return "\n".join(lines)


def _steadiness(robustness: PlanRobustness | None) -> list[str]:
    if robustness is None:
        return []
    return [
        f"steadiness at least {robustness.worst_v_per_m:.3g} V/m in 95 % of placements off by up to "
        f"{robustness.shift_mm:g} mm, {robustness.turn_deg:g}° and a tilt of {robustness.tilt_deg:g}°; "
        f"90 % of the dose within {robustness.within_mm:.0f} mm"
    ]


def _output(dosing: PlanDosing | None) -> list[str]:
    if dosing is None:
        return []
    from targeting.report.dosing import dosing_words

    return [f"output     {dosing_words(dosing)}"]


def _spread(uncertainty: PlanUncertainty | None) -> list[str]:
    if uncertainty is None:
        return []
    low, high = uncertainty.dose_low_v_per_m, uncertainty.dose_high_v_per_m
    tissue, share = max(uncertainty.shares.items(), key=lambda each: each[1])
    return [
        f"spread     dose {low:.3g} to {high:.3g} V/m for published conductivities (5 to 95 %; {tissue} {share:.0%} of it); "
        f"in 95 % the best pose is within {uncertainty.best_pose_shift_mm:.0f} mm and {uncertainty.best_pose_turn_deg:.0f}° "
        f"and this one loses at most {uncertainty.dose_lost_share:.1%}"
    ]


def _point(point_mm: list[float]) -> str:
    return "(" + ", ".join(f"{x:.1f}" for x in point_mm) + ")"
