"""What a coil or a montage does to a head, and which placement is best."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from targeting.coils.coil import Coil
from targeting.pose import Pose

if TYPE_CHECKING:
    from targeting.road import plan
    from targeting.tms import DoseMap, search_tms, simulate_tms

__all__ = ["Coil", "DoseMap", "Pose", "plan", "search_tms", "simulate_tms"]

# imported when first asked for, because what they need takes seconds to import
_LATER = {
    "DoseMap": "targeting.tms",
    "plan": "targeting.road",
    "search_tms": "targeting.tms",
    "simulate_tms": "targeting.tms",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
