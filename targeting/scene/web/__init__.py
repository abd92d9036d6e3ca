"""A scene that turns inside a page: vtk.js, fed from the same layers as the window."""
