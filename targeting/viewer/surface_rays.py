"""Where a ray first meets a surface: what the mouse points at."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Surface:
    """Triangles that can be asked, in a fraction of a millisecond, for the first point along a ray.

    Parameters
    ----------
    points_mm : (n, 3) float
    triangles : (k, 3) int

    Examples
    --------
    >>> import numpy as np
    >>> from targeting.viewer.surface_rays import Surface
    >>> roof = Surface(np.array([[0.0, 0, 5], [9, 0, 5], [0, 9, 5]]), np.array([[0, 1, 2]]))
    >>> roof.hit(np.array([1.0, 1, 50]), np.array([0.0, 0, -1])).round(3).tolist()
    [1.0, 1.0, 5.0]
    >>> roof.hit(np.array([1.0, 1, 50]), np.array([0.0, 0, 1])) is None
    True
    """

    def __init__(self, points_mm: NDArray[np.floating], triangles: NDArray[np.integer]) -> None:
        self.points_mm = np.asarray(points_mm, np.float64)
        self.triangles = np.asarray(triangles, np.int64)

    @classmethod
    def of(cls, mesh: Any) -> Surface:
        """The triangles of a ``pyvista.PolyData``."""
        mesh = mesh if mesh.is_all_triangles else mesh.triangulate()
        return cls(mesh.points, mesh.regular_faces)

    @cached_property
    def _locator(self) -> Any:
        import pyvista as pv
        from vtkmodules.vtkCommonDataModel import vtkStaticCellLocator

        locator = vtkStaticCellLocator()
        locator.SetDataSet(pv.PolyData.from_regular_faces(self.points_mm, self.triangles))
        locator.BuildLocator()
        return locator

    @cached_property
    def _size_mm(self) -> float:
        return float(np.linalg.norm(np.ptp(self.points_mm, axis=0))) + 1.0

    def hit(
        self, start_mm: NDArray[np.float64], direction: NDArray[np.float64], pose: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64] | None:
        """The first point of the surface along a ray, (3,); None if the ray misses.

        Parameters
        ----------
        start_mm, direction : (3,) float64
            World; the direction's length does not count.
        pose : (4, 4) float64, optional
            Where the surface stands: its own frame → world (rigid).  The surface itself need not be moved.
        """
        from vtkmodules.vtkCommonCore import mutable

        unit = direction / np.linalg.norm(direction)
        if pose is not None:
            start_mm, unit = pose[:3, :3].T @ (start_mm - pose[:3, 3]), pose[:3, :3].T @ unit
        far = np.linalg.norm(start_mm - self.points_mm.mean(0)) + self._size_mm
        along, at, local, part, cell = mutable(0.0), [0.0] * 3, [0.0] * 3, mutable(0), mutable(0)
        end = start_mm + far * unit
        if not self._locator.IntersectWithLine(start_mm, end, 1e-6, along, at, local, part, cell):
            return None
        found = np.array(at)
        return found if pose is None else pose[:3, :3] @ found + pose[:3, 3]
