"""Two pairs on a head: those that fit on the scalp, their fields with complete electrodes, and the envelope's swing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from atlases.aim import AimedTarget
from atlases.scalp import Scalp
from atlases.target import Target
from meshes.errors import InputError
from meshes.head import HeadMesh
from meshes.tissue_codes import Tissue
from targeting.fem.conductor import HeadConductor
from targeting.interference.files import DirectSwing, InterferenceResult, TwoPairs
from targeting.interference.request import InterferenceRequest
from targeting.interference.two_pairs import (
    Interference,
    envelope,
    envelope_along,
    focal_interference,
    search_interference,
)
from targeting.modality import HD
from targeting.records.places import plan_target
from targeting.study.tes_request import SHAPES
from targeting.tes.contact import lay_all
from targeting.tes.electrodes import Electrode, Montage
from targeting.tes.field import simulate_tes
from targeting.tes.leadfield import Leadfield
from targeting.tes.optimise import Limits, Region
from targeting.tes.safety import exceeded_in

PEAK_SHARE = 0.001  # of the grey matter's volume that may exceed the "peak", as for montages
MM3_PER_CM3 = 1000.0


def ranked_pairs(
    request: InterferenceRequest,
    leadfield: Leadfield,
    scalp: Scalp,
    target: Target,
    unit: NDArray[np.float64] | None,
) -> Interference:
    """The best two pairs of a leadfield for a target, of those that fit on the scalp.

    Parameters
    ----------
    request : InterferenceRequest
    leadfield : Leadfield
    scalp : Scalp
    target : Target
    unit : (3,) float, optional
        The envelope's swing is counted along it; None: along the direction in which it is largest.

    Raises
    ------
    InputError
        If none is left.
    """
    region = Region.of_target(leadfield, scalp.head, target)
    limits = Limits(request.total_ma / 1e3, min(request.per_electrode_ma, request.total_ma) / 1e3)
    if request.least_v_per_m is None:
        ranked = search_interference(leadfield, region, limits, unit, request.shares, request.keep)
    else:
        least = request.least_v_per_m
        ranked = focal_interference(leadfield, region, least, limits, unit, request.shares, request.keep)
    ranked = that_fit(ranked, leadfield, scalp)
    if not len(ranked.pairs):
        raise InputError(
            f"no two pairs of the leadfield make an envelope in {target.name} without overlap: raise `keep`"
        )
    return ranked


def found_of(
    subject: str,
    request: InterferenceRequest,
    leadfield: Leadfield,
    head: HeadMesh,
    aimed_target: AimedTarget,
    unit: NDArray[np.float64] | None,
    ranked: Interference,
    e1_v_per_m: NDArray[np.float64],
    e2_v_per_m: NDArray[np.float64],
) -> InterferenceResult:
    """The answer out of the ranked pairs and the first one's two fields (M, 3).

    Parameters
    ----------
    subject : str
        The name.
    request : InterferenceRequest
    leadfield : Leadfield
    head : HeadMesh
    aimed_target : AimedTarget
    unit : (3,) float, optional
        The swing is counted along it.
    ranked : Interference
    e1_v_per_m, e2_v_per_m : (M, 3) float
        Fields of the first montage's pairs.
    """
    return InterferenceResult(
        subject=subject,
        target=plan_target(aimed_target, head),
        direction=request.direction_words,
        candidates=len(leadfield.names),
        tried=ranked.tried,
        computed=ranked.computed,
        total_ma=float(1e3 * ranked.currents_a[0].sum()),
        montages=[two_pairs(ranked, k) for k in range(len(ranked.pairs))],
        direct=direct_swing(head, aimed_target, unit, e1_v_per_m, e2_v_per_m),
        notes=[
            "swings are of the envelope, peak to peak; fields are those of direct current at the plan's conductivities",
            *aimed_target.warnings,
        ],
    )


def that_fit(ranking: Interference, leadfield: Leadfield, scalp: Scalp) -> Interference:
    """The montages whose four electrodes do not overlap (own positions may lie close together)."""
    shape, size_mm = SHAPES[HD]

    def fits(pairs: NDArray[np.int64]) -> bool:
        try:
            lay_all(scalp, [Electrode(ranking.names[i], leadfield.scalp_mm[i], shape, size_mm) for i in pairs.ravel()])
        except InputError:
            return False
        return True

    kept = np.array([fits(pairs) for pairs in ranking.pairs], bool)
    return replace(
        ranking,
        pairs=ranking.pairs[kept],
        currents_a=ranking.currents_a[kept],
        swing_v_per_m=ranking.swing_v_per_m[kept],
        elsewhere_v_per_m=ranking.elsewhere_v_per_m[kept],
    )


def two_pairs(ranking: Interference, k: int) -> TwoPairs:
    """The k-th of a search's montages."""
    return TwoPairs(
        [[ranking.names[i] for i in pair] for pair in ranking.pairs[k]],
        [float(1e3 * each) for each in ranking.currents_a[k]],
        float(ranking.swing_v_per_m[k]),
        float(ranking.elsewhere_v_per_m[k]),
        float(ranking.focality[k]),
    )


def solved_pairs(
    conductor: HeadConductor, leadfield: Leadfield, ranking: Interference
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The fields (M, 3) of the first montage's two pairs, with complete electrodes."""
    shape, size_mm = SHAPES[HD]
    fields = []
    for pair, current in zip(ranking.pairs[0], ranking.currents_a[0], strict=True):
        electrodes = tuple(Electrode(ranking.names[i], leadfield.scalp_mm[i], shape, size_mm) for i in pair)
        fields.append(simulate_tes(conductor, Montage("pair", electrodes, np.array([current, -current]))).e_v_per_m)
    return fields[0], fields[1]


def direct_swing(
    head: HeadMesh,
    aimed_target: AimedTarget,
    unit: NDArray[np.float64] | None,
    e1_v_per_m: NDArray[np.float64],
    e2_v_per_m: NDArray[np.float64],
) -> DirectSwing:
    """What the envelope of two fields is in the target and in the rest of the grey matter.

    Parameters
    ----------
    head : HeadMesh
    aimed_target : AimedTarget
    unit : (3,) float, optional
        The envelope is counted along it; None: along the direction in which it is largest.
    e1_v_per_m, e2_v_per_m : (M, 3) float
        The pairs' fields in every tetrahedron.
    """
    tets, weight = aimed_target.target.weights(head)
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
