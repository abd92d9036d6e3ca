"""Open a NIfTI image, whatever its suffix, or say in one line what kind of file it is instead.

Every image that a user brings passes here.  What a file is, is read from its bytes: packed or not, one file or a pair
(``.hdr`` and ``.img``), either byte order, NIfTI 1 or 2; suffixes in any case.  Nothing is unpacked beyond the size that the
header states, so that neither a damaged header nor a file of zeros packed small can fill the memory.
(NIfTI-1 standard, nifti1.h; NIfTI-2, nifti2.h; ANALYZE 7.5 has no word on left and right.)
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import DTypeLike, NDArray

from meshes.errors import InputError

PACKED = b"\x1f\x8b"
HEADER_BYTES = {348: nib.Nifti1Header, 540: nib.Nifti2Header}  # by the header's first number
MAGIC_AT = {348: 344, 540: 4}
MOST_BYTES = 2**31  # unpacked: a 4D warp of half a millimetre takes a third of it
READ_BYTES = 2**20
PAIR = re.compile(r"(.+)\.(hdr|img)((?:\.gz)?)", re.IGNORECASE)
POINTERS = (b"version https://git-lfs.github.com", b"version https://hawser.github.com")
FOREIGN = (  # where, what stands there, what it is and what to do
    (128, b"DICM", "a DICOM file; convert the series with dcm2niix"),
    (0, b"NRRD", "an NRRD file; convert it to .nii.gz"),
    (0, b"\x00\x00\x00\x01\x00\x00", "FreeSurfer's .mgz; convert it to .nii.gz with mri_convert"),
    (0, b"PK\x03\x04", "a zip archive; unpack it"),
    (0, b"<!DOCTYPE", "a web page, from a download that failed; fetch it again"),
    (0, b"<html", "a web page, from a download that failed; fetch it again"),
)


@dataclass(frozen=True, eq=False)
class NiftiImage:
    """A NIfTI image whose header has been read, and whose voxels are there.

    Parameters
    ----------
    path : Path
        As the user names it.
    header : nibabel.Nifti1Header
        As it stands in the file: nothing in it is corrected but ``pixdim[0]``, whose 0 stands for 1.
    files : tuple of Path
        All that the image consists of: one file, or the pair's header and voxels.
    """

    path: Path
    header: nib.Nifti1Header
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Without single axes at the end."""
        shape = tuple(int(n) for n in self.header.get_data_shape())
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        return shape

    def values(self, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """All voxels, of :attr:`shape`, scaled as the header says.

        Raises
        ------
        InputError
            If they are colours or complex, or the file is cut short or damaged.
        """
        stored = self.header.get_data_dtype()
        if stored.names:
            raise InputError(f"{self.name} has colour values; give a single 3D volume of intensities")
        if stored.kind == "c":
            raise InputError(f"{self.name} has complex values; give the magnitude image")
        content = io.BytesIO(unpacked(self.files[-1], self._end))
        header = self.header.copy()
        header["vox_offset"] = self._offset
        try:
            return np.asarray(header.data_from_fileobj(content), dtype=dtype).reshape(self.shape)
        except (OSError, EOFError, ValueError, HeaderDataError) as error:
            raise InputError(f"{self.path} is truncated or damaged; copy it again") from error

    def volume(self, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """The voxels of a 3D image, (nx, ny, nz).

        Raises
        ------
        InputError
            If it has other dimensions, and as :meth:`values`.
        """
        shape = self.shape
        if len(shape) != 3:
            raise InputError(f"{self.name} has {len(shape)} dimensions {shape}; give a single 3D volume")
        if min(shape) < 2:
            raise InputError(f"{self.name} is only {' x '.join(map(str, shape))} voxels; give a 3D volume")
        return self.values(dtype)

    @property
    def _offset(self) -> int:
        """Where the voxels begin; in a single file never within the header."""
        stated = float(self.header["vox_offset"])
        least = 0 if len(self.files) > 1 else int(self.header["sizeof_hdr"]) + 4
        return max(int(stated), least) if math.isfinite(stated) else least

    @property
    def _end(self) -> int:
        """Where the voxels end."""
        return self._offset + math.prod(self.header.get_data_shape()) * self.header.get_data_dtype().itemsize


def open_nifti(path: str | Path) -> NiftiImage:
    """Open a NIfTI image, looking at its kind and its header.

    Raises
    ------
    InputError
        If there is none, it is empty, a pointer to a file that was not fetched, of another kind, half of a pair, or its
        header is damaged.
    """
    path = Path(path)
    files = files_of(path)
    block = beginning(files[0])
    size = _header_size(block)
    if size is None:
        foreign = next((what for at, mark, what in FOREIGN if block[at:].startswith(mark)), None)
        text = f" but {foreign}" if foreign else ", or its beginning is damaged; give a .nii or .nii.gz file"
        raise InputError(f"{path} is not a NIfTI file{text}")
    magic = block[MAGIC_AT[size] : MAGIC_AT[size] + 3]
    if magic not in (b"n+1", b"ni1", b"n+2", b"ni2"):
        raise InputError(
            f"{path} is not a NIfTI file but ANALYZE 7.5 (or damaged), which does not tell left from right; "
            "convert it again from DICOM to .nii.gz"
        )
    if magic.startswith(b"ni") and len(files) == 1:
        raise InputError(f"{path} is half of a pair, and the .img (or .hdr) is not beside it; give both or one .nii.gz")
    try:
        header = HEADER_BYTES[size](block[:size], check=False)
        header["pixdim"][0] = -1.0 if header["pixdim"][0] < 0 else 1.0
        shape, stored = header.get_data_shape(), header.get_data_dtype()
    except (WrapStructError, HeaderDataError, ValueError, KeyError) as error:
        raise InputError(f"{path} is not a NIfTI file, or its beginning is damaged; copy it again") from error
    if not shape or min(shape) < 1:
        raise InputError(f"{path} has a damaged header (dimensions {shape}); copy it again")
    image = NiftiImage(path, header, files if magic.startswith(b"ni") else files[:1])
    if math.prod(shape) * stored.itemsize > MOST_BYTES:
        raise InputError(
            f"{path} would take {math.prod(shape) * stored.itemsize / 2**30:.0f} GiB, which no image of a head does; "
            "its header may be damaged"
        )
    if len(image.files) > 1:
        beginning(image.files[1])
    return image


def files_of(path: str | Path) -> tuple[Path, ...]:
    """The files that an image at ``path`` consists of: itself, or header and voxels of a pair, whichever is named.

    Examples
    --------
    >>> files_of("T1.nii.gz")
    (PosixPath('T1.nii.gz'),)
    """
    path = Path(path)
    named = PAIR.fullmatch(path.name)
    if not named or not path.is_file():
        return (path,)
    other = "img" if named[2].lower() == "hdr" else "hdr"
    beside = [each for each in path.parent.iterdir() if (pair := PAIR.fullmatch(each.name)) and pair[1] == named[1]]
    found = sorted(each for each in beside if (PAIR.fullmatch(each.name) or named)[2].lower() == other)
    if not found:
        return (path,)
    return (path, found[0]) if other == "img" else (found[0], path)


def identity(path: str | Path) -> str:
    """SHA-256 over all bytes of the file at ``path``, in hexadecimal; of a pair, over the two files' own.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    files = files_of(path)
    each = [_sha256(file) for file in files]
    return each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()


def packed(path: Path) -> bool:
    """Whether a file is compressed with gzip, by its first bytes."""
    with path.open("rb") as file:
        return file.read(2) == PACKED


def beginning(path: Path) -> bytes:
    """The first bytes of a file, unpacked: enough for a header."""
    with whole_file(path).open("rb") as file:
        if file.read(2) != PACKED:
            file.seek(0)
            return file.read(1024)
        file.seek(0)
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                return stream.read(1024)
        except EOFError as error:
            raise InputError(f"{path} is truncated or damaged; copy it again") from error
        except (OSError, zlib.error) as error:
            raise InputError(f"{path} is not a NIfTI file, or its beginning is damaged; copy it again") from error


def unpacked(path: Path, end: int) -> bytes:
    """The first ``end`` bytes of a file, unpacked, once it is certain that the rest is whole, too.

    Raises
    ------
    InputError
        If there are fewer, the packing is damaged, or much more comes after them.
    """
    damaged = InputError(f"{path} is truncated or damaged; copy it again")
    if end > MOST_BYTES:
        raise damaged
    try:
        if not packed(path):
            if path.stat().st_size < end:  # before memory is taken for what is not there
                raise damaged
            with path.open("rb") as file:
                content = file.read(end)
        else:
            with gzip.open(path) as stream:
                content, more = stream.read(end), 0
                while piece := stream.read(READ_BYTES):  # to the checksum
                    more += len(piece)
                    if more > end + READ_BYTES:
                        raise InputError(f"{path} is much longer than its header says; it is damaged: copy it again")
    except (OSError, EOFError, zlib.error) as error:
        raise damaged from error
    if len(content) < end:
        raise damaged
    return content


def whole_file(path: str | Path) -> Path:
    """The path, if a file with content of its own is there.

    Raises
    ------
    InputError
        If it is missing, a folder, empty, unreadable, or a pointer that Git LFS or git-annex left in its place.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"there is no file {path}; check the path")
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the file itself, not its folder")
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not start:
        raise InputError(f"{path} is empty; copy it again")
    if start.startswith(POINTERS):
        raise InputError(f"{path} is a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'")
    if start.startswith((b"/annex/", b"../.git/annex", b".git/annex")):
        raise InputError(f"{path} is a git-annex pointer, not the file itself; fetch it with 'git annex get'")
    return path


def _header_size(block: bytes) -> int | None:
    """348 for NIfTI 1 (and ANALYZE), 540 for NIfTI 2, in either byte order; None for anything else."""
    if len(block) < min(HEADER_BYTES):
        return None
    sizes = {int.from_bytes(block[:4], "little"), int.from_bytes(block[:4], "big")}
    return next((size for size in HEADER_BYTES if size in sizes and len(block) >= size), None)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path") from None
