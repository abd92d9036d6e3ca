"""A scanner's folder of DICOM as NIfTI images, one a series, and which of them is the T1.

dcm2niix converts them, as a program of its own (Li 2016, J Neurosci Methods 264:47): the one of the package ``dcm2niix``, or
one that is on the path.  What it takes over from the scanner as text is cleared, since patients' names stand there; a series'
title is shown unless it tells who the patient is.  The T1 is chosen by :data:`MUST` and :data:`RATHER`, in their order.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import nibabel as nib

from meshes.dicom_header import ScannedFiles, headers_in, is_dicom
from meshes.errors import InputError
from meshes.whole_files import written_whole

LOOKED_AT = 200  # files of a folder, until none is DICOM
LIMIT_S = 900
FINE_MM = 1.5  # the largest voxel of a T1 that a head is made from
ROUNDING_MM = 1e-3
LEAST_MM = 120.0  # a head fills more than that each way
SUFFIX = ".nii"
T1_NAME = "T1.nii.gz"
PACKING = 6  # of 9: packed as well as by the last, in a third of the time
EVENED = re.compile(r"_Eq(_\d+)?$")  # dcm2niix's second image of a series with gaps
TEXTS = ("data_type", "db_name", "descrip", "aux_file", "intent_name")  # of a NIfTI header
# what scanners call their series, in small letters
BEFORE = r"(?<![a-z])(3d|s|ax|sag|cor|tra)*"
SAYS_T1, SAYS_T2 = re.compile(BEFORE + r"t1(?!\d)"), re.compile(BEFORE + r"t2(?!\d)")
T1_SEQUENCES = re.compile(r"mp-?2?rage|(?<![a-z])(ir-?)?f?spgr|bravo|(?<![a-z])(3d-?)?tfe")
T2_SEQUENCES = re.compile(r"(?<![a-z])(space|cube|vista)(?![a-z])")
NOT_PLAIN = re.compile(  # no anatomy by T1 alone, or a part of MP2RAGE
    r"flair|dark.?fluid|(?<![a-z])(stir|swi|tof|dwi|dti|bold|epi|mra|perf)(?![a-z])|angio|rho"
    r"|inv.?[12](?!\d)|(?<![a-z])uni(?!.?den)(?![a-z])|t1.?map|t1_images"
)
# MP2RAGE without the noise in its air: made of two images, and the one to take
DENOISED = re.compile(r"(?<![a-z])uni.?den")
SCOUT = re.compile(r"localizer|localiser|scout|survey|(?<![a-z])loc(?![a-z])")
AGENT = re.compile(r"(?<![a-z])(gd|gad\w*|km|post|ce|contrast|kontrast)(?![a-z])|\+ ?c(?![a-z])")
# ImageType's words for what is made from other images, or shows the head's phase, quantity or projection
MADE = {
    *("DERIVED", "SECONDARY", "LOCALIZER", "PROJECTION IMAGE", "MPR", "MIP", "MINIP"),
    *("P", "PHASE", "PHASE MAP", "T1 MAP"),
}
UNDISTORTED = {"DIS2D", "DIS3D"}
REMEDY = "give the T1 as NIfTI, or a folder with its series alone (`t1`)"
SHORT_ECHO_S, SHORT_REPETITION_S = 0.010, 0.050  # of a gradient echo that weighs by T1


@dataclass(frozen=True)
class Series:
    """One image of a folder.

    Parameters
    ----------
    image : Path
        NIfTI.
    number : int
        The scanner's.
    title : str
        As the scanner names it; "" where that might tell who the patient is.
    shape : tuple of int
    voxel_mm : tuple of float
    t1_weighted : bool
        By its name, or where that does not say by its times.
    derived : bool
        Whether it is a localizer, or was made from other images.
    with_gaps : bool
        Whether its slices are not evenly spaced, as where one is missing.
    with_agent : bool
        Whether a contrast agent was given.
    normalised, undistorted : bool
        Whether the scanner made its brightness even, and corrected the distortion by its gradients.
    """

    image: Path
    number: int
    title: str
    shape: tuple[int, ...]
    voxel_mm: tuple[float, ...]
    t1_weighted: bool = False
    derived: bool = False
    with_gaps: bool = False
    with_agent: bool = False
    normalised: bool = False
    undistorted: bool = False

    @property
    def whole_head(self) -> bool:
        """Whether it is one volume, of voxels that are fine enough and of a head's size."""
        if len(self.shape) != 3 or max(self.voxel_mm) > FINE_MM + ROUNDING_MM:
            return False
        return all(n * mm >= LEAST_MM for n, mm in zip(self.shape, self.voxel_mm, strict=True))

    @property
    def may_be_t1(self) -> bool:
        """Whether a head can be made from it."""
        return self.whole_head and not self.with_gaps

    @property
    def called(self) -> str:
        """Number and title."""
        return f"{self.number} ({self.title})" if self.title else f"{self.number}"

    @property
    def size(self) -> str:
        """Voxels, and their size."""
        voxels = " × ".join(map(str, self.shape))
        return f"{voxels} voxels of {' × '.join(f'{each:.2g}' for each in self.voxel_mm)} mm"

    @property
    def words(self) -> str:
        """In a line: name, voxels, their size."""
        name = self.title or f"series {self.number}"
        return f"{name}: {self.size}" + ("" if self.may_be_t1 else " (no T1 of a whole head)")


