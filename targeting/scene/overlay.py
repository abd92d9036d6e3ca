"""What stands over a picture of a scene and follows its camera: title, compass, scale bar, legend, colour bar, and names.

The compass in the lower left corner says where left, right, front, back, top and bottom are.  The picture is orthographic, so
that the scale bar beside it holds at every depth.  Names of layers keep clear of all these, and are left out where what they
name is out of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray

from targeting.scene.colors import INK, QUIET, STEPS, WORDS, color_scale, limits
from targeting.scene.directions import ENDS, SIDES, compass_letters, seen_from
from targeting.scene.layer import Layer, Scene
from targeting.words.numbers import length_words

if TYPE_CHECKING:
    import pyvista as pv
    from vtkmodules.vtkRenderingCore import vtkTextProperty

GROUND = "white"
GROUND_OPACITY = 0.65  # of the pale ground of words
LABEL = " label"  # ends the name of a layer's name on the picture
COLOR_BAR, BAR_WORDS = "color bar", "color bar words"  # actors' names
BAR_LEFT, BAR_BOTTOM, BAR_WIDTH, BAR_HEIGHT = 0.58, 0.055, 0.37, 0.065  # shares of the picture
POINTS_PER_INCH = 72
VTK_FONT_FILE = 4  # of vtkTextProperty: the font is in a file
BAR_OF_E = "\N{DIVIDES}"  # looks like |, which parts columns in VTK's texts
ARM = 0.62  # of the compass' radius
BARS_MM = (1, 2, 5, 10, 20, 50, 100, 200)  # lengths of a scale bar
LONGEST_BAR = 0.22  # of the picture's width
OUT = 0.03  # of the picture: so far beyond its edge a name is still written, inside


class Overlay:
    """The words and lines over a scene's picture in one renderer; :meth:`follow` puts them in place before each picture.

    Parameters
    ----------
    scene : Scene
    plotter : pyvista plotter
        Its active renderer is meant.
    """

    def __init__(self, scene: Scene, plotter: pv.BasePlotter) -> None:
        self.scene, self.renderer = scene, plotter.renderer
        self.title = self._put(plotter, "words title", _text("left", "top"))
        self.letters = {
            letter: self._put(plotter, f"words {letter}", _text("center", "center")) for _, letter, _ in ENDS
        }
        for letter, text in self.letters.items():
            text.input, text.prop.color = letter, INK if letter in SIDES else QUIET
            set_font(text.prop, bold=True)
        self.arms = self._put(plotter, "compass", _Lines(QUIET, 1.6))
        self.bar = self._put(plotter, "scale bar", _Lines(INK, 3.0))
        self.bar_words = self._put(plotter, "words scale bar", _text("center", "bottom"))
        self.legend = [self._put(plotter, f"words legend {k}", _text("right", "top")) for k in range(len(scene.legend))]
        for text, (color, words) in zip(self.legend, scene.legend, strict=True):
            text.input, text.prop.color = words, color
            set_font(text.prop, bold=True)

    @staticmethod
    def _put(plotter: pv.BasePlotter, name: str, actor: Any) -> Any:
        drawn = actor.actor if isinstance(actor, _Lines) else actor
        plotter.add_actor(drawn, name=name, reset_camera=False, pickable=False, render=False)
        return actor

    def follow(self, layers: Mapping[str, Layer]) -> set[str]:
        """Put everything where it belongs for the camera and the size of the picture that comes.

        Parameters
        ----------
        layers : mapping
            By name; those with words have them on the picture already.

        Returns
        -------
        set of str
            Layers whose words have their place out of the picture.
        """
        if not all(self.renderer.GetSize()):  # a window that is not shown yet
            return set()
        eye = self.renderer.GetActiveCamera()
        toward, up = -np.array(eye.GetDirectionOfProjection()), np.array(eye.GetViewUp())
        right = np.cross(up, toward)
        scale = self.renderer.GetRenderWindow().GetDPI() / POINTS_PER_INCH  # VTK's font sizes are points
        width, height = (pixels / scale for pixels in self.renderer.GetSize())
        size = int(np.clip(0.03 * min(width, height), 11, 34))
        small, radius = max(10, int(0.62 * size)), 2.0 * size
        share = 0.55 if self.scene.legend else 0.94
        lines = fill(self.scene.title, max(16, int(share * width / (0.55 * small))))
        self.title.input = f"{lines}\n{seen_from(toward)}"
        _place(self.title, scale, (0.012 * width, 0.985 * height), small)
        for k, text in enumerate(self.legend):
            _place(text, scale, (0.988 * width, 0.985 * height - 1.6 * k * small), small)
        self._turn_compass(right, up, scale, radius, size)
        self._measure(scale, (3.2 * radius, 0.5 * radius), width, 2 * eye.GetParallelScale() / height, small)
        if COLOR_BAR in self.renderer.actors:
            self.renderer.actors[COLOR_BAR].GetLabelTextProperty().SetFontSize(small)
        if BAR_WORDS in self.renderer.actors:
            self.renderer.actors[BAR_WORDS].prop.font_size = small
        named = [layer for layer in layers.values() if f"{layer.name}{LABEL}" in self.renderer.actors]
        return {each.name for each in named if not self._write(each, scale, width, height, radius, size)}

    def _turn_compass(
        self, right: NDArray[np.float64], up: NDArray[np.float64], scale: float, radius: float, size: int
    ) -> None:
        middle = np.array([1.4, 1.4]) * radius
        shown = {letter: middle + radius * along * [1, -1] for letter, along in compass_letters(right, up)}
        for letter, text in self.letters.items():
            text.SetVisibility(letter in shown)
            if letter in shown:
                _place(text, scale, shown[letter], size if letter in SIDES else int(0.75 * size))
        ends = [middle + ARM * (at - middle) for at in shown.values()]
        self.arms.set(scale * np.array([[middle, end] for end in ends]))

    def _measure(self, scale: float, at: tuple[float, float], width: float, mm_per_point: float, size: int) -> None:
        """A bar of a round length; "5 cm" is what 50 mm of the head take in the picture."""
        mm = bar_length_mm(width, mm_per_point)
        start, end = np.array(at), np.array([at[0] + mm / mm_per_point, at[1]])
        self.bar.set(scale * np.array([[start, end]]))
        self.bar_words.input = length_words(mm)
        _place(self.bar_words, scale, (start + end) / 2 + [0, 0.35 * size], size)

    def _write(self, layer: Layer, scale: float, width: float, height: float, radius: float, size: int) -> bool:
        """A layer's words at its place, but clear of compass, bars and title; whether the place is in the picture."""
        text = self.renderer.actors[f"{layer.name}{LABEL}"]
        self.renderer.SetWorldPoint(*layer.words_mm, 1.0)
        self.renderer.WorldToView()
        across, along = (np.array(self.renderer.GetViewPoint()[:2]) + 1) / 2
        letters = max(10, int(0.72 * size))
        half = 0.32 * letters * len(layer.label)
        x = float(np.clip(across * width, half + 4, max(width - half - 4, half + 4)))
        y = float(np.clip(along * height, 0.8 * letters, height - 0.8 * letters))
        beside = x + half - (BAR_LEFT * width - letters)
        foot = (BAR_BOTTOM + BAR_HEIGHT) * height + letters
        if beside > 0 and y < foot:
            x, y = (x - beside, y) if beside < 2.5 * half else (x, foot)
        elif x - half < 2.8 * radius:
            y = max(y, 2.8 * radius + 0.4 * letters)
        if x - half < 0.6 * width:
            lines = self.title.input.count("\n") + 1
            y = min(y, 0.985 * height - 1.3 * self.title.prop.font_size * lines - 0.8 * letters)
        _place(text, scale, (x, y), letters)
        return bool(-OUT < across < 1 + OUT and -OUT < along < 1 + OUT)


