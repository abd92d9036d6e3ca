"""A scanner's folder of DICOM as NIfTI images, one a series, to choose the T1 from.

dcm2niix converts them, as a program of its own (Li 2016, J Neurosci Methods 264:47): the one of the package ``dcm2niix``, or
one that is on the path.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from meshes.errors import InputError
from meshes.whole_files import written_whole

MARK, MARK_AT = b"DICM", 128  # of every DICOM file
LOOKED_AT = 200  # files of a folder, until none is DICOM
LIMIT_S = 900
FINE_MM = 1.5  # the largest voxel of a T1 that a head is made from
T1_WORDS = ("t1", "mprage", "mp-rage", "mp2rage", "spgr", "bravo", "tfe", "memprage")  # in the names scanners give


@dataclass(frozen=True)
class Series:
    """One image of a folder.

    Parameters
    ----------
    image : Path
        NIfTI.
    title : str
        As the scanner names it.
    shape : tuple of int
    voxel_mm : tuple of float
    """

    image: Path
    title: str
    shape: tuple[int, ...]
    voxel_mm: tuple[float, ...]

    @property
    def may_be_t1(self) -> bool:
        """Whether its voxels are fine enough and it is one volume."""
        return len(self.shape) == 3 and min(self.shape) > 1 and max(self.voxel_mm) <= FINE_MM

    @property
    def words(self) -> str:
        """In a line: name, voxels, their size."""
        voxels = " × ".join(map(str, self.shape))
        size = " × ".join(f"{each:.2g}" for each in self.voxel_mm)
        return f"{self.title}: {voxels} voxels of {size} mm" + ("" if self.may_be_t1 else " (no T1 of a whole head)")


def holds_dicom(path: Path) -> bool:
    """Whether a file is DICOM, or one of the first files of a folder and of those in it."""
    if path.is_file():
        return _is_dicom(path)
    files = (each for each in sorted(path.rglob("*")) if each.is_file())
    return any(_is_dicom(each) for _, each in zip(range(LOOKED_AT), files, strict=False))


def series_in(folder: Path, into: Path) -> list[Series]:
    """Convert a folder of DICOM; what is likeliest to be the T1 comes first.

    Parameters
    ----------
    folder : Path
        With DICOM files, also in folders within it.
    into : Path
        An empty folder for the images.

    Raises
    ------
    InputError
        If dcm2niix is not there or cannot convert it, or nothing in it is an image.
    """
    command = [converter(), "-b", "y", "-ba", "y", "-z", "y", "-f", "%s_%p", "-o", str(into), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(
            f"dcm2niix took more than {LIMIT_S / 60:.0f} minutes with {folder}; convert it yourself"
        ) from None
    found = list(_images(into))
    if not found:
        words = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line.lower()]
        said = f" ({words[-1].strip()})" if words else ""
        raise InputError(f"dcm2niix finds no image in {folder}{said}; drop the T1 as NIfTI instead")
    return sorted(found, key=lambda each: (not each.may_be_t1, not _named_t1(each.title)))


def converter() -> str:
    """Where dcm2niix is.

    Raises
    ------
    InputError
        If it is neither installed as a package nor on the path.
    """
    if find_spec("dcm2niix") is not None:
        import dcm2niix

        return str(dcm2niix.bin)
    on_path = shutil.which("dcm2niix")
    if on_path is None:
        raise InputError("DICOM needs dcm2niix: pip install dcm2niix, or drop the T1 as NIfTI (.nii.gz) instead")
    return on_path


def keep(series: Series, file: Path) -> Path:
    """Copy a series' image to where it is to stay; the same image that is there already is taken as it is.

    Raises
    ------
    InputError
        If another file is there.
    WriteError
        If it cannot be written.
    """
    if file.exists():
        if file.read_bytes() != series.image.read_bytes():
            raise InputError(f"{file} is another image already; take another name for the subject")
        return file
    with written_whole(file) as temporary:
        shutil.copyfile(series.image, temporary)
    return file


def _is_dicom(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        file.seek(MARK_AT)
        return file.read(len(MARK)) == MARK
    return False


def _images(folder: Path) -> Iterator[Series]:
    import nibabel as nib

    for path in sorted(folder.rglob("*.nii.gz")):
        header = nib.load(path).header
        about = path.with_name(path.name.removesuffix(".nii.gz") + ".json")
        known = json.loads(about.read_text(encoding="utf-8")) if about.is_file() else {}
        title = known.get("SeriesDescription") or known.get("ProtocolName") or path.name.removesuffix(".nii.gz")
        voxel_mm = tuple(float(each) for each in header.get_zooms()[:3])  # type: ignore[attr-defined,unused-ignore]
        shape = tuple(int(each) for each in header.get_data_shape())  # type: ignore[attr-defined,unused-ignore]
        yield Series(path, str(title), shape, voxel_mm)


def _named_t1(title: str) -> bool:
    return any(word in title.lower() for word in T1_WORDS)
