"""A measured motor hotspot, as a map of a muscle leaves it in ``mapping.json``, and whether a plan may take it.

``target map`` writes the file (:mod:`targeting.mapping`); a plan is given it in place of a point: ``--hotspot mapping.json``.
The hotspot is in RAS mm of one image, its threshold of one coil; a plan in another head or with another coil is refused, and so
is a map that found no hotspot.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from meshes.errors import InputError
from targeting.records.json_records import read_json
from targeting.study.head_stages import HEAD_FILE, FrameImage
from targeting.subject import Subject, sha256

if TYPE_CHECKING:
    from targeting.study.head_source import HeadSource
    from targeting.study.request import Point

VERSION = "1.0"


@dataclass(frozen=True)
class Within:
    """A number and the ends of its interval of 95 %."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Within:
        """The same in another unit."""
        return Within(self.value * factor, self.low * factor, self.high * factor)

    @property
    def words(self) -> str:
        """In words, without decimals.

        Examples
        --------
        >>> Within(52.3, 48.1, 57.0).words
        '52 (95 %: 48 to 57)'
        """
        return f"{self.value:.0f} (95 %: {self.low:.0f} to {self.high:.0f})"


@dataclass(frozen=True, kw_only=True)
class MeasuredHotspot:
    """The result of mapping a muscle.

    Parameters
    ----------
    version : str
        Of this format.
    subject, image, image_sha256 : str
        Whose head, and the image whose RAS mm the places are in.
    coil, coil_sha256 : str
    muscle : {"hand", "leg", "face"}
    side : {"left", "right"}
    session, emg : str
        Files, without their folders; "" without a table.
    session_sha256 : str
    pulses, responses : int
        That counted; of these those of 50 µV and more.
    found : bool
    faults : list of str
        Why no hotspot is given; empty where one is.
    more_pulses : int or None
        About how many more would do; None where none are needed, or more of the same kind do not help.
    hotspot_mm : list of float
        The likeliest place, RAS mm; to be used only where ``found``.
    expected_off_mm, radius_mm, region_cm2 : float
        Mean distance of the truth from it; radius of the ball that holds 95 % of the probability; area of cortex that does.
    areas : dict of str to float
        Probability by area of HCP-MMP 1.0, the largest first; empty where the folds are not known.
    curve : {"sigmoid", "linear"}
    quantities : dict of str to float
        Probability of each quantity of the field.
    r2, chance_r2 : float
        Of the best place, and what shuffled responses reach in 99 of 100.
    threshold_v_per_m : Within or None
        The likely quantity of the field at the hotspot at which half of the responses are above 50 µV.
    rmt_percent : Within or None
        The output at which the best pose makes that field, % of the maximum; None where that is not known.
    max_didt_a_per_s : float or None
        dI/dt at full output.
    best_pose : list of list of float or None
        Coil → RAS mm.
    current_toward : list of float or None
        The direction of the current that the muscle prefers, RAS; None where the responses do not tell it.
    handle_deg : float or None
        The best pose's handle to the midline, positive outwards, where the direction is told.
    next_poses : list of matrices
        Coil → RAS mm: where further pulses would tell most.
    left_out, warnings : list of str
    """

    version: str = VERSION
    subject: str
    image: str
    image_sha256: str
    coil: str
    coil_sha256: str
    muscle: str
    side: str
    session: str
    session_sha256: str
    emg: str
    pulses: int
    responses: int
    found: bool
    faults: list[str]
    more_pulses: int | None
    hotspot_mm: list[float]
    expected_off_mm: float
    radius_mm: float
    region_cm2: float
    areas: dict[str, float]
    curve: str
    quantities: dict[str, float]
    r2: float
    chance_r2: float
    threshold_v_per_m: Within | None
    rmt_percent: Within | None
    max_didt_a_per_s: float | None
    best_pose: list[list[float]] | None
    current_toward: list[float] | None
    handle_deg: float | None
    next_poses: list[list[list[float]]]
    left_out: list[str]
    warnings: list[str]

    @property
    def target(self) -> str:
        """The named target that is this muscle's."""
        return f"m1-{self.muscle}"

    @property
    def point_mm(self) -> Point:
        """The hotspot, to a tenth of a millimetre."""
        x, y, z = (round(each, 1) for each in self.hotspot_mm)
        return x, y, z

    @property
    def quantity(self) -> str:
        """The quantity of the field that is most likely what the muscle's neurons answer to."""
        return max(self.quantities, key=lambda name: self.quantities[name])

    @property
    def remedy(self) -> str:
        """What to do where no hotspot was found."""
        where = "at the poses that the map suggests"
        return f"about {self.more_pulses} more pulses are needed, {where}" if self.more_pulses else f"map again {where}"


def read_hotspot(path: Path) -> MeasuredHotspot:
    """Read a map's file.

    Raises
    ------
    InputError
        If it is missing, or no map.
    """
    document = read_json(path, "a map of a muscle", f"there is no {path}; make it with 'target map'")
    try:
        found = msgspec.convert(document, MeasuredHotspot)
    except msgspec.ValidationError as error:
        raise InputError(
            f"{path} is no map of a muscle ({error}); give the mapping.json that 'target map' wrote"
        ) from None
    if found.version.split(".")[0] != VERSION.split(".")[0]:
        raise InputError(f"{path} is of version {found.version}, this program reads {VERSION}; map again")
    return found


def hotspot_for(path: Path, subject: Subject, source: HeadSource) -> MeasuredHotspot:
    """The hotspot of a map, if a plan in this head may take it.

    Parameters
    ----------
    path : Path
    subject : Subject
    source : HeadSource
        Of the plan's head, where that is not made yet.

    Raises
    ------
    InputError
        If it is no map, one of another head, or one that found no hotspot.
    """
    found = read_hotspot(path)
    here = _image_sha256(subject, source)
    if here != found.image_sha256:
        raise InputError(
            f"{path.name} is of another head: its places are in RAS mm of {found.image} of {found.subject}, and this plan's "
            f"are not; map {subject.name}, or give a point `hotspot_mm=x,y,z`"
        )
    if not found.found:
        raise InputError(f"{path.name} found no hotspot: {'; '.join(found.faults)}; {found.remedy}")
    return found


def hotspot_point(given: Point | str | Path | None, aim: str, subject: Subject, source: HeadSource) -> Point | None:
    """The hotspot of a plan that takes no more from a map than the place: a point as it is given, or a map's.

    Parameters
    ----------
    given : (3,) float or path, optional
    aim : str
        The plan's target.
    subject : Subject
    source : HeadSource
        Of the plan's head.

    Raises
    ------
    InputError
        As :func:`hotspot_for`; also if the plan's target is not the muscle's M1.
    """
    if not isinstance(given, str | Path):
        return given
    found = hotspot_for(Path(given), subject, source)
    if aim != found.target:
        raise InputError(
            f"{Path(given).name} is a map of the {found.muscle}, and the target is {aim}: leave out `hotspot_mm`"
        )
    return found.point_mm


def _image_sha256(subject: Subject, source: HeadSource) -> str:
    """Of the image that the head's millimetres are of; "" where it has none."""
    if (subject.folder / HEAD_FILE).is_file():
        return FrameImage.kept_in(subject.folder).sha256
    first = next(iter(source.images.values() or source.files.values()), None)
    return sha256(first) if first is not None and first.is_file() else ""
