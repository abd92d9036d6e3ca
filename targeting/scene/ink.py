"""Small drawings as inline SVG in the page's own text colour, readable on white and on black, each with a text in words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

# middle tones, for white and black grounds
ANODE, CATHODE, INDUCED, WINDING = "#d1495b", "#2f86c9", "#d6438a", "#c47f17"


def svg(width: int, height: int, view: tuple[float, float, float, float], inside: Sequence[str], words: str) -> str:
    """A whole drawing as an SVG element.

    Parameters
    ----------
    width, height : int
        On the screen, pixels.
    view : (x, y, width, height)
        The part of the drawing's plane that is shown; y runs down.
    inside : sequence of str
        SVG elements, taken as they are.
    words : str
        What it shows, for those who cannot see it.
    """
    x, y, w, h = view
    return (
        f'<svg role="img" aria-label="{escape(words)}" width="{width}" height="{height}" '
        f'viewBox="{x:.0f} {y:.0f} {w:.0f} {h:.0f}" fill="none" stroke="currentColor" font-family="sans-serif">'
        f"<title>{escape(words)}</title>{''.join(inside)}</svg>"
    )


def text(x: float, y: float, words: str, size: float, color: str = "currentColor", anchor: str = "middle") -> str:
    """SVG of words at a point of the drawing.

    Parameters
    ----------
    x, y : float
        Of their anchor on the base line.
    words : str
    size : float
        Of the letters, in the drawing's units.
    color : str
    anchor : str
        "start", "middle" or "end": which part of the words stands at the point.
    """
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{color}" stroke="none">'
        f"{escape(words)}</text>"
    )


def arrow(start: ArrayLike, end: ArrayLike, color: str, width: float) -> str:
    """SVG of a straight arrow.

    Parameters
    ----------
    start, end : (2,) array_like
        In the drawing's plane.
    color : str
    width : float
        Of the line, in the drawing's units; the head is 3.2 times as large.
    """
    a, b = np.asarray(start, float), np.asarray(end, float)
    line = f'<path d="M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" stroke="{color}" stroke-width="{width:g}"/>'
    return line + tip(b, b - a, color, 3.2 * width)


def tip(at: NDArray[np.float64], along: NDArray[np.float64], color: str, size: float) -> str:
    """SVG of the head of an arrow.

    Parameters
    ----------
    at : (2,) float64
        Where the arrow ends, in the drawing's plane.
    along : (2,) float64
        Its direction, of any length.
    color : str
    size : float
        In the drawing's units.
    """
    unit = along / max(float(np.linalg.norm(along)), 1e-9)
    across = np.array([-unit[1], unit[0]])
    corners = [at + 0.7 * size * unit, at - 0.5 * size * unit + 0.6 * size * across]
    corners.append(at - 0.5 * size * unit - 0.6 * size * across)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f'<polygon points="{points}" fill="{color}" stroke="none"/>'
