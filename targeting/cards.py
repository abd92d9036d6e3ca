"""What a notebook shows for a plan, a coil, a montage or a leadfield: facts, a small table, a drawing where it says more.

The frame is :func:`meshes.cards.card`.  Drawings are inline SVG in the notebook's own ink, so that they are read on white
and on black; each says from where it is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshes.cards import Row, card
from targeting.coils.coil import Coil
from targeting.coils.sources import CurrentElements, MagneticDipoles, PotentialGrid, Source

if TYPE_CHECKING:
    from targeting.plans.tes import TesPlan
    from targeting.plans.tms import Plan
    from targeting.tes.electrodes import Montage
    from targeting.tes.leadfield import Leadfield

# middle tones, for white and black grounds
ANODE, CATHODE, INDUCED, WINDING = "#d1495b", "#2f86c9", "#d6438a", "#c47f17"
MOST_WARNINGS = 5
MOST_ROWS = 12
WIRE_PIECES = 1200  # drawn of a coil made of current elements
LEAST_WING = 0.1  # of a coil's moment that makes a wing of its own
KINDS: dict[type, str] = {
    MagneticDipoles: "magnetic dipoles",
    CurrentElements: "current elements",
    PotentialGrid: "grid points of A",
}


def plan_card(plan: Plan) -> str:
    """A coil's plan: what the report's header says, and the current's angle as a dial."""
    from targeting.report.words import direction_words, number, point, three_digits

    best = plan.placements[0] if plan.placements else None
    facts: list[Row] = [("coil", plan.coil.name)]
    if best is not None:
        facts.append(("dose", f"{three_digits(best.dose_v_per_m)} V/m at 1 A/µs"))
        if plan.coil.max_didt_a_per_s is not None:
            top = plan.coil.max_didt_a_per_s / 1e6
            facts.append(("at the rated maximum", f"{three_digits(best.dose_v_per_m * top)} V/m ({number(top)} A/µs)"))
        if plan.dosing is not None:
            share = f"{number(plan.dosing.given_percent, 0)} % MSO"
            facts.append(("output", f"{share}; motor threshold {number(plan.dosing.rmt_percent, 0)} %"))
        facts += [
            ("scalp point", f"{point(best.scalp_mm)} mm"),
            ("induced current", f"{number(best.angle_deg, 0)}° from {_origin(best.angle_from)}"),
            ("handle points", direction_words(-np.array(best.pose)[:3, 1])),
            ("casing to scalp", f"{number(best.distance_mm)} mm"),
            ("strongest in grey matter", f"{three_digits(best.peak_e_v_per_m)} V/m at {point(best.peak_mm)} mm"),
            ("placements", f"{len(plan.placements)} ranked"),
        ]
    facts.append(("made", plan.created or "not said"))
    picture = _dial(best.angle_deg, _origin(best.angle_from), plan.coil.current_direction_y) if best is not None else ""
    return card(_headline(plan), facts, f"TMS plan for {plan.subject}", None, picture, _some(plan.warnings))


def tes_plan_card(plan: TesPlan) -> str:
    """A montage's plan: dose, comparison with the standard, safety, the currents, and where they sit on the head."""
    from targeting.report.words import number, three_digits

    dose = plan.dose
    facts: list[Row] = [
        ("montage", f"{plan.montage_name}, {number(plan.total_current_ma, 2)} mA for {number(plan.minutes, 0)} min"),
        ("dose", f"{three_digits(dose.dose_v_per_m)} V/m"),
        ("focality", f"{three_digits(dose.focality)} (mean |E| in the target over that in grey matter)"),
    ]
    if plan.standard is not None and plan.standard.dose_ratio is not None:
        facts.append(("against " + plan.standard.dose.montage, f"{number(plan.standard.dose_ratio, 2)} times its dose"))
    within = sum(item.within for item in plan.safety)
    facts.append(("safety", f"{within} of {len(plan.safety)} items within published limits"))
    beyond = [f"beyond the limit of {item.title}" for item in plan.unaccepted]
    rows = [[each.name, _ma(each.current_ma), _size(each.shape, each.size_mm)] for each in plan.montage]
    marks = plan.landmarks
    fiducials = (marks.nasion_mm, marks.inion_mm, marks.left_ear_mm, marks.right_ear_mm)
    spots = [(each.name, each.scalp_mm, each.current_ma) for each in plan.montage]
    return card(
        _headline(plan),
        facts,
        f"{'HD-tDCS' if plan.kind == 'hd-tdcs' else 'tDCS'} plan for {plan.subject}",
        (("electrode", "current", "size"), rows),
        _cap(spots, fiducials),
        [*beyond, *_some(plan.warnings)],
    )


