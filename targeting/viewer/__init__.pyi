from .start import open_window as open_window
from .start import show as show
