"""Where things are: named targets, scalp positions, MNI ↔ subject."""

from atlases.aim import AimedTarget, resolve_target, side_for
from atlases.registration import register
from atlases.target import Target
from atlases.targets import NamedTarget, target_rows, targets
from atlases.warp import MniWarp, load_warp, save_warp, to_subject

__all__ = [
    "AimedTarget",
    "MniWarp",
    "NamedTarget",
    "Target",
    "load_warp",
    "register",
    "resolve_target",
    "save_warp",
    "side_for",
    "target_rows",
    "targets",
    "to_subject",
]
