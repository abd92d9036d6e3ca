"""The memory a stage will take: estimated from the size of its input, said before it starts, held against what there is.

Each number below is the largest resident memory of a process that did the stage alone, on Linux; between and beyond them it
is taken as growing in proportion.  They are estimates: what is refused is only what the machine could not hold at all.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.memory import free_memory_bytes, total_memory_bytes
from meshes.tissue_codes import Tissue
from meshes.tissues import Tissues

log = logging.getLogger(__name__)

BYTES_PER_GB = 1e9
PROGRAM_GB = 0.3  # Python, numpy, scipy and compiled code, before anything is loaded

# `target segment --labels`: 2.42 GB for 394 x 454 x 380 voxels of 0.5 mm, whose fields have 16.7 M voxels of 0.8 mm;
# 0.92 GB for 6.2 M voxels that are not resampled.  The image itself is read as 4 bytes and turned into other 4.
BYTES_PER_FIELD_VOXEL, BYTES_PER_IMAGE_VOXEL = 110, 8
# SAMSEG: 6 GB for a T1 of 1 mm; what it takes for finer ones was not measured, only what its posteriors take as fields
SAMSEG_GB = 6.0

# the fields and a copy with air round them, float32 of seven tissues; what the mesher takes beside them: 1.35 GB in all for
# colin27 at density fast, 3.96 litres on 8.5 M voxels, 0.70 M tetrahedra; standard has 3.6 times as many
FIELDS_TWICE = 2 * 7 * 4
MESHER_GB_PER_LITRE = {"fast": 0.145, "standard": 0.145 * 3.6}

# the fields and their labels, and what ANTs takes on its own grid of 2 mm: 0.87 GB for 8.5 M voxels
REGISTRATION_GB, REGISTRATION_BYTES_PER_VOXEL = 0.3, 32

# benchmarks/results/search.json: 5.54 GB at 2.52 M tetrahedra, dose map, distance grid and three coils' searches in one
# process; a solve alone takes a third (SOLVE)
SEARCH_BYTES_PER_TET, SOLVE_BYTES_PER_TET = 2100.0, 1000.0
# benchmarks/results/history/basis.jsonl: 3.74 to 3.98 GB at 2.52 M tetrahedra and 300 sources
BASIS_BYTES_PER_TET, BASIS_SOURCES = 1500.0, 300
# benchmarks/results/leadfield_*.json, at 2.52 M tetrahedra, 0.89 M of them grey: 4.44 GB for 74 electrodes, 5.97 for 205,
# 7.29 for 326: 1.06 times the field itself and 1.3 kB a tetrahedron
LEADFIELD_BYTES_PER_TET, LEADFIELD_SHARE = 1300.0, 1.06

FINER = "give an image of 0.8 to 1 mm"


@dataclass(frozen=True)
class MemoryNeed:
    """The most memory that a stage will take at a time.

    Parameters
    ----------
    gb : float
    of : str
        What it follows from, such as "a mesh of 2.5 M tetrahedra".
    advice : str
        What to do where that is too much.
    """

    gb: float
    of: str
    advice: str


def check_memory(stage: str, need: MemoryNeed) -> None:
    """Say what a stage needs; warn if it is not free, refuse if the machine (container, job, shell) has not so much.

    Raises
    ------
    InputError
        With the need, what there is, and what to do.
    """
    free, total = free_memory_bytes() / BYTES_PER_GB, total_memory_bytes() / BYTES_PER_GB
    needs = f"{stage} needs about {need.gb:.1f} GB of memory ({need.of})"
    if need.gb > total:
        raise InputError(f"{needs}, and this machine, container or job has {total:.1f} GB in all: {need.advice}")
    if need.gb > free:
        log.warning("%s, and %.1f GB are free: close other programs, or %s", needs, free, need.advice)
    else:
        log.info("%s", needs)


def segment_need(way: str, files: dict[str, Path]) -> MemoryNeed | None:
    """Of stage "segment": from the image's header; None where there is no image or it cannot be read (which is said later)."""
    import nibabel

    from meshes.segmentation.label_fields import coarse_voxel_mm  # its compiled loops take a second to import

    if way not in ("t1", "labels"):
        return None
    try:
        image = nibabel.load(files[way])
        shape, size_mm = np.array(image.shape[:3]), np.array(image.header.get_zooms()[:3], float)
    except Exception:
        return None
    voxels = float(np.prod(shape))
    words = f"{' x '.join(map(str, shape))} voxels of {' x '.join(f'{mm:.2g}' for mm in size_mm)} mm"
    if way == "labels":
        on = float(np.prod(np.ceil(shape * size_mm / coarse_voxel_mm(size_mm))))
        need = BYTES_PER_FIELD_VOXEL * on + BYTES_PER_IMAGE_VOXEL * voxels
        return MemoryNeed(PROGRAM_GB + need / BYTES_PER_GB, words, FINER)
    fields = PROGRAM_GB + BYTES_PER_FIELD_VOXEL * voxels / BYTES_PER_GB
    return MemoryNeed(max(SAMSEG_GB, fields), words, FINER)


