"""The kinds of field a record may have: each says the type, the limits and, as a text beside it, what the field means.

A record declares a field once, as in ``hair_mm: Annotated[AtLeastZero, "Hair between casing and scalp, mm."]``.  Reading,
writing, checking and the JSON schema follow from that (:mod:`targeting.records.json_records`).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta


class OneOf(tuple[str | int, ...]):
    """The values a field of words or whole numbers may have.

    Examples
    --------
    >>> OneOf("left", "right")
    OneOf('left', 'right')
    """

    def __new__(cls, *values: str | int) -> OneOf:
        """Of the values in their order."""
        return super().__new__(cls, values)

    def __repr__(self) -> str:
        return f"OneOf{tuple(self)!r}"


NonEmpty = Annotated[str, Meta(min_length=1)]
AtLeastZero = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
HandleDeg = Annotated[float, Meta(gt=-180, le=180)]  # degrees to the midline
Count = Annotated[int, Meta(ge=1)]
Side = Annotated[str, OneOf("left", "right", "")]
Point = Annotated[list[float], Meta(min_length=3, max_length=3)]  # RAS mm, or a vector
Matrix = Annotated[
    list[Annotated[list[float], Meta(min_length=4, max_length=4)]], Meta(min_length=4, max_length=4)
]  # 4 × 4, rows first
