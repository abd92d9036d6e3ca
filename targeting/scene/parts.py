"""Layers of a scene beside the head itself: rings of places, outlines of masks and maps, the coil, the electrodes.

Targets are magenta, regions to spare violet, the coil is teal.  Electrodes are red where current goes in (anode) and blue
where it comes out (cathode).

A target that is no ball has an outline on the cortex: a mask's edge; of a network map the line where it has half its
largest size, each sign by itself.  Both stand at tetrahedra of grey matter and are 0 at the others, so that an outline
closes round its patch.  A plan keeps its outline as lines (:data:`OUTLINE`), so that a window need not read the mesh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyvista as pv
from numpy.typing import ArrayLike, NDArray

from atlases.target import Target
from meshes.head import HeadMesh
from targeting.coils.coil import Casing, Coil
from targeting.fem.cortical_field import grey_at_nodes
from targeting.goals.record import PlanPlace
from targeting.goals.tes_record import PlanTesPlace
from targeting.networks.network_map import CORE, MapTarget
from targeting.pose import Pose
from targeting.records.montage import PlanElectrode
from targeting.records.places import AVOIDED
from targeting.scene.colors import ANODE, CATHODE, COIL, IDLE, SPARED, TARGET
from targeting.scene.directions import PALE
from targeting.scene.layer import Layer

COIL_OPACITY = PAD_OPACITY = 0.08  # outlines, filled beside the head only
EDGE_MM, EDGE_DEG = 0.7, 30.0  # radius of the lines along a casing's edges; sharper bends are edges
HANDLE_MM, HANDLE_RADIUS_MM = 95.0, 8.0  # drawn from the casing's edge towards the operator's hand
PAD_MM = 3.0  # an electrode is drawn this thick
PAD_STEPS, RING_STEPS = 24, 64
LIFT_MM = 0.6  # an electrode's lower side over the scalp, which is drawn with fewer triangles than it was cut on
RING_TUBE = 0.14  # of its radius
LEAST_RADIUS_MM = 2.0  # of a ring
LABEL_LIFT_MM = 14.0
OUTLINE = "target_outline.vtp"
LEVEL = "level"  # the lines' point array: the value they stand for, EDGE or plus or minus CORE
EDGE = 0.5  # between what is in a mask, 1, and what is not, 0
LINE_MM = 0.8  # radius of an outline
DASHES = 9  # of a ring
AHEAD_MM = 10.0  # it shows through folds of this depth, and not through the brain
BESIDE_MM = np.array([0.0, -18.0, -10.0])  # a map's words, clear of the target's, which stand above it
SIGNS = ((1, "into the cortex", "map +", TARGET), (-1, "out of the cortex", "map −", CATHODE))


def target_layers(center_mm: ArrayLike, radius_mm: float, outward: ArrayLike) -> tuple[Layer, Layer]:
    """The target's ring, whole where it is seen and dashed through the cortex before a deep one.

    Its word stands above it as the camera "target" has it.
    """
    out = np.asarray(outward, np.float64)
    up = np.array([0.0, 0, 1]) if abs(out[2]) < 0.9 * np.linalg.norm(out) else np.array([0.0, 1, 0])
    word_mm = np.asarray(center_mm) + 1.9 * max(radius_mm, LEAST_RADIUS_MM) * _across(up, out)
    ring = _ring(center_mm, radius_mm, out)
    return (
        Layer("target", ring, TARGET, label="target", label_mm=word_mm, ahead_mm=AHEAD_MM),
        Layer("target, dashed", _dashed(ring, out), TARGET, ahead_mm=np.inf),
    )


def place_layers(
    places: Sequence[PlanPlace | PlanTesPlace], target_mm: ArrayLike, scalp_mm: NDArray[np.floating]
) -> tuple[Layer, ...]:
    """Rings of a plan's regions to spare and further targets, each facing the nearest of the scalp's points (n, 3).

    Their words stand on the side away from the target, so that they do not lie over its own.
    """
    layers = []
    for number, place in enumerate(places, 1):
        center = np.array(place.center_mm)
        away = np.asarray(scalp_mm, np.float64) - center
        out = away[np.linalg.norm(away, axis=1).argmin()]
        spared = place.role == AVOIDED
        name, color = (f"spared region {number}", SPARED) if spared else (f"further target {number}", TARGET)
        word_mm = center + 2.6 * max(place.radius_mm, LEAST_RADIUS_MM) * _across(
            center - np.asarray(target_mm, np.float64), out
        )
        ring, words = _ring(center, place.radius_mm, out), f"{'spare' if spared else 'also'} {place.name}"
        layers.append(Layer(name, ring, color, label=words, label_mm=word_mm, ahead_mm=np.inf))
    return tuple(layers)


def target_outline(
    points_mm: NDArray[np.floating], triangles: NDArray[np.integer], head: HeadMesh, target: Target
) -> pv.PolyData | None:
    """The outline of a target as lines on the cortex.

    Parameters
    ----------
    points_mm, triangles : (n, 3) float, (t, 3) int
        The cortex.
    head : HeadMesh
        The mesh whose tetrahedra the target is made of.
    target : Target

    Returns
    -------
    pyvista.PolyData or None
        Lines in RAS mm with :data:`LEVEL`; None for a ball, and where no line crosses this cortex.
    """
    if target.shape == "ball":
        return None
    values = np.zeros(len(head.tets))
    if isinstance(target, MapTarget):
        values[target.tets], levels = target.map_values, [CORE, -CORE]
    else:
        values[target.weights(head)[0]], levels = 1.0, [EDGE]
    surface = pv.PolyData.from_regular_faces(np.asarray(points_mm, np.float32), triangles)
    surface.point_data[LEVEL] = at_points(points_mm, head, values)
    lines = surface.contour(levels, scalars=LEVEL)
    return lines if lines.n_points else None


def at_points(points_mm: NDArray[np.floating], head: HeadMesh, values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Values of tetrahedra (M,) at some points of the cortex, (n,): at the nearest node of grey matter."""
    from scipy.spatial import cKDTree

    at_nodes = grey_at_nodes(head, values)
    grey = np.flatnonzero(np.isfinite(at_nodes))
    _, nearest = cKDTree(head.points_mm[grey]).query(points_mm)
    return at_nodes[grey[nearest]].astype(np.float32)


