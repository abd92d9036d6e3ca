"""The dose at a tracked coil's pose while it moves: ``target serve``, its protocol, and a client for it.

``coil_dose`` answers one request, ``protocol`` is what goes over the wire, ``server`` and ``client`` are its two ends.
"""

import lazy_loader

# imported when first asked for, because what they need takes seconds to import
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
