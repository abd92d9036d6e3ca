"""The stages of a montage: positions on the scalp, the leadfield of a cap, the search, the direct solves.

They follow the stages a coil's plan has, too (segment, mesh, register, target, cortex).  Those of one kind of montage
have its name before theirs, so that pads and small electrodes stand side by side in a subject's folder.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
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
from meshes.memory import total_memory_bytes
from meshes.tissue_codes import Tissue
from targeting.goals.tes_stage import Places, also_units, dose_unit, goal_on, inward_at
from targeting.study.memory_needs import leadfield_need, solve_need
from targeting.study.request import Direction
from targeting.study.tes_request import SHAPES, TEN_FIVE_CAP, TEN_TEN_CAP, TesRequest
from targeting.subject import Done, Stage
from targeting.tes.montages import STANDARD, montages

if TYPE_CHECKING:
    from atlases.fiducials import Fiducials
    from atlases.warp import MniWarp
    from targeting.fem import HeadConductor
    from targeting.study.conduction import Conduction
    from targeting.tes.electrodes import Montage
    from targeting.tes.leadfield import Leadfield
    from targeting.tes.montage_choice import ChosenMontage
    from targeting.tes.montage_confirm import ConfirmedMontage

log = logging.getLogger(__name__)

SHARED = ("positions", "positions-10-5")
OWN = ("places", "network", "leadfield", "leadfield-10-5", "search", "confirm", "files")  # with the kind before them
LEAST_FREE = 1.2  # times what a leadfield takes: what must be free on the disk and there as memory
BYTES_PER_GB = 1e9
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
    ('positions', 'positions-10-5', 'tdcs-places', 'tdcs-network', 'tdcs-leadfield', 'tdcs-leadfield-10-5', \
'tdcs-search', 'tdcs-confirm', 'tdcs-files')
    """
    return (*SHARED, *(f"{kind}-{name}" for name in OWN))


def of_cap(name: str, cap: str) -> str:
    """The name of a stage or its files for a cap; the 10-10 system's has none.

    Examples
    --------
    >>> of_cap("positions", "10-10"), of_cap("positions", "10-5")
    ('positions', 'positions-10-5')
    """
    return name if cap == TEN_TEN_CAP else f"{name}-{cap}"


