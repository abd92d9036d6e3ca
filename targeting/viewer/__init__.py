"""The desktop viewer: a window on a planned subject.  Its logic is here, what is Qt in ``widgets``."""

from targeting.viewer.start import open_window, show

__all__ = ["open_window", "show"]