def mesh_need(tissues: Tissues | None, density: str) -> MemoryNeed | None:
    """Of stage "mesh": from the tissues; None where a finished mesh is only copied."""
    if tissues is None:
        return None
    litres = float((tissues.labels > 0).sum() * np.prod(tissues.voxel_mm)) / 1e6
    gb = PROGRAM_GB + FIELDS_TWICE * tissues.labels.size / BYTES_PER_GB + MESHER_GB_PER_LITRE[density] * litres
    advice = "take `density=fast`" if density == "standard" else "use a larger machine"
    return MemoryNeed(gb, f"a head of {litres:.1f} litres at density {density}", advice)


def register_need(shape: tuple[int, ...]) -> MemoryNeed:
    """Of stage "register": from the tissues' grid."""
    voxels = float(np.prod(shape))
    need = PROGRAM_GB + REGISTRATION_GB + REGISTRATION_BYTES_PER_VOXEL * voxels / BYTES_PER_GB
    return MemoryNeed(need, f"a grid of {voxels / 1e6:.1f} M voxels", FINER)


def solve_need(head: HeadMesh) -> MemoryNeed:
    """Of a stage that solves for few right-hand sides and recovers the fields: "dosemap", "confirm", "uncertainty"."""
    return _of_mesh(SOLVE_BYTES_PER_TET, head)


def search_need(head: HeadMesh) -> MemoryNeed:
    """Of stage "search": the target's field round the head, the scalp's distances, the poses."""
    return _of_mesh(SEARCH_BYTES_PER_TET, head)


def basis_need(head: HeadMesh, sources: int) -> MemoryNeed:
    """Of stage "basis"."""
    return _of_mesh(BASIS_BYTES_PER_TET * max(1.0, sources / BASIS_SOURCES), head)


def leadfield_need(head: HeadMesh, electrodes: int) -> MemoryNeed:
    """Of stage "…-leadfield": the factors, and the field of each electrode in grey matter."""
    points = int((head.tissue == Tissue.GM).sum())
    field = electrodes * points * 3 * np.dtype(np.float32).itemsize
    gb = PROGRAM_GB + (LEADFIELD_BYTES_PER_TET * len(head.tets) + LEADFIELD_SHARE * field) / BYTES_PER_GB
    return MemoryNeed(gb, f"{electrodes} electrodes on {_tets(head)}", "take `cap=10-10` or `density=fast`")


def _of_mesh(bytes_per_tet: float, head: HeadMesh) -> MemoryNeed:
    return MemoryNeed(PROGRAM_GB + bytes_per_tet * len(head.tets) / BYTES_PER_GB, _tets(head), "take `density=fast`")


def _tets(head: HeadMesh) -> str:
    return f"a mesh of {len(head.tets) / 1e6:.2g} M tetrahedra"