def coil_card(coil: Coil) -> str:
    """A coil: its rating, sources and room, and its outline with the sense of the current."""
    points = coil.casing.points_mm
    sources = ", ".join(f"{_count(source):,} {KINDS[type(source)]}" for source in coil.sources)
    top = coil.max_didt_a_per_s
    sense = {1: "away from the handle (+y)", -1: "towards the handle (−y)"}.get(coil.current_direction_y)
    facts: list[Row] = [
        ("maximum dI/dt", "not stated" if top is None else f"{top / 1e6:.1f} A/µs"),
        ("induced current under the centre", sense or "no single direction"),
        ("made of", sources or "nothing"),
    ]
    if len(points):
        x, y, z = np.ptp(points, axis=0)
        facts.append(("casing", f"{x:.0f} × {y:.0f} × {z:.0f} mm"))
    if coil.casing_note:
        facts.append(("its outline", coil.casing_note))
    facts.append(("source", coil.source or "not said"))
    return card(coil.name, facts, "TMS coil", None, _coil_picture(coil))


def montage_card(montage: Montage) -> str:
    """A montage: its electrodes, their currents and mean current densities."""
    rows = [
        [
            each.name,
            _ma(1e3 * float(current)),
            _size(each.shape, each.size_mm),
            f"{abs(float(current)) * 1e5 / each.area_mm2:.3f}",  # A per mm² → mA per cm²
            ", ".join(f"{x:.0f}" for x in each.center_mm),
        ]
        for each, current in zip(montage.electrodes, montage.currents_a, strict=True)
    ]
    headings = ("electrode", "current", "size", "mA/cm²", "centre, RAS mm")
    return card(montage.name, [("total current", f"{1e3 * montage.total_a:g} mA")], "montage", (headings, rows))


def leadfield_card(leadfield: Leadfield) -> str:
    """A leadfield: its electrodes, its points, its size."""
    names = leadfield.names
    shown = ", ".join(names[:MOST_ROWS]) + (f" and {len(names) - MOST_ROWS} more" if len(names) > MOST_ROWS else "")
    facts = [
        ("electrodes", f"{len(names)}: {shown}"),
        ("return", leadfield.reference),
        ("points", f"{len(leadfield.points_mm):,} in {leadfield.volume_mm3.sum() / 1000:.1f} cm³"),
        ("memory", f"{leadfield.e_v_per_m_per_a.nbytes / 1e6:.1f} MB"),
    ]
    return card("Leadfield", facts, "V/m for 1 A from every electrode to the return")


def _headline(plan: Plan | TesPlan) -> str:
    return f"{plan.target.name} {plan.target.side}".strip()


def _some(warnings: Sequence[str]) -> list[str]:
    more = len(warnings) - MOST_WARNINGS
    return [*warnings[:MOST_WARNINGS], *([f"and {more} more"] if more > 0 else [])]


def _origin(angle_from: str) -> str:
    """The first word of what an angle is measured from: "anterior" or "superior"."""
    return angle_from.split(" ")[0] if angle_from else "anterior"


def _ma(current_ma: float) -> str:
    from targeting.report.words import number

    digits = number(abs(current_ma), 3).rstrip("0").rstrip(".")
    return f"{'+' if current_ma > 0 else '−' if current_ma < 0 else ''}{digits} mA"


def _size(shape: str, size_mm: Sequence[float]) -> str:
    return f"{shape} {' × '.join(f'{each:g}' for each in size_mm)} mm"


def _count(source: Source) -> int:
    return int(np.prod(source.a_t_m.shape[:3])) if isinstance(source, PotentialGrid) else len(source.points_mm)


# --- drawings ---------------------------------------------------------------------------------------------------------


def _svg(width: int, height: int, view: tuple[float, float, float, float], inside: Sequence[str], words: str) -> str:
    x, y, w, h = view
    return (
        f'<svg role="img" aria-label="{escape(words)}" width="{width}" height="{height}" '
        f'viewBox="{x:.0f} {y:.0f} {w:.0f} {h:.0f}" fill="none" stroke="currentColor" font-family="sans-serif">'
        f"<title>{escape(words)}</title>{''.join(inside)}</svg>"
    )


def _text(x: float, y: float, words: str, size: float, color: str = "currentColor", anchor: str = "middle") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{color}" stroke="none">'
        f"{escape(words)}</text>"
    )


