"""The later stages of the road: the target, its dose map, the search over poses, and the direct solve of the best."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlases.aim import AimedTarget
from atlases.target import Target
from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue
from targeting.coils.coil import Coil
from targeting.coils.fingerprint import fingerprint
from targeting.engines.protocol import Engine
from targeting.pose import Pose
from targeting.requests.aim import Aim, Direction
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from atlases.registration import MniWarp
    from targeting.fem import HeadConductor
    from targeting.requests.conduction import Anisotropy
    from targeting.stages.objective import Wanted
    from targeting.tms import DoseMap, TmsSearch
    from targeting.tms.field import TmsField

REFERENCE_DIDT_A_PER_S = 1e6  # 1 A/µs: every dose in a plan is per this
PLACEMENTS = 5


@dataclass(frozen=True)
class Confirmed:
    """The direct solves of the search's k poses at 1 A/µs; ``e_v_per_m`` (M, 3) is the first one's field."""

    e_v_per_m: NDArray[np.float32]
    direct_dose_v_per_m: NDArray[np.float64]  # (k,)
    direct_mean_e_v_per_m: NDArray[np.float64]  # (k,) volume-weighted mean of |E| over the target
    max_e_v_per_m: NDArray[np.float64]  # (k,) in the target
    peak_e_v_per_m: NDArray[np.float64]  # (k,) in grey matter anywhere
    peak_mm: NDArray[np.float64]  # (k, 3)


def target_stage(aim: Aim, meshed: Done[HeadMesh], registered: Done[MniWarp] | None) -> Stage[AimedTarget]:
    """Stage "target": the aim in the subject's own grey matter."""

    def make(room: Path) -> AimedTarget:
        from atlases.aim import resolve_target

        aimed = resolve_target(
            aim.name,
            aim.side,
            meshed.value,
            registered.value if registered else None,
            radius_mm=aim.radius_mm,
            hotspot_mm=aim.hotspot_mm,
        )
        save_target(room / "target.npz", aimed)
        return aimed

    return Stage(
        "target",
        1,
        make,
        lambda folder: load_target(folder / "target.npz"),
        files={"mask": aim.mask} if aim.mask else {},
        parameters={**asdict(aim), "name": "mask" if aim.mask else aim.name, "entry": aim.entry},
        after=[meshed, registered] if registered else [meshed],
    )


def dose_map_stage(
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    conductivity_s_per_m: Mapping[str, float],
    conductor: Callable[[], HeadConductor],
    anisotropy: Anisotropy | None = None,
) -> Stage[DoseMap]:
    """Stage "dosemap": the reciprocal field of the target everywhere outside the head (three solves)."""

    def make(room: Path) -> DoseMap:
        from targeting.tms import DoseMap

        dose_map = DoseMap.build(conductor(), aimed.value.target)
        dose_map.save(room / "dosemap.npz")
        return dose_map

    def load(folder: Path) -> DoseMap:
        from targeting.tms import DoseMap

        return DoseMap.load(folder / "dosemap.npz")

    parameters: dict[str, Any] = {"conductivity_s_per_m": dict(conductivity_s_per_m)}
    parameters |= anisotropy.parameters if anisotropy else {}
    files = anisotropy.files if anisotropy else {}
    return Stage("dosemap", 2, make, load, files=files, parameters=parameters, after=[meshed, aimed])


def search_stage(
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    mapped: Done[DoseMap],
    coil: Coil,
    coil_file: Path | None,
    hair_mm: float,
    direction: Direction,
    cortex: Done[Cortex] | None = None,
    tilt_deg: float = 0.0,
    extra_mm: float = 0.0,
    wanted: Wanted | None = None,
) -> Stage[TmsSearch]:
    """Stage "search": every pose of the coil on the scalp, ranked by dose, or by what else is wanted.

    The cortex is where the direction "normal" comes from.
    """

    def make(room: Path) -> TmsSearch:
        from targeting.tms import search_tms

        found = search_tms(
            meshed.value,
            aimed.value.target,
            coil,
            hair_mm=hair_mm,
            direction=direction,
            cortex=cortex.value if cortex else None,
            dose_map=mapped.value,
            didt_a_per_s=REFERENCE_DIDT_A_PER_S,
            keep=PLACEMENTS,
            tilt_deg=tilt_deg,
            extra_mm=extra_mm,
            objective=wanted.objective() if wanted else None,
        )
        _save_arrays(room / "search.npz", {each.name: getattr(found, each.name) for each in fields(found)})
        return found

    def load(folder: Path) -> TmsSearch:
        from targeting.tms import TmsSearch

        with np.load(folder / "search.npz", allow_pickle=False) as arrays:
            # numbers and words were kept as arrays of no dimension
            return TmsSearch(**{name: each if each.ndim else each.item() for name, each in arrays.items()})

    return Stage(
        "search",
        3,
        make,
        load,
        files={"coil": coil_file} if coil_file else {},
        parameters={
            "coil": coil.name,
            "coil_sha256": fingerprint(coil),
            "hair_mm": hair_mm,
            "direction": direction,
            "placements": PLACEMENTS,
            "tilt_deg": tilt_deg,
            "extra_mm": extra_mm,
            "objective": wanted.request.numbers if wanted else None,
        },
        after=[meshed, aimed, mapped, *([cortex] if cortex else []), *(wanted.after if wanted else [])],
    )


