"""GIFTI: surfaces (``.surf.gii``) and values on their vertices (``.func.gii``, ``.shape.gii``), in RAS mm of the subject's T1.

Written as Connectome Workbench, FreeView and nilearn open them: the surface's coordinate system is "scanner"
(NIFTI_XFORM_SCANNER_ANAT) with the identity as transform, and each file says which side it is.
"""

from __future__ import annotations

import base64
import math
import zlib
from pathlib import Path
from xml.parsers.expat import ExpatError

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.gifti import GiftiCoordSystem, GiftiDataArray, GiftiImage, GiftiMetaData
from numpy.typing import NDArray

from meshes.cortical_surface import CorticalSurface
from meshes.errors import InputError
from meshes.formats.safe_xml import parsed_xml
from meshes.images import whole_file
from meshes.whole_files import written_whole

STRUCTURE = {"lh": "CortexLeft", "rh": "CortexRight"}
KINDS = {  # AnatomicalStructureSecondary and GeometricType, as Connectome Workbench names them
    "central": ("MidThickness", "Anatomical"),
    "white": ("GrayWhite", "Anatomical"),
    "pial": ("Pial", "Anatomical"),
    "sphere": ("MidThickness", "Spherical"),
}
SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT
MOST_VALUES = 1 << 28  # of one array: 80 million vertices
WIDEST_BYTES = 8  # a value of GIFTI's data types, at most
DAMAGE = (  # what nibabel and its parsers raise on files that are cut or something else
    OSError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    ExpatError,
    zlib.error,
    ImageFileError,
)


def write_surface(path: str | Path, surface: CorticalSurface, side: str, kind: str = "central") -> None:
    """Write a surface as ``.surf.gii``, coordinates as float32.

    Parameters
    ----------
    path : path
    surface : CorticalSurface
    side : {"lh", "rh"}
        Hemisphere.
    kind : {"central", "white", "pial", "sphere"}
        Which of the hemisphere's surfaces it is.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    layer, geometry = KINDS[kind]
    about = {
        "AnatomicalStructurePrimary": STRUCTURE[side],
        "AnatomicalStructureSecondary": layer,
        "GeometricType": geometry,
    }
    points = GiftiDataArray(
        surface.points_mm.astype(np.float32),
        intent="NIFTI_INTENT_POINTSET",
        datatype="NIFTI_TYPE_FLOAT32",
        coordsys=GiftiCoordSystem(SCANNER, SCANNER, np.eye(4)),
        meta=GiftiMetaData(about),
    )
    triangles = GiftiDataArray(
        surface.triangles.astype(np.int32), intent="NIFTI_INTENT_TRIANGLE", datatype="NIFTI_TYPE_INT32"
    )
    _save(path, [points, triangles], side)


def write_values(path: str | Path, values: NDArray[np.floating], name: str, side: str) -> None:
    """Write one value per vertex, (V,), as ``.func.gii``; ``name`` says what it is and its unit.

    Parameters
    ----------
    path : path
    values : (V,) float
        One for each vertex.
    name : str
        What the values are, and their unit.
    side : {"lh", "rh"}
        Hemisphere.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    array = GiftiDataArray(
        np.asarray(values, np.float32),
        intent="NIFTI_INTENT_NONE",
        datatype="NIFTI_TYPE_FLOAT32",
        meta=GiftiMetaData({"Name": name}),
    )
    _save(path, [array], side)


def read_surface(path: str | Path) -> CorticalSurface:
    """Read points and triangles of a GIFTI surface, coordinates as the file has them.

    Raises
    ------
    InputError
        If the file is missing, damaged or no surface.
    """
    path = whole_file(path)
    try:
        image = _opened(path)
        points, triangles = (image.agg_data(intent) for intent in ("pointset", "triangle"))
    except DAMAGE as error:
        raise InputError(f"{path} is truncated or no GIFTI surface; copy or make it again") from error
    if not all(isinstance(each, np.ndarray) and each.ndim == 2 and each.shape[1] == 3 for each in (points, triangles)):
        raise InputError(f"{path} holds no surface (points and triangles); give a .surf.gii or central .gii file")
    if not np.isfinite(points).all():
        raise InputError(f"{path} has points that are no numbers; make it again")
    return CorticalSurface(points, triangles)


def read_values(path: str | Path) -> NDArray[np.float64]:
    """Read one number per vertex, (V,), from a GIFTI file with one array.

    Raises
    ------
    InputError
        If the file is missing, damaged, or holds something else.
    """
    path = whole_file(path)
    try:
        arrays = [np.asarray(each.data) for each in _opened(path).darrays]
    except DAMAGE as error:
        raise InputError(f"{path} is truncated or no GIFTI file; copy or make it again") from error
    if len(arrays) != 1 or arrays[0].ndim != 1:
        raise InputError(f"{path} does not hold one number per vertex; give a .shape.gii, .func.gii or .label.gii file")
    return arrays[0].astype(np.float64)


def read_labels(path: str | Path) -> tuple[NDArray[np.int64], dict[int, str], str]:
    """Read the label of each vertex from a ``.label.gii``.

    Returns
    -------
    keys : (V,) int64
    names : dict of int to str
        By key.
    side : {"lh", "rh", ""}
        The hemisphere, where the file says it.

    Raises
    ------
    InputError
        If the file is missing or damaged, has several maps, or no names for its keys.
    """
    path = whole_file(path)
    try:
        image = _opened(path)
        maps = [np.asarray(each.data) for each in image.darrays]
        names = {int(key): str(name) for key, name in image.labeltable.get_labels_as_dict().items()}
        about = dict(image.meta)
        for each in image.darrays:
            about |= dict(each.meta)
    except DAMAGE as error:
        raise InputError(f"{path} is truncated or no GIFTI file; copy or make it again") from error
    if len(maps) != 1 or maps[0].ndim != 1:
        raise InputError(f"{path} has {len(maps)} maps of labels; give a file with one label for each vertex")
    if not names or not np.isfinite(maps[0]).all():
        raise InputError(f"{path} has no table of labels; give a .label.gii file")
    primary = about.get("AnatomicalStructurePrimary", "")
    return maps[0].astype(np.int64), names, next((side for side, name in STRUCTURE.items() if name == primary), "")


def _opened(path: Path) -> GiftiImage:
    _check_sizes(path.read_bytes())
    image = nib.load(path)
    if not isinstance(image, GiftiImage):
        raise ValueError("no GIFTI image")
    return image


def _check_sizes(content: bytes) -> None:
    """ValueError if the file declares entities, or its arrays state or unpack to more than a surface can have."""
    for array in parsed_xml(content).iter("DataArray"):
        many = math.prod(int(array.get(f"Dim{i}", "1")) for i in range(int(array.get("Dimensionality", "1"))))
        if not 0 <= many <= MOST_VALUES:
            raise ValueError(f"an array of {many} values")
        if array.get("Encoding") == "GZipBase64Binary":
            unpacker = zlib.decompressobj()
            unpacker.decompress(base64.b64decode(array.findtext("Data", "")), WIDEST_BYTES * many + 1)
            if unpacker.unconsumed_tail:
                raise ValueError("an array that unpacks to more than it states")


def _save(path: str | Path, arrays: list[GiftiDataArray], side: str) -> None:
    image = GiftiImage(darrays=arrays, meta=GiftiMetaData({"AnatomicalStructurePrimary": STRUCTURE[side]}))
    with written_whole(path) as temporary:
        nib.save(image, temporary)
