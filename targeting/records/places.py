"""A place in a head as a plan writes it: what targets, further targets and spared regions have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlases.targets import targets
from targeting.plans.tms import PlanTarget

if TYPE_CHECKING:
    from atlases.aim import AimedTarget
    from atlases.target import Target
    from meshes.head import HeadMesh


def place_facts(target: Target) -> dict[str, Any]:
    """The fields of every record of a place: name, side, centre, radius and source."""
    return {
        "name": target.name,
        "side": target.side,
        "center_mm": [float(x) for x in target.center_mm],
        "radius_mm": float(target.radius_mm),
        "source": target.source,
    }


def plan_target(aimed: AimedTarget, head: HeadMesh) -> PlanTarget:
    """The target of a plan, as it is written."""
    tets, _ = aimed.target.weights(head)
    return PlanTarget(
        **place_facts(aimed.target),
        snapped_mm=float(aimed.target.snapped_mm),
        asked_mm=[float(x) for x in aimed.asked_mm],
        mni_mm=None if aimed.mni_mm is None else [float(x) for x in aimed.mni_mm],
        volume_mm3=float(head.volumes_mm3[tets].sum()),
        shape=aimed.target.shape,
    )


def place_name(aimed: AimedTarget) -> str:
    """A place's name with its side, where the name alone does not say it."""
    target = aimed.target
    has_side = target.name in targets()  # coordinates and masks say where they are
    return f"{target.side} {target.name}" if has_side else target.name
