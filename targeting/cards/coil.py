"""A coil's card: its rating, sources and casing, and its outline from behind with the sense of the currents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from meshes.cards import Row, card
from targeting.coils.coil import Coil
from targeting.coils.sources import CurrentElements, MagneticDipoles, PotentialGrid, Source
from targeting.scene.ink import INDUCED, WINDING, arrow, svg, text, tip

WIRE_PIECES = 1200  # drawn of a coil made of current elements
LEAST_WING = 0.1  # of a coil's moment that makes a wing of its own
KINDS: dict[type, str] = {
    MagneticDipoles: "magnetic dipoles",
    CurrentElements: "current elements",
    PotentialGrid: "grid points of A",
}


def coil_card(coil: Coil) -> str:
    """A coil: its rating, sources and casing, and its outline with the sense of the current."""
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


def _count(source: Source) -> int:
    return int(np.prod(source.a_t_m.shape[:3])) if isinstance(source, PotentialGrid) else len(source.points_mm)


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
    parts.append(text(grip, below, "handle", 0.06 * size, anchor="start"))
    for source in coil.sources:
        if isinstance(source, CurrentElements):
            parts.append(_wire(source))
        elif isinstance(source, MagneticDipoles):
            parts += wings(source, size)
    if coil.current_direction_y:
        reach = -0.22 * size * coil.current_direction_y  # +y is up, where the drawing's y is negative
        parts.append(arrow((0, -reach), (0, reach), INDUCED, size / 60))
    words = "the coil from behind, handle down"
    wide = float(np.abs(flat[:, 0]).max()) + 0.04 * size
    caption = below + 0.09 * size
    parts.append(text(0, caption, "from behind; amber: coil’s rising current", 0.052 * size, WINDING))
    parts.append(text(0, caption + 0.065 * size, "pink: induced in the brain", 0.052 * size, INDUCED))
    wide = max(wide, 0.56 * size)
    view = (-wide, low[1] - 0.04 * size, 2 * wide, caption + 0.1 * size - low[1] + 0.04 * size)
    return svg(240, round(240 * view[3] / view[2]), view, parts, words)


def _outline(points_mm: NDArray[np.float64], triangles: NDArray[np.int32]) -> list[NDArray[np.float64]]:
    """The casing's silhouette from behind, closed lines (n, 2) in the drawing's mm (x = −x, y = −y of the coil)."""
    if len(triangles) == 0:
        return []
    from contourpy import contour_generator
    from scipy.ndimage import gaussian_filter

    from targeting.scene.raster.surface import nearest_triangles

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


def wings(source: MagneticDipoles, size: float) -> list[str]:
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
        parts.append(tip(ring[-1], ring[-1] - ring[-2], WINDING, size / 22))
    return parts


def _wire(source: CurrentElements) -> str:
    """The pieces of wire themselves."""
    step = max(1, len(source.points_mm) // WIRE_PIECES)
    middle, along = -source.points_mm[::step, :2], -source.elements_mm[::step, :2]
    ends = np.hstack([middle - along / 2, middle + along / 2])
    path = "".join(f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" for a, b, c, d in ends)
    return f'<path d="{path}" stroke="{WINDING}" stroke-width="1"/>'
