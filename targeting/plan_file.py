"""Plan: the answer, as it is written to ``plan.json`` and read by the report, the exports and the viewer.

``plan.schema.json`` beside this file (JSON Schema 2020-12) describes every field and its unit.  The reader accepts what
the schema accepts and checks what a schema cannot say: poses are rigid, ranks run 1, 2, 3 … with falling dose.
Every field is always written; what is not known is null, and a number that is not finite is never written.
"""

from __future__ import annotations

import json
import sys
import types
import typing
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from meshes.errors import InputError
from meshes.whole_files import written_whole
from targeting.plan_dosing import PlanDosing, check_dosing
from targeting.pose import Pose

SCHEMA_VERSION = "1.2"


@dataclass(frozen=True)
class Frame:
    """The world frame of every coordinate in the plan: RAS mm of one image, known by its hash."""

    name: str  # "RAS mm of T1"
    image: str  # file name, no path
    sha256: str
    affine: list[list[float]]  # voxel → RAS mm of the image
    shape: list[int]


@dataclass(frozen=True)
class PlanTarget:
    """What the plan is for; ``asked_mm`` is the point before snapping to grey matter."""

    name: str
    side: str
    center_mm: list[float]
    radius_mm: float
    snapped_mm: float
    source: str
    asked_mm: list[float]
    mni_mm: list[float] | None
    volume_mm3: float


@dataclass(frozen=True)
class PlanCoil:
    """The coil the poses are for."""

    name: str
    max_didt_a_per_s: float | None
    source: str
    current_direction_y: int


@dataclass(frozen=True)
class Placement:
    """One ranked coil pose and its dose at 1 A/µs (dI/dt = 1e6 A/s)."""

    rank: int
    pose: list[list[float]]  # coil → world, mm; +z into the head, +y away from the handle
    scalp_mm: list[float]  # scalp point under the coil centre
    angle_deg: float  # of the induced current direction in the scalp's tangent plane
    angle_from: str  # what angle_deg is measured from, in words
    distance_mm: float  # smallest casing-to-scalp distance
    dose_v_per_m: float  # |volume-weighted mean E vector| over the target, or its component along ``direction``
    max_e_v_per_m: float  # in the target
    peak_e_v_per_m: float  # in grey matter anywhere
    peak_mm: list[float]
    direct_dose_v_per_m: float | None = None  # first placement only: from a direct forward solve
    direct_mean_e_v_per_m: float | None = None  # first placement only: volume-weighted mean of |E|


@dataclass(frozen=True)
class PlanUncertainty:
    """What published ranges of conductivity make of placement 1; doses at 1 A/µs."""

    dose_low_v_per_m: float  # 5th percentile
    dose_median_v_per_m: float
    dose_high_v_per_m: float  # 95th percentile
    best_pose_shift_mm: float  # 95 % of the draws have their best pose within this distance ...
    best_pose_turn_deg: float  # ... and this turn of the planned one ...
    dose_lost_share: float  # ... and lose no more of their dose than this by keeping the planned one
    shares: dict[str, float]  # tissue → main effect on the dose's variance
    ranges_s_per_m: dict[str, list[float]]
    distribution: str
    sources: list[str]
    draws: int


@dataclass(frozen=True)
class PlanRobustness:
    """What placement errors make of placement 1, and the pose that minds them least; doses at 1 A/µs."""

    shift_mm: float  # errors: the coil shifted along the scalp by up to this, ...
    turn_deg: float  # ... turned by up to this ...
    tilt_deg: float  # ... and tilted by up to this, the casing kept at its distance
    worst_v_per_m: float  # the dose that 95 % of the errors exceed
    mean_v_per_m: float
    within_mm: float  # moved by less than this, its current kept in direction, the coil keeps 90 % of the dose
    turn_clockwise_deg: float  # turned by less than this, too; seen from outside the head
    turn_counter_clockwise_deg: float
    robust_pose: list[list[float]]  # coil → world, mm: the pose with the largest worst case
    robust_scalp_mm: list[float]
    robust_dose_v_per_m: float
    robust_worst_v_per_m: float


