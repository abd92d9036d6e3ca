"""Is the head model right?  Its outlines over the image on slices through the whole brain, and its volumes in a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshes.tissue_codes import Tissue
from targeting.report.evidence import HeadEvidence
from targeting.report.figures import Figure
from targeting.report.parts import esc, figure_block
from targeting.report.provenance import unverified
from targeting.report.slices import OUTLINES, outlined_picture, shows_labels, tissue_outlines
from targeting.report.volumes import Volume, excuse, volumes_of
from targeting.scene.directions import PLANES, Plane
from targeting.scene.raster.camera import View
from targeting.words.numbers import number

SHARES = (0.22, 0.5, 0.78)  # of the brain's extent, where it is cut
MARGIN_MM = 6.0
PIXELS = 430
IMAGE = "the MRI. They must follow what is seen: skull dark between scalp and brain, no line through the cortex."
LABELS = "the tissues it was made from, as there is no MRI here: that they follow it must be seen where there is one."


def volumes(evidence: HeadEvidence) -> list[Volume]:
    """The volumes of the evidence's head."""
    return volumes_of(evidence.head, evidence.background_affine_mm, evidence.background.shape)


def head_check(evidence: HeadEvidence) -> str:
    """The report's section."""
    measured = volumes(evidence)
    rows = "\n".join(_row(each) for each in measured)
    sources = "".join(
        f"<li><b>{esc(each.range.title)}:</b> {esc(each.range.source)}.{_how(each)}</li>" for each in measured
    )
    keys = "".join(
        f'<li><span class="key" style="background:{color}"></span>{name}</li>'
        for name, (_, color, _) in zip(
            ("white matter", "grey matter, outer surface", "skull, outer surface", "scalp"), OUTLINES, strict=True
        )
    )
    return (
        '<section aria-labelledby="head">\n<h2 id="head">Is the head model right?</h2>\n'
        "<p>The lines are the surfaces of the mesh that the field was calculated in, drawn over "
        f"{LABELS if shows_labels(evidence) else IMAGE}</p>\n"
        f'<div class="mosaic">{figure_block(mosaic(evidence))}</div>\n'
        f'<ul class="keys">{keys}</ul>\n'
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of volumes">\n<table class="ranking even slim">'
        '<thead><tr><th scope="col">Part of the head</th><th scope="col">Here<small>mL</small></th>'
        '<th scope="col">Expected in adults<small>mL</small></th><th scope="col" class="words">Verdict</th></tr></thead>\n'
        f"<tbody>{rows}</tbody></table>\n</div>\n"
        f"<p>Volumes of the mesh. {excuse(evidence.plan.frame.image)}An unusual head is not a wrong one, and a usual volume "
        "does not prove the lines right.</p>\n"
        f'<h3>Where the ranges come from</h3>\n<ul class="sources">{sources}</ul>\n</section>'
    )


def mosaic(evidence: HeadEvidence) -> Figure:
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


def _slice(evidence: HeadEvidence, plane: Plane, position_mm: float) -> NDArray[np.uint8]:
    low, high = evidence.head.points_mm.min(0), evidence.head.points_mm.max(0)
    center = (low + high) / 2
    center[plane.across] = position_mm
    view = View.looking_from(plane.toward_viewer, center, float((high - low).max()) + 2 * MARGIN_MM, PIXELS, PIXELS)
    return outlined_picture(evidence, plane, view, tissue_outlines(evidence, plane, position_mm))


def _row(volume: Volume) -> str:
    low, high = volume.range.low_ml, volume.range.high_ml
    expected = "–" if low is None or high is None else f"{number(low, 0)} to {number(high, 0)}"
    digits = 0 if volume.ml >= 100 else 1
    mark = {"below": "! ", "above": "! ", "within": "✓ "}.get(volume.verdict, "")
    kind = "odd" if volume.is_odd else "fine" if volume.verdict == "within" else "open"
    return (
        f'<tr><th scope="row">{esc(volume.range.title)}</th><td>{number(volume.ml, digits)}</td><td>{expected}</td>'
        f'<td class="verdict {kind}">{mark}{esc(volume.words)}</td></tr>'
    )


def _how(volume: Volume) -> str:
    told = [f"Derived: {volume.range.derived}"] if volume.range.derived else []
    told += [unverified(volume.range.checked)] if unverified(volume.range.checked) else []
    return f" <small>{esc('; '.join(told))}.</small>" if told else ""
