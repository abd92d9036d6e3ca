"""Stage "interference", on request: the best two pairs for temporal interference in a planned subject, and their envelope.

The search is over every two pairs of a leadfield that a plan left in the folder.  The best of them is then solved with
complete electrodes, a pair at a time, and the envelope's swing is written for the whole head and on the cortex.  Fields
are those of direct current at the conductivities of the plan; at the kHz that are used tissue conducts a little better.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlases.aim import AimedTarget
from meshes.cortical_surface import Cortex
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue
from targeting.interference.files import (
    FILE,
    NAME,
    DirectSwing,
    Found,
    TwoPairs,
    load,
    write_envelope,
    write_table,
)
from targeting.interference.request import InterferenceRequest
from targeting.modality import KINDS
from targeting.study.cortex_stage import load_cortex
from targeting.study.head_source import HeadSource
from targeting.study.plan_state import check_stands
from targeting.study.target_stage import load_target
from targeting.study.tes_request import SHAPES, TEN_TEN_CAP
from targeting.subject import Done, Stage, Subject

if TYPE_CHECKING:
    from atlases.warp import MniWarp
    from targeting.interference.two_pairs import Interference
    from targeting.tes.leadfield import Leadfield

log = logging.getLogger(__name__)

KIND = KINDS[1]
PEAK_SHARE = 0.001  # of the grey matter's volume that may exceed the "peak", as for montages
MM3_PER_CM3 = 1000.0


def interference(
    subject: str | Subject, request: InterferenceRequest, out: str | Path | None = None, anyway: bool = False
) -> Done[Found]:
    """The best two pairs of a planned subject: searched now, or read if they stand.

    Parameters
    ----------
    subject : str or Subject
        Planned before with ``--with hd-tdcs``.
    request : InterferenceRequest
    out : path, optional
        The subject's folder, instead of ``./name/``.
    anyway : bool
        Take an outdated leadfield, too; it is warned of.

    Raises
    ------
    InputError
        If there is no leadfield, it is outdated, or what is asked cannot be had.

    Examples
    --------
    >>> interference("nobody", InterferenceRequest())
    Traceback (most recent call last):
    ...
    meshes.errors.InputError: there is no leadfield of nobody yet: run 'target plan nobody --with hd-tdcs' first
    """
    subject = subject if isinstance(subject, Subject) else Subject.named(subject, out)
    asked = request.checked()
    from targeting.study.tes_stages import of_cap

    led = of_cap(f"{KIND}-leadfield", asked.cap)
    if not subject.made_from(led):
        more = "" if asked.cap == TEN_TEN_CAP else f" --cap {asked.cap}"
        raise InputError(
            f"there is no leadfield of {subject.name} yet: run 'target plan {subject.name} --with {KIND}{more}' first"
        )
    check_stands(subject, led, anyway)
    with subject.locked():
        return subject.run(interference_stage(subject, asked, led))


def interference_stage(subject: Subject, asked: InterferenceRequest, led: str) -> Stage[Found]:
    """The stage, after those that stand in the folder.

    Raises
    ------
    InputError
        If one of them is not there.
    """
    from targeting.tes.leadfield import Leadfield

    field = standing(subject, led, lambda folder: Leadfield.load(folder / f"{led}.h5"))
    meshed = standing(subject, "mesh", lambda folder: HeadMesh.read(folder / "head.msh"))
    aim = asked.goal(HeadSource.of(subject, frame=asked.frame).own(subject.folder) if asked.aim else None)
    after: list[Done[Any]] = [meshed, field]
    warped: Done[MniWarp] | None = None
    aimed: Done[AimedTarget] | None = None
    if aim is None:
        aimed = standing(subject, "target", lambda folder: load_target(folder / "target.npz"))
        after.append(aimed)
    elif aim.in_mni:
        from atlases.warp import load_warp

        warped = standing(subject, "register", lambda folder: load_warp(folder / "mni_warp.npz"))
        after.append(warped)
    folded = subject.recorded("cortex", load_cortex)
    if folded is not None:
        after.append(folded)

    def target() -> AimedTarget:
        from atlases.aim import resolve_target

        if aimed is not None:
            return aimed.value
        assert aim is not None
        warp = warped.value if warped else None
        return resolve_target(aim.name, aim.side, meshed.value, warp, radius_mm=aim.radius_mm, frame=aim.frame)

    def make(room: Path) -> Found:
        cortex = folded.value if folded else None
        return make_interference(room, subject, asked, led, field.value, meshed.value, target(), cortex)

    files = {"mask": aim.mask} if aim and aim.mask else {}
    return Stage(NAME, 2, make, load, files=files, parameters=asked.parameters, after=after)


def standing(subject: Subject, stage: str, read: Callable[[Path], Any]) -> Done[Any]:
    """A stage that must stand in the folder.

    Raises
    ------
    InputError
        If it does not.
    """
    done = subject.recorded(stage, read)
    if done is None:
        name = subject.name
        raise InputError(f"stage {stage} of {name} is missing or changed: run 'target plan {name} --with {KIND}' again")
    return done


def make_interference(
    room: Path,
    subject: Subject,
    asked: InterferenceRequest,
    led: str,
    leadfield: Leadfield,
    head: HeadMesh,
    aimed: AimedTarget,
    cortex: Cortex | None,
) -> Found:
    """Search, solve and write."""
    from targeting.interference.two_pairs import focal_interference, search_interference
    from targeting.records.places import plan_target
    from targeting.tes.optimise import Limits, Region
    from targeting.tms.direction import direction_vector

    target = aimed.target
    unit = direction_vector(head, replace(target, current_toward=None), asked.direction, cortex)  # that is a coil's
    region = Region.of_target(leadfield, head, target)
    limits = Limits(asked.total_ma / 1e3, min(asked.per_electrode_ma, asked.total_ma) / 1e3)
    if asked.least_v_per_m is None:
        ranked = search_interference(leadfield, region, limits, unit, asked.shares, asked.keep)
    else:
        ranked = focal_interference(leadfield, region, asked.least_v_per_m, limits, unit, asked.shares, asked.keep)
    ranked = that_fit(ranked, leadfield, head)
    if not len(ranked.pairs):
        raise InputError(
            f"no two pairs of the leadfield make an envelope in {target.name} without overlap: raise --keep"
        )
    log.info("solving %s", ranked.words())
    e1, e2 = solved_pairs(subject, led, leadfield, head, ranked)
    direct = direct_swing(head, aimed, unit, e1, e2)
    found = Found(
        subject=subject.name,
        target=plan_target(aimed, head),
        direction=asked.direction_words,
        candidates=len(leadfield.names),
        tried=ranked.tried,
        computed=ranked.computed,
        total_ma=float(1e3 * ranked.currents_a[0].sum()),
        montages=[two_pairs(ranked, k) for k in range(len(ranked.pairs))],
        direct=direct,
        notes=[
            "swings are of the envelope, peak to peak; fields are those of direct current at the plan's conductivities",
            *aimed.warnings,
        ],
    )
    folder = room / NAME
    folder.mkdir()
    (folder / FILE).write_text(json.dumps(asdict(found), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    write_table(folder / "two_pairs.csv", found.montages)
    write_envelope(folder, subject, head, cortex, e1, e2)
    return found


def that_fit(found: Interference, leadfield: Leadfield, head: HeadMesh) -> Interference:
    """The montages whose four electrodes do not overlap (own positions may lie close together)."""
    from dataclasses import replace

    from atlases.scalp import Scalp
    from targeting.tes.contact import lay_all
    from targeting.tes.electrodes import Electrode

    scalp = Scalp.of(head)
    shape, size_mm = SHAPES[KIND]

    def fits(pairs: NDArray[np.int64]) -> bool:
        try:
            lay_all(scalp, [Electrode(found.names[i], leadfield.scalp_mm[i], shape, size_mm) for i in pairs.ravel()])
        except InputError:
            return False
        return True

    kept = np.array([fits(pairs) for pairs in found.pairs], bool)
    return replace(
        found,
        pairs=found.pairs[kept],
        currents_a=found.currents_a[kept],
        swing_v_per_m=found.swing_v_per_m[kept],
        elsewhere_v_per_m=found.elsewhere_v_per_m[kept],
    )


def two_pairs(found: Interference, k: int) -> TwoPairs:
    """The k-th of a search's montages."""
    return TwoPairs(
        [[found.names[i] for i in pair] for pair in found.pairs[k]],
        [float(1e3 * each) for each in found.currents_a[k]],
        float(found.swing_v_per_m[k]),
        float(found.elsewhere_v_per_m[k]),
        float(found.focality[k]),
    )


