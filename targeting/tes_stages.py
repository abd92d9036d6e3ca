"""The stages of a montage: positions on the scalp, the leadfield of a cap, the search, the direct solves.

They follow the stages a coil's plan has, too (segment, mesh, register, target, cortex).  Those of one kind of montage
have its name before theirs, so that pads and small electrodes stand side by side in a subject's folder.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlases.aim import AimedTarget
from atlases.scalp_positions import ELECTRODE, REFERENCE, ScalpPositions
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.head import HeadMesh
from targeting.subject import Done, Stage
from targeting.tes.montages import STANDARD, montages
from targeting.tes_request import SHAPES, TesRequest
from targeting.tms_stages import Direction

if TYPE_CHECKING:
    from atlases.fiducials import Fiducials
    from atlases.warp import MniWarp
    from targeting.conduction import Anisotropy
    from targeting.fem import HeadConductor
    from targeting.tes.leadfield import Leadfield
    from targeting.tes.montage_choice import ChosenMontage
    from targeting.tes.montage_confirm import ConfirmedMontage

log = logging.getLogger(__name__)

SHARED = ("positions",)
OWN = ("leadfield", "search", "confirm", "files")  # with the kind before them
CENTER = "Cz"
MARKS = ("nasion", "inion", "lpa", "rpa")


@dataclass(frozen=True, eq=False)
class HeadPositions:
    """Positions on a subject's scalp, its fiducials, and its vertex."""

    positions: ScalpPositions
    fiducials: Fiducials
    vertex_mm: NDArray[np.float64]


def stage_names(kind: str) -> tuple[str, ...]:
    """The stages of a kind of montage, in their order.

    Examples
    --------
    >>> stage_names("tdcs")
    ('positions', 'tdcs-leadfield', 'tdcs-search', 'tdcs-confirm', 'tdcs-files')
    """
    return (*SHARED, *(f"{kind}-{name}" for name in OWN))


