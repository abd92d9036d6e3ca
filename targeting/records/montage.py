"""A montage as a plan writes it: its kind, its electrodes, and how good it is among all that the limits allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from targeting.records.kinds import AtLeastZero, NonEmpty, OneOf, Point, Positive


@dataclass(frozen=True)
class PlanElectrode:
    """One electrode and its current."""

    name: Annotated[NonEmpty, "10-10 position, or the user's name for it."]
    scalp_mm: Annotated[Point, "Its centre on the scalp, mm."]
    current_ma: Annotated[float, "Current, mA; positive into the head (anode). They sum to zero."]
    shape: Annotated[str, OneOf("disc", "rectangle", "ring"), "Shape of its contact with the scalp."]
    size_mm: Annotated[
        list[Positive],
        Meta(min_length=1, max_length=2),
        "Diameter; width and height; or outer and inner diameter, mm.",
    ]
    y_axis: Annotated[Point, "Unit vector along its height, in the scalp's tangent plane."]
    area_mm2: Annotated[Positive, "Area in contact with the scalp, mm²."]
    density_a_per_m2: Annotated[AtLeastZero, "Size of its current over that area, A/m²."]
    from_nasion_mm: Annotated[AtLeastZero, "Distance of its centre from the nasion along the scalp, mm."]
    from_inion_mm: Annotated[AtLeastZero, "From the inion, along the scalp, mm."]
    from_left_ear_mm: Annotated[AtLeastZero, "From the left preauricular point, along the scalp, mm."]
    from_right_ear_mm: Annotated[AtLeastZero, "From the right preauricular point, along the scalp, mm."]


@dataclass(frozen=True)
class PlanOptimum:
    """How good the montage is among all that the limits allow, on the leadfield."""

    objective: Annotated[str, "What was optimised, in words."]
    candidates: Annotated[int, Meta(ge=2), "Positions that could be used."]
    dose_v_per_m: Annotated[
        float,
        "The dose by the leadfield, V/m, of the currents of the plan: whole steps of 0.1 mA.",
    ]
    unrounded_dose_v_per_m: Annotated[
        float,
        "The same of the currents as they were found, before they were rounded to what a stimulator takes.",
    ]
    bound_v_per_m: Annotated[
        float | None,
        "No montage within the current limits has more, whatever its number of electrodes, V/m; null if not known.",
    ]
    gap: Annotated[
        float | None,
        "How far the currents as they were found are below that bound, as a share of it; null if not known.",
    ]
    binding: Annotated[list[str], "The limits that hold it there."]
