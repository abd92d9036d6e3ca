"""What is not known of the conductivities, and what that makes of the dose and of the best pose."""

import lazy_loader

# imported when first asked for, because what they need takes seconds to import
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