def positions_stage(
    meshed: Done[HeadMesh], register: Callable[[], Done[MniWarp]], file: Path | None = None
) -> Stage[HeadPositions]:
    """Stage "positions": the 10-10 system on the scalp, from fiducials by registration or from a file of the user's.

    A file's own electrodes are kept beside the 10-10 positions, in place of those of the same name.
    """
    from atlases.electrode_files import files_read, placed, read_electrodes

    own = read_electrodes(file) if file else None
    registered = register() if own is None or own.needs_registration else None

    def make(room: Path) -> HeadPositions:
        from atlases.fiducials import fiducials_from_warp
        from atlases.scalp import Scalp
        from atlases.scalp_positions import write_scalp_positions
        from atlases.ten_ten import ten_ten

        scalp = Scalp.of(meshed.value)
        warp = registered.value if registered else None
        fiducials = own.fiducials if own else None
        if fiducials is not None:
            fiducials = fiducials.onto(scalp)
        else:
            assert warp is not None
            fiducials = fiducials_from_warp(scalp, warp)
        measured = ten_ten(scalp, fiducials)
        found = with_own(measured, placed(own, scalp, fiducials, warp)) if own and own.names else measured
        write_scalp_positions(found, room / "positions.csv")
        marks = {name: point.tolist() for name, point in zip(MARKS, fiducials.points_mm, strict=True)}
        about = {"fiducials": marks, "source": fiducials.source, "vertex": measured.point_mm(CENTER).tolist()}
        (room / "fiducials.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        return load(room)  # the file rounds, and a later run shall see the very same

    def load(folder: Path) -> HeadPositions:
        from atlases.fiducials import given_fiducials
        from atlases.scalp_positions import read_scalp_positions

        about = json.loads((folder / "fiducials.json").read_text(encoding="utf-8"))
        fiducials = given_fiducials(about["fiducials"], about["source"])
        return HeadPositions(read_scalp_positions(folder / "positions.csv"), fiducials, np.array(about["vertex"]))

    files = files_read(file) if file else {}
    after: list[Done[Any]] = [meshed, registered] if registered else [meshed]
    return Stage("positions", 1, make, load, files=files, after=after)


def with_own(measured: ScalpPositions, own: ScalpPositions) -> ScalpPositions:
    """Measured positions with the user's own electrodes added, or in place of those of the same name."""
    electrodes = own.of_kind(ELECTRODE, REFERENCE)
    named = {name.lower(): i for i, name in enumerate(electrodes.names) if name}
    keep = [i for i, name in enumerate(measured.names) if name.lower() not in named]
    names = [*(measured.names[i] for i in keep), *(electrodes.names[i] for i in named.values())]
    kinds = [*(measured.kinds[i] for i in keep), *(ELECTRODE for _ in named)]
    points = np.concatenate([measured.points_mm[keep], electrodes.points_mm[list(named.values())]])
    return ScalpPositions(tuple(names), tuple(kinds), points)


def leadfield_stage(
    kind: str,
    meshed: Done[HeadMesh],
    located: Done[HeadPositions],
    conductivity_s_per_m: Mapping[str, float],
    conductor: Callable[[], HeadConductor],
    anisotropy: Anisotropy | None = None,
) -> Stage[Leadfield]:
    """Stage "…-leadfield": the field of 1 A from each position's electrode, where one can rest, to one return."""
    shape, size_mm = SHAPES[kind]

    def make(room: Path) -> Leadfield:
        from atlases.scalp import Scalp
        from targeting.tes.leadfield import make_leadfield
        from targeting.tes.montage_choice import electrodes_at, resting_on

        scalp = Scalp.of(meshed.value)
        cap = electrodes_at(located.value.positions, kind)
        resting = [each for each in (resting_on(scalp, one) for one in cap) if each]
        if len(resting) < 2:
            raise InputError(
                f"no two electrodes of {' by '.join(f'{s:g}' for s in size_mm)} mm rest on this head's scalp"
            )
        log.info("%d of %d positions can hold an electrode", len(resting), len(cap))
        names = [each.name for each in resting]
        found = make_leadfield(conductor(), resting, CENTER if CENTER in names else names[0])
        found.save(room / f"{kind}-leadfield.h5")
        return found

    def load(folder: Path) -> Leadfield:
        from targeting.tes.leadfield import Leadfield

        return Leadfield.load(folder / f"{kind}-leadfield.h5")

    return Stage(
        f"{kind}-leadfield",
        1,
        make,
        load,
        files=anisotropy.files if anisotropy else {},
        parameters={
            "shape": shape,
            "size_mm": list(size_mm),
            "conductivity_s_per_m": dict(conductivity_s_per_m),
            **(anisotropy.parameters if anisotropy else {}),
        },
        after=[meshed, located],
    )


def search_stage(
    request: TesRequest,
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    located: Done[HeadPositions],
    led: Done[Leadfield] | None,
    direction: Direction,
    cortex: Done[Cortex] | None = None,
) -> Stage[ChosenMontage]:
    """Stage "…-search": the best montage on the leadfield, or (without one) the one that was asked for.

    The cortex is where the direction "normal" comes from.
    """
    name = f"{request.kind}-search"

    def make(room: Path) -> ChosenMontage:
        from targeting.tes.montage_choice import ChosenMontage, best_montage, given_montage
        from targeting.tms.direction import direction_vector

        target = aimed.value.target
        if led is None:
            chosen = ChosenMontage(given_montage(request, located.value.positions, side_of(aimed.value)), None)
        else:
            unit = direction_vector(meshed.value, target, direction, cortex.value if cortex else None)
            chosen = best_montage(request, meshed.value, target, led.value, unit)
        chosen.save(room / f"{name}.chosen.json")
        return load(room)

    def load(folder: Path) -> ChosenMontage:
        from targeting.tes.montage_choice import ChosenMontage

        return ChosenMontage.load(folder / f"{name}.chosen.json")

    after: list[Done[Any]] = [meshed, aimed, located, *([led] if led else []), *([cortex] if cortex else [])]
    parameters = {**request.search_parameters(direction), "side": side_of(aimed.value)}
    return Stage(name, 1, make, load, files=request.files, parameters=parameters, after=after)


def confirm_stage(
    request: TesRequest,
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    located: Done[HeadPositions],
    chosen: Done[ChosenMontage],
    direction: Direction,
    conductivity_s_per_m: Mapping[str, float],
    conductor: Callable[[], HeadConductor],
    cortex: Done[Cortex] | None = None,
    anisotropy: Anisotropy | None = None,
) -> Stage[ConfirmedMontage]:
    """Stage "…-confirm": complete-electrode solves of the chosen montage and of the standard one."""
    name = f"{request.kind}-confirm"

    def make(room: Path) -> ConfirmedMontage:
        from targeting.tes.montage_confirm import confirm_montage
        from targeting.tms.direction import direction_vector

        target, positions = aimed.value.target, located.value.positions
        unit = direction_vector(meshed.value, target, direction, cortex.value if cortex else None)
        montage = chosen.value.montage
        confirmed = confirm_montage(conductor(), target, unit, montage, positions, side_of(aimed.value))
        confirmed.save(room / f"{name}.npz")
        return confirmed

    def load(folder: Path) -> ConfirmedMontage:
        from targeting.tes.montage_confirm import ConfirmedMontage

        return ConfirmedMontage.load(folder / f"{name}.npz")

    return Stage(
        name,
        1,
        make,
        load,
        files=anisotropy.files if anisotropy else {},
        parameters={
            "direction": direction,
            "standard": repr(montages()[STANDARD]),
            "conductivity_s_per_m": dict(conductivity_s_per_m),
            **(anisotropy.parameters if anisotropy else {}),
        },
        after=[meshed, aimed, located, chosen, *([cortex] if cortex else [])],
    )


def side_of(aimed: AimedTarget) -> str:
    """The side of the head a target is on."""
    return aimed.target.side or ("left" if aimed.target.center_mm[0] < 0 else "right")
