"""What is not known of the conductivities, and what that makes of the dose and of the best pose."""

from targeting.uncertainty.ranges import Range, published_ranges
from targeting.uncertainty.spread import DoseSpread, dose_spread
from targeting.uncertainty.surrogate import DoseSurrogate

__all__ = ["DoseSpread", "DoseSurrogate", "Range", "dose_spread", "published_ranges"]