def bar_length_mm(width: float, mm_per_unit: float) -> float:
    """How long a scale bar is in a picture of some width, in any unit.

    Examples
    --------
    >>> bar_length_mm(1200, 0.2), bar_length_mm(100, 0.01)
    (50, 1)
    """
    return max((each for each in BARS_MM if each <= LONGEST_BAR * width * mm_per_unit), default=BARS_MM[0])


def color_bar(scene: Scene, plotter: pv.BasePlotter) -> None:
    """Draw the colour bar with its unit in the lower right corner; if nothing is coloured, why that is, or nothing."""
    import pyvista as pv
    from vtkmodules.vtkRenderingAnnotation import vtkScalarBarActor

    for name in (COLOR_BAR, BAR_WORDS):
        if name in plotter.renderer.actors:
            plotter.remove_actor(name, render=False)
    if not scene.scalars and not scene.missing:
        return
    text = _text("right", "bottom")
    text.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
    text.SetPosition(0.988, 0.012)
    words = f"{WORDS[scene.scalars]} in {scene.unit}" if scene.scalars else scene.missing
    text.input = words.replace("|", BAR_OF_E)
    plotter.add_actor(text, name=BAR_WORDS, reset_camera=False, pickable=False, render=False)
    if not scene.scalars:
        return
    table = pv.LookupTable(
        color_scale(scene.scalars), n_values=STEPS, scalar_range=limits(scene.scalars, scene.top_v_per_m)
    )
    bar = vtkScalarBarActor()
    bar.SetLookupTable(table)
    bar.SetOrientationToHorizontal()
    bar.SetNumberOfLabels(3)
    bar.SetLabelFormat("%.3g")
    bar.SetMaximumNumberOfColors(STEPS)
    bar.UnconstrainedFontSizeOn()
    bar.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
    bar.SetPosition(BAR_LEFT, BAR_BOTTOM)
    bar.SetPosition2(BAR_WIDTH, BAR_HEIGHT)
    bar.SetBarRatio(0.4)
    bar.SetTextPositionToSucceedScalarBar()
    bar.DrawBackgroundOn()
    bar.GetBackgroundProperty().SetColor(*pv.Color(GROUND).float_rgb)
    bar.GetBackgroundProperty().SetOpacity(GROUND_OPACITY)
    numbers = bar.GetLabelTextProperty()
    numbers.SetColor(*pv.Color(INK).float_rgb)
    set_font(numbers)
    for off in (numbers.ItalicOff, numbers.ShadowOff, numbers.BoldOff):
        off()
    plotter.add_actor(bar, name=COLOR_BAR, reset_camera=False, pickable=False, render=False)


