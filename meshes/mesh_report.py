"""What :func:`meshes.quality.check_mesh` found: numbers, the limits they are held against, and a table for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from meshes.tissue_codes import Tissue


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