@dataclass(frozen=True)
class Plan:
    """A plan for one target and one coil."""

    subject: str
    frame: Frame
    target: PlanTarget
    coil: PlanCoil
    placements: list[Placement]
    objective: str  # what dose_v_per_m is, in words
    search: dict[str, float | int | str]  # poses tried, steps, hair_mm
    warnings: list[str]
    versions: dict[str, str]
    seconds: dict[str, float]
    conductivity_s_per_m: dict[str, float] = field(default_factory=dict)
    uncertainty: PlanUncertainty | None = None
    robustness: PlanRobustness | None = None
    dosing: PlanDosing | None = None
    schema_version: str = SCHEMA_VERSION
    modality: str = "tms"
    created: str = ""  # ISO 8601, UTC


def schema() -> dict[str, Any]:
    """The JSON Schema of ``plan.json``.

    Examples
    --------
    >>> from targeting.plan_file import schema
    >>> schema()["properties"]["modality"]["const"]
    'tms'
    """
    text = resources.files("targeting").joinpath("plan.schema.json").read_text(encoding="utf-8")
    return json.loads(text)


def to_dict(plan: Plan) -> dict[str, Any]:
    """The plan as ``plan.json`` holds it: plain dicts, lists, numbers and text.

    Raises
    ------
    ValueError
        If the plan is not one that :func:`from_dict` accepts, for example because a number is not finite.
    """
    document = _plain(plan)
    try:
        from_dict(document)
    except InputError as error:  # our own plan: not the user's mistake
        raise ValueError(f"this plan cannot be written: {error}") from error
    return document


def from_dict(document: object) -> Plan:
    """The plan that a parsed ``plan.json`` holds.

    Raises
    ------
    InputError
        If a field is missing, unknown or of the wrong kind, a number is not finite, or a pose is not rigid.
    """
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, str) and version != SCHEMA_VERSION:
        raise InputError(f"it is of version {version!r} and this program reads {SCHEMA_VERSION!r}: make the plan again")
    plan: Plan = _read(Plan, document, "")
    _check(plan)
    return plan


