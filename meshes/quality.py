"""Measure a head mesh and report it: shape, topology, tissues, contacts, and how closely it follows the tissue fields.

:func:`check_mesh` takes any :class:`~meshes.head.HeadMesh`, SimNIBS' included; with the tissue fields it was made from
it also measures volumes against the labels, areas against marching cubes of the fields at 0.5 mm, and distances from
the fields' interfaces (:mod:`meshes.field_interfaces`).

Two distances are told apart for every interface.  ``face_mm`` is the way from a face's centroid to the nearest
interface of *any* two tissues.  ``own_mm`` is the way to the boundary of the very same group of tissues, at three
points of each face (barycentric ⅔ ⅙ ⅙, exact for quadratics, so it is the mean over the face where ``face_mm`` sees its
middle only).  Both are means weighted with the faces' areas.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from meshes.field_interfaces import FieldInterfaces, triangle_areas_mm2
from meshes.head import HeadMesh
from meshes.one_body import faults
from meshes.tissue_codes import FIRST_ELECTRODE, SOFT_CODES, Tissue, tissue_name
from meshes.tissues import Tissues
from meshes.topology import FaceTable, face_table, surface_topology, tissue_pieces

OUTSIDE = int(Tissue.OUTSIDE)
BRAIN, SKULL, SOFT = (1, 2), (4, 7, 8), SOFT_CODES
# each interface encloses the one before; the last is the head's surface
INTERFACES = {
    "white": (1,),
    "pial": BRAIN,
    "CSF": (*BRAIN, 3, 9),
    "skull": (*BRAIN, 3, 9, *SKULL),
    "scalp": tuple(range(1, FIRST_ELECTRODE)),
}
FORBIDDEN = {
    "brain–scalp": (BRAIN, SOFT),
    "brain–skull": (BRAIN, SKULL),
    "CSF–scalp": ((3,), SOFT),
    "brain–outside": (BRAIN, (0,)),
    "CSF–outside": ((3,), (0,)),
}


@dataclass(frozen=True)
class MeshLimits:
    """What a good head mesh reaches."""

    volume_pct: float = 2.0
    eyes_volume_pct: float = 4.0
    area_pct: float = 3.0  # of the white and pial surfaces
    face_mm: float = 0.10
    node_mm: float = 0.5
    dihedral_deg: float = 10.0
    speck_tets: int = 100  # a face-connected piece of fewer tetrahedra floats


LIMITS = MeshLimits()


@dataclass(frozen=True)
class ShapeReport:
    """Dihedral angles in degrees; ``pct_below_*`` are shares of tetrahedra whose smallest angle is smaller."""

    min_deg: float
    max_deg: float
    median_min_deg: float
    pct_below_5: float
    pct_below_10: float
    pct_below_20: float


@dataclass(frozen=True)
class TissueReport:
    """One tissue: volume (the labels' figures need the fields), face-connected pieces, its own boundary's defects."""

    code: int
    name: str
    tets: int
    edge_median_mm: float
    volume_mm3: float
    label_volume_mm3: float | None
    volume_error_pct: float | None
    pieces: int
    specks: int
    bad_edges: int
    bad_nodes: int


@dataclass(frozen=True)
class InterfaceReport:
    """The boundary of a group of tissues; the figures from ``field_area_cm2`` on need the fields.

    ``node_mm``, ``nodes_off``: mean, and number beyond ``LIMITS.node_mm``, of the nodes' distances to any interface;
    ``own_…``: to this one.
    """

    name: str
    area_cm2: float
    faces: int
    bad_edges: int
    bad_nodes: int
    euler: int
    field_area_cm2: float | None = None
    area_error_pct: float | None = None
    face_mm: float | None = None
    face_p99_mm: float | None = None
    node_mm: float | None = None
    nodes_off: int | None = None
    node_max_mm: float | None = None
    own_mm: float | None = None
    own_p99_mm: float | None = None
    own_nodes_off: int | None = None
    own_node_max_mm: float | None = None


@dataclass(frozen=True)
class MeshReport:
    """Everything :func:`check_mesh` measured."""

    nodes: int
    tets: int
    inverted_tets: int
    unused_nodes: int
    crowded_faces: int
    shape: ShapeReport
    tissues: tuple[TissueReport, ...]
    contacts_cm2: dict[str, float]
    forbidden_cm2: dict[str, float]
    interfaces: tuple[InterfaceReport, ...]
    body_faults: tuple[str, ...] = ()  # doubled nodes, pieces that share no node, holes: see meshes.one_body

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, strings, lists and dicts (JSON-able)."""
        return asdict(self) | {"failures": self.failures()}

    def failures(self) -> list[str]:
        """One line for each limit that is not met (see :data:`LIMITS`); empty for a good mesh."""
        return _failures(self)

    def table(self) -> str:
        """A table for people, one text."""
        return _table(self)


def _failures(report: MeshReport) -> list[str]:
    """One line for each limit that is not met."""
    out = []
    if not report.tets:
        out.append("the mesh has no tetrahedra")
    if report.inverted_tets:
        out.append(f"{report.inverted_tets} tetrahedra have no volume or are inverted")
    if report.unused_nodes:
        out.append(f"{report.unused_nodes} nodes belong to no tetrahedron")
    if report.crowded_faces:
        out.append(f"{report.crowded_faces} faces belong to more than two tetrahedra")
    out += report.body_faults
    if report.shape.min_deg < LIMITS.dihedral_deg:
        out.append(f"smallest dihedral angle {report.shape.min_deg:.2f}° is below {LIMITS.dihedral_deg:g}°")
    for tissue in report.tissues:
        limit = LIMITS.eyes_volume_pct if tissue.code == Tissue.EYES else LIMITS.volume_pct
        if tissue.volume_error_pct is not None and abs(tissue.volume_error_pct) > limit:
            out.append(f"{tissue.name}: volume {tissue.volume_error_pct:+.2f} % off the labels, over {limit:g} %")
        if tissue.specks:
            out.append(f"{tissue.name}: {tissue.specks} floating pieces of under {LIMITS.speck_tets} tetrahedra")
    for name, area_cm2 in report.forbidden_cm2.items():
        if area_cm2 > 0:
            out.append(f"{name} contact of {area_cm2:.3f} cm²")
    for face in report.interfaces:
        if face.bad_edges or face.bad_nodes:
            out.append(f"{face.name} interface: {face.bad_edges} non-manifold edges, {face.bad_nodes} nodes")
        off_pct = face.area_error_pct if face.name in ("white", "pial") else None
        if off_pct is not None and abs(off_pct) > LIMITS.area_pct:
            out.append(f"{face.name} interface: area {off_pct:+.2f} % off the fields, over {LIMITS.area_pct:g} %")
        if face.face_mm is not None and face.face_mm > LIMITS.face_mm:
            out.append(f"{face.name} interface: faces {face.face_mm:.3f} mm off on average, over {LIMITS.face_mm:g} mm")
        if face.nodes_off:
            out.append(f"{face.name} interface: {face.nodes_off} nodes over {LIMITS.node_mm:g} mm off")
    return out


def _rows(head: list[str], body: list[list[str]]) -> list[str]:
    """Columns as wide as they need; the first to the left, the others to the right."""
    width = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    lines = []
    for row in [head, *body]:
        cells = [row[0].ljust(width[0]), *(cell.rjust(w) for cell, w in zip(row[1:], width[1:], strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines


def _number(value: float | None, digits: int, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.{digits}f}"


def _table(report: MeshReport) -> str:
    """The report as text."""
    shape = report.shape
    missed = report.failures()
    return "\n".join(
        [
            f"{report.tets} tetrahedra, {report.nodes} nodes; {report.inverted_tets} inverted, "
            f"{report.unused_nodes} unused nodes, {report.crowded_faces} faces of more than two tetrahedra",
            f"dihedral angles {shape.min_deg:.2f}° to {shape.max_deg:.2f}°; of every tetrahedron's smallest the median"
            f" is {shape.median_min_deg:.1f}°, and {shape.pct_below_5:.4f} % are below 5°, {shape.pct_below_10:.4f} %"
            f" below 10°, {shape.pct_below_20:.4f} % below 20°",
            "",
            *_tissue_rows(report),
            "",
            *_interface_rows(report),
            "",
            *_field_rows(report),
            *_contact_rows(report),
            "",
            "limits: " + (f"{len(missed)} missed" if missed else "all met"),
            *(f"  - {line}" for line in missed),
        ]
    )


def _tissue_rows(report: MeshReport) -> list[str]:
    head = ["tissue", "tetrahedra", "edge mm", "volume cm³", "labels cm³", "error %", "pieces", "specks"]
    body = [
        [
            f"{tissue.code} {tissue.name}",
            str(tissue.tets),
            _number(tissue.edge_median_mm, 2),
            _number(tissue.volume_mm3 / 1000, 1),
            _number(None if tissue.label_volume_mm3 is None else tissue.label_volume_mm3 / 1000, 1),
            _number(tissue.volume_error_pct, 2, "+"),
            str(tissue.pieces),
            str(tissue.specks),
            str(tissue.bad_edges),
            str(tissue.bad_nodes),
        ]
        for tissue in report.tissues
    ]
    return _rows([*head, "bad edges", "bad nodes"], body)


def _interface_rows(report: MeshReport) -> list[str]:
    head = ["interface", "faces", "area cm²", "bad edges", "bad nodes", "Euler"]
    body = [
        [face.name, str(face.faces), _number(face.area_cm2, 1), *map(str, (face.bad_edges, face.bad_nodes, face.euler))]
        for face in report.interfaces
    ]
    return _rows(head, body)


def _field_rows(report: MeshReport) -> list[str]:
    beyond = f"> {LIMITS.node_mm:g} mm"
    head = ["against the fields", "cm²", "error %", "face mm", "p99", "node mm", beyond, "max"]
    body = [
        [
            face.name,
            _number(face.field_area_cm2, 1),
            _number(face.area_error_pct, 2, "+"),
            _number(face.face_mm, 4),
            _number(face.face_p99_mm, 3),
            _number(face.node_mm, 4),
            str(face.nodes_off),
            _number(face.node_max_mm, 2),
            _number(face.own_mm, 4),
            _number(face.own_p99_mm, 3),
            str(face.own_nodes_off),
            _number(face.own_node_max_mm, 2),
        ]
        for face in report.interfaces
        if face.face_mm is not None
    ]
    return [*_rows([*head, "own mm", "own p99", f"own {beyond}", "own max"], body), ""] if body else []


def _contact_rows(report: MeshReport) -> list[str]:
    body = [[name, _number(area_cm2, 2)] for name, area_cm2 in report.contacts_cm2.items()]
    bad = [f"{name} {area_cm2:.3f} cm²" for name, area_cm2 in report.forbidden_cm2.items() if area_cm2 > 0]
    return [*_rows(["contact", "cm²"], body), "forbidden contacts: " + (", ".join(bad) or "none")]


Array = NDArray[Any]


@njit(cache=True, parallel=True)
def _dihedral_cosines(points: NDArray, tets: NDArray) -> tuple[NDArray, NDArray]:
    """Cosine of the smallest and of the largest dihedral angle of each tetrahedron; (1, −1) where it has no volume."""
    smallest, largest = np.empty(len(tets)), np.empty(len(tets))
    for t in prange(len(tets)):
        normal = np.empty((4, 3))
        flat = False
        for f in range(4):
            a, b, c = tets[t, (f + 1) % 4], tets[t, (f + 2) % 4], tets[t, (f + 3) % 4]
            sign = 1.0 if f % 2 == 0 else -1.0
            for i in range(3):
                j, k = (i + 1) % 3, (i + 2) % 3
                u = (points[b, j] - points[a, j]) * (points[c, k] - points[a, k])
                v = (points[b, k] - points[a, k]) * (points[c, j] - points[a, j])
                normal[f, i] = sign * (u - v)
            length = np.sqrt(normal[f, 0] ** 2 + normal[f, 1] ** 2 + normal[f, 2] ** 2)
            flat |= length == 0
            for i in range(3):
                normal[f, i] /= length if length > 0 else 1.0
        low, high = 1.0, -1.0  # of the cosine between normals; the dihedral angle is 180° minus theirs
        for f in range(4):
            for g in range(f):
                d = normal[f, 0] * normal[g, 0] + normal[f, 1] * normal[g, 1] + normal[f, 2] * normal[g, 2]
                low, high = min(low, d), max(high, d)
        smallest[t], largest[t] = (1.0, -1.0) if flat else (-low, -high)
    return smallest, largest


def dihedral_range_deg(mesh: HeadMesh) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest and largest dihedral angle of each tetrahedron in degrees, (M,) each."""
    smallest, largest = _dihedral_cosines(mesh.points_mm, mesh.tets)
    return np.degrees(np.arccos(np.clip(smallest, -1, 1))), np.degrees(np.arccos(np.clip(largest, -1, 1)))


def _shape(mesh: HeadMesh) -> ShapeReport:
    if not len(mesh.tets):
        return ShapeReport(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    low, high = dihedral_range_deg(mesh)
    below = [float(100 * (low < limit).mean()) for limit in (5, 10, 20)]
    return ShapeReport(float(low.min()), float(high.max()), float(np.median(low)), *below)


def _median_edge_mm(mesh: HeadMesh, tets: NDArray[np.int32]) -> float:
    lengths = [
        np.linalg.norm(mesh.points_mm[tets[:, i]] - mesh.points_mm[tets[:, j]], axis=1)
        for i in range(4)
        for j in range(i)
    ]
    return float(np.median(np.concatenate(lengths)))


def _tissues(
    mesh: HeadMesh, faces: FaceTable, triangles: Array, sides: tuple[Array, Array], tissues: Tissues | None
) -> tuple[TissueReport, ...]:
    piece = tissue_pieces(mesh.tissue, faces)
    size = np.bincount(piece, minlength=len(mesh.tets))
    voxel_mm3 = 0.0 if tissues is None else abs(float(np.linalg.det(tissues.affine_mm[:3, :3])))
    voxels = np.zeros(0, int) if tissues is None else np.bincount(tissues.labels.ravel(), minlength=len(Tissue))
    in_labels = {int(code) for code in np.flatnonzero(voxels) if code}
    out = []
    for code in sorted(set(np.unique(mesh.tissue).tolist()) | in_labels):
        mine = mesh.tissue == code
        sizes = size[np.flatnonzero(mine & (size > 0))]
        surface = surface_topology(triangles[(sides[0] == code) != (sides[1] == code)])
        volume = float(mesh.volumes_mm3[mine].sum())
        label_volume = None if tissues is None else float(voxels[code] * voxel_mm3) if code < len(voxels) else 0.0
        out.append(
            TissueReport(
                code=code,
                name=tissue_name(code),
                tets=int(mine.sum()),
                edge_median_mm=_median_edge_mm(mesh, mesh.tets[mine]) if mine.any() else 0.0,
                volume_mm3=volume,
                label_volume_mm3=label_volume,
                volume_error_pct=100 * (volume / label_volume - 1) if label_volume else None,
                pieces=len(sizes),
                specks=int((sizes < LIMITS.speck_tets).sum()),
                bad_edges=surface.bad_edges,
                bad_nodes=surface.bad_nodes,
            )
        )
    return tuple(out)


def _contacts(sides: tuple[Array, ...], areas_mm2: Array) -> tuple[dict[str, float], dict[str, float]]:
    """Contact areas by pair of tissues, and the forbidden ones, in cm²."""
    differ = sides[0] != sides[1]
    pairs, which = np.unique(np.sort(np.c_[sides[0], sides[1]][differ], axis=1), axis=0, return_inverse=True)
    cm2 = np.bincount(which.ravel(), areas_mm2[differ], minlength=len(pairs)) / 100
    contacts = {f"{tissue_name(a)}–{tissue_name(b)}": float(s) for (a, b), s in zip(pairs.tolist(), cm2, strict=True)}
    forbidden = {}
    for name, (one, other) in FORBIDDEN.items():
        meet = np.isin(pairs, one).any(1) & np.isin(pairs, other).any(1)
        forbidden[name] = float(cm2[meet].sum())
    return contacts, forbidden


def _percentile(values_mm: Array, weights: Array, share: float) -> float:
    """Value below which ``share`` of the weight lies."""
    order = np.argsort(values_mm, kind="stable")
    total = np.cumsum(weights[order])
    return float(values_mm[order][min(np.searchsorted(total, share * total[-1]), len(order) - 1)])


def _against_fields(
    mesh: HeadMesh, interfaces: FieldInterfaces, group: Iterable[int], triangles: Array, areas_mm2: Array
) -> dict[str, float | int]:
    """What an interface's report says about the fields."""
    corners = mesh.points_mm[triangles]
    three_points = np.full((3, 3), 1 / 6) + np.eye(3) / 2
    nodes = mesh.points_mm[np.unique(triangles)]
    face = interfaces.distance_to_any_mm(corners.mean(axis=1))
    own = interfaces.distance_to_group_mm((three_points @ corners).reshape(-1, 3), group)
    node, own_node = interfaces.distance_to_any_mm(nodes), interfaces.distance_to_group_mm(nodes, group)
    area_mm2, field_area_mm2 = areas_mm2.sum(), interfaces.area_mm2(group)
    return {
        "field_area_cm2": field_area_mm2 / 100,
        "area_error_pct": 100 * (area_mm2 / field_area_mm2 - 1) if field_area_mm2 else float("inf"),
        "face_mm": float(np.average(face, weights=areas_mm2)),
        "face_p99_mm": _percentile(face, areas_mm2, 0.99),
        "node_mm": float(node.mean()),
        "nodes_off": int((node > LIMITS.node_mm).sum()),
        "node_max_mm": float(node.max()),
        "own_mm": float(np.average(own.reshape(-1, 3).mean(axis=1), weights=areas_mm2)),
        "own_p99_mm": _percentile(own, np.repeat(areas_mm2, 3), 0.99),
        "own_nodes_off": int((own_node > LIMITS.node_mm).sum()),
        "own_node_max_mm": float(own_node.max()),
    }


def _interfaces(
    mesh: HeadMesh, triangles: Array, sides: tuple[Array, ...], areas_mm2: Array, tissues: Tissues | None
) -> tuple[InterfaceReport, ...]:
    interfaces = None if tissues is None else FieldInterfaces.of(tissues)
    out = []
    for name, group in INTERFACES.items():
        mine = np.isin(sides[0], group) != np.isin(sides[1], group)
        if not mine.any():
            continue
        surface = surface_topology(triangles[mine])
        against: dict[str, Any] = {}
        if interfaces is not None:
            against = _against_fields(mesh, interfaces, group, triangles[mine], areas_mm2[mine])
        out.append(
            InterfaceReport(
                name=name,
                area_cm2=float(areas_mm2[mine].sum() / 100),
                faces=surface.faces,
                bad_edges=surface.bad_edges,
                bad_nodes=surface.bad_nodes,
                euler=surface.euler,
                **against,
            )
        )
    return tuple(out)


def check_mesh(mesh: HeadMesh, tissues: Tissues | None = None) -> MeshReport:
    """Measure a head mesh.

    Parameters
    ----------
    mesh : HeadMesh
        Any; tissue codes of SimNIBS beyond 6 are understood, codes from 100 (electrodes) count as outside the head.
    tissues : Tissues, optional
        The fields it should follow; without them volumes, areas and distances have nothing to be compared with.

    Returns
    -------
    MeshReport
        ``.table()`` for people, ``.as_dict()`` for files, ``.failures()`` for tests.

    Examples
    --------
    >>> from meshes import HeadMesh
    >>> regular = HeadMesh(
    ...     np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]), np.array([[0, 1, 3, 2]]), np.array([5])
    ... )
    >>> report = check_mesh(regular)
    >>> round(report.shape.min_deg, 2), report.interfaces[0].euler, round(report.tissues[0].volume_mm3, 3)
    (70.53, 2, 2.667)
    """
    faces = face_table(mesh.tets, len(mesh.points_mm))
    tissue = mesh.tissue
    sides = (tissue[faces.first], np.where(faces.second >= 0, tissue[faces.second], OUTSIDE))
    differ = sides[0] != sides[1]
    triangles, sides = faces.nodes[differ], (sides[0][differ], sides[1][differ])
    areas_mm2 = triangle_areas_mm2(mesh.points_mm, triangles)
    # electrodes stand outside the head
    head_sides = tuple(np.where(side < FIRST_ELECTRODE, side, OUTSIDE) for side in sides)
    contacts_cm2, forbidden_cm2 = _contacts(head_sides, areas_mm2)
    return MeshReport(
        nodes=len(mesh.points_mm),
        tets=len(mesh.tets),
        inverted_tets=int((mesh.volumes_mm3 <= 0).sum()),
        unused_nodes=int((np.bincount(mesh.tets.ravel(), minlength=len(mesh.points_mm)) == 0).sum()),
        crowded_faces=faces.crowded,
        shape=_shape(mesh),
        tissues=_tissues(mesh, faces, triangles, sides, tissues),
        contacts_cm2=contacts_cm2,
        forbidden_cm2=forbidden_cm2,
        interfaces=_interfaces(mesh, triangles, head_sides, areas_mm2, tissues),
        body_faults=tuple(faults(mesh)),
    )
