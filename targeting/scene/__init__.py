"""The 3D scene that the window, the report and the notebooks draw: layers, colours, cameras, files."""

from targeting.scene.layer import Layer, Scene

__all__ = ["Layer", "Scene"]