def outline_layers(lines: pv.PolyData, shape: str) -> tuple[Layer, ...]:
    """Layers of an outline on the cortex.

    Parameters
    ----------
    lines : pyvista.PolyData
        Of :func:`target_outline`.
    shape : {"mask", "patch", "map"}

    Returns
    -------
    tuple of Layer
        "mask outline" or "patch outline", or "map into the cortex" and "map out of the cortex", those there are; and each
        once more, "mask outline, faint", which shows through what lies before it.
    """
    if shape in ("mask", "patch"):
        return _outline_layers(lines, f"{shape} outline", TARGET)
    layers: tuple[Layer, ...] = ()
    for sign, way, words, color in SIGNS:
        of_sign = np.sign(np.asarray(lines.point_data[LEVEL])) == sign
        if of_sign.any():
            layers += _outline_layers(
                lines.extract_points(of_sign).extract_surface(algorithm="dataset_surface"), f"map {way}", color, words
            )
    return layers


def _outline_layers(lines: pv.PolyData, name: str, color: str, words: str = "") -> tuple[Layer, Layer]:
    """Lines as tubes, clear and faint, with words beside the longest piece."""
    tube = plain(lines.strip(join=True).tube(radius=LINE_MM, n_sides=8))
    beside_mm = np.array(lines.connectivity("largest").center) + BESIDE_MM if words else None
    return (
        Layer(name, tube, color, label=words, label_mm=beside_mm, ahead_mm=AHEAD_MM),
        Layer(f"{name}, faint", tube, color, opacity=PALE, ahead_mm=np.inf),
    )


def _ring(center_mm: ArrayLike, radius_mm: float, outward: NDArray[np.float64]) -> pv.PolyData:
    """A ring of a place's radius that faces out of the head, and a ball at its centre."""
    radius = max(float(radius_mm), LEAST_RADIUS_MM)
    ring = pv.ParametricTorus(ringradius=radius, crosssectionradius=RING_TUBE * radius, u_res=48, v_res=12, w_res=12)
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = np.stack(_axes(outward), axis=1), center_mm
    ball = pv.Sphere(radius=0.22 * radius, theta_resolution=16, phi_resolution=16)
    middle = plain(ball.translate(np.asarray(center_mm, np.float64), inplace=False))
    return plain(ring.transform(matrix, inplace=False)).append_polydata(middle)