class _Lines:
    """Straight lines in a picture's pixels."""

    def __init__(self, color: str, thick: float) -> None:
        import pyvista as pv
        from vtkmodules.vtkRenderingCore import vtkActor2D, vtkCoordinate, vtkPolyDataMapper2D

        self._mapper = vtkPolyDataMapper2D()
        place = vtkCoordinate()
        place.SetCoordinateSystemToViewport()
        self._mapper.SetTransformCoordinate(place)
        self.actor = vtkActor2D()
        self.actor.SetMapper(self._mapper)
        self.actor.GetProperty().SetColor(*pv.Color(color).float_rgb)
        self.actor.GetProperty().SetLineWidth(thick)

    def set(self, pixels: NDArray[np.float64]) -> None:
        """Ends (n, 2, 2), from the lower left corner."""
        import pyvista as pv

        ends = np.concatenate([pixels.reshape(-1, 2), np.zeros((2 * len(pixels), 1))], axis=1)
        lines = np.insert(np.arange(len(ends)).reshape(-1, 2), 0, 2, axis=1)
        self._mapper.SetInputData(pv.PolyData(ends, lines=lines.ravel()))


def _place(text: pv.Text, scale: float, at: Any, size: int) -> None:
    """Put words to a place of the picture, in points from its lower left corner."""
    text.SetPosition(scale * float(at[0]), scale * float(at[1]))
    text.prop.font_size = size


def _text(across: str, along: str) -> pv.Text:
    """Words on a pale ground, in a picture's pixels."""
    import pyvista as pv

    text = pv.Text("", position=(0, 0))
    text.GetPositionCoordinate().SetCoordinateSystemToViewport()
    text.prop.color = INK
    text.prop.background_color, text.prop.background_opacity = GROUND, GROUND_OPACITY
    text.prop.justification_horizontal, text.prop.justification_vertical = across, along
    set_font(text.prop)
    return text


def set_font(look: vtkTextProperty, bold: bool = False) -> None:
    """The font of the pictures that matplotlib draws: VTK's own has few signs."""
    look.SetFontFamily(VTK_FONT_FILE)
    look.SetFontFile(str(Path(get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{'-Bold' if bold else ''}.ttf"))
