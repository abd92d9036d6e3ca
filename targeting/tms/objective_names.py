"""The objectives of a pose search by name; light enough for the command line's help."""

from __future__ import annotations

DEFAULT = "dose"

OBJECTIVES = {
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
