"""Dosing: from a motor threshold to a stimulator output, and what published safety tables say of the protocol."""

from targeting.dosing.motor_threshold import ThresholdFields, fields_at_threshold
from targeting.dosing.output import Output, matched_output, protocol_output
from targeting.dosing.protocols import Protocol, protocol_named, protocols
from targeting.dosing.pulse import PULSES, effective_phase, effective_sign
from targeting.dosing.stimulators import Rating, Stimulator, ratings, stimulator_rating, stimulators
from targeting.dosing.train_safety import Finding, check_trains

__all__ = [
    "PULSES",
    "Finding",
    "Output",
    "Protocol",
    "Rating",
    "Stimulator",
    "ThresholdFields",
    "check_trains",
    "effective_phase",
    "effective_sign",
    "fields_at_threshold",
    "matched_output",
    "protocol_named",
    "protocol_output",
    "protocols",
    "ratings",
    "stimulator_rating",
    "stimulators",
]