def _dashed(ring: pv.PolyData, outward: NDArray[np.float64]) -> pv.PolyData:
    """A ring of which every other piece is there."""
    x, y, _ = _axes(outward)
    away = np.asarray(ring.points)[ring.regular_faces].mean(1) - np.array(ring.center)
    turn = np.arctan2(away @ y, away @ x) / (2 * np.pi) * DASHES
    pieces = ring.extract_cells(turn % 1 < 0.55).extract_surface(algorithm="dataset_surface")
    return plain(pieces)


def _across(way: NDArray[np.float64], outward: NDArray[np.float64]) -> NDArray[np.float64]:
    """The direction ``way`` in the plane of a ring that faces ``outward``, of length one (none if it is outward itself)."""
    z = outward / np.linalg.norm(outward)
    flat = way - (way @ z) * z
    return flat / max(float(np.linalg.norm(flat)), 1e-9)


def coil_layers(coil: Coil | Casing, pose: Pose) -> tuple[Layer, ...]:
    """Casing, its edges, and the handle of a coil where it is held.

    The handle is a rod from the casing towards the operator's hand (−y of the coil).  It is no arrow: the induced current
    has a direction too, and must not be taken for it.

    Examples
    --------
    >>> import numpy as np
    >>> from targeting import Coil, Pose
    >>> over_vertex = Pose(np.array([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 100], [0, 0, 0, 1]]))
    >>> [layer.name for layer in coil_layers(Coil.named("figure8-70mm"), over_vertex)]
    ['coil', 'coil edges', 'handle']
    """
    casing = coil.casing if isinstance(coil, Coil) else coil
    hull = pv.PolyData.from_regular_faces(casing.points_mm.astype(np.float32), np.ascontiguousarray(casing.triangles))
    edges = _edges(hull)
    hull = hull.compute_normals(cell_normals=False, split_vertices=True, feature_angle=40.0)
    middle = np.abs(casing.points_mm[:, 0]) < 20.0  # where the handle leaves the casing
    near = casing.points_mm[middle] if middle.any() else casing.points_mm
    start = np.array([0.0, 0.6 * near[:, 1].min(), near[:, 2].mean()])
    hand = start - [0.0, HANDLE_MM, 0.0]
    rod = pv.Capsule(
        center=(start + hand) / 2,
        direction=(0, 1, 0),
        radius=HANDLE_RADIUS_MM,
        cylinder_length=HANDLE_MM - 2 * HANDLE_RADIUS_MM,
        resolution=24,
    ).compute_normals(cell_normals=False, split_vertices=False)
    matrix = pose.matrix_mm
    label_mm = matrix[:3, :3] @ (hand - [0.0, LABEL_LIFT_MM, 0.0]) + matrix[:3, 3]
    return (
        Layer("coil", plain(hull.transform(matrix, inplace=False)), COIL, opacity=COIL_OPACITY, ahead_mm=-np.inf),
        Layer("coil edges", plain(edges.transform(matrix, inplace=False)), COIL),
        Layer("handle", plain(rod.transform(matrix, inplace=False)), COIL, label="handle", label_mm=label_mm),
    )


def electrode_layers(
    montage: Sequence[PlanElectrode], patches_mm: Mapping[str, NDArray[np.float64]]
) -> tuple[Layer, ...]:
    """Electrodes as outlines of pads on the scalp, labelled with their currents: the pads, then their edges.

    Parameters
    ----------
    montage : sequence of PlanElectrode
    patches_mm : mapping
        Electrode → (t, 3, 3) corners of the triangles of scalp under it.
    """
    layers, edges = [], []
    for each in montage:
        surface, out = _pad(each, patches_mm[each.name])
        color = ANODE if each.current_ma > 0 else CATHODE if each.current_ma < 0 else IDLE
        label = f"{each.name} {each.current_ma:+.3g} mA".replace("-", "−")
        top = np.asarray(each.scalp_mm, np.float64) + LABEL_LIFT_MM * out
        name = f"electrode {each.name}"
        layers.append(Layer(name, surface, color, PAD_OPACITY, label=label, label_mm=top, ahead_mm=-np.inf))
        edges.append(Layer(f"electrode {each.name} edges", _edges(surface), color))
    return (*layers, *edges)


