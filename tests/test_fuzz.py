"""Every reader of a file from outside, given damaged files: a valid object or one line, in bounded time and memory.

``PARSERS`` is the table; ``benchmarks/fuzz.py`` runs the same for as long as one likes.
"""

import base64
import gzip
import json
import resource
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import damage
import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.freesurfer.io import write_geometry
from plans import one_plan
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from atlases import read_charm_warp
from atlases.electrode_files import read_electrodes
from atlases.scalp_positions import read_scalp_positions
from atlases.target import read_mask
from meshes import HeadMesh, InputError
from meshes.cortical_surface import CorticalSurface
from meshes.formats.freesurfer import read_freesurfer
from meshes.formats.gifti import read_surface, write_surface
from meshes.formats.gmsh_io import read_gmsh, write_gmsh
from meshes.formats.tissue_files import tissues_from_labels
from meshes.formats.vtk_io import read_vtu, to_grid, write_vtu
from meshes.mri import read_volume
from targeting import Pose
from targeting.coils.coil import Casing, Coil
from targeting.coils.fields import vector_potential
from targeting.coils.files import read_coil, write_coil
from targeting.coils.sources import CurrentElements, MagneticDipoles, PotentialGrid
from targeting.dosing import protocol_named, protocols
from targeting.fem.anisotropy import DiffusionImage
from targeting.live.protocol import document_of, id_of, request_of
from targeting.navigation import brainsight, invesalius, localite, navinibs, robot, softaxic, visor2
from targeting.navigation.exported import PlannedPose
from targeting.navigation.image_space import ImageSpace
from targeting.navigation.pose_file import PoseFile
from targeting.navigation.records import Session
from targeting.networks.network_map import NetworkMap
from targeting.plans.tes import TesPlan, TesSearchSummary, read_tes_plan, write_tes_plan
from targeting.plans.tms import read_plan, to_dict
from targeting.records.montage import PlanElectrode
from targeting.records.places import PlanLandmarks
from targeting.records.warnings import warning
from targeting.scene.delivered import read_delivered
from targeting.tes.montage_dose import MontageDose
from targeting.tes.montages import read_montage
from targeting.tes.optimise.network import sampled
from targeting.tes.safety import SafetyItem

EXAMPLES = 80  # of each parser; all together within 90 s
SLOWEST_S = 5.0  # one file; most take milliseconds
MEMORY = 1 << 30  # bytes more than the tests have before


@dataclass(frozen=True)
class Parser:
    """One reader of outside files.

    ``write`` puts a valid file under a path; ``damaged`` makes strategies of its bytes; ``read`` is the reader.
    """

    suffix: str
    write: Callable[[Path], object]
    damaged: Callable[[bytes], st.SearchStrategy[bytes]]
    read: Callable[[Path], object]
    examples: int = EXAMPLES


