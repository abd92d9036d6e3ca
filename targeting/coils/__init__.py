"""TMS coils: their files, the built-in ones, their fields and their casings."""

import lazy_loader

# imported when first asked for, because what they need takes seconds to import
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
