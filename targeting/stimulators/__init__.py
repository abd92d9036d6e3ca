"""Stimulators and their pulses: forms, current directions, and the largest dI/dt each drives a coil at."""

from targeting.stimulators.pulse import PULSES, effective_phase, effective_sign
from targeting.stimulators.ratings import Rating, Stimulator, ratings, stimulator_rating, stimulators

__all__ = [
    "PULSES",
    "Rating",
    "Stimulator",
    "effective_phase",
    "effective_sign",
    "ratings",
    "stimulator_rating",
    "stimulators",
]
