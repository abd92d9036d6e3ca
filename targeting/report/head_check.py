"""A page to judge the head model by: its outlines over slices of the image, and a table of its volumes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshes.folds.agreement import FAR_MM, Agreement, agreement
from meshes.tissue_codes import Tissue
from targeting.report.evidence import Evidence
from targeting.report.figures import Figure
from targeting.report.provenance import unverified
from targeting.report.slices import OUTLINES, outlined_picture, shows_labels, tissue_outlines
from targeting.report.volumes import Volume, VolumeRange, excuse, volumes_of
from targeting.scene.directions import PLANES, Plane
from targeting.scene.raster.camera import View
from targeting.words.numbers import number

SHARES = (0.22, 0.5, 0.78)  # of the brain's extent, where it is cut
MARGIN_MM = 6.0
PIXELS = 430
KEYS = tuple(
    zip(
        ("white matter", "grey matter, outer surface", "skull, outer surface", "scalp"),
        (color for _, color, _ in OUTLINES),
        strict=True,
    )
)


@dataclass(frozen=True, eq=False)
class HeadCheck:
    """What ``head_check.html.jinja`` shows.

    Parameters
    ----------
    mosaic : Figure
        Slices with the outlines of the tissues.
    over_labels : bool
        Whether they are drawn over the tissues, for want of an MRI.
    volumes : list of Volume
    sources : list of tuple of str
        Title, source and note of each range.
    excuse : str
        Why this head may be larger than life; empty for most.
    surfaces : list of Agreement
        The folded cortex beside the mesh; empty where its folds are not known.
    keys : tuple of pairs
        What the outlines are, and their colours.
    """

    mosaic: Figure
    over_labels: bool
    volumes: list[Volume]
    sources: list[tuple[str, str, str]]
    excuse: str
    surfaces: list[Agreement]
    keys: tuple[tuple[str, str], ...] = KEYS
    far_mm: float = FAR_MM


def head_check(evidence: Evidence) -> HeadCheck:
    """The outlines of the head model over its image, and its volumes beside what adults have."""
    volumes = volumes_of(evidence.head, evidence.background_affine_mm, evidence.background.shape)
    return HeadCheck(
        mosaic(evidence),
        shows_labels(evidence),
        volumes,
        [(each.range.title, each.range.source, _note(each.range)) for each in volumes],
        excuse(evidence.plan.frame.image),
        surface_agreements(evidence),
    )


def surface_agreements(evidence: Evidence) -> list[Agreement]:
    """How the white and the pial surface agree with the mesh; empty where the folds are not known."""
    if evidence.on_cortex is None:
        return []
    cortex = evidence.on_cortex.cortex
    return [found for layer in ("white", "pial") if (found := agreement(cortex, evidence.head, layer)) is not None]


def mosaic(evidence: Evidence) -> Figure:
    """Nine slices with outlines: three of each plane through the brain, left on the left."""
    brain = evidence.head.points_mm[
        np.unique(evidence.head.tets[np.isin(evidence.head.tissue, (Tissue.WM, Tissue.GM))])
    ]
    low, high = brain.min(0), brain.max(0)
    rows, places = [], []
    for plane in PLANES:
        at = [float(low[plane.across] + share * (high - low)[plane.across]) for share in SHARES]
        rows.append(np.hstack([_slice(evidence, plane, position) for position in at]))
        places.append(f"{plane.name} at {'xyz'[plane.across]} = {', '.join(number(each, 0) for each in at)} mm")
    picture = np.vstack(rows)
    return Figure(
        picture,
        "Outlines of the tissues",
        f"From the top: {'; '.join(places)}. Left is on the left in the upper two rows; the front is on the left in the "
        "lowest.",
        "Nine slices of the head in three rows (axial, coronal, sagittal) with the outlines of white matter, grey matter, "
        f"skull and scalp over the image: {'; '.join(places)}. Left is on the left in the axial and coronal slices.",
    )


def _slice(evidence: Evidence, plane: Plane, position_mm: float) -> NDArray[np.uint8]:
    low, high = evidence.head.points_mm.min(0), evidence.head.points_mm.max(0)
    center = (low + high) / 2
    center[plane.across] = position_mm
    view = View.looking_from(plane.toward_viewer, center, float((high - low).max()) + 2 * MARGIN_MM, PIXELS, PIXELS)
    return outlined_picture(evidence, plane, view, tissue_outlines(evidence, plane, position_mm))


def _note(part: VolumeRange) -> str:
    """What a range was derived from, and whether its source could be read again."""
    derived = f"Derived: {part.derived}" if part.derived else ""
    return "; ".join(filter(None, (derived, unverified(part.checked))))
