"""Transcranial electrical stimulation: electrodes, the fields of montages, leadfields, and the best montage."""

from targeting.tes.electrodes import Electrode, Montage
from targeting.tes.field import TesField, simulate_tes
from targeting.tes.leadfield import Leadfield, make_leadfield

__all__ = ["Electrode", "Leadfield", "Montage", "TesField", "make_leadfield", "simulate_tes"]
