"""Named targets that get more of a field than the target it is meant for: what else a deep plan stimulates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshes.errors import InputError

if TYPE_CHECKING:
    from atlases.target import Target
    from atlases.warp import MniWarp
    from meshes.cortical_surface import Cortex
    from meshes.head import HeadMesh


def stronger_targets(
    e_v_per_m: NDArray[np.floating], target: Target, head: HeadMesh, warp: MniWarp, cortex: Cortex | None = None
) -> dict[str, float]:
    """Named targets of the same side whose mean |E| is larger than the target's, and how many times, largest first.

    Parameters
    ----------
    e_v_per_m : (M, 3)
        The field in every tetrahedron.
    target : Target
    head : HeadMesh
    warp : MniWarp
        From MNI152 to this head.
    cortex : Cortex, optional
        By whose folds they are patches, as the plan's own target is.
    """
    from atlases.aim import resolve_target
    from atlases.targets import targets

    size = np.linalg.norm(e_v_per_m.astype(np.float64), axis=1)

    def mean(tets: NDArray[np.int64], weight: NDArray[np.float64]) -> float:
        return float(weight @ size[tets])

    own = mean(*target.weights(head))
    found = {}
    for name in targets():
        if name == target.name:
            continue
        try:
            ratio = mean(*resolve_target(name, target.side, head, warp, cortex=cortex).target.weights(head)) / own
        except InputError:  # this head has no grey matter there
            continue
        if ratio > 1:
            found[name] = ratio
    return dict(sorted(found.items(), key=lambda each: -each[1]))
