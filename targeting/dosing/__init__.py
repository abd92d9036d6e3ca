"""Dosing: from a motor threshold to a stimulator output, and what published safety tables say of the protocol."""

from targeting.dosing.motor_threshold import (
    Output,
    ThresholdFields,
    fields_at_threshold,
    matched_output,
    protocol_output,
)
from targeting.dosing.protocols import Protocol, protocol_named, protocols
from targeting.dosing.train_safety import Finding, check_trains

__all__ = [
    "Finding",
    "Output",
    "Protocol",
    "ThresholdFields",
    "check_trains",
    "fields_at_threshold",
    "matched_output",
    "protocol_named",
    "protocol_output",
    "protocols",
]
