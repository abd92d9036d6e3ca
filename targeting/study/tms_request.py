"""TmsRequest: everything that can be asked of a coil's plan, one field an option."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from targeting.study.options import Kind, Limits, option
from targeting.study.request import PlanOptions, Point
from targeting.tms.objective_names import DEFAULT

DEFAULT_COIL, DEFAULT_HAIR_MM = "figure8-70mm", 4.0
REGION_WORDS = (
    "Spare this region (again for more): NAME[@side][/radius], mni:x,y,z[/radius], ras:x,y,z[/radius] or a mask."
)
ALSO_WORDS = (
    "A further target, written like a region (again for more): the smallest of their doses, each as a share of "
    "the most it can get alone, is made large."
)
CAP_WORDS = (
    "Of the target's dose: no avoided region is to get more. Of a coil its mean |E|, and without this option "
    "the penalty alone; of a montage its root mean square, 0.5 unless given."
)
CAP_LIMITS = Limits(
    0, 100, "{name} is a share of the target's dose, above {least} and at most {most}, not {value}", open_below=True
)
RISK_WORDS = (
    "Accept that this item is beyond its limit (again for more); else the exit code is 3. The item's name stands in "
    "the danger that the plan tells."
)


def _pose_words(value: str | Path) -> str:
    from targeting.navigation.pose_file import PoseFile

    return PoseFile.of(value).words


@dataclass(frozen=True, kw_only=True)
class TmsRequest(PlanOptions):
    """What is asked of a TMS plan: the head and target of :class:`PlanOptions`, the coil, the search, dose and pulse."""

    panel = "Coil"

    coil: str | Path = option(
        Kind.TEXT,
        DEFAULT_COIL,
        "A built-in coil (target coils list), .ccd, .tcd, .nii.gz.",
        metavar="NAME|FILE",
        after="radius_mm",
        known="coils",
        common=True,
    )
    compare: Sequence[str | Path] = option(
        Kind.TEXTS,
        (),
        "Compare this coil, too (again for more); deep targets compare a figure-of-eight and a double cone.",
        metavar="COIL",
        known="coils",
    )
    hair_mm: float = option(
        Kind.NUMBER,
        DEFAULT_HAIR_MM,
        "From the coil's casing to the scalp.",
        metavar="MM",
        unit="mm",
        limits=Limits(0, 50, "hair (casing to scalp) must be between {least} and {most} mm, not {value}"),
    )
    angle: str | None = option(
        Kind.TEXT,
        None,
        "How the coil is turned: its current across the fold, its handle so many degrees to the midline (back and "
        "outwards), or the largest dose; default: the fold for M1 targets, else free.",
        metavar="fold|midline:45|free",
        after="direction",
    )
    pulse: str | None = option(
        Kind.TEXT,
        None,
        "Form of the pulse; default: biphasic for trains.",
        metavar="biphasic|monophasic|half-sine",
        more="A protocol has its own; else it is biphasic if the stimulator has that.",
    )
    current: str | None = option(
        Kind.TEXT,
        None,
        "The stimulator's current direction; default: the one in which the effective current runs as wanted.",
        metavar="normal|reverse",
    )
    tilt_deg: float = option(
        Kind.NUMBER,
        0.0,
        "Try the coil tilted by up to this much, too (at most 20).",
        flag="--tilt",
        metavar="DEG",
        unit="degrees",
        limits=Limits(0, 20, "a tilt must be between {least} and {most} degrees, not {value}"),
    )
    extra_mm: float = option(
        Kind.NUMBER,
        0.0,
        "Try the coil up to this much farther off, too.",
        metavar="MM",
        unit="mm",
        limits=Limits(0, 50, "an extra distance must be between {least} and {most} mm, not {value}"),
    )
    placements: int = option(
        Kind.WHOLE,
        5,
        "How many of the best poses the plan lists and solves directly.",
        metavar="N",
        limits=Limits(1, 20, "a plan lists {least} to {most} placements, not {value}"),
        panel="Search",
    )
    objective: str = option(
        Kind.TEXT,
        DEFAULT,
        "What placements are ranked by (the list is below).",
        metavar="NAME",
        more="A name of targeting.tms.objective_names.OBJECTIVES.",
        panel="Search",
        known="objectives",
    )
    avoid: Sequence[str] = option(Kind.TEXTS, (), REGION_WORDS, metavar="REGION", panel="Search", known="targets")
    also: Sequence[str] = option(Kind.TEXTS, (), ALSO_WORDS, metavar="TARGET", panel="Search", known="targets")
    penalty: float | None = option(
        Kind.NUMBER,
        None,
        "Coil: of avoided regions, and of the superficial field with depth: the score is divided by 1 + WEIGHT times what "
        "they get as a share of the target's dose; default 1.",
        metavar="WEIGHT",
        limits=Limits(0, 1000, "{name} must be between {least} and {most}, not {value}"),
        panel="Search",
    )
    avoid_cap: float | None = option(Kind.NUMBER, None, CAP_WORDS, metavar="SHARE", limits=CAP_LIMITS, panel="Search")
    least_dose: float | None = option(
        Kind.NUMBER,
        None,
        "Of the largest dose: poses with less are not considered; default 0.5.",
        metavar="SHARE",
        limits=Limits(0, 0.9, "{name} is a share of the largest dose, from {least} to {most}, not {value}"),
        panel="Search",
    )
    engine: str = option(
        Kind.TEXT,
        "embedded",
        "Who solves the ranked poses directly, for the field in the files; the search is always our own. "
        "SimNIBS must be installed (SIMNIBSDIR).",
        metavar="embedded|simnibs",
        after="conductivity_s_per_m",
        panel="Search",
    )
    uncertainty: bool = option(
        Kind.SWITCH,
        False,
        "Add the spread of dose and best pose over published conductivities.",
        after="tensor_order",
        panel="Search",
    )
    rmt_percent: float | None = option(
        Kind.NUMBER,
        None,
        "Motor threshold, % of the stimulator's maximum: what it means for the target.",
        flag="--rmt",
        metavar="PERCENT",
        unit="%",
        limits=Limits(
            1, 100, "a motor threshold is between {least} and {most} % of the stimulator's output, not {value}"
        ),
        more="Resting, and found with this coil and stimulator.",
        panel="Dosing",
        common=True,
        label="resting motor threshold",
    )
    rmt_muscle: str | None = option(
        Kind.TEXT,
        None,
        "Whose motor threshold it is; default: the hand's.",
        metavar="hand|leg|face",
        panel="Dosing",
        label="muscle of the threshold",
    )
    rmt_at_mm: Point | None = option(
        Kind.POINT,
        None,
        "Cortical hotspot of the threshold, RAS mm; default: that muscle's M1, target's side.",
        flag="--rmt-at",
        metavar="x,y,z",
        unit="mm",
        panel="Dosing",
    )
    rmt_pose: str | Path | None = option(
        Kind.TEXT,
        None,
        "Coil pose of the threshold: a navigator's file.",
        metavar="FILE[:NAME]",
        words=_pose_words,
        more="Brainsight, Localite, Softaxic or visor2; the name where it holds several. Default: the hotspot's best pose.",
        panel="Dosing",
    )
    match_field: float | None = option(
        Kind.NUMBER,
        None,
        "Give the target this share of the field at threshold (0.9 for 90 %), held at the smallest limit.",
        metavar="SHARE",
        more="Above 0 and at most 2.",
        panel="Dosing",
    )
    protocol: str | Path | None = option(
        Kind.TEXT,
        None,
        "rTMS session (target protocols list) or your own .toml: its own share of --rmt is the output.",
        metavar="NAME|FILE",
        panel="Dosing",
        known="protocols",
        common=True,
    )
    muscle_ratio: float | None = option(
        Kind.NUMBER,
        None,
        "Threshold of the protocol's muscle over that of --rmt-muscle, where they differ.",
        metavar="RATIO",
        panel="Dosing",
    )
    stimulator: str | None = option(
        Kind.TEXT,
        None,
        "Whose maximum dI/dt counts (target stimulators list).",
        metavar="NAME",
        more="Default: the coil's own rating.",
        panel="Dosing",
        known="stimulators",
    )
    accept_risk: Sequence[str] = option(
        Kind.TEXTS,
        (),
        RISK_WORDS,
        metavar="ITEM",
        more="Of targeting.records.warnings.TMS_RISKS; the plan's ``unaccepted`` holds the rest.",
        panel="Dosing",
        label="accepted dangers",
    )
