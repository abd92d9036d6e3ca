"""Cards: the short HTML summary of an object that a notebook shows for it (``_repr_html_``).

A card has a title, a few facts, perhaps a table and a picture.  It is read on white and on black alike: ink and ground are
the notebook's own (``currentColor``, nothing filled), and the few colours are middle tones.  Every text is escaped; only
the pictures, which are drawn here, are markup.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from meshes.head import HeadMesh
from meshes.tissue_codes import TISSUE_NAMES, Tissue

Row = tuple[str, str]

LINE = "1px solid rgba(128,128,128,.4)"
CELL = "padding:2px 12px 2px 0;text-align:left;vertical-align:top;background:none;border:none"
PIXEL_MM = 1.5
# middle tones, told from one another on white and on black
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
    parts = [f'<div style="font-size:85%;opacity:.7">{escape(kicker)}</div>'] if kicker else []
    parts.append(f'<div style="font-size:120%;font-weight:600;margin-bottom:4px">{escape(title)}</div>')
    parts += [f'<div style="margin:2px 0">{escape(mark)} {escape(text)}</div>' for mark, text in warnings]
    if facts:
        parts.append(_table([[name, value] for name, value in facts]))
    if table and table[1]:
        parts.append(_table(table[1], table[0]))
    aside = f'<div style="flex:none">{picture}</div>' if picture else ""
    return (
        f'<div style="display:inline-flex;flex-wrap:wrap;gap:16px;border:{LINE};border-radius:6px;padding:10px 14px;'
        f'max-width:860px;line-height:1.4"><div style="flex:1 1 300px">{"".join(parts)}</div>{aside}</div>'
    )


def _table(rows: Sequence[Sequence[str]], headings: Sequence[str] = ()) -> str:
    """Rows as a plain table; the first column is quieter where there are no headings."""
    head = "".join(f'<th style="{CELL};font-weight:600;border-bottom:{LINE}">{escape(each)}</th>' for each in headings)
    body = []
    for row in rows:
        quiet = "" if headings else ";opacity:.7;white-space:nowrap"
        cells = [f'<td style="{CELL}{"" if i else quiet}">{escape(each)}</td>' for i, each in enumerate(row)]
        body.append(f'<tr style="background:none">{"".join(cells)}</tr>')
    top = f"<thead><tr>{head}</tr></thead>" if headings else ""
    look = "border-collapse:collapse;border:none;margin:4px 0;color:inherit;font-size:inherit"
    return f'<table style="{look}">{top}<tbody>{"".join(body)}</tbody></table>'


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
    return (
        f'<div style="display:flex;align-items:center;gap:4px"><b>L</b><img alt="{words}" title="{words}" width="180" '
        f'src="data:image/png;base64,{_png(rgba)}"><b>R</b></div>'
    )


def _png(rgba: NDArray[np.uint8]) -> str:
    """A picture (h, w, 4) as base64 PNG."""
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, rgba, format="png")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
