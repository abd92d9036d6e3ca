"""``.geo``: coil, target and electrodes as post-processing views that Gmsh draws over a mesh.

A view is ``View "name" { ... };`` with scalar points ``SP``, lines ``SL`` and triangles ``ST``, arrows ``VP`` (a vector at
a point) and labels ``T3`` (Gmsh reference manual, "Post-processing commands").  Every coordinate is RAS mm of the T1, as
in the mesh beside it, so that ``gmsh E.msh coil.geo`` shows the coil where it is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import ArrayLike, NDArray

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.coils.coil import Coil
from targeting.coils.fields import transformed
from targeting.coils.sources import CurrentElements, MagneticDipoles
from targeting.plans.tes import PlanElectrode
from targeting.pose import Pose
from targeting.scene.colors import ANODE, CATHODE, COIL, IDLE, INK, TARGET, WINDING

HANDLE_MM = 120.0  # drawn from the coil's centre towards the operator's hand
AXIS_MM = 30.0  # the arrow into the head
LABEL_STYLE = 0  # Gmsh's default font, size and alignment


@dataclass(frozen=True, eq=False)
class GeoView:
    """One named layer of a drawing; any of its parts may be empty.

    Parameters
    ----------
    name : str
    color : str
        Hexadecimal, of :mod:`targeting.scene.colors`.
    points_mm : (n, 3) float64
    lines_mm : (n, 2, 3) float64
        Ends of each line.
    triangles_mm : (n, 3, 3) float64
        Corners of each triangle.
    arrows_mm, arrows : (n, 3) float64
        Where arrows begin, and their vectors (any unit: Gmsh scales them).
    labels : tuple of str
        Words at the first of ``points_mm``.
    """

    name: str
    color: str
    points_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    lines_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2, 3)))
    triangles_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3, 3)))
    arrows_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    arrows: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part in (self.points_mm, self.lines_mm, self.triangles_mm, self.arrows_mm, self.arrows):
            if not np.isfinite(part).all():
                raise InputError(f"the drawing {self.name!r} has coordinates that are not finite")


def coil_views(coil: Coil, pose: Pose) -> list[GeoView]:
    """A coil where it is held: casing, windings (dipole moments, wire directions), handle and the axis into the head.

    Parameters
    ----------
    coil : Coil
        An A-field on a grid has no windings to show.
    pose : Pose
        Coil → world.
    """
    matrix = pose.matrix_mm
    casing = coil.casing.points_mm @ matrix[:3, :3].T + matrix[:3, 3]
    views = [GeoView("coil casing", COIL, triangles_mm=casing[coil.casing.triangles])]
    moved = [transformed(source, matrix) for source in coil.sources]
    if dipoles := [source for source in moved if isinstance(source, MagneticDipoles)]:
        where, moments = (np.concatenate([getattr(d, name) for d in dipoles]) for name in ("points_mm", "moments_a_m2"))
        views.append(GeoView("coil dipoles (A m2 per A)", WINDING, arrows_mm=where, arrows=moments))
    if wires := [source for source in moved if isinstance(source, CurrentElements)]:
        where, pieces = (np.concatenate([getattr(w, name) for w in wires]) for name in ("points_mm", "elements_mm"))
        ends = np.stack([where - pieces / 2, where + pieces / 2], axis=1)
        views.append(GeoView("coil wires (mm)", WINDING, lines_mm=ends, arrows_mm=where, arrows=pieces))
    center = pose.center_mm
    hand = center - HANDLE_MM * pose.away_from_handle_mm
    views.append(GeoView("coil handle", COIL, hand[None], np.stack([center, hand])[None], labels=("handle",)))
    into = (AXIS_MM * pose.direction_mm)[None]
    views.append(GeoView("into the head", INK, arrows_mm=center[None], arrows=into))
    return views


def target_view(center_mm: ArrayLike, name: str) -> GeoView:
    """A target: its centre and name."""
    return GeoView("target", TARGET, np.array(center_mm, dtype=np.float64).reshape(1, 3), labels=(name,))


def electrode_views(montage: Sequence[PlanElectrode], patches_mm: Mapping[str, NDArray[np.float64]]) -> list[GeoView]:
    """Anodes and cathodes: their centres with their names and currents, and their surfaces.

    Parameters
    ----------
    montage : sequence of PlanElectrode
    patches_mm : mapping
        Electrode → (t, 3, 3) corners of the triangles of scalp under it.

    Examples
    --------
    >>> electrode_views((), {})
    []
    """
    views = []
    for title, color, sign in (
        ("anodes", ANODE, 1),
        ("cathodes", CATHODE, -1),
        ("electrodes without current", IDLE, 0),
    ):
        some = [each for each in montage if np.sign(each.current_ma) == sign]
        if some:
            centers = np.array([each.scalp_mm for each in some], np.float64)
            surfaces = np.concatenate([patches_mm[each.name] for each in some])
            labels = tuple(f"{each.name} {each.current_ma:+g} mA" for each in some)
            views.append(GeoView(title, color, centers, triangles_mm=surfaces, labels=labels))
    return views


def write_geo(path: str | Path, views: Iterable[GeoView]) -> None:
    """Write views for Gmsh, coordinates to a micrometre; the file appears only when it is whole.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_text("".join(_text(view) for view in views), encoding="utf-8")


def _text(view: GeoView) -> str:
    """One view and how it is drawn: one colour, no scale, arrows of one length, coordinates as they are."""
    rows = [
        *_rows("SP", view.points_mm, np.ones((len(view.points_mm), 1))),
        *_rows("SL", view.lines_mm, np.ones((len(view.lines_mm), 2))),
        *_rows("ST", view.triangles_mm, np.ones((len(view.triangles_mm), 3))),
        *_rows("VP", view.arrows_mm, view.arrows),
    ]
    for point, label in zip(view.points_mm, view.labels, strict=False):
        rows.append(f"T3({_numbers(point)},{LABEL_STYLE}){{{_quoted(label)}}};")
    red, green, blue = (round(255 * part) for part in to_rgb(view.color))
    options = {
        "ColorTable": f"{{{{{red},{green},{blue}}}}}",
        "ShowScale": "0",
        "PointType": "1",  # spheres
        "PointSize": "6",
        "VectorType": "4",  # arrows in three dimensions
        "ArrowSizeMax": "20",
        "ShowElement": "0",
    }
    lines = [f"View {_quoted(view.name)} {{", *rows, "};", "v = PostProcessing.NbViews - 1;"]
    lines += [f"View[v].{name} = {value};" for name, value in options.items()]
    return "\n".join(lines) + "\n"


def _rows(kind: str, places_mm: NDArray[np.float64], values: NDArray[np.float64]) -> list[str]:
    return [
        f"{kind}({_numbers(place.ravel())}){{{_values(value)}}};"
        for place, value in zip(places_mm, values, strict=True)
    ]


def _numbers(values: NDArray[np.float64]) -> str:
    return ",".join(f"{value:.6f}" for value in values.tolist())


def _values(values: NDArray[np.float64]) -> str:
    return ",".join(f"{value:.9g}" for value in values.tolist())


def _quoted(text: str) -> str:
    """A word Gmsh reads: no quotes, backslashes or line ends, which it would take for the end of the text."""
    clean = "".join(character if character.isprintable() and character not in '"\\' else " " for character in text)
    return f'"{clean}"'
