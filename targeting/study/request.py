"""What is asked of a head, and of every plan whatever stimulates it: target, side, tissues' conductivity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from targeting.study.options import Kind, Limits, Options, like, option

Direction = str | tuple[float, float, float] | None  # "normal", or RAS components
Point = tuple[float, float, float]  # RAS mm

DEFAULT_AIM = "m1-hand"
DENSITIES = ("standard", "fast")
FRAMES = ("sform", "qform")
DEFAULT_MAPPING, DEFAULT_ORDER = "vn", "fsl"
RADIUS_LIMITS = Limits(
    0, 100, "a target radius must be between {least} and {most} mm, not {value}", open_below=True, open_above=True
)


@dataclass(frozen=True, kw_only=True)
class HeadOptions(Options):
    """Where a head comes from and how it is meshed.

    At most one of ``t1``, ``labels`` and ``head`` is given; with none, the head is what the subject was made from before.
    """

    panel = "Head"

    t1: str | Path | None = option(
        Kind.FILE,
        None,
        "T1-weighted MRI of the whole head: NIfTI, or a folder of DICOM.",
        metavar="FILE|DIR",
        more="Of a scanner's folder dcm2niix converts the series, and the T1 is chosen by rules that are told.",
        in_command=False,
        common=True,
        label="T1 image",
    )
    t2: str | Path | None = option(
        Kind.FILE,
        None,
        "T2-weighted MRI (NIfTI): a better skull.",
        metavar="FILE",
        in_command=False,
        label="T2 image",
    )
    labels: str | Path | None = option(
        Kind.FILE,
        None,
        "Your own tissue labels (NIfTI, SimNIBS codes), instead of --t1.",
        metavar="FILE",
        in_command=False,
    )
    head: str | Path | None = option(
        Kind.FILE,
        None,
        "A finished mesh (.msh) or charm folder (m2m_*), instead of --t1.",
        metavar="MSH|DIR",
        in_command=False,
        label="finished head",
    )
    density: str | None = option(
        Kind.TEXT,
        None,
        "Mesh density: about 2 M (of a new head) or 0.7 M tetrahedra.",
        metavar="standard|fast",
        choices=DENSITIES,
        more="Default: that of the subject's head; of a new head standard.",
        common=True,
        label="mesh",
    )
    threads: int = option(
        Kind.WHOLE, 2, "Threads for the segmentation.", metavar="N", minimum=1, in_command=False, at_end=True
    )
    frame: str | None = option(
        Kind.TEXT,
        None,
        "Which frame counts of every image whose two disagree.",
        metavar="sform|qform",
        choices=FRAMES,
        in_command=False,
        at_end=True,
        label="frame of the image",
    )


@dataclass(frozen=True, kw_only=True)
class PlanOptions(HeadOptions):
    """What every plan is asked: the head, the target, the direction of the dose, and how tissues conduct."""

    panel = "Target"

    cortex: str | Path | None = option(
        Kind.FILE,
        None,
        "Cortical surfaces of a FreeSurfer subject or of m2m_*, instead of our own.",
        metavar="DIR",
        after="head",
        more="Default: those of the charm folder given as the head, else surfaces made from the tissues.",
        panel="Head",
    )
    aim: str = option(
        Kind.TEXT,
        DEFAULT_AIM,
        "A named target (target atlas list), area:NAME, mni:x,y,z, ras:x,y,z or a mask (mni:MASK).",
        metavar="TARGET",
        more="ras: is in RAS mm of the T1. Areas (target atlas list --areas) join as OP1+OP4; a label of your own file is "
        "FILE.annot:LABEL (.label.gii, .dlabel.nii; also of a FreeSurfer subject given as the cortex), a vertex of the "
        "group's cortex fslr:NUMBER.",
        known="targets",
        common=True,
        label="target",
    )
    side: str | None = option(
        Kind.TEXT, None, "Side of the target.", metavar="left|right", common=True, label="side of the brain"
    )
    pain_side: str | None = option(
        Kind.TEXT,
        None,
        "Side of the pain; the target is on the other.",
        metavar="left|right",
        common=True,
        label="side of the pain",
    )
    name: str | None = option(
        Kind.TEXT,
        None,
        "Name of the plan; default: its target, side and coil.",
        flag="--as",
        metavar="PLAN",
        panel="Output",
        more="The plan's files lie in the subject's folder plans/NAME. A plan of the same name is made again.",
        label="name of the plan",
    )
    patient_id: str | None = option(
        Kind.TEXT,
        None,
        "Whom the plan is for; stands on every page.",
        metavar="TEXT",
        in_command=False,
        more="It is in no command that makes a plan again.",
        panel="Output",
        label="patient",
    )
    hotspot_mm: Point | str | Path | None = option(
        Kind.POINT_OR_FILE,
        None,
        "Measured motor hotspot, RAS mm, or the mapping.json of target map.",
        flag="--hotspot",
        label="measured hotspot",
        metavar="x,y,z|FILE",
        unit="mm",
        more="Instead of the atlas's. A map gives a coil's plan its threshold, too, where none is given, and its angle.",
        common=True,
    )
    radius_mm: float | None = option(
        Kind.NUMBER,
        None,
        "Radius of the target; default: the named target's.",
        flag="--radius",
        metavar="MM",
        unit="mm",
        limits=RADIUS_LIMITS,
    )
    direction: Direction = option(
        Kind.DIRECTION,
        None,
        "Rank by this component of the field, not its strength.",
        metavar="normal|x,y,z",
    )
    conductivity_s_per_m: Mapping[str, float] | None = option(
        Kind.BY_NAME,
        None,
        "Override a conductivity, such as skull=0.008.",
        flag="--conductivity",
        metavar="TISSUE=S/M",
        unit="S/m",
        after="density",
        panel="Head",
        known="tissues",
    )
    dti: str | Path | None = option(
        Kind.FILE,
        None,
        "Diffusion tensors (NIfTI): white matter conducts along its fibres.",
        metavar="FILE",
        more="Six volumes in the T1's world.",
        panel="Head",
    )
    dti_mapping: str = option(
        Kind.TEXT,
        DEFAULT_MAPPING,
        "Conductivity from diffusion: volume-normalised, or direct.",
        flag="--anisotropy",
        metavar="vn|dir",
        panel="Head",
    )
    tensor_order: str = option(
        Kind.TEXT,
        DEFAULT_ORDER,
        "Whose order and axes the file's six volumes have.",
        metavar="fsl|mrtrix",
        panel="Head",
    )


@dataclass(frozen=True, kw_only=True)
class HeadRequest(HeadOptions):
    """What a head is made from, with its cortex."""

    cortex: str | Path | None = like(PlanOptions, "cortex")