def _arrow(start: ArrayLike, end: ArrayLike, color: str, width: float) -> str:
    """A straight arrow between two points of the drawing."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    line = f'<path d="M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" stroke="{color}" stroke-width="{width:g}"/>'
    return line + _tip(b, b - a, color, 3.2 * width)


def _tip(at: NDArray[np.float64], along: NDArray[np.float64], color: str, size: float) -> str:
    """The head of an arrow that arrives ``at`` a point."""
    unit = along / max(float(np.linalg.norm(along)), 1e-9)
    across = np.array([-unit[1], unit[0]])
    corners = [at + 0.7 * size * unit, at - 0.5 * size * unit + 0.6 * size * across]
    corners.append(at - 0.5 * size * unit - 0.6 * size * across)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f'<polygon points="{points}" fill="{color}" stroke="none"/>'


def _dial(angle_deg: float, origin: str, current_direction_y: int) -> str:
    """The induced current on the scalp seen from outside, the reference direction up, angles counter-clockwise."""
    turn = np.deg2rad(angle_deg)
    along = np.array([-np.sin(turn), -np.cos(turn)])  # the drawing's y runs down
    parts = ['<circle cx="0" cy="0" r="50" stroke-opacity=".5"/>', '<path d="M0 -50V-42" stroke-width="2"/>']
    parts.append(_text(0, -56, "front" if origin == "anterior" else "up", 11))
    if current_direction_y:
        handle = -current_direction_y * along
        start, end = 8 * handle, 46 * handle
        parts.append(
            f'<path d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}" stroke-width="9" stroke-opacity=".3" '
            'stroke-linecap="round"/>'
        )
    parts.append(_arrow(-34 * along, 34 * along, INDUCED, 3))
    parts += [_text(0, 66, "induced current", 11, INDUCED), _text(0, 79, "seen from outside; bar: handle", 8)]
    words = f"the induced current runs at {angle_deg:.0f} degrees counter-clockwise from {origin}, seen from outside"
    return _svg(150, 165, (-68, -70, 136, 152), parts, words)


def _cap(spots: Sequence[tuple[str, Sequence[float], float]], fiducials: Sequence[Sequence[float]]) -> str:
    """Electrodes on the head seen from above, nose up, left on the left: distance from the middle is the angle from the top."""
    nasion, inion, left, right = (np.asarray(each, float) for each in fiducials)
    middle = (nasion + inion + left + right) / 4
    across = right - left
    up = np.cross(across, nasion - inion)
    if np.linalg.norm(up) < 1e-6:
        return ""
    up /= np.linalg.norm(up)
    across = np.cross(nasion - inion, up)
    across /= np.linalg.norm(across)
    ahead = np.cross(up, across)
    parts = [
        '<circle cx="0" cy="0" r="60" stroke-opacity=".6"/>',
        '<path d="M-8 -59.5L0 -70L8 -59.5" stroke-opacity=".6"/>',
        _text(-74, 4, "L", 12),
        _text(74, 4, "R", 12),
    ]
    most = max(abs(current) for _, _, current in spots)
    for name, scalp_mm, current in spots:
        way = np.asarray(scalp_mm, float) - middle
        flat = np.array([way @ across, -(way @ ahead)])
        polar = np.arctan2(np.linalg.norm(flat), way @ up) / (np.pi / 2)
        x, y = 60 * polar * flat / max(float(np.linalg.norm(flat)), 1e-9)
        color = ANODE if current > 0 else CATHODE
        radius = 4 + 5 * abs(current) / most if most else 4.0
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{color}" stroke="none"/>')
        parts.append(_text(x, y - radius - 2, name, 9))
    parts += [_text(-4, 84, "● anode", 9, ANODE, "end"), _text(4, 84, "● cathode", 9, CATHODE, "start")]
    return _svg(180, 190, (-84, -82, 168, 172), parts, "electrodes seen from above, nose up, left on the left")


def _coil_picture(coil: Coil) -> str:
    """The casing from behind (as the operator sees it: +y up, +x to the left) with the currents' sense."""
    points = coil.casing.points_mm
    parts = []
    lines = _outline(points, coil.casing.triangles)
    flat = -points[:, :2] if len(points) else np.zeros((1, 2))
    low, high = flat.min(0), flat.max(0)
    size = float(max(*(high - low), 40.0))
    path = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line) + "Z" for line in lines)
    look = 'fill="currentColor" fill-opacity=".1" fill-rule="evenodd" stroke-opacity=".6"'
    parts.append(f'<path d="{path}" {look} stroke-width="{size / 150:.1f}"/>')
    grip = 0.06 * size
    top, below = _lowest(lines) if lines else float(high[1]), float(high[1]) + 2.2 * grip
    parts.append(
        f'<rect x="{-0.5 * grip:.1f}" y="{top:.1f}" width="{grip:.1f}" height="{below - top:.1f}" fill="currentColor" '
        'fill-opacity=".3" stroke="none"/>'
    )
    parts.append(_text(grip, below, "handle", 0.06 * size, anchor="start"))
    for source in coil.sources:
        if isinstance(source, CurrentElements):
            parts.append(_wire(source))
        elif isinstance(source, MagneticDipoles):
            parts += _wings(source, size)
    if coil.current_direction_y:
        reach = -0.22 * size * coil.current_direction_y  # +y is up, where the drawing's y is negative
        parts.append(_arrow((0, -reach), (0, reach), INDUCED, size / 60))
    words = "the coil from behind, handle down"
    wide = float(np.abs(flat[:, 0]).max()) + 0.04 * size
    caption = below + 0.09 * size
    parts.append(_text(0, caption, "from behind; amber: coil’s rising current", 0.052 * size, WINDING))
    parts.append(_text(0, caption + 0.065 * size, "pink: induced in the brain", 0.052 * size, INDUCED))
    wide = max(wide, 0.56 * size)
    view = (-wide, low[1] - 0.04 * size, 2 * wide, caption + 0.1 * size - low[1] + 0.04 * size)
    return _svg(240, round(240 * view[3] / view[2]), view, parts, words)