AFFINE = np.array([[1.5, 0, 0, -9.0], [0, 1.6, 0, -11], [0, 0, 1.7, -7], [0, 0, 0, 1]])
RNG = np.random.default_rng(3)
SHEET = CorticalSurface(
    np.vstack([np.zeros(3), np.eye(3)]) * 9.5, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
)
HEAD = HeadMesh(
    np.vstack([np.zeros(3), np.eye(3), [[1, 1, 1]]]) * 10.0, np.array([[0, 1, 2, 3], [1, 2, 3, 4]]), np.array([2, 5])
)
POSES = [
    Pose(np.block([[Rotation.from_euler("xyz", angles).as_matrix(), place], [np.zeros((1, 3)), 1]]), name)
    for angles, place, name in (
        ([3.0, 0.2, 0.3], np.array([[-40.0], [-20], [60]]), "left"),
        ([2.8, -0.2, 0.1], np.array([[42.0], [-18], [58]]), "right"),
    )
]
PLANNED = [PlannedPose(each.matrix_mm, each.name, np.array([-30.0, -20.0, 50.0]), each.center_mm) for each in POSES]
ROBOT_CSV = "# frame: ras\n# unit: mm\n" + "\n".join(
    ",".join(cells)
    for cells in [
        ["name", *(f"m{i}{j}" for i in range(4) for j in range(4))],
        *([each.name, *map(str, each.matrix_mm.ravel())] for each in POSES),
    ]
)
NEXSTIM = (
    "Coordinate system: MRI\nID\tTime\tFirst\tTarget\tCoil\t\t\tCoil\t\t\tCoil\t\t\tCh1\n"
    "\t\tIntens.\tID\tLoc.\t\t\tNormal\t\t\tDir.\t\t\tAmp\n\t(ms)\t(%)\t\tx\ty\tz\tx\ty\tz\tx\ty\tz\t(µV)\n"
    "1.2.3.\t1500\t45\t1.2.1.\t40\t60\t90\t0\t1\t0\t0\t0\t1\t812.5\n"
)
# a small figure-of-eight: two wings of three dipoles, a box round them, and its field over a head
DIPOLES = MagneticDipoles(
    np.array([[x, y, -6.0 - abs(y) / 10] for x in (-40.0, 40.0) for y in (-20.0, 0.0, 20.0)]),
    np.array([[0, 0, 0.002 * sign] for sign in (1, -1) for _ in range(3)]),
)
CORNERS = np.array([[x, y, z] for x in (-75.0, 75.0) for y in (-45.0, 45.0) for z in (-30.0, 0.0)])
CASING = Casing(CORNERS, ConvexHull(CORNERS).simplices.astype(np.int32))
WIRES = CurrentElements(DIPOLES.points_mm, np.array([[0, 10.0 * sign, 0] for sign in (1, -1) for _ in range(3)]))
FIELD_AFFINE = np.array([[20.0, 0, 0, -60], [0, 20, 0, -60], [0, 0, 20, 0], [0, 0, 0, 1]])


def image(values, kind=nib.Nifti1Image, affine=AFFINE):
    def write(path):
        made = kind(values, affine)
        if kind is not nib.MGHImage:
            made.set_sform(affine, 1)
            made.set_qform(affine, 1)
        nib.save(made, path)

    return write


def text(words):
    return lambda path: path.write_text(words, encoding="utf-8")


def mesh_with_fields(path, binary=True):
    write_gmsh(path, HEAD, {"E": RNG.normal(size=(2, 3))}, {"v": np.arange(5.0)})


def ascii_mesh(path):
    nodes = "\n".join(f"{i + 1} {x} {y} {z}" for i, (x, y, z) in enumerate(HEAD.points_mm))
    elements = "1 2 2 1005 1005 1 2 3\n2 4 2 2 2 1 2 3 4\n3 4 2 5 5 2 3 4 5"
    data = '1\n"v"\n1\n0.0\n3\n0\n1\n5\n' + "\n".join(f"{i + 1} {i}.5" for i in range(5))
    per_node = '1\n"s"\n1\n0.0\n3\n0\n1\n2\n2 4 1 2 3 4\n3 4 1 2 3 4'
    path.write_text(
        f"$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n5\n{nodes}\n$EndNodes\n$Elements\n3\n{elements}\n$EndElements\n"
        f"$NodeData\n{data}\n$EndNodeData\n$ElementNodeData\n{per_node}\n$EndElementNodeData\n"
    )


def freesurfer_side(path):
    footer = {"head": [2, 0, 20], "valid": "1  # volume info valid", "filename": "orig.mgz", "volume": [256] * 3}
    footer |= {"voxelsize": [1.0] * 3, "xras": [-1.0, 0, 0], "yras": [0.0, 0, -1], "zras": [0.0, 1, 0]}
    write_geometry(path, SHEET.points_mm, SHEET.triangles, volume_info={**footer, "cras": [1.0, -2, 3]})


def read_freesurfer_beside(path):
    """The file as every surface of a FreeSurfer folder."""
    surf = path.parent / "surf"
    surf.mkdir(exist_ok=True)
    for name in ("lh.white", "lh.pial", "rh.white", "rh.pial"):
        (surf / name).write_bytes(path.read_bytes())
    return read_freesurfer(path.parent)