def confirm_stage(
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    searched: Done[TmsSearch],
    coil: Coil,
    coil_file: Path | None,
    direction: Direction,
    conductivity_s_per_m: Mapping[str, float],
    conductor: Callable[[], HeadConductor],
    engine: Engine,
    cortex: Done[Cortex] | None = None,
    anisotropy: Anisotropy | None = None,
) -> Stage[Confirmed]:
    """Stage "confirm": direct forward solves of the ranked poses by an engine."""

    def make(room: Path) -> Confirmed:
        poses = [Pose(matrix) for matrix in searched.value.poses]
        solved = engine.fields(conductor(), coil, poses, REFERENCE_DIDT_A_PER_S, coil_file)
        confirmed = confirm(meshed.value, aimed.value.target, solved, direction, cortex.value if cortex else None)
        _save_arrays(room / "confirm.npz", vars(confirmed))
        return confirmed

    def load(folder: Path) -> Confirmed:
        with np.load(folder / "confirm.npz", allow_pickle=False) as arrays:
            return Confirmed(**arrays)

    return Stage(
        "confirm",
        2,
        make,
        load,
        files=({"coil": coil_file} if coil_file else {}) | (anisotropy.files if anisotropy else {}),
        parameters={
            "coil": coil.name,
            "coil_sha256": fingerprint(coil),
            "direction": direction,
            "conductivity_s_per_m": dict(conductivity_s_per_m),
            "engine": {"name": engine.name, "version": engine.version},
            **(anisotropy.parameters if anisotropy else {}),
        },
        after=[meshed, aimed, searched, *([cortex] if cortex else [])],
    )


def confirm(
    head: HeadMesh,
    target: Target,
    solved: Sequence[TmsField],
    direction: Direction = None,
    cortex: Cortex | None = None,
) -> Confirmed:
    """Doses of fields at 1 A/µs, as the search counts them."""
    from targeting.tms.direction import direction_vector

    unit = direction_vector(head, target, direction, cortex)
    tets, weight = target.weights(head)
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    rows = []
    first = np.zeros((0, 3), np.float32)
    for rank, field in enumerate(solved):
        e = field.e_v_per_m
        size = np.linalg.norm(e, axis=1)
        peak = grey[np.argmax(size[grey])]
        mean = weight @ e[tets]
        dose = np.linalg.norm(mean) if unit is None else mean @ unit
        rows.append((dose, weight @ size[tets], size[tets].max(), size[peak], head.centroids_mm[peak]))
        if rank == 0:
            first = e.astype(np.float32)
    return Confirmed(first, *(np.array(column) for column in zip(*rows, strict=True)))


def save_target(path: Path, aimed: AimedTarget) -> None:
    """Write a target as :func:`load_target` reads it."""
    target = aimed.target
    arrays = {"center_mm": target.center_mm, "asked_mm": np.asarray(aimed.asked_mm, dtype=np.float64)}
    if target.mask_points_mm is not None:
        arrays["mask_points_mm"] = target.mask_points_mm
    if aimed.mni_mm is not None:
        arrays["mni_mm"] = np.asarray(aimed.mni_mm, dtype=np.float64)
    arrays_of = ("center_mm", "mask_points_mm")
    plain = {each.name: getattr(target, each.name) for each in fields(target) if each.name not in arrays_of}
    about = {"target": plain, "warnings": list(aimed.warnings)}
    _save_arrays(path, {**arrays, "about": json.dumps(about, default=_number)})


def _save_arrays(path: Path, values: Mapping[str, Any]) -> None:
    """Numbers, words and arrays as ``.npz``; numbers and words become arrays of no dimension."""
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in values.items()}
    np.savez(path, **arrays)


def _number(value: np.generic) -> float:
    return value.item()  # what numpy made of a plain number


def load_target(path: Path) -> AimedTarget:
    """The target that stage "target" left in a subject's folder."""
    with np.load(path, allow_pickle=False) as arrays:
        about: dict[str, Any] = json.loads(arrays["about"].item())
        target = Target(center_mm=arrays["center_mm"], mask_points_mm=arrays.get("mask_points_mm"), **about["target"])
        return AimedTarget(target, arrays["asked_mm"], arrays.get("mni_mm"), tuple(about["warnings"]))
