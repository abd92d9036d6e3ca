"""What a notebook shows for a target."""

from __future__ import annotations

from atlases.target import Target
from meshes.cards import Row, card


def target_card(target: Target) -> str:
    """A target: where it is, how large, from where, and how far it was moved to reach grey matter."""
    x, y, z = target.center_mm
    facts: list[Row] = [("centre", f"{x:.1f}, {y:.1f}, {z:.1f} mm (right, front, up)")]
    if target.mask_points_mm is None:
        facts.append(("radius", f"{target.radius_mm:g} mm"))
    else:
        facts.append(
            ("mask", f"{len(target.mask_points_mm):,} voxels, as large as a ball of {target.radius_mm:.1f} mm")
        )
    if target.snapped_mm:
        facts.append(("moved to grey matter by", f"{target.snapped_mm:.1f} mm"))
    facts.append(("source", target.source))
    return card(f"{target.name} {target.side}".strip(), facts, "target")