def read_orig_beside(path):
    """The file as the volume of a FreeSurfer folder whose surfaces have no footer."""
    (path.parent / "surf").mkdir(exist_ok=True)
    (path.parent / "mri").mkdir(exist_ok=True)
    (path.parent / "mri" / "orig.mgz").write_bytes(path.read_bytes())
    for name in ("lh.white", "lh.pial", "rh.white", "rh.pial"):
        write_geometry(path.parent / "surf" / name, SHEET.points_mm, SHEET.triangles)
    return read_freesurfer(path.parent)


COORDINATES = {
    "EEGCoordinateSystem": "CapTrak",
    "EEGCoordinateUnits": "mm",
    "AnatomicalLandmarkCoordinates": {"NAS": [0, 95.0, 0], "LPA": [-72.0, 0, 0], "RPA": [73.0, 0, 0]},
    "AnatomicalLandmarkCoordinateUnits": "mm",
}
BIDS = "name\tx\ty\tz\nCz\t0\t0\t120\nC3\t-60\t5\t100\nOz\tn/a\tn/a\tn/a\n"


def read_bids(path):
    (path.parent / "sub-1_coordsystem.json").write_text(json.dumps(COORDINATES))
    table = path.with_name("sub-1_electrodes.tsv")
    table.write_bytes(path.read_bytes())
    return read_electrodes(table)


def read_coordsystem(path):
    table = path.with_name("sub-1_electrodes.tsv")
    table.write_text(BIDS)
    path.with_name("sub-1_coordsystem.json").write_bytes(path.read_bytes())
    return read_electrodes(table)


def coil(*sources, name="a coil"):
    return lambda path: write_coil(Coil(name, sources, CASING, 1e8, 1, "made up"), path)


def encoded_tcd(path):
    def packed(values):
        return base64.b64encode(zlib.compress(np.asarray(values, "<f8").tobytes())).decode()

    element = {"type": 1, "stimulator": 0, "points": packed(DIPOLES.points_mm), "values": packed(DIPOLES.moments_a_m2)}
    moved = {"deformations": [0, 1], "elementCasing": 0}
    rotation = {"type": "rot2p", "deformRange": 0, "point1": [0, 0, 0], "point2": [1.0, 0, 0]}
    content = {
        "name": "moved",
        "coilElementList": [{**element, **moved}, element],
        "stimulatorList": [{"name": "a stimulator", "maxdIdt": 1.5e8}],
        "deformList": [{"type": "x", "deformRange": 0}, rotation],
        "deformRangeList": [{"initial": 1.0, "range": [0, 2]}],
        "coilModels": [{"points": CASING.points_mm.tolist(), "faces": CASING.triangles.tolist()}],
    }
    path.write_text(json.dumps(content))


def warp_values():
    """MNI152's own millimetres, on a coarse grid."""
    index = np.stack(np.meshgrid(np.arange(37), np.arange(44), np.arange(37), indexing="ij"), -1)
    return (index * 5.0 - [90, 126, 72]).astype(np.float32)


WARP_AFFINE = np.array([[5.0, 0, 0, -90], [0, 5, 0, -126], [0, 0, 5, -72], [0, 0, 0, 1]])


def trigger_markers(path):
    cells = " ".join(f'data{i}{j}="{float(i == (j + 1) % 3 or i == j == 3)}"' for i in range(4) for j in range(4))
    marker = (
        f'<TriggerMarker description="" recordingTime="{{}}"><ResponseValues><Value key="valueA" response="80"/>'
        f"</ResponseValues><Matrix4D {cells}/></TriggerMarker>"
    )
    path.write_text(
        '<?xml version="1.0"?>\n<TriggerMarkerList coordinateSpace="RAS">\n'
        + "\n".join(marker.format(i) for i in range(3))
        + "\n</TriggerMarkerList>\n"
    )


def samples(path):
    words = brainsight.to_string(POSES).replace("# Target Name", "# Sample Name")
    path.write_text(words + "\t".join(["lost", *["(null)"] * 12]) + "\n")


SOFTAXIC = (
    '<!DOCTYPE stmp>\n<stmp>\n <fmpm dataset="1">\n  <fmp id="P1">\n'
    '   <fp x="-51" y="2" z="68" m00="0" m01="1" m02="0" m10="1" m11="0" m12="0" m20="0" m21="0" m22="-1">\n'
    '    <f x="-51" y="2" z="80"/>\n   </fp>\n  </fmp>\n </fmpm>\n</stmp>\n'
)


