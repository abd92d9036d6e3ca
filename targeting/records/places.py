"""Places as a plan writes them: the image whose world every coordinate is in, targets, further places, scalp landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from atlases.area_aim import by_folds
from atlases.targets import targets
from targeting.records.json_records import require
from targeting.records.kinds import AtLeastZero, Count, Matrix, NonEmpty, OneOf, Point, Positive, Side

if TYPE_CHECKING:
    from atlases.aim import AimedTarget
    from atlases.target import Target
    from meshes.head import HeadMesh

SHAPES = ("ball", "mask", "map", "patch")
SPOT_MM = 4.0  # radius of the ring that marks a mask's middle, or a map's strongest spot
AVOIDED, ALSO = "avoided", "also a target"


@dataclass(frozen=True)
class Frame:
    """The world frame of every coordinate in the plan: RAS mm of one image, known by its hash."""

    name: Annotated[NonEmpty, "The frame in words: RAS millimetres of the T1 (x to the right, y to the front, z up)."]
    image: Annotated[str, "File name of the image that defines the frame, without its folder."]
    sha256: Annotated[str, "SHA-256 of that image file, hexadecimal."]
    affine: Annotated[Matrix, "Voxel index of the image to RAS millimetres, 4 rows of 4."]
    shape: Annotated[list[Count], Meta(min_length=3, max_length=3), "Number of voxels along each axis of the image."]


@dataclass(frozen=True)
class PlanPatch:
    """Of a target that is a patch of this person's cortex, by the folds."""

    wall_inward: Annotated[
        Point, "Mean normal of its surface, from the pial surface to white matter: a unit vector, RAS."
    ]
    current_to_wall_deg: Annotated[
        float | None,
        "Angle between the current that is wanted and that normal, degrees: 0 straight into the wall, 90 along it; null "
        "where no direction is wanted.",
    ]
    by_warp_mm: Annotated[
        Point | None,
        "The cross-check: where the registration puts the target's MNI152 point, in grey matter, mm; null without one.",
    ]
    apart_mm: Annotated[AtLeastZero | None, "How far the target's centre lies from there, mm."]

    def check(self, where: str) -> None:
        """Refuse a distance without a place."""
        require((self.by_warp_mm is None) == (self.apart_mm is None), f"{where}: by_warp_mm and apart_mm go together")


@dataclass(frozen=True)
class PlanTarget:
    """What the plan is for; ``asked_mm`` is the point before snapping to grey matter."""

    name: Annotated[str, "Name of the target."]
    side: Annotated[Side, "Hemisphere of the target: left, right, or empty."]
    center_mm: Annotated[Point, "Centre of the target after snapping to grey matter, mm."]
    radius_mm: Annotated[Positive, "Radius of the target, mm (of a mask or map: of the ball with its volume)."]
    snapped_mm: Annotated[AtLeastZero, "How far the centre was moved to reach grey matter, mm."]
    source: Annotated[str, "Where the coordinates come from: publication, measured hotspot, or the user."]
    asked_mm: Annotated[Point, "The point that was asked for, before snapping, mm."]
    mni_mm: Annotated[Point | None, "The point in MNI152 space, mm; null if the target was not given in that space."]
    volume_mm3: Annotated[AtLeastZero, "Volume of the tetrahedra the dose is averaged over, mm³."]
    shape: Annotated[
        str,
        OneOf(*SHAPES),
        "What counts as the target: grey matter in a ball of this radius, under a mask, under a map and weighted by it, or "
        "in a patch of cortex from white matter to the pial surface.",
    ]
    patch: Annotated[
        PlanPatch | None,
        "Of a patch, how it lies in the fold, and how far from the place that the registration gives; null for any other "
        "target.",
    ] = None

    @property
    def ring_mm(self) -> float:
        """Radius of the ring that marks it in pictures; for a mask or a map, which have outlines, only of where it is."""
        return self.radius_mm if self.shape == "ball" else SPOT_MM


@dataclass(frozen=True)
class PlanRegion:
    """A region to spare or a further target; each arm adds what the region gets."""

    name: Annotated[str, "Name of the place."]
    role: Annotated[str, OneOf(AVOIDED, ALSO), "Whether it is avoided or a further target."]
    side: Annotated[str, "Its hemisphere."]
    center_mm: Annotated[Point, "Its centre, RAS mm."]
    radius_mm: Annotated[Positive, "Its radius, mm (for a mask: of the ball with its volume)."]
    source: Annotated[str, "Where its coordinates come from."]


@dataclass(frozen=True)
class PlanLandmarks:
    """The four points a tape measure starts from, and the head's two measures."""

    nasion_mm: Annotated[Point, "Nasion, mm."]
    inion_mm: Annotated[Point, "Inion, mm."]
    left_ear_mm: Annotated[Point, "Left preauricular point, mm."]
    right_ear_mm: Annotated[Point, "Right preauricular point, mm."]
    nasion_to_inion_mm: Annotated[Positive, "Along the scalp over Cz, mm."]
    ear_to_ear_mm: Annotated[Positive, "Along the scalp over Cz, mm."]
    source: Annotated[str, "Where the four points come from."]


@dataclass(frozen=True)
class PlanTape:
    """The scalp point under the coil's centre at placement 1."""

    near: Annotated[str, "Beside which position of the 10-10 system it lies, in words."]
    from_nasion_mm: Annotated[AtLeastZero, "Along the scalp, mm."]
    from_inion_mm: Annotated[AtLeastZero, "Along the scalp, mm."]
    from_left_ear_mm: Annotated[AtLeastZero, "Along the scalp from the left preauricular point, mm."]
    from_right_ear_mm: Annotated[AtLeastZero, "The same from the right one."]
    landmarks: Annotated[PlanLandmarks, "The points a tape measure starts from."]


def place_facts(target: Target) -> dict[str, Any]:
    """Fields that every record of a place has: name, side, centre, radius and source."""
    return {
        "name": target.name,
        "side": target.side,
        "center_mm": [float(x) for x in target.center_mm],
        "radius_mm": float(target.radius_mm),
        "source": target.source,
    }


def plan_target(aimed_target: AimedTarget, head: HeadMesh) -> PlanTarget:
    """Make the record of a plan's target in a head."""
    tets, _ = aimed_target.target.weights(head)
    return PlanTarget(
        **place_facts(aimed_target.target),
        snapped_mm=float(aimed_target.target.snapped_mm),
        asked_mm=[float(x) for x in aimed_target.asked_mm],
        mni_mm=None if aimed_target.mni_mm is None else [float(x) for x in aimed_target.mni_mm],
        volume_mm3=float(head.volumes_mm3[tets].sum()),
        shape=aimed_target.target.shape,
        patch=_patch(aimed_target),
    )


def _patch(aimed_target: AimedTarget) -> PlanPatch | None:
    target, check = aimed_target.target, aimed_target.by_warp
    if target.wall_inward is None:
        return None
    return PlanPatch(
        wall_inward=[float(x) for x in target.wall_inward],
        current_to_wall_deg=target.current_to_wall_deg,
        by_warp_mm=None if check is None else [float(x) for x in check.center_mm],
        apart_mm=aimed_target.apart_mm,
    )


def place_name(aimed_target: AimedTarget) -> str:
    """A place's name with its side, where the name alone does not say it."""
    target = aimed_target.target
    has_side = target.name in targets() or by_folds(target.name)  # coordinates and masks say where they are
    return f"{target.side} {target.name}" if has_side else target.name
