"""Stages "positions" and "…-leadfield": the 10-10 or 10-5 system on the scalp, and the field of an electrode at each place."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlases.scalp_positions import ELECTRODE, REFERENCE, ScalpPositions
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue
from targeting.memory_need import BYTES_PER_GB, leadfield_need
from targeting.study.plan_state import of_cap
from targeting.study.tes_request import SHAPES, TEN_FIVE_CAP, TEN_TEN_CAP
from targeting.subject import Done, Stage

if TYPE_CHECKING:
    from atlases.fiducials import Fiducials
    from targeting.study.study import Study
    from targeting.tes.leadfield import Leadfield

log = logging.getLogger(__name__)

LEAST_FREE = 1.2  # times what a leadfield takes: what must be free on the disk
CENTER = "Cz"
MARKS = ("nasion", "inion", "lpa", "rpa")


@dataclass(frozen=True, eq=False)
class HeadPositions:
    """Positions on a subject's scalp, its fiducials, and its vertex."""

    positions: ScalpPositions
    fiducials: Fiducials
    vertex_mm: NDArray[np.float64]


def positions_stage(study: Study, file: Path | None = None, cap: str = TEN_TEN_CAP) -> Stage[HeadPositions]:
    """Stage "positions": the 10-10 system on the scalp, from fiducials by registration or from the user's file.

    A file's own electrodes are kept beside these positions, in place of those of the same name.  The 10-5 system has its
    own stage and files, "positions-10-5".
    """
    table, marks_file = f"{of_cap('positions', cap)}.csv", f"{of_cap('fiducials', cap)}.json"
    from atlases.electrode_files import files_read, placed, read_electrodes

    own = read_electrodes(file) if file else None
    registration = study.registration if own is None or own.needs_registration else None

    def make(folder: Path) -> HeadPositions:
        from atlases.fiducials import check_fiducials, fiducials_from_warp
        from atlases.scalp_positions import write_scalp_positions
        from atlases.ten_ten import ten_five, ten_ten

        scalp = study.scalp
        warp = registration.value if registration else None
        fiducials = own.fiducials if own else None
        if fiducials is not None:
            fiducials = fiducials.onto(scalp)
            check_fiducials(fiducials, scalp)
        else:
            assert warp is not None
            fiducials = fiducials_from_warp(scalp, warp)
        measured = (ten_five if cap == TEN_FIVE_CAP else ten_ten)(scalp, fiducials)
        found = with_own(measured, placed(own, scalp, fiducials, warp)) if own and own.names else measured
        write_scalp_positions(found, folder / table)
        marks = {name: point.tolist() for name, point in zip(MARKS, fiducials.points_mm, strict=True)}
        about = {"fiducials": marks, "source": fiducials.source, "vertex": measured.point_mm(CENTER).tolist()}
        (folder / marks_file).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        return load(folder)  # the file rounds, and a later run shall see the very same

    def load(folder: Path) -> HeadPositions:
        from atlases.fiducials import given_fiducials
        from atlases.scalp_positions import read_scalp_positions

        about = json.loads((folder / marks_file).read_text(encoding="utf-8"))
        fiducials = given_fiducials(about["fiducials"], about["source"])
        return HeadPositions(read_scalp_positions(folder / table), fiducials, np.array(about["vertex"]))

    files = files_read(file) if file else {}
    after: list[Done[Any]] = [study.head, registration] if registration else [study.head]
    return Stage(of_cap("positions", cap), 2, make, load, files=files, after=after)


def with_own(positions: ScalpPositions, own: ScalpPositions) -> ScalpPositions:
    """Measured positions with the user's own electrodes added, or in place of those of the same name."""
    electrodes = own.of_kind(ELECTRODE, REFERENCE)
    named = {name.lower(): i for i, name in enumerate(electrodes.names) if name}
    keep = [i for i, name in enumerate(positions.names) if name.lower() not in named]
    names = [*(positions.names[i] for i in keep), *(electrodes.names[i] for i in named.values())]
    kinds = [*(positions.kinds[i] for i in keep), *(ELECTRODE for _ in named)]
    points = np.concatenate([positions.points_mm[keep], electrodes.points_mm[list(named.values())]])
    return ScalpPositions(tuple(names), tuple(kinds), points)


def leadfield_stage(
    kind: str, study: Study, positions: Done[HeadPositions], cap: str = TEN_TEN_CAP
) -> Stage[Leadfield]:
    """Stage "…-leadfield": the field of 1 A from each position's electrode, where one can rest, to one return.

    Parameters
    ----------
    kind : {"tdcs", "hd-tdcs"}
        Which electrodes.
    study : Study
    positions : Done[HeadPositions]
    cap : {"10-10", "10-5"}
    """
    shape, size_mm = SHAPES[kind]
    name = of_cap(f"{kind}-leadfield", cap)

    def make(folder: Path) -> Leadfield:
        from targeting.tes.leadfield import make_leadfield
        from targeting.tes.montage_choice import electrodes_at, resting_on

        everywhere = electrodes_at(positions.value.positions, shape, size_mm)
        resting = [each for each in (resting_on(study.scalp, one) for one in everywhere) if each]
        if len(resting) < 2:
            raise InputError(
                f"no two electrodes of {' by '.join(f'{s:g}' for s in size_mm)} mm rest on this head's scalp"
            )
        log.info("%d of %d positions can hold an electrode", len(resting), len(everywhere))
        check_disk(len(resting), study.head.value, folder)
        names = [each.name for each in resting]
        found = make_leadfield(study.conductor, resting, CENTER if CENTER in names else names[0])
        found.save(folder / f"{name}.h5")
        return found

    def load(folder: Path) -> Leadfield:
        from targeting.tes.leadfield import Leadfield

        return Leadfield.load(folder / f"{name}.h5")

    return Stage(
        name,
        1,
        make,
        load,
        files=study.conduction.files,
        parameters={"shape": shape, "size_mm": list(size_mm), **study.conduction.parameters},
        after=[study.head, positions],
        needs=lambda: leadfield_need(
            study.head.value, len(positions.value.positions.of_kind(ELECTRODE, REFERENCE).names)
        ),
    )


def check_disk(electrodes: int, head: HeadMesh, folder: Path) -> None:
    """Refuse a leadfield that the disk of ``folder`` has no space for.

    Raises
    ------
    InputError
        With the size, and what to do.
    """
    points = int((head.tissue == Tissue.GM).sum())
    size = electrodes * points * 3 * np.dtype(np.float32).itemsize
    log.info("a leadfield of %d electrodes at %d points: %.2g GB", electrodes, points, size / BYTES_PER_GB)
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE * size:
        raise InputError(
            f"a leadfield of {electrodes} electrodes on this mesh takes {size / BYTES_PER_GB:.1f} GB, and there is "
            f"{free / BYTES_PER_GB:.1f} GB of free disk: take `cap=10-10` or `density=fast`"
        )