def own_protocol(path):
    known = protocols()["m1-pain-10hz"]
    rows = ((each.name, getattr(known, each.name)) for each in fields(known) if each.name != "name")
    path.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in rows if value is not None) + "\n")


def older_plan(path):
    document = {**to_dict(one_plan()), "schema_version": "1.4"}
    del document["target"]["shape"]
    path.write_text(json.dumps(document))


def montage_plan(path):
    plan = one_plan()
    tape = {f"from_{mark}_mm": 100.0 for mark in ("nasion", "inion", "left_ear", "right_ear")}
    pads = [
        PlanElectrode(name, [x, 0.0, 60.0], ma, "rectangle", [50.0, 70.0], [0.0, 1.0, 0.0], 3500.0, 0.57, **tape)
        for name, x, ma in (("C3", -60.0, 2.0), ("F4", 30.0, -2.0))
    ]
    made = TesPlan(
        subject="ball", kind="tdcs", frame=plan.frame, target=plan.target, montage_name="m1-so", montage=pads,
        total_current_ma=2.0, minutes=20.0, objective="", pole=None, standard=None, optimum=None, goal=None,
        dose=MontageDose("m1-so", 2.0, 0.314, 0.32, 0.4, 0.11, 0.36, [0.0, 0.0, 0.0], 2.84, 4.7),
        landmarks=PlanLandmarks([0.0, 90, 0], [0.0, -90, 0], [-70.0, 0, 0], [70.0, 0, 0], 390.0, 380.0, "given"),
        safety=[SafetyItem("charge", "session charge", 9.0, 7.2, "C", "I t", False, True, "a paper", "re-read")],
        session_checks=[], charge_c=2.4, brain_e_v_per_m=0.4, eye_e_v_per_m=None, search=TesSearchSummary(),
        warnings=[warning("a warning")], versions={}, seconds={}, conductivity_s_per_m={},
    )  # fmt: skip
    write_tes_plan(path, made)


def wire(path):
    pose = POSES[0].matrix_mm.tolist()
    path.write_text(json.dumps({"id": 7, "pose": pose, "frame": "ras", "didt_a_per_us": 80.0, "coil": "figure8-70mm"}))


def read_session(path):
    return PoseFile(path).read()


def read_wire(path):
    request = document_of(path.read_bytes())
    return id_of(request), request_of(request)


HEAD_LANDMARKS = "nasion 0 9.5 0\nlpa -7.2 0 0\nrpa 7.3 0 0\n"
VOLUME = RNG.integers(0, 6, (9, 10, 11)).astype(np.int16)
TENSORS = np.tile(np.array([1.6, 0.1, 0.0, 0.8, 0.1, 0.6], np.float32), (4, 5, 6, 1))
A_FIELD = (
    np.stack(np.meshgrid(*map(np.arange, (7, 7, 5)), indexing="ij"), -1) @ FIELD_AFFINE[:3, :3].T + FIELD_AFFINE[:3, 3]
)
A_FIELD = vector_potential(DIPOLES, A_FIELD.reshape(-1, 3)).reshape(A_FIELD.shape)
NII, MGH, PLAIN = (lambda valid, head=head: damage.binary(valid, head) for head in (352, 284, 64))
POINTS = np.array([[0.0, 1, 2], [3, 4, 5]])

