"""Canvas: lines and words over a picture, pixel for pixel, and the way from pixels to a page.

The drawing uses matplotlib's Agg canvas directly: no display, no global state.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.patches import Polygon
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from targeting.scene.colors import INK, QUIET
from targeting.scene.directions import SIDES, compass_letters
from targeting.scene.raster.camera import View
from targeting.words.numbers import length_words, three_digits

DOTS_PER_INCH = 100
CLEAR_OF_WORDS = 4.0  # pixels between a leader's end and its words


class Canvas:
    """Axes in pixel coordinates (origin upper left) over a picture, with a white strip below it for a legend.

    Parameters
    ----------
    picture : (h, w, 3) uint8
    strip : int
        Height of the strip, pixels.
    """

    def __init__(self, picture: NDArray[np.uint8], strip: int = 0) -> None:
        picture = np.pad(picture, ((0, strip), (0, 0), (0, 0)), constant_values=255)
        height, width = picture.shape[:2]
        self.width, self.height, self.strip = width, height, strip
        self.figure = Figure((width / DOTS_PER_INCH, height / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor="white")
        self._agg = FigureCanvasAgg(self.figure)
        self.axes: Any = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.imshow(picture, extent=(0, width, height, 0), interpolation="none", aspect="auto")
        self.axes.set(xlim=(0, width), ylim=(height, 0))

    def words(self, at: ArrayLike, text: str, size: float = 24, color: str = INK, **more: Any) -> Text:
        """Write text with a halo, so that it can be read on anything.

        Parameters
        ----------
        at : (2,) float
            Column and row of its middle, pixels; further numbers (a depth) are left out.
        text : str
        size : float
            Height of the letters, pixels.
        color : str
        **more
            ``halo`` (its colour), ``stroke`` (its width, points), and what :meth:`matplotlib.axes.Axes.text` takes.
        """
        halo = more.pop("halo", "white")
        more.setdefault("ha", "center")
        more.setdefault("va", "center")
        points = size * 72 / DOTS_PER_INCH
        effects = [withStroke(linewidth=more.pop("stroke", points / 5), foreground=halo, alpha=0.85)]
        column, row = np.asarray(at, dtype=np.float64)[:2]
        drawn: Text = self.axes.text(column, row, text, fontsize=points, color=color, path_effects=effects, **more)
        return drawn

    def arrow(self, start: NDArray, end: NDArray, color: str, width: float = 9) -> None:
        """Draw an arrow with a white edge.

        Parameters
        ----------
        start, end : (2,) float
            Column and row, pixels; further numbers (a depth) are left out.
        color : str
        width : float
            Of the shaft, pixels.
        """
        along = (end - start)[:2] / np.hypot(*(end - start)[:2])
        across = np.array([-along[1], along[0]])
        head = 3.2 * width
        neck = end[:2] - head * along
        outline = [start[:2] + width / 2 * across, neck + width / 2 * across, neck + 0.55 * head * across, end[:2]]
        outline += [neck - 0.55 * head * across, neck - width / 2 * across, start[:2] - width / 2 * across]
        self.axes.add_patch(Polygon(outline, closed=True, facecolor=color, edgecolor="white", linewidth=2.0))

    def leader(self, point: NDArray, label: tuple[float, float], text: str, color: str, size: float = 24) -> None:
        """Write a label away from what it names, joined to it by a thin line that ends at the edge of the words.

        Parameters
        ----------
        point : (2,) float
            What is named: column and row, pixels; further numbers (a depth) are left out.
        label : (float, float)
            The middle of the words, pixels.
        text, color : str
        size : float
            Height of the letters, pixels.
        """
        box = self.words(label, text, size, color, weight="bold").get_window_extent(self._agg.get_renderer())
        half = np.array([box.width, box.height]) / 2 + CLEAR_OF_WORDS
        start, end = np.asarray(point, dtype=np.float64)[:2], np.asarray(label, dtype=np.float64)
        away = np.abs(start - end)
        if (away <= half).all():  # the words lie over what they name
            return
        end = end + (start - end) * min(h / a for h, a in zip(half, away, strict=True) if a > 0)
        for ink, width in (("white", 3.2), (color, 1.4)):
            self.axes.plot(
                *np.stack([start, end], axis=1), color=ink, linewidth=width, alpha=0.8 if ink == "white" else 1
            )

    def scale_bar(self, view: View, mm: float, left: float | None = None) -> None:
        """Draw a bar of ``mm`` at the foot of the picture, white with dark edges: it is read on any ground.

        Parameters
        ----------
        view : View
        mm : float
        left : float, optional
            Where it begins, pixels; default: it ends in the lower right corner.
        """
        length = mm / view.mm_per_pixel
        x, y = view.width - 26 - length if left is None else left, view.height - 26
        for color, thick, more in (("black", 9.0, 2.0), ("white", 5.0, 0.0)):
            self.axes.plot([x - more, x + length + more], [y, y], color=color, linewidth=thick, solid_capstyle="butt")
        self.words((x + length / 2, y - 25), length_words(mm), 27, "white", halo="black", weight="bold", stroke=3.6)

    def compass(self, view: View, middle: ArrayLike, radius: float) -> None:
        """Draw a small cross whose letters say where left, right, front, back, up and down are; lengths in pixels."""
        at = np.asarray(middle, np.float64)
        for letter, along in compass_letters(view.right, view.up):
            big = letter in SIDES
            x, y = at + 0.7 * radius * along
            self.axes.plot([at[0], x], [at[1], y], color=QUIET, linewidth=1.6)
            self.words(at + radius * along, letter, 30 if big else 23, INK if big else QUIET, weight="bold")

    def edge_words(
        self,
        words: Sequence[str],
        inset: float,
        sizes: tuple[float, float],
        colors: tuple[str, str],
        halo: str = "white",
    ) -> None:
        """Write what lies at the picture's left, right, top and bottom edge.

        Parameters
        ----------
        words : sequence of str
            Four; "L" and "R" are drawn larger.
        inset : float
            From the edges, pixels.
        sizes : (float, float)
            Of L and R, and of the others, pixels.
        colors : (str, str)
            Of L and R, and of the others.
        halo : str
            Colour round the letters.
        """
        height = self.height - self.strip
        places = (
            (inset, height / 2),
            (self.width - inset, height / 2),
            (self.width / 2, inset),
            (self.width / 2, height - inset),
        )
        for at, word in zip(places, words, strict=True):
            kind = 0 if word in SIDES else 1
            self.words(at, word, sizes[kind], colors[kind], weight="bold", halo=halo)

    def color_bar(
        self, bottom: float, top: float, colors: str | Colormap, text: str, ticks: Sequence[float] | None = None
    ) -> None:
        """Draw a colour bar with its unit at the right end of the strip.

        Parameters
        ----------
        bottom, top : float
            Ends of the scale.
        colors : str or Colormap
            A colour map of matplotlib, or its name.
        text : str
            The quantity and its unit.
        ticks : sequence of float, optional
            The numbers beside the bar; default: round ones.
        """
        width, height = 0.5 * self.width, 22
        left, upper = self.width - width - 40, self.height - self.strip + 58
        box = (left / self.width, 1 - (upper + height) / self.height, width / self.width, height / self.height)
        bar = self.figure.colorbar(
            ScalarMappable(Normalize(bottom, top), colors), cax=self.figure.add_axes(box), orientation="horizontal"
        )
        if ticks is None:
            bar.set_ticks(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        else:
            bar.set_ticks(list(ticks), labels=[three_digits(tick) if tick else "0" for tick in ticks])
        bar.ax.tick_params(labelsize=17, colors=INK, length=4)
        bar.outline.set_linewidth(0.6)  # type: ignore[operator,unused-ignore]
        self.words((left + width / 2, upper - 24), text, 26)

    def rgb(self) -> NDArray[np.uint8]:
        """The picture, (height, width, 3) uint8."""
        self._agg.draw()
        return np.array(self._agg.buffer_rgba())[..., :3].copy()


def png_data_uri(rgb: NDArray[np.uint8]) -> str:
    """A picture as a ``data:`` address that stands in the page itself."""
    buffer = io.BytesIO()
    imsave(buffer, rgb, format="png", metadata={"Software": ""})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
