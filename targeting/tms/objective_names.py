"""Objectives of a pose search by name: the registry, light enough for the command line's help.

A third party adds an objective with an entry point of the group ``target.objectives`` that names a :class:`NamedObjective`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshes.plugins import Registry

if TYPE_CHECKING:  # the command line's help needs the names, and none of what takes seconds to import
    import numpy as np
    from numpy.typing import NDArray

    from atlases.target import Target
    from meshes.head import HeadMesh
    from targeting.tms.objectives import Objective, Patch

DEFAULT = "dose"

OBJECTIVES = {  # our own
    "dose": "size of the volume-weighted mean E vector over the target",
    "normal": "component of the volume-weighted mean E vector along the cortex's inward normal at the target",
    "component": "component of the volume-weighted mean E vector along the direction asked for",
    "mean": "volume-weighted mean of |E| over the target",
    "minimum": "smallest |E| in any tetrahedron of the target",
    "p75": "75th percentile of |E| over the target's volume",
    "focality": "mean |E| in the target over mean |E| in all other grey matter",
    "focal-volume": "volume of grey matter where |E| is above half of its mean in the target; less is better",
    "depth": "dose, divided by 1 + its ratio to the superficial field (99th percentile of |E| in shallower grey matter)",
}
LINEAR = ("dose", "normal", "component")  # the dose map alone tells them


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What an objective can be made of in one head.

    Parameters
    ----------
    head : HeadMesh
    target : Target
    patches : mapping of str to Patch
        Grey matter whose |E| an objective can look at: "target", and "grey" (all grey matter) where it is asked for.
    direction : (3,) float64, optional
        Unit vector of "normal" and "component".
    weight : float
        Of a penalty, as the user gives it; 1 unless given.
    least_share : float
        Poses that give the target less than this share of the largest dose are not considered.
    """

    head: HeadMesh
    target: Target
    patches: Mapping[str, Patch]
    direction: NDArray[np.float64] | None
    weight: float
    least_share: float


@dataclass(frozen=True, kw_only=True)
class NamedObjective:
    """An objective that can be chosen by name.

    Parameters
    ----------
    name : str
        As users give it; the objective that is made has it, too.
    words : str
        What its value is: "volume-weighted mean of |E| over the target".
    make : callable
        (:class:`Ingredients`) → :class:`~targeting.tms.objectives.Objective`.
    grey : bool
        Whether it looks at all grey matter: 128 further solves.
    """

    name: str
    words: str
    make: Callable[[Ingredients], Objective]
    grey: bool = False


NAMED_OBJECTIVES = Registry(
    "target.objectives",
    NamedObjective,
    "objective",
    {
        "dose": "targeting.tms.objective_making:DOSE",
        "normal": "targeting.tms.objective_making:NORMAL",
        "component": "targeting.tms.objective_making:COMPONENT",
        "mean": "targeting.tms.objective_making:MEAN",
        "minimum": "targeting.tms.objective_making:MINIMUM",
        "p75": "targeting.tms.objective_making:P75",
        "focality": "targeting.tms.objective_making:FOCALITY",
        "focal-volume": "targeting.tms.objective_making:FOCAL_VOLUME",
        "depth": "targeting.tms.objective_making:DEPTH",
    },
)


def objective_names() -> tuple[str, ...]:
    """All names: ours, then those of plug-ins."""
    return NAMED_OBJECTIVES.names()


def objective_words(name: str) -> str:
    """What the value of an objective is."""
    return OBJECTIVES[name] if name in OBJECTIVES else NAMED_OBJECTIVES.named(name).words