PARSERS = {
    "T1 .nii": Parser(".nii", image(VOLUME), NII, read_volume),
    "T1 .nii.gz": Parser(".nii.gz", image(VOLUME), lambda v: damage.zipped(gzip.decompress(v)), read_volume),
    "T1 NIfTI-2": Parser(".nii", image(VOLUME, nib.Nifti2Image), lambda v: damage.binary(v, 540), read_volume),
    "T1 .mgh": Parser(".mgh", image(VOLUME, nib.MGHImage), MGH, read_volume),
    "labels": Parser(".nii", image(VOLUME.astype(np.uint8)), NII, tissues_from_labels, 15),
    "mask": Parser(".nii", image(VOLUME), NII, read_mask),
    "mask .nii.gz": Parser(".nii.gz", image(VOLUME), lambda v: damage.zipped(gzip.decompress(v)), read_mask),
    "map": Parser(".nii", image(VOLUME), NII, lambda path: NetworkMap(path, in_mni=False).read()),
    "map of a network": Parser(".nii", image(VOLUME), NII, lambda path: sampled(path, POINTS)),
    "tensors": Parser(".nii", image(TENSORS), NII, DiffusionImage.read),
    "charm's warp": Parser(".nii", image(warp_values(), affine=WARP_AFFINE), NII, read_charm_warp, 8),
    "fingerprint": Parser(".nii", image(VOLUME), NII, visor2.ImageFingerprint.of),
    "mesh .msh": Parser(".msh", mesh_with_fields, PLAIN, read_gmsh),
    "mesh .msh, anywhere": Parser(".msh", mesh_with_fields, lambda v: damage.binary(v, len(v)), read_gmsh),
    "mesh .msh, text": Parser(".msh", ascii_mesh, damage.text, read_gmsh),
    "mesh .vtu": Parser(".vtu", lambda path: write_vtu(path, HEAD, {"E": POINTS}), damage.text, read_vtu),
    "mesh .vtu, text": Parser(".vtu", lambda path: to_grid(HEAD).save(path, binary=False), damage.text, read_vtu),
    "surface .gii": Parser(".gii", lambda path: write_surface(path, SHEET, "lh"), damage.text, read_surface),
    "FreeSurfer surface": Parser("", freesurfer_side, lambda v: damage.binary(v, 160), read_freesurfer_beside),
    "FreeSurfer volume": Parser(
        ".mgz", image(VOLUME, nib.MGHImage), lambda v: damage.zipped(gzip.decompress(v), 284), read_orig_beside
    ),
    "coil .ccd": Parser(".ccd", coil(DIPOLES), damage.text, read_coil),
    "coil .tcd": Parser(".tcd", coil(DIPOLES, WIRES), damage.document, read_coil),
    "coil .tcd, encoded": Parser(".tcd", encoded_tcd, damage.document, read_coil),
    "coil .tcd, grid": Parser(".tcd", coil(PotentialGrid(A_FIELD, FIELD_AFFINE)), damage.document, read_coil, 20),
    "coil .nii": Parser(".nii", coil(PotentialGrid(A_FIELD, FIELD_AFFINE)), NII, read_coil),
    "electrodes .csv": Parser(
        ".csv", text("name,x,y,z\nNz,0,95,0\nCz,0,0,120\nC3,-60,5,100\n"), damage.text, read_electrodes
    ),
    "electrodes of SimNIBS": Parser(
        ".csv",
        text("Electrode,1,2,3,4,5,6,C3\nFiducial,0,95,0,Nz\nReferenceElectrode,7,8,9,Cz\n"),
        damage.text,
        read_electrodes,
    ),
    "cap": Parser(".csv", text("Electrode,1,2,3,4,5,6,C3\nFiducial,0,95,0,Nz\n"), damage.text, read_scalp_positions),
    "electrodes .tsv": Parser(".tsv", text(BIDS), damage.text, read_bids),
    "coordsystem.json": Parser(".json", text(json.dumps(COORDINATES)), damage.document, read_coordsystem),
    "electrodes .hpts": Parser(
        ".hpts",
        text(
            "cardinal 1 -7.2 0 0\ncardinal 2 0 9.5 0\ncardinal 3 7.3 0 0\neeg 1 0 0 12\neeg C3 -6 0 10\nextra 1 0 0 1\n"
        ),
        damage.text,
        read_electrodes,
    ),
    "electrodes .pos": Parser(
        ".pos", text("2\n1 Cz 0 0 12\n2 C3 -6 0 10\n" + HEAD_LANDMARKS), damage.text, read_electrodes
    ),
    "electrodes .sfp": Parser(".sfp", text(HEAD_LANDMARKS + "Cz 0 0 12\nC3 -6 0 10\n"), damage.text, read_electrodes),
    "electrodes .elc": Parser(
        ".elc",
        text("# ASA\nNumberPositions= 4\nPositions\n0 9.5 0\n-7.2 0 0\n7.3 0 0\n0 0 12\nLabels\nNz\nLPA\nRPA\nCz\n"),
        damage.text,
        read_electrodes,
    ),
    "montage": Parser(
        ".csv",
        text(
            "name,x_mm,y_mm,z_mm,current_ma,shape,size_mm,y_axis\nC3,-60,5,100,2,disc,50,0 1 0\nF4,30,90,20,-2,disc,30,\n"
        ),
        damage.text,
        read_montage,
    ),
    "protocol": Parser(".toml", own_protocol, damage.text, protocol_named),
    "plan.json": Parser(".json", text(json.dumps(to_dict(one_plan()))), damage.document, read_plan),
    "plan.json of before": Parser(".json", older_plan, damage.document, read_plan),
    "plan.json of a montage": Parser(".json", montage_plan, damage.document, read_tes_plan),
    "Brainsight": Parser(".txt", text(brainsight.to_string(POSES)), damage.text, brainsight.read),
    "Brainsight, samples": Parser(".txt", samples, damage.text, read_delivered),
    "Localite": Parser(".xml", text(localite.to_string(POSES)), damage.text, localite.read),
    "Localite, triggers": Parser(".xml", trigger_markers, damage.text, read_delivered),
    "Softaxic": Parser(".stmpx", text(SOFTAXIC), damage.text, softaxic.read),
    "visor2": Parser(
        ".mrk",
        text(visor2.to_string(POSES, visor2.ImageFingerprint((0, 0, 0), (0, 0, 0), (1, 1, 1, 1)))),
        damage.document,
        visor2.read,
    ),
    "visor2, image": Parser(
        ".mrk",
        text(visor2.to_string(POSES, visor2.ImageFingerprint((0, 0, 0), (0, 0, 0), (1, 1, 1, 1)))),
        damage.document,
        lambda path: visor2.image_from_string(path.read_text(encoding="utf-8", errors="replace")),
    ),
    "Localite, points": Parser(".xml", text(localite.points_to_string(PLANNED)), damage.text, read_session),
    "InVesalius": Parser(
        ".mkss", text(invesalius.to_string(POSES, ImageSpace.of(np.eye(4), (9, 9, 9), "T1"))), damage.text, read_session
    ),
    "NaviNIBS": Parser(".json", text(navinibs.to_string(PLANNED)), damage.document, read_session),
    "robot": Parser(".json", text(robot.to_string(PLANNED)), damage.document, read_session),
    "robot, CSV": Parser(".csv", text(ROBOT_CSV), damage.text, read_session),
    "Nexstim": Parser(".nbe", text(NEXSTIM), damage.text, read_session),
    "target serve": Parser(".json", wire, damage.document, read_wire),
}