def _outline(points_mm: NDArray[np.float64], triangles: NDArray[np.int32]) -> list[NDArray[np.float64]]:
    """The casing's silhouette from behind, closed lines (n, 2) in the drawing's mm (x = −x, y = −y of the coil)."""
    if len(triangles) == 0:
        return []
    from contourpy import contour_generator
    from scipy.ndimage import gaussian_filter

    from targeting.report.zbuffer import nearest_triangles

    flat = -points_mm[:, :2]
    low = flat.min(0) - 3.0
    step = max(1.0, float(np.ptp(flat, axis=0).max()) / 300)
    columns, rows = (int(n) for n in np.ceil((flat.max(0) + 3.0 - low) / step))
    projected = np.column_stack([(flat - low) / step, points_mm[:, 2]])
    owner = nearest_triangles(np.ascontiguousarray(projected), triangles.astype(np.int32), rows, columns)[0]
    covered = gaussian_filter((owner >= 0).astype(float), 1.2)
    found = contour_generator(z=covered).lines(0.5)
    return [step * (np.asarray(line)[:: max(1, len(line) // 150)] + 0.5) + low for line in found if len(line) > 8]


def _lowest(lines: Sequence[NDArray[np.float64]]) -> float:
    """Where the silhouette ends below, at its middle: there the handle begins."""
    near = np.concatenate([line[np.abs(line[:, 0]) < 12] for line in lines])
    return float(near[:, 1].max()) if len(near) else float(max(line[:, 1].max() for line in lines))


def _wings(source: MagneticDipoles, size: float) -> list[str]:
    """A turning arrow for the dipoles that point into the head, and one for those that point out of it.

    A moment into the head, away from the viewer, is a current that runs clockwise for them.
    """
    into = source.moments_a_m2[:, 2]
    parts = []
    for sign in (1, -1):
        weight = np.maximum(sign * into, 0.0)
        if weight.sum() <= LEAST_WING * np.abs(into).sum():
            continue
        middle = np.average(-source.points_mm[:, :2], axis=0, weights=weight)
        away = np.linalg.norm(-source.points_mm[:, :2] - middle, axis=1)
        radius = max(float(np.sqrt(np.average(away**2, weights=weight))), 0.05 * size)
        # the drawing's y runs down, so a growing angle turns clockwise
        turns = np.deg2rad(np.linspace(-150, 100, 40)) * sign + np.pi / 2
        ring = middle + radius * np.column_stack([np.cos(turns), np.sin(turns)])
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in ring)
        parts.append(f'<path d="M{path}" stroke="{WINDING}" stroke-width="{size / 75:.1f}"/>')
        parts.append(_tip(ring[-1], ring[-1] - ring[-2], WINDING, size / 22))
    return parts


def _wire(source: CurrentElements) -> str:
    """The pieces of wire themselves."""
    step = max(1, len(source.points_mm) // WIRE_PIECES)
    middle, along = -source.points_mm[::step, :2], -source.elements_mm[::step, :2]
    ends = np.hstack([middle - along / 2, middle + along / 2])
    path = "".join(f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" for a, b, c, d in ends)
    return f'<path d="{path}" stroke="{WINDING}" stroke-width="1"/>'