def positions_stage(
    meshed: Done[HeadMesh], register: Callable[[], Done[MniWarp]], file: Path | None = None, cap: str = TEN_TEN_CAP
) -> Stage[HeadPositions]:
    """Stage "positions": the 10-10 system on the scalp, from fiducials by registration or from a file of the user's.

    A file's own electrodes are kept beside these positions, in place of those of the same name.  The 10-5 system has a
    stage and files of its own, "positions-10-5".
    """
    table, marks_file = f"{of_cap('positions', cap)}.csv", f"{of_cap('fiducials', cap)}.json"
    from atlases.electrode_files import files_read, placed, read_electrodes

    own = read_electrodes(file) if file else None
    registered = register() if own is None or own.needs_registration else None

    def make(room: Path) -> HeadPositions:
        from atlases.fiducials import check_fiducials, fiducials_from_warp
        from atlases.scalp import Scalp
        from atlases.scalp_positions import write_scalp_positions
        from atlases.ten_ten import ten_five, ten_ten

        scalp = Scalp.of(meshed.value)
        warp = registered.value if registered else None
        fiducials = own.fiducials if own else None
        if fiducials is not None:
            fiducials = fiducials.onto(scalp)
            check_fiducials(fiducials, scalp)
        else:
            assert warp is not None
            fiducials = fiducials_from_warp(scalp, warp)
        measured = (ten_five if cap == TEN_FIVE_CAP else ten_ten)(scalp, fiducials)
        found = with_own(measured, placed(own, scalp, fiducials, warp)) if own and own.names else measured
        write_scalp_positions(found, room / table)
        marks = {name: point.tolist() for name, point in zip(MARKS, fiducials.points_mm, strict=True)}
        about = {"fiducials": marks, "source": fiducials.source, "vertex": measured.point_mm(CENTER).tolist()}
        (room / marks_file).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        return load(room)  # the file rounds, and a later run shall see the very same

    def load(folder: Path) -> HeadPositions:
        from atlases.fiducials import given_fiducials
        from atlases.scalp_positions import read_scalp_positions

        about = json.loads((folder / marks_file).read_text(encoding="utf-8"))
        fiducials = given_fiducials(about["fiducials"], about["source"])
        return HeadPositions(read_scalp_positions(folder / table), fiducials, np.array(about["vertex"]))

    files = files_read(file) if file else {}
    after: list[Done[Any]] = [meshed, registered] if registered else [meshed]
    return Stage(of_cap("positions", cap), 2, make, load, files=files, after=after)


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
    conduction: Conduction,
    conductor: Callable[[], HeadConductor],
    cap: str = TEN_TEN_CAP,
) -> Stage[Leadfield]:
    """Stage "…-leadfield": the field of 1 A from each position's electrode, where one can rest, to one return."""
    shape, size_mm = SHAPES[kind]
    name = of_cap(f"{kind}-leadfield", cap)

    def make(room: Path) -> Leadfield:
        from atlases.scalp import Scalp
        from targeting.tes.leadfield import make_leadfield
        from targeting.tes.montage_choice import electrodes_at, resting_on

        scalp = Scalp.of(meshed.value)
        everywhere = electrodes_at(located.value.positions, shape, size_mm)
        resting = [each for each in (resting_on(scalp, one) for one in everywhere) if each]
        if len(resting) < 2:
            raise InputError(
                f"no two electrodes of {' by '.join(f'{s:g}' for s in size_mm)} mm rest on this head's scalp"
            )
        log.info("%d of %d positions can hold an electrode", len(resting), len(everywhere))
        check_room(len(resting), meshed.value, room)
        names = [each.name for each in resting]
        found = make_leadfield(conductor(), resting, CENTER if CENTER in names else names[0])
        found.save(room / f"{name}.h5")
        return found

    def load(folder: Path) -> Leadfield:
        from targeting.tes.leadfield import Leadfield

        return Leadfield.load(folder / f"{name}.h5")

    return Stage(
        name,
        1,
        make,
        load,
        files=conduction.files,
        parameters={
            "shape": shape,
            "size_mm": list(size_mm),
            **conduction.parameters,
        },
        after=[meshed, located],
        needs=lambda: leadfield_need(meshed.value, len(located.value.positions.of_kind(ELECTRODE, REFERENCE).names)),
    )


def check_room(electrodes: int, head: HeadMesh, folder: Path) -> None:
    """Refuse a leadfield that this machine has no memory or no disk for.

    Raises
    ------
    InputError
        With the size, and what to do.
    """
    import shutil

    points = int((head.tissue == Tissue.GM).sum())
    size = electrodes * points * 3 * np.dtype(np.float32).itemsize
    log.info("a leadfield of %d electrodes at %d points: %.2g GB", electrodes, points, size / BYTES_PER_GB)
    for what, there in (("free disk", shutil.disk_usage(folder).free), ("memory", total_memory_bytes())):
        if there < LEAST_FREE * size:
            raise InputError(
                f"a leadfield of {electrodes} electrodes on this mesh takes {size / BYTES_PER_GB:.1f} GB, and there is "
                f"{there / BYTES_PER_GB:.1f} GB of {what}: take --cap 10-10 or --density fast"
            )