@dataclass(frozen=True)
class Rule:
    """How one series is told from another; those with the least ``rank`` stay, and what must be has the rank 0.

    Parameters
    ----------
    words : str
        What it asks for.
    rank : callable
    """

    words: str
    rank: Callable[[Series], float]


MUST = (
    Rule(
        f"a whole head, voxels up to {FINE_MM} mm, {LEAST_MM:.0f} mm or more each way", lambda each: not each.whole_head
    ),
    Rule("complete, no slice missing", lambda each: each.with_gaps),
    Rule("measured, not made from other images, and no localizer", lambda each: each.derived),
    Rule("T1-weighted by its name or its times", lambda each: not each.t1_weighted),
)
OF_ANY = 2  # the first of them hold also for a series that is alone
RATHER = (
    Rule("without contrast agent", lambda each: each.with_agent),
    Rule("normalised by the scanner (NORM)", lambda each: not each.normalised),
    Rule("corrected for distortion by the scanner (DIS3D, DIS2D)", lambda each: not each.undistorted),
    Rule("the finest voxels", lambda each: round(math.prod(each.voxel_mm), 2)),
    Rule("the first of what is alike", lambda each: each.number),
)


@dataclass(frozen=True)
class Choice:
    """The series that is taken as the T1.

    Parameters
    ----------
    series : Series
    told : tuple of str
        A line for each rule that left others out, and one for what is taken.
    doubts : tuple of str
        What speaks against it.
    """

    series: Series
    told: tuple[str, ...]
    doubts: tuple[str, ...] = ()


def choose_t1(found: Sequence[Series]) -> Choice:
    """The T1 among a session's series by the rules; a series that is alone is somebody's choice, and only doubted.

    Parameters
    ----------
    found : sequence of Series
        One or more.

    Raises
    ------
    InputError
        If none is left, or the rules cannot tell two apart; the line names the series.

    Examples
    --------
    >>> fine = {"shape": (176, 256, 256), "voxel_mm": (1.0, 1.0, 1.0)}
    >>> t1 = Series(Path("2.nii.gz"), 2, "t1_mprage", t1_weighted=True, **fine)
    >>> t2 = Series(Path("3.nii.gz"), 3, "t2_space", **fine)
    >>> for line in choose_t1([t1, t2]).told:
    ...     print(line)
    T1-weighted by its name or its times: not series 3 (t2_space)
    taken as the T1: series 2 (t1_mprage), 176 × 256 × 256 voxels of 1 × 1 × 1 mm
    """
    alone = len(found) == 1
    left, told = list(found), []
    for rule in MUST[:OF_ANY] if alone else MUST:
        out = [each for each in left if rule.rank(each)]
        left = [each for each in left if not rule.rank(each)]
        told += _left_out(rule, out)
    if not left:
        raise InputError(f"the folder of DICOM holds no T1 of a whole head ({'; '.join(told)}): {REMEDY}")
    alike: list[Series] = []
    for rule in RATHER:
        least = min(map(rule.rank, left))
        out, alike = [each for each in left if rule.rank(each) != least], left
        left = [each for each in left if rule.rank(each) == least]
        told += _left_out(rule, out)
    if len(left) > 1:
        each = " and ".join(f"series {each.called}, {each.size}" for each in left)
        raise InputError(f"the rules for the T1 in a folder of DICOM do not tell {each} apart: {REMEDY}")
    taken = left[0]
    told.append(f"taken as the T1: series {taken.called}, {taken.size}")
    return Choice(taken, tuple(told), tuple(_doubts(taken, alone, alike)))


