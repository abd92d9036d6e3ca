"""Places on a head: named targets, positions on the scalp, and the map between MNI152 and a subject."""

from atlases.aim import AimedTarget, resolve_target, side_for
from atlases.charm_warp import read_charm_warp
from atlases.registration import register
from atlases.scalp_positions import ScalpPositions, read_scalp_positions, write_scalp_positions
from atlases.target import Target
from atlases.targets import NamedTarget, target_rows, targets
from atlases.warp import MniWarp, load_warp, save_warp, to_subject

__all__ = [
    "AimedTarget",
    "MniWarp",
    "NamedTarget",
    "ScalpPositions",
    "Target",
    "load_warp",
    "read_charm_warp",
    "read_scalp_positions",
    "register",
    "resolve_target",
    "save_warp",
    "side_for",
    "target_rows",
    "targets",
    "to_subject",
    "write_scalp_positions",
]
