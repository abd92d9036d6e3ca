"""Cards of a montage and a leadfield, and the drawing of electrodes on a head seen from above."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from meshes.cards import card
from targeting.scene.ink import ANODE, CATHODE, svg, text
from targeting.tes.electrodes import Montage
from targeting.tes.leadfield import Leadfield
from targeting.words.numbers import milliamperes, size

MOST_ROWS = 12


def montage_card(montage: Montage) -> str:
    """A montage: its electrodes, their currents and mean current densities."""
    rows = [
        [
            each.name,
            milliamperes(1e3 * float(current)),
            f"{each.shape} {size(each.size_mm)} mm",
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


def cap_drawing(spots: Sequence[tuple[str, Sequence[float], float]], fiducials: Sequence[Sequence[float]]) -> str:
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
        text(-74, 4, "L", 12),
        text(74, 4, "R", 12),
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
        parts.append(text(x, y - radius - 2, name, 9))
    parts += [text(-4, 84, "● anode", 9, ANODE, "end"), text(4, 84, "● cathode", 9, CATHODE, "start")]
    return svg(180, 190, (-84, -82, 168, 172), parts, "electrodes seen from above, nose up, left on the left")