@dataclass(frozen=True, eq=False)
class ScanT1:
    """The T1 of a scanner's folder, as a file that is there while this object is.

    Parameters
    ----------
    image : Path
        NIfTI, without a word on the patient.
    told, doubts : tuple of str
        As in :class:`Choice`.
    """

    image: Path
    told: tuple[str, ...]
    doubts: tuple[str, ...] = ()

    @classmethod
    def of(cls, scan: Path) -> ScanT1:
        """Convert a folder of DICOM and choose its T1; of a DICOM file the folder it is in.

        Raises
        ------
        InputError
            If it cannot be converted, or no series is the T1.
        WriteError
            If the temporary folder is full.
        """
        home = Path(tempfile.mkdtemp(prefix="target-dicom-"))
        try:
            into = home / "series"
            into.mkdir()
            choice = choose_t1(series_in(scan.parent if scan.is_file() else scan, into))
            made = cls(keep(choice.series, home / T1_NAME), choice.told, choice.doubts)
            shutil.rmtree(into)
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        weakref.finalize(made, _remove, home, os.getpid())
        return made


def holds_dicom(path: Path) -> bool:
    """Whether a file is DICOM, or one of the first files of a folder and of those in it."""
    if path.is_file():
        return is_dicom(path)
    files = (each for each in path.rglob("*") if each.is_file())
    return any(is_dicom(each) for each in islice(files, LOOKED_AT))


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
        If dcm2niix is not there or cannot convert it, nothing in it is an image, or it holds scans of several people.
    """
    command = [converter(), "-g", "i", "-b", "y", "-ba", "y", "-z", "n", "-f", "%s", "-o", str(into), str(folder)]
    try:
        subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(
            f"dcm2niix took more than {LIMIT_S / 60:.0f} minutes with {folder}; convert it yourself"
        ) from None
    files = ScannedFiles(tuple(headers_in(folder)))
    if files.people > 1:
        raise InputError(f"{folder} holds scans of {files.people} people; give a folder of one of them")
    found = list(_images(into, files))
    if not found:
        raise InputError(f"dcm2niix finds no image in {folder}; give the T1 as NIfTI instead")
    return sorted(found, key=lambda each: [rule.rank(each) for rule in (*MUST, *RATHER)])


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
        raise InputError("DICOM needs dcm2niix: pip install dcm2niix, or give the T1 as NIfTI (.nii.gz) instead")
    return on_path


def keep(series: Series, file: Path) -> Path:
    """Pack a series' image to where it is to stay; the same image that is there already is taken as it is.

    Raises
    ------
    InputError
        If another file is there.
    WriteError
        If it cannot be written.
    """
    content = _packed(series.image)
    if file.exists():
        if file.read_bytes() != content:
            raise InputError(f"{file} is another image already; take another name for the subject")
        return file
    with written_whole(file) as temporary:
        temporary.write_bytes(content)
    return file


def _left_out(rule: Rule, out: Sequence[Series]) -> list[str]:
    called = (each.called for each in sorted(out, key=lambda each: each.number))
    return [f"{rule.words}: not series {', '.join(called)}"] if out else []


def _doubts(taken: Series, alone: bool, alike: Sequence[Series]) -> Iterator[str]:
    """What speaks against a choice; ``alike``: those that only their numbers told apart."""
    name = f"series {taken.called}"
    if alone:
        against = [rule.words for rule in MUST[OF_ANY:] if rule.rank(taken)]
        if against:
            yield f"{name} is taken as the T1 since it is alone in the folder, though it does not look it: {'; '.join(against)}"
    if taken.with_agent:
        yield f"{name} was measured with a contrast agent; a T1 without is better"
    others = [each.called for each in alike if each is not taken]
    if others:
        yield (
            f"{name} is alike to series {', '.join(others)} and was measured first; if it was repeated because the head "
            "moved, give a folder with the better series alone (`t1`)"
        )


def _images(folder: Path, files: ScannedFiles) -> Iterator[Series]:
    """The images that dcm2niix left in a folder, each cleared of its texts and without what stood beside it."""
    paths = sorted(folder.rglob(f"*{SUFFIX}"))
    names = {path: path.name.removesuffix(SUFFIX) for path in paths}
    evened = {EVENED.sub("", name) for name in names.values() if EVENED.search(name)}
    for path, name in names.items():
        if EVENED.search(name):
            continue
        beside = path.with_name(f"{name}.json")
        known = _known(beside)
        _clear_texts(path)
        header = nib.load(path).header
        number = _number(known, name)
        title = str(known.get("SeriesDescription") or known.get("ProtocolName") or "")
        small = title.casefold()
        kinds = {str(each).upper() for each in known.get("ImageType", ())}
        yield Series(
            image=path,
            number=number,
            title=files.told(title, number),
            shape=tuple(int(each) for each in header.get_data_shape()),  # type: ignore[attr-defined,unused-ignore]
            voxel_mm=tuple(float(each) for each in header.get_zooms()[:3]),  # type: ignore[attr-defined,unused-ignore]
            t1_weighted=_t1_weighted(small, known),
            derived=bool(SCOUT.search(small)) or (bool(kinds & MADE) and not DENOISED.search(small)),
            with_gaps=name in evened or not known or number in files.with_gaps,
            with_agent=bool(AGENT.search(small)) or number in files.with_agent,
            normalised="NORM" in kinds,
            undistorted=bool(kinds & UNDISTORTED),
        )
    for beside in folder.rglob("*.json"):
        beside.unlink()


def _known(beside: Path) -> dict[str, Any]:
    """What dcm2niix wrote beside an image; nothing where it broke off."""
    with suppress(OSError, ValueError):
        known = json.loads(beside.read_text(encoding="utf-8", errors="replace"))
        if isinstance(known, dict):
            return known
    return {}


def _number(known: dict[str, Any], name: str) -> int:
    """The series' number: as it stands beside the image, else in its name."""
    number = known.get("SeriesNumber")
    if isinstance(number, int):
        return number
    found = re.match(r"\d+", name)
    return int(found[0]) if found else 0