@contextmanager
def little_memory():
    """What a reader may take: a gigabyte more than there is already, where the system tells how much that is."""
    taken = Path("/proc/self/statm")
    before = resource.getrlimit(resource.RLIMIT_AS)
    if taken.exists():
        most = int(taken.read_text().split()[0]) * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """The bytes of each parser's valid file, made once."""
    folder = tmp_path_factory.mktemp("valid")

    def of(name):
        parser = PARSERS[name]
        path = folder / f"{name.translate(str.maketrans(' ,.', '___'))}{parser.suffix}"
        if not path.exists():
            parser.write(path)
        return path

    return of


def said_or_read(read, path):
    """The object that was read, or the line; anything else is a fault."""
    began = time.process_time()  # others may keep the machine busy
    try:
        found = read(path)
    except InputError as error:
        found = str(error)
        assert found and "\n" not in found, found
    assert time.process_time() - began < SLOWEST_S
    assert_finite(found)
    return found


def assert_finite(value):
    """No array of a valid object holds NaN where a place, a field or a moment should be."""
    if isinstance(value, Coil):
        for source in value.sources:
            for name in ("points_mm", "moments_a_m2", "elements_mm", "a_t_m"):
                assert np.isfinite(getattr(source, name, 0.0)).all()
    elif isinstance(value, HeadMesh | CorticalSurface):
        assert np.isfinite(value.points_mm).all()
    elif isinstance(value, Pose):
        assert np.isfinite(value.matrix_mm).all()
    elif isinstance(value, Session):
        assert_finite([each.pose for each in value.records])
        assert all(np.isfinite(each.point_mm).all() for each in value.marks)
    elif isinstance(value, list | tuple):
        for each in value:
            assert_finite(each)
    elif is_dataclass(value) and (affine := vars(value).get("affine_mm")) is not None:
        assert np.isfinite(affine).all() and abs(np.linalg.det(affine)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_the_valid_file_is_read(name, valid, tmp_path):
    if name in ("labels", "T1 .mgh"):
        pytest.skip("noise is no head; .mgh is told to be converted")
    path = tmp_path / valid(name).name
    path.write_bytes(valid(name).read_bytes())
    assert not isinstance(PARSERS[name].read(path), str)


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_a_damaged_file_is_read_or_refused_in_a_line(name, valid, tmp_path):
    parser, path = PARSERS[name], tmp_path / valid(name).name

    @settings(
        max_examples=parser.examples,
        deadline=None,  # said_or_read has one, in seconds of the processor
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
    )
    @given(parser.damaged(valid(name).read_bytes()))
    def each(content):
        path.write_bytes(content)
        with little_memory():
            said_or_read(parser.read, path)

    each()


# small files that state, unpack or nest to what no memory holds


def header_of(kind, offset, form, value):
    """A valid image with one number of its header changed."""
    made = nib.Nifti1Image(VOLUME, AFFINE) if kind != 2 else nib.Nifti2Image(VOLUME, AFFINE)
    content = bytearray(made.to_bytes())
    struct.pack_into(form, content, offset, *value)
    return bytes(content)


def packed_zeros():
    """Two gigabytes of zeros as zlib packs them, but for their end: 16 MB packed once, then again and again."""
    packer = zlib.compressobj(9)
    first, again = (packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * 127


def gifti_bomb(path):
    write_surface(path, SHEET, "lh")
    text = path.read_text()
    found = text.index("<Data>") + len("<Data>")
    path.write_text(text[:found] + base64.b64encode(packed_zeros()).decode() + text[text.index("</Data>") :])


def vtu_bomb(path):
    to_grid(HEAD).save(path, binary=False)
    text = path.read_text().replace('header_type="UInt32"', 'header_type="UInt64"')
    begin = text.index("<DataArray", text.index("<Points>"))
    packed = packed_zeros()
    head = base64.b64encode(struct.pack("<4Q", 1, 1 << 31, 0, len(packed))).decode()
    array = '<DataArray type="Float64" Name="Points" NumberOfComponents="3" format="binary">'
    path.write_text(
        text[:begin] + array + head + base64.b64encode(packed).decode() + text[text.index("</DataArray>", begin) :]
    )


def plain_vtu(path):
    write_vtu(path, HEAD)


def plain_gifti(path):
    write_surface(path, SHEET, "lh")


def changed(write, old, new, many=1):
    def make(path):
        write(path)
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new, many))

    return make


