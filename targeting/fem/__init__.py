"""Finite elements: the head as a volume conductor, ∇·σ∇φ = source."""

from targeting.fem.anisotropy import ElementTensors
from targeting.fem.conductivity import CONDUCTIVITY_S_PER_M, conductivities
from targeting.fem.conductor import HeadConductor

__all__ = ["CONDUCTIVITY_S_PER_M", "ElementTensors", "HeadConductor", "conductivities"]