def _t1_weighted(name: str, known: dict[str, Any]) -> bool:
    """Whether an image is weighted by T1: by its name in small letters, else by the sequence and its times (seconds).

    Examples
    --------
    >>> [_t1_weighted(name, {}) for name in ("t1_mprage_sag", "st1w_3d_tfe", "t2_space_sag", "t1_mp2rage_inv1", "rest1")]
    [True, True, False, False, False]
    >>> _t1_weighted("head", {"ScanningSequence": "GR_IR", "MRAcquisitionType": "3D", "InversionTime": 0.9})
    True
    """
    if NOT_PLAIN.search(name) or SCOUT.search(name):
        return False
    if SAYS_T1.search(name) or SAYS_T2.search(name):
        return not SAYS_T2.search(name)
    if T1_SEQUENCES.search(name) or T2_SEQUENCES.search(name):
        return not T2_SEQUENCES.search(name)
    if "GR" not in str(known.get("ScanningSequence", "")) or known.get("MRAcquisitionType") != "3D":
        return False
    if "InversionTime" in known:
        return True
    echo_s, repetition_s = float(known.get("EchoTime", math.inf)), float(known.get("RepetitionTime", math.inf))
    return echo_s <= SHORT_ECHO_S and repetition_s <= SHORT_REPETITION_S


def _clear_texts(path: Path) -> None:
    """Clear the texts in a NIfTI file's header, and whatever stands between it and the voxels, or behind them.

    Raises
    ------
    InputError
        If the image is not whole.
    """
    kind = type(nib.load(path).header)
    with path.open("r+b") as file:
        header = kind.from_fileobj(file)
        begin = int(header["vox_offset"])
        end = begin + math.prod(header.get_data_shape()) * header.get_data_dtype().itemsize
        if path.stat().st_size < end:
            raise InputError("dcm2niix did not write a whole image; check the free space of the temporary folder")
        for text in set(TEXTS) & set(header.keys()):
            header[text] = b""
        file.seek(0)
        file.write(header.binaryblock + bytes(begin - kind.sizeof_hdr))
        file.truncate(end)


def _packed(image: Path) -> bytes:
    """A file's content packed with gzip: of the same image always the same bytes."""
    return gzip.compress(image.read_bytes(), PACKING, mtime=0)


def _remove(home: Path, owner: int) -> None:
    """Remove a folder, but not from a process that was forked."""
    if os.getpid() == owner:
        shutil.rmtree(home, ignore_errors=True)
