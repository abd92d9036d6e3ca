"""``target plan``: the whole road in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.coil_summary import coil_summary
from cli.console import at_work, talk_of
from cli.objective_options import Also, Avoid, AvoidCap, LeastDose, Objective, Penalty
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
from cli.plan_warnings import AcceptRisk, accepted_risks
from cli.tes_options import (
    Cap,
    MaxCurrent,
    MaxElectrodes,
    MaxPerElectrode,
    Minutes,
    MontageName,
    Network,
    Polarity,
    Positions,
    TesDose,
    TesObjective,
    With,
    check_used,
    tes_summary,
)

UNSAFE = 3  # exit code of a plan with a danger that was not accepted

EXAMPLES = """
**Examples**

    target plan colin27

    target plan subject01 --t1 T1.nii.gz --aim m1-hand --side left

    target plan subject01 --aim psi --pain-side left --coil double-cone-110mm

    target plan subject01 --aim m1-hand --side left --hotspot -38,-20,55

    target plan subject01 --aim psi --pain-side left --rmt 52 --rmt-muscle leg --protocol psi-10hz

    target plan subject01 --aim mni:-37,-21,58 --direction normal --json > plan.json

    target plan subject01 --aim m1-hand --pain-side right --objective focality --avoid m1-face

    target plan subject01 --aim m1-hand --pain-side right --also psi

    target plan subject01 --aim m1-hand --pain-side right --with tms,tdcs

    target plan subject01 --aim psi --pain-side left --with hd-tdcs --max-current-ma 3 --max-electrodes 5

    target plan subject01 --aim m1-hand --side left --with hd-tdcs --avoid m1-face --avoid-cap 0.7

    target plan subject01 --with hd-tdcs --network mni:pain_network.nii.gz
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
            "--aim",
            metavar="TARGET",
            help="A named target (target atlas list), mni:x,y,z, ras:x,y,z or a mask (mni:MASK).",
        ),
    ] = "m1-hand",
    side: Annotated[str | None, typer.Option("--side", metavar="left|right", help="Side of the target.")] = None,
    pain_side: Annotated[
        str | None,
        typer.Option("--pain-side", metavar="left|right", help="Side of the pain; the target is on the other."),
    ] = None,
    patient_id: Annotated[
        str | None,
        typer.Option("--patient-id", metavar="TEXT", help="Whom the plan is for; stands on every page."),
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
    compare: Annotated[
        list[str] | None,
        typer.Option(
            "--compare",
            metavar="COIL",
            help="Compare this coil, too (again for more); deep targets compare a figure-of-eight and a double cone.",
        ),
    ] = None,
    hair_mm: Annotated[
        float, typer.Option("--hair-mm", metavar="MM", help="From the coil's casing to the scalp.")
    ] = 4.0,
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction", metavar="normal|x,y,z", help="Rank by this component of the field, not its strength."
        ),
    ] = None,
    angle: Annotated[
        str | None,
        typer.Option(
            "--angle",
            metavar="fold|midline:45|free",
            help="How the coil is turned: its current across the fold, its handle so many degrees to the midline (back and "
            "outwards), or the largest dose; default: the fold for M1 targets, else free.",
        ),
    ] = None,
    pulse: Annotated[
        str | None,
        typer.Option(
            "--pulse", metavar="biphasic|monophasic|half-sine", help="Form of the pulse; default: biphasic for trains."
        ),
    ] = None,
    current: Annotated[
        str | None,
        typer.Option(
            "--current",
            metavar="normal|reverse",
            help="The stimulator's current direction; default: the one in which the effective current runs as wanted.",
        ),
    ] = None,
    tilt_deg: Annotated[
        float, typer.Option("--tilt", metavar="DEG", help="Try the coil tilted by up to this much, too (at most 20).")
    ] = 0.0,
    extra_mm: Annotated[
        float, typer.Option("--extra-mm", metavar="MM", help="Try the coil up to this much farther off, too.")
    ] = 0.0,
    objective: Objective = "dose",
    avoid: Avoid = None,
    also: Also = None,
    penalty: Penalty = None,
    avoid_cap: AvoidCap = None,
    least_dose: LeastDose = None,
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
            "--rmt",
            metavar="PERCENT",
            help="Motor threshold, % of the stimulator's maximum: what it means for the target.",
        ),
    ] = None,
    rmt_muscle: Annotated[
        str | None,
        typer.Option("--rmt-muscle", metavar="hand|leg|face", help="Whose motor threshold it is; default: the hand's."),
    ] = None,
    rmt_at: Annotated[
        str | None,
        typer.Option(
            "--rmt-at",
            metavar="x,y,z",
            help="Cortical hotspot of the threshold, RAS mm; default: that muscle's M1, target's side.",
        ),
    ] = None,
    rmt_pose: Annotated[
        str | None,
        typer.Option("--rmt-pose", metavar="FILE[:NAME]", help="Coil pose of the threshold: a navigator's file."),
    ] = None,
    match_field: Annotated[
        float | None,
        typer.Option(
            "--match-field",
            metavar="SHARE",
            help="Give the target this share of the field at threshold (0.9 for 90 %), held at the smallest limit.",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="NAME|FILE",
            help="rTMS session (target protocols list) or your own .toml: its own share of --rmt is the output.",
        ),
    ] = None,
    muscle_ratio: Annotated[
        float | None,
        typer.Option(
            "--muscle-ratio",
            metavar="RATIO",
            help="Threshold of the protocol's muscle over that of --rmt-muscle, where they differ.",
        ),
    ] = None,
    stimulator: Annotated[
        str | None,
        typer.Option("--stimulator", metavar="NAME", help="Whose maximum dI/dt counts (target stimulators list)."),
    ] = None,
    modality: With = "tms",
    montage: MontageName = None,
    tes_objective: TesObjective = None,
    tes_dose: TesDose = None,
    max_current_ma: MaxCurrent = None,
    max_per_electrode_ma: MaxPerElectrode = None,
    max_electrodes: MaxElectrodes = None,
    minutes: Minutes = None,
    accept_risk: AcceptRisk = None,
    positions: Positions = None,
    network: Network = None,
    cap: Cap = "10-10",
    polarity: Polarity = None,
    out: Out = None,
    threads: Threads = 2,
    frame: Frame = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Plan a coil's pose or electrodes' places and currents: MRI, tissues, mesh, target, search, report and files."""
    talk = talk_of(context, quiet, as_json)
    with at_work(talk):
        from targeting.planning.tes import plan_tes
        from targeting.planning.tms import plan
        from targeting.plans import tes as tes_plan
        from targeting.plans import tms as plan_file
        from targeting.study.tes_request import MINUTES, TesRequest, kinds_of
        from targeting.subject import Subject

        subject = Subject.named(name, out)
        kinds = kinds_of(modality)
        check_used(context, kinds)
        risks = accepted_risks(accept_risk, kinds)
        head_and_target: dict[str, Any] = {
            "t1": t1,
            "t2": t2,
            "labels": labels,
            "head": head,
            "cortex": cortex,
            "aim": aim,
            "side": side,
            "pain_side": pain_side,
            "patient_id": patient_id,
            "hotspot_mm": three_numbers(hotspot, "--hotspot"),
            "radius_mm": radius_mm,
            "direction": direction if direction in (None, "normal") else three_numbers(direction, "--direction"),
            "density": density,
            "conductivity_s_per_m": named_numbers(conductivity, "--conductivity"),
            "dti": dti,
            "dti_mapping": anisotropy,
            "tensor_order": tensor_order,
            "threads": threads,
            "frame": frame,
        }
        requests = {
            kind: TesRequest(
                kind=kind,
                montage=montage,
                objective=tes_objective,
                dose_v_per_m=tes_dose,
                max_current_ma=max_current_ma,
                max_per_electrode_ma=max_per_electrode_ma,
                max_electrodes=max_electrodes,
                minutes=MINUTES if minutes is None else minutes,
                accept_risk=risks[kind],
                positions=positions,
                avoid=tuple(avoid or ()),
                avoid_cap=avoid_cap,
                also=tuple(also or ()),
                network=network,
                cap=cap,
                polarity=polarity,
            ).checked(head_and_target["direction"], aim)
            for kind in kinds
            if kind != "tms"
        }
        texts, documents, unsafe = [], {}, False
        for kind in kinds:
            if kind in requests:
                laid = plan_tes(subject, requests[kind], **head_and_target)
                texts.append(tes_summary(laid, subject.folder / kind))
                documents[kind] = tes_plan.to_dict(laid)
                unsafe |= bool(laid.unaccepted)
                continue
            made = plan(
                subject,
                **head_and_target,
                coil=coil,
                compare=compare or (),
                hair_mm=hair_mm,
                angle=angle,
                pulse=pulse,
                current=current,
                tilt_deg=tilt_deg,
                extra_mm=extra_mm,
                objective=objective,
                avoid=avoid or (),
                also=also or (),
                penalty=penalty,
                avoid_cap=avoid_cap,
                least_dose=least_dose,
                engine=engine,
                uncertainty=uncertainty,
                rmt_percent=rmt,
                rmt_muscle=rmt_muscle,
                rmt_at_mm=three_numbers(rmt_at, "--rmt-at"),
                rmt_pose=rmt_pose,
                match_field=match_field,
                protocol=protocol,
                muscle_ratio=muscle_ratio,
                stimulator=stimulator,
                accept_risk=risks[kind],
            )
            unsafe |= bool(made.unaccepted)
            texts.append(coil_summary(made, subject.folder))
            documents[kind] = plan_file.to_dict(made)
    talk.answer("\n\n".join(texts), documents if len(kinds) > 1 else documents[kinds[0]])
    if unsafe:
        raise typer.Exit(UNSAFE)
