"""The report's figures: each a picture, a title, a caption, and what it shows for those who cannot see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from targeting.plans.tes import TesPlan
from targeting.plans.tms import Plan
from targeting.plans.tms_words import NOT_DETERMINED
from targeting.records.places import PlanTarget
from targeting.report import cortex as cortex_room
from targeting.report import dose as dose_room
from targeting.report import scalp as scalp_room
from targeting.report.evidence import Evidence, TmsEvidence
from targeting.report.field_slices import BORDER, brain_view, field_picture
from targeting.report.folds import crossing_words
from targeting.report.handle import planned_handle_deg, turn_range_deg
from targeting.report.slices import (
    CHECK,
    CLOSE_MM,
    OUTLINES,
    Outline,
    close_view,
    outlines,
    slice_picture,
    whole_view,
)
from targeting.robustness.words import CLEAR_GAIN, steadier_elsewhere, steadiest_away_mm, turn_words
from targeting.scene.brain_field import THRESHOLD
from targeting.scene.colors import EXCEEDING, TARGET
from targeting.scene.directions import PLANES, Plane
from targeting.scene.raster.canvas import png_data_uri
from targeting.words.numbers import direction_words, number, three_digits
from targeting.words.target import ring_sentence

TISSUE_KEYS = tuple(zip(("white matter", "grey matter", "skull", "scalp"), (c for _, c, _ in OUTLINES), strict=True))


@dataclass(frozen=True, eq=False)
class Figure:
    """A picture with its words."""

    rgb: NDArray[np.uint8]
    title: str
    caption: str
    alt: str

    def data_uri(self) -> str:
        """The picture as it stands in the page."""
        return png_data_uri(self.rgb)


def slices(evidence: Evidence) -> list[Figure]:
    """The target on three planes through the whole head, then near it."""
    lines = [outlines(evidence, plane) for plane in PLANES]
    return [
        draw(evidence, plane, found)
        for draw in (_whole_slice, _close_slice)
        for plane, found in zip(PLANES, lines, strict=True)
    ]


def field_slices(evidence: Evidence) -> list[Figure]:
    """|E| over the image on three planes through the target."""
    return [_field_slice(evidence, plane) for plane in PLANES]


def _field_slice(evidence: Evidence, plane: Plane) -> Figure:
    where = _place(evidence, plane)
    picture = field_picture(evidence, plane, brain_view(evidence, plane), outlines(evidence, plane))
    above = "" if evidence.threshold_v_per_m is None else " A cyan line encloses what is above the motor threshold."
    alt = (
        f"{plane.name.capitalize()} slice of the brain through the target at {where}, the image in grey, coloured by the "
        f"strength of the field in white and grey matter from yellow to dark red ({three_digits(evidence.scale_end_v_per_m)} "
        f"V/m and more, {evidence.conditions}); the target is outlined in pink.{above}"
    )
    return Figure(picture, plane.name.capitalize(), f"{where}.", alt)


def field_keys(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """What the lines over the field are, and their colours."""
    keys = (("target", TARGET), ("border of white and grey matter", BORDER))
    if evidence.threshold_v_per_m is None:
        return keys
    return (*keys, (threshold_words(evidence.plan, evidence.threshold_v_per_m), THRESHOLD))


def threshold_words(plan: Plan | TesPlan, threshold_v_per_m: float) -> str:
    """What the line of the threshold is, and at which output it holds: it is drawn in fields at 1 A/µs."""
    given = plan.dosing.given_percent if isinstance(plan, Plan) and plan.dosing is not None else None
    at_output = "" if given is None else f", reached inside the line at the output of {given} % MSO"
    return f"{three_digits(threshold_v_per_m)} V/m: the motor threshold{at_output}"


def slice_keys(target: PlanTarget) -> tuple[tuple[str, str], ...]:
    """What the lines of the slices are, and their colours."""
    solid = "what the dose is averaged over"
    words = f"target (solid: {solid}; dashed: its sphere)" if target.shape == "ball" else f"target: {solid}"
    keys = ((words, TARGET), *TISSUE_KEYS)
    if target.patch is None or target.patch.by_warp_mm is None:
        return keys
    return (*keys, ("+ the check: where the registration puts its point of MNI152", CHECK))


def _whole_slice(evidence: Evidence, plane: Plane, lines: list[Outline]) -> Figure:
    where = _place(evidence, plane)
    x = evidence.target_mm[0]
    side = f"{number(abs(x), 0)} mm to the {'left' if x < 0 else 'right'} of x = 0"
    seen = {0: "from the left", 1: "from behind", 2: "from above"}[plane.across]
    end = "front (A)" if plane.across == 0 else "left (L)"
    alt = (
        f"{plane.name.capitalize()} slice of the head through the target at {where}, seen {seen}; the picture’s "
        f"left is the head’s {'front' if plane.across == 0 else 'left'}. The target, outlined in pink, lies {side}. "
        "Thin outlines show white matter, grey matter, skull and scalp."
    )
    picture = slice_picture(evidence, plane, whole_view(evidence, plane), lines)
    return Figure(picture, plane.name.capitalize(), f"{where}, seen {seen}: {end} on the left.", alt)


def _close_slice(evidence: Evidence, plane: Plane, lines: list[Outline]) -> Figure:
    picture = slice_picture(evidence, plane, close_view(evidence, plane), lines)
    alt = (
        f"The same {plane.name} slice near the target, which is in the middle: a pink outline round the grey matter "
        f"that the dose is averaged over{', in a dashed circle' if evidence.plan.target.shape == 'ball' else ''}."
    )
    return Figure(picture, f"{plane.name.capitalize()}, close", f"{CLOSE_MM:.0f} mm wide.", alt)


def _place(evidence: Evidence, plane: Plane) -> str:
    return f"{'xyz'[plane.across]} = {number(evidence.target_mm[plane.across])} mm"


def coil(evidence: TmsEvidence) -> list[Figure]:
    """The coil on the head, from the side that it faces and from above."""
    handle = direction_words(-evidence.pose.away_from_handle_mm)
    depth = number(evidence.depth_mm, 0)
    marks = " Dots are 10-20 positions." if evidence.positions is not None else ""
    gap = f"The casing is {number(evidence.best.distance_mm)} mm from the scalp at its nearest."
    (side, toward), (_, above) = scalp_room.viewpoints(evidence)
    return [
        Figure(
            scalp_room.coil_picture(evidence, toward),
            f"From {side}",
            f"The handle points {handle}. {gap}{marks}",
            f"The head seen from {side} with the coil at the best placement, its casing half transparent, its handle solid. "
            f"The handle points {handle}. A dashed pink ring marks the target under the scalp.",
        ),
        Figure(
            scalp_room.coil_picture(evidence, above),
            "From above",
            f"Nose up, left (L) on the left. The target’s centre (dashed ring) lies {depth} mm under the scalp.",
            f"The head seen from above, nose up, left on the left, with the coil at the best placement. The handle "
            f"points {handle}. A dashed pink ring marks the target, {depth} mm under the scalp.",
        ),
    ]


def scale_words(evidence: Evidence) -> tuple[str, str]:
    """The end of the colour scale, V/m, and a sentence that says how much of the cortex lies beyond it."""
    top = three_digits(evidence.scale_end_v_per_m)
    return top, f"The scale ends at {top} V/m, which at most {number(100 * EXCEEDING)} % of the cortex exceeds."


def cortex(evidence: TmsEvidence) -> list[Figure]:
    """|E| on the cortex, whole and close."""
    field = direction_words(evidence.target_e_v_per_m)
    under = cortex_room.target_under_surface_mm(evidence)
    ring = ring_sentence(evidence.plan.target, under)
    away = float(np.linalg.norm(np.array(evidence.best.peak_mm) - evidence.target_mm))
    peak, peak_alt = "", ""
    if not evidence.peak_in_target and not cortex_room.peak_shown(evidence):
        peak = f"The largest |E| lies {number(away, 0)} mm from the target’s centre, out of sight. "
    elif not evidence.peak_in_target:
        peak = f"The diamond marks the largest |E|, {number(away, 0)} mm from the target’s centre. "
        peak_alt = f", a diamond the largest field, {number(away, 0)} mm away"
    top, scale = scale_words(evidence)
    where = "halfway through the grey matter" if evidence.on_cortex is not None else "on the outside of the brain"
    normal = cortex_room.normal_picture(evidence)
    pictures = [
        Figure(
            cortex_room.overview_picture(evidence),
            "Strength of the field on the cortex",
            f"|E| at 1 A/µs {where}, seen along the coil’s axis. {ring} {peak}{scale}",
            f"The cortex ({where}) seen along the coil’s axis, coloured by the strength of the electric field from "
            f"pale (none) to dark red ({top} V/m and more, at 1 A/µs). A pink ring marks the target{peak_alt}.",
        ),
        Figure(
            cortex_room.close_up_picture(evidence),
            "The field in the target",
            f"The arrow is the mean field in the target, which runs {field} in the pulse’s effective phase. "
            f"{crossing_words(evidence)}",
            f"Close view of the cortex round the target, same colours. An arrow through the ring of the target shows "
            f"the direction of the mean field: {field}. {crossing_words(evidence)}",
        ),
    ]
    if normal is not None:
        pictures.append(
            Figure(
                normal,
                "Into and out of the cortex",
                "The field’s component along the cortex’s normal: red where it points into the cortex, from its surface "
                "to white matter, blue where it points out. The two walls of a fold across the field have opposite "
                "colours.",
                "The same close view, coloured by the field’s component along the normal of the cortex, red into it and "
                f"blue out of it, up to {top} V/m at 1 A/µs either way.",
            )
        )
    return pictures


def dose(evidence: TmsEvidence) -> list[Figure]:
    """How the dose falls with position and with angle."""
    robust = evidence.plan.robustness
    mm, farthest = number(dose_room.nearest_loss_mm(evidence), 0), number(dose_room.farthest_reach_mm(evidence), 0)
    degrees = number(dose_room.angle_tolerance_deg(evidence), 0)
    play = f"±{degrees}°" if robust is None else turn_words(robust)
    moved = "at the best angle there" if robust is None else "moved there without turning its current"
    kept = f"at least {dose_room.PERCENT} of the best"
    steadiest, diamond = "", ""
    if robust is not None and steadier_elsewhere(robust):
        away = number(steadiest_away_mm(robust, evidence.best.scalp_mm))
        diamond = f" A diamond, {away} mm from the best place, marks the pose that minds placement errors least."
        steadiest = f" The diamond marks the pose that minds placement errors least, {away} mm from placement 1."
    elif robust is not None:
        steadiest = diamond = f" Placement 1 is the steadiest, to within {100 * CLEAR_GAIN:.0f} %."
    low = 100 * float(np.nanmin(evidence.dose_by_angle_v_per_m)) / max(evidence.best.dose_v_per_m, 1e-30)
    return [
        Figure(
            dose_room.position_picture(evidence),
            f"Position: {mm} mm of play",
            f"The dose with the coil’s centre over each point of the scalp, at the best angle there. Inside the white "
            f"line a coil {moved} gives {kept}: {mm} mm from the best place in any direction, and up to {farthest} mm in "
            f"the most forgiving one.{steadiest} The numbers are the ranks of the table below; the dashed ring is the "
            "target under the scalp.",
            f"The scalp seen along the coil’s axis, coloured by the dose that a coil centred there gives, from dark "
            f"(none) to yellow (the best). A white line encloses the places with {kept} dose: {mm} mm from the best "
            f"place in any direction, up to {farthest} mm in one. Numbers mark the best placements.{diamond}",
        ),
        _angle_figure(evidence, low, kept, play),
    ]


def _angle_figure(evidence: TmsEvidence, low_percent: float, kept: str, play: str) -> Figure:
    """The dose over all angles; what it leaves to the muscle is said."""
    plan = evidence.plan
    handle = number(planned_handle_deg(evidence), 0)
    flat = plan.angle is not None and not plan.angle.determined
    title, said = (
        ("Angle: not determined by the dose", f" {NOT_DETERMINED[0].upper()}{NOT_DETERMINED[1:]}.")
        if flat
        else ("Angle", "")
    )
    shaded = turn_range_deg(plan, planned_handle_deg(evidence)) is not None
    band = "" if flat else f" {'In the shaded range' if shaded else 'Turned'} it is {kept}: {play}."
    return Figure(
        dose_room.angle_picture(evidence),
        title,
        f"The dose at the best place for every angle of the handle to the midline, outwards to the right of 0°. The dot is "
        f"the plan, {handle}°.{band} At the worst angle it is {number(low_percent, 0)} % of the plan’s.{said}",
        f"Line chart of the dose against the angle of the handle to the midline at the best place. The plan has "
        f"{handle} degrees; the lowest dose is {number(low_percent, 0)} per cent of the plan's.",
    )
