"""|E| in the brain, cut by planes and laid over an image: the same in the report's slices and in the window's.

Where the field is weak the image shows through, so that no colour is laid over anatomy that the field hardly reaches; from
:data:`OPAQUE_FROM` on a colour is the scale's own, not mixed with the grey below it, and can be read from the bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from meshes.head import HeadMesh
from meshes.rasterise import tets_on_grid
from meshes.tissue_codes import Tissue
from targeting.fem.cortical_field import tissue_at_nodes
from targeting.modality import TMS
from targeting.scene.colors import FADED_BELOW, field_colors
from targeting.scene.raster.camera import View
from targeting.subject import Subject

BRAIN = (Tissue.WM, Tissue.GM)
SEEN_FROM, OPAQUE_FROM = 0.12, FADED_BELOW  # of the scale's end: below the first nothing is drawn
THRESHOLD = "#19e3ff"  # of its contour: no colour of the scale, of the outlines or of the target


@dataclass(frozen=True, eq=False)
class BrainField:
    """|E| in white and grey matter.

    A first-order field is constant in a tetrahedron.  For the eye it is made continuous within a tissue: the volume-weighted
    mean at each node over the tetrahedra of that tissue, linear between nodes.  The step between white and grey matter, whose
    conductivities differ, stays.

    Parameters
    ----------
    head : HeadMesh
    at_nodes_v_per_m : tuple of (N,) float64
        For each tissue of :data:`BRAIN`; NaN where there is none of it.
    """

    head: HeadMesh
    at_nodes_v_per_m: tuple[NDArray[np.float64], ...]

    @classmethod
    def of(cls, head: HeadMesh, e_v_per_m: NDArray[np.floating]) -> BrainField:
        """The field of the tetrahedra, (M, 3)."""
        strength = np.linalg.norm(e_v_per_m, axis=1)
        return cls(head, tuple(tissue_at_nodes(head, strength, tissue) for tissue in BRAIN))

    @classmethod
    def planned(cls, subject: Subject, kind: str) -> BrainField | None:
        """Of a planned subject: of placement 1 at 1 A/µs, or of the montage; None where the folder has lost it."""
        stage = "confirm" if kind == TMS else f"{kind}-confirm"

        def load(folder: Path) -> NDArray[np.float64]:
            with np.load(folder / f"{stage}.npz", allow_pickle=False) as arrays:
                return np.asarray(arrays["e_v_per_m"], np.float64)

        field = subject.recorded(stage, load)
        head = subject.recorded("mesh", lambda folder: HeadMesh.read(folder / "head.msh"))
        return None if field is None or head is None else cls.of(head.value, field.value)

    def in_plane(self, view: View) -> NDArray[np.float64]:
        """|E| in the plane through a view's centre, V/m, (h, w); NaN outside white and grey matter."""
        head = self.head
        depth = (head.points_mm - view.center_mm) @ view.toward_viewer
        values = np.full(view.height * view.width, np.nan)
        to_world = np.eye(4)
        to_world[:3, :3] = np.c_[view.right, -view.up, view.toward_viewer] * view.mm_per_pixel
        corner = np.array([0.5 - view.width / 2, 0.5 - view.height / 2, 0.0])
        to_world[:3, 3] = view.center_mm + to_world[:3, :3] @ corner
        points = _pixels(view, to_world)
        reach = depth[head.tets]
        in_it = (reach.min(1) <= 0) & (reach.max(1) >= 0)
        for tissue, at_node in zip(BRAIN, self.at_nodes_v_per_m, strict=True):
            crossed = np.flatnonzero(in_it & (head.tissue == tissue))
            if not len(crossed):
                continue
            cut = HeadMesh(head.points_mm, head.tets[crossed], head.tissue[crossed])
            owner = tets_on_grid(cut, to_world, (view.width, view.height, 1))[..., 0].T.ravel()
            inside = np.flatnonzero(owner >= 0)
            nodes = cut.tets[owner[inside]]
            values[inside] = (_shares(cut, owner[inside], points[inside]) * at_node[nodes]).sum(1)
        return values.reshape(view.height, view.width)


def laid_over(grey: NDArray[np.uint8], strength_v_per_m: NDArray[np.floating], top_v_per_m: float) -> NDArray[np.uint8]:
    """The colours of |E|, (h, w), over an image in greys, (h, w): (h, w, 3)."""
    colors = 255 * field_colors(strength_v_per_m.ravel(), "magnE", top_v_per_m).reshape(*grey.shape, 3)
    opacity = opacity_of(strength_v_per_m, top_v_per_m)[..., None]
    return np.round(opacity * colors + (1 - opacity) * grey[..., None]).astype(np.uint8)


def opacity_of(strength_v_per_m: NDArray[np.floating], top_v_per_m: float) -> NDArray[np.float64]:
    """How much of the image |E| covers, 0 to 1, and 0 where there is no field.

    Examples
    --------
    >>> opacity_of(np.array([0.0, 0.12, 0.25, 1.0, np.nan]), 1.0).tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0]
    """
    share = np.nan_to_num(np.asarray(strength_v_per_m, np.float64)) / max(top_v_per_m, 1e-30)
    return np.clip((share - SEEN_FROM) / (OPAQUE_FROM - SEEN_FROM), 0.0, 1.0)


def contour(strength_v_per_m: NDArray[np.floating], level_v_per_m: float | None) -> list[NDArray[np.float64]]:
    """Lines (n, 2), columns and rows in pixels, where |E| in a plane has one value; none where it is not reached, or not given.

    Examples
    --------
    >>> slope = np.tile(np.arange(4.0), (2, 1))  # pixels' middles are at 0.5, 1.5, ...
    >>> [line.tolist() for line in contour(slope, 1.25)]
    [[[1.75, 1.5], [1.75, 0.5]]]
    """
    if level_v_per_m is None or not np.nanmax(strength_v_per_m, initial=0.0) > level_v_per_m:
        return []
    height, width = strength_v_per_m.shape
    drawn = (
        Figure()
        .add_subplot()
        .contour(
            np.arange(width) + 0.5,
            np.arange(height) + 0.5,
            np.ma.masked_invalid(strength_v_per_m),
            levels=[level_v_per_m],
        )
    )
    return [np.asarray(line, np.float64) for line in drawn.allsegs[0] if len(line)]


def _pixels(view: View, to_world: NDArray[np.float64]) -> NDArray[np.float64]:
    """World mm of the pixels' middles, row by row, (h w, 3)."""
    columns, rows = np.meshgrid(np.arange(view.width), np.arange(view.height))
    index = np.stack([columns.ravel(), rows.ravel(), np.zeros(columns.size)], axis=1)
    return np.asarray(index @ to_world[:3, :3].T + to_world[:3, 3], np.float64)


def _shares(cut: HeadMesh, owner: NDArray[np.integer], points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Barycentric coordinates of points in their tetrahedra, (k, 4)."""
    corners = cut.points_mm[cut.tets]
    inverse = np.linalg.inv(np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 2))
    rest = np.einsum("kij,kj->ki", inverse[owner], points_mm - corners[owner, 0])
    return np.concatenate([1 - rest.sum(1, keepdims=True), rest], axis=1)
