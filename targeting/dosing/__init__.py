"""Dosing: from a motor threshold to a stimulator output, and what published safety tables say of the protocol."""

from targeting.dosing.motor_threshold import ThresholdDose, dose_from_threshold
from targeting.dosing.protocols import Protocol, protocol_named, protocols
from targeting.dosing.stimulators import Rating, ratings, stimulator_rating
from targeting.dosing.train_safety import Finding, check_trains

__all__ = [
    "Finding",
    "Protocol",
    "Rating",
    "ThresholdDose",
    "check_trains",
    "dose_from_threshold",
    "protocol_named",
    "protocols",
    "ratings",
    "stimulator_rating",
]