def content(what):
    return lambda path: path.write_bytes(what)


ENTITIES = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
BOMB = f'<!DOCTYPE x [<!ENTITY a0 "{"ha" * 50}">{ENTITIES}]>'.encode()
OUTSIDE = b'<!DOCTYPE x [<!ENTITY a9 SYSTEM "file:///etc/passwd">]>'
DEEP = b"[" * 100_000
TERA = b"1000000000000"
MANY = struct.pack(">2i", 2**31 - 1, 2**31 - 1)
BOMBS = {
    "NIfTI of 4 GB": (".nii", content(header_of(1, 42, "<3h", (32767, 32767, 2))), read_volume),
    "NIfTI of 35 TB": (".nii", content(header_of(1, 42, "<3h", (32767, 32767, 32767))), read_volume),
    "NIfTI-2 of 8 EB": (".nii", content(header_of(2, 24, "<3q", (2**20, 2**20, 2**20))), read_volume),
    "NIfTI whose voxels begin far off": (".nii", content(header_of(1, 108, "<f", (1e30,))), read_volume),
    "gzip of 4 GB": (".nii.gz", lambda path: gzip_bomb(path, VOLUME), read_volume),
    "mask of 4 GB": (".nii", content(header_of(1, 42, "<3h", (32767, 32767, 2))), read_mask),
    "gmsh, nodes": (".msh", changed(mesh_with_fields, b"$Nodes\n5", b"$Nodes\n" + TERA), read_gmsh),
    "gmsh, elements": (".msh", changed(mesh_with_fields, b"$Elements\n", b"$Elements\n" + TERA), read_gmsh),
    "gmsh in text, nodes": (".msh", changed(ascii_mesh, b"$Nodes\n5", b"$Nodes\n" + TERA), read_gmsh),
    "gmsh in text, tags": (".msh", changed(ascii_mesh, b"2 4 2 2 2", b"2 4 " + TERA + b" 2 2"), read_gmsh),
    "gmsh in text, values": (".msh", changed(ascii_mesh, b"0\n1\n5\n", b"0\n1\n" + TERA + b"\n"), read_gmsh),
    ".ccd": (".ccd", changed(coil(DIPOLES), b"\n6\n", b"\n" + TERA + b"\n"), read_coil),
    ".tcd, deep": (".tcd", content(DEEP), read_coil),
    ".tcd, packed": (".tcd", lambda path: tcd_bomb(path), read_coil),
    "GIFTI, packed": (".gii", gifti_bomb, read_surface),
    "GIFTI, a great array": (
        ".gii",
        changed(plain_gifti, b'Dim0="4"', b'Dim0="%s"' % TERA),
        read_surface,
    ),
    "GIFTI, entities": (".gii", changed(plain_gifti, b"?>", b"?>" + BOMB), read_surface),
    ".vtu, packed": (".vtu", vtu_bomb, read_vtu),
    ".vtu, points": (
        ".vtu",
        changed(plain_vtu, b'NumberOfPoints="5"', b'NumberOfPoints="%s"' % TERA),
        read_vtu,
    ),
    ".vtu, entities": (".vtu", changed(plain_vtu, b"<VTKFile", BOMB + b"<VTKFile"), read_vtu),
    "FreeSurfer": ("", changed(freesurfer_side, struct.pack(">2i", 4, 4), MANY), read_freesurfer_beside),
    "Localite, entities": (".xml", changed(text(localite.to_string(POSES)), b"?>", b"?>" + BOMB), localite.read),
    "Localite, an outside file": (
        ".xml",
        changed(text(localite.to_string(POSES)), b"?>", b"?>" + OUTSIDE),
        localite.read,
    ),
    "Localite, deep": (".xml", content(b"<a>" * 100_000), localite.read),
    "Softaxic, entities": (".stmpx", changed(text(SOFTAXIC), b"<!DOCTYPE stmp>", BOMB), softaxic.read),
    "visor2, deep": (".mrk", content(DEEP), visor2.read),
    "plan.json, deep": (".json", content(DEEP), read_plan),
    "target serve, deep": (".json", content(DEEP[:16_000]), read_wire),
    "coordsystem.json, deep": (".json", content(DEEP), read_coordsystem),
    "protocol, deep": (".toml", content(b"a = " + DEEP), protocol_named),
    "electrodes, a long cell": (".csv", content(b"C3," + b"9" * 1_000_000 + b",1,2\n"), read_electrodes),
    "montage, a long cell": (".csv", content(b"name\n" + b"9" * 1_000_000 + b"\n"), read_montage),
}


def gzip_bomb(path, values):
    """The header of a small image, and zeros without end behind it."""
    begins = nib.Nifti1Image(values, AFFINE).to_bytes()
    path.write_bytes(gzip.compress(begins) + gzip.compress(bytes(1 << 26), 9) * 64)


def tcd_bomb(path):
    encoded_tcd(path)
    found = json.loads(path.read_text())
    found["coilElementList"][0]["points"] = base64.b64encode(packed_zeros()).decode()
    path.write_text(json.dumps(found))


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_would_fill_the_memory_is_refused(name, tmp_path):
    suffix, write, read = BOMBS[name]
    path = tmp_path / f"bomb{suffix}"
    write(path)
    with little_memory(), pytest.raises(InputError) as error:
        began = time.process_time()
        read(path)
    assert time.process_time() - began < SLOWEST_S and "\n" not in str(error.value)
    assert len(str(error.value)) < 400