def search_stage(
    request: TesRequest,
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    located: Done[HeadPositions],
    led: Done[Leadfield] | None,
    along: Direction,
    polarity: str,
    cortex: Done[Cortex] | None = None,
    places: Done[Places] | None = None,
) -> Stage[ChosenMontage]:
    """Stage "…-search": the best montage on the leadfield, or (without one) the one that was asked for.

    ``along`` is :meth:`TesRequest.along`; the cortex is where the way into it comes from.
    """
    name = f"{request.kind}-search"

    def make(room: Path) -> ChosenMontage:
        from targeting.tes.montage_choice import ChosenMontage, best_montage, montage_at
        from targeting.tes.montages import read_montage
        from targeting.tes.optimise import Limits

        if led is None:
            positions, side = located.value.positions, side_of(aimed.value)
            if request.montage_file:
                montage = read_montage(request.montage_file)
                check_montage(montage, request.montage_file.name, meshed.value, located.value)
            else:
                montage = montage_at(str(request.montage), positions, side, request.max_current_ma)
            chosen = ChosenMontage(montage, None)
        else:
            head, folded, beside = meshed.value, cortex.value if cortex else None, places.value if places else None
            limits = Limits(request.total_ma / 1e3, request.per_electrode_ma / 1e3, request.electrodes)
            goal = goal_on(led.value, request, head, aimed.value, beside, along, folded, limits)
            objective = request.objective_for(goal.unit)
            chosen = best_montage(objective, head, led.value, goal, *SHAPES[request.kind], polarity)
        chosen.save(room / f"{name}.chosen.json")
        return load(room)

    def load(folder: Path) -> ChosenMontage:
        from targeting.tes.montage_choice import ChosenMontage

        return ChosenMontage.load(folder / f"{name}.chosen.json")

    wanted = (led, cortex, places) if led else ()  # a given montage is not searched for
    after: list[Done[Any]] = [meshed, aimed, located, *(each for each in wanted if each)]
    parameters = {**request.search_parameters(along), "side": side_of(aimed.value)}
    return Stage(name, 4, make, load, files=request.files, parameters=parameters, after=after)


def check_montage(montage: Montage, source: str, head: HeadMesh, located: HeadPositions) -> None:
    """Refuse a montage whose electrodes lie elsewhere than their names say: on this head, or as the user's own positions.

    Raises
    ------
    InputError
        With the electrode, how far off it is, and the likely cause.
    """
    from atlases.named_places import check_places
    from atlases.scalp import Scalp, scalp_feet
    from atlases.ten_ten import ten_five

    scalp = Scalp.of(head)
    points = np.stack([each.center_mm for each in montage.electrodes])
    places = with_own(ten_five(scalp, located.fiducials), located.positions)
    check_places(source, montage.names, points, scalp_feet(scalp, points)[0], places)


def confirm_stage(
    request: TesRequest,
    meshed: Done[HeadMesh],
    aimed: Done[AimedTarget],
    located: Done[HeadPositions],
    chosen: Done[ChosenMontage],
    along: Direction,
    conduction: Conduction,
    conductor: Callable[[], HeadConductor],
    cortex: Done[Cortex] | None = None,
    places: Done[Places] | None = None,
) -> Stage[ConfirmedMontage]:
    """Stage "…-confirm": complete-electrode solves of the chosen montage and of the standard one."""
    name = f"{request.kind}-confirm"

    def make(room: Path) -> ConfirmedMontage:
        from targeting.networks.network_map import MapTarget
        from targeting.tes.montage_confirm import Elsewhere, confirm_montage

        head, folded, beside = meshed.value, cortex.value if cortex else None, places.value if places else Places()
        target, positions = aimed.value.target, located.value.positions
        unit = dose_unit(head, aimed.value, along, folded)
        montage = chosen.value.montage
        elsewhere = Elsewhere(
            tuple(each.target for each in beside.avoid),
            tuple(each.target for each in beside.also),
            also_units(head, beside, along, folded),
            target.agreement if isinstance(target, MapTarget) else None,
        )
        inward = inward_at(head, aimed.value, folded)
        side = side_of(aimed.value)
        confirmed = confirm_montage(conductor(), target, unit, montage, positions, side, elsewhere, inward)
        confirmed.save(room / f"{name}.npz")
        return confirmed

    def load(folder: Path) -> ConfirmedMontage:
        from targeting.tes.montage_confirm import ConfirmedMontage

        return ConfirmedMontage.load(folder / f"{name}.npz")

    return Stage(
        name,
        4,
        make,
        load,
        files=conduction.files,
        parameters={
            "direction": along,
            "standard": repr(montages()[STANDARD]),
            **conduction.parameters,
        },
        after=[meshed, aimed, located, chosen, *(each for each in (cortex, places) if each)],
        needs=lambda: solve_need(meshed.value),
    )


def side_of(aimed: AimedTarget) -> str:
    """The side of the head a target is on."""
    return aimed.target.side or ("left" if aimed.target.center_mm[0] < 0 else "right")