def write_plan(path: str | Path, plan: Plan) -> None:
    """Write ``plan.json``; an existing file is replaced only when the new one is complete.

    Raises
    ------
    InputError
        If the file cannot be written.
    ValueError
        If the plan is not valid (:func:`to_dict`).
    """
    text = json.dumps(to_dict(plan), indent=1, ensure_ascii=False, allow_nan=False)
    with written_whole(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_plan(path: str | Path) -> Plan:
    """Read ``plan.json``.

    Raises
    ------
    InputError
        If the file is missing, is not JSON, or is not a plan; the message names the field.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise InputError(f"there is no plan at {path}: run `target plan` first") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # bad UTF-8 and bad JSON are ValueErrors
        raise InputError(f"{path} is not a plan: it is not JSON ({_one_line(error)}); make the plan again") from None
    try:
        return from_dict(document)
    except InputError as error:
        raise InputError(f"{path} cannot be used: {error}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _plain(value: Any) -> Any:
    """Dataclasses, tuples and numpy values as JSON's own kinds."""
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value


def _read(kind: Any, value: Any, where: str) -> Any:
    """``value`` as the annotated ``kind``, or an InputError that names the field."""
    if is_dataclass(kind):
        return _read_record(kind, value, where)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        return [_read(inner[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        return {key: _read(inner[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin in (types.UnionType, typing.Union):
        return _read_union(inner, value, where)
    if kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(where, "a number", value)
        if not abs(value) <= sys.float_info.max:  # JSON's 1e999 reads as inf
            raise InputError(f"{where} is not a finite number")
        return float(value)
    if kind is int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
            raise _wrong(where, "a whole number", value)
        return int(value)
    if not isinstance(value, str):
        raise _wrong(where, "text", value)
    return value


def _read_record(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(where or "the document", "an object", value)
    hints = typing.get_type_hints(kind)
    prefix = f"{where}." if where else ""
    for name in hints:
        if name not in value:
            raise InputError(f"{prefix}{name} is missing")
    for name in value:
        if name not in hints:
            raise InputError(f"{prefix}{name} is not a field of a plan of version {SCHEMA_VERSION}")
    return kind(**{name: _read(hint, value[name], f"{prefix}{name}") for name, hint in hints.items()})


def _read_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    if str in kinds and isinstance(value, str):
        return value
    if int in kinds and isinstance(value, int) and not isinstance(value, bool):
        return value
    return _read(next(kind for kind in kinds if kind not in (str, int, type(None))), value, where)


def _wrong(where: str, expected: str, value: Any) -> InputError:
    return InputError(f"{where} must be {expected}, not {json.dumps(value, default=repr)[:40]}")


def _check(plan: Plan) -> None:
    """What the annotations cannot say."""
    target, coil = plan.target, plan.coil
    _require(plan.modality == "tms", f"modality must be 'tms', not {plan.modality!r}")
    _require(plan.subject != "", "subject is empty")
    _require(len(plan.frame.shape) == 3 and min(plan.frame.shape) > 0, "frame.shape must be three positive numbers")
    _check_matrix(plan.frame.affine, "frame.affine")
    _require(target.side in ("left", "right", ""), f"target.side must be left, right or '', not {target.side!r}")
    _check_point(target.center_mm, "target.center_mm")
    _check_point(target.asked_mm, "target.asked_mm")
    if target.mni_mm is not None:
        _check_point(target.mni_mm, "target.mni_mm")
    _require(target.radius_mm > 0, "target.radius_mm must be positive")
    _require(min(target.snapped_mm, target.volume_mm3) >= 0, "target: snapped_mm and volume_mm3 must be ≥ 0")
    if coil.max_didt_a_per_s is not None:
        _require(coil.max_didt_a_per_s > 0, "coil.max_didt_a_per_s must be positive or null")
    _require(coil.current_direction_y in (-1, 0, 1), "coil.current_direction_y must be -1, 0 or 1")
    _require(min(plan.seconds.values(), default=0) >= 0, "seconds must be ≥ 0")
    _require(min(plan.conductivity_s_per_m.values(), default=0) >= 0, "conductivity_s_per_m must be ≥ 0")
    _require(len(plan.placements) > 0, "there is no placement in it")
    if plan.uncertainty is not None:
        _check_uncertainty(plan.uncertainty)
    if plan.robustness is not None:
        _check_robustness(plan.robustness)
    if plan.dosing is not None:
        check_dosing(plan.dosing)
    for i, placement in enumerate(plan.placements):
        _check_placement(placement, i)
    doses = [placement.dose_v_per_m for placement in plan.placements]
    _require(doses == sorted(doses, reverse=True), "placements are not ranked by falling dose_v_per_m")


def _check_robustness(robustness: PlanRobustness) -> None:
    _check_matrix(robustness.robust_pose, "robustness.robust_pose")
    _check_point(robustness.robust_scalp_mm, "robustness.robust_scalp_mm")
    sizes = (robustness.within_mm, robustness.turn_clockwise_deg, robustness.turn_counter_clockwise_deg)
    _require(min(sizes) >= 0, "robustness: within_mm or a turn is negative")
    _require(
        robustness.robust_worst_v_per_m >= robustness.worst_v_per_m,
        "robustness: the robust pose's worst case must not be below the planned one's",
    )


def _check_uncertainty(uncertainty: PlanUncertainty) -> None:
    interval = [uncertainty.dose_low_v_per_m, uncertainty.dose_median_v_per_m, uncertainty.dose_high_v_per_m]
    _require(interval == sorted(interval), "uncertainty: the doses low, median and high must not fall")
    sizes = (uncertainty.best_pose_shift_mm, uncertainty.best_pose_turn_deg, uncertainty.dose_lost_share)
    _require(min(sizes) >= 0, "uncertainty: a shift, a turn or a lost share is negative")
    for tissue, limits in uncertainty.ranges_s_per_m.items():
        _require(
            len(limits) == 2 and 0 < limits[0] <= limits[1],
            f"uncertainty.ranges_s_per_m.{tissue} must be two positive numbers, the smaller one first",
        )


def _check_placement(placement: Placement, i: int) -> None:
    where = f"placements[{i}]"
    _require(placement.rank == i + 1, f"{where}.rank must be {i + 1}, not {placement.rank}")
    _check_point(placement.scalp_mm, f"{where}.scalp_mm")
    _check_point(placement.peak_mm, f"{where}.peak_mm")
    _require(min(placement.max_e_v_per_m, placement.peak_e_v_per_m) >= 0, f"{where}: a field strength is negative")
    _check_matrix(placement.pose, f"{where}.pose")
    try:
        Pose(np.array(placement.pose))
    except InputError as error:
        raise InputError(f"{where}.pose: {error}") from None


def _check_point(point: list[float], where: str) -> None:
    _require(len(point) == 3, f"{where} must be three numbers")


def _check_matrix(matrix: list[list[float]], where: str) -> None:
    _require([len(row) for row in matrix] == [4] * 4, f"{where} must be 4 × 4 numbers")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InputError(message)
