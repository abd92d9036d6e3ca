from .ranges import Range as Range
from .ranges import published_ranges as published_ranges
from .reduced_basis import DoseSurrogate as DoseSurrogate
from .spread import DoseSpread as DoseSpread
from .spread import dose_spread as dose_spread
