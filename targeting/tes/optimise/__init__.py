"""Which currents through which electrodes: small convex programmes on a leadfield, each with a bound on what is missed."""

from targeting.interference.two_pairs import Interference, focal_interference, search_interference
from targeting.tes.optimise.avoidance import Cap, PeakCap, RmsCap, ShareCap
from targeting.tes.optimise.choose import OBJECTIVES, optimise
from targeting.tes.optimise.energy import minimum_energy
from targeting.tes.optimise.focality import maximum_focality
from targeting.tes.optimise.intensity import maximum_intensity
from targeting.tes.optimise.limits import Limits
from targeting.tes.optimise.magnitude import maximum_magnitude
from targeting.tes.optimise.network import Network, inward_normals, network_least_squares, network_projection
from targeting.tes.optimise.optimum import Optimum
from targeting.tes.optimise.pairs import Candidates, best_pairs
from targeting.tes.optimise.region import Region
from targeting.tes.optimise.rings import best_rings
from targeting.tes.optimise.several import maximum_of_several
from targeting.tes.optimise.several_free import maximum_of_magnitudes
from targeting.tes.optimise.sparing import intensity_sparing, magnitude_sparing

__all__ = [
    "OBJECTIVES",
    "Candidates",
    "Cap",
    "Interference",
    "Limits",
    "Network",
    "Optimum",
    "PeakCap",
    "Region",
    "RmsCap",
    "ShareCap",
    "best_pairs",
    "best_rings",
    "focal_interference",
    "intensity_sparing",
    "inward_normals",
    "magnitude_sparing",
    "maximum_focality",
    "maximum_intensity",
    "maximum_magnitude",
    "maximum_of_magnitudes",
    "maximum_of_several",
    "minimum_energy",
    "network_least_squares",
    "network_projection",
    "optimise",
    "search_interference",
]
