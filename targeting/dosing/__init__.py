"""Dosing: from a motor threshold to a stimulator output, and what published safety tables say of the protocol."""

from targeting.dosing.motor_threshold import ThresholdDose, dose_from_threshold
from targeting.dosing.protocols import Protocol, protocol_named, protocols
from targeting.dosing.pulse import PULSES, effective_phase, effective_sign
from targeting.dosing.stimulators import Rating, Stimulator, ratings, stimulator_rating, stimulators
from targeting.dosing.train_safety import Finding, check_trains

__all__ = [
    "PULSES",
    "Finding",
    "Protocol",
    "Rating",
    "Stimulator",
    "ThresholdDose",
    "check_trains",
    "dose_from_threshold",
    "effective_phase",
    "effective_sign",
    "protocol_named",
    "protocols",
    "ratings",
    "stimulator_rating",
    "stimulators",
]