def _edges(surface: pv.PolyData) -> pv.PolyData:
    """A surface's sharp edges as tubes."""
    welded = surface.clean(tolerance=1e-3, absolute=True)
    lines = welded.extract_feature_edges(EDGE_DEG, boundary_edges=False, non_manifold_edges=False, manifold_edges=False)
    return plain(lines.tube(radius=EDGE_MM, n_sides=8) if lines.n_cells else lines)


def _pad(each: PlanElectrode, patch_mm: NDArray[np.float64]) -> tuple[pv.PolyData, NDArray[np.float64]]:
    """An electrode as a slab on the scalp, and the direction out of the head there.

    Its outline lies in the plane that touches the scalp and is laid onto it as :mod:`targeting.tes.contact` does: points
    keep their direction and their distance from the centre.  The scalp's height over the plane is a polynomial of fourth
    order through the patch.
    """
    corners = np.asarray(patch_mm, np.float64)
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).sum(0)
    y = np.asarray(each.y_axis, np.float64)
    z = area - (area @ y) * y
    z /= max(float(np.linalg.norm(z)), 1e-30)
    axes, center = np.stack([np.cross(y, z), y, z]), np.asarray(each.scalp_mm, np.float64)
    local = (corners.reshape(-1, 3) - center) @ axes.T
    coefficients = np.linalg.lstsq(_quartic(local[:, 0], local[:, 1]), local[:, 2], rcond=None)[0]
    across, along = _outline(each.shape, each.size_mm)
    length = np.maximum(np.hypot(across, along), 1e-9)
    flat = length.copy()
    for _ in range(5):  # the distance in the plane whose point on the scalp is as far from the centre as it should be
        height = _quartic(across * flat / length, along * flat / length) @ coefficients
        flat *= length / np.maximum(np.hypot(flat, height), 1e-9)
    x_mm, y_mm = across * flat / length, along * flat / length
    height = _quartic(x_mm, y_mm) @ coefficients
    levels = [np.stack([x_mm, y_mm, height + lift], axis=-1) for lift in (LIFT_MM, LIFT_MM + PAD_MM)]
    world = np.stack(levels, axis=2) @ axes + center
    slab = pv.StructuredGrid(*(world[..., axis] for axis in range(3))).extract_surface(algorithm="dataset_surface")
    slab.clear_data()
    slab = slab.triangulate().clean(tolerance=1e-4, absolute=True)
    return plain(slab.compute_normals(cell_normals=False, split_vertices=True, feature_angle=45.0)), z


def _outline(shape: str, size_mm: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """An electrode spread out in its plane as a lattice, x and y, (n, m)."""
    if shape == "rectangle":
        x, y = (np.linspace(-side / 2, side / 2, PAD_STEPS) for side in size_mm)
        across, along = np.meshgrid(x, y, indexing="ij")
        return across, along
    inner = size_mm[1] / 2 if shape == "ring" else 1e-3
    radius, angle = np.linspace(inner, size_mm[0] / 2, PAD_STEPS // 3), np.linspace(0, 2 * np.pi, RING_STEPS)
    return np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle))


def _quartic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Terms x^i y^j up to the fourth order, in units of 50 mm, (..., 15)."""
    return np.stack([(x / 50) ** i * (y / 50) ** j for i in range(5) for j in range(5 - i)], axis=-1)


def _axes(z: NDArray[np.float64]) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Unit vectors x, y at right angles to z, and z."""
    z = z / np.linalg.norm(z)
    helper = np.eye(3)[np.abs(z).argmin()]
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    return x, np.cross(z, x), z


def plain(surface: pv.PolyData) -> pv.PolyData:
    """A surface with its triangles and normals only."""
    bare = surface.copy()
    bare.cell_data.clear()
    bare = bare.triangulate()
    for name in list(bare.point_data):
        if name != "Normals":
            del bare.point_data[name]
    bare.cell_data.clear()
    return bare
