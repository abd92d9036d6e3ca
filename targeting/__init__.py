"""What a coil or a montage does to a head, and which placement is best."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from targeting.coils.coil import Coil
    from targeting.made_head import make_head
    from targeting.pose import Pose
    from targeting.road import plan
    from targeting.tes_road import plan_tes
    from targeting.tms import DoseMap, FieldBasis, search_tms, simulate_tms

__all__ = ["Coil", "DoseMap", "FieldBasis", "Pose", "make_head", "plan", "plan_tes", "search_tms", "simulate_tms"]

# imported when first asked for, because what they need takes seconds to import
_LATER = {
    "Coil": "targeting.coils.coil",
    "DoseMap": "targeting.tms",
    "FieldBasis": "targeting.tms",
    "Pose": "targeting.pose",
    "make_head": "targeting.made_head",
    "plan": "targeting.road",
    "plan_tes": "targeting.tes_road",
    "search_tms": "targeting.tms",
    "simulate_tms": "targeting.tms",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
