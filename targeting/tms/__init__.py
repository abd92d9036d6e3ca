"""Transcranial magnetic stimulation: fields, dose maps, field bases, and the search for the best pose."""

from targeting.tms.dose_map import DoseMap
from targeting.tms.field import TmsField, simulate_many, simulate_tms
from targeting.tms.field_basis import FieldBasis
from targeting.tms.objective_making import make_objective
from targeting.tms.objectives import Objective
from targeting.tms.search import TmsSearch, search_tms

__all__ = [
    "DoseMap",
    "FieldBasis",
    "Objective",
    "TmsField",
    "TmsSearch",
    "make_objective",
    "search_tms",
    "simulate_many",
    "simulate_tms",
]
