"""From an MRI to a head of tetrahedra: segmentation, meshing, and the files of both."""

from meshes import idle_threads as idle_threads  # first: before anything loads OpenMP
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue
from meshes.tissues import Tissues

# last, and here rather than on first use: so these names mean the functions, not the modules they live in
from meshes.segment import segment  # isort: skip
from meshes.tetrahedralise import tetrahedralise  # isort: skip

__all__ = ["HeadMesh", "InputError", "Tissue", "Tissues", "segment", "tetrahedralise"]