def solved_pairs(
    subject: Subject, led: str, leadfield: Leadfield, head: HeadMesh, found: Interference
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The fields (M, 3) of the first montage's two pairs with complete electrodes, with what the leadfield was made from."""
    from targeting.study.conduction import Conduction
    from targeting.tes.electrodes import Electrode, Montage
    from targeting.tes.field import simulate_tes

    conductor = Conduction.recorded(subject.made_from(led)).conductor(head)
    shape, size_mm = SHAPES[KIND]
    fields = []
    for pair, current in zip(found.pairs[0], found.currents_a[0], strict=True):
        electrodes = tuple(Electrode(found.names[i], leadfield.scalp_mm[i], shape, size_mm) for i in pair)
        solved = simulate_tes(conductor, Montage("pair", electrodes, np.array([current, -current])))
        fields.append(solved.e_v_per_m)
    return fields[0], fields[1]


def direct_swing(
    head: HeadMesh,
    aimed: AimedTarget,
    unit: NDArray[np.float64] | None,
    e1_v_per_m: NDArray[np.float64],
    e2_v_per_m: NDArray[np.float64],
) -> DirectSwing:
    """What the envelope of two fields (M, 3) is in the target and in the rest of the grey matter."""
    from targeting.interference.two_pairs import envelope, envelope_along
    from targeting.tes.safety import exceeded_in

    tets, weight = aimed.target.weights(head)
    grey = np.flatnonzero(head.tissue == Tissue.GM)
    volumes = head.volumes_mm3[grey]
    free = envelope(e1_v_per_m[grey], e2_v_per_m[grey])
    there = envelope(e1_v_per_m[tets], e2_v_per_m[tets])
    along = there if unit is None else envelope_along(e1_v_per_m[tets], e2_v_per_m[tets], unit)
    outside = ~np.isin(grey, tets)
    mean = float(weight @ there)
    elsewhere = float(np.average(free[outside], weights=volumes[outside]))
    carrier = np.maximum(
        np.linalg.norm(e1_v_per_m[grey] + e2_v_per_m[grey], axis=1),
        np.linalg.norm(e1_v_per_m[grey] - e2_v_per_m[grey], axis=1),
    )
    return DirectSwing(
        swing_v_per_m=float(weight @ along),
        free_swing_v_per_m=mean,
        elsewhere_v_per_m=elsewhere,
        focality=mean / elsewhere,
        peak_v_per_m=exceeded_in(free, volumes, PEAK_SHARE),
        peak_mm=head.centroids_mm[grey[np.argmax(free)]].tolist(),
        stronger_cm3=float(volumes[outside & (free > mean)].sum()) / MM3_PER_CM3,
        carrier_v_per_m=exceeded_in(carrier, volumes, PEAK_SHARE),
    )
