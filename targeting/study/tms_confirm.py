"""Stage "confirm": the ranked poses solved directly, and the doses of those fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atlases.aim import AimedTarget
from atlases.target import Target
from meshes.cortical_surface import Cortex
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue
from targeting.coils.coil import Coil, fingerprint
from targeting.engines.protocol import Engine
from targeting.modality import REFERENCE_DIDT_A_PER_S
from targeting.pose import Pose
from targeting.study.memory_needs import solve_need
from targeting.study.request import Direction
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from targeting.fem import HeadConductor
    from targeting.study.conduction import Conduction
    from targeting.tms import TmsSearch


@dataclass(frozen=True)
class Confirmed:
    """The direct solves of the search's k poses at 1 A/µs in the effective phase; ``e_v_per_m`` (M, 3) is the first's."""

    e_v_per_m: NDArray[np.float32]
    direct_dose_v_per_m: NDArray[np.float64]  # (k,)
    direct_mean_e_v_per_m: NDArray[np.float64]  # (k,) volume-weighted mean of |E| over the target
    max_e_v_per_m: NDArray[np.float64]  # (k,) in the target
    peak_e_v_per_m: NDArray[np.float64]  # (k,) in grey matter anywhere
    peak_mm: NDArray[np.float64]  # (k, 3)


def confirm_stage(
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    searched: Done[TmsSearch],
    coil: Coil,
    coil_file: Path | None,
    direction: Direction,
    conduction: Conduction,
    conductor: Callable[[], HeadConductor],
    engine: Engine,
    cortex: Done[Cortex] | None = None,
) -> Stage[Confirmed]:
    """Stage "confirm": direct forward solves of the ranked poses by an engine."""

    def make(room: Path) -> Confirmed:
        from targeting.tms.direction import direction_vector

        found, head, target = searched.value, meshed.value, aimed.value.target
        poses = [Pose(matrix) for matrix in found.poses]
        solved = engine.fields(conductor(), coil, poses, REFERENCE_DIDT_A_PER_S, coil_file)
        unit = found.ranked_by(direction_vector(head, target, direction, cortex.value if cortex else None))
        confirmed = confirm(head, target, [found.effective_sign * each.e_v_per_m for each in solved], unit)
        np.savez(room / "confirm.npz", **vars(confirmed))
        return confirmed

    def load(folder: Path) -> Confirmed:
        with np.load(folder / "confirm.npz", allow_pickle=False) as arrays:
            return Confirmed(**arrays)

    return Stage(
        "confirm",
        3,
        make,
        load,
        files=({"coil": coil_file} if coil_file else {}) | conduction.files,
        parameters={
            "coil": coil.name,
            "coil_sha256": fingerprint(coil),
            "direction": direction,
            "engine": {"name": engine.name, "version": engine.version},
            **conduction.parameters,
        },
        after=[meshed, aimed, searched, *([cortex] if cortex else [])],
        needs=lambda: solve_need(meshed.value),
    )


def confirm(
    head: HeadMesh,
    target: Target,
    fields_v_per_m: Sequence[NDArray[np.floating]],
    unit: NDArray[np.float64] | None = None,
) -> Confirmed:
    """Doses of fields (M, 3) each, at 1 A/µs in the effective phase, as the search counts them.

    ``unit`` (3,) is the direction the dose is the component along; None for the size of the mean field.
    """
    tets, weight = target.weights(head)
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    rows = []
    first = np.zeros((0, 3), np.float32)
    for rank, e in enumerate(fields_v_per_m):
        size = np.linalg.norm(e, axis=1)
        peak = grey[np.argmax(size[grey])]
        mean = weight @ e[tets]
        dose = np.linalg.norm(mean) if unit is None else mean @ unit
        rows.append((dose, weight @ size[tets], size[tets].max(), size[peak], head.centroids_mm[peak]))
        if rank == 0:
            first = e.astype(np.float32)
    return Confirmed(first, *(np.array(column) for column in zip(*rows, strict=True)))
