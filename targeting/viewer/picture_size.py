"""A picture of fewer pixels while something moves, shown as large as before.

Without a graphics card the time of a picture goes with its pixels.  VTK draws into a frame of its own, which the Qt widget
stretches over its area; so the frame may be smaller than the widget, and only those who turn pixels of the one into
pixels of the other need to know (:attr:`PictureSize.share`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyvista as pv

FEW_PIXELS = 160_000


class PictureSize:
    """The size of what a render window draws.

    Parameters
    ----------
    window : vtkRenderWindow
    """

    def __init__(self, window: pv.RenderWindow) -> None:
        self._window = window
        self._shown = self._few = (0, 0)
        self._dots = 0  # an inch, of the shown picture

    @property
    def share(self) -> float:
        """A side of the drawn picture over that of the shown one: 1, or less while there are few pixels."""
        return self._few[0] / self._shown[0] if self._is_few else 1.0

    def set_few(self, few: bool) -> None:
        """At most 160 000 pixels from the next picture on, or all of them."""
        if few == self._is_few:
            return
        if few:
            width, height = self._window.GetSize()
            share = (FEW_PIXELS / (width * height)) ** 0.5
            if share >= 1:
                return
            self._dots = self._window.GetDPI()
            self._shown, self._few = (width, height), (max(1, round(share * width)), max(1, round(share * height)))
        self._window.SetSize(*(self._few if few else self._shown))
        self._window.SetDPI(round(self._dots * (self.share if few else 1)))  # the words keep their size, too

    @property
    def _is_few(self) -> bool:
        """Whether the size is still the one set here: a window that was resized has all its pixels again."""
        return self._few != self._shown and tuple(self._window.GetSize()) == self._few
