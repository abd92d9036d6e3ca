"""Cards: the short HTML summary of an object that a notebook shows for it (``_repr_html_``).

A card has a title, a few facts, perhaps a table and a picture.  It is read on white and on black alike: ink and ground are
the notebook's own (``currentColor``, nothing filled), and the few colours are middle tones.  Every text is escaped; only
the pictures, which are drawn here, are markup.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshes.head import HeadMesh
from meshes.tissue_codes import TISSUE_NAMES, Tissue

Row = tuple[str, str]

PIXEL_MM = 1.5
# middle tones that differ clearly on white and on black
COLORS = {
    Tissue.WM: (214, 206, 190),
    Tissue.GM: (158, 116, 108),
    Tissue.CSF: (92, 150, 190),
    Tissue.SKULL: (222, 190, 120),
    Tissue.SCALP: (202, 142, 112),
    Tissue.EYES: (110, 160, 110),
}
OTHER = (128, 128, 128)  # tissues of other programs


def card(
    title: str,
    facts: Sequence[Row],
    kicker: str = "",
    table: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None,
    picture: str = "",
    warnings: Sequence[Row] = (),
) -> str:
    """A card as HTML.

    Parameters
    ----------
    title : str
    facts : sequence of (name, value)
    kicker : str
        What kind of thing it is, above the title.
    table : (headings, rows), optional
    picture : str
        Markup (an ``<svg>`` or ``<img>``), taken as it is; all else is text and escaped.
    warnings : sequence of (mark, text)
        Above the facts, each after its mark.

    Examples
    --------
    >>> "a &lt;b&gt;" in card("a <b>", [("volume", "3 cm³")])
    True
    """
    from markupsafe import Markup

    headings, rows = table or ((), ())
    return str(_markup().card(title, kicker, warnings, facts, headings, rows, Markup(picture)))


@cache
def _markup() -> Any:
    """The macros of ``cards.html.jinja``; every value is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("meshes", ""), autoescape=True, trim_blocks=True, undefined=StrictUndefined
    )
    return environment.get_template("cards.html.jinja").module


def head_card(head: HeadMesh) -> str:
    """A head: how many nodes and tetrahedra, the volume of each tissue, and a coronal slice (left is left)."""
    volumes = head.volumes_mm3
    rows = []
    for code in np.unique(head.tissue):
        here = head.tissue == code
        name = TISSUE_NAMES.get(code, f"tissue {code}")
        rows.append([name, f"{volumes[here].sum() / 1000:,.1f}", f"{int(here.sum()):,}"])
    facts = [("nodes", f"{len(head.points_mm):,}"), ("tetrahedra", f"{len(head.tets):,}")]
    if len(head.points_mm):
        size = np.ptp(head.points_mm, axis=0)
        facts.append(("extent", f"{size[0]:.0f} × {size[1]:.0f} × {size[2]:.0f} mm (right, front, up)"))
    if len(head.triangles):
        facts.append(("surface triangles", f"{len(head.triangles):,}"))
    return card("Head", facts, "head mesh", (("tissue", "cm³", "tetrahedra"), rows), _slice(head))


def _slice(head: HeadMesh) -> str:
    """The tissues on the coronal plane through the middle of the grey matter (of all, without any), with L and R."""
    if not len(head.tets):
        return ""
    from meshes.rasterise import labels_on_grid

    grey = head.tissue == Tissue.GM
    nodes = head.points_mm[np.unique(head.tets[grey] if grey.any() else head.tets)]
    low, high = head.points_mm.min(0), head.points_mm.max(0)
    step = max(PIXEL_MM, float((high - low).max()) / 400)  # a mesh in other units must not make a giant
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = low[0], (nodes[:, 1].min() + nodes[:, 1].max()) / 2, low[2]
    shape = (int(np.ceil((high[0] - low[0]) / step)) + 1, 1, int(np.ceil((high[2] - low[2]) / step)) + 1)
    labels = labels_on_grid(head, affine, shape)[:, 0].T[::-1]  # rows from the top, columns from the subject's left
    rgba = np.zeros((*labels.shape, 4), np.uint8)
    rgba[labels > 0] = (*OTHER, 255)
    for tissue, color in COLORS.items():
        rgba[labels == tissue] = (*color, 255)
    words = "coronal slice of the head mesh, left on the left"
    return str(_markup().slice(words, _png(rgba)))


def _png(rgba: NDArray[np.uint8]) -> str:
    """A picture (h, w, 4) as base64 PNG."""
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, rgba, format="png")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
