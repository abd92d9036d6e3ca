"""Places on a head: named targets, positions on the scalp, and the map between MNI152 and a subject."""

import lazy_loader

from atlases.targets import targets as targets  # now, as it has its module's name

# imported when first asked for, because what they need takes seconds to import
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
