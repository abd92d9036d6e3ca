"""Transcranial magnetic stimulation: fields, dose maps, and the search for the best pose."""

from targeting.tms.dose_map import DoseMap
from targeting.tms.field import TmsField, simulate_many, simulate_tms
from targeting.tms.search import TmsSearch, search_tms

__all__ = ["DoseMap", "TmsField", "TmsSearch", "search_tms", "simulate_many", "simulate_tms"]
