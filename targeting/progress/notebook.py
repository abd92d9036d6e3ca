"""The progress bar of a notebook: ipywidgets' where they are installed, else a line that changes."""

from __future__ import annotations

from typing import Any

from targeting.progress.record import Progress, clock


class NotebookBar:
    """Shows a run below the cell that started it; give it each :class:`Progress`."""

    def __init__(self) -> None:
        try:
            import ipywidgets
        except ImportError:
            ipywidgets = None
        self._widgets: Any = ipywidgets
        self._bar: Any = None
        self._line: Any = None

    def __call__(self, progress: Progress) -> None:
        """Show how far the run is."""
        words = str(progress) if progress.ended else f"{clock(progress.seconds)} {progress}"
        if self._widgets is None:
            self._show_line(words)
        else:
            self._show_bar(progress, words)

    def _show_line(self, words: str) -> None:
        from IPython.display import Pretty, display

        if self._line is None:
            self._line = display(Pretty(words), display_id=True)
        else:
            self._line.update(Pretty(words))

    def _show_bar(self, progress: Progress, words: str) -> None:
        if self._bar is None:
            from IPython.display import display

            self._bar = self._widgets.FloatProgress(min=0.0, max=1.0, layout={"width": "200px"})
            self._line = self._widgets.Label()
            display(self._widgets.HBox([self._bar, self._line]))
        self._bar.value = progress.fraction
        self._bar.bar_style = {"finished": "success", "failed": "danger"}.get(progress.state, "")
        self._line.value = words
